"""The words of `--cv` become splitters."""

import difflib
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from kt_grid.errors import UsageError
from kt_grid.splitters.base import Splitter
from kt_grid.splitters.kfold import GroupKFold, KFold, StratifiedGroupKFold, StratifiedKFold
from kt_grid.splitters.ordered import (
    LeaveOneGroupOut,
    LeaveOneOut,
    PredefinedSplit,
    TimeSeriesSplit,
)
from kt_grid.splitters.repeated import Repeated, RepeatedKFold, RepeatedStratifiedKFold
from kt_grid.splitters.shuffle import GroupShuffleSplit, ShuffleSplit, StratifiedShuffleSplit

DEFAULT_FOLDS = 3


@dataclass(frozen=True)
class CvOptions:
    """What the command line says of the folds.

    Attributes:
        cv: One of `CV`, or None for what the other options call for.
        folds: Number of folds or splits; 3 by default.
        repeats: Passes over all folds.
        seed: Seed of the shuffles.
        test_size: Share (below 1) or number of the rows, or groups, held out in a split.
        gap: Rows left out between the sides of a time series' split.
        groups: Whether there is a column of groups.
        test_fold: The fold of each row, if there is a column of them.
    """

    cv: str | None = None
    folds: int | None = None
    repeats: int = 1
    seed: int = 7
    test_size: float | None = None
    gap: int | None = None
    groups: bool = False
    test_fold: Any = None


@dataclass(frozen=True)
class _Word:
    """What a word of `--cv` makes, and which options it heeds."""

    make: Callable[[CvOptions], Splitter]
    heeds: frozenset[str]


def _folds(options: CvOptions) -> int:
    return DEFAULT_FOLDS if options.folds is None else options.folds


def _cut(kind: Callable[..., Splitter], *heeds: str, shuffle: bool = False) -> _Word:
    def make(options: CvOptions) -> Splitter:
        if not shuffle:
            return kind(_folds(options))
        return kind(_folds(options), shuffle=True, random_state=options.seed)

    return _Word(make, frozenset({"--folds", *heeds}))


def _drawn(kind: Callable[..., Splitter], *heeds: str) -> _Word:
    def make(options: CvOptions) -> Splitter:
        size = _size(options.test_size)
        return kind(_folds(options), test_size=size, random_state=options.seed)

    return _Word(make, frozenset({"--folds", "--test-size", *heeds}))


def _repeated(kind: Callable[..., Splitter]) -> _Word:
    def make(options: CvOptions) -> Splitter:
        return kind(n_splits=_folds(options), n_repeats=options.repeats, random_state=options.seed)

    return _Word(make, frozenset({"--folds"}))


def _time_series(options: CvOptions) -> Splitter:
    return TimeSeriesSplit(
        _folds(options), test_size=_size(options.test_size), gap=options.gap or 0
    )


def _size(size: float | None) -> Any:
    """A size from 1 is a number of rows, below it a share of them."""
    return int(size) if size is not None and size >= 1 and size == int(size) else size


CV: Mapping[str, _Word] = {
    "kfold": _cut(KFold),
    "shuffled-kfold": _cut(KFold, shuffle=True),
    "stratified-kfold": _cut(StratifiedKFold),
    "shuffled-stratified-kfold": _cut(StratifiedKFold, shuffle=True),
    "group-kfold": _cut(GroupKFold, "--groups"),
    "shuffled-group-kfold": _cut(GroupKFold, "--groups", shuffle=True),
    "stratified-group-kfold": _cut(StratifiedGroupKFold, "--groups"),
    "shuffled-stratified-group-kfold": _cut(StratifiedGroupKFold, "--groups", shuffle=True),
    "repeated-kfold": _repeated(RepeatedKFold),
    "repeated-stratified-kfold": _repeated(RepeatedStratifiedKFold),
    "time-series-split": _Word(_time_series, frozenset({"--folds", "--test-size", "--gap"})),
    "shuffle-split": _drawn(ShuffleSplit),
    "stratified-shuffle-split": _drawn(StratifiedShuffleSplit),
    "group-shuffle-split": _drawn(GroupShuffleSplit, "--groups"),
    "leave-one-out": _Word(lambda _: LeaveOneOut(), frozenset()),
    "leave-one-group-out": _Word(lambda _: LeaveOneGroupOut(), frozenset({"--groups"})),
    "predefined-split": _Word(
        lambda options: PredefinedSplit(options.test_fold), frozenset({"--folds-from"})
    ),
}
_NEEDED = ("--groups", "--folds-from")


def make_cv(options: CvOptions) -> Splitter:
    """Make the splitter that the command line asks for.

    Args:
        options: What it says of the folds. Without a word for `--cv`, a column of folds or of
            groups says which splitter is meant; else it is `kfold`.

    Returns:
        The splitter.

    Raises:
        UsageError: If the word isn't known, or the options don't fit together.

    Example:
        >>> make_cv(CvOptions(cv="StratifiedKFold", folds=5))
        StratifiedKFold(5)
    """
    name = _find(options)
    word = CV[name]
    given = _given(options)
    for option in given:
        if option not in word.heeds:
            able = ", ".join(other for other in CV if option in CV[other].heeds)
            raise UsageError(
                f"Expected --cv to be one that heeds {option}: {able}. Received: {name!r}"
            )
    for option in _NEEDED:
        if option in word.heeds and option not in given:
            raise UsageError(f"Expected {option} COLUMN for --cv {name}. Received: none")
    once = word.make(options)
    if options.repeats == 1 or hasattr(once, "n_repeats"):
        return once
    return Repeated(once, options.repeats)


def fold_numbers(words: Iterable[str], column: str) -> list[float]:
    """Read a column that says in which fold each row is held out.

    Args:
        words: Its cells.
        column: Its name, for the message.

    Returns:
        The numbers, as `PredefinedSplit` takes them.

    Raises:
        UsageError: If a cell isn't a number.
    """
    numbers = []
    for word in words:
        try:
            numbers.append(float(word))
        except ValueError:
            raise UsageError(
                f"Expected the number of a fold, or -1, in each row of column {column!r}. "
                f"Received: {str(word)!r}"
            ) from None
    return numbers


def _find(options: CvOptions) -> str:
    if options.cv is None:
        if options.test_fold is not None:
            return "predefined-split"
        return "group-kfold" if options.groups else "kfold"
    plain = {_letters(name): name for name in CV}
    asked = _letters(options.cv)
    if asked in plain:
        return plain[asked]
    near = difflib.get_close_matches(asked, plain, n=1)
    hint = f". Did you mean {plain[near[0]]!r}?" if near else ""
    raise UsageError(f"Expected --cv to be one of {', '.join(CV)}. Received: {options.cv!r}{hint}")


def _letters(name: str) -> str:
    """The name without what sets `stratified-kfold` and `StratifiedKFold` apart."""
    return name.lower().replace("-", "").replace("_", "")


def _given(options: CvOptions) -> list[str]:
    """The options that were used and that not every splitter heeds."""
    used = {
        "--folds": options.folds is not None,
        "--groups": options.groups,
        "--folds-from": options.test_fold is not None,
        "--test-size": options.test_size is not None,
        "--gap": options.gap is not None,
    }
    return [option for option, is_used in used.items() if is_used]

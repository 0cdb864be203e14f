"""The folds of a search that asks for a number of them, and what a look at its splits says."""

from collections.abc import Iterable, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kt_grid.splitters.base import Split, Splitter
from kt_grid.splitters.classes import MOST_CLASSES, classes_of
from kt_grid.splitters.folds import check_cv, follow_time
from kt_grid.splitters.kfold import StratifiedKFold

# In standard deviations: about once in a thousand million folds by chance.
_FAR = 6.0


class _Loss(Protocol):
    @property
    def for_classes(self) -> bool | None:
        """Whether it compares classes, or numbers; None if that isn't known."""


def choose_cv(
    cv: Any, y: Any, losses: Iterable[_Loss], labels: Sequence[str] = ()
) -> tuple[Splitter, tuple[str, ...]]:
    """Choose the splitter; a number of folds is stratified where the target is classes.

    That is scikit-learn's convention for classifiers. Classes are texts, booleans, one-hot rows
    and whole numbers of at most `MOST_CLASSES` values, if all losses are for classes; of a loss
    that isn't known, whole numbers don't tell.

    Args:
        cv: As `check_cv` takes it; splitters and pairs mean what they say.
        y: Targets of all rows.
        losses: What the trials compile.
        labels: Names of the classes, where `y` holds their indices.

    Returns:
        The splitter, and what is worth telling of it, a line each.

    Raises:
        SplitError: As `check_cv`.
    """
    given = check_cv(cv)
    if not isinstance(cv, int | np.integer):
        return given, ()
    classes = classes_of(y) if labels else classes_of(y, MOST_CLASSES)
    kinds = {loss.for_classes for loss in losses}
    surely = bool(labels) or np.ndim(y) > 1 or getattr(y, "dtype", None) == np.bool_
    if classes is None or False in kinds or not kinds or (None in kinds and not surely):
        return given, ()
    values, sizes = np.unique(classes, return_counts=True)
    if len(values) < 2 or sizes.max() < cv:
        return given, ()
    stratified = StratifiedKFold(int(cv))
    stratified.warns = False
    notes = [
        f"folds {stratified}, because the target holds classes; --cv kfold takes rows in order"
    ]
    if sizes.min() < cv:
        rarest = int(sizes.argmin())
        name = labels[int(values[rarest])] if labels else values.tolist()[rarest]
        notes.append(
            f"class {name} has {sizes[rarest]} rows, fewer than the {cv} folds: some hold none"
        )
    return stratified, tuple(notes)


def check_splits(splits: Sequence[Split], y: Any, groups: Any = None) -> tuple[str, ...]:
    """Look at the targets of the splits before anything is trained.

    Args:
        splits: Pairs (train, test) of positions of rows.
        y: Targets of all rows.
        groups: Group of each row, or None; folds of groups differ by themselves.

    Returns:
        A line where a class is held out but never trained on, and one where the target of a fold
        differs from that of all rows far beyond chance, as it does where rows are in an order.
    """
    notes = []
    classes = classes_of(y, MOST_CLASSES)
    if classes is not None:
        codes = np.unique(classes, return_inverse=True)[1]
        trained = [np.unique(codes[train]) for train, _ in splits]
        missed = [
            number
            for number, (_, test) in enumerate(splits)
            if not np.isin(codes[test], trained[number]).all()
        ]
        if missed:
            notes.append(
                f"fold {missed[0]} holds out a class that it isn't trained on"
                + (f" (so do {len(missed) - 1} more)" if missed[1:] else "")
                + "; --cv stratified-kfold, or StratifiedKFold in Python, mends that"
            )
    far = [] if groups is not None or follow_time(splits) else _far_folds(splits, y, classes)
    if far and not notes:
        notes.append(
            f"the target in fold {far[0]} differs from that of all rows far beyond chance: they "
            "seem to be in an order. --cv shuffled-kfold, or KFold(…, shuffle=True, "
            "random_state=…) in Python, mends that"
        )
    return tuple(notes)


def _far_folds(splits: Sequence[Split], y: Any, classes: npt.NDArray[Any] | None) -> list[int]:
    """The folds whose held-out targets chance would hardly give."""
    if classes is not None:
        codes = np.unique(classes, return_inverse=True)[1]
        shares = np.bincount(codes) / len(codes)
        distances = [
            _chi_squared(np.bincount(codes[test], minlength=len(shares)), shares)
            for _, test in splits
        ]
    elif isinstance(y, np.ndarray) and y.size == len(y) and y.dtype.kind in "iuf":
        flat = y.reshape(-1).astype(np.float64)
        spread = float(flat.std())
        if not np.isfinite(spread) or not spread:
            return []
        distances = [
            abs(flat[test].mean() - flat.mean()) / spread * float(np.sqrt(len(test)))
            for _, test in splits
        ]
    else:
        return []
    return [number for number, distance in enumerate(distances) if distance > _FAR]


def _chi_squared(counts: npt.NDArray[Any], shares: npt.NDArray[Any]) -> float:
    """Pearson's statistic in standard deviations, by Wilson and Hilferty's cube root."""
    expected = shares * counts.sum()
    # Of rarer classes a fold may well hold several rows by chance.
    often = expected >= 1
    freedom = max(1, int(often.sum()) - 1)
    statistic = float(np.sum((counts[often] - expected[often]) ** 2 / expected[often]))
    scale = 2 / (9 * freedom)
    return float(((statistic / freedom) ** (1 / 3) - (1 - scale)) / np.sqrt(scale))

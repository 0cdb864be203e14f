"""How the splits of a search measure: as folds of passes, as random splits, or in an order."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.confidence_set import Design, fold_overlap
from kt_grid.space.objective import Objective, is_accuracy
from kt_grid.store.records import SplitFacts
from kt_grid.store.results import SearchResults

Floats = npt.NDArray[np.float64]
Kind: TypeAlias = Literal["folds", "random", "ordered"]

# Keras's losses and errors that come without steps.
_CONTINUOUS = frozenset(
    (
        *("val_loss", "val_mse", "val_mean_squared_error", "val_mae", "val_mean_absolute_error"),
        *("val_root_mean_squared_error", "val_binary_crossentropy"),
        *("val_categorical_crossentropy", "val_sparse_categorical_crossentropy"),
    )
)
# How many rows a search is taken to have that doesn't say it: as few as need all caution.
_UNKNOWN_ROWS = 200


@dataclass(frozen=True)
class Measurement:
    """How the splits of a search measure.

    Attributes:
        kind: "folds" where every row is held out once per pass; "random" where splits may hold
            out the same rows; "ordered" for time series, about which no claim is made.
        passes: Passes on fresh folds; 1 where all passes have the same folds, or splits are no
            folds of passes.
        folds: Independent measurements of a pass.
        averaged: Passes on the same folds, whose mean counts once.
        rows: Rows searched; None if search.json doesn't say it.
        in_groups: Whether rows of one group are held out together, so that they aren't so many
            independent ones.
        design: For the comparison.
    """

    kind: Kind
    passes: int
    folds: int
    averaged: int
    rows: int | None
    in_groups: bool
    design: Design

    @property
    def rows_are_held_out_once(self) -> bool:
        """Whether a mean is over so many independent rows, each of which counts alike."""
        return self.kind == "folds" and not self.in_groups and self.rows is not None

    @property
    def why_not(self) -> str | None:
        """Why nothing can be compared; None if it can."""
        if self.folds < 2:
            return "a single fold doesn't show how large the noise is"
        if self.kind == "ordered":
            return (
                "the splits of a time series train on more and more of the same rows, and what "
                "their scores have in common can't be told from noise"
            )
        return None

    def shaped(self, scores: Floats) -> Floats:
        """Bring scores of shape `(trials, splits)` into `(trials, passes, folds)`."""
        if self.averaged > 1:
            scores = scores.reshape(len(scores), self.averaged, self.folds).mean(axis=1)
        return scores.reshape(len(scores), self.passes, self.folds)

    def begun(self, scores: Floats) -> tuple[Floats, Design]:
        """Bring the scores of the first splits into that shape: a part of a pass, or whole ones.

        Args:
            scores: Shape `(trials, splits)`, at least one split.

        Returns:
            The scores, without those of a pass but the first that isn't whole; and how they
            measure.
        """
        whole = scores.shape[1] // self.folds
        if whole < 2:
            shaped = scores[:, None, : self.folds]
        else:
            shaped = scores[:, : whole * self.folds].reshape(len(scores), whole, self.folds)
        if self.averaged == 1:
            return shaped, self.design
        step = self.design.step
        finest = None if step is None else step * self.averaged / max(whole, 1)
        return shaped.mean(axis=1, keepdims=True), Design(self.design.overlap, finest)


def measure(results: SearchResults) -> Measurement:
    """Find out from what search.json says of the splits how they measure."""
    about = results.about
    known = about.splits or SplitFacts()
    fresh = not results.has_repeats or known.fresh_folds
    facts = replace(known, fresh_folds=fresh)
    identity = about.identity
    return measure_splits(
        results.objective, results.splits, results.repeats, facts, identity.cv, identity.rows
    )


def measure_splits(
    objective: Objective, splits: int, repeats: int, facts: SplitFacts, cv: str, rows: int | None
) -> Measurement:
    """Find out how splits measure.

    Args:
        objective: What is optimised.
        splits: How many there are.
        repeats: Passes over all folds that they consist of.
        facts: What is known of them; they may have no known numbers of rows.
        cv: The splitter, in Python's spelling.
        rows: Rows searched; None if that is unknown.

    Returns:
        How they measure.
    """
    has_repeats = repeats > 1 and splits % repeats == 0
    again = has_repeats and not facts.fresh_folds
    sizes = facts.split_rows
    kind = _kind(cv, sizes, repeats)
    passes = repeats if kind == "folds" and has_repeats and not again else 1
    averaged = repeats if again else 1
    folds = splits // (passes * averaged)
    if rows is None and sizes:
        rows = max(train + test for train, test in sizes)
    if folds < 2:
        overlap = 0.0
    elif kind == "folds":
        overlap = fold_overlap(folds, rows or _UNKNOWN_ROWS)
    else:
        train, test = (sum(side) for side in zip(*sizes, strict=True)) if sizes else (folds - 1, 1)
        overlap = test / train
    if sizes:
        fewest: float | None = min(test for _, test in sizes)
    else:
        fewest = None if rows is None else rows * repeats / splits
    step = _step(objective, fewest, averaged)
    return Measurement(kind, passes, folds, averaged, rows, "Group" in cv, Design(overlap, step))


def _kind(cv: str, sizes: Sequence[tuple[int, int]], repeats: int) -> Kind:
    if "TimeSeriesSplit" in cv:
        return "ordered"
    if "ShuffleSplit" in cv:
        return "random"
    if not sizes:
        return "folds"
    total = {train + test for train, test in sizes}
    held_out = sum(test for _, test in sizes)
    if len(total) == 1 and held_out == max(total) * repeats:
        return "folds"
    trained = [train for train, _ in sizes]
    grows = len(trained) > 1 and all(np.diff(trained) > 0) and len(total) == len(sizes)
    return "ordered" if grows else "random"


def _step(objective: Objective, fewest: float | None, averaged: int) -> float | None:
    """The step in which scores come, if it is known."""
    if objective.name in _CONTINUOUS:
        return 0.0
    if not is_accuracy(objective):
        return None
    return 1 / (fewest * averaged) if fewest else None

"""How the splits of a search measure: as folds of passes, as random splits, or in an order."""

from dataclasses import dataclass
from typing import Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.confidence_set import Design, fold_overlap
from kt_grid.space.objective import Objective, is_accuracy
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


def measure(results: SearchResults) -> Measurement:
    """Find out from what search.json says of the splits how they measure."""
    again = results.has_repeats and not results.fresh_folds
    kind = _kind(results)
    passes = results.repeats if kind == "folds" and results.has_repeats and not again else 1
    averaged = results.repeats if again else 1
    folds = results.splits // (passes * averaged)
    rows = _rows(results)
    if folds < 2:
        overlap = 0.0
    elif kind == "folds":
        overlap = fold_overlap(folds, rows or _UNKNOWN_ROWS)
    else:
        overlap = results.test_ratio
    step = _step(results, averaged)
    in_groups = "Group" in results.about.identity.cv
    return Measurement(kind, passes, folds, averaged, rows, in_groups, Design(overlap, step))


def _kind(results: SearchResults) -> Kind:
    cv, sizes = results.about.identity.cv, _split_rows(results)
    if "TimeSeriesSplit" in cv:
        return "ordered"
    if "ShuffleSplit" in cv:
        return "random"
    if not sizes:
        return "folds"
    total = {train + test for train, test in sizes}
    held_out = sum(test for _, test in sizes)
    if len(total) == 1 and held_out == max(total) * results.repeats:
        return "folds"
    trained = [train for train, _ in sizes]
    grows = len(trained) > 1 and all(np.diff(trained) > 0) and len(total) == len(sizes)
    return "ordered" if grows else "random"


def _split_rows(results: SearchResults) -> tuple[tuple[int, int], ...]:
    """Rows that train and rows held out, by split; nothing if that is unknown."""
    return results.about.splits.split_rows if results.about.splits else ()


def _rows(results: SearchResults) -> int | None:
    sizes, rows = _split_rows(results), results.about.identity.rows
    if rows is not None:
        return rows
    return max(train + test for train, test in sizes) if sizes else None


def _step(results: SearchResults, averaged: int) -> float | None:
    """The step in which scores come, if it is known."""
    objective: Objective = results.objective
    if objective.name in _CONTINUOUS:
        return 0.0
    if not is_accuracy(objective):
        return None
    sizes = _split_rows(results)
    fewest = min(test for _, test in sizes) if sizes else results.test_rows
    return 1 / (fewest * averaged) if fewest else None

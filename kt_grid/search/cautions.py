"""What in the rows may make a training poor: told before it, with the mend."""

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt

from kt_grid.data.arrays import Arrays
from kt_grid.data.labels import class_word
from kt_grid.data.targets import Loss
from kt_grid.engines.arguments import FitArguments
from kt_grid.splitters import classes_of
from kt_grid.splitters.classes import MOST_CLASSES

_UNEVEN = 9
_FAR_APART, _LARGE = 100, 100


class _Compiled(Protocol):
    @property
    def takes_any_scale(self) -> bool:
        """Whether a layer of the model evens out how large its features are."""


def find_cautions(
    given: Arrays, fit: FitArguments, models: Sequence[_Compiled], losses: Sequence[Loss]
) -> Iterator[str]:
    """Look at the sizes of classes, and at the scale of features where no layer evens it out.

    Args:
        given: The rows, with the target as the data has it.
        fit: How they are trained on.
        models: What is known of the models; none of those of kt-grid's own experiments.
        losses: What they compile.

    Yields:
        A line for each.
    """
    weighted = fit.class_weight or given.sample_weight is not None
    if not weighted and losses and all(loss.for_classes for loss in losses):
        yield from _uneven(given)
    if models and not any(one.takes_any_scale for one in models):
        yield from _unscaled(given.x)


def _uneven(given: Arrays) -> Iterator[str]:
    classes = classes_of(given.y, MOST_CLASSES)
    if classes is None:
        return
    values, sizes = np.unique(classes, return_counts=True)
    if sizes.max() <= _UNEVEN * sizes.min():
        return
    rare, common = (
        f"{sizes[index]} rows of class {_name(given, values[index])}"
        for index in (int(sizes.argmin()), int(sizes.argmax()))
    )
    yield (
        f"classes are imbalanced: {rare}, {common}; --class-weight balanced, or "
        "class_weight='balanced' in Python, makes up for it"
    )


def _name(given: Arrays, value: Any) -> str:
    if isinstance(value, str):
        return value
    return given.labels[int(value)] if given.labels else class_word(value)


def _unscaled(x: object) -> Iterator[str]:
    if not isinstance(x, np.ndarray) or x.ndim != 2 or x.dtype.kind not in "iuf":
        return
    spreads = _spreads(x)
    if len(spreads) and (spreads.max() > _LARGE or spreads.max() > _FAR_APART * spreads.min()):
        yield (
            f"features differ in scale (standard deviations from {spreads.min():.3g} to "
            f"{spreads.max():.3g}), and no layer evens that out; keras.layers.Normalization() as "
            "the first layer does, adapted in every fold to its training rows"
        )


def _spreads(x: npt.NDArray[np.generic]) -> npt.NDArray[np.float64]:
    """Standard deviations of the columns of more than two values, missing ones left out."""
    found = []
    for column in x.T:
        values = column[np.isfinite(column)].astype(np.float64)
        if len(values) and len(np.unique(values[:1000])) > 2:
            found.append(values.std())
    return np.array([spread for spread in found if spread > 0])

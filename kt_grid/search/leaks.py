"""What may let the rows held out leak into a training: told, never refused."""

import ast
from collections.abc import Iterator
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.arrays import Arrays
from kt_grid.engines.arguments import FitArguments, overrides_fit
from kt_grid.engines.callbacks import renew
from kt_grid.engines.own_fit import fit_tree

_ROWS = 10
_CLOSE = 1e-4
_WATCHERS = ("EarlyStopping", "ModelCheckpoint", "ReduceLROnPlateau")


def find_leaks(arrays: Arrays, fit: FitArguments, hypermodel: Any) -> Iterator[str]:
    """Look for signs that scores will flatter.

    Args:
        arrays: The rows of a search.
        fit: How it trains.
        hypermodel: A `keras_tuner.HyperModel`.

    Yields:
        One line per sign.
    """
    import keras

    for part in keras.tree.flatten(arrays.x):
        if part.ndim == 2 and part.dtype.kind == "f" and len(part) >= _ROWS:
            yield from _scaled(part)
    own = overrides_fit(hypermodel)
    for callback in renew(fit.callbacks):
        if str(getattr(callback, "monitor", "")).startswith("val_"):
            if not fit.validation_split:
                yield _tell_monitor(type(callback).__name__, callback.monitor, own)
            elif not isinstance(callback, keras.callbacks.EarlyStopping):
                yield _left_out(type(callback).__name__, callback.monitor)
    if fit.validation_split and not fit.may_stop:
        yield (
            f"validation_split holds {fit.validation_split:.0%} of the training rows back, but "
            "nothing watches them"
        )
    if own:
        yield from (_tell_monitor(name, "val_…", own) for name in _named_in(fit_tree(hypermodel)))


def _scaled(part: npt.NDArray[Any]) -> Iterator[str]:
    """Columns that were scaled over all rows, before they were cut into folds."""
    columns = [c for c in part.T.astype(np.float64) if len(np.unique(c[:1000])) > 2]
    standard = sum(_is_standard(column) for column in columns)
    ranged = [c.min() == 0 and c.max() == 1 for c in columns]
    mend = (
        "scaled outside the folds, they carry what is held out into the training. Give the rows "
        "as they are, and put keras.layers.Normalization into the model: every fold adapts it"
    )
    if standard:
        yield f"{standard} of {part.shape[1]} columns have mean 0 and deviation 1; {mend}"
    if len(ranged) > 1 and all(ranged):
        yield f"all columns reach from 0 to 1 exactly; {mend}"


def _is_standard(column: npt.NDArray[np.float64]) -> bool:
    close = any(abs(column.std(ddof=ddof) - 1) < _CLOSE for ddof in (0, 1))
    return close and abs(column.mean()) < _CLOSE


def _tell_monitor(name: str, monitor: str, own: bool) -> str:
    if own:
        return (
            f"{name} watches {monitor} of the rows that the score is taken on, so the score "
            "flatters. Hold out some of the training rows for it, inside fit"
        )
    return (
        f"{name} watches {monitor}, but a fold is trained without validation data, so it does "
        "nothing. Let it watch the training, such as loss, or hold back rows for it with "
        "validation_split"
    )


def _left_out(name: str, monitor: str) -> str:
    return f"{name} watches {monitor}, for which a refit has no rows: it is left out there"


def _named_in(tree: ast.AST) -> list[str]:
    names = {getattr(node, "id", getattr(node, "attr", "")) for node in ast.walk(tree)}
    return sorted(names & {*_WATCHERS})

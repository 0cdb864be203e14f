"""A NumPy .npz file becomes features and a target."""

import zipfile
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.opening import check_file
from kt_grid.errors import DataError, UsageError

# What numpy raises for a file that isn't one, or states a shape that no memory holds.
_FAULTS = (
    *(OSError, EOFError, ValueError, AttributeError, TypeError, OverflowError, MemoryError),
    *(SyntaxError, zipfile.BadZipFile, zlib.error),
)

FEATURES = "x"
TARGET = "y"


def read_npz(path: Path, names: tuple[str, ...]) -> list[npt.NDArray[Any]]:
    """Read arrays of equal length from an .npz file; nothing in it is run.

    Args:
        path: The file.
        names: The arrays' names, the features' first.

    Returns:
        The arrays; doubles as float32, texts as objects.

    Raises:
        DataError: If the file is missing or damaged, holds objects, or values that aren't finite.
        UsageError: If it holds no array of such a name.
    """
    arrays = _load(path, names)
    lengths = {name: array.shape[:1] for name, array in zip(names, arrays, strict=True)}
    if len(set(lengths.values())) != 1 or lengths[names[0]] in ((), (0,)):
        raise DataError(f"Expected rows, equally many of all, in {path}. Received: {lengths}")
    return [_plain(path, name, array) for name, array in zip(names, arrays, strict=True)]


def _load(path: Path, names: tuple[str, ...]) -> list[npt.NDArray[Any]]:
    check_file(path)
    if path.exists() and not zipfile.is_zipfile(path):
        raise DataError(
            f"Expected a readable .npz file at {path}. Received: no archive of arrays. "
            "numpy.savez writes one"
        )
    try:
        with np.load(path, allow_pickle=False) as content:
            held = [*content]
            # A member that begins otherwise than an array does is given as bytes.
            arrays = [np.asarray(content[name]) for name in names if name in held]
    except FileNotFoundError:
        raise DataError(f"Expected a data file at {path}. Received: no such file") from None
    except _FAULTS as error:
        raise DataError(f"Expected a readable .npz file at {path}. Received: {error}") from error
    for name in names:
        if name not in held:
            raise UsageError(
                f"Expected {path} to hold an array {name!r}. "
                f"Received: {', '.join(held) or 'none'}. --target names the target's"
            )
    return arrays


def _plain(path: Path, name: str, array: npt.NDArray[Any]) -> npt.NDArray[Any]:
    if array.dtype.kind in "US":
        return array.astype(str).astype(object)
    if array.dtype.kind not in "biuf":
        raise DataError(
            f"Expected numbers or texts in array {name!r} of {path}. Received: {array.dtype}"
        )
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        row = int(np.argmin(np.isfinite(array).reshape(len(array), -1).all(axis=1)))
        raise DataError(
            f"Expected finite numbers in array {name!r} of {path}. Received: another in row {row}. "
            "Fill or drop such rows first"
        )
    return array.astype(np.float32) if array.dtype == np.float64 else array

"""The weights by chance that a search began with: where they are kept, and how they are read."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.store.directory import SearchStore
from kt_grid.store.files import file_digest
from kt_grid.store.layout import SHARED

# The entry of search.json's `builds` with the digest of the file.
FIRST = "first_weights"
_MOST_BYTES = 2**32
_FAULTS = (OSError, KeyError, ValueError, TypeError, AttributeError, RuntimeError, MemoryError)


def write_first_weights(
    store: SearchStore, weights: Mapping[str, npt.NDArray[Any]], builds: Mapping[str, Any]
) -> dict[str, Any]:
    """Write the weights, unless they are there.

    Args:
        store: The search's directory.
        weights: Arrays by place.
        builds: What search.json is to say of the builds.

    Returns:
        The same with the digest of the file; without one if there are no weights.
    """
    known = {name: value for name, value in builds.items() if name != FIRST}
    if not weights:
        return known
    path = store.root / SHARED
    present = read_first_weights(store)
    if present.keys() != weights.keys() or any(
        not np.array_equal(present[place], weights[place]) for place in weights
    ):
        store.write(path, lambda partial: _write(partial, weights))
    return {**known, FIRST: file_digest(path)}


def _write(path: Path, weights: Mapping[str, npt.NDArray[Any]]) -> None:
    import h5py

    with h5py.File(path, "w") as file:
        for place, array in sorted(weights.items()):
            dataset = file.create_dataset(_name(place), data=array, track_times=False)
            dataset.attrs["place"] = place


def _name(place: str) -> str:
    """A name without a slash, which HDF5 takes for a group."""
    return hashlib.sha256(place.encode()).hexdigest()


def read_first_weights(store: SearchStore) -> dict[str, npt.NDArray[Any]]:
    """Read the weights that a search began with.

    Args:
        store: The search's directory.

    Returns:
        Arrays by place; none if the file isn't the one that search.json names.
    """
    record, path = store.peek_record(), store.root / SHARED
    wanted = record.builds.get(FIRST) if record else None
    if wanted is None or path.is_symlink() or file_digest(path) != wanted:
        return {}
    try:
        return _read(path)
    except _FAULTS:
        return {}


def _read(path: Path) -> dict[str, npt.NDArray[Any]]:
    # Whoever asks whether a search is finished, needn't wait for it.
    import h5py

    found: dict[str, npt.NDArray[Any]] = {}
    left = _MOST_BYTES
    with h5py.File(path, "r") as file:
        for name in file:
            dataset = (
                file[name] if isinstance(file.get(name, getlink=True), h5py.HardLink) else None
            )
            # What lies in another file isn't the search's.
            if not isinstance(dataset, h5py.Dataset) or dataset.external or dataset.is_virtual:
                raise ValueError(f"no array {name!r}")
            left -= dataset.nbytes
            if left < 0 or dataset.dtype.kind not in "biuf":
                raise ValueError(f"no weights {name!r}")
            found[str(dataset.attrs["place"])] = dataset[()]
    return found

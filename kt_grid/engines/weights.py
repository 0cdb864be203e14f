"""A trained model's weights in one file, with what adapted layers keep elsewhere.

Keras's `.weights.h5` holds variables only. The vocabulary of a lookup and the boundaries of a
Discretization stand beside them in the same file, as JSON.
"""

import json
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import h5py
import numpy as np

from kt_grid.engines.design import all_layers

_ADAPTED = "adapted"
_BOUNDARIES = "bin_boundaries"


def save_weights(model: Any, path: Path) -> None:
    """Write a model's weights and all that its layers were adapted to.

    Args:
        model: A built model.
        path: The file; it ends in `.weights.h5`.
    """
    model.save_weights(path)
    state = {name: _state(layer) for name, layer in _stateful(model)}
    if state:
        text = np.frombuffer(json.dumps(state).encode(), np.uint8)
        with h5py.File(path, "a") as file:
            file.create_dataset(_ADAPTED, data=text)


def load_weights(model: Any, path: Path) -> None:
    """Load what `save_weights` wrote into a model of the same design.

    Args:
        model: A built model.
        path: The file.
    """
    with warnings.catch_warnings():
        # The optimizer's state isn't kept for a fold, and Keras says so every time.
        warnings.filterwarnings("ignore", "Skipping variable loading for optimizer")
        model.load_weights(path)
    with h5py.File(path) as file:
        text = file[_ADAPTED][()].tobytes() if _ADAPTED in file else b"{}"
    state = json.loads(text)
    for name, layer in _stateful(model):
        if name in state:
            _restore(layer, state[name])


def _stateful(model: Any) -> Iterator[tuple[str, Any]]:
    """The layers with a state outside their variables, by their index in the model."""
    for index, layer in enumerate(all_layers(model)):
        if hasattr(layer, "save_assets") or hasattr(layer, _BOUNDARIES):
            yield str(index), layer


def _state(layer: Any) -> dict[str, Any]:
    if hasattr(layer, _BOUNDARIES):
        return {_BOUNDARIES: layer.bin_boundaries}
    with tempfile.TemporaryDirectory() as folder:
        layer.save_assets(folder)
        return {path.name: path.read_text("utf-8") for path in Path(folder).iterdir()}


def _restore(layer: Any, state: dict[str, Any]) -> None:
    if hasattr(layer, _BOUNDARIES):
        layer.bin_boundaries = state[_BOUNDARIES]
        return
    with tempfile.TemporaryDirectory() as folder:
        for name, text in state.items():
            (Path(folder) / Path(name).name).write_text(text, "utf-8")
        if state:
            layer.load_assets(folder)

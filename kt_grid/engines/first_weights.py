"""Weights that layers drew by chance when they were made outside of `build`.

Such layers begin every fold with the weights that they had before the first one. Another process
that runs the same file draws others, and so would give other figures for the same line. So what
was drawn by chance is found again there, by its place in the user's code, and set.

Only what is still as its layer's own initializer drew it is set, since all else has been made in
the same way again: loaded, computed, or drawn after a seed.
"""

import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt

from kt_grid.data.description import Descriptions
from kt_grid.data.own_modules import is_own, own_sources
from kt_grid.engines.fresh import SHARED_PARTS, draws, is_unseeded

FirstWeights: TypeAlias = Mapping[str, npt.NDArray[Any]]

_LARGEST = 300_000


def first_weights(hypermodel: Any, known: FirstWeights | None = None) -> FirstWeights:
    """Give layers made outside of `build` the weights that a search began with.

    Args:
        hypermodel: A `keras_tuner.HyperModel`.
        known: What this returned when the search began, if it goes on.

    Returns:
        The weights and random states that were drawn by chance, by their place in the code.
    """
    SHARED_PARTS.restore()
    drawn = dict(_find_drawn(hypermodel))
    if known and drawn and not _is_seeded(hypermodel):
        set_weights(drawn, known)
    now = {place: np.asarray(variable) for place, variable in drawn.items()}
    return {**(known or {}), **now}


def begin_with(hypermodel: Any, known: FirstWeights) -> None:
    """Give a worker's copy of a model the weights that the search begins with."""
    set_weights({place: v for place, v, _ in _find_variables(hypermodel)}, known)


def set_weights(variables: Mapping[str, Any], known: FirstWeights) -> None:
    """Assign what is known of some variables, where it fits."""
    for place, variable in variables.items():
        value = known.get(place)
        if value is not None and tuple(value.shape) == tuple(variable.shape):
            variable.assign(value)
            SHARED_PARTS.renew(variable)


def _find_drawn(hypermodel: Any) -> Iterator[tuple[str, Any]]:
    for place, variable, owner in _find_variables(hypermodel):
        if isinstance(owner, keras.random.SeedGenerator):
            drawn = owner.get_config().get("seed") is None and int(np.asarray(variable)[1]) == 0
        else:
            initializers = [each for each in vars(owner).values() if is_unseeded(each)]
            drawn = any(draws(initializer, variable) for initializer in initializers)
        if drawn:
            yield place, variable


def _find_variables(hypermodel: Any) -> Iterator[tuple[str, Any, Any]]:
    """The variables of all layers that the code leads to, with what drew them.

    What of these and of other state may change while models are built and trained is noted.
    """
    found = Descriptions(largest=_LARGEST)
    found.add("model", hypermodel)
    SHARED_PARTS.expect((layer for _, layer in found.layers), found.states)
    for part, layer in found.layers:
        for name, held in list(vars(layer).items()):
            if isinstance(held, keras.random.SeedGenerator):
                yield f"{part} {name}", held.state, held
            elif isinstance(held, keras.Variable) and getattr(held, "_value", None) is not None:
                yield f"{part} {name}", held, layer


def _is_seeded(hypermodel: Any) -> bool:
    """Whether the user's code may seed generators before layers are made outside of `build`.

    It does so in the files that the model comes from, in the script that was started, or in a
    notebook's cells, which IPython lists as `In`.
    """
    main = sys.modules.get("__main__")
    script, cells = getattr(main, "__file__", None), getattr(main, "In", None)
    files = [s.path for s in own_sources([hypermodel, getattr(hypermodel, "build", None)]).values()]
    if script and is_own("__main__", script):
        files.append(Path(script))
    texts = [_read(path) for path in files if path]
    texts += [str(cell).encode() for cell in cells or ()]
    return not texts or any(map(_names_seed, texts))


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError:
        return b"seed"


def _names_seed(text: bytes) -> bool:
    try:
        code = compile(text, "", "exec", dont_inherit=True)
    except (SyntaxError, ValueError):
        # Such as a notebook's command to the shell.
        return b"seed" in text
    return any("seed" in name for name in code.co_names)

"""Weights that layers drew by chance when they were made outside of `build`.

Such layers begin every fold with the weights that they had before the first one. Another process
that runs the same file draws others, and so would give other figures for the same line. So what
was drawn by chance is found again there, by its place in the user's code, and set.

Only what is still as its layer's own initializer drew it is set, since all else has been made in
the same way again: loaded, computed, or drawn after a seed.
"""

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt

from kt_grid.data.description import Descriptions
from kt_grid.data.own_modules import Source, own_sources
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
    """Whether the user's files may seed generators while they are imported."""
    sources = own_sources([hypermodel, getattr(hypermodel, "build", None)])
    return not sources or any(_names_seed(source) for source in sources.values())


def _names_seed(source: Source) -> bool:
    if source.path is None:
        return False
    try:
        code = compile(source.path.read_bytes(), str(source.path), "exec", dont_inherit=True)
    except (OSError, SyntaxError, ValueError):
        return True
    return any("seed" in name for name in code.co_names)

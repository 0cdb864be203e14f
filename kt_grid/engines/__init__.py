"""What trains the folds of one trial. `base` says what an engine is given and what it owes.

An engine knows the model, the rows and its tasks; neither the search's directory nor its grid.
"""

import importlib

from kt_grid.engines.base import Engine
from kt_grid.errors import UsageError

# Where each engine's class is, by the name that `--engine` and `engine=` take; it is imported when
# it is made, since it needs TensorFlow.
ENGINES = {
    "auto": "kt_grid.engines.auto:Auto",
    "keras": "kt_grid.engines.keras_fit:KerasFit",
    "fused": "kt_grid.engines.fused.engine:Fused",
}


def check_engine(name: str) -> None:
    """Refuse a word that names no engine.

    Raises:
        UsageError: If it isn't one of `ENGINES`.
    """
    if name not in ENGINES:
        raise UsageError(f"Expected engine to be one of {', '.join(ENGINES)}. Received: {name!r}")


def make_engine(name: str) -> Engine:
    """Make an engine.

    Raises:
        UsageError: If there is no engine of that name.
    """
    check_engine(name)
    module, _, kind = ENGINES[name].partition(":")
    made: Engine = getattr(importlib.import_module(module), kind)()
    return made

"""What trains the folds of one trial."""

from kt_grid.engines.base import Engine
from kt_grid.errors import UsageError

ENGINES = ("auto", "keras", "fused")


def check_engine(name: str) -> None:
    """Refuse a word that names no engine.

    Args:
        name: The word.

    Raises:
        UsageError: If it isn't one of `ENGINES`.
    """
    if name not in ENGINES:
        raise UsageError(f"Expected engine to be one of {', '.join(ENGINES)}. Received: {name!r}")


def make_engine(name: str) -> Engine:
    """Make an engine.

    Args:
        name: One of `ENGINES`.

    Returns:
        The engine.

    Raises:
        UsageError: If there is no engine of that name.
    """
    check_engine(name)
    if name == "keras":
        from kt_grid.engines.keras_fit import KerasFit

        return KerasFit()
    if name == "fused":
        from kt_grid.engines.fused.engine import Fused

        return Fused()
    from kt_grid.engines.auto import Auto

    return Auto()

"""What an experiment is."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from kt_grid.space import Grids, Value
from kt_grid.space.objective import Score

Build: TypeAlias = Callable[[Any], Any]


@dataclass(frozen=True)
class Experiment:
    """A model, its grid, and how it is trained.

    Attributes:
        name: Its name on the command line, and its folder's.
        model: A function `build(hp)` that returns a compiled `keras.Model`, or a
            `keras_tuner.HyperModel`.
        grid: Values by axis, or a list of such dicts.
        summary: One line that says what is tuned.
        epochs: Epochs, where the grid doesn't say.
        batch_size: Rows per step, where the grid doesn't say.
        fit: Further arguments of the training: `class_weight`, `callbacks`, `early_stopping`,
            `validation_split`, and whatever a HyperModel's own `fit` takes.
        objective: What is optimised: a word or a Score; None for what the model compiles,
            accuracy or loss.
        scores: Further scores, computed on the held-out rows of every fold.
        declares: Whether the model may declare axes that aren't in `grid`.
        source: The file it was loaded from, if it isn't kt-grid's own.
    """

    name: str
    model: Any
    grid: Grids = field(default_factory=dict)
    summary: str = ""
    epochs: int = 100
    batch_size: int = 10
    fit: Mapping[str, Any] = field(default_factory=dict)
    objective: str | Score | None = None
    scores: tuple[Score, ...] = ()
    declares: bool = True
    source: str | None = None

    @property
    def binary(self) -> bool:
        """Whether it is one of kt-grid's own, whose network tells the classes 0 and 1 apart."""
        return getattr(self.model, "__module__", "") == "kt_grid.plan.experiments.tutorial"


REGISTRY: dict[str, Experiment] = {}


def experiment(**grid: Sequence[Value]) -> Callable[[Build], Build]:
    """Register a model-building function as an experiment of the function's name.

    Args:
        **grid: Values by axis. The function reads them with `hp.get(name)`; `batch_size` and
            `epochs` go to the training by themselves.

    Returns:
        A decorator that returns the function unchanged.

    Example:
        ```python
        @experiment(units=[4, 8])
        def width(hp):
            \"\"\"Width of the hidden layer.\"\"\"
            return network(units=hp.get("units"))
        ```
    """

    def register(build: Build) -> Build:
        summary = (build.__doc__ or "").strip().partition("\n")[0]
        REGISTRY[build.__name__] = Experiment(build.__name__, build, grid, summary, declares=False)
        return build

    return register

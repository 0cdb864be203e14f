"""What a model's `compile` says of a search: its objective, and the form of its target."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import keras
import numpy as np

from kt_grid.data.arrays import Arrays
from kt_grid.data.attributes import snake_case
from kt_grid.data.targets import BINARY, ONE_HOT, Loss, Targets, loss_of
from kt_grid.engines.design import all_layers
from kt_grid.errors import DataError
from kt_grid.space.metrics import Metric, find_metric
from kt_grid.space.objective import Objective
from kt_grid.splitters import is_one_hot


@dataclass(frozen=True)
class CompiledMetric:
    """A metric as a model compiles it for its only output.

    Attributes:
        name: As Keras reports it after a training.
        kind: Which of Keras's metrics it is; None for one of somebody's own.
        weighted: Whether it heeds the weights of rows.
        of_outputs: Whether it takes outputs for classes as they are, without a threshold.
        threshold: From where on an output is taken for class 1.
    """

    name: str
    kind: Metric | None
    weighted: bool = False
    of_outputs: bool = False
    threshold: float = 0.5


@dataclass(frozen=True)
class CompileArguments:
    """What a model is compiled with.

    Attributes:
        loss: What it is trained with.
        metrics: The metrics of its only output; none if there are several.
        outputs: Number of its outputs.
        takes_any_scale: Whether its features may be of any size, because a layer evens that out.
    """

    loss: Loss
    metrics: tuple[CompiledMetric, ...] = ()
    outputs: int = 1
    takes_any_scale: bool = True

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; Keras's metrics by their names."""
        metrics = [{**vars(m), "kind": m.kind and m.kind.name} for m in self.metrics]
        return {**vars(self), "loss": dict(vars(self.loss)), "metrics": metrics}

    @classmethod
    def from_json(cls, record: Mapping[str, Any]) -> Self:
        """Read what `to_json` returned."""
        metrics = (
            CompiledMetric(**{**m, "kind": m["kind"] and find_metric(m["kind"])})
            for m in record["metrics"]
        )
        scale = record.get("takes_any_scale", True)
        return cls(Loss(**record["loss"]), tuple(metrics), record["outputs"], scale)


def choose_objective(
    models: Sequence[CompileArguments], arrays: Arrays
) -> tuple[Objective, tuple[str, ...]]:
    """Choose the objective of a search that states none.

    It is the accuracy that all models compile, if that has a meaning for the target and the loss
    of each of them together, as it has none for a target of numbers; else the loss.

    Args:
        models: What the models are compiled with.
        arrays: The rows, with the target as the data has it.

    Returns:
        `val_accuracy`, or an accuracy by another name, to be maximised, or `val_loss`, to be
        minimised; and what is worth telling of that, a line each.
    """
    if not models:  # the trials will say what is wrong with them
        return Objective("val_accuracy", "max", stated=False), ()
    targets, common, why = Targets(arrays), None, "the models compile no accuracy in common"
    for one in dict.fromkeys(models):
        try:
            y = targets.for_loss(one.loss).y
        except DataError:  # its trial will say so
            y = arrays.y
        found = [m for m in one.metrics if m.kind is None or m.kind.is_accuracy]
        accuracies = [m for m in found if m.kind is not None or m.name in ("accuracy", "acc")]
        fitting = [m for m in accuracies if has_meaning(m, one.loss, y)]
        if not accuracies:
            several = one.outputs > 1
            why = "the model has several outputs" if several else "the model compiles no accuracy"
        elif not fitting:
            why = f"{accuracies[0].name} has no meaning for this target and loss together"
        names = {m.name for m in fitting}
        common = fitting if common is None else [m for m in common if m.name in names]
    if not common:
        objective = Objective("val_loss", "min", stated=False)
        return objective, (f"objective {objective}, because {why}",)
    chosen = min(common, key=lambda m: (m.weighted, m.kind is not find_metric("accuracy")))
    objective = Objective(f"val_{chosen.name}", "max", stated=False)
    usual = chosen.name == "accuracy"
    told = () if usual else (f"objective {objective}, because the model compiles it",)
    return objective, (*told, *_boundary(chosen, models[0].loss))


def doubt_objective(objective: Objective, models: Sequence[CompileArguments]) -> tuple[str, ...]:
    """Tell of an objective whose metric is another one than its name says.

    Args:
        objective: What somebody asked for.
        models: What the models are compiled with.

    Returns:
        A line for each of Keras's metrics of that name of which other values are better.
    """
    named = {m.kind for one in models for m in one.metrics if f"val_{m.name}" == objective.name}
    return tuple(
        f"objective {objective}, but the models compile {kind.name} by that name, of which "
        f"{'lower' if kind.direction == 'min' else 'higher'} is better"
        for kind in named
        if kind is not None and kind.direction not in (None, objective.direction)
    )


def has_meaning(metric: CompiledMetric, loss: Loss, y: Any = None) -> bool:
    """Tell whether an accuracy says something for a target and a loss together.

    Args:
        metric: An accuracy.
        loss: The loss.
        y: The target in the loss's form; None if it isn't known yet.

    Returns:
        Whether what it counts as right can be right: 0 and 1 for a threshold, indices for the
        largest output, one-hot rows, or rows of shares, for that of several.
    """
    if metric.of_outputs:
        return False
    if metric.kind is None:
        return True
    if not isinstance(y, np.ndarray) or y.dtype.kind not in "biuf":
        return y is None
    one_each = y.size == len(y)
    target = metric.kind.target
    if target == "classes" and loss.units is not None:
        # Keras chooses by the shapes of targets and outputs.
        target = "two classes" if loss.units == 1 else "indices" if one_each else "one-hot"
    if target == "two classes":
        return bool(np.all((y == 0) | (y == 1)))
    if target == "one-hot":
        return is_one_hot(y) or (loss.name in ONE_HOT and y.ndim == 2 and not one_each)
    whole = bool(np.all(y == np.floor(y)) and y.min() >= 0)
    return whole and loss.for_classes is not False


def _boundary(metric: CompiledMetric, loss: Loss) -> tuple[str, ...]:
    """A word on an accuracy that draws the line elsewhere than the loss and `predict`."""
    binary = loss.units == 1 and metric.kind is not None
    if not (loss.from_logits and loss.name in BINARY and binary and metric.threshold > 0):
        return ()
    return (
        f"{metric.name} counts outputs above {metric.threshold:g} as class 1, but with "
        "from_logits=True they are so above 0, as kt-grid predict has it. Compile "
        f"keras.metrics.BinaryAccuracy({metric.name!r}, threshold=0)",
    )


def describe_compile(model: Any) -> CompileArguments:
    """Tell what a model is compiled with."""
    return CompileArguments(
        loss_of(model),
        tuple(compiled_metrics(model)),
        _outputs(model),
        takes_any_scale=_takes_any_scale(model),
    )


def _takes_any_scale(model: Any) -> bool:
    """Whether a layer normalises, rescales or is adapted, or may, as one of somebody's own may."""
    even = (keras.layers.Rescaling, keras.layers.Lambda, keras.layers.Embedding)
    return any(
        not type(part).__module__.startswith("keras.")
        or callable(getattr(part, "adapt", None))
        or isinstance(part, even)
        or "Normalization" in type(part).__name__
        for part in (model, *all_layers(model))
    )


def _outputs(model: Any) -> int:
    shape = getattr(model, "output_shape", None) if model.built else None
    several = isinstance(shape, dict | list) or (shape and isinstance(shape[0], tuple))
    return len(shape) if shape and several else 1


def compiled_metrics(model: Any) -> list[CompiledMetric]:
    """Name the metrics that a model compiles for its only output, as Keras will report them.

    Args:
        model: A `keras.Model`, compiled or not.

    Returns:
        The metrics in the order in which Keras reports them; none for a model with several
        outputs, whose names depend on these.
    """
    # Keras describes metrics by get_compile_config, which raises if but one of them, such as a
    # lambda, can't be written; what was compiled is kept in private attributes only. Without
    # them no accuracy is found, and the loss is the objective.
    compiled = getattr(model, "_compile_metrics", None)
    if compiled is None or _outputs(model) > 1:
        return []
    found: list[CompiledMetric] = []
    seen: Counter[str] = Counter()
    for attribute in ("_user_metrics", "_user_weighted_metrics"):
        for entry in keras.tree.flatten(getattr(compiled, attribute, None)):
            if entry is None:
                continue
            metric = _read_metric(entry, weighted=attribute == "_user_weighted_metrics")
            twice = metric.weighted and seen[metric.name]
            name = f"weighted_{metric.name}" if twice else metric.name
            seen[name] += 1
            number = f"_{seen[name] - 1}" if seen[name] > 1 else ""
            found.append(replace(metric, name=name + number))
    return found


def _read_metric(entry: Any, *, weighted: bool) -> CompiledMetric:
    if isinstance(entry, str):
        # Keras reports it by the word itself.
        return CompiledMetric(entry, find_metric(entry), weighted)
    kinds = [entry] if hasattr(entry, "__name__") else type(entry).__mro__
    own = (find_metric(kind.__name__) for kind in kinds if kind.__module__.startswith("keras."))
    name = getattr(entry, "name", None) or snake_case(kinds[0].__name__)
    threshold = getattr(entry, "threshold", None)
    return CompiledMetric(
        str(name),
        next((known for known in own if known), None),
        weighted,
        isinstance(entry, keras.metrics.Accuracy),
        0.5 if threshold is None else float(threshold),
    )

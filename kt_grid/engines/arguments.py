"""How models are trained: the arguments of `search`, checked, sorted and described."""

import operator
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kt_grid.data.code_digest import describe_value
from kt_grid.engines.callbacks import as_callbacks, describe_callback
from kt_grid.errors import UsageError
from kt_grid.space import FIT_AXES

_SHARE = 0.2
_WATCHING = ("validation_split", "early_stopping")
_FIT_ARGUMENTS = (*FIT_AXES, "class_weight", "callbacks", *_WATCHING)


@dataclass(frozen=True)
class FitArguments:
    """How a model is trained.

    Attributes:
        epochs: Number of epochs.
        batch_size: Rows per step.
        class_weight: Weights by class, or None: by its name in the data for a search, by its
            number in the target for a training.
        callbacks: Keras callbacks, of which each training gets copies, and functions that make one.
        own: Further arguments, for a HyperModel with a `fit` of its own.
        longest: The most epochs that any trial of the search trains.
        validation_split: Share of the training rows that is held back from every training, for
            callbacks to watch: drawn at random, whole groups if there are any, or else the last
            rows of a time series; 0.2 where `early_stopping` needs some.
        early_stopping: Epochs without a better loss on those rows after which a training ends,
            with the weights of its best epoch; None to train all epochs.
        in_time: Whether rows follow time, so that the last ones are held back.
    """

    epochs: int = 1
    batch_size: int = 32
    class_weight: Mapping[Any, float] | None = None
    callbacks: tuple[Any, ...] = ()
    own: Mapping[str, Any] = field(default_factory=dict)
    longest: int = 0
    validation_split: float = 0.0
    early_stopping: int | None = None
    in_time: bool = False

    def __post_init__(self) -> None:
        patience, share = self.early_stopping, self.validation_split
        for name in FIT_AXES:
            object.__setattr__(self, name, _counted(name, getattr(self, name)))
        if patience is not None:
            object.__setattr__(self, "early_stopping", _counted("early_stopping", patience))
        if not isinstance(share, int | float) or not 0 <= share < 1:
            raise UsageError(f"Expected a validation_split in [0, 1). Received: {share!r}")
        if not isinstance(self.class_weight, Mapping | None):
            raise UsageError(f"Expected class_weight to be a dict. Received: {self.class_weight!r}")
        if patience is not None and not share:
            object.__setattr__(self, "validation_split", _SHARE)

    @property
    def stopping(self) -> dict[str, Any]:
        """What is held back and why, by argument; nothing if nothing is."""
        stopping = {"early_stopping": self.early_stopping} if self.early_stopping else {}
        share = {"validation_split": self.validation_split} if self.validation_split else {}
        return {**share, **stopping}

    @property
    def may_stop(self) -> bool:
        """Whether a training may end before its last epoch."""
        return self.early_stopping is not None or bool(self.callbacks)

    def given(self) -> dict[str, Any]:
        """Return the arguments as `search` takes them."""
        named = {"epochs": self.epochs, "batch_size": self.batch_size, **self.stopping}
        weighted = {"class_weight": self.class_weight} if self.class_weight else {}
        return {**named, **weighted, **self.own, "callbacks": list(self.callbacks)}

    def to_json(self) -> dict[str, Any]:
        """Describe the arguments by plain JSON values, those that are not the default."""
        described: dict[str, Any] = {"epochs": self.epochs, "batch_size": self.batch_size}
        described |= self.stopping
        if self.class_weight:
            described["class_weight"] = {str(k): v for k, v in self.class_weight.items()}
        if self.callbacks:
            described["callbacks"] = [describe_callback(one) for one in self.callbacks]
        return {
            **described,
            **{name: describe_value(v) for name, v in self.own.items() if name not in described},
        }


def _counted(name: str, value: Any) -> int:
    """A number of epochs or rows."""
    whole = hasattr(value, "__index__") and not isinstance(value, bool)
    if not whole or operator.index(value) < 1:
        raise UsageError(f"Expected {name} to be a whole number of 1 or more. Received: {value!r}")
    return operator.index(value)


def overrides_fit(hypermodel: Any) -> bool:
    """Tell whether a HyperModel has a `fit` of its own."""
    import keras_tuner

    own = getattr(type(hypermodel), "fit", keras_tuner.HyperModel.fit)
    return own is not keras_tuner.HyperModel.fit


def fit_arguments(hypermodel: Any, given: Mapping[str, Any]) -> FitArguments:
    """Sort the arguments that `search` was given.

    Args:
        hypermodel: The HyperModel.
        given: Arguments by name.

    Returns:
        How to train.

    Raises:
        UsageError: If an argument has no meaning here.
    """
    own = {name: value for name, value in given.items() if name not in _FIT_ARGUMENTS}
    if overrides_fit(hypermodel):
        passed = (*FIT_AXES, "validation_split")
        own |= {name: given[name] for name in passed if name in given}
        if given.get("early_stopping") is not None:
            raise UsageError(
                "Expected a HyperModel with a fit of its own to stop early by itself. "
                f"Received: early_stopping={given['early_stopping']}. Hold out some of the "
                "training rows inside fit"
            )
    elif own:
        raise UsageError(
            f"Expected fit arguments out of {', '.join(_FIT_ARGUMENTS)}, sample_weight. "
            f"Received: {', '.join(own)}. The held-out fold is the validation data"
        )
    return FitArguments(
        epochs=given.get("epochs", FitArguments.epochs),
        batch_size=given.get("batch_size", FitArguments.batch_size),
        class_weight=given.get("class_weight"),
        callbacks=as_callbacks(given.get("callbacks")),
        own=own,
        **({} if overrides_fit(hypermodel) else _stopping(given)),
    )


def _stopping(given: Mapping[str, Any]) -> dict[str, Any]:
    return {name: given[name] for name in _WATCHING if given.get(name) is not None}

"""Whether a model can be trained in compiled code as it is meant, and why not."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeAlias

import keras
import numpy as np
import tensorflow as tf

from kt_grid.data.arrays import Arrays
from kt_grid.engines.adapting import adaptable_layers
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.fused.program_inputs import normalizations
from kt_grid.errors import EngineError

_RESIDENT_BYTES = 2**30

# Is given a model, its design, the rows and how to train; says what stands in the way, or None.
Judge: TypeAlias = Callable[[Any, Any, Arrays, FitArguments], str | None]


class UnsuitableError(EngineError):
    """The fused engine can't, or shouldn't, train a model.

    Args:
        received: What stands in the way.
    """

    def __init__(self, received: str) -> None:
        super().__init__(
            f"Expected a model for compiled code. Received: {received}.",
            mend="Use engine='keras'",
            option="Use --engine keras",
        )
        self.received = received


@contextmanager
def as_unsuitable() -> Iterator[None]:
    """Turn what XLA says of a model it can't compile into an UnsuitableError."""
    try:
        yield
    except tf.errors.ResourceExhaustedError:
        # Nothing is wrong with the model, and another engine would need as much memory.
        raise
    except (tf.errors.OpError, NotImplementedError, TypeError, ValueError) as error:
        first_line = str(error).partition("\n")[0]
        raise UnsuitableError(f"one that XLA refuses, {first_line}") from error


def refusal(model: Any, described: Any, arrays: Arrays, fit: FitArguments) -> str | None:
    """Say why the fused engine can't train a model as it is meant; None if it can."""
    if fit.callbacks:
        return "callbacks, which need model.fit"
    if fit.class_weight and arrays.sample_weight is not None:
        return "class_weight together with sample_weight"
    if fit.class_weight and np.ndim(arrays.y) > 2:
        return "class_weight for targets along a sequence"
    if model.run_eagerly:
        return "a model compiled with run_eagerly=True"
    if described is None:
        return "a part that isn't Keras's own"
    if len([*adaptable_layers(model)]) > len(normalizations(model)):
        return "a layer other than Normalization that is adapted to the rows"
    if not _has_plain_rate(model.optimizer):
        return "an optimizer around another one, or a learning rate that is a function"
    if sum(array.nbytes for array in keras.tree.flatten(arrays.x)) > _RESIDENT_BYTES:
        return f"more than {_RESIDENT_BYTES >> 20} MB of data"
    return None


def _has_plain_rate(optimizer: Any) -> bool:
    """Tell whether a program can take over the optimizer's learning rate.

    The first two variables of an optimizer are its step count and its rate; a schedule is part of
    the design. An optimizer around others has them elsewhere.
    """
    if isinstance(optimizer.get_config().get("learning_rate"), dict):
        return True
    rate = getattr(optimizer, "learning_rate", None)
    return any(variable is rate for variable in optimizer.variables[:2])

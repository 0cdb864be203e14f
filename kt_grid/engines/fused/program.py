"""One training as one XLA program over data that stays in memory."""

import itertools
import math
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias

import keras
import numpy as np
import numpy.typing as npt
import tensorflow as tf

from kt_grid.engines.base import as_scores
from kt_grid.engines.design import generalise, text_of
from kt_grid.engines.fused.batch_statistics import is_masked, over_real_rows
from kt_grid.engines.fused.padding import fill_up, may_pad, pad_rows, row_weights
from kt_grid.engines.fused.program_inputs import Masks, ProgramInputs, draw_masks
from kt_grid.engines.fused.suitability import as_unsuitable
from kt_grid.engines.parts import find_parts
from kt_grid.space.seeds import epoch_orders

Data: TypeAlias = tuple[Any, ...]

_EPOCHS_A_CALL = 50
# Batch orders and masks, which are written for the whole call even if fewer epochs are asked for.
_BYTES_A_CALL = 2**22
# Weights times positions where they are used; a call can't be interrupted.
_PRODUCTS_A_CALL = 10**9
_SCORING_BATCH = 4096


@dataclass
class Course:
    """Where a training has got to: its random streams, and the epochs behind it.

    Attributes:
        orders: The epochs' batch orders that are still to come.
        streams: Random bits for the masks, one stream per masked layer.
        rates: Dropout rates, one per masked layer.
        epochs: Epochs trained.
    """

    orders: Iterator[npt.NDArray[np.int64]]
    streams: list[np.random.PCG64]
    rates: list[float]
    epochs: int = 0


class TrainingProgram:
    """Trains models of one design in batches of one size.

    The program does what `model.train_step` does, step after step, without metrics and without
    leaving the compiled code between steps. Weights, optimizer and seeds are variables, so any
    model of the same design can be loaded into it.

    Args:
        model: A built and compiled model; the program keeps it and trains it in place.
        data: All rows of the search as tensors: x, y and perhaps weights.
        rows: Number of rows that are trained on.
        batch_size: Rows per step.

    Attributes:
        rows: The only number of rows it can train on; None if it can train on any.
    """

    def __init__(self, model: Any, data: Data, rows: int, batch_size: int) -> None:
        self.model = model
        self.batch_size = batch_size
        self._data = data
        x = keras.tree.flatten(data[0])[0]
        self.rows = None if may_pad(model) else rows
        self._batch_norms = [part for part in find_parts(model, keras.Layer) if is_masked(part)]
        self._capacity = rows if self.rows else pad_rows(x.shape[0], batch_size)
        example = keras.tree.map_structure(lambda a: a[:1], data[0])
        self._inputs = ProgramInputs(model, example, self._capacity)
        self._block = self._epochs_a_call()
        model.optimizer.build(model.trainable_variables)
        self._optimizer_state = [v.numpy() for v in model.optimizer.variables]
        # Keras resets no metric that hasn't been called by this model, but another may have.
        self._metrics = find_parts(model, keras.metrics.Metric)
        self._train = self._trace()
        self._starting = threading.Lock()
        self._compiling: threading.Thread | None = None

    def describe(self, description: Any) -> str:
        """Leave out of a model's description what is an input of this program.

        Args:
            description: What `design` returned.

        Returns:
            A text that is equal for models that can be loaded into each other's program.
        """
        return text_of(generalise(description, self._inputs.share))

    def _epochs_a_call(self) -> int:
        units = sum(math.prod(masked.shape) for masked in self._inputs.masked)
        by_bytes = _BYTES_A_CALL // (self._capacity * (units + 4))
        # Layers along a sequence use their weights at every position of the input.
        positions: int = math.prod(keras.tree.flatten(self._data[0])[0].shape[1:-1])
        products = self._capacity * positions * max(1, int(self.model.count_params()))
        by_products = _PRODUCTS_A_CALL // max(1, products)
        return max(1, min(_EPOCHS_A_CALL, by_bytes, by_products))

    def _trace(self) -> Callable[..., Any]:
        """Trace the program once; XLA compiles it when it is first called."""
        capacity = self._capacity
        masks = [
            tf.TensorSpec((self._block, capacity, *masked.shape), tf.bool)
            for masked in self._inputs.masked
        ]
        orders = tf.TensorSpec((self._block, capacity), tf.int32)
        number = tf.TensorSpec((), tf.int32)
        weights = tf.TensorSpec((capacity,), tf.float32)
        train = tf.function(self._epochs, jit_compile=True, autograph=False)
        traced: Callable[..., Any] = train.get_concrete_function(
            orders, weights, masks, number, number
        )
        return traced

    def compile_ahead(self) -> None:
        """Let XLA compile the program in a thread of its own, before it is needed."""
        with self._starting:
            if self._compiling is None:
                self._compiling = threading.Thread(target=self._compile)
                self._compiling.start()

    def _compile(self) -> None:
        """Compile by running no epoch at all; what XLA refuses, it refuses again in `advance`."""
        masks = [
            tf.zeros((self._block, self._capacity, *masked.shape), tf.bool)
            for masked in self._inputs.masked
        ]
        orders = tf.zeros((self._block, self._capacity), tf.int32)
        weights = tf.zeros(self._capacity)
        with suppress(Exception):
            self._train(orders, weights, masks, tf.constant(0), tf.constant(0))

    def load(self, fresh: Any, seed: int, rows: int) -> Course:
        """Begin a training.

        Args:
            fresh: A freshly built model that `describe` finds equal.
            seed: Seed of the batch order and of the masks.
            rows: Number of rows to train on.

        Returns:
            The training's course.
        """
        # Compiling runs the program, which would write the variables back as they were.
        self.compile_ahead()
        if self._compiling is not None:
            self._compiling.join()
        optimizer = self.model.optimizer
        for new, variable in zip(fresh.variables, self.model.variables, strict=True):
            variable.assign(new)
        for state, variable in zip(self._optimizer_state, optimizer.variables, strict=True):
            variable.assign(state)
        # Not yet built, a fresh optimizer has but its step count and its learning rate.
        for new, variable in zip(fresh.optimizer.variables, optimizer.variables, strict=False):
            variable.assign(new)
        rates = self._inputs.set(fresh)
        seeds = [np.random.SeedSequence([seed, i]) for i, _ in enumerate(self._inputs.masked)]
        return Course(
            orders=epoch_orders(seed, rows),
            streams=[np.random.PCG64(sequence) for sequence in seeds],
            rates=rates,
        )

    def state(self) -> list[npt.NDArray[Any]]:
        """Return copies of all variables."""
        return [variable.numpy() for variable in self._variables()]

    def restore(self, state: list[npt.NDArray[Any]], fresh: Any) -> None:
        """Go back to where `state` was called.

        Args:
            state: What it returned.
            fresh: A model of the same design, with the settings of that training.
        """
        self._inputs.set(fresh)
        for variable, value in zip(self._variables(), state, strict=True):
            variable.assign(value)

    def _variables(self) -> list[Any]:
        return [*self.model.variables, *self.model.optimizer.variables]

    def advance(
        self,
        course: Course,
        epochs: int,
        train: npt.NDArray[np.intp],
        stopped: Callable[[], bool] = lambda: False,
    ) -> None:
        """Train on until a number of epochs is reached.

        Args:
            course: The training's course, which moves on.
            epochs: Epochs to reach, counted from the training's beginning.
            train: Positions of the rows that are trained on.
            stopped: Asked now and then whether to give up.

        Raises:
            UnsuitableError: If XLA refuses the program.
        """
        steps = tf.constant(-(-len(train) // self.batch_size))
        weights = tf.constant(row_weights(len(train), self.batch_size, self._capacity))
        while course.epochs < epochs and not stopped():
            count = min(self._block, epochs - course.epochs)
            orders, masks = self._draw(course, count, train)
            with as_unsuitable():
                self._train(orders, weights, masks, steps, tf.constant(count))
            course.epochs += count

    def finish(self) -> None:
        """Do what `model.fit` does last: set averaged weights, where the optimizer keeps any."""
        self.model.optimizer.finalize_variable_values(self.model.trainable_variables)

    def _draw(
        self, course: Course, count: int, train: npt.NDArray[np.intp]
    ) -> tuple[Any, list[Any]]:
        """Batch orders and masks of the next epochs, padded to the block."""
        orders = np.zeros((self._block, self._capacity), np.int32)
        for epoch, order in enumerate(itertools.islice(course.orders, count)):
            orders[epoch] = fill_up(train[order], self._capacity)
        layers = zip(course.streams, course.rates, self._inputs.masked, strict=True)
        masks = [
            self._draw_layer(stream, rate, (count, len(train), *masked.shape))
            for stream, rate, masked in layers
        ]
        return tf.constant(orders), [tf.constant(mask) for mask in masks]

    def _draw_layer(self, stream: np.random.PCG64, rate: float, shape: tuple[int, ...]) -> Masks:
        """One layer's masks for some epochs, at the first positions."""
        count, rows, *_ = shape
        masks = np.zeros((self._block, self._capacity, *shape[2:]), np.bool_)
        masks[:count, :rows] = draw_masks(stream, rate, shape)
        return masks

    def _epochs(self, orders: Any, weights: Any, masks: list[Any], steps: Any, count: Any) -> None:
        """The compiled program: `count` epochs of `steps` steps."""

        def epoch(number: Any) -> Any:
            order, kept = orders[number], [mask[number] for mask in masks]
            if self.rows is None:
                self._steps(steps, order, kept, weights)
            else:
                self._exact_steps(order, kept)
            return number + 1

        tf.while_loop(lambda number: number < count, epoch, [tf.constant(0)])

    def _exact_steps(self, order: Any, masks: list[Any]) -> None:
        """An epoch whose short last batch is a step of its own size."""
        full, short = divmod(self._capacity, self.batch_size)
        if full:
            self._steps(full, order, masks, None)
        if short:
            self._step(order[-short:], [mask[-short:] for mask in masks], None)

    def _steps(self, steps: Any, order: Any, masks: list[Any], weights: Any) -> None:
        """So many steps of full batches."""
        size = self.batch_size

        def step(i: Any) -> Any:
            kept = [_window(mask, i * size, size) for mask in masks]
            weigh = None if weights is None else _window(weights, i * size, size)
            self._step(_window(order, i * size, size), kept, weigh)
            return i + 1

        tf.while_loop(lambda i: i < steps, step, [tf.constant(0)])

    def _step(self, indices: Any, masks: list[Any], padding: Any) -> None:
        """Keras's own training step but for the metrics.

        Args:
            indices: Positions of the batch's rows.
            masks: One per masked layer.
            padding: Weights that fill up a short batch, or None.
        """
        x, y, weights = self._gather(indices)
        statistics: AbstractContextManager[None] = nullcontext()
        if padding is not None:
            weights = padding if weights is None else _weigh(weights, padding)
            statistics = over_real_rows(self._batch_norms, tf.cast(padding > 0, tf.float32))
        model = self.model
        with self._inputs.turned(masks), statistics:
            with tf.GradientTape() as tape:
                predicted = model(x, training=True)
                loss = model.compute_loss(
                    x=x, y=y, y_pred=predicted, sample_weight=weights, training=True
                )
                loss = model.optimizer.scale_loss(loss)
            trainable = model.trainable_variables
            gradients = tape.gradient(loss, trainable)
            model.optimizer.apply_gradients(zip(gradients, trainable, strict=True))

    def _gather(self, indices: Any) -> tuple[Any, Any, Any]:
        parts = keras.tree.map_structure(lambda a: tf.gather(a, indices), self._data)
        return (*parts, None) if len(parts) == 2 else parts

    def score(self, test: npt.NDArray[np.intp], weighted: bool) -> dict[str, float]:
        """Score the model as it is on held-out rows.

        Args:
            test: Positions of the rows.
            weighted: Whether the rows' weights count.

        Returns:
            The loss and every metric, named with `val_`.
        """
        for metric in self._metrics:
            metric.reset_state()
        self.model.reset_metrics()
        scores: dict[str, Any] = {}
        for first in range(0, len(test), _SCORING_BATCH):
            indices = tf.constant(test[first : first + _SCORING_BATCH].astype(np.int32))
            x, y, weights = self._gather(indices)
            scores = self.model.test_step((x, y, weights) if weighted else (x, y))
        return as_scores(scores, "val_")


def _weigh(weights: Any, padding: Any) -> Any:
    """Weights of rows, whatever their type and shape, times the weights that pad the batch."""
    exact = weights.dtype if weights.dtype == tf.float64 else tf.float32
    alike = tf.reshape(padding, (-1, *[1] * (len(weights.shape) - 1)))
    return tf.cast(weights, exact) * tf.cast(alike, exact)


def _window(part: Any, first: Any, size: int) -> Any:
    """Rows `first` to `first + size` of a tensor."""
    begin = tf.stack([first, *[tf.constant(0)] * (len(part.shape) - 1)])
    return tf.slice(part, begin, [size, *part.shape[1:]])

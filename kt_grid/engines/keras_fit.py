"""The reference engine: plain `model.fit`, fold after fold."""

import itertools
import time
from collections.abc import Iterator
from typing import Any

import keras
import tensorflow as tf

from kt_grid.data.arrays import Arrays, as_feed
from kt_grid.engines.adapting import adapt, is_adapted
from kt_grid.engines.arguments import FitArguments, overrides_fit
from kt_grid.engines.base import (
    Trained,
    Trainings,
    as_scores,
    build_model,
    check_scores,
    count_steps,
)
from kt_grid.engines.design import copy_state, design, has_same_layout, text_of
from kt_grid.engines.fingerprint import fingerprint
from kt_grid.engines.own_fit import fit_own
from kt_grid.engines.session import settings_kept
from kt_grid.engines.stopping import kept_epochs, make_callbacks
from kt_grid.space.seeds import epoch_orders

_SCORING_BATCH = 4096


class KerasFit:
    """Trains every fold with `model.fit`, from the seed's weights and the seed's batch order.

    One model object serves all folds of a trial where that is provably the same: if all of it
    is Keras's own, its whole state lies in variables, which are set to a fresh model's. Then
    TensorFlow traces the training step once per trial and not once per fold.
    """

    name = "keras"
    programs = 0

    def run(self, trainings: Trainings) -> Iterator[Trained]:
        """Train each task from scratch.

        Raises:
            EngineError: If a model can't be trained, or its loss is no longer finite.
        """
        hypermodel, hyperparameters = trainings.hypermodel, trainings.hyperparameters
        arrays, fit = trainings.arrays, trainings.fit
        traced: Any = None
        traced_as: Any = None
        own_fit = overrides_fit(hypermodel)
        with settings_kept() as settings:
            for task in trainings.tasks:
                start = time.perf_counter()
                settings.restore()
                fresh = build_model(
                    hypermodel, hyperparameters, arrays, task.seed, compiled=not own_fit
                )
                first = trainings.identify and task is trainings.tasks[0]
                known_by = fingerprint(fresh) if first else ""
                model = fresh
                steps = count_steps(len(task.train), fit)
                train = arrays.take(task.train)
                # What a layer is adapted to becomes constants of the traced step.
                adapted = is_adapted(hypermodel, fresh)
                if adapted:
                    adapt(hypermodel, hyperparameters, fresh, train)
                made_as = None if own_fit or adapted else _traced_as(fresh, steps)
                if made_as and made_as == traced_as and has_same_layout(fresh, traced):
                    model = traced
                    copy_state(fresh, model)
                test = None if task.test is None else arrays.take(task.test)
                scores, epochs = {}, fit.epochs
                if own_fit:
                    scores = fit_own(hypermodel, hyperparameters, model, train, test, fit)
                else:
                    watched = None if task.watch is None else arrays.take(task.watch)
                    epochs = fit_ordered(model, train, fit, task.seed, watched)
                if test is not None:
                    scores = scores or evaluate(model, test)
                    check_scores(scores)
                traced, traced_as = model, made_as
                seconds = time.perf_counter() - start
                # A fit of one's own and callbacks take as many steps as they like.
                optimizer = getattr(model, "optimizer", None)
                taken = 0 if optimizer is None else int(optimizer.iterations)
                yield Trained(
                    task.split,
                    scores,
                    epochs,
                    seconds,
                    model,
                    self.name,
                    steps=taken or None,
                    fingerprint=known_by,
                )


def _traced_as(model: Any, steps: int) -> tuple[str, int] | None:
    """What two models must have in common to be trained by one traced step; None if none can."""
    described = design(model)
    return None if described is None else (text_of(described), steps)


def fit_ordered(
    model: Any, train: Arrays, fit: FitArguments, seed: int, watched: Arrays | None = None
) -> int:
    """Train with `model.fit`, on batches in the order that the seed gives.

    Args:
        model: A compiled model.
        train: Rows to train on.
        fit: How to train.
        seed: Seed of the batch order.
        watched: Rows that callbacks may watch.

    Returns:
        Number of epochs whose weights the model has.
    """
    steps = count_steps(train.rows, fit)
    callbacks = make_callbacks(fit)
    if not callbacks:
        # One call into the graph per epoch: the same steps, without Python between them.
        model.steps_per_execution = steps
    history = model.fit(
        ordered_batches(train, fit, seed),
        epochs=fit.epochs,
        steps_per_epoch=steps,
        class_weight=fit.class_weight,
        callbacks=callbacks,
        validation_data=None if watched is None else as_feed(watched.training_tuple()),
        validation_batch_size=_SCORING_BATCH,
        shuffle=False,
        verbose=0,
    )
    return kept_epochs(callbacks, len(history.epoch))


def ordered_batches(train: Arrays, fit: FitArguments, seed: int) -> Any:
    """Make a `tf.data.Dataset` of all batches of all epochs, one permutation per epoch.

    Args:
        train: Rows to train on.
        fit: Epochs and batch size.
        seed: Seed of the batch order.

    Returns:
        Batches as `model.fit` takes them; the last of an epoch may be short.
    """
    tensors = keras.tree.map_structure(tf.constant, train.training_tuple())
    rows = train.rows
    orders = tf.data.Dataset.from_generator(
        lambda: itertools.islice(epoch_orders(seed, rows), fit.epochs),
        output_signature=tf.TensorSpec((rows,), tf.int64),
    )
    batches = orders.flat_map(
        lambda order: tf.data.Dataset.from_tensor_slices(order).batch(fit.batch_size)
    )
    return batches.map(
        lambda indices: tf.nest.map_structure(lambda a: tf.gather(a, indices), tensors)
    ).prefetch(tf.data.AUTOTUNE)


def evaluate(model: Any, test: Arrays) -> dict[str, float]:
    """Score a model on held-out rows.

    Args:
        model: A compiled model.
        test: Rows to score on.

    Returns:
        The loss and every metric, named with `val_`.
    """
    scores = model.evaluate(
        as_feed(test.x),
        test.y,
        sample_weight=test.sample_weight,
        batch_size=_SCORING_BATCH,
        return_dict=True,
        verbose=0,
    )
    return as_scores(scores, "val_")

"""What was made once, outside of build, is as fresh in every fold as what build makes."""

import functools
from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
import pytest
from sampling import sampled

from kt_grid.data.arrays import Arrays
from kt_grid.engines import make_engine
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings, build_model
from kt_grid.errors import EngineError

RANDOM = np.random.RandomState(4)
X = RANDOM.normal(size=(30, 3)).astype(np.float32)
Y = (X[:, 0] + RANDOM.normal(size=30) > 0).astype(np.float32)
FOLDS = np.split(np.arange(30), 3)
# A part that goes through two trainings is one of an earlier training in the second.
TASKS = [
    Task(i, np.concatenate([f for f in FOLDS if f is not fold]), fold, 50 + i)
    for i, fold in enumerate(FOLDS[:2])
]
FIT = FitArguments(epochs=2, batch_size=8)


def trained(build, engine, tasks=TASKS):
    """Scores and weights of each fold, as they are when the fold's result is taken."""
    trainings = Trainings(
        SimpleNamespace(build=build), keras_tuner.HyperParameters(), Arrays(X, Y), FIT, tasks
    )
    return [(one.scores, one.model.get_weights()) for one in make_engine(engine).run(trainings)]


def stepwise(model):
    """A model whose few steps are sooner done than traced."""
    model.run_eagerly = True
    return model


def assert_same(ours, theirs):
    for (scores, weights), (others, expected) in zip(ours, theirs, strict=True):
        assert scores == pytest.approx(others, rel=1e-5)
        for one, other in zip(weights, expected, strict=True):
            np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-6)


def network(*layers, optimizer="sgd", loss="binary_crossentropy", metrics=("accuracy",)):
    model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1, "sigmoid")])
    model.compile(optimizer, loss, metrics=list(metrics))
    return model


class Warming(keras.optimizers.schedules.LearningRateSchedule):
    """Halves its rate with every training step that was ever traced or taken."""

    def __init__(self):
        self.rate = 0.5
        self.used = []

    def __call__(self, step):
        self.rate /= 2
        self.used.append(1)
        return self.rate / len(self.used)


class Scaled(keras.optimizers.SGD):
    """Divides its steps by a number that its configuration lacks."""

    def __init__(self, by=1.0, learning_rate=0.5, **kwargs):
        super().__init__(learning_rate, **kwargs)
        self.by = by

    def update_step(self, gradient, variable, learning_rate):
        super().update_step(gradient / self.by, variable, learning_rate)


def excluding():
    optimizer = keras.optimizers.AdamW(0.1, weight_decay=0.9)
    optimizer.exclude_from_weight_decay(var_names=["kernel"])
    return optimizer


def counted():
    optimizer = keras.optimizers.SGD(keras.optimizers.schedules.ExponentialDecay(0.5, 1, 0.5))
    optimizer.iterations.assign(2)
    return optimizer


class Growing(keras.losses.Loss):
    """Weighs the more, the more often it was called."""

    def __init__(self):
        super().__init__()
        self.calls = 0

    def call(self, y_true, y_pred):
        self.calls += 1
        return self.calls * keras.ops.mean((y_true - y_pred) ** 2, axis=-1)


def weights_of(layer):
    layer.build((None, 3))
    random = np.random.RandomState(1)
    layer.set_weights([random.uniform(0.1, 1.0, size=w.shape) for w in layer.get_weights()])
    return layer


def frozen():
    layer = weights_of(keras.layers.Dense(4, "tanh"))
    layer.trainable = False
    return layer


def functional(base):
    inputs = keras.Input((3,))
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(base(inputs)))
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def stepping(optimizer):
    """Ends with another learning rate than it began with."""
    model = network(optimizer=optimizer)
    optimizer.learning_rate = 0.25
    return model


def seeded():
    return keras.initializers.RandomNormal(seed=keras.random.SeedGenerator(3))


# What is made once, and the model that it is for.
HABITS = {
    "metric": (lambda: keras.metrics.BinaryAccuracy(), lambda m: network(metrics=[m, "mse"])),
    "optimizer": (lambda: keras.optimizers.Adam(0.05), lambda o: network(optimizer=o)),
    "momentum": (lambda: keras.optimizers.SGD(0.1, momentum=0.9), lambda o: network(optimizer=o)),
    "rate set in build": (lambda: keras.optimizers.SGD(0.1), stepping),
    "schedule": (
        lambda: keras.optimizers.schedules.ExponentialDecay(0.3, 2, 0.5),
        lambda s: network(optimizer=keras.optimizers.SGD(s)),
    ),
    "schedule with a state": (Warming, lambda s: network(optimizer=keras.optimizers.SGD(s))),
    "excluded from weight decay": (
        excluding,
        lambda o: network(optimizer=o),
    ),
    "argument that no configuration has": (lambda: Scaled(0.25), lambda o: network(optimizer=o)),
    "steps that count already": (
        counted,
        lambda o: network(optimizer=o),
    ),
    "schedule in an optimizer": (
        lambda: keras.optimizers.SGD(Warming()),
        lambda o: network(optimizer=o),
    ),
    "loss": (lambda: keras.losses.BinaryFocalCrossentropy(), lambda o: network(loss=o)),
    "loss with a state": (Growing, lambda o: network(loss=o)),
    "initializer with a generator": (
        seeded,
        lambda i: network(keras.layers.Dense(4, kernel_initializer=i)),
    ),
    "trained layer": (lambda: weights_of(keras.layers.Dense(4)), lambda x: network(x)),
    "frozen layer": (frozen, lambda layer: network(layer)),
    "layer of a functional model": (lambda: weights_of(keras.layers.Dense(4)), functional),
    "batch normalization": (
        lambda: weights_of(keras.layers.BatchNormalization()),
        lambda layer: network(layer),
    ),
    "adapted layer": (lambda: keras.layers.Normalization(), lambda layer: network(layer)),
    "adapted layer of a functional model": (lambda: keras.layers.Normalization(), functional),
}


SAMPLES = {
    "keras": (
        *("metric", "schedule in an optimizer", "batch normalization"),
        "adapted layer of a functional model",
    ),
    "auto": ("optimizer", "trained layer"),
}
# A step that is traced is counted once, however often it is taken.
COUNTS = ("schedule with a state", "schedule in an optimizer", "loss with a state")


@pytest.mark.parametrize(
    ("engine", "habit"),
    [
        pytest.param(engine, *habit.values, marks=habit.marks)
        for engine, sample in SAMPLES.items()
        for habit in sampled(HABITS, *sample)
    ],
)
def test_folds_are_those_of_parts_made_for_each(engine, habit):
    make, use = HABITS[habit]
    once, each = make(), [make() for _ in TASKS]
    reference, plainly = "keras", lambda part: stepwise(use(part))
    if habit in COUNTS:
        reference, plainly = engine, use
    alone = [
        trained(lambda _, made=made: plainly(made), reference, [task])[0]
        for made, task in zip(each, TASKS, strict=True)
    ]
    assert_same(trained(lambda _: use(once), engine), alone)


# Whose random numbers were drawn when they were made: no fold may depend on which numbers.
UNSEEDED = {
    "initializer": (
        keras.initializers.GlorotUniform,
        lambda i: network(keras.layers.Dense(4, kernel_initializer=i)),
    ),
    "layer": (lambda: keras.layers.Dense(4, "tanh"), network),
    "model": (lambda: keras.Sequential([keras.layers.Dense(4, "tanh")]), network),
    "recurrent layer": (
        lambda: keras.layers.SimpleRNN(3),
        lambda layer: network(keras.layers.Reshape((3, 1)), layer),
    ),
}


@pytest.mark.parametrize("habit", sampled(UNSEEDED, "layer", "model"))
def test_no_fold_depends_on_the_process_or_on_other_folds(habit):
    make, use = UNSEEDED[habit]
    one, other = make(), make()
    together = trained(lambda _: stepwise(use(one)), "keras")
    assert_same(together[1:], trained(lambda _: stepwise(use(other)), "keras", TASKS[1:]))
    begun = [trained(lambda _: stepwise(use(one)), "keras", [task])[0][1][0] for task in TASKS]
    assert not np.array_equal(*begun)


def test_the_first_model_of_a_process_is_like_all_others():
    """What a build keeps in a cache is shared by models that are still to be built."""

    class Cached(keras_tuner.HyperModel):
        def __init__(self):
            super().__init__()
            self.base = functools.cache(lambda: keras.layers.Dense(4))

        def build(self, hp):
            return network(self.base())

    def first_weights(hypermodel, seed):
        model = build_model(hypermodel, keras_tuner.HyperParameters(), None, seed)
        return [weights.tolist() for weights in model.get_weights()]

    one, other = Cached(), Cached()
    apart = {seed: first_weights(one, seed) for seed in (1, 2)}
    assert {seed: first_weights(other, seed) for seed in (2, 1)} == apart
    assert first_weights(other, 2) == apart[2] != apart[1]


@pytest.mark.parametrize("engine", sampled(["keras", "auto"], "auto"))
def test_what_build_configures_does_not_reach_other_trials(engine):
    def doubling(_):
        keras.config.set_dtype_policy("float64")
        return network(keras.layers.Dense(4))

    before = trained(lambda _: network(keras.layers.Dense(4)), engine)
    policies = [scores for scores, _ in trained(doubling, engine)]
    assert policies
    assert keras.config.dtype_policy().name == "float32"
    assert_same(trained(lambda _: network(keras.layers.Dense(4)), engine), before)


@pytest.mark.parametrize("engine", sampled(["keras", "auto"], "auto"))
def test_one_and_the_same_model_begins_every_fold_anew(engine):
    model = network(weights_of(keras.layers.Dense(4)), optimizer="adam")
    begins = model.get_weights()

    def build(hp):
        return model

    def again(hp):
        made = network(keras.layers.Dense(4), optimizer="adam")
        made.set_weights(begins)
        return stepwise(made)

    ours = trained(build, engine)
    assert_same(ours, [trained(again, "keras", [task])[0] for task in TASKS])


def test_a_model_that_nobody_shares_stays_as_it_was_trained():
    """Building another one doesn't take it back to its beginning."""
    results = list(
        make_engine("keras").run(
            Trainings(
                SimpleNamespace(build=lambda _: functional(keras.layers.Dense(2))),
                keras_tuner.HyperParameters(), Arrays(X, Y), FIT, TASKS[:1],
            )
        )
    )  # fmt: skip
    weights = results[0].model.get_weights()
    trained(lambda _: functional(keras.layers.Dense(2)), "keras")
    for one, other in zip(results[0].model.get_weights(), weights, strict=True):
        np.testing.assert_array_equal(one, other)


def test_an_optimizer_of_which_there_is_no_other_is_refused(raises):
    class Own(keras.optimizers.SGD):
        def __init__(self, given):
            super().__init__(0.1)

    own = Own(object())
    with raises(EngineError, "leak", "Own", "inside build"):
        trained(lambda _: network(optimizer=own), "keras")

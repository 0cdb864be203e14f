"""The fused engine against plain `model.fit`: same weights, same scores, fewer programs."""

import functools
import threading
from typing import Any

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf
from sampling import sampled

from kt_grid.data.arrays import Arrays
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings, Upcoming
from kt_grid.engines.fused.engine import Fused
from kt_grid.engines.fused.suitability import UnsuitableError, as_unsuitable
from kt_grid.engines.keras_fit import KerasFit
from kt_grid.plan.experiments import REGISTRY
from kt_grid.space import combinations, make_axes
from kt_grid.splitters.folds import KFold, make_splits

ROWS, FEATURES = 50, 4
TOLERANCE = 1e-5


@pytest.fixture(scope="module")
def rows() -> Arrays:
    random = np.random.default_rng(0)
    x = random.normal(size=(ROWS, FEATURES)).astype("float32")
    y = (x @ [1.0, -2.0, 0.5, 0.0] + random.normal(size=ROWS) > 0).astype("float32")
    return Arrays(x, y)


@pytest.fixture(scope="module")
def tasks() -> list[Task]:
    splits = make_splits(KFold(3), ROWS)
    return [Task(i, train, test, seed=100 + i) for i, (train, test) in enumerate(splits)]


@pytest.fixture
def calls_of_ten(monkeypatch):
    """Compiled code is called for ten epochs at a time."""
    monkeypatch.setattr("kt_grid.engines.fused.program._EPOCHS_A_CALL", 10)


class Builder(keras_tuner.HyperModel):
    """Builds what a function without arguments builds."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def build(self, hp: Any) -> Any:
        return self.make()


def dense(*extra: Any, **hidden: Any) -> Any:
    return keras.Sequential(
        [
            keras.layers.Dense(6, **{"activation": "tanh", **hidden}),
            *extra,
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )


def compiled(model: Any, optimizer: Any = "sgd", loss: Any = "binary_crossentropy", **more: Any):
    model.compile(optimizer=optimizer, loss=loss, **{"metrics": ["accuracy"], **more})
    return model


def trained(engine: Any, make: Any, rows: Arrays, tasks: list[Task], fit: FitArguments):
    results = {}
    for done in engine.run(
        Trainings(Builder(make), keras_tuner.HyperParameters(), rows, fit, tasks)
    ):
        weights = [variable.numpy().copy() for variable in done.model.weights]
        results[done.split] = (weights, done.scores)
    return results


def eager(make: Any) -> Any:
    """The same model, whose few steps `model.fit` runs sooner than it traces them."""

    def made() -> Any:
        model = make()
        model.run_eagerly = True
        return model

    return made


def assert_same(
    make: Any, rows: Arrays, tasks: list[Task], fit: FitArguments, engine: Any = None
) -> None:
    """Weights within 1e-5 of their largest, and scores to match, on every fold."""
    ours = trained(engine or Fused(), make, rows, tasks, fit)
    theirs = trained(KerasFit(), eager(make), rows, tasks, fit)
    assert ours.keys() == theirs.keys()
    for split, (weights, scores) in theirs.items():
        for mine, reference in zip(ours[split][0], weights, strict=True):
            bound = TOLERANCE * max(1e-3, np.abs(reference).max())
            np.testing.assert_allclose(mine, reference, rtol=0, atol=bound)
        assert ours[split][1] == pytest.approx(scores, rel=1e-4, abs=1e-6)


FIT = FitArguments(epochs=1, batch_size=8)

# What any optimizer can be asked for goes with one or another: each costs a program.
OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.1),
    "momentum, clipvalue": lambda: keras.optimizers.SGD(0.5, momentum=0.9, clipvalue=0.02),
    "nesterov, clipnorm": lambda: keras.optimizers.SGD(
        0.5, momentum=0.9, nesterov=True, clipnorm=0.05
    ),
    "rmsprop, schedule": lambda: keras.optimizers.RMSprop(
        keras.optimizers.schedules.ExponentialDecay(0.02, 2, 0.5)
    ),
    "rmsprop_centered, weight_decay": lambda: keras.optimizers.RMSprop(
        0.01, momentum=0.5, centered=True, weight_decay=0.1
    ),
    "adagrad, global_clipnorm": lambda: keras.optimizers.Adagrad(0.1, global_clipnorm=0.05),
    "adadelta, ema": lambda: keras.optimizers.Adadelta(1.0, use_ema=True, ema_momentum=0.9),
    "adam, ema_overwrite": lambda: keras.optimizers.Adam(
        0.01, use_ema=True, ema_momentum=0.9, ema_overwrite_frequency=3
    ),
    "amsgrad, accumulation": lambda: keras.optimizers.Adam(
        0.01, amsgrad=True, gradient_accumulation_steps=2
    ),
    "adamw": lambda: keras.optimizers.AdamW(weight_decay=0.1),
    "adamax": lambda: keras.optimizers.Adamax(),
    "nadam": lambda: keras.optimizers.Nadam(),
    "ftrl": lambda: keras.optimizers.Ftrl(0.01),
    "lion": lambda: keras.optimizers.Lion(),
    "adafactor": lambda: keras.optimizers.Adafactor(0.01),
    "lamb": lambda: keras.optimizers.Lamb(),
}
# Those that not all versions of Keras have.
for later in ("Muon", "ScheduleFreeAdamW"):
    if hasattr(keras.optimizers, later):
        OPTIMIZERS[later] = functools.partial(getattr(keras.optimizers, later), 0.01)


@pytest.mark.parametrize(
    "name",
    sampled(
        OPTIMIZERS,
        *("sgd", "momentum, clipvalue", "rmsprop, schedule", "adam, ema_overwrite"),
        "amsgrad, accumulation",
        *({*OPTIMIZERS} & {"ScheduleFreeAdamW"}),
    ),
)
def test_optimizer_moves_the_weights_alike(name, rows, tasks):
    assert_same(lambda: compiled(dense(), OPTIMIZERS[name]()), rows, tasks[:1], FIT)


def test_every_optimizer_of_keras_is_compared():
    classes = vars(keras.optimizers).values()
    known = {
        kind.__name__.lower()
        for kind in classes
        if isinstance(kind, type) and issubclass(kind, keras.optimizers.Optimizer)
    }
    compared = {type(make()).__name__.lower() for make in OPTIMIZERS.values()}
    around_others = {"lossscaleoptimizer", "multioptimizer"}
    assert known - {"optimizer"} - around_others == compared


def test_an_optimizer_goes_on_from_the_state_it_comes_with(rows, tasks):
    def make():
        model = compiled(dense(), keras.optimizers.Adam(0.1))
        model.build((None, FEATURES))
        model.optimizer.build(model.trainable_variables)
        for variable in model.optimizer.variables[2:]:
            variable.assign(0.5 * np.ones(variable.shape))
        return model

    assert_same(make, rows, tasks[:1], FIT)


def layered(*layers: Any) -> Any:
    return keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])


ACTIVATIONS = (
    *("relu", "tanh", "sigmoid", "hard_sigmoid", "softmax", "softplus", "softsign", "linear"),
    *("elu", "selu", "gelu", "silu", "exponential", "leaky_relu", "mish", "log_softmax"),
)
INITIALIZERS = (
    *("uniform", "lecun_uniform", "normal", "zero", "glorot_normal", "glorot_uniform"),
    *("he_normal", "he_uniform", "orthogonal", "truncated_normal", "lecun_normal", "ones"),
)


def side_by_side(layers: list[Any]) -> Any:
    """A model with many layers beside each other costs one program, as a single one does."""
    inputs = keras.Input((FEATURES,))
    hidden = keras.layers.Concatenate()([layer(inputs) for layer in layers])
    return keras.Model(inputs, keras.layers.Dense(1, activation="sigmoid")(hidden))


# Each has what goes together, since each costs a program.
MODELS = {
    "relu, zeros, no_dropout": lambda: compiled(
        layered(
            keras.layers.Dense(6, activation="relu", kernel_initializer="he_normal"),
            keras.layers.Dropout(0.0),
            keras.layers.Dense(4, kernel_initializer="zeros"),
        )
    ),
    "activations": lambda: compiled(
        side_by_side([keras.layers.Dense(3, activation=name) for name in ACTIVATIONS])
    ),
    "initializers": lambda: compiled(
        side_by_side([keras.layers.Dense(3, kernel_initializer=name) for name in INITIALIZERS])
    ),
    "constraints": lambda: compiled(
        layered(
            keras.layers.Dense(6, kernel_constraint=keras.constraints.MaxNorm(0.5)),
            keras.layers.Dense(6, kernel_constraint=keras.constraints.MinMaxNorm(0.2)),
            keras.layers.Dense(6, kernel_constraint="unit_norm"),
            keras.layers.Dense(6, kernel_constraint="non_neg"),
        )
    ),
    "l2, activity": lambda: compiled(
        dense(keras.layers.ActivityRegularization(l1=0.01), kernel_regularizer="l2")
    ),
    "batch_norm, layer_norm": lambda: compiled(
        dense(keras.layers.BatchNormalization(), keras.layers.LayerNormalization())
    ),
    "sum, label_smoothing": lambda: compiled(
        dense(), loss=keras.losses.BinaryCrossentropy(reduction="sum", label_smoothing=0.1)
    ),
    "no_reduction": lambda: compiled(
        dense(), loss=keras.losses.BinaryCrossentropy(reduction=None, from_logits=False)
    ),
    "mean_with_sample_weight": lambda: compiled(
        dense(), loss=keras.losses.Huber(0.2, reduction="mean_with_sample_weight")
    ),
    "over_the_batch": lambda: compiled(dense(), loss="dice"),
    "scalar_outputs": lambda: compiled(
        keras.Sequential([keras.layers.Dense(1, "sigmoid"), keras.layers.Reshape(())])
    ),
    "mean_squared, many_metrics": lambda: compiled(
        dense(),
        loss="mse",
        metrics=["mae", "mse", "accuracy", keras.metrics.AUC(), keras.metrics.Precision()],
    ),
    "convolution": lambda: compiled(
        keras.Sequential(
            [
                keras.layers.Reshape((FEATURES, 1)),
                keras.layers.Conv1D(3, 2, activation="relu"),
                keras.layers.MaxPooling1D(),
                keras.layers.Flatten(),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
    ),
    "recurrent": lambda: compiled(
        keras.Sequential(
            [
                keras.layers.Reshape((FEATURES, 1)),
                keras.layers.Bidirectional(keras.layers.LSTM(2, return_sequences=True)),
                keras.layers.GRU(3),
                keras.layers.Dense(1, activation="sigmoid"),
            ]
        )
    ),
}


# A last batch of 3 rows; one of a single row would hide what depends on how many there are.
SHORT = FitArguments(epochs=1, batch_size=10)


@pytest.mark.parametrize(
    "name",
    sampled(
        MODELS,
        *("relu, zeros, no_dropout", "l2, activity", "batch_norm, layer_norm"),
        *("sum, label_smoothing", "mean_squared, many_metrics"),
    ),
)
def test_model_is_trained_alike(name, rows, tasks):
    assert_same(MODELS[name], rows, tasks[:1], SHORT)


@pytest.mark.parametrize(
    "batch_size",
    [
        pytest.param(8, id="short"),
        pytest.param(11, id="even", marks=pytest.mark.full),
        pytest.param(64, id="one"),
    ],
)
def test_batches_of_any_size_on_unequal_folds(batch_size, rows, tasks):
    assert {len(task.train) for task in tasks} == {33, 34}
    fit = FitArguments(epochs=2, batch_size=batch_size)
    assert_same(lambda: compiled(dense(), "adam"), rows, tasks, fit)


def convolved(**options: Any) -> Any:
    """Statistics over rows and places, of features on the last axis or another."""
    layers = [
        keras.layers.Reshape((2, 2, 1)),
        keras.layers.Conv2D(3, 1),
        keras.layers.BatchNormalization(**options),
        keras.layers.Flatten(),
    ]
    return keras.Sequential([*layers, keras.layers.Dense(1, activation="sigmoid")])


def frozen() -> Any:
    layer = keras.layers.BatchNormalization()
    layer.trainable = False
    return dense(layer)


BATCH_NORMS = {
    "momentum": lambda: dense(keras.layers.BatchNormalization(momentum=0.5, epsilon=0.1)),
    "one feature": lambda: dense(
        keras.layers.Dense(1), keras.layers.BatchNormalization(scale=False, center=False)
    ),
    "over an area": convolved,
    "another axis": lambda: convolved(axis=1),
    "frozen": frozen,
}


@pytest.mark.parametrize("name", sampled(BATCH_NORMS, "over an area", "frozen"))
def test_batch_statistics_are_those_of_the_real_rows(name, rows, tasks):
    """Moving averages too, which are among the weights; one program for folds of all sizes.

    The short batch has one row in one fold, whose variance is zero, and two in the other.
    """
    assert [len(task.train) % 8 for task in tasks[1:]] == [1, 2]
    engine = Fused()
    make = lambda: compiled(BATCH_NORMS[name]())  # noqa: E731
    assert_same(make, rows, tasks[1:], FitArguments(epochs=2, batch_size=8), engine)
    assert engine.programs == 1


def test_class_weight(rows, tasks):
    fit = FitArguments(epochs=1, batch_size=8, class_weight={0: 0.2, 1: 3.0})
    assert_same(lambda: compiled(dense()), rows, tasks[:1], fit)


@pytest.mark.parametrize(
    "weights",
    [
        pytest.param(np.linspace(0, 2, ROWS, dtype="float32"), id="float"),
        pytest.param(np.arange(ROWS)[:, None] % 4, id="whole, a column"),
        pytest.param(np.arange(ROWS) % 3 > 0, id="mask"),
    ],
)
def test_sample_weight(weights, rows, tasks):
    weighted = Arrays(rows.x, rows.y, weights)
    make = lambda: compiled(dense(), weighted_metrics=["accuracy"])  # noqa: E731
    assert_same(make, weighted, tasks[:1], SHORT)


def test_several_inputs(rows, tasks):
    def make():
        left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
        both = keras.layers.Concatenate()([left, right])
        output = keras.layers.Dense(1, activation="sigmoid")(both)
        return compiled(keras.Model({"left": left, "right": right}, output))

    halves = Arrays({"left": rows.x[:, :2], "right": rows.x[:, 2:]}, rows.y)
    assert_same(make, halves, tasks[:1], FIT)


def test_sequences_of_targets(rows, tasks):
    def make():
        along = [keras.layers.Reshape((FEATURES, 1)), keras.layers.Dense(2, activation="tanh")]
        return compiled(keras.Sequential([*along, keras.layers.Dense(1)]), loss="mse")

    targets = np.cumsum(rows.x, axis=1)[..., None]
    assert_same(make, Arrays(rows.x, targets), tasks[:1], FIT)


def dropped(rate: float, **more: Any) -> Any:
    return lambda: compiled(dense(keras.layers.Dropout(rate), **more), "adam")


@pytest.mark.full
def test_dropout_scores_agree_in_distribution(rows, tasks):
    """Seeds give both engines the same batches but other masks, and no part in first weights.

    So the losses differ by the masks alone. Without masks, with half or one and a half of the rate,
    or unscaled, the mean difference is 6 standard errors and more.
    """

    def make():
        first = [keras.initializers.GlorotUniform(seed=seed) for seed in (1, 2)]
        return compiled(
            keras.Sequential(
                [
                    keras.layers.Dense(12, activation="tanh", kernel_initializer=first[0]),
                    keras.layers.Dropout(0.5),
                    keras.layers.Dense(1, activation="sigmoid", kernel_initializer=first[1]),
                ]
            ),
            keras.optimizers.SGD(0.1),
        )

    seeds = [Task(seed, tasks[0].train, tasks[0].test, seed) for seed in range(12)]
    fit = FitArguments(epochs=6, batch_size=8)
    ours, theirs = (
        np.array([s["val_loss"] for _, s in trained(engine, make, rows, seeds, fit).values()])
        for engine in (Fused(), KerasFit())
    )
    assert (ours != theirs).all()
    assert abs(np.mean(ours - theirs)) < 3 * np.std(ours - theirs, ddof=1) / np.sqrt(len(seeds))


def test_dropout_changes_the_training(rows, tasks):
    fit = FitArguments(epochs=2, batch_size=8)
    with_it = trained(Fused(), dropped(0.5), rows, tasks[:1], fit)
    without = trained(Fused(), dropped(0.0), rows, tasks[:1], fit)
    assert not np.allclose(with_it[0][0][0], without[0][0][0], atol=1e-3)


def test_fold_depends_on_itself_only(rows, tasks):
    fit = FitArguments(epochs=3, batch_size=8)
    together = trained(Fused(), dropped(0.3), rows, tasks, fit)
    engine = Fused()
    for other in (0.1, 0.6):
        trained(engine, dropped(other), rows, tasks[:2], fit)
    alone = trained(engine, dropped(0.3), rows, tasks[2:], fit)
    for mine, other in zip(alone[2][0], together[2][0], strict=True):
        np.testing.assert_array_equal(mine, other)
    assert alone[2][1] == together[2][1]


@pytest.mark.parametrize("seed", [pytest.param(None, marks=pytest.mark.full), 3])
def test_fold_depends_on_itself_only_where_a_function_draws(seed, rows, tasks):
    """A function of TensorFlow goes on from where it was until its kernel is dropped."""

    def make():
        draw = functions.setdefault("draw", tf.function(lambda: tf.random.normal((1,), seed=seed)))
        model = compiled(dense())
        model.build((None, FEATURES))
        model.layers[-1].bias.assign(draw())
        return model

    functions = {}
    after_others = trained(Fused(), make, rows, tasks, FIT)[2]
    alone = trained(Fused(), make, rows, tasks[2:], FIT)[2]
    functions = {}
    reference = trained(KerasFit(), eager(make), rows, tasks, FIT)[2]
    assert after_others[1] == alone[1]
    assert after_others[1] == pytest.approx(reference[1], rel=1e-4)


def averaged():
    return compiled(dense(), keras.optimizers.SGD(0.1, use_ema=True, ema_momentum=0.9))


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(dropped(0.3), id="dropout"),
        pytest.param(averaged, id="ema", marks=pytest.mark.full),
    ],
)
def test_epochs_are_a_prefix_bit_for_bit(make, rows, tasks, calls_of_ten):
    shared = Fused()
    trained(shared, make, rows, tasks[:1], FitArguments(epochs=1, batch_size=8, longest=13))
    for epochs in (4, 13):
        fit = FitArguments(epochs=epochs, batch_size=8, longest=13)
        going_on = trained(shared, make, rows, tasks[:1], fit)
        apart = trained(Fused(), make, rows, tasks[:1], fit)
        assert going_on[0][1] == apart[0][1]
        for mine, other in zip(going_on[0][0], apart[0][0], strict=True):
            np.testing.assert_array_equal(mine, other)


class ByEpochs(keras_tuner.HyperModel):
    """A model that knows for how many epochs it will be trained."""

    def __init__(self, make: Any) -> None:
        super().__init__()
        self.make = make

    def build(self, hp):
        return self.make(hp.get("epochs"))


def falling(epochs):
    decay = keras.optimizers.schedules.CosineDecay(0.5, decay_steps=5 * epochs)
    return compiled(dense(), keras.optimizers.SGD(decay))


def shifted_first(epochs):
    model = compiled(dense())
    model.build((None, FEATURES))
    model.layers[-1].bias.assign([float(epochs)])
    return model


@pytest.mark.parametrize("make", [falling, shifted_first], ids=["schedule", "first-weights"])
def test_epochs_are_no_prefix_where_the_model_depends_on_them(make, rows, tasks):
    """Nor is a model that was built ahead for one number of epochs taken for another."""

    def trainings(epochs, upcoming=None):
        space = keras_tuner.HyperParameters()
        space.Fixed("epochs", epochs)
        fit = FitArguments(epochs=epochs, batch_size=8, longest=4)
        ahead = [] if upcoming is None else [Upcoming(*upcoming, tasks[0])]
        return Trainings(ByEpochs(make), space, rows, fit, tasks[:1], ahead)

    shared = Fused()
    foreseen = trainings(3)
    list(shared.run(trainings(2, upcoming=(foreseen.hyperparameters, foreseen.fit))))
    (after,) = shared.run(trainings(4))
    (alone,) = Fused().run(trainings(4))
    assert after.scores == alone.scores


def test_programs_of_trials_to_come_are_made_meanwhile(rows, tasks):
    """Those of the next two, each once, and they train what is trained without them."""
    fit = FitArguments(epochs=1, batch_size=8)
    spaces = [keras_tuner.HyperParameters() for _ in range(3)]
    for units, space in enumerate(spaces, 2):
        space.Fixed("units", units)

    class Model(keras_tuner.HyperModel):
        def build(self, hp):
            return compiled(keras.Sequential([keras.layers.Dense(hp["units"]), *dense().layers]))

    engine, made, scores = Fused(), [], []
    for number, space in enumerate(spaces):
        upcoming = [Upcoming(one, fit, tasks[0]) for one in spaces[number + 1 :]]
        given = Trainings(Model(), space, rows, fit, tasks[:1], upcoming)
        scores += [one.scores for one in engine.run(given)]
        made.append(engine.programs)
    alone = [
        one.scores
        for space in spaces
        for one in Fused().run(Trainings(Model(), space, rows, fit, tasks[:1]))
    ]
    assert made == [3, 3, 3]
    assert scores == alone


@pytest.mark.parametrize(
    "fits",
    [
        pytest.param(
            [{"class_weight": {0: 0.2, 1: 3.0}}, {}], id="class_weight", marks=pytest.mark.full
        ),
        pytest.param([{"batch_size": 4, "longest": 9}, {"longest": 9}], id="batch_size"),
    ],
)
def test_a_search_does_not_depend_on_how_the_last_one_trained(fits, rows, tasks):
    engine = Fused()
    for fit in fits:
        arguments = FitArguments(**{"epochs": 1, "batch_size": 8, **fit})
        (found,) = trained(engine, lambda: compiled(dense()), rows, tasks[:1], arguments).values()
    (alone,) = trained(Fused(), lambda: compiled(dense()), rows, tasks[:1], arguments).values()
    assert found[1] == alone[1]


@pytest.mark.parametrize(
    ("makes", "programs"),
    [
        pytest.param(
            [
                lambda init=init: compiled(dense(kernel_initializer=init))
                for init in ("zeros", "he_normal", "uniform")
            ],
            1,
            id="initializers",
        ),
        pytest.param(
            [
                lambda rate=rate: compiled(dense(), keras.optimizers.SGD(rate))
                for rate in (0.001, 0.1, 0.3)
            ],
            1,
            id="learning_rates",
            marks=pytest.mark.full,
        ),
        pytest.param(
            [
                dropped(rate, kernel_constraint=keras.constraints.MaxNorm(bound))
                for rate in (0.1, 0.5)
                for bound in (1, 4)
            ],
            1,
            id="rates_and_bounds",
        ),
        pytest.param([dropped(0.0), dropped(0.1)], 2, id="no_dropout_is_another"),
        pytest.param(
            [lambda a=a: compiled(dense(activation=a)) for a in ("relu", "tanh")],
            2,
            id="activations",
            marks=pytest.mark.full,
        ),
        pytest.param(
            [
                lambda m=m: compiled(dense(), keras.optimizers.SGD(0.1, momentum=m))
                for m in (0.0, 0.5, 0.9)
            ],
            2,
            id="momenta",
        ),
    ],
)
def test_programs_are_shared(makes, programs, rows, tasks):
    engine = Fused()
    equal_folds = [task for task in tasks if len(task.train) == 33]
    for make in makes:
        trained(engine, make, rows, equal_folds, FIT)
    assert engine.programs == programs


@pytest.mark.parametrize(
    ("experiment", "fewer", "programs"),
    [
        pytest.param("init", {}, 1, id="init"),
        pytest.param(
            "learning_rate",
            {"learn_rate": [0.001, 0.3], "momentum": [0.0, 0.2, 0.9]},
            2,
            id="learning_rate",
            marks=pytest.mark.full,
        ),
        pytest.param(
            "dropout",
            {"dropout_rate": [0.0, 0.1, 0.9], "weight_constraint": [1, 5]},
            2,
            id="dropout",
        ),
        pytest.param(
            "batch_epochs",
            {"batch_size": [10, 20, 100], "epochs": [10]},
            3,
            id="batch_epochs",
            marks=pytest.mark.full,
        ),
    ],
)
def test_programs_of_the_tutorials_experiments(experiment, fewer, programs, rows, tasks):
    """Some values of every axis that reaches the model or its batches."""
    engine, loaded = Fused(), REGISTRY[experiment]
    for parameters in combinations(make_axes({**loaded.grid, **fewer})):
        space = keras_tuner.HyperParameters()
        for name, value in parameters.items():
            space.Fixed(name, value)
        fit = FitArguments(epochs=1, batch_size=parameters.get("batch_size", 10))
        model = keras_tuner.HyperModel()
        model.build = loaded.model
        list(engine.run(Trainings(model, space, rows, fit, tasks[:1])))
    assert engine.programs == programs


@pytest.mark.parametrize("bound", [0.2, 0.6])
def test_bound_is_an_input(bound, rows, tasks):
    """A shared program must obey the bound of the model at hand, not the first one's."""
    engine = Fused()
    make = lambda b: dropped(0.0, kernel_constraint=keras.constraints.MaxNorm(b))  # noqa: E731
    trained(engine, make(4.0), rows, tasks[:1], FIT)
    weights = trained(engine, make(bound), rows, tasks[:1], FIT)[0][0][0]
    assert engine.programs == 1
    assert np.linalg.norm(weights, axis=0).max() == pytest.approx(bound, rel=1e-4)


@pytest.mark.parametrize(
    "nesterov",
    [pytest.param(False, id="plain", marks=pytest.mark.full), pytest.param(True, id="nesterov")],
)
def test_momentum_is_an_input(nesterov, rows, tasks):
    """Notices when Keras reads the momentum in another way than as a tensor."""
    engine = Fused()

    def make(momentum):
        return compiled(dense(), keras.optimizers.SGD(0.5, momentum=momentum, nesterov=nesterov))

    for momentum in (0.9, 0.2):
        build = functools.partial(make, momentum)
        shared = trained(engine, build, rows, tasks[:1], FIT)
        alone = trained(Fused(), build, rows, tasks[:1], FIT)
        for mine, other in zip(shared[0][0], alone[0][0], strict=True):
            np.testing.assert_array_equal(mine, other)
    assert engine.programs == 1


class OwnFit(keras_tuner.HyperModel):
    def build(self, hp):
        return compiled(dense())

    def fit(self, hp, model, *args, **kwargs):
        return model.fit(*args, **kwargs)


@keras.saving.register_keras_serializable("tests")
class Doubling(keras.layers.Layer):
    def call(self, inputs):
        return 2 * inputs


COMMON = keras.layers.Normalization(mean=0.0, variance=1.0)

UNSUITABLE = {
    "own_fit": (OwnFit(), FIT, "fit of its own"),
    "callbacks": (
        Builder(lambda: compiled(dense())),
        FitArguments(1, 8, callbacks=(keras.callbacks.TerminateOnNaN(),)),
        "callbacks",
    ),
    "custom_layer": (Builder(lambda: compiled(dense(Doubling()))), FIT, "isn't Keras's own"),
    "lambda": (
        Builder(lambda: compiled(dense(keras.layers.Lambda(lambda x: 2 * x)))),
        FIT,
        "isn't Keras's own",
    ),
    "wrapped_optimizer": (
        Builder(
            lambda: compiled(dense(), keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD()))
        ),
        FIT,
        "optimizer around another",
    ),
    "common_layer": (
        Builder(lambda: compiled(dense(COMMON))),
        FIT,
        "a layer that the models of several folds have in common",
    ),
    "eager": (Builder(lambda: compiled(dense(), run_eagerly=True)), FIT, "run_eagerly"),
}
# Not all versions of Keras have it.
if hasattr(keras.optimizers, "MultiOptimizer"):
    UNSUITABLE["around_others"] = (
        Builder(
            lambda: compiled(
                dense(),
                keras.optimizers.MultiOptimizer(
                    keras.optimizers.OptimizerMap(keras.optimizers.SGD(0.1))
                ),
            )
        ),
        FIT,
        "optimizer",
    )


@pytest.mark.parametrize("name", UNSUITABLE)
def test_refuses_what_it_would_change(name, rows, tasks):
    hypermodel, fit, reason = UNSUITABLE[name]
    running = Fused().run(Trainings(hypermodel, keras_tuner.HyperParameters(), rows, fit, tasks))
    with pytest.raises(UnsuitableError, match=f"Expected .* Received: .*{reason}"):
        list(running)


def test_a_lack_of_memory_is_no_fault_of_the_model():
    fault = tf.errors.ResourceExhaustedError(None, None, "OOM when allocating a tensor")
    with pytest.raises(tf.errors.ResourceExhaustedError, match="OOM"), as_unsuitable():
        raise fault
    with pytest.raises(UnsuitableError, match="one that XLA refuses"), as_unsuitable():
        raise tf.errors.InvalidArgumentError(None, None, "no such op")


def test_a_trial_that_is_given_up_leaves_nothing_behind(rows, tasks, calls_of_ten):
    """The fold that was trained ahead stops in the middle, and shows in nothing that follows."""
    fit = FitArguments(epochs=40, batch_size=8, longest=80)
    engine, before = Fused(), set(threading.enumerate())
    asked = Trainings(Builder(dropped(0.3)), keras_tuner.HyperParameters(), rows, fit, tasks)
    running = engine.run(asked)
    first = next(running)
    running.close()
    assert first.split == 0
    started = set(threading.enumerate()) - before
    assert not [thread for thread in started if thread.name.startswith("ThreadPoolExecutor")]
    after = trained(engine, dropped(0.3), rows, tasks, FitArguments(80, 8, longest=80))
    alone = trained(Fused(), dropped(0.3), rows, tasks, FitArguments(80, 8, longest=80))
    for split, (weights, scores) in alone.items():
        assert after[split][1] == scores
        for mine, other in zip(after[split][0], weights, strict=True):
            np.testing.assert_array_equal(mine, other)

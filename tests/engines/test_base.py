"""What engines are given, and how a model is built."""

from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.data.code_digest import describe_value
from kt_grid.engines import make_engine
from kt_grid.engines.arguments import FitArguments
from kt_grid.engines.base import Task, Trainings, build_model, check_scores
from kt_grid.errors import EngineError, UsageError

X = np.arange(12, dtype=np.float32).reshape(6, 2)
Y = np.arange(6)
ROWS = np.array([4, 1])


def slow(epoch):
    return 0.001


def fast(epoch):
    return 0.9


class Counting(keras.callbacks.Callback):
    def __init__(self, most, told):
        super().__init__()
        self.most = most
        self.told = told
        self.begun = None


@pytest.mark.parametrize(
    ("x", "taken"),
    [
        pytest.param(X, [[8, 9], [2, 3]], id="array"),
        pytest.param({"a": X, "b": Y}, {"a": [[8, 9], [2, 3]], "b": [4, 1]}, id="dict"),
        pytest.param([X, Y], [[[8, 9], [2, 3]], [4, 1]], id="list"),
    ],
)
def test_rows_are_taken_from_every_array(x, taken):
    arrays = Arrays(x, Y, Y / 10)
    assert arrays.rows == 6
    part = arrays.take(ROWS)
    assert keras.tree.map_structure(np.ndarray.tolist, part.x) == taken
    assert part.y.tolist() == [4, 1]
    assert part.sample_weight.tolist() == [0.4, 0.1]


def test_the_training_tuple_has_weights_only_if_there_are_any():
    assert Arrays(X, Y).training_tuple() == (X, Y)
    assert len(Arrays(X, Y, Y).training_tuple()) == 3
    assert Arrays(X, Y).take(ROWS).sample_weight is None


@pytest.mark.parametrize(
    ("fit", "described"),
    [
        pytest.param(FitArguments(), {"epochs": 1, "batch_size": 32}, id="defaults"),
        pytest.param(
            FitArguments(class_weight={0: 1.0, 1: 3.0}),
            {"epochs": 1, "batch_size": 32, "class_weight": {"0": 1.0, "1": 3.0}},
            id="class_weight",
        ),
        pytest.param(
            FitArguments(callbacks=(Counting(3, print),)),
            {
                "epochs": 1,
                "batch_size": 32,
                "callbacks": [f"Counting(most=3, source={describe_value(Counting(3, print))})"],
            },
            id="callbacks",
        ),
        pytest.param(
            FitArguments(epochs=2, own={"epochs": 2, "steps": 3}),
            {"epochs": 2, "batch_size": 32, "steps": "3"},
            id="own",
        ),
    ],
)
def test_fit_arguments_are_described_in_json_values(fit, described):
    assert fit.to_json() == described


def build(hp, inputs=()):
    model = keras.Sequential([*inputs, keras.layers.Dense(3), keras.layers.Dropout(0.5)])
    model.compile(loss="mse")
    return model


def built(seed, build=build):
    return build_model(
        SimpleNamespace(build=build), keras_tuner.HyperParameters(), Arrays(X, Y), seed
    )


def test_initial_weights_follow_from_the_seed_alone():
    first, again, other = built(1), built(1), built(2)
    for a, b in zip(first.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(a, b)
    assert not np.array_equal(first.get_weights()[0], other.get_weights()[0])
    assert first.get_config() == again.get_config()


@pytest.mark.parametrize("inputs", [(), (keras.Input((2,)),)], ids=["no input shape", "input"])
def test_a_model_is_built_and_has_the_same_weights_either_way(inputs):
    model = built(1, lambda hp: build(hp, inputs))
    assert model.built
    np.testing.assert_array_equal(model.get_weights()[0], built(1).get_weights()[0])


@pytest.mark.parametrize(
    ("result", "reason"),
    [
        pytest.param(lambda _: "a model", "to return a keras.Model. Received: 'a model'", id="no"),
        pytest.param(
            lambda _: keras.Sequential([keras.layers.Dense(1)]), "compiled", id="not compiled"
        ),
    ],
)
def test_what_is_no_compiled_model_is_refused(result, reason):
    with pytest.raises(EngineError, match=reason):
        built(1, result)


@pytest.mark.parametrize("loss", [float("nan"), float("inf"), float("-inf")])
def test_a_diverged_loss_is_refused(loss):
    with pytest.raises(EngineError, match="Expected a finite loss"):
        check_scores({"val_loss": loss, "val_accuracy": 0.5})


@pytest.mark.parametrize("scores", [{"val_loss": 3.0}, {"val_accuracy": 0.5}])
def test_a_finite_loss_or_none_passes(scores):
    check_scores(scores)


def test_an_engine_is_made_by_its_name():
    assert make_engine("keras").name == "keras"
    with pytest.raises(UsageError, match=r"one of auto, .*keras.* Received: 'warp'"):
        make_engine("warp")


def test_a_precision_that_is_set_for_all_layers_stays():
    def model(_):
        made = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
        made.compile(loss="mse")
        return made

    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        assert [built(seed, model).layers[0].compute_dtype for seed in (1, 2)] == ["bfloat16"] * 2
    finally:
        keras.config.set_dtype_policy(before)


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        pytest.param({"patience": 2}, {"patience": 2}, True, id="alike"),
        pytest.param({"patience": 2}, {"patience": 3}, False, id="another patience"),
        pytest.param({"schedule": slow}, {"schedule": slow}, True, id="one function"),
        pytest.param({"schedule": slow}, {"schedule": fast}, False, id="another function"),
    ],
)
def test_callbacks_are_described_by_their_settings(one, other, same):
    kinds = keras.callbacks
    kind = kinds.LearningRateScheduler if "schedule" in one else kinds.EarlyStopping
    described = [
        FitArguments(callbacks=(kind(**settings),), own={"f": next(iter(settings.values()))})
        for settings in (one, other)
    ]
    told = [fit.to_json() for fit in described]
    assert (told[0] == told[1]) is same
    assert f"{kind.__name__}(" in told[0]["callbacks"][0]
    assert " at 0x" not in str(told)


@pytest.mark.parametrize("engine", ["keras", "fused"])
def test_a_training_goes_on_from_weights_that_build_loads(tmp_path, engine):
    def network():
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
        model.compile(keras.optimizers.SGD(0.0), "mse")
        return model

    saved = network()
    saved.save(tmp_path / "saved.keras")

    class Warm(keras_tuner.HyperModel):
        def build(self, hp):
            model = network()
            model.set_weights(keras.saving.load_model(tmp_path / "saved.keras").get_weights())
            return model

    y = Y.astype(np.float32)
    task = Task(0, np.arange(2, 6), np.arange(2), 3)
    hp, fit = keras_tuner.HyperParameters(), FitArguments(epochs=2, batch_size=2)
    (done,) = make_engine(engine).run(Trainings(Warm(), hp, Arrays(X, y), fit, [task]))
    for ours, theirs in zip(done.model.get_weights(), saved.get_weights(), strict=True):
        np.testing.assert_array_equal(ours, theirs)

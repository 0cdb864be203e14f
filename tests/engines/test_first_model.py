"""What a model compiles settles what isn't stated."""

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.first_model import choose_objective, compiled_metrics, suit_arrays

X = np.zeros((3, 2), np.float32)
BCE, SPARSE, ONE_HOT = (
    f"{kind}_crossentropy" for kind in ("binary", "sparse_categorical", "categorical")
)


def mine(y_true, y_pred):
    return y_true - y_pred


class Plain:
    """Keras takes anything that can be called, but can't describe it."""

    def __call__(self, y_true, y_pred):
        return y_true - y_pred


class OwnAccuracy(keras.metrics.BinaryAccuracy):
    """A subclass."""


def bare(hp):
    return keras.Sequential()


def building(loss, units=1, **compiled):
    def build(hp):
        model = keras.Sequential([keras.layers.Dense(units, name="dense")])
        model.compile(loss=loss, **compiled)
        return model

    return build


FORMS = [
    pytest.param(["accuracy"], "max:val_accuracy", id="list"),
    pytest.param(("accuracy",), "max:val_accuracy", id="tuple"),
    pytest.param({"dense": ["accuracy"]}, "max:val_accuracy", id="by output"),
    pytest.param({"dense": "accuracy"}, "max:val_accuracy", id="word by output"),
    pytest.param([["accuracy"]], "max:val_accuracy", id="nested"),
    pytest.param(["mae", "acc"], "max:val_acc", id="acc"),
    pytest.param(["Accuracy"], "max:val_Accuracy", id="capital"),
    pytest.param(["AUC", "accuracy"], "max:val_accuracy", id="beside AUC"),
    pytest.param(
        [Plain(), lambda a, b: a - b, "accuracy"], "max:val_accuracy", id="beside a lambda"
    ),
    pytest.param([keras.metrics.BinaryAccuracy()], "max:val_binary_accuracy", id="object"),
    pytest.param([keras.metrics.BinaryAccuracy("right")], "max:val_right", id="named object"),
    pytest.param([OwnAccuracy("own")], "max:val_own", id="subclass"),
    pytest.param([keras.metrics.binary_accuracy], "max:val_binary_accuracy", id="function"),
    pytest.param([keras.metrics.BinaryAccuracy(), "accuracy"], "max:val_accuracy", id="both"),
    pytest.param([keras.metrics.Accuracy()], "min:val_loss", id="equality of outputs"),
    pytest.param(["mae"], "min:val_loss", id="mae"),
    pytest.param([], "min:val_loss", id="none"),
    pytest.param([mine], "min:val_loss", id="of one's own"),
]


@pytest.mark.parametrize(("metrics", "expected"), FORMS)
def test_an_accuracy_is_found_in_every_form(metrics, expected):
    rows = Arrays(X, np.array([0, 1, 1]))
    objective, notes = choose_objective(building(BCE, metrics=metrics), {}, rows)
    assert (str(objective), objective.stated) == (expected, False)
    assert expected in notes[0]
    assert str(choose_objective(building(BCE, metrics=metrics), {})[0]) == expected


@pytest.mark.parametrize(
    "compiled",
    [
        *(pytest.param({"metrics": form.values[0]}, id=form.id) for form in FORMS),
        pytest.param({"weighted_metrics": ["accuracy", "mae"]}, id="weighted"),
        pytest.param(
            {"metrics": ["acc", "mae", mine, mine], "weighted_metrics": ["acc", "auc", "acc"]},
            id="names that come twice",
        ),
    ],
)
def test_names_are_those_that_keras_reports(eagerly, compiled):
    """Keras keeps what is compiled in private attributes: this fails where it no longer does."""
    keras.utils.clear_session()
    model = building(BCE, **compiled)(None)
    names = [metric.name for metric in compiled_metrics(model)]
    reported = model.evaluate(X, np.array([0, 1, 1], np.float32), verbose=0, return_dict=True)
    assert sorted([*names, "loss"]) == sorted(reported)


@pytest.mark.parametrize(
    ("loss", "units", "metric", "y", "has"),
    [
        pytest.param("mse", 1, "accuracy", [0, 1, 1], True, id="0 and 1 by mse"),
        pytest.param("mse", 1, "accuracy", [0.5, 1, 7], False, id="numbers"),
        pytest.param("mse", 1, "accuracy", [1, 2, 3], False, id="ratings by mse"),
        pytest.param("mae", 1, "acc", [10, 20, 30], False, id="amounts"),
        pytest.param(BCE, 1, "accuracy", [1, 2, 2], True, id="two classes"),
        pytest.param(BCE, 1, "accuracy", [0.2, 0.9, 1], False, id="probabilities"),
        pytest.param("hinge", 1, "accuracy", [-1, 1, 1], False, id="margins"),
        pytest.param("hinge", 1, "accuracy", [0, 1, 1], True, id="hinge of 0 and 1"),
        pytest.param(SPARSE, 3, "accuracy", [1, 2, 3], True, id="places"),
        pytest.param(ONE_HOT, 3, "accuracy", [1, 2, 3], True, id="one-hot of places"),
        pytest.param(ONE_HOT, 3, "accuracy", np.eye(3), True, id="one-hot rows"),
        pytest.param(ONE_HOT, 3, "accuracy", np.full((3, 3), 1 / 3), True, id="soft labels"),
        pytest.param("mse", 3, "accuracy", np.eye(3), True, id="one-hot rows by mse"),
        pytest.param("mse", 2, "accuracy", [[0.5, 2]] * 3, False, id="two numbers a row"),
        pytest.param(BCE, 2, "accuracy", [[1, 1], [0, 1], [0, 0]], False, id="several labels"),
        pytest.param(BCE, 2, "binary_accuracy", [[1, 1], [0, 1], [0, 0]], True, id="each label"),
        pytest.param(mine, 1, "accuracy", [0, 1, 1], True, id="own loss of two classes"),
        pytest.param(mine, 1, "accuracy", [3, 4, 5], False, id="own loss of numbers"),
        pytest.param(SPARSE, 3, "binary_accuracy", [0, 1, 2], False, id="another accuracy"),
    ],
)
def test_an_accuracy_needs_a_meaning_for_target_and_loss_together(loss, units, metric, y, has):
    rows = Arrays(X, np.array(y, np.float32))
    objective, notes = choose_objective(building(loss, units, metrics=[metric]), {}, rows)
    assert str(objective) == (f"max:val_{metric}" if has else "min:val_loss")
    assert has or "no meaning" in notes[0]


def logits(metrics):
    return building(keras.losses.BinaryCrossentropy(from_logits=True), metrics=metrics)


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        pytest.param(["accuracy"], True, id="accuracy"),
        pytest.param([keras.metrics.BinaryAccuracy()], True, id="at one half"),
        pytest.param([keras.metrics.BinaryAccuracy(threshold=0)], False, id="at 0"),
    ],
)
def test_a_boundary_other_than_predicts_is_told(metrics, told):
    _, notes = choose_objective(logits(metrics), {}, Arrays(X, np.array([0, 1, 1])))
    assert any("threshold=0" in note for note in notes) is told


def test_a_model_of_several_outputs_is_searched_by_its_loss():
    def build(hp):
        inputs = keras.Input((2,))
        outputs = {name: keras.layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
        model = keras.Model(inputs, outputs)
        model.compile(loss={"a": BCE, "b": "mse"}, metrics={"a": ["accuracy"]})
        return model

    objective, notes = choose_objective(build, {})
    assert str(objective) == "min:val_loss"
    assert "several outputs" in notes[0]


def test_a_model_that_is_not_compiled_has_its_loss():
    assert str(choose_objective(bare, {"units": (1, 2)})[0]) == "min:val_loss"


def test_a_combination_that_cannot_be_built_says_nothing_of_the_others():
    def build(hp):
        if hp.get("units") == 1:
            raise ValueError("broken")
        return building(BCE)(hp)

    assert str(choose_objective(build, {"units": (1, 2)})[0]) == "min:val_loss"
    assert str(choose_objective(build, {"units": (1,)})[0]) == "max:val_accuracy"


def test_suit_arrays_follows_the_loss_and_the_output():
    y = np.array([1, 2, 3], np.float32)
    space = keras_tuner.HyperParameters()
    suited = suit_arrays(building("categorical_crossentropy", 3), space, Arrays(X, y))
    assert suited.y.tolist() == np.eye(3).tolist()
    assert suited.labels == ("1", "2", "3")
    same = Arrays(X, y)
    assert suit_arrays(building("mse"), space, same) is same


def test_suit_arrays_leaves_a_broken_model_to_its_trial():
    def build(hp):
        raise ValueError("broken")

    arrays = Arrays(X, np.array([1.0, 2.0, 3.0]))
    assert suit_arrays(build, keras_tuner.HyperParameters(), arrays) is arrays

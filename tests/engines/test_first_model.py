"""What a model compiles settles what isn't stated."""

import json

import keras
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss
from kt_grid.engines.first_model import (
    CompileArguments,
    choose_objective,
    compiled_metrics,
    describe_compile,
    doubt_objective,
)
from kt_grid.space.objective import parse_objective

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


def compiled_model(loss, units=1, **compiled):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units, name="dense")])
    model.compile(loss=loss, **compiled)
    return model


def compiling(loss, units=1, **compiled):
    return describe_compile(compiled_model(loss, units, **compiled))


ROWS = Arrays(X, np.array([0, 1, 1]))


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
    objective, notes = choose_objective([compiling(BCE, metrics=metrics)], ROWS)
    assert (str(objective), objective.stated) == (expected, False)
    # What is usual isn't worth a word.
    assert [expected in note for note in notes] == [True] * (expected != "max:val_accuracy")


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
    keras.utils.clear_session(free_memory=False)
    model = compiled_model(BCE, **compiled)
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
        pytest.param(SPARSE, 3, "accuracy", [1, 2, 3], True, id="indices"),
        pytest.param(ONE_HOT, 3, "accuracy", [1, 2, 3], True, id="one-hot of indices"),
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
    objective, notes = choose_objective([compiling(loss, units, metrics=[metric])], rows)
    assert str(objective) == (f"max:val_{metric}" if has else "min:val_loss")
    assert has or "no meaning" in notes[0]


def logits(metrics):
    return compiling(keras.losses.BinaryCrossentropy(from_logits=True), metrics=metrics)


@pytest.mark.parametrize(
    ("metrics", "told"),
    [
        pytest.param(["accuracy"], True, id="accuracy"),
        pytest.param([keras.metrics.BinaryAccuracy()], True, id="at one half"),
        pytest.param([keras.metrics.BinaryAccuracy(threshold=0)], False, id="at 0"),
    ],
)
def test_a_boundary_other_than_predicts_is_told(metrics, told):
    _, notes = choose_objective([logits(metrics)], ROWS)
    assert any("threshold=0" in note for note in notes) is told


def test_a_model_of_several_outputs_is_searched_by_its_loss():
    inputs = keras.Input((2,))
    outputs = {name: keras.layers.Dense(1, name=name)(inputs) for name in ("a", "b")}
    model = keras.Model(inputs, outputs)
    model.compile(loss={"a": BCE, "b": "mse"}, metrics={"a": ["accuracy"]})
    several = describe_compile(model)
    assert several == CompileArguments(Loss(""), (), outputs=2, takes_any_scale=False)
    objective, notes = choose_objective([several], ROWS)
    assert str(objective) == "min:val_loss"
    assert "several outputs" in notes[0]


def test_a_model_that_is_not_compiled_has_its_loss():
    bare = describe_compile(keras.Sequential())
    assert bare == CompileArguments(Loss(""), takes_any_scale=False)
    assert str(choose_objective([bare], ROWS)[0]) == "min:val_loss"


@pytest.mark.parametrize(
    ("loss", "units", "described"),
    [
        pytest.param(BCE, 1, Loss(BCE, 1), id="word"),
        pytest.param("mse", 3, Loss("mean_squared_error", 3), id="short word"),
        pytest.param(
            keras.losses.BinaryCrossentropy(from_logits=True), 1, Loss(BCE, 1, True), id="logits"
        ),
        pytest.param(mine, 2, Loss("", 2), id="of one's own"),
    ],
)
def test_a_models_loss_and_metrics_are_described(loss, units, described):
    found = compiling(loss, units, metrics=["mae"], weighted_metrics=["accuracy"])
    assert (found.loss, found.outputs) == (described, 1)
    # Keras reports those that heed weights after the others.
    assert [(one.name, one.weighted) for one in found.metrics] == [
        ("mae", False),
        ("accuracy", True),
    ]


@pytest.mark.parametrize(
    "compiled",
    [
        pytest.param(compiling(BCE, metrics=["accuracy", mine, "auc"]), id="words and own"),
        pytest.param(compiling(mine, 2, weighted_metrics=["acc"]), id="own loss"),
        pytest.param(
            compiling(
                keras.losses.BinaryCrossentropy(from_logits=True),
                metrics=[keras.metrics.BinaryAccuracy("right", threshold=0.25)],
            ),
            id="objects",
        ),
        pytest.param(compiling("mse", metrics=[keras.metrics.Accuracy()]), id="of outputs"),
        pytest.param(CompileArguments(Loss(""), (), 2), id="several outputs"),
    ],
)
def test_what_is_compiled_goes_through_json(compiled):
    assert CompileArguments.from_json(json.loads(json.dumps(compiled.to_json()))) == compiled


class Own(keras.layers.Layer):
    def call(self, inputs):
        return inputs / 100


@pytest.mark.parametrize(
    ("layers", "taken"),
    [
        pytest.param([keras.layers.Dense(2), keras.layers.Dropout(0.1)], False, id="none"),
        pytest.param([keras.layers.Normalization()], True, id="adapted"),
        pytest.param([keras.layers.BatchNormalization()], True, id="of batches"),
        pytest.param([keras.layers.Rescaling(0.1)], True, id="by a number"),
        pytest.param([keras.Sequential([keras.layers.LayerNormalization()])], True, id="within"),
        pytest.param([Own()], True, id="of one's own, which may"),
    ],
)
def test_whether_a_model_takes_features_of_any_scale(layers, taken):
    model = keras.Sequential([keras.Input((2,)), *layers])
    assert describe_compile(model).takes_any_scale is taken


def test_what_was_written_before_scales_were_looked_at_is_read():
    entry = compiling("mse").to_json()
    del entry["takes_any_scale"]
    assert CompileArguments.from_json(entry).takes_any_scale


def test_without_any_model_an_accuracy_is_hoped_for():
    objective, notes = choose_objective([], ROWS)
    assert (str(objective), objective.stated, notes) == ("max:val_accuracy", False, ())


WITH, WITHOUT = (compiling(BCE, metrics=metrics) for metrics in (["accuracy"], ["mae"]))
BY_MARGIN = compiling("hinge", metrics=["accuracy"])
BY_NUMBERS = compiling("mse", metrics=["accuracy"])
BOTH = compiling(BCE, metrics=["accuracy", keras.metrics.BinaryAccuracy()])
OTHER = compiling(BCE, metrics=[keras.metrics.BinaryAccuracy()])
WEIGHTED = compiling(BCE, weighted_metrics=["accuracy"], metrics=[keras.metrics.BinaryAccuracy()])


@pytest.mark.parametrize(
    ("compiled", "y", "expected", "why"),
    [
        pytest.param([WITH, WITH], [0, 1, 1], "max:val_accuracy", "", id="all alike"),
        pytest.param([WITH, WITHOUT], [0, 1, 1], "min:val_loss", "no accuracy", id="one without"),
        pytest.param([WITHOUT, WITH], [0, 1, 1], "min:val_loss", "no accuracy", id="other order"),
        pytest.param([WITH, BY_NUMBERS], [0, 1, 1], "max:val_accuracy", "", id="two losses"),
        pytest.param(
            [WITH, BY_NUMBERS], [1, 2, 2], "min:val_loss", "no meaning", id="no meaning for one"
        ),
        pytest.param([WITH, BOTH], [0, 1, 1], "max:val_accuracy", "", id="in common"),
        pytest.param(
            [BOTH, OTHER], [0, 1, 1], "max:val_binary_accuracy", "compiles it", id="less common"
        ),
        pytest.param([WITH, OTHER], [0, 1, 1], "min:val_loss", "in common", id="none in common"),
        pytest.param(
            [WEIGHTED], [0, 1, 1], "max:val_binary_accuracy", "compiles it", id="not by weights"
        ),
        pytest.param(
            [BY_MARGIN, BY_MARGIN], [-1, 1, 1], "min:val_loss", "no meaning", id="margins"
        ),
    ],
)
def test_the_objective_is_an_accuracy_that_has_a_meaning_for_every_model(
    compiled, y, expected, why
):
    objective, notes = choose_objective(compiled, Arrays(X, np.array(y, np.float32)))
    assert str(objective) == expected
    # What is usual isn't worth a word.
    assert [why in note for note in notes] == [True] * bool(why)


@pytest.mark.parametrize(
    ("metric", "objective", "told"),
    [
        pytest.param("accuracy", "val_accuracy", 0, id="itself"),
        pytest.param(keras.metrics.MeanSquaredError(name="auc"), "val_auc", 1, id="an error"),
        pytest.param(keras.metrics.MeanSquaredError(name="auc"), "min:val_auc", 0, id="stated"),
        pytest.param(keras.metrics.MeanSquaredError(name="auc"), "val_loss", 0, id="another"),
        pytest.param(mine, "max:val_mine", 0, id="somebody's own"),
    ],
)
def test_an_objective_whose_metric_has_another_name_is_told(metric, objective, told):
    compiled = compiling("binary_crossentropy", metrics=[metric])
    notes = doubt_objective(parse_objective(objective), [compiled, compiled])
    words = "objective max:val_auc, but the models compile mean_squared_error by that name"
    assert [note.startswith(words) for note in notes] == [True] * told


def test_a_target_that_is_none_for_a_loss_is_left_to_its_trial():
    """Three classes can't be one for a binary loss, so its accuracy has no meaning."""
    objective, _ = choose_objective([WITH], Arrays(X, np.array([1.0, 2.0, 3.0])))
    assert str(objective) == "min:val_loss"

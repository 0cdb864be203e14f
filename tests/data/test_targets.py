"""The form of a target follows from the loss."""

import keras
import numpy as np
import pytest

from kt_grid.data.targets import Loss, fit_target, label_places, loss_of, strata
from kt_grid.errors import DataError

BCE, SPARSE, ONE_HOT = (
    f"{kind}_crossentropy" for kind in ("binary", "sparse_categorical", "categorical")
)


def mine(y_true, y_pred):
    return y_true - y_pred


def column(*values):
    return np.array(values, np.float32)


@pytest.mark.parametrize(
    ("y", "loss", "labels", "form", "names"),
    [
        pytest.param([0, 1, 1], Loss(BCE, 1), (), [0, 1, 1], (), id="binary"),
        pytest.param([0, 0.3, 1], Loss(BCE, 1), (), [0, 0.3, 1], (), id="probabilities"),
        pytest.param([1, 2, 1], Loss(BCE, 1), (), [0, 1, 0], ("1", "2"), id="1 and 2"),
        pytest.param([-1, 1], Loss(BCE), (), [0, 1], ("-1", "1"), id="-1 and 1"),
        pytest.param([0, 1], Loss(BCE, 1), ("a", "b"), [0, 1], ("a", "b"), id="two names"),
        pytest.param([0, 2, 1], Loss(SPARSE, 3), (), [0, 2, 1], (), id="places"),
        pytest.param([1, 2, 3], Loss(SPARSE, 4), (), [1, 2, 3], (), id="places with room"),
        pytest.param([1, 2, 3], Loss(SPARSE, 3), (), [0, 1, 2], ("1", "2", "3"), id="from 1"),
        pytest.param([3, 7], Loss(SPARSE), (), [0, 1], ("3", "7"), id="with gaps"),
        pytest.param([0, 1], Loss(ONE_HOT, 2), (), [[1, 0], [0, 1]], (), id="one-hot"),
        pytest.param([1, 2], Loss(ONE_HOT), (), [[1, 0], [0, 1]], ("1", "2"), id="one-hot from 1"),
        pytest.param([1.5, 9], Loss("mean_squared_error", 1), (), [1.5, 9], (), id="regression"),
        pytest.param([0, 1], Loss(""), ("a", "b"), [0, 1], ("a", "b"), id="an unknown loss"),
    ],
)
def test_fit_target(y, loss, labels, form, names):
    fitted, labelled = fit_target(column(*y), loss, labels)
    np.testing.assert_array_equal(fitted, column(*form))
    assert labelled == names


@pytest.mark.parametrize(
    ("y", "loss", "labels", "words"),
    [
        pytest.param([0, 1, 2], Loss(BCE, 1), (), ["two classes", "0, 1, 2"], id="three classes"),
        pytest.param([0, 1, 2], Loss(BCE), tuple("abc"), ["two classes", "a, b, c"], id="names"),
        pytest.param([0.5, 1.5], Loss(SPARSE, 2), (), ["classes", "0.5"], id="fractions"),
        pytest.param([0, 1, 2], Loss(SPARSE, 2), tuple("abc"), ["3 units", "2"], id="too narrow"),
        pytest.param([0, 1], Loss("huber"), ("a", "b"), ["numbers", "a, b"], id="names to regress"),
    ],
)
def test_fit_target_refuses(raises, y, loss, labels, words):
    with raises(DataError, *words):
        fit_target(column(*y), loss, labels)


@pytest.mark.parametrize(
    "y",
    [
        pytest.param(np.eye(3), id="one-hot already"),
        pytest.param({"a": column(5, 6), "b": column(1, 2)}, id="several outputs"),
        pytest.param(np.zeros((2, 4, 4, 1)), id="images"),
    ],
)
def test_other_targets_stay_as_they_are(y):
    assert fit_target(y, Loss(ONE_HOT, 3))[0] is y


@pytest.mark.parametrize(
    ("given", "name", "logits"),
    [
        pytest.param("mse", "mean_squared_error", False, id="alias"),
        pytest.param(BCE, BCE, False, id="name"),
        pytest.param(keras.losses.binary_crossentropy, BCE, False, id="function"),
        pytest.param(
            keras.losses.SparseCategoricalCrossentropy(from_logits=True), SPARSE, True, id="object"
        ),
        pytest.param(mine, "mine", False, id="of one's own"),
        pytest.param(["mse", "mse"], "", False, id="several"),
    ],
)
def test_loss_of_a_model(given, name, logits):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3)])
    model.compile(loss=given)
    assert loss_of(model) == Loss(name, 3, logits)


def test_loss_of_a_model_that_is_not_compiled():
    assert loss_of(keras.Sequential([keras.layers.Dense(3)])) == Loss("", None)


def test_label_places():
    places, labels = label_places(np.array([["b"], ["a"], ["b"]], object))
    assert (places.tolist(), labels) == ([1, 0, 1], ("a", "b"))


def test_strata_of_other_targets_are_the_targets():
    assert strata(np.array([[1, 1], [0, 1]])).tolist() == [[1, 1], [0, 1]]
    assert strata([1, 2]) == [1, 2]

"""The form of a target follows from the loss."""

import pickle

import keras
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.data.labels import label_indices
from kt_grid.data.targets import (
    Loss,
    Targets,
    fit_target,
    loss_of,
)
from kt_grid.errors import DataError

BCE, SPARSE, ONE_HOT = (
    f"{kind}_crossentropy" for kind in ("binary", "sparse_categorical", "categorical")
)


def mine(y_true, y_pred):
    return y_true - y_pred


class BinaryCrossentropy(keras.losses.BinaryCrossentropy):
    """A user's own, with a name that Keras has too."""


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
        pytest.param([0, 2, 1], Loss(SPARSE, 3), (), [0, 2, 1], (), id="indices"),
        pytest.param([1, 2, 3], Loss(SPARSE, 4), (), [1, 2, 3], (), id="places with room"),
        pytest.param([1, 2, 3], Loss(SPARSE, 3), (), [0, 1, 2], ("1", "2", "3"), id="from 1"),
        pytest.param([-1, 1], Loss("hinge", 1), (), [-1, 1], (), id="margins"),
        pytest.param([1, 2], Loss("hinge", 1), (), [0, 1], ("1", "2"), id="hinge of 1 and 2"),
        pytest.param([0, 2], Loss("categorical_hinge", 3), (), np.eye(3)[[0, 2]], (), id="hinges"),
        pytest.param([3, 7], Loss(SPARSE), (), [0, 1], ("3", "7"), id="with gaps"),
        pytest.param([0, 1], Loss(ONE_HOT, 2), (), [[1, 0], [0, 1]], (), id="one-hot"),
        pytest.param([1, 2], Loss(ONE_HOT), (), [[1, 0], [0, 1]], ("1", "2"), id="one-hot from 1"),
        pytest.param([1.5, 9], Loss("mean_squared_error", 1), (), [1.5, 9], (), id="regression"),
        pytest.param([0, 1], Loss(""), ("a", "b"), [0, 1], ("a", "b"), id="an unknown loss"),
    ],
)
def test_fit_target(y, loss, labels, form, names):
    fitted, labelled = fit_target(column(*y), loss, labels)
    np.testing.assert_array_equal(fitted, np.asarray(form, np.float32))
    assert labelled == names


@pytest.mark.parametrize(
    ("y", "loss", "labels", "words"),
    [
        pytest.param([0, 1, 2], Loss(BCE, 1), (), ["two classes", "0, 1, 2"], id="three classes"),
        pytest.param([0, 1, 2], Loss(BCE), tuple("abc"), ["two classes", "a, b, c"], id="names"),
        pytest.param([1, np.nan], Loss(BCE, 1), (), ["missing", "NaN in 1 of 2"], id="a gap"),
        pytest.param([np.nan, 3], Loss("huber"), (), ["missing", "NaN"], id="a gap in numbers"),
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
        pytest.param(mine, "", False, id="of one's own"),
        pytest.param(BinaryCrossentropy(), BCE, False, id="subclass"),
        pytest.param(keras.losses.Huber(name="robust"), "huber", False, id="renamed"),
        pytest.param(["mse"], "mean_squared_error", False, id="list of one"),
        pytest.param({"dense": BCE}, BCE, False, id="by output"),
        pytest.param("crossentropy", SPARSE, False, id="crossentropy"),
        pytest.param(["mse", "mse"], "", False, id="several"),
    ],
)
def test_loss_of_a_model(given, name, logits):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, name="dense")])
    model.compile(loss=given)
    assert loss_of(model) == Loss(name, 3, logits)


def test_loss_of_a_model_that_is_not_compiled():
    assert loss_of(keras.Sequential([keras.layers.Dense(3)])) == Loss("", None)


def test_label_indices():
    indices, labels = label_indices(np.array([["b"], ["a"], ["b"]], object))
    assert (indices.tolist(), labels) == ([1, 0, 1], ("a", "b"))


TWO = Loss(BCE, 1)


def rows_of(*values, labels=()):
    return Arrays(np.zeros((len(values), 1)), column(*values), labels=labels)


@pytest.mark.parametrize("order", [1, -1], ids=["forwards", "backwards"])
def test_the_form_of_a_target_is_that_of_its_own_loss_in_any_order(order):
    targets = Targets(rows_of(1, 2, 2))
    losses = [TWO, Loss(SPARSE, 3), Loss(ONE_HOT, 2), Loss("mean_squared_error", 1), Loss("", 1)]
    forms = {loss: targets.for_loss(loss) for loss in losses[::order]}
    assert forms[TWO].y.tolist() == [0, 1, 1]
    assert forms[TWO].labels == ("1", "2")
    assert forms[Loss(SPARSE, 3)] is targets.given
    assert forms[Loss(ONE_HOT, 2)].y.tolist() == [[1, 0], [0, 1], [0, 1]]
    assert forms[losses[3]] is forms[losses[4]] is targets.given


def test_the_same_form_is_the_same_object():
    targets = Targets(rows_of(0, 1, 2, labels=("a", "b", "c")))
    assert targets.for_loss(Loss(SPARSE, 3)) is targets.for_loss(Loss(SPARSE, 8)) is targets.given
    one_hot = targets.for_loss(Loss(ONE_HOT, 3))
    assert targets.for_loss(Loss("categorical_focal_crossentropy", 3, True)) is one_hot
    assert one_hot.labels == ("a", "b", "c")
    assert targets.for_loss(Loss(ONE_HOT, 4)).y.shape == (3, 4)


def test_a_loss_that_does_not_fit_fails_alone():
    targets = Targets(rows_of(1, 2, 3))
    with pytest.raises(DataError, match="two classes"):
        targets.for_loss(TWO)
    assert targets.for_loss(Loss(SPARSE, 3)).y.tolist() == [0, 1, 2]


def test_pickled_targets_hold_the_rows_only():
    targets = Targets(rows_of(1, 2, 2))
    plain = len(pickle.dumps(targets))
    form = targets.for_loss(TWO)
    assert len(pickle.dumps(targets)) == plain
    again = pickle.loads(pickle.dumps(targets))  # noqa: S301 - its own bytes
    assert again.for_loss(TWO).y.tolist() == form.y.tolist()


@pytest.mark.parametrize(
    ("loss", "for_classes"),
    [
        pytest.param(BCE, True, id="binary"),
        pytest.param("hinge", True, id="hinge"),
        pytest.param("poisson", False, id="poisson"),
        pytest.param("kl_divergence", None, id="either"),
        pytest.param("", None, id="own"),
    ],
)
def test_losses_for_classes(loss, for_classes):
    assert Loss(loss).for_classes is for_classes

"""Weights of rows and classes, read or refused."""

import keras
import numpy as np
import pytest
from sklearn.utils.class_weight import compute_class_weight

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss, Targets
from kt_grid.data.weighting import (
    check_weighted,
    class_weights,
    keras_class_weight,
    resolve_class_weight,
    row_weights,
)
from kt_grid.errors import UsageError

BCE = Loss("binary_crossentropy", 1)
ONES = dict.fromkeys(range(6), 1.0)


def places(units):
    return Loss("sparse_categorical_crossentropy", units)


def one_hot(units):
    return Loss("categorical_crossentropy", units)


def test_a_column_of_weights():
    weights = row_weights(np.array(["1", "0", " 2.5"]), "w")
    assert weights.dtype == np.float32
    assert weights.tolist() == [1, 0, 2.5]


@pytest.mark.parametrize(
    ("words", "received"),
    [
        pytest.param(["1", "much"], "'much'", id="word"),
        pytest.param(["1", "-1"], "'-1'", id="negative"),
        pytest.param(["nan"], "'nan'", id="nan"),
        pytest.param(["inf"], "'inf'", id="infinite"),
        pytest.param(["1", "1e39"], "1e+39", id="too great"),
        pytest.param(["0", "0"], "only 0", id="nothing"),
    ],
)
def test_what_weighs_nothing_is_refused(words, received, raises):
    with raises(UsageError, "column 'w'", received):
        row_weights(words, "w")


@pytest.mark.parametrize(
    ("words", "weights"),
    [
        pytest.param([], {}, id="none"),
        pytest.param(["0=1", "1=2.5"], {"0": 1.0, "1": 2.5}, id="numbers"),
        pytest.param(["yes=3"], {"yes": 3.0}, id="names"),
        pytest.param(["a=b=3"], {"a=b": 3.0}, id="name with an equals sign"),
        pytest.param(["balanced"], "balanced", id="balanced"),
        pytest.param(["balanced=2"], {"balanced": 2.0}, id="a class of that name"),
    ],
)
def test_weights_by_class(words, weights):
    assert class_weights(words) == weights


@pytest.mark.parametrize(
    ("words", "received"),
    [
        pytest.param(["yes"], "'yes'", id="no weight"),
        pytest.param(["balanced", "1=2"], "'balanced'", id="balanced beside another"),
        pytest.param(["0=1", "0=2"], "'0' twice", id="twice"),
        pytest.param(["0=heavy"], "'heavy'", id="no number"),
    ],
)
def test_what_is_no_weight_of_a_class_is_refused(words, received, raises):
    with raises(UsageError, received):
        class_weights(words)


def rows(y, labels=()):
    y = np.array(y)
    return Arrays(np.zeros((len(y), 1)), y, labels=labels)


FROM_3 = [3, 4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("given", "arrays", "loss", "by_number"),
    [
        pytest.param({0: 1, 1: 2}, rows([0, 1]), BCE, {0: 1, 1: 2}, id="0 and 1"),
        pytest.param({0: 5.0}, rows([0, 1]), BCE, {0: 5, 1: 1}, id="one of two"),
        pytest.param({2: 9}, rows([1.0, 2, 2]), BCE, {0: 1, 1: 9}, id="2 of 1 and 2"),
        pytest.param({1: 9}, rows([1.0, 2, 2]), BCE, {0: 9, 1: 1}, id="1 of 1 and 2"),
        pytest.param({1: 8, 2: 9}, rows([1, 2]), BCE, {0: 8, 1: 9}, id="1 and 2"),
        pytest.param({2: 9}, rows([1, 2]), places(3), {0: 1, 1: 1, 2: 9}, id="places with room"),
        pytest.param({6: 5}, rows(FROM_3), places(6), {**ONES, 3: 5}, id="6 of 3 to 8"),
        pytest.param({6: 5}, rows(FROM_3), one_hot(6), {**ONES, 3: 5}, id="6 of 3 to 8, one-hot"),
        pytest.param({"6": 5}, rows(FROM_3), places(6), {**ONES, 3: 5}, id="6 in digits"),
        pytest.param({np.int64(6): 5}, rows(FROM_3), places(6), {**ONES, 3: 5}, id="numpy's 6"),
        pytest.param({"b": 2}, rows([0, 1, 0], tuple("ab")), BCE, {0: 1, 1: 2}, id="names"),
        pytest.param({7: 2}, rows([0, 1], ("3", "7")), BCE, {0: 1, 1: 2}, id="names of digits"),
        pytest.param({-1: 2}, rows([-1, 1]), BCE, {0: 2, 1: 1}, id="-1 of -1 and 1"),
        pytest.param({True: 3}, rows([False, True]), BCE, {0: 1, 1: 3}, id="booleans"),
        pytest.param({2: 3}, rows(np.eye(3)), one_hot(3), {0: 1, 1: 1, 2: 3}, id="one-hot rows"),
        pytest.param({1: 3}, rows([0, 3]), places(4), {0: 1, 1: 3, 2: 1, 3: 1}, id="absent"),
        pytest.param({1: 3}, rows([[[0], [1]]]), Loss(""), {0: 1, 1: 3}, id="along a sequence"),
        pytest.param({}, rows([0, 1]), BCE, None, id="none"),
    ],
)
def test_weights_of_the_datas_classes_become_kerass(given, arrays, loss, by_number):
    resolved = resolve_class_weight(given, arrays)
    form = Targets(arrays).for_loss(loss)
    assert keras_class_weight(resolved, form) == by_number
    assert resolve_class_weight(resolved, arrays) == resolved
    assert resolve_class_weight(resolved, form) == resolved


@pytest.mark.parametrize(
    ("given", "labels", "received"),
    [
        pytest.param({7: 2.0}, (), "7", id="no such class"),
        pytest.param({"01": 2.0}, (), "'01'", id="a number in other digits"),
        pytest.param({"maybe": 2.0}, (), "'maybe'", id="a word"),
        pytest.param({0.5: 2.0}, (), "0.5", id="half"),
        pytest.param({"maybe": 2.0}, ("no", "yes"), "'maybe'", id="no such name"),
        pytest.param({0: 2.0}, ("no", "yes"), "0", id="place of a name"),
        pytest.param({0: 0.0, 1: 0.0}, (), "0.0", id="nothing"),
        pytest.param({0: -1.0}, (), "-1.0", id="negative"),
        pytest.param({0: "much"}, (), "'much'", id="no number"),
        pytest.param({0: 1, "0": 2}, (), "'0' twice", id="twice"),
        pytest.param("heavy", (), "'heavy'", id="another word"),
        pytest.param([1, 2], (), "[1, 2]", id="a list"),
    ],
)
def test_weights_of_no_class_are_refused(given, labels, received, raises):
    with raises(UsageError, received):
        resolve_class_weight(given, rows([0, 1], labels))


@pytest.mark.parametrize(
    "form",
    [
        pytest.param(rows([-1, 1]), id="below 0"),
        pytest.param(rows([0.5, 1]), id="fractions"),
        pytest.param(rows([0, 10**9]), id="codes"),
    ],
)
def test_keras_cannot_weigh_other_targets(form, raises):
    with raises(UsageError, "0, 1, …"):
        keras_class_weight({"1": 2.0}, form)


@pytest.mark.parametrize(
    ("y", "labels"),
    [
        pytest.param([0, 1, 1, 1], (), id="numbers"),
        pytest.param([2, 7, 7, 5, 2, 2], (), id="any numbers"),
        pytest.param([0, 1, 1], ("no", "yes"), id="names"),
    ],
)
def test_balanced_weights_are_scikit_learns(y, labels):
    expected = compute_class_weight("balanced", classes=np.unique(y), y=np.array(y))
    resolved = resolve_class_weight("balanced", rows(y, labels))
    assert list(resolved) == list(labels or map(str, np.unique(y)))
    np.testing.assert_allclose(list(resolved.values()), expected, rtol=1e-15)
    one_hot_rows = np.eye(len(expected))[np.unique(y, return_inverse=True)[1]]
    again = resolve_class_weight("balanced", rows(one_hot_rows))
    np.testing.assert_allclose(list(again.values()), expected, rtol=1e-15)


def test_a_target_of_numbers_is_not_balanced(raises):
    with raises(UsageError, "one class per row"):
        resolve_class_weight("balanced", rows([0.5, 1.5]))


def test_keras_takes_weights_of_some_classes():
    x = np.random.RandomState(0).normal(size=(8, 2)).astype("float32")
    y = np.array([0, 1] * 4)
    losses = []
    for arguments in (
        {"class_weight": keras_class_weight({"0": 5.0}, rows(y))},
        {"sample_weight": np.where(y == 0, 5.0, 1.0)},
    ):
        keras.utils.set_random_seed(0)
        model = keras.Sequential([keras.layers.Dense(1, "sigmoid")])
        model.compile(loss="binary_crossentropy")
        losses.append(model.fit(x, y, epochs=1, verbose=0, **arguments).history["loss"])
    assert losses[0] == pytest.approx(losses[1])


@pytest.mark.parametrize(
    ("weights", "side"), [([0, 0, 1, 1], "hold out"), ([1, 1, 0, 0], "train on")]
)
def test_a_split_of_which_nothing_counts_is_refused(weights, side, raises):
    splits = [([0, 2], [1, 3]), ([2, 3], [0, 1])]
    with raises(UsageError, f"split 1 has to {side}"):
        check_weighted(weights, splits)
    check_weighted(None, splits)

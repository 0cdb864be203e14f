"""Weights of rows and classes, read or refused."""

import numpy as np
import pytest

from kt_grid.data.weighting import (
    check_weighted,
    class_weights,
    row_weights,
    settle_class_weight,
)
from kt_grid.errors import UsageError


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
    ("words", "labels", "weights"),
    [
        pytest.param([], (), {}, id="none"),
        pytest.param(["0=1", "1=2.5"], (), {0: 1.0, 1: 2.5}, id="numbers"),
        pytest.param(["yes=3"], ("no", "yes"), {1: 3.0}, id="names"),
        pytest.param(["a=b=3"], ("a=b", "c"), {0: 3.0}, id="name with an equals sign"),
        pytest.param(["7=2"], ("3", "7"), {1: 2.0}, id="numbers that are names"),
    ],
)
def test_weights_by_class(words, labels, weights):
    assert class_weights(words, labels) == weights


@pytest.mark.parametrize(
    ("words", "labels", "received"),
    [
        pytest.param(["yes"], ("no", "yes"), "'yes'", id="no weight"),
        pytest.param(["maybe=1"], ("no", "yes"), "'maybe'", id="no class"),
        pytest.param(["yes=1"], (), "'yes'", id="a name without names"),
        pytest.param(["-1=1"], (), "'-1'", id="a negative class"),
        pytest.param(["01=1"], (), "'01'", id="a number in other digits"),
        pytest.param(["0=1", "0=2"], (), "'0' twice", id="twice"),
        pytest.param(["0=heavy"], (), "'heavy'", id="no number"),
    ],
)
def test_what_is_no_weight_of_a_class_is_refused(words, labels, received, raises):
    with raises(UsageError, received):
        class_weights(words, labels)


@pytest.mark.parametrize(
    ("weights", "y", "labels", "settled"),
    [
        pytest.param({0: 1.0, 1: 2.0}, [0, 1], (), {0: 1.0, 1: 2.0}, id="numbers"),
        pytest.param({"yes": 2.0}, [0, 1], ("no", "yes"), {1: 2.0}, id="names"),
        pytest.param({7: 2.0}, [0, 1], ("3", "7"), {1: 2.0}, id="numbers that are names"),
        pytest.param({1: 2.0}, [0, 3], (), {1: 2.0}, id="a class that is missing here"),
    ],
)
def test_weights_of_classes_are_by_number(weights, y, labels, settled):
    assert settle_class_weight(weights, np.array(y), labels) == settled


@pytest.mark.parametrize(
    ("weights", "labels", "received"),
    [
        pytest.param({7: 2.0}, (), "7", id="no such class"),
        pytest.param({"1": 2.0}, (), "'1'", id="a word"),
        pytest.param({"maybe": 2.0}, ("no", "yes"), "'maybe'", id="no such name"),
        pytest.param({0: 0.0, 1: 0.0}, (), "0.0", id="nothing"),
    ],
)
def test_weights_of_no_class_are_refused(weights, labels, received, raises):
    with raises(UsageError, received):
        settle_class_weight(weights, np.array([0, 1]), labels)


@pytest.mark.parametrize(
    ("weights", "side"), [([0, 0, 1, 1], "hold out"), ([1, 1, 0, 0], "train on")]
)
def test_a_split_of_which_nothing_counts_is_refused(weights, side, raises):
    splits = [([0, 2], [1, 3]), ([2, 3], [0, 1])]
    with raises(UsageError, f"split 1 has to {side}"):
        check_weighted(weights, splits)
    check_weighted(None, splits)

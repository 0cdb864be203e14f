"""Weights of rows and classes, read or refused."""

import numpy as np
import pytest

from kt_grid.errors import UsageError
from kt_grid.weighting import class_weights, row_weights


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
        pytest.param(["0=1", "0=2"], (), "'0' twice", id="twice"),
        pytest.param(["0=heavy"], (), "'heavy'", id="no number"),
    ],
)
def test_what_is_no_weight_of_a_class_is_refused(words, labels, received, raises):
    with raises(UsageError, received):
        class_weights(words, labels)

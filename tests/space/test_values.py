"""Which values may stand on an axis, and what they become."""

import math

import numpy as np
import pytest

from kt_grid import space
from kt_grid.errors import GridError


@pytest.mark.parametrize(
    ("given_values", "expected"),
    [
        pytest.param([1, 2.5], (1.0, 2.5), id="integers-beside-floats"),
        pytest.param(np.array([3, 1]), (3, 1), id="numpy-array"),
        pytest.param([np.float64(0.5), np.int64(2)], (0.5, 2.0), id="numpy-scalars"),
        pytest.param(range(3), (0, 1, 2), id="range"),
        pytest.param((n for n in (2, 1)), (2, 1), id="generator"),
        pytest.param([np.True_, False], (True, False), id="booleans"),
        pytest.param(["b", "a"], ("b", "a"), id="words"),
        pytest.param([None, 0.1, 1], (None, 0.1, 1.0), id="none-beside-numbers"),
        pytest.param([None, 3], (None, 3), id="none-beside-integers"),
        pytest.param(["scale", 0.1, 1, None], ("scale", 0.1, 1, None), id="words-beside-numbers"),
        pytest.param([(64,), [64, 32], ()], ((64,), (64, 32), ()), id="tuples"),
        pytest.param(np.array([[1, 2], [3, 4]]), ((1, 2), (3, 4)), id="table"),
        pytest.param([(1, (2, "a"), None)], ((1, (2, "a"), None),), id="nested"),
        pytest.param([True, None, "auto"], (True, None, "auto"), id="booleans-beside-words"),
    ],
)
def test_check_values(given_values, expected):
    assert repr(space.check_values("axis", given_values)) == repr(expected)


@pytest.mark.parametrize(
    "refused",
    [
        pytest.param([], id="empty"),
        pytest.param("relu", id="text"),
        pytest.param(5, id="no-list"),
        pytest.param(None, id="none"),
        pytest.param({1, 2}, id="set-without-order"),
        pytest.param({"a": 1}, id="dict"),
        pytest.param([{"a": 1}], id="dict-as-value"),
        pytest.param([print], id="function"),
        pytest.param([(1, print)], id="function-in-a-tuple"),
        pytest.param([(1, math.inf)], id="infinite-in-a-tuple"),
        pytest.param([None, None], id="none-twice"),
        pytest.param([(1, 2), [1, 2]], id="tuple-twice"),
        pytest.param([True, 2], id="boolean-and-integer"),
        pytest.param([True, 0.5], id="boolean-and-float"),
        pytest.param([1, 2, 1], id="twice"),
        pytest.param([0.0, -0.0], id="zero-twice"),
        pytest.param([math.nan], id="nan"),
        pytest.param([1, math.inf], id="infinite"),
        pytest.param([10**400, 0.5], id="integer-beyond-floats"),
    ],
)
def test_check_values_refuses(raises, refused):
    with raises(GridError, "'axis'"):
        space.check_values("axis", refused)

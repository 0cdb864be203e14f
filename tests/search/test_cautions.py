"""What is told of rows before training, and what isn't."""

from types import SimpleNamespace

import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.data.targets import Loss
from kt_grid.engines.arguments import FitArguments
from kt_grid.search.cautions import find_cautions

RANDOM = np.random.default_rng(3)
EVEN = RANDOM.normal(size=(100, 3))
PLAIN, SCALED = SimpleNamespace(takes_any_scale=False), SimpleNamespace(takes_any_scale=True)
CLASSES, NUMBERS, UNKNOWN = (
    Loss("sparse_categorical_crossentropy"),
    Loss("mean_squared_error"),
    Loss(""),
)
RARE = np.repeat([0.0, 1.0], [91, 9])


def told(x=EVEN, y=RARE, labels=(), weights=None, fit=None, compiled=(PLAIN,), losses=(CLASSES,)):
    arrays = Arrays(x, y, weights, None, labels)
    return [*find_cautions(arrays, fit or FitArguments(), compiled, losses)]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        pytest.param({}, ["9 rows of class 1", "91 rows of class 0"], id="numbers"),
        pytest.param({"labels": ("no", "yes")}, ["9 rows of class yes"], id="names"),
        pytest.param({"y": np.array(["a"] * 95 + ["b"] * 5)}, ["5 rows of class b"], id="texts"),
        pytest.param({"y": np.eye(2)[RARE.astype(int)]}, ["9 rows of class 1"], id="one-hot"),
    ],
)
def test_imbalanced_classes_are_told_with_the_mend(rows, words):
    (note,) = told(**rows)
    assert all(word in note for word in [*words, "--class-weight balanced"])


@pytest.mark.parametrize(
    "rows",
    [
        pytest.param({"y": np.repeat([0.0, 1.0], [90, 10])}, id="nine to one"),
        pytest.param({"fit": FitArguments(class_weight={"1": 9})}, id="weighted by class"),
        pytest.param({"weights": np.ones(100)}, id="weighted by row"),
        pytest.param({"losses": (NUMBERS,)}, id="numbers"),
        pytest.param({"losses": (CLASSES, UNKNOWN)}, id="a loss that is not known"),
        pytest.param({"losses": ()}, id="no model at all"),
        pytest.param({"y": np.arange(100.0)}, id="counts"),
    ],
)
def test_classes_that_are_not_imbalanced_are_not_told_of(rows):
    assert told(**rows) == []


def table(*scales):
    return EVEN * np.array(scales)


@pytest.mark.parametrize(
    ("x", "compiled", "expected"),
    [
        pytest.param(table(1, 1, 150), [PLAIN], True, id="one large"),
        pytest.param(table(0.01, 1, 5), [PLAIN, PLAIN], True, id="far apart"),
        pytest.param(
            np.where(table(9, 9, 9) > 20, np.nan, table(1, 1, 999)), [PLAIN], True, id="gaps"
        ),
        pytest.param(table(1, 1, 150), [PLAIN, SCALED], False, id="an axis evens it out"),
        pytest.param(table(1, 1, 150), [], False, id="of kt-grid's own"),
        pytest.param(table(1, 2, 50), [PLAIN], False, id="much alike"),
        pytest.param(np.hstack([EVEN * 20, EVEN[:, :1] > 2.2]), [PLAIN], False, id="flags"),
        pytest.param(table(1, 1, 150)[:, :, None], [PLAIN], False, id="sequences"),
        pytest.param({"a": table(1, 1, 150)}, [PLAIN], False, id="several inputs"),
        pytest.param(np.array([["a"], ["b"]], object), [PLAIN], False, id="texts"),
    ],
)
def test_scales_are_told_where_no_layer_evens_them_out(x, compiled, expected):
    notes = told(x=x, y=np.arange(100) / 7, compiled=compiled, losses=(NUMBERS,))
    assert ["keras.layers.Normalization()" in note for note in notes] == [True] * expected

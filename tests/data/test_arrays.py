"""Rows in any container become arrays of equal length."""

import numpy as np
import pandas as pd
import pytest

from kt_grid.data.arrays import Arrays, as_arrays
from kt_grid.errors import UsageError

X = np.arange(12.0).reshape(4, 3)
Y = [0, 1, 0, 1]


@pytest.mark.parametrize(
    "given",
    [
        pytest.param(X, id="array"),
        pytest.param(X.tolist(), id="lists"),
        pytest.param(pd.DataFrame(X), id="frame"),
    ],
)
def test_tables_become_one_array_of_keras_floats(given):
    arrays = as_arrays(given, Y)
    np.testing.assert_array_equal(arrays.x, X.astype("float32"))
    assert arrays.x.dtype == np.float32
    assert arrays.y.tolist() == Y
    assert arrays.rows == 4


def test_several_inputs_keep_their_structure():
    arrays = as_arrays({"a": X, "b": X[:, 0]}, Y)
    assert {name: part.shape for name, part in arrays.x.items()} == {"a": (4, 3), "b": (4,)}
    assert isinstance(as_arrays([X, X], Y).training_tuple()[0], tuple)


def test_integers_and_words_keep_their_type():
    assert as_arrays(np.arange(4), Y).x.dtype == np.int64
    assert as_arrays(np.array(list("abcd")), Y).x.dtype.kind == "U"


def test_take_picks_rows_of_everything():
    arrays = Arrays({"a": X}, np.array(Y), np.arange(4.0)).take(np.array([3, 1]))
    np.testing.assert_array_equal(arrays.x["a"], X[[3, 1]])
    assert (arrays.y.tolist(), arrays.sample_weight.tolist()) == ([1, 1], [3.0, 1.0])


@pytest.mark.parametrize(
    ("x", "y", "weights"),
    [
        pytest.param(X, Y[:3], None, id="targets"),
        pytest.param(X, Y, [1.0], id="weights"),
        pytest.param({"a": X, "b": X[:2]}, Y, None, id="inputs"),
        pytest.param(X[:0], [], None, id="none"),
    ],
)
def test_unequal_lengths_are_refused(raises, x, y, weights):
    with raises(UsageError, "equal length"):
        as_arrays(x, y, weights)


def test_a_frame_of_words_names_the_column_and_the_mend(raises):
    frame = pd.DataFrame({"n": [1, 2], "city": ["Rome", "Bern"]})
    with raises(UsageError, "'city'", "dict(x.items())"):
        as_arrays(frame, [0, 1])
    split = as_arrays(dict(frame.items()), [0, 1])
    assert split.x["city"].tolist() == ["Rome", "Bern"]


def test_names_of_classes_become_indices():
    arrays = as_arrays(X, pd.Series(["b", "a", "b", "c"]))
    assert (arrays.y.tolist(), arrays.labels) == ([1, 0, 1, 2], ("a", "b", "c"))
    assert arrays.take(np.array([0])).labels == arrays.labels


@pytest.mark.parametrize(("odd", "word"), [(None, "None"), ("a", "both")])
def test_mixed_objects_are_no_rows(raises, odd, word):
    with raises(UsageError, word):
        as_arrays(np.array([1.0, odd], object), [0, 1])


def test_a_list_of_numpys_numbers_is_one_array():
    arrays = as_arrays(list(X[:, 0]), list(np.array(Y)))
    assert (arrays.x.shape, arrays.y.tolist()) == ((4,), Y)


def test_codes_of_classes_do_not_merge_in_single_precision():
    codes = 123_456_789.0 + np.arange(4)
    assert len(np.unique(as_arrays(X, codes).y)) == 4
    assert as_arrays(X, codes + 0.5).y.dtype == np.float32
    assert as_arrays(X, np.arange(4.0)).y.dtype == np.float32


def test_rows_that_are_arrays_already_stay():
    arrays = as_arrays(X, ["a", "b", "a", "b"])
    assert as_arrays(arrays) is arrays


def test_booleans_beside_floats_are_numbers():
    frame = pd.DataFrame({"n": [1.5, 2], "flag": [True, False]})
    assert as_arrays(frame, [0, 1]).x.tolist() == [[1.5, 1], [2, 0]]

"""Datasets become arrays once; what can't is refused with the mend."""

import keras
import numpy as np
import pytest
import scipy.sparse
import tensorflow as tf

from kt_grid.data import batches
from kt_grid.data.arrays import as_arrays
from kt_grid.errors import UsageError

X = np.arange(14, dtype=np.float32).reshape(7, 2)
Y = np.arange(7) % 2
W = np.linspace(0, 1, 7, dtype=np.float32)


class Batches(keras.utils.PyDataset):
    """Three batches, the last one short."""

    def __init__(self, make):
        super().__init__()
        self._make = make

    def __len__(self):
        return 3

    def __getitem__(self, place):
        return self._make(slice(3 * place, 3 * place + 3))


class Endless(Batches):
    @property
    def num_batches(self):
        return None


class Loader:
    """Anything of known length that can be iterated."""

    def __len__(self):
        return 3

    def __iter__(self):
        return (Batches(lambda s: (X[s], Y[s]))[place] for place in range(9))


def dataset(*parts):
    return tf.data.Dataset.from_tensor_slices(parts)


@pytest.mark.parametrize(
    ("given", "x", "weights"),
    [
        pytest.param(dataset(X, Y), X, None, id="tf.data by row"),
        pytest.param(dataset(X, Y).batch(3), X, None, id="tf.data in batches"),
        pytest.param(dataset(X, Y, W).batch(3), X, W, id="with weights"),
        pytest.param(
            dataset(X, Y).batch(2).filter(lambda x, _: x[0, 0] > 3), X[2:], None, id="of any length"
        ),
        pytest.param(
            dataset({"a": X, "b": X[:, 0]}, Y).batch(4), {"a": X, "b": X[:, 0]}, None, id="inputs"
        ),
        pytest.param(Batches(lambda s: (X[s], Y[s])), X, None, id="PyDataset"),
        pytest.param(Batches(lambda s: ([X[s], X[s]], Y[s], W[s])), [X, X], W, id="its inputs"),
        pytest.param(Loader(), X, None, id="loader"),
    ],
)
def test_a_dataset_becomes_its_rows(given, x, weights):
    arrays = as_arrays(given)
    keras.tree.map_structure(np.testing.assert_array_equal, arrays.x, x)
    assert arrays.y.tolist() == Y[-arrays.rows :].tolist()
    np.testing.assert_array_equal(arrays.sample_weight, weights)


def test_names_of_classes_in_a_dataset():
    arrays = as_arrays(Batches(lambda s: (X[s], np.array(["no", "yes"])[Y[s]])))
    assert (arrays.y.tolist(), arrays.labels) == (Y.tolist(), ("no", "yes"))
    # TensorFlow's texts are bytes.
    names = tf.constant(np.array(["no", "yes"])[Y])
    assert as_arrays(dataset(X, names).batch(3)).labels == ("no", "yes")


@pytest.mark.parametrize(
    ("given", "words"),
    [
        pytest.param(dataset(X, Y).repeat(), ["finite", "take(n)"], id="endless"),
        pytest.param(
            Endless(lambda s: (X[s], Y[s])), ["finite", "__len__"], id="endless PyDataset"
        ),
        pytest.param((pair for pair in [(X, Y)]), ["finite", "PyDataset"], id="generator"),
        pytest.param(dataset(X).batch(3), ["(x, y)", "length 1"], id="no targets"),
        pytest.param(Batches(lambda s: X[s]), ["(x, y)", "ndarray"], id="bare arrays"),
        pytest.param(dataset(X, Y).take(0), ["an empty one"], id="empty"),
        pytest.param(
            Batches(lambda s: (X[s, : 1 + (s.start > 3)], Y[s])), ["alike"], id="other widths"
        ),
        pytest.param(X, ["targets", "x alone"], id="an array alone"),
    ],
)
def test_what_is_no_finite_dataset_of_rows_and_targets_is_refused(raises, given, words):
    with raises(UsageError, *words):
        as_arrays(given)


def test_a_dataset_is_taken_in_up_to_a_bound(raises, monkeypatch):
    monkeypatch.setattr(batches, "MOST_BYTES", X.nbytes)
    with raises(UsageError, "at most", "take(n)"):
        as_arrays(dataset(X, Y))
    assert as_arrays(X, Y).rows == 7


@pytest.mark.parametrize("beside", [{"y": Y}, {"sample_weight": W}], ids=["targets", "weights"])
def test_nothing_stands_beside_a_dataset(raises, beside):
    with raises(UsageError, "has its targets", next(iter(beside))):
        as_arrays(dataset(X, Y), **beside)


@pytest.mark.parametrize(
    ("x", "words"),
    [
        pytest.param(scipy.sparse.csr_matrix(X), ["csr_matrix", ".toarray()"], id="matrix"),
        pytest.param(scipy.sparse.coo_array(X), ["coo_array", ".toarray()"], id="array"),
        pytest.param(tf.sparse.from_dense(X), ["SparseTensor", "to_dense"], id="tensor"),
        pytest.param(tf.ragged.constant([[1], [2, 3]]), ["RaggedTensor", "to_tensor"], id="ragged"),
        pytest.param([[1], [2, 3]], ["1 to 2 items", "pad_sequences"], id="lists"),
        pytest.param(
            np.array([[1], [2, 3, 4]], object), ["1 to 3 items", "pad_sequences"], id="objects"
        ),
    ],
)
@pytest.mark.parametrize("place", ["x", "y", "an input"])
def test_sparse_and_ragged_rows_are_refused(raises, x, words, place):
    rows = np.zeros(len(words))
    given = {"x": (x, rows), "y": (rows, x), "an input": ({"a": x}, rows)}[place]
    with raises(UsageError, *words):
        as_arrays(*given)

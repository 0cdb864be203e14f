"""A digest tells arrays apart by all that they hold."""

import hashlib

import numpy as np
import pytest

from kt_grid.data.digests import digest


def test_digest_is_a_sha256_of_dtype_shape_and_content():
    array = np.array([[1, 2], [3, 4]], dtype="<f4")
    expected = hashlib.sha256(b"<f4(2, 2)" + array.tobytes()).hexdigest()[:32]
    assert digest(array) == digest(np.asfortranarray(array)) == expected


@pytest.mark.parametrize(
    "other",
    [
        pytest.param(np.zeros(4, np.float64), id="dtype"),
        pytest.param(np.zeros((2, 2), np.float32), id="shape"),
        pytest.param(np.array([0, 0, 0, 1], np.float32), id="content"),
    ],
)
def test_digest_tells_arrays_apart(other):
    assert digest(np.zeros(4, np.float32)) != digest(other)


def test_digest_of_texts_is_of_what_they_say():
    one, same = (np.array(["a", "".join(["b", "c"])], object) for _ in range(2))
    assert digest(one) == digest(same) != digest(np.array(["a", "b"], object))

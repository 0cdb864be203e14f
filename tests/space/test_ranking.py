"""Equal counts rank equal, however the folds shared them out and single precision rounded."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_grid.space.objective import Objective
from kt_grid.space.ranking import rank_key

ACCURACY = Objective("val_accuracy", "max")
LOSS = Objective("val_loss", "min")


@given(
    rows=st.lists(st.integers(20, 400), min_size=1, max_size=6),
    data=st.data(),
)
def test_accuracies_rank_as_their_counts(rows, data):
    counts = st.tuples(*(st.integers(0, count) for count in rows))
    some, others = data.draw(counts), data.draw(counts)

    def mean(right):
        return sum(itertools.starmap(np.longdouble.__truediv__, pairs(right))) / len(rows)

    def pairs(right):
        return [(np.longdouble(r), np.longdouble(n)) for r, n in zip(right, rows, strict=True)]

    def key(right):
        scores = [float(np.float32(r) / np.float32(n)) for r, n in zip(right, rows, strict=True)]
        return rank_key(ACCURACY, scores, rows)

    difference = mean(some) - mean(others)
    if abs(difference) < 1e-15:
        assert key(some) == key(others)
    else:
        assert (key(some) > key(others)) == (difference > 0)


def test_equal_counts_whose_means_differ_in_single_precision_are_equal():
    rows = (77,) * 5
    some, others = ((69, 59, 54, 42, 44), (57, 53, 45, 65, 48))
    means = [np.mean([float(np.float32(r) / np.float32(77)) for r in c]) for c in (some, others)]
    assert means[0] != means[1]
    keys = [
        rank_key(ACCURACY, [float(np.float32(r) / np.float32(77)) for r in c], rows)
        for c in (some, others)
    ]
    assert keys[0] == keys[1]


@pytest.mark.parametrize(
    ("scores", "rows"),
    [
        pytest.param([0.51234, 0.4], (10, 10), id="weighted"),
        pytest.param([0.5, 0.4], (), id="rows unknown"),
        pytest.param([0.5, 0.4], (10,), id="too few rows"),
        pytest.param([0.5, 0.4], (10**7, 10**7), id="more rows than single precision tells"),
    ],
)
def test_what_is_no_count_counts_with_seven_digits(scores, rows):
    assert rank_key(ACCURACY, scores, rows) == float(f"{np.mean(scores):.7g}")


def test_a_loss_is_better_the_smaller_it_is_and_equal_within_rounding():
    assert rank_key(LOSS, [0.5]) > rank_key(LOSS, [0.51])
    assert rank_key(LOSS, [0.5]) == rank_key(LOSS, [0.5 + 1e-9])
    assert rank_key(LOSS, [0.5]) > rank_key(LOSS, [0.50001])

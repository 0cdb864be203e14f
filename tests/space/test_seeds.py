"""Seeds depend on what is trained and on nothing else."""

import hashlib
import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_grid.space.seeds import derive_seed, epoch_orders

names = st.text(min_size=1, max_size=5).filter(lambda name: name != "epochs")
grids = st.dictionaries(names, st.booleans() | st.integers() | st.floats(allow_nan=False) | names)


def test_seed_is_the_documented_hash():
    text = '[7, {"rate": 0.1, "units": 5}, 0, 1]'
    expected = int(hashlib.sha256(text.encode()).hexdigest()[:8], 16)
    assert derive_seed(7, {"units": 5, "epochs": 10, "rate": 0.1}, 0, 1) == expected


@given(st.integers(), grids, st.integers(1, 1000))
def test_epochs_and_order_of_parameters_do_not_matter(search_seed, parameters, epochs):
    seed = derive_seed(search_seed, parameters, 0, 0)
    turned = dict(reversed(parameters.items()))
    assert derive_seed(search_seed, {"epochs": epochs, **turned}, 0, 0) == seed
    assert 0 <= seed < 2**32


def test_everything_else_matters():
    combinations = itertools.product([7, 8], [{"units": 5}, {"units": 5.0}, {"u": 5}], range(10))
    places = [(repeat, fold) for repeat in range(3) for fold in range(10)]
    seeds = [
        derive_seed(search_seed, {**parameters, "batch_size": batch}, *place)
        for search_seed, parameters, batch in combinations
        for place in [*places, ("refit",)]
    ]
    assert len(set(seeds)) == len(seeds) == 2 * 3 * 10 * 31


@pytest.mark.parametrize("rows", [1, 2, 512])
def test_epoch_orders_are_numpys_permutations(rows):
    random = np.random.RandomState(7)
    for order in itertools.islice(epoch_orders(7, rows), 5):
        assert order.tolist() == random.permutation(rows).tolist()
        assert order.dtype == np.int64


def test_epoch_orders_do_not_touch_the_global_generator():
    np.random.seed(3)
    expected = np.random.RandomState(3).rand()
    next(epoch_orders(7, 10))
    assert np.random.rand() == expected


def test_epoch_orders_never_change():
    orders = [order.tolist() for order in itertools.islice(epoch_orders(7, 4), 2)]
    assert orders == [[2, 1, 0, 3], [3, 1, 0, 2]]

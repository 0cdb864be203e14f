"""The place of a combination is that in the list of all, and no large grid is listed for it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kt_grid.space import Axis, Condition, combinations, make_axes
from kt_grid.store.order import GridOrder

VALUES = st.lists(
    st.sampled_from([1, 1.0, True, None, "x", (1, 2), 0.5]), min_size=1, max_size=3, unique_by=repr
)
AXES = st.lists(st.tuples(st.sampled_from("abc"), VALUES), max_size=4).map(
    lambda pairs: [Axis(name, tuple(values)) for name, values in pairs]
)
CONDITIONAL = [Axis("a", (1, 2)), Axis("b", ("x", "y"), (Condition("a", (2,)),)), Axis("c", (3, 4))]
SEVERAL = make_axes([{"a": [1, 2], "b": [1]}, {"a": [2, 3], "b": [1]}, {"c": [5]}])


@given(axes=AXES, most=st.none() | st.integers(1, 9))
def test_a_plain_grid(axes, most):
    check(axes, most)


@pytest.mark.parametrize("most", [None, 1, 3, 100])
@pytest.mark.parametrize("axes", [CONDITIONAL, SEVERAL], ids=["conditional", "several"])
def test_a_grid_that_is_listed(axes, most):
    check(axes, most)


def check(axes, most):
    listed = [*combinations(axes)]
    order = GridOrder(axes, most)
    assert order.total == len(listed[:most])
    for place, parameters in enumerate(listed):
        found = order.find(dict(reversed(parameters.items())))
        if most is None or place < most:
            assert found == (place, parameters)
            assert [*found[1]] == [*parameters]
        else:
            assert found is None
    assert order.find({"z": 1}) is None
    assert order.find({axis.name: "no value" for axis in axes} | {"z": 1}) is None


def test_a_large_grid_is_not_listed():
    axes = [Axis(f"n{i}", tuple(range(100))) for i in range(20)]
    order = GridOrder(axes, None)
    assert order.total == 100**20
    assert order.find({axis.name: 99 for axis in axes})[0] == 100**20 - 1
    assert order.find({axis.name: 100 for axis in axes}) is None


@pytest.mark.parametrize("kind", ["conditional", "several"])
def test_a_large_grid_that_would_have_to_be_listed_is_refused(kind):
    more = {"conditions": (Condition("n0", (1,)),)} if kind == "conditional" else {"part": 0}
    axes = [Axis("n0", (1,)), *(Axis(f"n{i}", tuple(range(100)), **more) for i in range(1, 20))]
    with pytest.raises(ValueError, match="at most 20000 combinations"):
        GridOrder(axes, None)
    assert GridOrder(axes, 5).total == 5

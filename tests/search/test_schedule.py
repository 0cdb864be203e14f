"""Which combination comes next, and which id it has."""

import itertools

import pytest

from kt_grid.search.schedule import Schedule
from kt_grid.space import combinations, make_axes

AXES = make_axes({"a": [1, 2, 3], "b": [1, 2]})


@pytest.fixture
def used():
    return {}


@pytest.fixture
def schedule(used):
    return schedule_of(used, AXES)


def schedule_of(used, axes, most=None):
    return Schedule(lambda: used, lambda: itertools.islice(combinations(axes), most))


def take_all(schedule, used):
    taken = []
    while (parameters := schedule.peek()) is not None:
        trial_id = schedule.take(parameters)
        used[trial_id] = parameters
        taken.append((trial_id, *parameters.values()))
    return taken


def test_combinations_come_in_grid_order(schedule, used):
    assert take_all(schedule, used) == [
        ("0000", 1, 1), ("0001", 1, 2), ("0002", 2, 1), ("0003", 2, 2), ("0004", 3, 1),
        ("0005", 3, 2),
    ]  # fmt: skip


def test_the_most_expensive_comes_first_and_ids_follow_the_grid(schedule, used):
    schedule.expensive_first(lambda parameters: parameters["a"], lookahead=100)
    assert take_all(schedule, used) == [
        ("0004", 3, 1), ("0005", 3, 2), ("0002", 2, 1), ("0003", 2, 2), ("0000", 1, 1),
        ("0001", 1, 2),
    ]  # fmt: skip


def test_the_most_expensive_is_sought_among_the_next_ones_only(schedule, used):
    schedule.expensive_first(lambda parameters: parameters["a"], lookahead=3)
    assert [a for _, a, _ in take_all(schedule, used)] == [2, 1, 1, 3, 3, 2]


def test_what_is_peeked_ahead_at_comes_in_that_order(schedule, used):
    assert schedule.peek_ahead(2) == [{"a": 1, "b": 1}, {"a": 1, "b": 2}]
    schedule.take({"a": 1, "b": 1})
    # Somebody else has tried one of them meanwhile.
    schedule.mark_tried({"a": 1, "b": 2})
    assert schedule.peek_ahead(2) == [{"a": 2, "b": 1}, {"a": 2, "b": 2}]
    assert [way for _, *way in take_all(schedule, used)] == [[2, 1], [2, 2], [3, 1], [3, 2]]
    assert schedule.peek_ahead(2) == []


@pytest.mark.parametrize("lookahead", [pytest.param(1, id="one"), pytest.param(100, id="all")])
def test_a_limit_takes_the_first_of_the_grid(used, lookahead):
    schedule = schedule_of(used, AXES, most=2)
    schedule.expensive_first(lambda parameters: parameters["a"], lookahead=lookahead)
    first = schedule.peek()
    used[schedule.take(first)] = first
    second = schedule.peek()
    used[schedule.take(second)] = second
    assert schedule.peek() is None
    assert sorted(p["b"] for p in used.values()) == [1, 2]
    assert {p["a"] for p in used.values()} == {1}


@pytest.mark.parametrize(
    "costly", [pytest.param(False, id="in order"), pytest.param(True, id="costly")]
)
def test_an_interrupted_trial_keeps_its_id_and_gaps_are_filled(schedule, used, costly):
    used |= {"0000": {"a": 1, "b": 1}}
    schedule.mark_tried({"a": 1, "b": 1})
    schedule.mark_interrupted({"a": 2, "b": 1}, "0002")
    if costly:
        schedule.expensive_first(lambda parameters: parameters["a"], lookahead=100)
    assert sorted(take_all(schedule, used)) == [
        ("0001", 1, 2), ("0002", 2, 1), ("0003", 2, 2), ("0004", 3, 1), ("0005", 3, 2),
    ]  # fmt: skip


def test_other_axes_begin_anew_with_what_is_not_tried(used):
    axes = [*AXES]
    schedule = schedule_of(used, axes)
    first = schedule.peek()
    used[schedule.take(first)] = first
    schedule.forget_axes()
    axes[:] = make_axes({"a": [1, 2], "b": [1, 3]})
    assert take_all(schedule, used) == [("0001", 1, 3), ("0002", 2, 1), ("0003", 2, 3)]

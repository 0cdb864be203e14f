"""Models written as people write them give what plain Keras gives, however they are searched.

All of the table, on both engines, with one worker and with two, interrupted or not, is run by
`scripts/foreign_code.py`; here each habit is tried in one of these ways, and some of them always.
"""

import itertools

import pytest

from foreign_code.habits import HABITS
from foreign_code.running import deviations, meant

# One in so many of the table, from its beginning to its end.
SAMPLE = HABITS[:: max(1, len(HABITS) // 8)]
WAYS = itertools.cycle(itertools.product(("auto", "keras"), (False, True)))


@pytest.mark.parametrize(
    ("habit", "engine", "resumed"),
    [
        pytest.param(
            habit,
            *way,
            id=f"{habit.name}-{way[0]}{'-resumed' * way[1]}",
            marks=() if habit in SAMPLE else pytest.mark.full,
        )
        for habit, way in zip(HABITS, WAYS, strict=False)
    ],
)
def test_a_habit_gives_what_it_means(habit, engine, resumed, tmp_path):
    expected = meant(habit, tmp_path)
    assert [*deviations(habit, tmp_path, expected, engine=engine, resumed=resumed)] == []

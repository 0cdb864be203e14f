"""Models written as people write them give what plain Keras gives, however they are searched.

All of the table, on both engines, with one worker and with two, interrupted or not, is run by
`scripts/foreign_code.py`; here each habit is tried in one of these ways, on two folds; and
`model.fit` isn't traced.
"""

import itertools

import pytest

from foreign_code.habits import HABITS
from foreign_code.running import deviations, meant

WAYS = itertools.cycle(itertools.product(("auto", "keras"), (False, True)))


@pytest.mark.parametrize(
    ("habit", "engine", "resumed"),
    [
        pytest.param(habit, *way, id=f"{habit.name}-{way[0]}{'-resumed' * way[1]}")
        for habit, way in zip(HABITS, WAYS, strict=False)
    ],
)
def test_a_habit_gives_what_it_means(request, habit, engine, resumed, tmp_path):
    if engine == "keras":
        request.getfixturevalue("eagerly")
    expected = meant(habit, tmp_path, folds=2)
    way = {"folds": 2, "engine": engine, "resumed": resumed}
    assert [*deviations(habit, tmp_path, expected, **way)] == []

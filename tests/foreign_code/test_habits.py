"""Models written as people write them give what plain Keras gives, however they are searched.

All of the table, on both engines, with one worker and with two, interrupted or not, is run by
`scripts/foreign_code.py`; here each habit is tried in one of these ways.
"""

import itertools

import pytest
from foreign_code.habits import HABITS
from foreign_code.running import meant, search

from kt_grid.store.directory import SearchStore
from kt_grid.store.results import COMPLETED

WAYS = itertools.cycle(itertools.product(("auto", "keras"), (False, True)))


@pytest.mark.parametrize(
    ("habit", "engine", "resumed"),
    [
        pytest.param(habit, *way, id=f"{habit.name}-{way[0]}{'-resumed' * way[1]}")
        for habit, way in zip(HABITS, WAYS, strict=False)
    ],
)
def test_a_habit_gives_what_it_means(habit, engine, resumed, tmp_path):
    results = search(habit, tmp_path, engine=engine, resumed=resumed)
    assert [(t.parameters, t.status, t.reason) for t in results.trials] == [
        (parameters, COMPLETED, None) for parameters in habit.trials
    ]
    store = SearchStore(tmp_path / "runs", "habit")
    for trial, (_, folds) in zip(results.trials, meant(habit, tmp_path), strict=True):
        records = [store.read_fold(trial.trial_id, split) for split in range(3)]
        for metric in ("val_loss", habit.metric):
            assert [record.scores[metric] for record in records] == pytest.approx(
                [fold[metric] for fold in folds], rel=2e-5, abs=1e-6
            )

"""What the statistics make of a search's directory, of whatever kind."""

import numpy as np
import pytest
import scipy.stats

from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.statistics import compare_with_best, corrected_t_test
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import write_sealed
from kt_grid.store.results import read_results

SCORES = [[0.70, 0.72, 0.74], [0.71, 0.70, 0.75], [0.30, 0.35, 0.31]]
GRID = {"n": [1, 2, 3]}


@pytest.fixture
def analysed(make_search):
    def analysed(outcomes=SCORES, grid=None, **about):
        return analyse(read_results(make_search(grid or GRID, outcomes, **about)))

    return analysed


def test_trials_are_compared_with_the_best(analysed):
    analysis = analysed()
    assert [t.error for t in analysis.trials] == pytest.approx(scipy.stats.sem(SCORES, axis=1))
    assert [t.behind for t in analysis.trials] == pytest.approx([0.0, 0.0, 0.4])
    assert analysis.best is analysis.trials[0]
    p = compare_with_best(np.array(SCORES), 0.5)
    assert [t.p for t in analysis.trials] == [None, *p[1:]]
    assert [t.is_worse for t in analysis.trials] == [False, False, bool(p[2] <= 0.05)]


def test_less_is_better_where_the_objective_says_so(analysed):
    analysis = analysed(objective="min:val_loss")
    assert analysis.best.trial.parameters == {"n": 3}
    mirrored = analysed([[-score for score in scores] for scores in SCORES])
    assert [t.p for t in analysis.trials] == [t.p for t in mirrored.trials]
    assert analysis.optimism == mirrored.optimism


def test_rows_of_the_splits_set_the_correction(analysed):
    about = {"split_rows": [[900, 100]] * 3}
    (_, trial) = analysed(SCORES[1:], {"n": [1, 2]}, **about).trials
    differences = np.array(SCORES[1:2]) - np.array(SCORES[2:])
    assert [trial.p] == corrected_t_test(differences, 1 / 9, 1 / 100).p.tolist()


def test_folds_that_repeat_count_once(make_search, analysed):
    once = analysed()
    noise = np.array([0.01, -0.01])[:, None]
    scores = [[*(np.array(s) + noise).reshape(-1)] for s in SCORES]
    repeated = analysed(scores, folds=6, repeats=2, fresh_folds=False)
    assert repeated.units == 3
    assert [t.p for t in repeated.trials][1:] == pytest.approx([t.p for t in once.trials][1:])
    fresh = analysed(scores, folds=6, repeats=2, fresh_folds=True)
    assert fresh.units == 6
    assert [t.seed_variance for t in repeated.trials] == pytest.approx([0.0002] * 3)
    assert once.trials[0].seed_variance is None


def give_costs(analysis, tmp_path, costs):
    """Write what the trials cost into their folds' records."""
    store = SearchStore(tmp_path, "search")
    for trial, (weights, steps) in zip(analysis.trials, costs, strict=True):
        for split in range(3):
            record = store.read_fold(trial.trial.trial_id, split)
            changed = type(record)(**{**vars(record), "size": weights, "steps": steps})
            store.write_fold(trial.trial.trial_id, changed, None)
    return analyse(read_results(store))


@pytest.mark.parametrize(
    ("costs", "simplest"),
    [
        pytest.param([(20, 5), (10, 9), (1, 1)], 2, id="fewer-weights"),
        pytest.param([(10, 9), (10, 5), (1, 1)], 2, id="then-fewer-steps"),
        pytest.param([(10, 9), (10, 9), (1, 1)], 1, id="then-the-better-mean"),
        pytest.param([(None, None), (10, 9), (1, 1)], 2, id="unknown-is-no-choice"),
        pytest.param([(None, None)] * 3, 1, id="all-unknown"),
    ],
)
def test_one_standard_error_choice(analysed, tmp_path, costs, simplest):
    analysis = analysed([SCORES[0], [0.69, 0.71, 0.75], SCORES[2]])
    assert give_costs(analysis, tmp_path, costs).simplest.trial.parameters == {"n": simplest}


def test_baseline(analysed):
    analysis = analysed(baseline=[0.6, 0.65, 0.62])
    differences = np.array([SCORES[0]]) - [0.6, 0.65, 0.62]
    expected = 3 * corrected_t_test(differences, 0.5).p[0] / 2
    assert analysis.baseline.p == pytest.approx(expected)
    assert analysis.baseline.mean == pytest.approx(np.mean([0.6, 0.65, 0.62]))
    assert not analysis.baseline.is_beaten
    assert analysed(baseline=[0.9, 0.91, 0.93]).baseline.p > 0.95
    assert analysed(baseline=None).baseline is None


@pytest.mark.parametrize(
    ("outcomes", "completed", "best"),
    [
        pytest.param([], 0, None, id="nothing"),
        pytest.param(["bad", "bad", "bad"], 0, None, id="all-failed"),
        pytest.param([SCORES[0]], 1, 1, id="one"),
        pytest.param([SCORES[0], "bad", None], 1, 1, id="mixed"),
    ],
)
def test_searches_with_little_in_them(analysed, outcomes, completed, best):
    analysis = analysed(outcomes)
    assert len(analysis.trials) == completed
    assert (analysis.best and analysis.best.trial.parameters["n"]) == best
    assert len(analysis.contenders) == completed
    assert analysis.optimism in (None, 0.0)


def test_one_fold_has_no_error(analysed):
    analysis = analysed([[0.5], [0.6], [0.7]], folds=1, baseline=[0.6])
    assert [(t.error, t.p) for t in analysis.trials] == [(None, None)] * 3
    assert (analysis.simplest, analysis.optimism, analysis.baseline.p) == (None, None, None)
    assert len(analysis.contenders) == 3


def test_repeats_of_unequal_length_are_just_splits(analysed):
    analysis = analysed([[0.5, 0.6, 0.7], [0.4, 0.5, 0.7]], {"n": [1, 2]}, repeats=2)
    assert (analysis.units, analysis.trials[0].seed_variance) == (3, None)


def test_old_searches_without_notes_are_analysed(make_search):
    store = make_search(GRID, SCORES, rows=300)
    results = read_results(store)
    assert (results.test_ratio, results.test_rows, results.baseline) == (0.5, 100, None)
    assert results.fresh_folds
    write_sealed(store.root / "search.json", {**store.read_record().to_json(), "repeats": 3})
    assert not read_results(store).fresh_folds

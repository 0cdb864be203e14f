"""What the statistics make of a search's directory, of whatever kind."""

import numpy as np
import pytest
import scipy.stats

from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.confidence_set import Design, confidence_set, fold_overlap
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
    expected = confidence_set(np.array(SCORES)[:, None], Design(fold_overlap(3, 200)))
    assert [t.p for t in analysis.trials] == [None, *expected.p[1:]]
    assert [t.is_worse for t in analysis.trials] == [False, False, True]
    assert analysis.told_apart == expected.needed


def test_less_is_better_where_the_objective_says_so(analysed):
    analysis = analysed(objective="min:val_mine")
    assert analysis.best.trial.parameters == {"n": 3}
    negated = [[-score for score in scores] for scores in SCORES]
    mirrored = analysed(negated, objective="max:val_mine")
    assert [t.p for t in analysis.trials] == [t.p for t in mirrored.trials]
    assert analysis.optimism == mirrored.optimism


def test_rows_of_the_splits_set_the_overlap(analysed):
    """Nine tenths train: splits that hold out a tenth each are no folds, but drawn at random."""
    about = {"split_rows": [[900, 100]] * 3}
    (_, trial) = analysed(SCORES[1:], {"n": [1, 2]}, **about).trials
    scores = np.array(SCORES[1:])[:, None]
    assert trial.p == confidence_set(scores, Design(1 / 9, 1 / 100)).p[1]
    assert trial.error == pytest.approx(np.std(SCORES[2], ddof=1) * np.sqrt(1 / 3 + 1 / 9))


def test_folds_that_repeat_count_once(make_search, analysed):
    once = analysed()
    noise = np.array([0.01, -0.01])[:, None]
    scores = [[*(np.array(s) + noise).reshape(-1)] for s in SCORES]
    repeated = analysed(scores, folds=6, repeats=2, fresh_folds=False)
    assert repeated.units == 3
    assert [t.p for t in repeated.trials][1:] == pytest.approx(
        [t.p for t in once.trials][1:], abs=2e-3
    )
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


def test_the_baseline_is_one_more_trial(analysed):
    baseline = [0.6, 0.65, 0.62]
    analysis = analysed(baseline=baseline)
    expected = confidence_set(np.array([*SCORES, baseline])[:, None], Design(fold_overlap(3, 200)))
    assert analysis.baseline.p == expected.p[3]
    assert analysis.baseline.mean == pytest.approx(np.mean(baseline))
    assert analysed(baseline=[0.9, 0.91, 0.93]).baseline.p == 1
    assert analysed(baseline=[0.2, 0.23, 0.22]).baseline.is_beaten
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
    assert results.baseline is None
    assert results.fresh_folds
    write_sealed(store.root / "search.json", {**store.read_record().to_json(), "repeats": 3})
    assert not read_results(store).fresh_folds


def test_one_that_diverged_does_not_count_as_the_others_luck(analysed):
    random = np.random.RandomState(0)
    losses = (0.5 + 0.02 * random.normal(size=(6, 3))).tolist()
    grid = {"n": list(range(6))}
    before = analysed(losses, grid, objective="min:val_loss")
    losses[2] = [0.5, 60.0, 0.6]
    after = analysed(losses, grid, objective="min:val_loss")
    assert after.trials[2].is_unsteady
    assert before.optimism / 3 < after.optimism < 3 * before.optimism
    assert after.expected.score == pytest.approx(after.best.trial.mean + after.optimism)


@pytest.mark.parametrize("count", [2, 3, 4])
def test_one_of_few_that_diverged(analysed, count):
    losses = [[0.50, 0.52, 0.51], [0.53, 0.50, 0.52], [0.52, 0.51, 0.53]][: count - 1]
    losses.append([0.5, 60.0, 0.6])
    analysis = analysed(losses, {"n": list(range(count))}, objective="min:val_loss")
    assert 0 <= analysis.optimism < 0.05


def test_expected_on_new_rows(analysed):
    """Of 600 rows, each held out once: the binomial interval, two rows of each kind added."""
    analysis = analysed(rows=600, split_rows=[[400, 200]] * 3)
    score = analysis.best.trial.mean - analysis.optimism
    right = (score * 600 + 2) / 604
    margin = 1.96 * np.sqrt(right * (1 - right) / 604)
    expected = analysis.expected
    assert (expected.low, expected.high) == pytest.approx((score - margin, score + margin))
    groups = analysed(rows=600, split_rows=[[400, 200]] * 3, cv="GroupKFold(3)").expected
    wide = scipy.stats.t.ppf(0.975, 2) * analysis.best.error
    assert groups.high - groups.score == pytest.approx(wide)


def test_of_a_time_series_nothing_is_claimed(analysed):
    about = {"split_rows": [[50, 50], [100, 50], [150, 50]], "baseline": [0.1] * 3}
    for cv in ("TimeSeriesSplit(3)", "GivenSplits(3)"):
        analysis = analysed(cv=cv, **about)
        assert "time series" in analysis.why_not
        assert [(t.error, t.p) for t in analysis.trials] == [(None, None)] * 3
        assert analysis.contenders == list(analysis.trials)
        assert (analysis.optimism, analysis.expected, analysis.noise) == (None, None, None)
        assert analysis.baseline.p is None


def test_without_noise_nothing_is_claimed(analysed):
    analysis = analysed([[1.0] * 3, [0.98] * 3, [0.5] * 3])
    assert "no noise" in analysis.why_not
    assert not analysis.worse


def test_choices_are_never_significantly_worse(analysed):
    random = np.random.RandomState(1)
    grid = {"a": [1, 2, 3], "b": [1, 2, 3]}
    for _ in range(10):
        outcomes = (0.7 + 0.05 * random.normal(size=(9, 3))).tolist()
        analysis = analysed(outcomes, grid, rows=768)
        assert not analysis.simplest.is_worse
        assert not analysis.smoothed.is_worse
        assert analysis.cost >= 0

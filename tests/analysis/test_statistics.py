"""The statistics against references, by hand, from scipy and scikit-learn, and calibrated."""

import numpy as np
import pytest
import scipy.stats
from sklearn.datasets import make_moons
from sklearn.model_selection import GridSearchCV, RepeatedStratifiedKFold
from sklearn.svm import SVC

from kt_grid.analysis.statistics import (
    compare_with_best,
    correct_for_choice,
    corrected_t_test,
    estimate_optimism,
    noise_share,
    standard_error,
    variance_parts,
)


def test_standard_error_is_scipys():
    units = np.random.RandomState(0).normal(size=(5, 7))
    assert standard_error(units) == pytest.approx(scipy.stats.sem(units, axis=1), rel=1e-12)


def test_corrected_t_test_by_hand():
    # Mean 0.04, variance 0.0004, times 1/3 + 1/2: 0.000333…; two degrees of freedom have the
    # closed form p = 1 - t / sqrt(2 + t^2).
    test = corrected_t_test(np.array([[0.02, 0.04, 0.06]]), ratio=0.5)
    t = 0.04 / np.sqrt(0.0004 * 5 / 6)
    assert test.t == pytest.approx([t], rel=1e-12)
    assert test.p == pytest.approx([1 - t / np.sqrt(2 + t * t)], rel=1e-9)


def test_without_correction_it_is_scipys_paired_test():
    a, b = np.random.RandomState(1).normal(size=(2, 4, 10))
    ours = corrected_t_test(a - b, ratio=0.0)
    theirs = scipy.stats.ttest_rel(a, b, axis=1)
    assert ours.t == pytest.approx(theirs.statistic, rel=1e-9)
    assert ours.p == pytest.approx(theirs.pvalue, rel=1e-9)


def test_corrected_t_test_is_that_of_scikit_learns_documentation():
    """ "Statistical comparison of models using grid search": t 0.750, one-sided p 0.227."""
    x, y = make_moons(noise=0.352, random_state=1, n_samples=100)
    cv = RepeatedStratifiedKFold(n_splits=10, n_repeats=10, random_state=0)
    grid = [{"kernel": ["linear"]}, {"kernel": ["rbf"]}]
    search = GridSearchCV(SVC(random_state=0), grid, scoring="roc_auc", cv=cv).fit(x, y)
    linear, rbf = (
        np.array([search.cv_results_[f"split{i}_test_score"][trial] for i in range(100)])
        for trial in (0, 1)
    )
    train, test = next(iter(cv.split(x, y)))
    ours = corrected_t_test((rbf - linear)[None], ratio=len(test) / len(train))
    assert (round(ours.t[0], 3), round(ours.p[0] / 2, 3)) == (0.750, 0.227)


@pytest.mark.parametrize(
    ("differences", "resolution", "t"),
    [
        pytest.param([0.0, 0.0, 0.0], 0.0, 0.0, id="equal"),
        pytest.param([0.1, 0.1, 0.1], 0.0, 0.0, id="no-spread-says-nothing"),
        pytest.param([0.3 - 0.1, 0.2, 0.1 + 0.1], 0.0, 0.0, id="no-spread-but-rounding"),
        pytest.param([0.0, 0.0, 0.0], 0.01, 0.0, id="equal-with-resolution"),
        pytest.param(
            [0.01, 0.01, 0.01], 0.01, 1 / np.sqrt(5 / 36), id="one-row-each-is-no-certainty"
        ),
    ],
)
def test_differences_without_spread(differences, resolution, t):
    test = corrected_t_test(np.array([differences]), 0.5, resolution)
    assert test.t == pytest.approx([t], abs=1e-9)
    assert (test.p == 1.0).all() == (t == 0)


@pytest.mark.parametrize(
    ("p", "corrected"),
    [
        pytest.param([], [], id="alone"),
        pytest.param([0.03], [0.03], id="two-trials"),
        # Four trials: the smallest of three p-values counts 4 * 3 / 2 times, then 3, then 1.
        pytest.param([0.03, 0.001, 0.004], [0.03, 0.006, 0.012], id="steps"),
        pytest.param([0.010, 0.011, 0.012], [0.06, 0.06, 0.06], id="never-falls"),
        pytest.param([0.9, 0.8, 0.7], [1.0, 1.0, 1.0], id="at-most-one"),
    ],
)
def test_correction_for_the_choice(p, corrected):
    assert correct_for_choice(np.array(p)) == pytest.approx(corrected)


def test_those_that_were_given_up_could_have_been_the_best_too():
    """Two more trials that are never told apart: pairs of six trials, then of five, of four."""
    p = np.array([0.001, 0.004, 0.002])
    assert correct_for_choice(p, further=2) == pytest.approx([0.015, 0.024, 0.020])
    assert correct_for_choice(p, 2) == pytest.approx(correct_for_choice(np.append(p, [1, 1]))[:3])
    units = np.array([[0.1, 0.2, 0.3], [0.9, 0.8, 1.0]])
    (single,) = corrected_t_test((units[1] - units[0])[None], 0.5).p
    assert compare_with_best(units, 0.5, further=1) == pytest.approx([min(1, 3 * single), 1.0])


def test_comparison_with_the_best():
    units = np.array([[0.1, 0.2, 0.3], [0.9, 0.8, 1.0], [0.9, 0.8, 1.0], [0.8, 0.85, 0.9]])
    p = compare_with_best(units, ratio=0.5)
    single = [corrected_t_test((units[1] - units[i])[None], 0.5).p[0] for i in (0, 2, 3)]
    expected = correct_for_choice(np.array(single))
    assert p == pytest.approx([expected[0], 1.0, expected[1], expected[2]])
    assert p[2] == 1.0


def test_a_single_trial_is_compared_with_nothing():
    assert compare_with_best(np.array([[0.1, 0.2]]), 1.0).tolist() == [1.0]


@pytest.mark.parametrize("folds", [3, 10])
@pytest.mark.parametrize("overlap", [0.0, 1.0], ids=["independent", "as-assumed"])
def test_equal_trials_are_told_apart_in_one_search_of_twenty_at_most(folds, overlap):
    """`scripts/calibrate.py` is the same at full size."""
    random = np.random.RandomState(2)
    searches, trials = 1000, 8
    common = np.sqrt(overlap / folds)
    wrong = 0
    for _ in range(searches):
        own = random.normal(size=(trials, folds)) * np.sqrt(1 - common**2)
        units = own + common * random.normal(size=(trials, 1)) + 3 * random.normal(size=folds)
        wrong += bool((compare_with_best(units, 1 / (folds - 1)) <= 0.05).any())
    assert wrong / searches <= 0.05


def test_a_large_difference_is_found():
    random = np.random.RandomState(3)
    means = np.array([0.0, 0.1, 0.2, 2.0])
    units = means[:, None] + 0.1 * random.normal(size=(4, 10)) + random.normal(size=10)
    assert (compare_with_best(units, 1 / 9) <= 0.05).tolist() == [True, True, True, False]


@pytest.mark.parametrize(
    ("fold_std", "seed_std"),
    [pytest.param(0.3, 0.1, id="folds"), pytest.param(0.1, 0.3, id="seeds")],
)
@pytest.mark.parametrize("fresh", [False, True], ids=["same-folds", "fresh-folds"])
def test_variance_parts_are_those_put_in(fold_std, seed_std, fresh):
    random = np.random.RandomState(4)
    trials, repeats, folds = 4000, 4, 3
    shape = (trials, repeats if fresh else 1, folds)
    by_fold = random.normal(size=shape) * fold_std
    if fresh:
        # Every row is held out once per repeat, so that the folds' effects cancel.
        by_fold = (by_fold - by_fold.mean(axis=2, keepdims=True)) * np.sqrt(folds / (folds - 1))
    scores = by_fold + random.normal(size=(trials, repeats, folds)) * seed_std
    parts = variance_parts(scores, fresh_folds=fresh)
    assert parts.seed.mean() == pytest.approx(seed_std**2, rel=0.05)
    if fold_std > seed_std:
        # A small part may be estimated below 0 and is then shown as 0, which lifts its mean.
        expected = fold_std**2 * (folds / (folds - 1) if fresh else 1)
        assert parts.fold.mean() == pytest.approx(expected, rel=0.05)
    else:
        assert parts.fold.mean() < parts.seed.mean()


def test_variance_parts_by_hand():
    scores = np.array([[[0.1, 0.5], [0.3, 0.7]]])
    same = variance_parts(scores, fresh_folds=False)
    assert (same.seed[0], same.fold[0]) == pytest.approx((0.02, 0.08 - 0.01))
    fresh = variance_parts(scores, fresh_folds=True)
    assert (fresh.seed[0], fresh.fold[0]) == pytest.approx((2 * 0.02, 0.08 - 0.04))


@pytest.mark.parametrize("trials", [7, 30])
@pytest.mark.parametrize("folds", [3, 10])
def test_optimism_among_equal_trials(trials, folds):
    """The expected maximum of normal means is known, and the estimate is near it."""
    random = np.random.RandomState(5)
    maxima = random.normal(size=(20000, trials)).max(axis=1).mean() / np.sqrt(folds)
    searches = random.normal(size=(300, trials, folds)) + 5 * random.normal(size=(300, 1, folds))
    estimates = [estimate_optimism(units, draws=200) for units in searches]
    assert np.mean(estimates) == pytest.approx(maxima, rel=0.15)


def test_a_clear_winner_flatters_little():
    random = np.random.RandomState(6)
    units = np.array([[0.0], [10.0]]) + 0.1 * random.normal(size=(2, 5))
    assert estimate_optimism(units) < 0.05


def test_optimism_is_the_same_each_time_and_of_one_trial_nothing():
    units = np.random.RandomState(7).normal(size=(4, 3))
    assert estimate_optimism(units) == estimate_optimism(units) > 0
    assert estimate_optimism(units[:1]) == 0


def test_noise_share():
    random = np.random.RandomState(8)
    noisy = [noise_share(random.normal(size=(20, 5))) for _ in range(200)]
    assert np.mean(noisy) > 0.8
    clear = np.arange(20)[:, None] + 0.01 * random.normal(size=(20, 5))
    assert noise_share(clear) < 0.01


@pytest.mark.parametrize(
    "units",
    [
        pytest.param(np.zeros((1, 3)), id="one-trial"),
        pytest.param(np.zeros((3, 1)), id="one-fold"),
        pytest.param(np.ones((3, 3)), id="equal-means"),
    ],
)
def test_no_variance_has_no_share_of_noise(units):
    assert noise_share(units) is None

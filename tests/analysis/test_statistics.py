"""The statistics against references, by hand, from scipy and scikit-learn, and calibrated."""

import numpy as np
import pytest
import scipy.stats

from kt_grid.analysis.statistics import (
    noise_share,
    standard_error,
    variance_parts,
)


def test_standard_error_is_scipys():
    scores = np.random.RandomState(0).normal(size=(5, 1, 7))
    assert standard_error(scores) == pytest.approx(scipy.stats.sem(scores[:, 0], axis=1), rel=1e-12)


def test_standard_error_of_two_passes_by_hand():
    """Means 1 and 3 vary by 2, so seeds by 2 times 2; scores of a pass by 2 and 8, 5 on average.

    So rows have 5 - 4 = 1, and the mean of all 1 / 2 + 4 / 4.
    """
    assert standard_error(np.array([[[0.0, 2.0], [1.0, 5.0]]])) == pytest.approx(1.5**0.5)


@pytest.mark.parametrize(("passes", "folds"), [(5, 3), (10, 10)], ids=str)
def test_passes_over_the_same_rows_lower_only_what_the_seeds_add(passes, folds):
    """The truth: over many sets of 300 rows, the deviation of the mean of all scores."""
    random = np.random.RandomState(1)
    searches, rows, seed = 400, 300, 0.05
    values = random.normal(size=(searches, rows))
    scores = np.empty((searches, passes, folds))
    for turn in range(passes):
        order = random.permutation(rows)
        scores[:, turn] = values[:, order].reshape(searches, folds, -1).mean(axis=2)
    scores += seed * random.normal(size=scores.shape)
    truth = scores.mean(axis=(1, 2)).std()
    assert np.sqrt((standard_error(scores) ** 2).mean()) == pytest.approx(truth, rel=0.1)
    naive = scores.reshape(searches, -1).std(axis=1, ddof=1).mean() / np.sqrt(passes * folds)
    assert naive < 0.6 * truth


def test_random_splits_hold_rows_out_in_common():
    """ShuffleSplit of a fifth of 300 rows: Nadeau and Bengio's correction meets the truth."""
    random = np.random.RandomState(2)
    values = random.normal(size=(400, 300))
    splits = [random.choice(300, 60, replace=False) for _ in range(10)]
    scores = np.stack([values[:, rows].mean(axis=1) for rows in splits], axis=1)[:, None]
    truth = scores.mean(axis=(1, 2)).std()
    assert np.sqrt((standard_error(scores, 0.25) ** 2).mean()) == pytest.approx(truth, rel=0.1)


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


def test_noise_share():
    assert noise_share(np.array([0.0, 2.0]), np.array([0.5, 0.5])) == pytest.approx(0.25)
    assert noise_share(np.array([0.0, 2.0]), np.array([np.nan, 0.5])) == pytest.approx(0.25)
    assert noise_share(np.array([0.0, 2.0]), np.array([9.0, 9.0])) == 1.0


@pytest.mark.parametrize(
    "means",
    [pytest.param(np.zeros(1), id="one-trial"), pytest.param(np.ones(3), id="equal-means")],
)
def test_no_variance_has_no_share_of_noise(means):
    assert noise_share(means, np.ones(len(means))) is None

"""What a choice is worth, against simulated truth and by hand."""

import numpy as np
import pytest

from kt_grid.analysis.choice import expected_cost, selection_bias, smoothed
from kt_grid.analysis.confidence_set import Design, estimate_noise

DESIGN = Design(0.0, 0.0)


@pytest.mark.parametrize("spread", [0.0, 1.0, 3.0], ids=["equal", "near", "apart"])
@pytest.mark.parametrize(("trials", "folds"), [(7, 2), (7, 3), (7, 10), (30, 5)], ids=str)
def test_selection_bias_is_what_the_winner_loses(trials, folds, spread):
    """Over searches of known truth, in standard errors of a mean."""
    random = np.random.default_rng(0)
    lost, told = [], []
    for _ in range(300):
        true = spread * random.normal(size=trials)
        noise = np.sqrt(folds) * random.normal(size=(trials, 1, folds))
        scores = true[:, None, None] + noise
        means = scores.mean(axis=(1, 2))
        lost.append(means.max() - true[means.argmax()])
        told.append(selection_bias(scores, DESIGN))
    assert np.mean(told) == pytest.approx(np.mean(lost), abs=0.25)


def test_selection_bias_of_two_trials_on_two_folds_by_hand():
    """Differences of -1 and 1: a variance of 1 on a fold, of 1/2 of each mean.

    The larger of two equal means with a deviation of s = sqrt(1/2) exceeds them by s / sqrt(pi).
    """
    scores = np.array([[[1.0, 3.0]], [[2.0, 2.0]]])
    assert selection_bias(scores, DESIGN) == pytest.approx(0.5**0.5 / np.pi**0.5, rel=0.05)


def test_a_clear_winner_and_a_single_one_flatter_little():
    random = np.random.default_rng(1)
    scores = np.array([0.0, 10.0])[:, None, None] + 0.1 * random.normal(size=(2, 1, 5))
    assert selection_bias(scores, DESIGN) < 0.05
    assert selection_bias(scores[:1], DESIGN) == 0
    assert selection_bias(np.ones((3, 1, 3)), DESIGN) == 0


@pytest.mark.parametrize("trials", [2, 3, 7])
def test_one_that_diverged_is_nobodys_luck(trials):
    scores = np.random.default_rng(2).normal(size=(trials, 1, 3))
    before = selection_bias(scores[:-1], DESIGN)
    scores[-1, 0, 1] -= 1000
    assert selection_bias(scores, DESIGN) == before


def test_a_cost_is_never_nothing_where_the_mean_is_lower():
    random = np.random.default_rng(3)
    for _ in range(20):
        scores = random.normal(size=(5, 1, 3))
        means = scores.mean(axis=(1, 2))
        order = np.argsort(-means)
        noise = estimate_noise(scores, DESIGN)
        if noise.luck[order[0]] <= noise.luck[order[-1]]:
            assert expected_cost(means, noise, int(order[-1])) > 0
        assert expected_cost(means, noise, int(order[0])) == 0


def test_smoothing_by_hand():
    """Two by three with one odd cell; rest and degrees of freedom from the additive fit."""
    table = np.array([[1.0, 2.0, 3.0, 4.0], [2.0, 3.0, 4.0, 9.0]])
    additive = table.mean(axis=1, keepdims=True) + table.mean(axis=0, keepdims=True) - table.mean()
    levels = [np.repeat([0, 1], 4), np.tile([0, 1, 2, 3], 2)]
    square = ((table - additive) ** 2).sum() / 3
    share = min(1, 0.5 / square) / 3
    ours = smoothed(table.ravel(), levels, 0.5)
    assert ours == pytest.approx((additive + (1 - share) * (table - additive)).ravel())
    assert smoothed(table[:, :3].ravel(), [np.repeat([0, 1], 3), np.tile([0, 1, 2], 2)], 1) is None


def test_the_smoothed_choice_loses_less_on_a_grid_without_interactions():
    random = np.random.default_rng(4)
    levels = [np.repeat(np.arange(10), 5), np.tile(np.arange(5), 10)]
    lost = np.zeros(2)
    for _ in range(200):
        true = random.normal(size=10)[levels[0]] + random.normal(size=5)[levels[1]]
        means = true + random.normal(size=50)
        choices = means.argmax(), smoothed(means, levels, 1.0).argmax()
        lost += true.max() - true[[*choices]]
    assert lost[1] < 0.8 * lost[0]

"""The confidence set against its steps written out one by one, and on searches of known truth."""

import math

import numpy as np
import pytest
import scipy.stats

from kt_grid.analysis.confidence_set import (
    Design,
    confidence_set,
    draw_ranges,
    estimate_noise,
    fold_overlap,
    look_ahead,
)

LEVEL = 0.05


def shaped(*rows):
    """Scores of one pass."""
    return np.array(rows, dtype=float)[:, None, :]


# --- the steps as they read, slow


def variances(x, theta, step):
    """U, seed and V of all trials of at least two, with nobody set apart."""
    trials, passes, folds = len(x), len(x[0]), len(x[0][0])

    def shrunk(squares, freedom, rounding):
        mean = sum(squares) / trials
        pool = mean * trials / (trials - 1) + rounding
        known = freedom * (1 - 1 / trials)
        weight = 0 if trials == 2 else min(4, (trials - 1) * freedom - known)
        result = []
        for square in squares:
            own = pool
            if trials > 2:
                own = (square - mean / (trials - 1)) * trials / (trials - 2)
                own = max(0, own) + rounding
            result.append((weight * pool + known * own) / (weight + known))
        return result, weight, known

    squares = []
    for i in range(trials):
        total = 0
        for r in range(passes):
            for j in range(folds):
                own = [x[a][r][j] - sum(x[a][r]) / folds for a in range(trials)]
                total += (own[i] - sum(own) / trials) ** 2
        squares.append(total / ((folds - 1) * passes))
    within, weight, known = shrunk(squares, (folds - 1) * passes, step**2 / 12)
    seed = [0.0] * trials
    if passes > 1:
        squares = []
        for i in range(trials):
            total = 0
            for r in range(passes):
                own = [
                    sum(x[a][r]) / folds - sum(sum(x[a][q]) for q in range(passes)) / folds / passes
                    for a in range(trials)
                ]
                total += (own[i] - sum(own) / trials) ** 2
            squares.append(total / (passes - 1))
        seed = [folds * part for part in shrunk(squares, passes - 1, 0)[0]]
    v = [mean_variance(u, s, folds, passes, theta) for u, s in zip(within, seed, strict=True)]
    return within, seed, v, weight, known


def mean_variance(within, seed, folds, passes, theta):
    row = max(0, within - seed)
    return row / folds + seed / (folds * passes) + theta * within / (folds - 1)


def ranges(within, seed, v, weight, known, shape, theta, draws, random):
    """M of each draw."""
    trials, passes, folds = shape
    freedom = (folds - 1) * passes
    found = []
    for _ in range(draws):
        if trials == 2:
            factor = [1, 1]
            common, of_means = random.chisquare(freedom) / freedom, 0
            again = [u * common for u in within]
            if passes > 1:
                of_means = random.chisquare(passes - 1) / (passes - 1)
            seeds = [s * of_means for s in seed]
        else:
            factor = [(weight + known) / random.chisquare(weight + known) for _ in range(trials)]
            own = [
                u * f * random.chisquare(freedom) / freedom
                for u, f in zip(within, factor, strict=True)
            ]
            pool = sum(own) / trials
            again = [(weight * pool + known * o) / (weight + known) for o in own]
            seeds = [0] * trials
            if passes > 1:
                own = [
                    s / folds * f * random.chisquare(passes - 1) / (passes - 1)
                    for s, f in zip(seed, factor, strict=True)
                ]
                pool = sum(own) / trials
                d = (passes - 1) * (1 - 1 / trials)
                w = min(4, (trials - 1) * (passes - 1) - d)
                seeds = [folds * (w * pool + d * o) / (w + d) for o in own]
        z = [random.normal() * math.sqrt(a * f) for a, f in zip(v, factor, strict=True)]
        drawn = [
            mean_variance(u, s, folds, passes, theta) for u, s in zip(again, seeds, strict=True)
        ]
        best = max(range(trials), key=lambda i: z[i])
        found.append(
            max((z[best] - z[i]) / math.sqrt(drawn[best] + drawn[i]) for i in range(trials))
        )
    return found


def reference(x, theta, step, draws=2000, seed=1):
    """P-values of all trials, round by round."""
    random = np.random.default_rng(seed)
    p, left, floor = [None] * len(x), list(range(len(x))), 0
    while len(left) > 1:
        part = [x[i].tolist() for i in left]
        within, seeds, v, weight, known = variances(part, theta, step)
        means = [float(np.mean(scores)) for scores in part]
        best = means.index(max(means))
        t = [(means[best] - m) / math.sqrt(v[best] + a) for m, a in zip(means, v, strict=True)]
        shape = (len(left), *x.shape[1:])
        if len(left) == 2 and x.shape[1] == 1:
            found = [2 * scipy.stats.t.sf(value, x.shape[2] - 1) for value in t]
        else:
            drawn = ranges(within, seeds, v, weight, known, shape, theta, draws, random)
            found = [(1 + sum(m >= value for m in drawn)) / (draws + 1) for value in t]
        found[best] = 1
        found = [max(value, floor) for value in found]
        for place, value in zip(left, found, strict=True):
            p[place] = value
        dropped = [place for place, value in enumerate(found) if value <= LEVEL]
        if not dropped:
            break
        floor = max(found[place] for place in dropped)
        left = [place for i, place in enumerate(left) if i not in dropped]
    return p


SEARCHES = {
    "three": (3, 1, 3, [0, 0, 0]),
    "two": (2, 1, 5, [0, 1]),
    "step down": (5, 1, 4, [0, 0.4, 1.5, 6, 30]),
    "passes": (4, 3, 3, [0, 0.5, 2, 8]),
    "two, passes": (2, 4, 3, [0, 1]),
    "no degrees left for the prior": (3, 1, 2, [0, 1, 5]),
}


@pytest.mark.parametrize("kind", SEARCHES)
def test_it_does_what_its_steps_say(kind):
    trials, passes, folds, behind = SEARCHES[kind]
    random = np.random.default_rng(len(kind))
    x = random.normal(size=(trials, passes, folds)) + 3 * random.normal(size=(1, passes, folds))
    x -= np.array(behind)[:, None, None]
    theta, step = 0.25, 0.1
    design = Design(theta / (folds - 1), step)
    within, seed, v, *_ = variances(x.tolist(), theta, step)
    noise = estimate_noise(x, design)
    assert noise.within == pytest.approx(within, rel=1e-9)
    assert noise.seed == pytest.approx(seed, rel=1e-9)
    assert noise.variance == pytest.approx(v, rel=1e-9)
    found, expected = confidence_set(x, design), reference(x, theta, step)
    # Both are drawn: four standard errors of the difference.
    for ours, theirs in zip(found.p, expected, strict=True):
        assert ours == pytest.approx(
            theirs, abs=4 * math.sqrt(2 * theirs * (1 - theirs) / 2000) + 2e-3
        )
    assert found.worse.tolist() == [p <= LEVEL for p in expected]


def test_two_trials_are_a_paired_t_test():
    x = np.random.default_rng(0).normal(size=(2, 1, 8))
    ours = confidence_set(x, Design(0.0, 0.0))
    theirs = scipy.stats.ttest_rel(x[0, 0], x[1, 0])
    assert ours.p.min() == pytest.approx(theirs.pvalue, rel=1e-9)
    difference = (x[0] - x[1])[0]
    needed = scipy.stats.t.ppf(0.975, 7) * difference.std(ddof=1) / math.sqrt(8)
    assert ours.needed == pytest.approx(needed, rel=1e-9)


def test_the_difference_needed_by_hand():
    """Shares in steps of a tenth, on three folds of 100 rows.

    The differences .1, 0 and .2 have variance .01; half of it, .005, and a twelfth of the squared
    step, .000833, make one trial's variance on a fold. That of its mean is .005833 times 1 / 3 and
    1 / 4, .003403, and Student's t for 2 degrees of freedom and 5 % is 4.302653.
    """
    x = shaped([0.5, 0.6, 0.7], [0.4, 0.6, 0.5])
    found = confidence_set(x, Design(0.25, 0.1))
    assert found.variance == pytest.approx([0.0034027778] * 2)
    assert found.needed == pytest.approx(4.302653 * math.sqrt(2 * 0.0034027778), rel=1e-6)
    # Two trials that differ by the same on all folds: the step alone says how large noise may be.
    assert confidence_set(shaped([0.5] * 3, [1.0] * 3), Design(0.25, 0.5)).needed is None


def test_the_overlap_falls_with_the_rows():
    assert [fold_overlap(3, rows) for rows in (60, 200, 400, 800, 10**6)] == pytest.approx(
        [0.5, 0.5, 0.25, 0.125, 0.125]
    )


NOTHING = Design(0.1, 0.0)


@pytest.mark.parametrize(
    ("scores", "design"),
    [
        pytest.param(np.zeros((0, 1, 3)), NOTHING, id="no trials"),
        pytest.param(np.ones((1, 1, 3)), NOTHING, id="one trial"),
        pytest.param(np.arange(4.0).reshape(4, 1, 1), NOTHING, id="one fold"),
        pytest.param(np.ones((4, 1, 3)), NOTHING, id="all ties"),
        pytest.param(np.ones((4, 1, 3)), Design(0.1, 0.01), id="all ties with a step"),
        pytest.param(np.ones((2, 3, 3)), NOTHING, id="two, passes"),
        pytest.param(shaped([1, 1, 1], [0.5] * 3, [0.2] * 3), NOTHING, id="no noise"),
        pytest.param(shaped([1, 1, 1], [0.5] * 3), Design(0.1, 0.01), id="no noise with a step"),
        pytest.param(shaped([0.1, 0.3], [np.nan, 1], [0.2, np.inf]), NOTHING, id="one is finite"),
    ],
)
def test_where_nothing_can_be_said_nothing_is(scores, design):
    found = confidence_set(scores, design)
    assert not found.is_told
    assert not found.worse.any()
    assert found.needed is None
    assert len(found.p) == len(scores)


def test_what_is_not_finite_is_set_aside():
    random = np.random.default_rng(1)
    good = random.normal(size=(4, 1, 5)) + np.array([0, 0, -9, -9])[:, None, None]
    broken = np.full((1, 1, 5), 1.0)
    broken[0, 0, 2] = np.nan
    found = confidence_set(np.concatenate([broken, good]), NOTHING)
    alone = confidence_set(good, NOTHING)
    assert math.isnan(found.p[0])
    assert found.p[1:].tolist() == alone.p.tolist()
    assert found.worse.tolist() == [False, False, False, True, True]


def test_ties_of_the_best_are_never_worse():
    x = shaped([0.9, 0.8, 0.7], [0.9, 0.8, 0.7], [0.9, 0.7, 0.8], [0.5, 0.4, 0.31])
    found = confidence_set(x, Design(fold_overlap(3, 800), 0.01))
    assert found.p[:3].tolist() == [1.0, 1.0, 1.0]
    assert found.worse.tolist() == [False, False, False, True]


def test_a_search_of_known_truth():
    """Ten folds, deviations of .01: .3 and .1 behind are seen, .001 isn't."""
    random = np.random.default_rng(2)
    behind = np.array([0.1, 0.0, 0.001, 0.3, 0.0])
    x = 0.8 + 0.01 * random.normal(size=(5, 1, 10)) + 0.05 * random.normal(size=(1, 1, 10))
    found = confidence_set(x - behind[:, None, None], Design(fold_overlap(10, 768), 0.0))
    assert found.worse.tolist() == [True, False, False, True, False]
    assert 0.003 < found.needed < 0.03
    assert found.variance == pytest.approx([1e-6 * (10 + 100 / 36)] * 5 * np.ones(5), rel=2)


def test_the_same_scores_give_the_same_result_and_units_do_not_matter():
    x = np.random.default_rng(3).normal(size=(6, 1, 3))
    once, again = (confidence_set(x, NOTHING) for _ in range(2))
    assert once.p.tolist() == again.p.tolist()
    larger = confidence_set(1000 * x, NOTHING)
    assert larger.p.tolist() == once.p.tolist()
    assert larger.needed == pytest.approx(1000 * once.needed)
    lifted = confidence_set(x + 5 * np.arange(3), NOTHING)
    assert lifted.p == pytest.approx(once.p, abs=1e-9)


@pytest.mark.parametrize("passes", [1, 3])
@pytest.mark.parametrize("depth", [0.01, 0.2, 0.5])
def test_a_collapsed_fold_does_not_hide_the_rest(depth, passes):
    random = np.random.default_rng(4)
    behind = np.array([0, 0, 0, 0.1, 0.1, 0.1, 0, 0])[:, None, None]
    x = 0.7 + 0.01 * random.normal(size=(8, passes, 5)) - behind
    before = confidence_set(x, Design(fold_overlap(5, 800), 0.0))
    x[6, 0, 2] -= depth
    after = confidence_set(x, Design(fold_overlap(5, 800), 0.0))
    assert after.unsteady.tolist() == [depth > 0.1 and i == 6 for i in range(8)]
    assert before.worse[3:6].all()
    assert after.worse[3:6].all()
    assert not after.worse[:3].any()


def test_uneven_noise_is_no_collapse():
    random = np.random.default_rng(5)
    x = random.normal(size=(8, 1, 3)) * np.array([1, 1, 1, 1, 1, 30, 30, 30])[:, None, None]
    assert not confidence_set(x, NOTHING).unsteady.any()


@pytest.mark.parametrize(
    ("trials", "passes", "folds"),
    [(2, 1, 3), (7, 1, 3), (30, 1, 5), (7, 3, 3), (2, 3, 3)],
    ids=str,
)
def test_equal_trials_are_called_worse_in_one_search_of_twenty_at_most(trials, passes, folds):
    """`scripts/calibrate.py` is the same at full size."""
    random = np.random.default_rng(6)
    wrong = 0
    for _ in range(200):
        x = random.normal(size=(trials, passes, folds)) + 3 * random.normal(size=(1, passes, folds))
        wrong += bool(confidence_set(x, Design(fold_overlap(folds, 800), 0.0)).worse.any())
    assert wrong / 200 <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / 200)


def test_the_difference_needed_is_where_claims_begin():
    random = np.random.default_rng(7)
    x = random.normal(size=(6, 1, 10))
    x -= x.mean(axis=2, keepdims=True)
    x[1:] -= 0.1
    needed = confidence_set(x, NOTHING).needed
    for share, is_worse in ((0.5, False), (2.0, True)):
        moved = x.copy()
        moved[5] -= share * needed
        assert confidence_set(moved, NOTHING).worse[5] == is_worse


@pytest.mark.parametrize("unit", [1e-12, 1.0, 1e12])
@pytest.mark.parametrize(("trials", "passes"), [(2, 1), (3, 1), (30, 1), (2, 2), (8, 2)], ids=str)
def test_two_folds_and_odd_units_give_whole_numbers(trials, passes, unit):
    """One degree of freedom: what is drawn may be next to nothing."""
    x = unit * np.random.default_rng(8).normal(size=(trials, passes, 2))
    found = confidence_set(x, Design(1.0, 0.0))
    assert np.isfinite(found.p).all()
    noise = estimate_noise(x, Design(1.0, 0.0))
    assert np.isfinite(draw_ranges(noise, 20000, np.random.default_rng(0))).all()


def test_draws_are_in_order_and_as_many_as_asked_for():
    noise = estimate_noise(np.random.default_rng(8).normal(size=(1500, 1, 3)), NOTHING)
    drawn = draw_ranges(noise, 1700, np.random.default_rng(0))
    assert len(drawn) == 1700
    assert (np.diff(drawn) >= 0).all()


def test_a_look_ahead():
    random = np.random.default_rng(9)
    seeds = 0.5 + random.normal(size=(6, 4, 3))
    design = Design(fold_overlap(3, 800), 0.0)
    outlook, now = look_ahead(seeds, design, 10), confidence_set(seeds, design).needed
    assert outlook.limit < outlook.more_repeats < now
    rows = np.repeat(random.normal(size=(6, 1, 3)), 4, axis=1)
    stuck = look_ahead(rows + 1e-3 * seeds, design, 10)
    assert stuck.more_repeats > 0.9 * stuck.limit
    assert look_ahead(seeds[:, :1], design, 10).limit is None
    assert look_ahead(np.ones((3, 1, 3)), design, 10) is None

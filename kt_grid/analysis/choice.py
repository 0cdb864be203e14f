"""Which trial to take, and what that is expected to be worth: estimates on arrays, numpy only."""

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt

from kt_grid.analysis.confidence_set import Design, Noise, estimate_noise

Floats = npt.NDArray[np.float64]
Levels = npt.NDArray[np.intp]

_DRAWS = 4000
_CELLS = 1_000_000
_DIVERGED = 100
_LEAST_FREEDOM = 3


def selection_bias(scores: Floats, design: Design, seed: int = 0) -> float:
    """Estimate by how much the best mean of the contenders flatters the trial that has it.

    A parametric bootstrap: true means are drawn together by what noise explains of their spread
    (empirical Bayes), noise is drawn around them, and what the winner's mean then exceeds its true
    one by is the bias. Trials that vary a hundred times as much as the others, such as one that
    diverged on a fold, are left out, or their noise would count as everybody's.

    Args:
        scores: Of the contenders, higher is better, shape `(contenders, passes, folds)`.
        design: How the splits measure.
        seed: Of the draws.

    Returns:
        The winner's mean minus what it is expected to be on new rows, at least 0.
    """
    scores = scores[_have_not_diverged(scores)]
    noise = estimate_noise(scores, design) if len(scores) > 1 else None
    if noise is None:
        return 0.0
    true = _drawn_together(scores.mean(axis=(1, 2)), noise.luck, 0.0)
    random = np.random.default_rng(seed)
    chunk = max(1, _CELLS // len(scores))
    luck = []
    for begun in range(0, _DRAWS, chunk):
        shape = (min(chunk, _DRAWS - begun), len(scores))
        off = random.standard_normal(shape) * np.sqrt(noise.luck)
        winner = (true + off).argmax(axis=1)
        luck.append(off[np.arange(len(off)), winner])
    return max(0.0, float(np.concatenate(luck).mean()))


def _have_not_diverged(scores: Floats) -> npt.NDArray[np.bool_]:
    squares = ((scores - scores.mean(axis=2, keepdims=True)) ** 2).sum(axis=(1, 2))
    typical = np.sort(squares)[(len(squares) - 1) // 2]
    steady: npt.NDArray[np.bool_] = squares <= _DIVERGED * typical
    return steady if typical > 0 else np.ones(len(scores), dtype=np.bool_)


def _drawn_together(means: Floats, luck: Floats, least: float) -> Floats:
    """Means as they're expected to be in truth: each nearer to the middle, the noisier it is."""
    spread = max(least, float(means.var(ddof=1) - luck.mean()))
    weights = 1 / (spread + luck)
    middle = (weights * means).sum() / weights.sum()
    result: Floats = middle + spread * weights * (means - middle)
    return result


def expected_cost(means: Floats, noise: Noise, chosen: int) -> float:
    """Estimate how much worse a contender is in truth than the one with the best mean.

    Where the means differ by no more than noise gives, their true spread is taken to be half the
    noise: that few folds don't show a difference doesn't make the choice free.

    Args:
        means: Of the contenders, higher is better.
        noise: Their noise.
        chosen: Which one.

    Returns:
        The expected difference, at least 0.
    """
    true = _drawn_together(means, noise.luck, float(noise.luck.mean()) / 2)
    return max(0.0, float(true[int(np.argmax(means))] - true[chosen]))


def smoothed(means: Floats, levels: Sequence[Levels], variance: float) -> Floats | None:
    """Draw the means of a grid towards its additive fit, as far as noise explains the rest.

    What an interaction of the axes doesn't show beyond noise is taken away (positive-part James and
    Stein towards the fit): with many combinations and few folds, the best smoothed mean is a
    better choice than the best mean.

    Args:
        means: Of the trials, higher is better, shape `(trials,)`.
        levels: The level of each trial on each axis, at least two axes.
        variance: Of a trial's mean.

    Returns:
        Smoothed means; None if there are too few trials to tell interactions from axes.
    """
    design = np.hstack(
        [np.ones((len(means), 1)), *(np.eye(axis.max() + 1)[axis] for axis in levels)]
    )
    fitted, _, rank, _ = np.linalg.lstsq(design, means, rcond=None)
    freedom = len(means) - rank
    if freedom < _LEAST_FREEDOM:
        return None
    additive = design @ fitted
    rest = means - additive
    square = float(rest @ rest) / freedom
    share = min(1.0, variance / square) * (freedom - 2) / freedom if square > 0 else 1.0
    result: Floats = additive + (1 - share) * rest
    return result

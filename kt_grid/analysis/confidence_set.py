"""Which trials may be the best: a model confidence set on arrays of scores, numpy and scipy only.

The best mean of many is partly luck, so that the comparison of every trial with it has to allow for
the choice. A model confidence set (Hansen, Lunde and Nason 2011, "The model confidence set",
Econometrica 79) does: it holds the best trial in 95 % of all searches, whichever that is. Trials
are dropped by steps (Romano and Wolf 2005, "Stepwise multiple testing as formalized data snooping",
Econometrica 73): those too far behind the best for luck, then, with everything worked out again on
what is left, those that now are.

How noisy a trial is, is seen in what its scores vary beyond what all trials share on a fold
(Grubbs 1948, "On estimating precision of measuring instruments and product variability"). Three
folds say little of one trial, but all trials together say much: each variance is shrunk towards the
pool by a prior worth four degrees of freedom at the most (after Smyth 2004, "Linear models and
empirical Bayes methods"). The draws that say how far luck carries redo all of that, so that what is
estimated from few folds is allowed for.

Folds of one pass hold different rows out, but train on the same: how much that correlates the
scores depends on the model and the number of rows. Nadeau and Bengio (2003, "Inference for the
generalization error") take it to be all of 1 / (k - 1); Bayle et al. (2020, "Cross-validation
confidence intervals") show that for stable models it vanishes. It is taken whole up to 200 rows,
and a quarter of it from 800 on.
"""

import math
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]
Drawn = npt.NDArray[np.float32]
Booleans = npt.NDArray[np.bool_]

LEVEL = 0.05

_PRIOR = 4.0
_SAME = 1e-9
_LEAST = 1e-20
_CELLS = 30_000
_COLLAPSED = 0.01
_FEW = 4
_OUTLOOK, _ENOUGH = 20, 50_000
_MOST_COLLAPSED = 0.2


@dataclass(frozen=True)
class Design:
    """How splits measure.

    Attributes:
        overlap: What the splits' common rows add to the variance of a mean, in units of the
            variance of one score: for folds of a pass see `fold_overlap`; for splits drawn at
            random, two of which hold a share `rho` of their rows out in common, `rho / (1 - rho)`,
            which is Nadeau and Bengio's `n_test / n_train`.
        step: The step in which scores come, such as `1 / rows` of a fold for an accuracy; 0 for
            continuous ones; None if it isn't known: then it is the smallest difference seen.
    """

    overlap: float
    step: float | None = None


def fold_overlap(folds: int, rows: float) -> float:
    """Return the overlap of the folds of a pass, at least two, over so many rows."""
    return min(1.0, max(0.25, 200 / rows)) / (folds - 1)


@dataclass(frozen=True)
class ConfidenceSet:
    """What a comparison of all trials with the best one shows.

    Attributes:
        p: P-value of each trial's being the best, shape `(trials,)`: 1 for the best mean; NaN where
            nothing can be said, which is so for all if the scores show no noise.
        level: The level; trials at or below it are significantly worse.
        variance: Of each trial's mean, without what all trials share, shape `(trials,)`; NaN where
            it isn't known.
        luck: The part of it that isn't the overlap's: what a choice among these means is misled by.
        seed: The part that more passes would lower; 0 for a single pass.
        needed: How far behind the best a trial of typical noise must be; None if that isn't known.
        unsteady: Whether a trial varies far more than the others: a fold collapsed or diverged.
    """

    p: Floats
    level: float
    variance: Floats
    luck: Floats
    seed: Floats
    needed: float | None
    unsteady: Booleans

    @property
    def is_told(self) -> bool:
        """Whether anything can be said."""
        return bool(np.isfinite(self.p).any())

    @property
    def worse(self) -> Booleans:
        """Whether each trial is significantly worse than the best."""
        result: Booleans = np.nan_to_num(self.p, nan=1.0) <= self.level
        return result


def confidence_set(
    scores: Floats, design: Design, level: float = LEVEL, seed: int = 0, precision: int = 100
) -> ConfidenceSet:
    """Tell which trials are significantly worse than the best.

    The claim is about these rows. Trials with a score that isn't finite are set aside.

    Args:
        scores: Higher is better, shape `(trials, passes, folds)`. Passes have folds of their own;
            take the mean of those on the same folds. Splits that aren't folds of a pass are so many
            folds of one.
        design: How the splits measure.
        level: Share of searches in which a trial that isn't worse may be called so.
        seed: Of the draws; the same scores give the same result.
        precision: How many draws are expected beyond the level.

    Returns:
        The comparison.

    Example:
        >>> scores = np.array([[[0.90, 0.92, 0.91]], [[0.70, 0.71, 0.72]]])
        >>> confidence_set(scores, Design(fold_overlap(3, 900))).worse.tolist()
        [False, True]
    """
    trials, _, folds = scores.shape
    p, variance, luck, own_seed = np.full((4, trials), np.nan)
    unsteady = np.zeros(trials, dtype=np.bool_)
    left = np.flatnonzero(np.isfinite(scores).all(axis=(1, 2)))
    needed: float | None = None
    floor = 0.0
    random = np.random.default_rng(seed)
    while folds > 1 and len(left) > 1:
        noise = estimate_noise(scores[left], design)
        if noise is None:
            break
        means = scores[left].mean(axis=(1, 2))
        found, quantile = _compare(means, noise, level, random, precision)
        found = np.maximum(found, floor)
        p[left], variance[left], luck[left], own_seed[left] = (
            *(found, noise.variance),
            *(noise.luck, noise.seed / (noise.folds * noise.passes)),
        )
        unsteady[left] |= noise.unsteady
        best = int(np.argmax(means))
        others = float(np.median(np.delete(noise.variance, best)))
        needed = quantile * math.sqrt(noise.variance[best] + others)
        dropped = found <= level
        if not dropped.any():
            break
        floor = float(found[dropped].max())
        left = left[~dropped]
    return ConfidenceSet(p, level, variance, luck, own_seed, needed, unsteady)


@dataclass(frozen=True)
class Noise:
    """How noisy the trials' means are.

    Attributes:
        within: Variance of one score within a pass, shape `(trials,)`.
        seed: The part of it that the seeds have; 0 for a single pass.
        folds: Folds of a pass.
        passes: Passes.
        overlap: The design's.
        unsteady: Trials that are estimated by themselves.
    """

    within: Floats
    seed: Floats
    folds: int
    passes: int
    overlap: float
    unsteady: Booleans

    @property
    def luck(self) -> Floats:
        """Variance of each mean without what the overlap adds."""
        return _luck(self.within, self.seed, self.folds, self.passes)

    @property
    def variance(self) -> Floats:
        """Variance of each mean."""
        result: Floats = self.luck + self.overlap * self.within
        return result


def _luck(within: Floats, seed: Floats, folds: int, passes: int) -> Floats:
    rows = np.maximum(within - seed, 0.0)
    result: Floats = rows / folds + seed / (folds * passes)
    return result


def estimate_noise(scores: Floats, design: Design) -> Noise | None:
    """Estimate how noisy the means of at least two trials are.

    Args:
        scores: Finite, shape `(trials, passes, folds)`, at least two folds.
        design: How the splits measure.

    Returns:
        The noise; None if the scores show none at all.
    """
    _, passes, folds = scores.shape
    own = scores - scores.mean(axis=2, keepdims=True)
    scale = float(np.abs(scores).max())
    step = _smallest_step(scores, scale) if design.step is None else design.step
    unsteady = _find_unsteady(own, step)
    rest = own - own[~unsteady].mean(axis=0)
    squares = (rest**2).sum(axis=(1, 2)) / ((folds - 1) * passes)
    if squares.mean() <= (_SAME * scale) ** 2:
        return None
    within = squares + step**2 / 12
    within[~unsteady] = _shrunk(squares[~unsteady], (folds - 1) * passes, step)
    seed = _seed_part(scores, unsteady)
    return Noise(within, seed, folds, passes, design.overlap, unsteady)


def _seed_part(scores: Floats, unsteady: Booleans) -> Floats:
    """The seeds' variance of one score: the folds' number times what the means of passes vary."""
    trials, passes, folds = scores.shape
    if passes < 2:
        return np.zeros(trials)
    means = scores.mean(axis=2)
    own = means - means.mean(axis=1, keepdims=True)
    squares = ((own - own[~unsteady].mean(axis=0)) ** 2).sum(axis=1) / (passes - 1)
    squares[~unsteady] = _shrunk(squares[~unsteady], passes - 1, 0.0)
    result: Floats = folds * squares
    return result


def _shrunk(squares: Floats, freedom: int, step: float) -> Floats:
    """Mean squares of residuals become each trial's variance (Grubbs), drawn towards the pool."""
    trials = len(squares)
    rounding = step**2 / 12
    pool = squares.mean() * trials / (trials - 1) + rounding
    if trials == 2:
        return np.full(2, pool)
    others = squares.mean() / (trials - 1)
    own = np.maximum(0.0, (squares - others) * trials / (trials - 2)) + rounding
    weight, known = _weights(trials, freedom)
    result: Floats = (weight * pool + known * own) / (weight + known)
    return result


def _weights(trials: int, freedom: int) -> tuple[float, float]:
    """Degrees of freedom of the prior and of a trial's own variance."""
    known = freedom * (1 - 1 / trials)
    weight = 0.0 if trials == 2 else min(_PRIOR, (trials - 1) * freedom - known)
    return weight, known


def _smallest_step(scores: Floats, scale: float) -> float:
    """The smallest difference between two scores of one fold, rounding aside."""
    steps = np.diff(np.sort(scores, axis=0), axis=0)
    seen = steps[steps > _SAME * scale]
    return float(seen.min()) if seen.size else 0.0


def _find_unsteady(own: Floats, step: float) -> Booleans:
    """Trials of which a fold collapsed, so that it doesn't hide what the others show.

    A trial is one if in a pass its mean square around the folds' medians is beyond what even noise
    gives in one search of a hundred; none is if that were more than a fifth of them: then noise
    isn't even.
    """
    from scipy.special import chdtri, fdtri

    trials, passes, folds = own.shape
    nobody = np.zeros(trials, dtype=np.bool_)
    if trials <= _FEW:
        return nobody
    freedom, looks = folds - 1, trials * passes
    squares = ((own - np.median(own, axis=0)) ** 2).sum(axis=2) / freedom
    typical = float(np.median(squares)) / (chdtri(freedom, 0.5) / freedom) + step**2 / 12
    limit = fdtri(freedom, freedom * (looks - 1), 1 - _COLLAPSED / looks)
    found: Booleans = (squares > limit * typical).any(axis=1)
    return found if typical > 0 and found.sum() <= _MOST_COLLAPSED * trials else nobody


def _compare(
    means: Floats, noise: Noise, level: float, random: np.random.Generator, precision: int
) -> tuple[Floats, float]:
    """P-values against the best mean, and the statistic that the level needs."""
    best = int(np.argmax(means))
    t = _distances(means, noise)
    if len(means) == 2 and noise.passes == 1:
        p, quantile = _paired(t, noise.folds - 1, level)
    else:
        drawn = draw_ranges(noise, math.ceil(precision / level), random)
        beyond = len(drawn) - np.searchsorted(drawn, t, side="left")
        p = (1 + beyond) / (len(drawn) + 1)
        quantile = float(drawn[min(math.ceil((1 - level) * (len(drawn) + 1)), len(drawn)) - 1])
    p[best] = 1.0
    return p, quantile


def could_be_worse(means: Floats, noise: Noise, level: float) -> Booleans:
    """Tell which trials would be worse if they were compared with nobody but the best.

    With more rivals, or noise that has to be estimated, it takes more, so that the others needn't
    be compared.

    Args:
        means: Higher is better.
        noise: Of the trials.
        level: Of the comparison.

    Returns:
        Whether each could be significantly worse.
    """
    from scipy.special import ndtr

    result: Booleans = 2 * ndtr(-_distances(means, noise)) <= level
    return result


def _distances(means: Floats, noise: Noise) -> Floats:
    """By how many standard errors each trial is behind the best mean."""
    variance = noise.variance
    best = int(np.argmax(means))
    gaps = means[best] - means
    gaps[gaps <= _SAME * np.abs(means).max()] = 0.0
    errors = np.sqrt(variance[best] + variance)
    result: Floats = np.divide(gaps, errors, out=np.zeros_like(gaps), where=errors > 0)
    return result


def _paired(t: Floats, freedom: int, level: float) -> tuple[Floats, float]:
    """Two trials and one pass need no draws: Student's t, two-sided since either could win."""
    from scipy.special import stdtr, stdtrit

    return 2 * stdtr(freedom, -t), float(stdtrit(freedom, 1 - level / 2))


def draw_ranges(noise: Noise, draws: int, random: np.random.Generator) -> Drawn:
    """Draw by how much the best of equal trials is ahead, in estimated standard errors.

    Args:
        noise: Of at least two trials.
        draws: How many.
        random: Where they come from.

    Returns:
        Of each draw the largest distance to the best, in rising order.
    """
    trials = len(noise.within)
    # The ranges don't depend on units, and few bits suffice for numbers about 1.
    unit = float(noise.variance.max()) or 1.0
    noise = replace(noise, within=noise.within / unit, seed=noise.seed / unit)
    chunk = max(1, _CELLS // trials)
    parts = [_ranges(noise, min(chunk, draws - begun), random) for begun in range(0, draws, chunk)]
    return np.sort(np.concatenate(parts))


def _ranges(noise: Noise, draws: int, random: np.random.Generator) -> Drawn:
    freedom = (noise.folds - 1) * noise.passes
    trials = len(noise.within)
    shape = (draws, trials)
    steady, few = np.flatnonzero(~noise.unsteady), np.flatnonzero(noise.unsteady)
    weight, known = _weights(len(steady), freedom)
    # The truth is as uncertain as the estimate: drawn around it, then estimated again.
    factor = np.ones(shape, np.float32)
    if trials > 2:
        factor = np.float32(weight + known) / _chi_squares(weight + known, shape, random)
        factor[:, few] = np.float32(freedom) / _chi_squares(freedom, (draws, len(few)), random)
    deviations = random.standard_normal(shape, np.float32)
    deviations *= np.sqrt(factor)
    deviations *= np.sqrt(noise.variance).astype(np.float32)
    within = _drawn_again(noise.within, factor, freedom, steady, random)
    if noise.passes > 1:
        means = noise.seed / noise.folds
        seed = _drawn_again(means, factor, noise.passes - 1, steady, random)
        seed *= np.float32(noise.folds)
        variance = np.maximum(within - seed, 0) / np.float32(noise.folds)
        variance += seed / np.float32(noise.folds * noise.passes)
        variance += np.float32(noise.overlap) * within
    else:
        variance = within * np.float32(1 / noise.folds + noise.overlap)
    rows = np.arange(draws)
    best = deviations.argmax(axis=1)
    behind = deviations[rows, best][:, None] - deviations
    variance += variance[rows, best][:, None]
    np.sqrt(variance, out=variance)
    np.divide(behind, variance, out=behind, where=variance > 0)
    result: Drawn = behind.max(axis=1)
    return result


def _chi_squares(freedom: float, shape: tuple[int, int], random: np.random.Generator) -> Drawn:
    # Half as many bits in half the time; what is so small that they make it 0 would divide by 0.
    drawn = 2 * random.standard_gamma(freedom / 2, shape, np.float32)
    return np.maximum(drawn, np.float32(_LEAST))


def _drawn_again(
    estimates: Floats,
    factor: Drawn,
    freedom: int,
    steady: npt.NDArray[np.intp],
    random: np.random.Generator,
) -> Drawn:
    """Variances as they would be estimated if the truth were the estimates times the factor."""
    draws, trials = factor.shape
    # Two trials are estimated by the same differences.
    shape = (draws, 1 if trials == 2 else trials)
    squares = _chi_squares(freedom, shape, random) * (factor / np.float32(freedom))
    squares *= estimates.astype(np.float32)
    if trials == 2:
        return squares
    weight, known = _weights(len(steady), freedom)
    pool = (squares if len(steady) == trials else squares[:, steady]).mean(axis=1, keepdims=True)
    if len(steady) == trials:
        squares *= np.float32(known / (weight + known))
        squares += np.float32(weight / (weight + known)) * pool
    else:
        squares[:, steady] = (weight * pool + known * squares[:, steady]) / (weight + known)
    return squares


@dataclass(frozen=True)
class Outlook:
    """Which difference would be significant if the same trials were measured otherwise.

    Attributes:
        more_folds: With one pass of more folds; None where there are several passes already.
        more_repeats: With twice as many passes; None for a single one, which doesn't tell seeds
            from rows.
        limit: With any number of passes over these rows; None likewise.
    """

    more_folds: float | None
    more_repeats: float | None
    limit: float | None


def look_ahead(
    scores: Floats, design: Design, folds: int, level: float = LEVEL, seed: int = 0
) -> Outlook | None:
    """Estimate what more folds or more passes would show, for trials of typical noise.

    Args:
        scores: Of at least two trials, shape `(trials, passes, folds)`.
        design: How the splits measure, which are folds of passes.
        folds: How many there could be.
        level: Of the comparison.
        seed: Of the draws.

    Returns:
        The differences; None without noise.
    """
    noise = estimate_noise(scores, design)
    if noise is None:
        return None
    even = replace(
        noise,
        within=np.full_like(noise.within, np.median(noise.within)),
        seed=np.full_like(noise.seed, np.median(noise.seed)),
        unsteady=np.zeros_like(noise.unsteady),
    )
    if noise.passes < 2:
        # Noise is taken to be that of rows: the fewer a fold has, the more its score varies.
        within = even.within * folds / noise.folds
        overlap = noise.overlap * (noise.folds - 1) / (folds - 1)
        finer = replace(even, within=within, folds=folds, overlap=overlap)
        return Outlook(_needed(finer, level, seed), None, None)
    twice = replace(even, passes=2 * noise.passes)
    needed = _needed(twice, level, seed)
    rows = np.maximum(even.within - even.seed, 0.0) / noise.folds
    lasting = float(rows[0] + noise.overlap * even.within[0])
    limit = needed * math.sqrt(lasting / float(twice.variance[0]))
    return Outlook(None, needed, limit)


def _needed(noise: Noise, level: float, seed: int) -> float:
    """The difference that the level needs, for trials of even noise."""
    if len(noise.within) == 2 and noise.passes == 1:
        _, quantile = _paired(np.zeros(2), noise.folds - 1, level)
    else:
        # An outlook on many trials may be rough.
        draws = min(100, max(_OUTLOOK, _ENOUGH // len(noise.within)))
        drawn = draw_ranges(noise, math.ceil(draws / level), np.random.default_rng(seed))
        quantile = float(drawn[math.ceil((1 - level) * len(drawn)) - 1])
    return quantile * math.sqrt(2 * float(noise.variance[0]))

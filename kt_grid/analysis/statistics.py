"""What scores on folds can say, and how surely: formulas on arrays, numpy only.

A *unit* is what counts as one measurement of a trial: its score on one split; or, where repeats
hold out the same rows again and so bring no news of other rows, its mean over them.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SAME = 1e-6
_DRAWS = 2000
_CHUNK = 200


def standard_error(units: Floats) -> Floats:
    """Estimate the standard error of each trial's mean.

    Args:
        units: Scores of shape `(trials, units)`, at least two units.

    Returns:
        `std(ddof=1) / sqrt(units)` of each trial, shape `(trials,)`.

    Example:
        >>> standard_error(np.array([[0.0, 1.0]])).tolist()
        [0.5]
    """
    result: Floats = units.std(axis=-1, ddof=1) / np.sqrt(units.shape[-1])
    return result


@dataclass(frozen=True)
class TTest:
    """The corrected resampled t-test of paired differences.

    Attributes:
        t: The statistic, shape `(n,)`.
        p: Two-sided p-values, shape `(n,)`.
    """

    t: Floats
    p: Floats


def corrected_t_test(differences: Floats, ratio: float, resolution: float = 0.0) -> TTest:
    """Test whether paired differences have mean zero, by the corrected resampled t-test.

    Training sets of different splits overlap, so that scores aren't independent and the plain
    t-test is far too sure. Nadeau and Bengio (2003), "Inference for the generalization error",
    Machine Learning 52, therefore take `variance * (1 / J + n_test / n_train)` for the variance of
    the mean of J differences, with J - 1 degrees of freedom.

    Args:
        differences: One row per comparison, shape `(n, J)`, J at least 2.
        ratio: `n_test / n_train`.
        resolution: The step in which scores come, such as `1 / n_test` for an accuracy. Its
            rounding adds `resolution**2 / 6` to the variance of a difference, without which three
            differences that are equal by chance would look like certainty.

    Returns:
        The statistics and p-values. Differences without any spread say nothing: t is 0, p is 1.

    Example:
        >>> test = corrected_t_test(np.array([[0.02, 0.04, 0.06]]), ratio=0.5)
        >>> [f"{x:.5f}" for x in (*test.t, *test.p)]
        ['2.19089', '0.15983']
    """
    from scipy.special import stdtr

    count = differences.shape[1]
    mean = differences.mean(axis=1)
    variance = differences.var(axis=1, ddof=1) + resolution**2 / 6
    error = np.sqrt(variance * (1 / count + ratio))
    spread = np.sqrt(variance) > _SAME * np.abs(mean)
    t = np.divide(mean, error, out=np.zeros_like(mean), where=spread & (error > 0))
    return TTest(t, 2 * stdtr(count - 1, -np.abs(t)))


def correct_for_choice(p: Floats, further: int = 0) -> Floats:
    """Correct p-values of comparisons with the best trial, which the same scores chose.

    Holm's step-down correction takes the smallest p-value times the number of comparisons, the
    next one times one less, and so on. Here any of n trials could have been the best, so that
    n (n - 1) / 2 pairs are at stake and not n - 1; each trial told apart leaves one less. With
    n - 1 for a factor, up to 30 % of searches among equal trials would name a wrong difference
    (`scripts/calibrate.py`).

    Args:
        p: P-values of all trials but the best against the best, shape `(trials - 1,)`.
        further: Trials without a p-value that could have been the best too.

    Returns:
        Corrected p-values, in the same order, at most 1.

    Example:
        >>> correct_for_choice(np.array([0.04, 0.01])).tolist()
        [0.04, 0.03]
    """
    order = np.argsort(p, kind="stable")
    left = np.arange(len(p) + 1, 1, -1) + further
    raised = np.maximum.accumulate(p[order] * left * (left - 1) / 2)
    corrected = np.empty_like(p)
    corrected[order] = np.minimum(raised, 1.0)
    return corrected


def compare_with_best(
    units: Floats, ratio: float, resolution: float = 0.0, further: int = 0
) -> Floats:
    """Compare every trial with the one of the best mean.

    Args:
        units: Scores, more is better, shape `(trials, units)`, at least two units.
        ratio: `n_test / n_train`.
        resolution: The step in which scores come.
        further: Trials besides that could have been the best, and have no scores to compare.

    Returns:
        P-values, corrected for the number of trials and for the choice of the best; 1 for the
        best itself, the first of equal ones. Shape `(trials,)`.
    """
    best = int(np.argmax(units.mean(axis=1)))
    others = np.arange(len(units)) != best
    result = np.ones(len(units))
    if others.any():
        test = corrected_t_test(units[best] - units[others], ratio, resolution)
        result[others] = correct_for_choice(test.p, further)
    return result


def smallest_told_apart(
    units: Floats, ratio: float, level: float, further: int = 0
) -> float | None:
    """Estimate how far behind the best a trial must be to be significantly worse.

    Args:
        units: Scores, more is better, shape `(trials, units)`, at least two units.
        ratio: `n_test / n_train`.
        level: The level of the comparisons.
        further: Trials besides that could have been the best.

    Returns:
        The distance at which the first comparison just reaches the level, for the median spread
        of the differences; None for a single trial, or without any spread.
    """
    from scipy.special import stdtrit

    trials, count = units.shape
    if trials < 2:
        return None
    best = int(np.argmax(units.mean(axis=1)))
    differences = np.delete(units[best] - units, best, axis=0)
    spread = float(np.median(differences.std(axis=1, ddof=1)))
    pairs = (trials + further) * (trials + further - 1) / 2
    needed = -float(stdtrit(count - 1, level / pairs / 2))
    return needed * spread * float(np.sqrt(1 / count + ratio)) or None


@dataclass(frozen=True)
class VarianceParts:
    """Where the variance of a trial's scores comes from.

    Attributes:
        fold: Variance by which rows are held out, shape `(trials,)`.
        seed: Variance by initial weights, batch order and dropout, shape `(trials,)`.
    """

    fold: Floats
    seed: Floats


def variance_parts(scores: Floats, *, fresh_folds: bool) -> VarianceParts:
    """Split the variance of a trial's scores into a part of the folds and one of the seeds.

    Where all repeats have the same folds, the scores on one fold differ by the seed alone; what
    the means of the folds vary beyond that is the folds'. With fresh folds, every repeat holds
    out each row once, so that the means of the repeats differ by the seeds (and by which rows
    trained together); what scores vary within a repeat beyond that is the folds'.

    Args:
        scores: Shape `(trials, repeats, folds)`, at least two of each of the latter.
        fresh_folds: Whether each repeat has folds of its own.

    Returns:
        Unbiased estimates, but that a negative one is shown as 0.
    """
    _, repeats, folds = scores.shape
    if fresh_folds:
        seed = folds * scores.mean(axis=2).var(axis=1, ddof=1)
        fold = scores.var(axis=2, ddof=1).mean(axis=1) - seed
    else:
        seed = scores.var(axis=1, ddof=1).mean(axis=1)
        fold = scores.mean(axis=1).var(axis=1, ddof=1) - seed / repeats
    return VarianceParts(fold=np.maximum(fold, 0.0), seed=seed)


def estimate_optimism(units: Floats, draws: int = _DRAWS, seed: int = 0) -> float:
    """Estimate the selection bias: by how much the best mean flatters the trial that has it.

    The best of many means is partly luck. In each draw of a bootstrap over the units the best
    trial is chosen on the units drawn, and scored on those left out; how much worse it does there
    is the luck. A draw repeats some units and so is noisier than the whole, by the variance
    factor `2 - 1 / J`, for which the result is corrected. The choosing on some units and scoring
    on others is that of Tsamardinos, Greasidou and Borboudakis (2018), "Bootstrapping the
    out-of-sample predictions for efficient and accurate cross-validation", Machine Learning 107.

    Args:
        units: Scores, more is better, shape `(trials, units)`, at least two units.
        draws: Number of draws.
        seed: Seed of the draws.

    Returns:
        An estimate of the winner's mean minus what it would score on new rows, at least 0.
    """
    trials, count = units.shape
    if trials < 2:
        return 0.0
    # What all trials have in common on a unit is no trial's luck.
    own = units - units.mean(axis=0)
    random = np.random.default_rng(seed)
    drawn = random.multinomial(count, np.full(count, 1 / count), size=draws)
    drawn = drawn[(drawn == 0).any(axis=1)]
    luck = [_luck(own, drawn[i : i + _CHUNK]) for i in range(0, len(drawn), _CHUNK)]
    return max(0.0, float(np.concatenate(luck).mean() / np.sqrt(2 - 1 / count)))


def _luck(units: Floats, drawn: npt.NDArray[np.int64]) -> Floats:
    """Of each draw, the winner's mean on the units drawn minus that on those left out."""
    inside = drawn @ units.T / drawn.sum(axis=1, keepdims=True)
    left_out = (drawn == 0).astype(np.float64)
    outside = left_out @ units.T / left_out.sum(axis=1, keepdims=True)
    rows, best = np.arange(len(drawn)), inside.argmax(axis=1)
    luck: Floats = inside[rows, best] - outside[rows, best]
    return luck


def noise_share(units: Floats) -> float | None:
    """Estimate how much of the variance of the trials' means noise alone accounts for.

    Args:
        units: Scores of shape `(trials, units)`.

    Returns:
        The mean square of what neither trial nor unit explains, over the number of units, as a
        share of the variance of the means, at most 1; None for fewer than two trials or units, or
        where all means are equal.
    """
    trials, count = units.shape
    if trials < 2 or count < 2:
        return None
    means = units.mean(axis=1)
    rest = units - means[:, None] - units.mean(axis=0) + units.mean()
    noise = (rest**2).sum() / ((trials - 1) * (count - 1)) / count
    total = means.var(ddof=1)
    return None if total <= (_SAME * np.abs(means).max()) ** 2 else float(min(noise / total, 1.0))

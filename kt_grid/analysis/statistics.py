"""What scores on folds vary by: formulas on arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SAME = 1e-6


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


def standard_error(scores: Floats, overlap: float = 0.0) -> Floats:
    """Estimate the standard error of each trial's mean, were the rows others.

    Passes on fresh folds hold the same rows out again, so that they lower what the seeds add, and
    not what the rows do.

    Args:
        scores: Shape `(trials, passes, folds)`, at least two folds.
        overlap: Of splits drawn at random: `n_test / n_train`, since they hold rows out in common
            (Nadeau and Bengio 2003).

    Returns:
        Shape `(trials,)`; for one pass of folds `std(ddof=1) / sqrt(folds)`.

    Example:
        >>> standard_error(np.array([[[0.0, 1.0]]])).tolist()
        [0.5]
    """
    _, passes, folds = scores.shape
    if passes == 1:
        variance = scores[:, 0].var(axis=1, ddof=1) * (1 / folds + overlap)
    else:
        parts = variance_parts(scores, fresh_folds=True)
        variance = parts.fold / folds + parts.seed / (folds * passes)
    result: Floats = np.sqrt(variance)
    return result


def noise_share(means: Floats, variance: Floats) -> float | None:
    """Estimate how much of the variance of the trials' means noise alone accounts for.

    Args:
        means: Shape `(trials,)`.
        variance: Of each mean, as the comparison with the best takes it; NaN where not known.

    Returns:
        The mean variance as a share of that of the means, at most 1; None for fewer than two
        trials, or where all means are equal.
    """
    if len(means) < 2:
        return None
    total = means.var(ddof=1)
    if total <= (_SAME * np.abs(means).max()) ** 2:
        return None
    return float(min(np.nanmean(variance) / total, 1.0))

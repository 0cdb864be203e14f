"""What scores on folds vary by: formulas on arrays."""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

_SAME = 1e-6
_NORMAL = 1.96


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


def student_margin(error: float, folds: int) -> float:
    """Return half the width of Student's 95 % interval for a mean over folds."""
    from scipy.special import stdtrit

    return float(stdtrit(folds - 1, 0.975)) * error


def binomial_margin(share: float, rows: int) -> float:
    """Return half the width of a 95 % interval for a share of rows.

    Two more rows of each kind keep it from 0 where all are right (Agresti and Coull 1998,
    "Approximate is better than exact for interval estimation of binomial proportions").
    """
    right = (share * rows + 2) / (rows + 4)
    return _NORMAL * float(np.sqrt(right * (1 - right) / (rows + 4)))

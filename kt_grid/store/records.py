"""What is kept of every training, and whose weights are."""

from dataclasses import dataclass
from typing import Any

from kt_grid.errors import UsageError

KEEP = ("all", "best")


@dataclass(frozen=True)
class FoldRecord:
    """What one training on one split gave.

    Attributes:
        split: Number of the split, from 0.
        parameters: The trial's parameters.
        seed: Seed of the training.
        scores: Metrics on the held-out rows, named with `val_`.
        epochs: Epochs trained.
        seconds: Wall time of the training and scoring.
        engine: What trained it.
        size: How many numbers the model consists of, trained or not; None if unknown.
        steps: Optimizer steps taken; None if unknown.
        weights: Digest of the file of weights; empty if there is none.
        search: Fingerprint of the search that it belongs to.
    """

    split: int
    parameters: dict[str, Any]
    seed: int
    scores: dict[str, float]
    epochs: int
    seconds: float
    engine: str
    size: int | None = None
    steps: int | None = None
    weights: str = ""
    search: str = ""


def check_keep(keep: str) -> str:
    """Refuse a word that doesn't say whose weights to keep.

    Args:
        keep: The word.

    Returns:
        The same.

    Raises:
        UsageError: If it isn't one of `KEEP`.
    """
    if keep not in KEEP:
        raise UsageError(f"Expected keep to be one of {', '.join(KEEP)}. Received: {keep!r}")
    return keep

"""Where every random draw of a search comes from.

A fold's seed is a hash of the search's seed, the trial's parameters without `epochs`, and the
place of the fold. So a fold's result doesn't depend on the order of trials, on what else is in
the grid, on interruptions, or on how many workers there are; and training to 100 epochs passes
through what training to 10 gives.
"""

import hashlib
import json
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt

from kt_grid.errors import UsageError

_EPOCHS = "epochs"
_SEEDS = 2**32


def check_seed(seed: int) -> int:
    """Refuse a seed that numpy's generators can't take.

    Args:
        seed: The seed of a search.

    Returns:
        The same.

    Raises:
        UsageError: If it isn't an integer in [0, 2**32).
    """
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < _SEEDS:
        raise UsageError(f"Expected a seed from 0 to {_SEEDS - 1}. Received: {seed!r}")
    return seed


def derive_seed(search_seed: int, parameters: Mapping[str, object], *path: int | str) -> int:
    """Derive the seed of one training.

    Args:
        search_seed: The seed of the whole search.
        parameters: The trial's parameters; `epochs` is left out of the hash.
        *path: What is trained: repeat and fold, or a word such as "refit".

    Returns:
        An integer in [0, 2**32).

    Example:
        >>> derive_seed(7, {"units": 5, "epochs": 10}, 0, 1) == derive_seed(7, {"units": 5}, 0, 1)
        True
    """
    named = {name: value for name, value in parameters.items() if name != _EPOCHS}
    text = json.dumps([search_seed, named, *path], sort_keys=True)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")


def epoch_orders(seed: int, rows: int) -> Iterator[npt.NDArray[np.int64]]:
    """Draw the order in which the rows of a fold are seen, epoch after epoch, without end.

    Args:
        seed: The seed of the training.
        rows: Number of training rows.

    Yields:
        int64 of shape `(rows,)`, a permutation.

    Example:
        >>> next(epoch_orders(7, 4)).tolist()
        [2, 1, 0, 3]
    """
    # The legacy generator is frozen by numpy's policy, so an order never changes.
    random = np.random.RandomState(seed)
    while True:
        yield random.permutation(rows).astype(np.int64)

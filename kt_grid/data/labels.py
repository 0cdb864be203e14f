"""Names of classes, and the indices that stand for them."""

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

Labels: TypeAlias = tuple[str, ...]


def label_indices(words: Any) -> tuple[npt.NDArray[np.float32], Labels]:
    """Turn names of classes into indices in their sorted order.

    Args:
        words: Texts, of shape `(rows,)` or `(rows, 1)`.
    """
    flat = [str(word) for word in np.asarray(words, dtype=object).reshape(-1)]
    labels = sorted(set(flat))
    indices = {label: index for index, label in enumerate(labels)}
    return np.array([indices[word] for word in flat], np.float32), tuple(labels)


def class_word(value: Any) -> str:
    """Write a class of the data as its name: 2.0 is "2", True is "1"."""
    number = float(value)
    return str(int(number)) if number.is_integer() else str(number)


def listed(labels: Labels) -> str:
    """Name classes for a message, the first five of many."""
    more = f", … ({len(labels)} classes)" if len(labels) > 5 else ""
    return ", ".join(labels[:5]) + more

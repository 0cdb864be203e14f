"""What a search is given as rows, and what its directory says of them to serve others."""

from dataclasses import replace
from typing import Any

from kt_grid.data import Dataset
from kt_grid.data.arrays import Arrays, as_arrays
from kt_grid.data.batches import comes_in_batches
from kt_grid.errors import UsageError


def take_rows(
    x: Any, y: Any, sample_weight: Any, groups: Any, fit: dict[str, Any]
) -> tuple[Arrays, dict[str, Any]]:
    """Take rows in any form that `search` takes.

    Args:
        x: What `as_arrays` takes, or what `kt_grid.read_data` gives.
        y: Targets; None if `x` has them.
        sample_weight: Weights of shape `(rows,)`, or None.
        groups: Group of each row, or None.
        fit: Arguments of the training; `steps_per_epoch` is taken out, as it says how many
            batches a generator has.

    Returns:
        The rows, and entries for search.json by which columns, encodings and classes are found
        again in other rows.

    Raises:
        UsageError: As `as_arrays`, or if there are targets beside those of a `Dataset`.
    """
    if isinstance(x, Dataset):
        if y is not None:
            raise UsageError("Expected a Dataset, which has its targets in it. Received: y too")
        arrays = replace(as_arrays(x.x, x.y, sample_weight, groups), labels=x.labels)
        return arrays, describe_dataset(x)
    columns = {"features": [str(name) for name in x.columns]} if hasattr(x, "columns") else {}
    steps = fit.pop("steps_per_epoch", None) if comes_in_batches(x, alone=y is None) else None
    return as_arrays(x, y, sample_weight, groups, steps), columns


def describe_dataset(dataset: Dataset) -> dict[str, Any]:
    """Say for search.json where rows come from and how columns became features."""
    return {
        "source": dataset.source,
        "features": list(dataset.features),
        "target": dataset.target,
        "target_column": dataset.target_column,
        "encoders": [encoder.to_json() for encoder in dataset.encoders],
        "reading": dataset.reading.to_json(),
    }

"""The tutorial's published figures, to stand beside ours."""

import csv
import json
from collections.abc import Mapping
from typing import TypeAlias

from kt_grid.data import bundled
from kt_grid.errors import UsageError
from kt_grid.space import key

Published: TypeAlias = Mapping[str, tuple[float, float]]

FILE = "published_results.csv"


def published_results(experiment: str) -> Published:
    """Read what the tutorial published for one of its experiments.

    Args:
        experiment: The experiment's name.

    Returns:
        Mean and standard deviation by the parameters' `key`.

    Raises:
        UsageError: If the tutorial has no such experiment.
    """
    with bundled(FILE).open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["experiment"] == experiment]
    if not rows:
        raise UsageError(
            f"Expected one of the tutorial's experiments for --published. Received: {experiment!r}"
        )
    return {
        key(json.loads(row["parameters"])): (
            float(row["mean_accuracy"]),
            float(row["std_accuracy"]),
        )
        for row in rows
    }

"""What a data file becomes: features and a target."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.encoding import Encoder
from kt_grid.data.reading import Reading
from kt_grid.errors import DataError, UsageError
from kt_grid.space.seeds import check_seed

PIMA = "pima-indians-diabetes.csv"


@dataclass(frozen=True)
class Dataset:
    """Rows of features with one target each.

    Attributes:
        x: Features. Float32 of shape `(rows, features)`; with columns of text a dict of arrays of
            shape `(rows, width)` by column, or the one column of text alone, of shape `(rows, 1)`;
            from an .npz file an array of any shape.
        y: Target of shape `(rows,)`, float32, or int64 where single precision would make classes
            equal; from an .npz file any shape.
        features: Names of the feature columns in the file.
        target: Name of the target column.
        target_column: Position of the target in the file, from 0.
        source: Where the rows came from, for messages and records.
        labels: Names of the classes 0, 1, … where the file has words for them.
        encoders: How columns that hold no numbers became numbers.
        aside: Columns that are no features, as words, by what they were asked for by.
        notes: What was guessed or is worth telling of the file, a line each.
        reading: How the file was to be read.
    """

    x: Any
    y: npt.NDArray[Any]
    features: tuple[str, ...]
    target: str
    target_column: int
    source: str
    labels: tuple[str, ...] = ()
    encoders: tuple[Encoder, ...] = ()
    aside: Mapping[str, npt.NDArray[np.str_]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    reading: Reading = field(default_factory=Reading)

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.y)

    @property
    def parts(self) -> list[npt.NDArray[Any]]:
        """All arrays, those of a dict in the order of their names, as Keras flattens it."""
        x = [self.x[name] for name in sorted(self.x)] if isinstance(self.x, dict) else [self.x]
        return [*x, self.y]

    def sample(self, fraction: float, seed: int) -> "Dataset":
        """Draw rows without replacement; they keep their order.

        Args:
            fraction: Share of the rows to keep, in (0, 1].
            seed: Seed of the draw.

        Returns:
            A dataset of `max(1, round(fraction * rows))` rows.

        Raises:
            UsageError: If `fraction` is not in (0, 1].
        """
        if not 0 < fraction <= 1:
            raise UsageError(f"Expected --sample in (0, 1]. Received: {fraction}")
        if fraction == 1:
            return self
        count = max(1, round(fraction * self.rows))
        kept = np.sort(np.random.RandomState(check_seed(seed)).permutation(self.rows)[:count])
        x = {n: part[kept] for n, part in self.x.items()} if isinstance(self.x, dict) else None
        aside = {name: words[kept] for name, words in self.aside.items()}
        return replace(self, x=self.x[kept] if x is None else x, y=self.y[kept], aside=aside)


def bundled(name: str = PIMA) -> Path:
    """Find a data file that comes with kt-grid.

    An installed package carries the file inside itself; a checkout (or an editable install)
    keeps it in `data/` beside the package.

    Args:
        name: File name.

    Returns:
        The path of the file.
    """
    here = Path(__file__).parent
    inside = here / "bundled" / name
    return inside if inside.exists() else here.parent.parent / "data" / name


def check_target(dataset: Dataset, *, binary: bool) -> None:
    """Refuse a target from which nothing, or something else, would be learned.

    Args:
        dataset: The rows to train on.
        binary: Whether the target must be 0 or 1.

    Raises:
        DataError: If all targets are equal, or one is neither 0 nor 1 where it must be.
    """
    y = dataset.y.reshape(dataset.rows, -1)
    others = y[~np.isin(y, (0, 1))]
    if binary and len(others):
        raise DataError(
            f"Expected the classes 0 and 1 in column {dataset.target!r} of {dataset.source}. "
            f"Received: {float(others[0]):g}. Recode the column, or name another with --target"
        )
    if np.all(y == y[0]):
        raise DataError(
            f"Expected at least two classes in column {dataset.target!r} of {dataset.source}. "
            f"Received: {float(y[0, 0]):g} in all {dataset.rows} rows"
        )

"""What makes a search the same search: its identity, worked out from what it is given."""

import functools
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from typing import Any

import numpy as np

from kt_grid.data.code_digest import describe_value
from kt_grid.data.digests import digest, splits_digest
from kt_grid.engines.backend import precision
from kt_grid.space import Grids, as_json, check_grid
from kt_grid.space.objective import Extras, Objective
from kt_grid.splitters.folds import Split, Splitter, count_repeats
from kt_grid.store.records import Identity

_PACKAGES = ("kt-grid", "tensorflow", "keras", "keras-tuner", "numpy")


def make_identity(
    *,
    objective: Objective,
    cv: Splitter,
    splits: Sequence[Split],
    seed: int,
    arrays: Sequence[Any],
    fit: Mapping[str, Any],
    model_source: str,
    engine: str,
    extras: Extras | None = None,
) -> Identity:
    """Describe a search so that two searches with equal descriptions give equal numbers.

    The grid is no part of it: a grid may grow or shrink.

    Args:
        objective: What is optimised.
        cv: The splitter.
        splits: The splits it gave.
        seed: The search's seed.
        arrays: The data, as arrays.
        fit: Epochs, batch size and other arguments of the training, as JSON values.
        model_source: Digest of the build function or HyperModel.
        engine: What trains.
        extras: What is wanted of each fold beyond the model's own metrics; a fold that was
            trained without it lacks it.

    Returns:
        The identity.
    """
    folds = len(splits) // count_repeats(cv)
    extras = extras or Extras()
    return Identity(
        objective=str(objective),
        cv=repr(cv),
        folds=len(splits),
        rows=len(arrays[0]),
        data=digest(*(np.asarray(array) for array in arrays)),
        splits=tuple(
            "{}.{}: {}".format(*divmod(number, folds), splits_digest([split]))
            for number, split in enumerate(splits)
        ),
        scores={str(score.objective): describe_value(score.function) for score in extras.scores},
        train_scores=extras.train_scores,
        predictions=extras.predictions,
        precision=_precision(),
        seed=seed,
        fit=dict(fit),
        model_source=model_source,
        engine=engine,
    )


def _precision() -> str:
    """Keras's dtype policy, if it isn't the usual one."""
    name = precision()
    return "" if name == "float32" else name


def asked(grid: Grids) -> Any:
    """Describe the axes asked for by plain JSON values: a dict, or a list of dicts.

    Args:
        grid: Values by axis, or a list of such dicts.

    Returns:
        Lists by axis, or a list of such dicts.
    """
    parts = [{name: as_json(v) for name, v in part.items()} for part in check_grid(grid)]
    return parts if len(parts) > 1 else parts[0]


@functools.cache
def package_versions() -> dict[str, str]:
    """Return the versions of Python and of the packages that numbers depend on."""
    return {"python": platform.python_version(), **{name: _version(name) for name in _PACKAGES}}


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "not installed"

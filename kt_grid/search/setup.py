"""What a search is made of, worked out once, before anything is trained.

The command line's plan and the Python tuner both take it from here, so that neither can derive
a search that the other one wouldn't recognise.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from kt_grid.data.arrays import Arrays
from kt_grid.data.digests import source_digest
from kt_grid.data.targets import Loss, fit_target, strata
from kt_grid.data.weighting import check_weighted
from kt_grid.engines.base import FitArguments
from kt_grid.search.baseline import describe_splits
from kt_grid.search.identity import make_identity
from kt_grid.search.racing import Race, check_racing, make_race
from kt_grid.space import Grids
from kt_grid.space.objective import Extras, Objective
from kt_grid.splitters.folds import Split, Splitter, count_repeats, follow_time, make_splits

# What the networks of kt-grid's own experiments compile.
_NETWORK_LOSS = Loss("binary_crossentropy", 1)


@dataclass(frozen=True)
class Setup:
    """Everything that decides a search's numbers, but for its grid, which may grow or shrink.

    Attributes:
        arrays: The rows.
        cv: The splitter.
        splits: The splits it gave: which rows train and which are held out.
        fit: How to train, where a trial's parameters don't say it.
        passed_axes: Axes among `batch_size` and `epochs` that a HyperModel's own `fit` is given
            as arguments.
        objective: What is optimised.
        extras: What is wanted of each fold beyond the model's own metrics.
        race: When a trial is given up for a better one; None for never.
        seed: Where every random draw comes from.
        engine: Name of what trains.
        identity: What a directory must agree with, to hold this search.
        described: What the splits and the targets say before training, for search.json.
        hyperparameters: The search's, with the axes that a HyperModel's own `fit` declares.
    """

    arrays: Arrays
    cv: Splitter
    splits: list[Split]
    fit: FitArguments
    passed_axes: tuple[str, ...]
    objective: Objective
    extras: Extras
    race: Race | None
    seed: int
    engine: str
    identity: Mapping[str, Any]
    described: Mapping[str, Any]
    hyperparameters: Any = None

    @property
    def repeats(self) -> int:
        """Passes over all folds that the splits consist of."""
        return count_repeats(self.cv)


def make_setup(
    hypermodel: Any,
    given: Arrays,
    *,
    cv: Splitter,
    grid: Grids,
    fit: Mapping[str, Any],
    objective: Objective,
    extras: Extras,
    racing: str | None = None,
    seed: int = 7,
    engine: str = "auto",
    hyperparameters: Any = None,
) -> Setup:
    """Work out what a search is made of, and refuse what can't be meant.

    Args:
        hypermodel: A function `build(hp)` or a `keras_tuner.HyperModel`.
        given: The rows, with the target as the data has it.
        cv: The splitter.
        grid: The axes asked for.
        fit: Arguments of the training by name, as `search` takes them.
        objective: What is optimised.
        extras: What is wanted of each fold beyond the model's own metrics.
        racing: "bound", "test" or None.
        seed: Where every random draw comes from.
        engine: Name of what trains.
        hyperparameters: The search's `keras_tuner.HyperParameters`, which take in the axes that a
            HyperModel's own `fit` declares; None for a network of kt-grid's own, which is known
            without TensorFlow.

    Returns:
        The setup.

    Raises:
        SplitError: If the folds can't be made of these rows, or rows are to be held back of a
            single one.
        DataError: If the target can't be one for the model's loss.
        UsageError: If an argument has no meaning here, or all weights of a split's side are 0.
    """
    check_racing(racing, objective, extras.scores)
    arrays, arguments, passed = _suit(hypermodel, given, grid, fit, hyperparameters)
    splits = make_splits(cv, arrays.rows, strata(arrays.y), arrays.groups, arrays.x)
    arguments = replace(arguments, in_time=follow_time(splits))
    if arguments.validation_split:
        from kt_grid.engines.stopping import check_hold_back

        check_hold_back(splits, arguments, arrays.groups)
    check_weighted(arrays.sample_weight, splits)
    described = describe_splits(splits, arrays.y, count_repeats(cv), objective)
    return Setup(
        arrays=arrays,
        cv=cv,
        splits=splits,
        fit=arguments,
        passed_axes=passed,
        objective=objective,
        extras=extras,
        race=make_race(racing, objective, count_repeats(cv), described),
        seed=seed,
        engine=engine,
        identity=make_identity(
            objective=objective,
            cv=cv,
            splits=splits,
            seed=seed,
            arrays=arrays.parts,
            fit=arguments.to_json(),
            model_source=source_digest(hypermodel),
            engine=engine,
            extras=extras,
        ),
        described=described,
        hyperparameters=hyperparameters,
    )


def _suit(
    hypermodel: Any, given: Arrays, grid: Grids, fit: Mapping[str, Any], hyperparameters: Any
) -> tuple[Arrays, FitArguments, tuple[str, ...]]:
    """The rows in the form of the model's loss, how to train, and the axes passed to `fit`."""
    if hyperparameters is None:
        y, labels = fit_target(given.y, _NETWORK_LOSS, given.labels)
        return replace(given, y=y, labels=labels), FitArguments(**fit), ()
    from kt_grid.engines.first_model import suit_arrays
    from kt_grid.engines.own_fit import settle_fit

    arrays = suit_arrays(hypermodel, hyperparameters, given)
    return arrays, *settle_fit(hypermodel, hyperparameters, arrays, fit, grid)

"""A search before it runs: all that can be checked, checked."""

import itertools
import tempfile
from dataclasses import dataclass, replace
from typing import Any

from kt_grid.data import Dataset, bundled, check_target, read_data
from kt_grid.data.arrays import Arrays
from kt_grid.data.weighting import class_weights, row_weights
from kt_grid.engines import check_engine
from kt_grid.errors import UsageError
from kt_grid.plan.experiments import Experiment
from kt_grid.plan.options import Options, flag_of
from kt_grid.search.identity import asked
from kt_grid.search.racing import confirm
from kt_grid.search.setup import Setup, make_setup
from kt_grid.space import (
    FIT_AXES,
    Grids,
    Parameters,
    check_grid,
    check_names,
    combinations,
    key,
    make_axes,
    register,
    replace_axes,
)
from kt_grid.space.objective import Extras, Objective, Score, as_objective, check_scores
from kt_grid.splitters import CvOptions, Splitter, fold_numbers, make_cv
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import check_keep
from kt_grid.store.results import SearchResults, TrialResult, read_results
from kt_grid.store.trials import COMPLETED, read_trials
from kt_grid.workers.placement import Placement, check_environment


@dataclass(frozen=True)
class Plan:
    """A search before it runs.

    Attributes:
        experiment: What is searched.
        options: What it was told.
        grid: The experiment's grid with the options' changes.
        dataset: The rows, with the target in the form of the model's loss.
        setup: What decides the search's numbers.
        store: Where it is kept.
        notes: What is worth telling when it runs, a line each.
    """

    experiment: Experiment
    options: Options
    grid: Grids
    dataset: Dataset
    setup: Setup
    store: SearchStore
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> int:
        """Trainings per trial."""
        return len(self.setup.splits)

    @property
    def axis_names(self) -> set[str]:
        """Names of the axes: the grid's, and those that the first model declares."""
        stated = {name for part in check_grid(self.grid) for name in part}
        known = self.setup.hyperparameters
        return stated | {axis.name for axis in (known.space if known else ())}

    def trials(self) -> list[Parameters]:
        """List the combinations that the search tries, in order."""
        most = self.options.max_trials
        if not self.experiment.declares:
            return list(itertools.islice(combinations(make_axes(self.grid)), most))
        from kt_grid.search.tuner import CrossValidationTuner

        with tempfile.TemporaryDirectory() as folder:
            tuner = CrossValidationTuner(
                self.experiment.model, self.setup.objective, grid=self.grid, directory=folder
            )
            return list(itertools.islice(combinations(tuner.oracle.axes), most))

    def trained(self) -> int:
        """Count the trials among these that the directory already holds."""
        if self.store.exists() and not self.options.overwrite:
            self.store.check_identity(self.setup.identity)
        trials = read_trials(self.store, self.splits, self.setup.objective.name)
        there = {key(t.parameters or {}) for t in trials if t.status == COMPLETED}
        return sum(key(parameters) in there for parameters in self.trials())

    def finished(self) -> SearchResults | None:
        """Return the results if the directory holds all that is asked for, and all of it whole."""
        if self.options.overwrite or not self.store.exists():
            return None
        if not self.store.check_identity(self.setup.identity):
            return None
        results = read_results(self.store)
        wanted = {
            "asked": asked(self.grid),
            "max_trials": self.options.max_trials,
            "folds": self.splits,
        }
        if {name: results.about.get(name) for name in wanted} != wanted or not results.complete:
            return None
        if results.damage or not self.store.has_state():
            return None
        if not confirm(self.options.racing, results):
            return None
        best = results.best
        if best and self.store.lost_weights(best.trial_id):
            return None
        if self.options.refit and best and not self._has_refit(best):
            return None
        return results

    def _has_refit(self, best: TrialResult) -> bool:
        refitted = self.store.refit_parameters()
        return refitted is not None and key(refitted) == key(best.parameters)


def plan(experiment: Experiment, options: Options) -> Plan:
    """Check everything that can be checked before training.

    For an experiment of kt-grid's own that takes no TensorFlow; the model of another is built, to
    see what it compiles.

    Args:
        experiment: What to search.
        options: How.

    Returns:
        The plan.

    Raises:
        KtGridError: If the options, the grid or the data can't be meant.
    """
    _check_words(experiment, options)
    grid = replace_axes(experiment.grid, options.grid)
    scores = check_scores(experiment.objective, experiment.scores)
    objective, notes = _choose_objective(experiment, options, grid, scores)
    dataset = _read(options)
    setup = make_setup(
        experiment.model,
        _arrays(options, dataset),
        cv=_make_cv(options, dataset),
        grid=check_grid(grid),
        fit=_fit(experiment, options, dataset),
        objective=objective,
        extras=Extras(scores, options.train_scores, options.keep_predictions),
        racing=options.racing,
        seed=options.seed,
        engine=options.engine,
        hyperparameters=register(grid) if experiment.declares else None,
    )
    dataset = replace(dataset, y=setup.arrays.y, labels=setup.arrays.labels)
    check_target(dataset, binary=experiment.binary)
    store = SearchStore(options.directory, options.name or experiment.name)
    planned = Plan(experiment, options, grid, dataset, setup, store, notes)
    _check_one_training(planned)
    return planned


def _check_one_training(planned: Plan) -> None:
    """Refuse epochs or a batch size for all trials beside an axis of that name."""
    for name in FIT_AXES:
        if getattr(planned.options, name) is not None and name in planned.axis_names:
            raise UsageError(
                f"Expected {flag_of(name)} or an axis {name} of the grid. Received: both. "
                f"Set the axis by --grid {name}=…, or leave it out"
            )


def _check_words(experiment: Experiment, options: Options) -> None:
    """Refuse what can't be meant, whatever the data."""
    check_keep(options.keep)
    check_engine(options.engine)
    check_environment()
    if options.validation_split is not None and not 0 < options.validation_split < 1:
        raise UsageError(
            f"Expected --validation-split in (0, 1). Received: {options.validation_split:g}"
        )
    if options.sample_weight and options.class_weight:
        raise UsageError(
            "Expected --sample-weight or --class-weight, as Keras takes one. Received: both"
        )
    Placement(options.workers, options.scheduler, options.trial_timeout, options.racing is not None)
    if not experiment.declares:
        known = {name for part in check_grid(experiment.grid) for name in part}
        for part in check_grid(options.grid):
            check_names(part, [*known])


def _read(options: Options) -> Dataset:
    """The rows to search on, with the columns that are no features set aside."""
    named = (options.groups, options.folds_from, options.sample_weight)
    aside = [name for name in named if name is not None]
    dataset = read_data(options.data or bundled(), options.target, options.reading, aside)
    return dataset.sample(options.sample, options.seed)


def _choose_objective(
    experiment: Experiment, options: Options, grid: Grids, scores: tuple[Score, ...]
) -> tuple[Objective, tuple[str, ...]]:
    """The objective that is stated, else what the model compiles, which is told if it's unusual."""
    stated = options.objective or experiment.objective or ("val_accuracy" * experiment.binary)
    if stated:
        return as_objective(stated, scores), ()
    from kt_grid.engines.first_model import default_objective

    chosen = default_objective(experiment.model, grid)
    told = f"objective {chosen}, because the model compiles no metric called accuracy"
    return chosen, () if chosen.name == "val_accuracy" else (told,)


def _arrays(options: Options, dataset: Dataset) -> Arrays:
    """The rows as a search takes them, with the groups and weights that columns hold."""
    groups = None if options.groups is None else dataset.aside[options.groups]
    column = options.sample_weight
    weights = None if column is None else row_weights(dataset.aside[column], column)
    return Arrays(dataset.x, dataset.y, weights, groups, dataset.labels)


def _fit(experiment: Experiment, options: Options, dataset: Dataset) -> dict[str, Any]:
    """How the experiment trains, with the options' changes."""
    asked_for = {
        "epochs": options.epochs,
        "batch_size": options.batch_size,
        "class_weight": class_weights(options.class_weight, dataset.labels) or None,
        "early_stopping": options.early_stopping,
        "validation_split": options.validation_split,
    }
    return {
        "epochs": experiment.epochs,
        "batch_size": experiment.batch_size,
        **experiment.fit,
        **{name: value for name, value in asked_for.items() if value is not None},
    }


def _make_cv(options: Options, dataset: Dataset) -> Splitter:
    test_fold = None
    if options.folds_from is not None:
        test_fold = fold_numbers(dataset.aside[options.folds_from], options.folds_from)
    return make_cv(
        CvOptions(
            cv=options.cv,
            folds=options.folds,
            repeats=options.repeats,
            seed=options.seed,
            test_size=options.test_size,
            gap=options.gap,
            groups=options.groups is not None,
            test_fold=test_fold,
        )
    )

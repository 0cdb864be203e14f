"""A search before it runs: all that can be checked, checked."""

from dataclasses import dataclass, replace
from typing import Any

from kt_grid.data import Dataset, bundled, check_target, read_data
from kt_grid.data.arrays import Arrays
from kt_grid.data.weighting import class_weights, row_weights
from kt_grid.engines import check_engine
from kt_grid.errors import UsageError, may_succeed_again
from kt_grid.plan.experiments import Experiment
from kt_grid.plan.options import Options, flag_of
from kt_grid.search.identity import asked
from kt_grid.search.racing import confirm
from kt_grid.search.setup import Setup, is_same_code, make_setup
from kt_grid.space import (
    FIT_AXES,
    Grids,
    Parameters,
    check_grid,
    check_names,
    key,
    make_axes,
    replace_axes,
)
from kt_grid.space.objective import Extras, Objective, Score, as_objective, check_scores
from kt_grid.splitters import CvOptions, KFold, Repeated, Splitter, fold_numbers, make_cv
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import check_keep
from kt_grid.store.results import SearchResults, read_results
from kt_grid.store.shared import read_first_weights
from kt_grid.store.trials import COMPLETED, read_trials
from kt_grid.workers.placement import Placement, check_environment


@dataclass(frozen=True)
class Plan:
    """A search before it runs.

    Attributes:
        experiment: What is searched.
        options: What it was told.
        grid: The experiment's grid with the options' changes; an option for all trainings is an
            axis of one value.
        dataset: The rows, with the target in the form of the model's loss.
        setup: What decides the search's numbers.
        store: Where it is kept.
    """

    experiment: Experiment
    options: Options
    grid: Grids
    dataset: Dataset
    setup: Setup
    store: SearchStore

    @property
    def unlisted(self) -> tuple[str, ...]:
        """Axes of one value that options state, and reports don't list."""
        return tuple(_stated(self.experiment, self.options))

    @property
    def splits(self) -> int:
        """Trainings per trial."""
        return len(self.setup.splits)

    def trials(self) -> list[Parameters]:
        """List the combinations that the search tries, in order."""
        builds = self.setup.builds
        explore = None if builds is None else builds.explore
        return list(self.setup.tree.combinations(self.grid, explore, self.options.max_trials))

    def failure(self) -> str | None:
        """Tell why a build fails, of the first trial that is known to; None if there is none."""
        builds = self.setup.builds
        reasons = () if builds is None else map(builds.failure_of, self.trials())
        return next((reason for reason in reasons if reason is not None), None)

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
        code, known = self.setup.code, self.store.peek_record()
        if code is not None and (known is None or not is_same_code(known, code)):
            # Which models a code builds now isn't part of what a search is, so building shows it.
            return None
        results = read_results(self.store)
        return results if self.is_answered(results) else None

    def is_answered(self, results: SearchResults) -> bool:
        """Tell whether results are all of what is asked for, and whole."""
        about = results.about
        present = (about.asked, about.unlisted, about.max_trials, about.identity.folds)
        wanted = (asked(self.grid), self.unlisted, self.options.max_trials, self.splits)
        return present == wanted and is_whole(self.store, results, self.options)


def is_whole(store: SearchStore, results: SearchResults, options: Options) -> bool:
    """Tell whether nothing is left to do for the grid that a directory was last asked for.

    Args:
        store: The directory.
        results: What it holds.
        options: What is asked for.
    """
    if not results.complete or results.damage or not store.has_state():
        return False
    if any(may_succeed_again(trial.reason or "") for trial in results.failed):
        return False
    if not _would_prune_again(results, options):
        return False
    best = results.best
    if best is None:
        return True
    refitted = store.read_refit() if options.refit else None
    left_out = options.refit and (refitted is None or refitted.trial_id != best.trial_id)
    return not left_out and not store.lost_weights(best.trial_id)


def _would_prune_again(results: SearchResults, options: Options) -> bool:
    contenders = results.about.contenders
    if options.only is None and contenders is None:
        return confirm(options.racing, results)
    return options.only is not None and contenders is not None


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
    grid = changed_grid(experiment, options)
    scores = check_scores(experiment.objective, experiment.scores)
    dataset = _read(options)
    store = SearchStore(options.directory, options.name or experiment.name)
    model = experiment.model
    if experiment.declares:
        from kt_grid.search.keras_tuners import as_hypermodel

        model = as_hypermodel(model)
    setup = make_setup(
        model,
        _arrays(options, dataset),
        cv=_make_cv(experiment, options, dataset),
        repeats=options.repeats,
        grid=check_grid(grid),
        fit=_fit(experiment, options),
        objective=_stated_objective(experiment, options, scores),
        extras=Extras(scores, options.train_scores, options.keep_predictions),
        racing=options.racing,
        only=options.only,
        seed=options.seed,
        engine=options.engine,
        max_trials=options.max_trials,
        known=None if options.overwrite else store.peek_record(),
        first=None if options.overwrite else read_first_weights(store),
        is_network=experiment.binary,
    )
    setup = replace(setup, notes=(*dataset.notes, *setup.notes))
    dataset = replace(dataset, y=setup.arrays.y, labels=setup.arrays.labels)
    check_target(dataset, binary=experiment.binary)
    planned = Plan(experiment, options, grid, dataset, setup, store)
    _check_one_training(planned)
    return planned


def changed_grid(experiment: Experiment, options: Options) -> Grids:
    """Return an experiment's grid with the options' changes.

    Epochs and batch size of every training are axes of one value.
    """
    axes = {name: (value,) for name, value in _stated(experiment, options).items()}
    grid = replace_axes(experiment.grid, options.grid)
    parts = [{**part, **axes} for part in check_grid(grid)]
    return parts if len(parts) > 1 else parts[0]


def _stated(experiment: Experiment, options: Options) -> dict[str, int]:
    """Epochs and batch size of every training, where options state others than hold anyway.

    To state these asks for the same trainings as to leave them out, so it must give the same.
    """
    usual = _fit(experiment, options)
    stated = {name: getattr(options, name) for name in FIT_AXES}
    return {n: value for n, value in stated.items() if value is not None and value != usual[n]}


def _check_one_training(planned: Plan) -> None:
    """Refuse epochs or a batch size for all trials beside an axis of that name."""
    options = planned.options
    own = replace_axes(planned.experiment.grid, options.grid)
    builds = planned.setup.builds
    asked_for = () if builds is None else builds.tree.axes(own)
    names = {axis.name for axis in (*make_axes(own), *asked_for)}
    for name in FIT_AXES:
        if name in names and getattr(options, name) is not None:
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


def _stated_objective(
    experiment: Experiment, options: Options, scores: tuple[Score, ...]
) -> Objective | None:
    """The objective that is stated; None where what the models compile decides."""
    usual = "val_accuracy" if experiment.binary else None
    stated = next(
        (s for s in (options.objective, experiment.objective, usual) if s is not None), None
    )
    return None if stated is None else as_objective(stated, scores)


def _arrays(options: Options, dataset: Dataset) -> Arrays:
    """The rows as a search takes them, with the groups and weights that columns hold."""
    groups = None if options.groups is None else dataset.aside[options.groups]
    column = options.sample_weight
    weights = None if column is None else row_weights(dataset.aside[column], column)
    return Arrays(dataset.x, dataset.y, weights, groups, dataset.labels)


def _fit(experiment: Experiment, options: Options) -> dict[str, Any]:
    """How the experiment trains, with the options' changes."""
    asked_for = {
        "class_weight": class_weights(options.class_weight) or None,
        "early_stopping": options.early_stopping,
        "validation_split": options.validation_split,
    }
    return {
        "epochs": experiment.epochs,
        "batch_size": experiment.batch_size,
        **experiment.fit,
        **{name: value for name, value in asked_for.items() if value is not None},
    }


def _make_cv(experiment: Experiment, options: Options, dataset: Dataset) -> int | Splitter:
    """The splitter; a number of folds where the target decides whether they are stratified."""
    test_fold = None
    if options.folds_from is not None:
        test_fold = fold_numbers(dataset.aside[options.folds_from], options.folds_from)
    cv = make_cv(
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
    once = cv.cv if isinstance(cv, Repeated) else cv
    is_tutorial = experiment.binary and options.data is None
    if options.cv is not None or not isinstance(once, KFold) or is_tutorial:
        return cv
    return once.n_splits

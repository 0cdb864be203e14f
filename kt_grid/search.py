"""From an experiment and options to a finished search that can be resumed."""

import itertools
import tempfile
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.analysis import analyse
from kt_grid.baseline import describe_splits
from kt_grid.data import Dataset, bundled, check_target, read_data
from kt_grid.engines import check_engine
from kt_grid.errors import GridError, UsageError
from kt_grid.experiments import Experiment
from kt_grid.folds import count_repeats, make_splits
from kt_grid.identity import asked, make_identity, source_digest
from kt_grid.objective import Extras, Objective, Score, as_objective, check_scores
from kt_grid.observer import Observer, Silent
from kt_grid.placement import Placement, check_environment
from kt_grid.racing import check_racing, confirm, make_race
from kt_grid.records import check_keep
from kt_grid.results import SearchResults, TrialResult, read_results
from kt_grid.settings import Options, command
from kt_grid.space import (
    Grids,
    Parameters,
    check_grid,
    check_names,
    combinations,
    from_json,
    key,
    make_axes,
    replace_axes,
)
from kt_grid.splitters import CvOptions, Splitter, fold_numbers, make_cv
from kt_grid.store import SearchStore
from kt_grid.targets import Loss, fit_target, strata
from kt_grid.trials import COMPLETED, read_trials
from kt_grid.zoom import propose_zoom

_BINARY = Loss("binary_crossentropy", 1)


@dataclass(frozen=True)
class Plan:
    """A search before it runs.

    Attributes:
        experiment: What is searched.
        options: What it was told.
        grid: The experiment's grid with the options' changes.
        dataset: The rows.
        cv: The splitter.
        groups: Group of each row, if the splitter heeds groups.
        extras: What is wanted of each fold beyond the model's own metrics.
        objective: What is optimised.
        store: Where it is kept.
        identity: What must agree with what is already there.
        notes: What is worth telling when it runs, a line each.
    """

    experiment: Experiment
    options: Options
    grid: Grids
    dataset: Dataset
    cv: Splitter
    groups: npt.NDArray[np.str_] | None
    extras: Extras
    objective: Objective
    store: SearchStore
    identity: dict[str, Any]
    notes: tuple[str, ...] = ()

    @property
    def splits(self) -> int:
        """Trainings per trial."""
        return int(self.identity["folds"])

    def trials(self) -> list[Parameters]:
        """List the combinations that the search tries, in order."""
        most = self.options.max_trials
        if not self.experiment.declares:
            return list(itertools.islice(combinations(make_axes(self.grid)), most))
        from kt_grid.tuner import CrossValidationTuner

        with tempfile.TemporaryDirectory() as folder:
            tuner = CrossValidationTuner(
                self.experiment.model, self.objective, grid=self.grid, directory=folder
            )
            return list(itertools.islice(combinations(tuner.oracle.axes), most))

    def trained(self) -> int:
        """Count the trials among these that the directory already holds."""
        trials = read_trials(self.store, self.splits, self.objective.name)
        there = {key(t.parameters or {}) for t in trials if t.status == COMPLETED}
        return sum(key(parameters) in there for parameters in self.trials())

    def finished(self) -> SearchResults | None:
        """Return the results if the directory holds all that is asked for, and all of it whole."""
        if self.options.overwrite or not self.store.exists():
            return None
        if not self.store.check_identity(self.identity):
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
    check_keep(options.keep)
    check_engine(options.engine)
    check_environment()
    Placement(options.workers, options.scheduler, options.trial_timeout, options.racing is not None)
    if not experiment.declares:
        known = {name for part in check_grid(experiment.grid) for name in part}
        for part in check_grid(options.grid):
            check_names(part, [*known])
    grid = replace_axes(experiment.grid, options.grid)
    scores = check_scores(experiment.objective, experiment.scores)
    extras = Extras(scores, options.train_scores, options.keep_predictions)
    objective, notes = _choose_objective(experiment, options, grid, scores)
    aside = [name for name in (options.groups, options.folds_from) if name is not None]
    check_racing(options.racing, objective, scores)
    dataset = read_data(options.data or bundled(), options.target, options.reading, aside)
    dataset = dataset.sample(options.sample, options.seed)
    dataset = _suit(experiment, grid, dataset)
    check_target(dataset, binary=experiment.binary)
    cv = _make_cv(options, dataset)
    groups = None if options.groups is None else dataset.aside[options.groups]
    splits = make_splits(cv, dataset.rows, strata(dataset.y), groups, dataset.x)
    if options.racing:
        repeats = count_repeats(cv)
        described = describe_splits(splits, dataset.y, repeats, objective)
        make_race(options.racing, objective, repeats, described)
    return Plan(
        experiment=experiment,
        options=options,
        grid=grid,
        dataset=dataset,
        cv=cv,
        groups=groups,
        extras=extras,
        objective=objective,
        store=SearchStore(options.directory, experiment.name),
        identity=make_identity(
            objective=objective,
            cv=cv,
            splits=splits,
            seed=options.seed,
            arrays=dataset.parts,
            fit={"epochs": experiment.epochs, "batch_size": experiment.batch_size},
            model_source=source_digest(experiment.model),
            engine=options.engine,
            extras=extras,
        ),
        notes=notes,
    )


def zoom(planned: Plan) -> Plan:
    """Plan a finer grid around what can't be told from the best, in the same directory.

    Args:
        planned: The search to look into; its grid is the one that was last asked for.

    Returns:
        The plan with the finer grid; with the present one if the search isn't finished yet, so
        that a zoom that was interrupted goes on, or if nothing is left to refine.

    Raises:
        UsageError: If there is no search to look into.
        MismatchError: If the directory holds another search.
    """
    if planned.options.overwrite or not planned.store.exists():
        raise UsageError(
            f"Expected a search in {planned.store.root} to zoom into. Received: none. "
            "Run it without --zoom first"
        )
    planned.store.check_identity(planned.identity)
    results = read_results(planned.store)
    if any(axis.part is not None for axis in results.axes):
        raise GridError(
            f"Expected one grid in {planned.store.root} to zoom into. Received: a list of grids"
        )
    proposed = propose_zoom(analyse(results)) if results.complete else None
    present = {axis.name: axis.values for axis in results.axes if not axis.conditions}
    asked_for = {**present, **dict(results.about.get("asked", {}))}
    grid = dict(proposed.grid) if proposed else {n: from_json(v) for n, v in asked_for.items()}
    own = check_grid(planned.options.grid)
    if len(own) > 1:
        raise GridError("Expected --grid AXIS=VALUES beside --zoom. Received: a list of grids")
    options = replace(planned.options, grid={**grid, **own[0]}, words=())
    return replace(planned, options=options, grid=replace_axes(planned.grid, options.grid))


def _choose_objective(
    experiment: Experiment, options: Options, grid: Grids, scores: tuple[Score, ...]
) -> tuple[Objective, tuple[str, ...]]:
    """The objective that is stated, else what the model compiles, which is told if it's unusual."""
    stated = options.objective or experiment.objective or ("val_accuracy" * experiment.binary)
    if stated:
        return as_objective(stated, scores), ()
    from kt_grid.compiled import default_objective

    chosen = default_objective(experiment.model, grid)
    told = f"objective {chosen}, because the model compiles no metric called accuracy"
    return chosen, () if chosen.name == "val_accuracy" else (told,)


def _suit(experiment: Experiment, grid: Grids, dataset: Dataset) -> Dataset:
    """Bring the target into the form that the model's loss takes."""
    if experiment.binary:
        y, labels = fit_target(dataset.y, _BINARY, dataset.labels)
        return replace(dataset, y=y, labels=labels)
    from kt_grid.arrays import Arrays
    from kt_grid.compiled import first_combination, suit_arrays

    given = Arrays(dataset.x, dataset.y, labels=dataset.labels)
    suited = suit_arrays(experiment.model, first_combination(grid), given)
    return replace(dataset, y=suited.y, labels=suited.labels)


def run(planned: Plan, observer: Observer | None = None) -> SearchResults:
    """Run a search to its end, or go on with it; then refit the best combination.

    Args:
        planned: The plan.
        observer: Is told how it goes on.

    Returns:
        The results.

    Raises:
        MismatchError: If the directory holds another search.
        LockedError: If another search is at work in it.
        StoreError: If it can't be read or written.
    """
    finished = planned.finished()
    if finished is not None:
        return finished
    from kt_grid.tuner import CrossValidationTuner

    options, dataset = planned.options, planned.dataset
    observer = observer or Silent()
    for note in planned.notes:
        observer.note(note)
    tuner = CrossValidationTuner(
        planned.experiment.model,
        objective=planned.objective,
        cv=planned.cv,
        grid=planned.grid,
        max_trials=options.max_trials,
        seed=options.seed,
        engine=options.engine,
        workers=options.workers,
        scheduler=options.scheduler,
        trial_timeout=options.trial_timeout,
        directory=options.directory,
        project_name=planned.experiment.name,
        overwrite=options.overwrite,
        keep=options.keep,
        about=_about(planned),
        observer=observer,
        scores=planned.extras.scores,
        train_scores=planned.extras.train_scores,
        keep_predictions=planned.extras.predictions,
        racing=options.racing,
    )
    with tuner.locked():
        tuner.search(dataset.x, dataset.y, groups=planned.groups, **planned.identity["fit"])
        results = tuner.search_results()
        if options.refit and results.completed:
            tuner.refit()
    return results


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


def _about(planned: Plan) -> dict[str, Any]:
    dataset, experiment = planned.dataset, planned.experiment
    return {
        "experiment": experiment.name,
        "command": command(planned.experiment, planned.options),
        "file": experiment.source,
        "source": dataset.source,
        "sample": planned.options.sample,
        "features": list(dataset.features),
        "target": dataset.target,
        "target_column": dataset.target_column,
        "labels": list(dataset.labels),
        "encoders": [encoder.to_json() for encoder in dataset.encoders],
        "reading": planned.options.reading.to_json(),
    }

"""A search before it runs: all that can be checked, checked."""

import itertools
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data import Dataset, bundled, check_target, read_data
from kt_grid.data.digests import source_digest
from kt_grid.data.targets import Loss, fit_target, strata
from kt_grid.data.weighting import class_weights, row_weights, settle_class_weight
from kt_grid.engines import check_engine
from kt_grid.engines.base import FitArguments
from kt_grid.errors import UsageError
from kt_grid.plan.experiments import Experiment
from kt_grid.plan.options import Options
from kt_grid.search.baseline import describe_splits
from kt_grid.search.identity import asked, make_identity
from kt_grid.search.racing import check_racing, confirm, make_race
from kt_grid.space import (
    Grids,
    Parameters,
    check_grid,
    check_names,
    combinations,
    key,
    make_axes,
    replace_axes,
)
from kt_grid.space.objective import Extras, Objective, Score, as_objective, check_scores
from kt_grid.splitters import CvOptions, Split, Splitter, fold_numbers, make_cv
from kt_grid.splitters.folds import count_repeats, make_splits
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import check_keep
from kt_grid.store.results import SearchResults, TrialResult, read_results
from kt_grid.store.trials import COMPLETED, read_trials
from kt_grid.workers.placement import Placement, check_environment

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
        weights: Weight of each row, if a column holds it.
        fit: How a model is trained.
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
    weights: npt.NDArray[np.float32] | None
    fit: FitArguments
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
        from kt_grid.search.tuner import CrossValidationTuner

        with tempfile.TemporaryDirectory() as folder:
            tuner = CrossValidationTuner(
                self.experiment.model, self.objective, grid=self.grid, directory=folder
            )
            return list(itertools.islice(combinations(tuner.oracle.axes), most))

    def trained(self) -> int:
        """Count the trials among these that the directory already holds."""
        if self.store.exists() and not self.options.overwrite:
            self.store.check_identity(self.identity)
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
    _check_words(experiment, options)
    grid = replace_axes(experiment.grid, options.grid)
    scores = check_scores(experiment.objective, experiment.scores)
    extras = Extras(scores, options.train_scores, options.keep_predictions)
    objective, notes = _choose_objective(experiment, options, grid, scores)
    check_racing(options.racing, objective, scores)
    dataset = _suit(experiment, grid, _read(options))
    check_target(dataset, binary=experiment.binary)
    cv = _make_cv(options, dataset)
    groups = None if options.groups is None else dataset.aside[options.groups]
    weights = _weights(options, dataset)
    fit = _fit(experiment, options, dataset)
    splits = make_splits(cv, dataset.rows, strata(dataset.y), groups, dataset.x)
    _check_race(options.racing, objective, cv, splits, dataset)
    return Plan(
        experiment=experiment,
        options=options,
        grid=grid,
        dataset=dataset,
        cv=cv,
        groups=groups,
        weights=weights,
        fit=fit,
        extras=extras,
        objective=objective,
        store=SearchStore(options.directory, experiment.name),
        identity=make_identity(
            objective=objective,
            cv=cv,
            splits=splits,
            seed=options.seed,
            arrays=[*dataset.parts, *([] if weights is None else [weights])],
            fit=fit.to_json(),
            model_source=source_digest(experiment.model),
            engine=options.engine,
            extras=extras,
        ),
        notes=(*notes, *dataset.notes),
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


def _check_race(
    racing: str | None,
    objective: Objective,
    cv: Splitter,
    splits: Sequence[Split],
    dataset: Dataset,
) -> None:
    """Refuse a race that the splits don't bear."""
    if racing:
        repeats = count_repeats(cv)
        described = describe_splits(splits, dataset.y, repeats, objective)
        make_race(racing, objective, repeats, described)


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


def _suit(experiment: Experiment, grid: Grids, dataset: Dataset) -> Dataset:
    """Bring the target into the form that the model's loss takes."""
    if experiment.binary:
        y, labels = fit_target(dataset.y, _BINARY, dataset.labels)
        return replace(dataset, y=y, labels=labels)
    from kt_grid.data.arrays import Arrays
    from kt_grid.engines.first_model import first_combination, suit_arrays

    given = Arrays(dataset.x, dataset.y, labels=dataset.labels)
    suited = suit_arrays(experiment.model, first_combination(grid), given)
    return replace(dataset, y=suited.y, labels=suited.labels)


def _weights(options: Options, dataset: Dataset) -> npt.NDArray[np.float32] | None:
    column = options.sample_weight
    return None if column is None else row_weights(dataset.aside[column], column)


def _fit(experiment: Experiment, options: Options, dataset: Dataset) -> FitArguments:
    """How the experiment trains, with the options' changes."""
    asked_for = {
        "class_weight": class_weights(options.class_weight, dataset.labels) or None,
        "early_stopping": options.early_stopping,
        "validation_split": options.validation_split,
    }
    given = {
        "epochs": experiment.epochs,
        "batch_size": experiment.batch_size,
        **experiment.fit,
        **{name: value for name, value in asked_for.items() if value is not None},
    }
    if given.get("class_weight") and isinstance(given["class_weight"], Mapping):
        # As the search settles it, so that the same line finds the same search.
        y, labels = strata(dataset.y), dataset.labels
        given["class_weight"] = settle_class_weight(given["class_weight"], y, labels)
    if not experiment.declares:
        return FitArguments(**given)
    from kt_grid.engines.own_fit import fit_arguments

    return fit_arguments(experiment.model, given)


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

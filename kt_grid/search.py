"""From an experiment and options to a finished search that can be resumed."""

import itertools
import tempfile
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data import Dataset, bundled, check_target, read_csv
from kt_grid.engines import check_engine
from kt_grid.experiments import Experiment
from kt_grid.folds import make_splits
from kt_grid.identity import asked, check_same, make_identity, source_digest
from kt_grid.objective import Extras, Objective, as_objective, check_scores
from kt_grid.observer import Observer
from kt_grid.results import SearchResults, TrialResult, read_results
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
from kt_grid.splitters import CvOptions, Splitter, fold_numbers, make_cv
from kt_grid.store import SearchStore, check_keep


@dataclass(frozen=True)
class Options:
    """What a search may be told on the command line.

    Attributes:
        grid: Axes that replace the experiment's or add to them, or a list of dicts in their place.
        max_trials: Only the first so many combinations; all by default.
        folds: Number of folds; 3 by default.
        cv: A word that `make_cv` knows; by default what the other options call for.
        repeats: Passes over all folds.
        groups: Column that says which rows stay together; no feature then.
        folds_from: Column that says in which fold a row is held out; no feature then.
        test_size: Share or number of the rows held out in a split, where the splitter heeds it.
        gap: Rows left out between the sides of a time series' split.
        seed: The search's seed.
        data: A CSV file; the Pima data by default.
        target: Its target column; the last by default.
        sample: Share of the rows to search on.
        objective: The experiment's by default.
        engine: What trains.
        directory: Where searches are kept.
        overwrite: Whether a search that is already there is deleted first.
        keep: "best" or "all": whose folds' weights are kept.
        refit: Whether the best combination is trained once more on all rows.
        train_scores: Whether all scores are also computed on the training rows.
        keep_predictions: Whether the predictions for the held-out rows are kept.
    """

    grid: Grids = field(default_factory=dict)
    max_trials: int | None = None
    folds: int | None = None
    cv: str | None = None
    repeats: int = 1
    groups: str | None = None
    folds_from: str | None = None
    test_size: float | None = None
    gap: int | None = None
    seed: int = 7
    data: Path | None = None
    target: str | None = None
    sample: float = 1.0
    objective: str | None = None
    engine: str = "auto"
    directory: Path = Path("runs")
    overwrite: bool = False
    keep: str = "best"
    refit: bool = True
    train_scores: bool = False
    keep_predictions: bool = False


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

    def finished(self) -> SearchResults | None:
        """Return the results if the directory already holds all that is asked for."""
        if self.options.overwrite or not self.store.exists():
            return None
        check_same(self.store, self.identity)
        results = read_results(self.store)
        wanted = {
            "asked": asked(self.grid),
            "max_trials": self.options.max_trials,
            "folds": self.splits,
        }
        if {name: results.about.get(name) for name in wanted} != wanted or not results.complete:
            return None
        best = results.best
        if self.options.refit and best and not self._has_refit(best):
            return None
        return results

    def _has_refit(self, best: TrialResult) -> bool:
        refitted = self.store.refit_parameters()
        return refitted is not None and key(refitted) == key(best.parameters)


def plan(experiment: Experiment, options: Options) -> Plan:
    """Check everything that can be checked before training, without TensorFlow.

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
    if not experiment.declares:
        known = {name for part in check_grid(experiment.grid) for name in part}
        for part in check_grid(options.grid):
            check_names(part, [*known])
    grid = replace_axes(experiment.grid, options.grid)
    scores = check_scores(experiment.objective, experiment.scores)
    extras = Extras(scores, options.train_scores, options.keep_predictions)
    objective = as_objective(options.objective or experiment.objective, scores)
    aside = [name for name in (options.groups, options.folds_from) if name is not None]
    dataset = read_csv(options.data or bundled(), options.target, aside)
    dataset = dataset.sample(options.sample, options.seed)
    check_target(dataset, binary=experiment.binary)
    cv = _make_cv(options, dataset)
    groups = None if options.groups is None else dataset.aside[options.groups]
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
            splits=make_splits(cv, dataset.rows, dataset.y, groups, dataset.x),
            seed=options.seed,
            arrays=[dataset.x, dataset.y],
            fit={"epochs": experiment.epochs, "batch_size": experiment.batch_size},
            model_source=source_digest(experiment.model),
            engine=options.engine,
            extras=extras,
        ),
    )


def run(planned: Plan, observer: Observer | None = None) -> SearchResults:
    """Run a search to its end, or go on with it; then refit the best combination.

    Args:
        planned: The plan.
        observer: Is told how it goes on.

    Returns:
        The results.

    Raises:
        MismatchError: If the directory holds another search.
        StoreError: If the directory can't be read or written.
    """
    finished = planned.finished()
    if finished is not None:
        return finished
    from kt_grid.tuner import CrossValidationTuner

    options, dataset = planned.options, planned.dataset
    tuner = CrossValidationTuner(
        planned.experiment.model,
        objective=planned.objective,
        cv=planned.cv,
        grid=planned.grid,
        max_trials=options.max_trials,
        seed=options.seed,
        engine=options.engine,
        directory=options.directory,
        project_name=planned.experiment.name,
        overwrite=options.overwrite,
        keep=options.keep,
        about=_about(planned),
        observer=observer,
        scores=planned.extras.scores,
        train_scores=planned.extras.train_scores,
        keep_predictions=planned.extras.predictions,
    )
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
        "file": experiment.source,
        "source": dataset.source,
        "sample": planned.options.sample,
        "features": list(dataset.features),
        "target": dataset.target,
        "target_column": dataset.target_column,
    }

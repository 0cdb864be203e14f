"""From an experiment and options to a finished search that can be resumed."""

import shlex
import tempfile
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

from kt_grid.analysis import analyse
from kt_grid.data import Dataset, bundled, check_target, read_csv
from kt_grid.engines import check_engine
from kt_grid.errors import UsageError
from kt_grid.experiments import Experiment
from kt_grid.folds import KFold, Repeated, Splitter, make_splits
from kt_grid.identity import make_identity, source_digest
from kt_grid.objective import Objective, parse_objective
from kt_grid.observer import Observer
from kt_grid.placement import Placement, check_environment
from kt_grid.records import check_keep
from kt_grid.results import SearchResults, read_results
from kt_grid.space import (
    Grid,
    Parameters,
    Value,
    check_names,
    combinations,
    key,
    make_axes,
    replace_axes,
)
from kt_grid.store import SearchStore
from kt_grid.trials import COMPLETED, read_trials
from kt_grid.zoom import propose_zoom

CV = ("kfold", "shuffled-kfold")

# Options that a line says otherwise, or that change nothing in a search's numbers.
_NOT_REPEATED = (
    *("grid", "directory", "overwrite", "keep", "refit"),
    *("workers", "scheduler", "trial_timeout"),
)


@dataclass(frozen=True)
class Options:
    """What a search may be told on the command line.

    Attributes:
        grid: Axes that replace the experiment's or add to them.
        folds: Number of folds.
        cv: One of `CV`.
        repeats: Passes over all folds.
        seed: The search's seed.
        data: A CSV file; the Pima data by default.
        target: Its target column; the last by default.
        sample: Share of the rows to search on.
        objective: The experiment's by default.
        engine: What trains.
        workers: Number of worker processes, or "auto".
        scheduler: Address of a Dask scheduler.
        trial_timeout: Seconds that a trial may take.
        directory: Where searches are kept.
        overwrite: Whether a search that is already there is deleted first.
        keep: "best" or "all": whose folds' weights are kept.
        refit: Whether the best combination is trained once more on all rows.
    """

    grid: Grid = field(default_factory=dict)
    folds: int = 3
    cv: str = "kfold"
    repeats: int = 1
    seed: int = 7
    data: Path | None = None
    target: str | None = None
    sample: float = 1.0
    objective: str | None = None
    engine: str = "auto"
    workers: int | str = "auto"
    scheduler: str | None = None
    trial_timeout: float | None = None
    directory: Path = Path("runs")
    overwrite: bool = False
    keep: str = "best"
    refit: bool = True


@dataclass(frozen=True)
class Plan:
    """A search before it runs.

    Attributes:
        experiment: What is searched.
        options: What it was told.
        grid: The experiment's grid with the options' changes.
        dataset: The rows.
        cv: The splitter.
        objective: What is optimised.
        store: Where it is kept.
        identity: What must agree with what is already there.
    """

    experiment: Experiment
    options: Options
    grid: dict[str, tuple[Any, ...]]
    dataset: Dataset
    cv: Splitter
    objective: Objective
    store: SearchStore
    identity: dict[str, Any]

    @property
    def splits(self) -> int:
        """Trainings per trial."""
        return int(self.identity["folds"])

    def trials(self) -> list[Parameters]:
        """List the combinations that the search tries, in order."""
        if not self.experiment.declares:
            return list(combinations(make_axes(self.grid)))
        from kt_grid.tuner import CrossValidationTuner

        with tempfile.TemporaryDirectory() as folder:
            tuner = CrossValidationTuner(
                self.experiment.model, self.objective, grid=self.grid, directory=folder
            )
            return list(combinations(tuner.oracle.axes))

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
        asked = {name: list(values) for name, values in self.grid.items()}
        if results.about.get("asked") != asked or not results.complete:
            return None
        if results.damage or not self.store.has_state():
            return None
        best = results.best
        if best and self.store.lost_weights(best.trial_id):
            return None
        if self.options.refit and best and self.store.refit_parameters() != best.parameters:
            return None
        return results


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
    check_environment()
    Placement(options.workers, options.scheduler, options.trial_timeout)
    if not experiment.declares:
        check_names(options.grid, list(experiment.grid))
    grid = replace_axes(experiment.grid, options.grid)
    objective = parse_objective(options.objective or experiment.objective)
    cv = _make_cv(options)
    dataset = read_csv(options.data or bundled(), options.target)
    dataset = dataset.sample(options.sample, options.seed)
    check_target(dataset, binary=experiment.binary)
    return Plan(
        experiment=experiment,
        options=options,
        grid=grid,
        dataset=dataset,
        cv=cv,
        objective=objective,
        store=SearchStore(options.directory, experiment.name),
        identity=make_identity(
            objective=objective,
            cv=cv,
            splits=make_splits(cv, dataset.rows, dataset.y),
            seed=options.seed,
            arrays=[dataset.x, dataset.y],
            fit={"epochs": experiment.epochs, "batch_size": experiment.batch_size},
            model_source=source_digest(experiment.model),
            engine=options.engine,
        ),
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
    proposed = propose_zoom(analyse(results)) if results.complete else None
    asked = results.about.get("asked", {axis.name: axis.values for axis in results.axes})
    grid = dict(proposed.grid) if proposed else {n: tuple(values) for n, values in asked.items()}
    options = replace(planned.options, grid={**grid, **planned.options.grid})
    return replace(planned, options=options, grid=replace_axes(planned.grid, options.grid))


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
    tuner = CrossValidationTuner(
        planned.experiment.model,
        objective=planned.objective,
        cv=planned.cv,
        grid=planned.grid,
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
    )
    with tuner.locked():
        tuner.search(dataset.x, dataset.y, **planned.identity["fit"])
        results = tuner.search_results()
        if options.refit and results.completed:
            tuner.refit()
    return results


def command(planned: Plan) -> str:
    """Write the command line that runs a search again.

    Args:
        planned: The search.

    Returns:
        A line for a POSIX shell, with the options that aren't the default; without those that
        change nothing in the numbers.
    """
    options, usual = planned.options, Options()
    words = [_experiment_word(planned.experiment)]
    for name, values in options.grid.items():
        words += ["--grid", f"{name}={','.join(map(_grid_word, values))}"]
    for option in (found.name for found in fields(options) if found.name not in _NOT_REPEATED):
        value = getattr(options, option)
        if value != getattr(usual, option):
            word = f"--{option.replace('_', '-')}"
            words += [word] if value is True else [word, str(value)]
    return shlex.join(["kt-grid", "run", *words])


def _experiment_word(experiment: Experiment) -> str:
    """What names an experiment on the command line."""
    source, name = experiment.source, experiment.name
    if source is None or Path(source).stem == name:
        return source or name
    return f"{source}:{name}"


def _grid_word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _make_cv(options: Options) -> Splitter:
    if options.cv not in CV:
        raise UsageError(f"Expected --cv to be one of {', '.join(CV)}. Received: {options.cv!r}")
    once = KFold(options.folds)
    if options.cv == "shuffled-kfold":
        once = KFold(options.folds, shuffle=True, random_state=options.seed)
    return once if options.repeats == 1 else Repeated(once, options.repeats)


def _about(planned: Plan) -> dict[str, Any]:
    dataset, experiment = planned.dataset, planned.experiment
    return {
        "experiment": experiment.name,
        "command": command(planned),
        "file": experiment.source,
        "source": dataset.source,
        "sample": planned.options.sample,
        "features": list(dataset.features),
        "target": dataset.target,
        "target_column": dataset.target_column,
    }

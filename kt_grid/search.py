"""From an experiment and options to a finished search that can be resumed."""

import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from kt_grid.data import Dataset, Reading, bundled, check_target, read_data
from kt_grid.engines import check_engine
from kt_grid.errors import UsageError
from kt_grid.experiments import Experiment
from kt_grid.folds import KFold, Repeated, Splitter, make_splits
from kt_grid.identity import make_identity, source_digest
from kt_grid.objective import Objective, parse_objective
from kt_grid.observer import Observer, Silent
from kt_grid.results import SearchResults, read_results
from kt_grid.space import (
    Grid,
    Parameters,
    check_names,
    combinations,
    make_axes,
    register,
    replace_axes,
)
from kt_grid.store import SearchStore, check_keep
from kt_grid.targets import Loss, fit_target, strata

_BINARY = Loss("binary_crossentropy", 1)
CV = ("kfold", "shuffled-kfold")


@dataclass(frozen=True)
class Options:
    """What a search may be told on the command line.

    Attributes:
        grid: Axes that replace the experiment's or add to them.
        folds: Number of folds.
        cv: One of `CV`.
        repeats: Passes over all folds.
        seed: The search's seed.
        data: A CSV, Parquet or .npz file; the Pima data by default.
        target: Its target column; the last by default.
        reading: How to read the file.
        sample: Share of the rows to search on.
        objective: The experiment's by default, and if it has none, what its model compiles.
        engine: What trains.
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
    reading: Reading = field(default_factory=Reading)
    sample: float = 1.0
    objective: str | None = None
    engine: str = "auto"
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
        notes: What is worth telling when it runs, a line each.
    """

    experiment: Experiment
    options: Options
    grid: dict[str, tuple[Any, ...]]
    dataset: Dataset
    cv: Splitter
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
        if not self.experiment.declares:
            return list(combinations(make_axes(self.grid)))
        from kt_grid.tuner import CrossValidationTuner

        with tempfile.TemporaryDirectory() as folder:
            tuner = CrossValidationTuner(
                self.experiment.model, self.objective, grid=self.grid, directory=folder
            )
            return list(combinations(tuner.oracle.axes))

    def finished(self) -> SearchResults | None:
        """Return the results if the directory already holds all that is asked for."""
        if self.options.overwrite or not self.store.exists():
            return None
        self.store.check_identity(self.identity)
        results = read_results(self.store)
        asked = {name: list(values) for name, values in self.grid.items()}
        if results.about.get("asked") != asked or not results.complete:
            return None
        best = results.best
        if self.options.refit and best and self.store.refit_parameters() != best.parameters:
            return None
        return results


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
    if not experiment.declares:
        check_names(options.grid, list(experiment.grid))
    grid = replace_axes(experiment.grid, options.grid)
    objective, notes = _choose_objective(experiment, options, grid)
    cv = _make_cv(options)
    dataset = read_data(options.data or bundled(), options.target, options.reading)
    dataset = dataset.sample(options.sample, options.seed)
    dataset = _suit(experiment, grid, dataset)
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
            splits=make_splits(cv, dataset.rows, strata(dataset.y)),
            seed=options.seed,
            arrays=dataset.parts,
            fit={"epochs": experiment.epochs, "batch_size": experiment.batch_size},
            model_source=source_digest(experiment.model),
            engine=options.engine,
        ),
        notes=notes,
    )


def _choose_objective(
    experiment: Experiment, options: Options, grid: Grid
) -> tuple[Objective, tuple[str, ...]]:
    """The objective that is stated, else what the model compiles, which is told if it's unusual."""
    stated = options.objective or experiment.objective or ("val_accuracy" * experiment.binary)
    if stated:
        return parse_objective(stated), ()
    from kt_grid.compiled import default_objective

    chosen = default_objective(experiment.model, grid)
    told = f"objective {chosen}, because the model compiles no metric called accuracy"
    return chosen, () if chosen.name == "val_accuracy" else (told,)


def _suit(experiment: Experiment, grid: Grid, dataset: Dataset) -> Dataset:
    """Bring the target into the form that the model's loss takes."""
    if experiment.binary:
        y, labels = fit_target(dataset.y, _BINARY, dataset.labels)
        return replace(dataset, y=y, labels=labels)
    from kt_grid.arrays import Arrays
    from kt_grid.compiled import suit_arrays

    given = Arrays(dataset.x, dataset.y, labels=dataset.labels)
    suited = suit_arrays(experiment.model, register(grid), given)
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
        StoreError: If the directory can't be read or written.
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
        seed=options.seed,
        engine=options.engine,
        directory=options.directory,
        project_name=planned.experiment.name,
        overwrite=options.overwrite,
        keep=options.keep,
        about=_about(planned),
        observer=observer,
    )
    tuner.search(dataset.x, dataset.y, **planned.identity["fit"])
    results = tuner.search_results()
    if options.refit and results.completed:
        tuner.refit()
    return results


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

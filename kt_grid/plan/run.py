"""From a plan to a finished search that can be resumed, or to a finer one around its best."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.zoom import propose_zoom
from kt_grid.errors import GridError, UsageError
from kt_grid.plan.options import command
from kt_grid.plan.plan import Plan, changed_grid
from kt_grid.search.observer import Observer, Silent
from kt_grid.search.rows import describe_dataset
from kt_grid.search.selection import find_trial
from kt_grid.space import check_grid, from_json
from kt_grid.store.directory import MODEL
from kt_grid.store.results import SearchResults, TrialResult, read_results

if TYPE_CHECKING:
    from kt_grid.search.tuner import CrossValidationTuner


def zoom(planned: Plan) -> Plan:
    """Plan a finer grid around what can't be told from the best, in the same directory.

    Args:
        planned: The search to look into; its grid is the one that was last asked for.

    Returns:
        The plan with the finer grid; with the present one if the search isn't finished yet, so
        that a zoom that was interrupted goes on, or if nothing is left to refine.

    Raises:
        UsageError: If there is no search to look into, or `--grid` sets all axes to refine.
        MismatchError: If the directory holds another search.
    """
    if planned.options.overwrite or not planned.store.exists():
        raise UsageError(
            f"Expected a search in {planned.store.root} to zoom into. Received: none. "
            "Run it without --zoom first"
        )
    planned.store.check_identity(planned.setup.identity)
    results = read_results(planned.store)
    if any(axis.part is not None for axis in results.axes):
        raise GridError(
            f"Expected one grid in {planned.store.root} to zoom into. Received: a list of grids"
        )
    proposed = propose_zoom(analyse(results)) if results.complete else None
    present = {axis.name: axis.values for axis in results.axes if not axis.conditions}
    unlisted = results.about.unlisted
    asked_for = {**present, **{n: v for n, v in results.about.asked.items() if n not in unlisted}}
    grid = dict(proposed.grid) if proposed else {n: from_json(v) for n, v in asked_for.items()}
    own = check_grid(planned.options.grid)
    if len(own) > 1:
        raise GridError("Expected --grid AXIS=VALUES beside --zoom. Received: a list of grids")
    refined = proposed.refined if proposed else tuple(grid)
    if refined and set(refined) <= set(own[0]):
        raise UsageError(
            "Expected an axis to refine beside --zoom that --grid doesn't set. "
            f"Received: --grid for {', '.join(refined)}, which are all"
        )
    options = replace(planned.options, grid={**grid, **own[0]}, words=())
    return replace(planned, options=options, grid=changed_grid(planned.experiment, options))


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
    observer = observer or Silent()
    finished = planned.finished()
    if finished is not None:
        for note in planned.setup.notes:
            observer.note(note)
        return finished
    tuner = _tuner(planned, observer)
    with tuner.locked():
        tuner.run(planned.setup)
        results = read_results(planned.store)
        if planned.options.refit and results.completed:
            tuner.refit()
    return results


def refit(planned: Plan, trial: Any = None) -> tuple[TrialResult, Path]:
    """Train a combination of a search once more, on all rows.

    Args:
        planned: The search as it was run.
        trial: As the tuner's `refit` takes it; the best by default.

    Returns:
        The trial, and the file of its model.

    Raises:
        MismatchError: If the directory holds another search.
        PredictionError: If there is no such trial that is completed.
        UsageError: If the trial can't be meant.
        LockedError: If a run is at work in the directory.
    """
    store = planned.store
    store.check_identity(planned.setup.identity)
    chosen = find_trial(read_results(store), trial)
    tuner = _tuner(planned, Silent())
    with tuner.locked():
        tuner.take(planned.setup)
        tuner.refit(trial=chosen.trial_id)
    return chosen, store.refit_dir(store.find_refit(chosen.trial_id)) / MODEL


def _tuner(planned: Plan, observer: Observer) -> "CrossValidationTuner":
    from kt_grid.search.tuner import CrossValidationTuner

    options = planned.options
    return CrossValidationTuner(
        planned.experiment.model,
        objective=planned.setup.objective,
        cv=planned.setup.cv,
        grid=planned.grid,
        max_trials=options.max_trials,
        seed=options.seed,
        engine=options.engine,
        workers=options.workers,
        scheduler=options.scheduler,
        trial_timeout=options.trial_timeout,
        share_gpus=options.share_gpus,
        directory=options.directory,
        project_name=planned.store.root.name,
        overwrite=options.overwrite,
        keep=options.keep,
        about=_about(planned),
        observer=observer,
        scores=planned.setup.extras.scores,
        train_scores=planned.setup.extras.train_scores,
        keep_predictions=planned.setup.extras.predictions,
        racing=options.racing,
        only=options.only,
    )


def _about(planned: Plan) -> dict[str, Any]:
    dataset, experiment = planned.dataset, planned.experiment
    return {
        "experiment": planned.store.root.name,
        "command": command(planned.experiment, planned.options),
        "file": experiment.source,
        "sample": planned.options.sample,
        "labels": list(dataset.labels),
        **describe_dataset(dataset),
        "unlisted": list(planned.unlisted),
    }

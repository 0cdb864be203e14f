"""The commands: parse, make one library call, render."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated, NoReturn

import typer

import kt_grid
from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.pooled import pooled_report
from kt_grid.cli import options as opt
from kt_grid.cli import process
from kt_grid.cli.process import FAILED, complain
from kt_grid.data import Reading, parse_encode, parse_separator
from kt_grid.engines.backend import load_backend
from kt_grid.errors import UsageError
from kt_grid.plan.experiments import REGISTRY, Experiment, load_experiment, write_template
from kt_grid.plan.options import Options
from kt_grid.plan.plan import Plan, plan
from kt_grid.plan.run import run as run_search
from kt_grid.plan.run import zoom as zoom_into
from kt_grid.report.export import table_as_csv
from kt_grid.report.overview import render_several
from kt_grid.report.published import Published, published_results
from kt_grid.report.tensorboard import write_hparams
from kt_grid.report.text import render, render_verdict
from kt_grid.search.observer import Observer, Silent
from kt_grid.search.predict import predict_file
from kt_grid.space import check_grid, make_axes, parse_grid
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import write_output
from kt_grid.store.results import SearchResults, read_results
from kt_grid.workers.local import processes_kept

app = typer.Typer(
    name="kt-grid",
    help="Grid search with k-fold cross-validation for Keras models.",
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def main() -> NoReturn:
    """Run the command line and exit: 0 done, 1 failed, 2 wrong usage, 130 interrupted."""
    process.run(lambda: app(prog_name="kt-grid", standalone_mode=False))


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"kt-grid {kt_grid.__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
    debug: opt.Debug = False,
) -> None:
    """Grid search with k-fold cross-validation for Keras models."""


@app.command("list")
def list_experiments() -> None:
    """List the experiments that come with kt-grid.

    Example: kt-grid list
    """
    width = max(len(name) for name in REGISTRY)
    for name, experiment in REGISTRY.items():
        axes = ", ".join(f"{a.name}: {len(a.values)}" for a in make_axes(experiment.grid))
        typer.echo(f"{name:{width}}  {experiment.summary} ({axes})")


@app.command()
def new(file: opt.NewFile) -> None:
    """Write a commented example of a search of your own, which runs as it is.

    Example: kt-grid new my_file.py
    """
    write_template(file)
    complain(f"wrote {file}; kt-grid run {file} searches it")


@app.command()
def run(
    names: opt.Names,
    grid: opt.GridWords = None,
    max_trials: opt.MaxTrials = None,
    folds: opt.Folds = None,
    cv: opt.Cv = None,
    repeats: opt.Repeats = 1,
    groups: opt.Groups = None,
    folds_from: opt.FoldsFrom = None,
    test_size: opt.TestSize = None,
    gap: opt.Gap = None,
    seed: opt.Seed = 7,
    data: opt.Data = None,
    target: opt.Target = None,
    separator: opt.Separator = None,
    header: opt.Header = None,
    encoding: opt.Encoding = "utf-8",
    encode: opt.Encode = None,
    missing: opt.Missing = "refuse",
    objective: opt.ObjectiveWord = None,
    sample: opt.Sample = 1.0,
    sample_weight: opt.SampleWeight = None,
    class_weight: opt.ClassWeight = None,
    early_stopping: opt.EarlyStopping = None,
    validation_split: opt.ValidationSplit = None,
    engine: opt.EngineName = "auto",
    workers: opt.Workers = "auto",
    scheduler: opt.Scheduler = None,
    trial_timeout: opt.TrialTimeout = None,
    directory: opt.Directory = Path("runs"),
    overwrite: opt.Overwrite = False,
    keep: opt.Keep = "best",
    no_refit: opt.NoRefit = False,
    zoom: opt.Zoom = False,
    train_scores: opt.TrainScores = False,
    keep_predictions: opt.KeepPredictions = False,
    racing: opt.Racing = None,
    dry_run: opt.DryRun = False,
    quiet: opt.Quiet = False,
) -> None:
    """Search a grid; the same line again resumes.

    Example: kt-grid run neurons --grid neurons=5,10 --folds 5
    """
    options = Options(
        max_trials=max_trials,
        folds=folds,
        cv=cv,
        repeats=repeats,
        groups=groups,
        folds_from=folds_from,
        test_size=test_size,
        gap=gap,
        seed=seed,
        data=data,
        target=target,
        reading=Reading(
            parse_separator(separator), header, encoding, parse_encode(encode or []), missing
        ),
        sample=sample,
        sample_weight=sample_weight,
        class_weight=tuple(class_weight or ()),
        early_stopping=early_stopping,
        validation_split=validation_split,
        objective=objective,
        engine=engine,
        workers=workers,
        scheduler=scheduler,
        trial_timeout=trial_timeout,
        directory=directory,
        overwrite=overwrite,
        keep=keep,
        refit=not no_refit,
        train_scores=train_scores,
        keep_predictions=keep_predictions,
        racing=racing,
        words=tuple(grid or ()),
    )
    plans = [
        plan(experiment, replace(options, grid=parse_grid(grid or [], experiment.grid)))
        for experiment in _experiments(names)
    ]
    if zoom:
        plans = [_zoomed(planned) for planned in plans]
    failed = False
    with processes_kept():
        for number, planned in enumerate(plans):
            if len(plans) > 1:
                typer.echo(f"{'' if number == 0 else chr(10)}# {planned.experiment.name}")
            if dry_run:
                _show_plan(planned)
            else:
                failed |= _search(planned, quiet=quiet)
    if failed:
        raise typer.Exit(FAILED)


@app.command()
def report(
    names: opt.Searches,
    style: opt.Style = "text",
    output: opt.Output = None,
    objective: opt.ReportObjective = None,
    pooled: opt.ShowPooled = False,
    published: opt.ShowPublished = False,
    directory: opt.Directory = Path("runs"),
) -> None:
    """Show the results of a search, finished or not, or of several side by side.

    Example: kt-grid report neurons --format html --output neurons.html
    """
    stores = _stores(directory, names)
    searches = [read_results(store, objective) for store in stores]
    theirs = [_published(results.experiment, must=published) for results in searches]
    if style == "tensorboard":
        _write_hparams(searches, output)
    elif pooled:
        _write("\n".join(map(pooled_report, stores, searches)), output)
    elif len(names) == 1 and names != [opt.ALL]:
        _write(render(searches[0], style, theirs[0] if published else None), output)
    else:
        _write(render_several(searches, theirs, style), output)
    for results in searches:
        _tell_unfinished(results)
    if any(results.damage for results in searches):
        raise typer.Exit(FAILED)


@app.command()
def predict(
    name: opt.Name,
    data: opt.NewRows,
    output: opt.Output = None,
    ensemble: opt.Ensemble = False,
    directory: opt.Directory = Path("runs"),
) -> None:
    """Predict with the best model of a search, refitted on all rows.

    Example: kt-grid predict neurons --data new.csv --output predictions.csv
    """
    load_backend()
    store = _store(directory, name)
    rows = list(predict_file(store, data, ensemble=ensemble))
    _write(table_as_csv(rows), output)


def _experiments(names: list[str]) -> list[Experiment]:
    words = list(REGISTRY) if names == [opt.ALL] else names
    if any(word.partition(":")[0].endswith(".py") or ":" in word for word in words):
        # A user's file imports Keras itself, and with it TensorFlow's log would appear.
        load_backend()
    return [load_experiment(word) for word in words]


def _store(directory: Path, name: str) -> SearchStore:
    """Where a search is kept, from its name or from the file or module that it came from."""
    place, _, attribute = name.partition(":")
    folder = Path(place).stem if place.endswith(".py") else attribute or place
    store = SearchStore(directory, folder)
    if store.exists() or folder == name:
        return store
    return SearchStore(directory, load_experiment(name).name)


def _stores(directory: Path, names: list[str]) -> list[SearchStore]:
    """Where searches are kept; `all` are those of the experiments that were begun."""
    if names != [opt.ALL]:
        return [_store(directory, name) for name in names]
    stores = [SearchStore(directory, name) for name in REGISTRY]
    begun = [store for store in stores if store.exists()]
    if not begun:
        raise UsageError(f"Expected a search in {directory}. Received: none. Run one first")
    return begun


def _published(experiment: str, *, must: bool) -> Published:
    """The tutorial's figures; nothing for an experiment that it doesn't have."""
    return published_results(experiment) if must or experiment in REGISTRY else {}


def _write_hparams(searches: list[SearchResults], output: Path | None) -> None:
    """Write for TensorBoard: several searches each into a folder of its own."""
    if output is None:
        raise UsageError(
            "Expected --output DIR with --format tensorboard. Received: none. "
            "TensorBoard reads a directory"
        )
    for results in searches:
        place = output if len(searches) == 1 else output / results.experiment
        write_hparams(analyse(results), place)
    complain(f"look at it with: tensorboard --logdir {output}")


def _tell_unfinished(results: SearchResults) -> None:
    if not results.complete:
        complain(f"{results.experiment}: {results.finished} of {results.total} trials are finished")
    for damage in results.damage:
        complain(damage)
    if results.damage:
        complain("the line that began the search mends that")


def _zoomed(planned: Plan) -> Plan:
    """The plan with a finer grid, which is told."""
    finer = zoom_into(planned)
    (grid,) = check_grid(finer.grid)
    axes = " ".join(f"{axis}={','.join(map(str, v))}" for axis, v in grid.items())
    complain(f"{planned.experiment.name}: zoom to {axes}")
    return finer


def _show_plan(planned: Plan) -> None:
    trials = planned.trials()
    for parameters in trials:
        typer.echo(parameters)
    fits = len(trials) * planned.splits
    typer.echo(f"{len(trials)} trials, {fits} fits")
    trained = planned.trained()
    if trained:
        complain(f"{trained} of these trials are there already")


def _search(planned: Plan, *, quiet: bool) -> bool:
    """Run one search and print its results; tell whether a trial failed."""
    process.goes_on_from(planned.store.root)
    if planned.finished() is None:
        planned.store.lock.check()
        load_backend()
    results = run_search(planned, Silent() if quiet else _progress(planned))
    typer.echo(render(results), nl=False)
    _tell_failures(results)
    if not quiet:
        typer.echo(f"\n{render_verdict(results)}", nl=False, err=True)
    return bool(results.failed)


def _progress(planned: Plan) -> Observer:
    from rich.console import Console

    from kt_grid.search.progress import TerminalProgress

    return TerminalProgress(planned.experiment.name, Console(stderr=True))


def _tell_failures(results: SearchResults) -> None:
    for trial in results.failed:
        complain(f"trial {trial.trial_id} {trial.parameters} failed: {trial.reason}")


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_output(output, text)

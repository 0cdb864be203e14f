"""The command line: parse, make one library call, render. Only this module prints or exits."""

import csv
import importlib
import io
import logging
import os
import signal
import sys
import traceback
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import TyperException

import kt_grid
from kt_grid import options as opt
from kt_grid.data import Reading, parse_encode, parse_separator
from kt_grid.errors import KtGridError, UsageError
from kt_grid.experiments import REGISTRY, Experiment, load_experiment, write_template
from kt_grid.observer import Observer, Silent
from kt_grid.prediction import predict_file
from kt_grid.published import published_results
from kt_grid.report import render
from kt_grid.results import SearchResults, read_results
from kt_grid.search import Options, Plan, plan
from kt_grid.search import run as run_search
from kt_grid.space import parse_words
from kt_grid.store import SearchStore, write_text

FAILED, WRONG_USAGE, INTERRUPTED = 1, 2, 130

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
    debug = "--debug" in sys.argv
    sys.argv = [word for word in sys.argv if word != "--debug"]
    signal.signal(signal.SIGTERM, _interrupt)
    try:
        status = app(prog_name="kt-grid", standalone_mode=False)
    except TyperException as error:
        message = error.format_message()
        typer.echo(message, err=True) if message.startswith("Usage:") else _complain(message)
        status = WRONG_USAGE
    except KtGridError as error:
        if debug:
            traceback.print_exc()
        _complain(str(error))
        status = WRONG_USAGE if isinstance(error, UsageError) else FAILED
    except BrokenPipeError:
        # Whoever read stdout has gone; nothing is left to flush.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        status = FAILED
    sys.exit(status or 0)


def _interrupt(number: int, frame: object) -> NoReturn:  # noqa: ARG001 - signal's signature
    raise KeyboardInterrupt


def _complain(message: str) -> None:
    typer.echo(f"kt-grid: {message}", err=True)


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
        axes = ", ".join(f"{axis}: {len(values)}" for axis, values in experiment.grid.items())
        typer.echo(f"{name:{width}}  {experiment.summary} ({axes})")


@app.command()
def new(file: opt.NewFile) -> None:
    """Write a commented example of a search of your own, which runs as it is.

    Example: kt-grid new my_file.py
    """
    write_template(file)
    _note(f"wrote {file}; kt-grid run {file} searches it")


@app.command()
def run(
    names: opt.Names,
    grid: opt.GridWords = None,
    folds: opt.Folds = 3,
    cv: opt.Cv = "kfold",
    repeats: opt.Repeats = 1,
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
    engine: opt.EngineName = "auto",
    directory: opt.Directory = Path("runs"),
    overwrite: opt.Overwrite = False,
    keep: opt.Keep = "best",
    no_refit: opt.NoRefit = False,
    dry_run: opt.DryRun = False,
    quiet: opt.Quiet = False,
) -> None:
    """Search a grid; the same line again resumes.

    Example: kt-grid run neurons --grid neurons=5,10 --folds 5
    """
    options = Options(
        folds=folds,
        cv=cv,
        repeats=repeats,
        seed=seed,
        data=data,
        target=target,
        reading=Reading(
            parse_separator(separator), header, encoding, parse_encode(encode or []), missing
        ),
        sample=sample,
        objective=objective,
        engine=engine,
        directory=directory,
        overwrite=overwrite,
        keep=keep,
        refit=not no_refit,
    )
    plans = [
        plan(experiment, replace(options, grid=parse_words(grid or [], experiment.grid)))
        for experiment in _experiments(names)
    ]
    failed = False
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
    name: opt.Name,
    style: opt.Style = "text",
    output: opt.Output = None,
    published: opt.ShowPublished = False,
    directory: opt.Directory = Path("runs"),
) -> None:
    """Show the results of a search, finished or not.

    Example: kt-grid report neurons --format markdown --output neurons.md
    """
    results = read_results(_store(directory, name))
    text = render(results, style, published_results(name) if published else None)
    _write(text, output)
    if not results.complete:
        done = len(results.completed) + len(results.failed)
        _note(f"{done} of {results.total} trials are finished")


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
    _load_tensorflow()
    store = _store(directory, name)
    rows = list(predict_file(store, data, ensemble=ensemble))
    _write(_csv(rows), output)


def _experiments(names: list[str]) -> list[Experiment]:
    words = list(REGISTRY) if names == [opt.ALL] else names
    if any(word.partition(":")[0].endswith(".py") or ":" in word for word in words):
        # A user's file imports Keras itself, and with it TensorFlow's log would appear.
        _load_tensorflow()
    return [load_experiment(word) for word in words]


def _load_tensorflow() -> None:
    """Import TensorFlow and keep its own log off the terminal.

    What it logs while it is imported heeds no setting, so stderr is turned away meanwhile.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("KERAS_BACKEND", "tensorflow")
    sys.stderr.flush()
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(nowhere, 2)
        importlib.import_module("keras_tuner")
        importlib.import_module("tensorflow").config.list_logical_devices()
        logging.getLogger("tensorflow").setLevel(logging.ERROR)
    finally:
        os.dup2(terminal, 2)
        os.close(nowhere)
        os.close(terminal)


def _store(directory: Path, name: str) -> SearchStore:
    """Where a search is kept, from its name or from the file or module that it came from."""
    place, _, attribute = name.partition(":")
    folder = Path(place).stem if place.endswith(".py") else attribute or place
    store = SearchStore(directory, folder)
    if store.exists() or folder == name:
        return store
    return SearchStore(directory, load_experiment(name).name)


def _show_plan(planned: Plan) -> None:
    trials = planned.trials()
    for parameters in trials:
        typer.echo(parameters)
    fits = len(trials) * planned.splits
    typer.echo(f"{len(trials)} trials, {fits} fits")


def _search(planned: Plan, *, quiet: bool) -> bool:
    """Run one search and print its results; tell whether a trial failed."""
    try:
        if planned.finished() is None:
            _load_tensorflow()
        results = run_search(planned, Silent() if quiet else _progress(planned))
    except KeyboardInterrupt:
        _complain(f"interrupted; the same line goes on from {planned.store.root}")
        raise typer.Exit(INTERRUPTED) from None
    typer.echo(render(results), nl=False)
    _tell_failures(results)
    return bool(results.failed)


def _progress(planned: Plan) -> Observer:
    from rich.console import Console

    from kt_grid.progress import TerminalProgress

    return TerminalProgress(planned.experiment.name, Console(stderr=True))


def _tell_failures(results: SearchResults) -> None:
    for trial in results.failed:
        _note(f"trial {trial.trial_id} {trial.parameters} failed: {trial.reason}")


def _note(message: str) -> None:
    typer.echo(f"kt-grid: {message}", err=True)


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_text(output, text)


def _csv(rows: Iterable[dict[str, Any]]) -> str:
    file = io.StringIO()
    writer: csv.DictWriter[str] | None = None
    for row in rows:
        if writer is None:
            writer = csv.DictWriter(file, list(row), lineterminator="\n")
            writer.writeheader()
        writer.writerow(row)
    return file.getvalue()

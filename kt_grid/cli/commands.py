"""The commands: parse, make one library call, render."""

import os
import shlex
import sys
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import astuple, fields, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn, cast

import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException
from typer.main import get_command

import kt_grid
from kt_grid.analysis.wording import count
from kt_grid.cli import options as opt
from kt_grid.cli import process
from kt_grid.cli.live import clear_screen
from kt_grid.cli.live import watch as follow
from kt_grid.cli.parameters import GroupedCommand, options_of, takes_options
from kt_grid.cli.process import FAILED, complain
from kt_grid.cli.searches import Summary, find_store, find_stores, summaries, summarise
from kt_grid.engines.backend import import_backend, load_backend
from kt_grid.errors import DamageError, UsageError
from kt_grid.plan.experiments import REGISTRY, Experiment, load_experiment, write_template
from kt_grid.plan.options import Options, flag_of
from kt_grid.plan.plan import Plan, plan
from kt_grid.plan.recall import Answer, recall, remember
from kt_grid.plan.run import refit as refit_trial
from kt_grid.plan.run import run as run_search
from kt_grid.plan.run import zoom as zoom_into
from kt_grid.report.base import Subject, TextFormat
from kt_grid.report.export import table_as_csv
from kt_grid.report.formats import Format, format_named, render
from kt_grid.report.pooled import pool_best, render_evaluation, render_pooled
from kt_grid.report.published import Published, published_results
from kt_grid.report.tables import aligned
from kt_grid.report.text import render_verdict
from kt_grid.search.evaluate import evaluate_file
from kt_grid.search.observer import Silent
from kt_grid.search.predict import predict_file
from kt_grid.search.selection import parse_trial, refit_command
from kt_grid.space import check_grid, make_axes, parse_grid
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import write_output
from kt_grid.store.results import SearchResults, TrialResult, read_results
from kt_grid.workers.local import fork_spares, processes_kept
from kt_grid.workers.placement import spares

if TYPE_CHECKING:
    from rich.console import Console

    from kt_grid.search.observer import Observer
    from kt_grid.search.outputs import Outputs

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
def list_searches(directory: opt.Directory = Path("runs")) -> None:
    """List the experiments that come with kt-grid, and the searches of a directory.

    Example: kt-grid list --directory runs
    """
    width = max(len(name) for name in REGISTRY)
    for name, experiment in REGISTRY.items():
        axes = ", ".join(f"{a.name}: {len(a.values)}" for a in make_axes(experiment.grid))
        typer.echo(f"{name:{width}}  {experiment.summary} ({axes})")
    found = [astuple(summary) for summary in summaries(directory)]
    if found:
        head = [field.name for field in fields(Summary)]
        typer.echo("\n" + "\n".join(aligned([head, *found])))


@app.command()
def remove(name: opt.Name, yes: opt.Yes = False, directory: opt.Directory = Path("runs")) -> None:
    """Delete a search with all its results.

    Example: kt-grid remove neurons --yes
    """
    store = find_store(directory, name)
    summary = summarise(store)
    if not yes and not sys.stdin.isatty():
        raise UsageError(
            f"Expected --yes to delete {store.root} where nobody can be asked. Received: none"
        )
    trials = f"{summary.trials} trials" if summary.trials else "a damaged search"
    if yes or typer.confirm(f"Delete {store.root} ({trials}, {summary.size})?", err=True):
        store.clear(complain)
        complain(f"deleted {store.root}")


@app.command()
def new(file: opt.NewFile) -> None:
    """Write a commented example of a search of your own, which runs as it is.

    Example: kt-grid new my_file.py
    """
    write_template(file)
    complain(f"wrote {file}; kt-grid run {file} searches it")


@app.command(cls=GroupedCommand)
@takes_options
def run(names: opt.Names, options: Options) -> None:
    """Search a grid; run the same command again to resume.

    Example: kt-grid run neurons --grid neurons=5,10 --folds 5
    """
    if options.name is not None and (len(names) > 1 or names == [opt.ALL]):
        raise UsageError(
            f"Expected one NAME with --name. Received: {', '.join(names)}. Run them one by one"
        )
    words = list(REGISTRY) if names == [opt.ALL] else names
    answers = {word: recall(word, options) for word in words}
    asked = [word for word in words if answers[word] is None]
    failed = False
    with processes_kept():
        plans = {
            word: plan(
                experiment, replace(options, grid=parse_grid([*options.words], experiment.grid))
            )
            for word, experiment in zip(asked, _experiments(asked, options), strict=True)
        }
        if options.zoom:
            plans = {word: _zoomed(planned) for word, planned in plans.items()}
        for number, word in enumerate(words):
            planned, answer = plans.get(word), answers[word]
            if len(words) > 1:
                name = planned.experiment.name if planned else Path(word.partition(":")[0]).stem
                typer.echo(f"{'' if number == 0 else chr(10)}# {name}")
            if answer is not None:
                failed |= _repeat(answer, options)
            elif planned is not None and options.dry_run:
                _show_plan(planned)
            elif planned is not None:
                failed |= _search(word, planned)
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
    watch: opt.Watch = False,
    directory: opt.Directory = Path("runs"),
) -> None:
    """Show the results of a search, finished or not, or of several side by side.

    Example: kt-grid report neurons --format html --output neurons.html
    """
    chosen = format_named(style)
    stores = find_stores(directory, names)
    side_by_side = len(names) > 1 or names == [opt.ALL]
    if not isinstance(chosen, TextFormat) and output is None:
        raise UsageError(
            f"Expected --output DIR with --format {style}. Received: none. "
            f"{chosen.reader} reads a directory"
        )
    live = watch and (output is not None or sys.stdout.isatty())

    def show() -> list[SearchResults]:
        searches = [read_results(store, objective) for store in stores]
        if live and output is None:
            clear_screen()
        if pooled:
            best = [
                pool_best(store, results, partial(_meaning, results))
                for store, results in zip(stores, searches, strict=True)
            ]
            _write(render_pooled(best, style), output)
        else:
            _show_report(searches, chosen, output, published=published, side_by_side=side_by_side)
        return searches

    if watch and not live:
        # A pipe gets one report, once the searches have ended.
        follow(stores, lambda: [read_results(store) for store in stores])
    searches = follow(stores, show) if live else show()
    for results in searches:
        _tell_unfinished(results)
    if any(results.damage for results in searches):
        raise typer.Exit(FAILED)


def _meaning(results: SearchResults, trial: TrialResult) -> "Outputs | None":
    from kt_grid.search.held_out import known_outputs

    return known_outputs(results.about, trial.parameters)


def _show_report(
    searches: list[SearchResults],
    chosen: Format,
    output: Path | None,
    *,
    published: bool,
    side_by_side: bool,
) -> None:
    subjects = [
        Subject(results, _published(results.experiment, must=published))
        if published or side_by_side
        else Subject(results)
        for results in searches
    ]
    if isinstance(chosen, TextFormat):
        _write(chosen.render(subjects, side_by_side=side_by_side), output)
    elif output is not None:
        complain(chosen.write(subjects, output))


@app.command()
def predict(
    name: opt.Name,
    data: opt.NewRows,
    output: opt.Output = None,
    trial: opt.Trial = None,
    ensemble: opt.Ensemble = False,
    unknown: opt.Unknown = "refuse",
    search: opt.SearchName = None,
    directory: opt.Directory = Path("runs"),
) -> None:
    """Predict with the best model of a search, refitted on all rows.

    Example: kt-grid predict neurons --data new.csv --output predictions.csv
    """
    chosen = parse_trial(trial or ())
    store, _ = _open(directory, name, search)
    rows = predict_file(store, data, ensemble=ensemble, unknown=unknown, trial=chosen)
    _write(table_as_csv([*rows]), output)


@app.command()
def evaluate(
    name: opt.Name,
    data: opt.LabelledRows,
    output: opt.Output = None,
    trial: opt.Trial = None,
    unknown: opt.Unknown = "refuse",
    search: opt.SearchName = None,
    directory: opt.Directory = Path("runs"),
) -> None:
    """Score the best model of a search, refitted on all rows, on rows that it has not seen.

    Example: kt-grid evaluate neurons --data new.csv
    """
    chosen = parse_trial(trial or ())
    store, _ = _open(directory, name, search)
    scored = evaluate_file(store, data, unknown=unknown, trial=chosen)
    _write(render_evaluation(data.name, scored), output)


@app.command()
def refit(
    name: opt.Name,
    trial: opt.RefitTrial = None,
    data: opt.RefitRows = None,
    search: opt.SearchName = None,
    directory: opt.Directory = Path("runs"),
) -> None:
    """Train another combination of a search than the best on all rows, to predict with it.

    Example: kt-grid refit neurons --trial simplest
    """
    wanted = parse_trial(trial or ())
    store, experiment = _open(directory, name, search)
    planned = _planned_again(store, experiment, data, trial or ())
    with _waiting("training on all rows"):
        chosen, file = refit_trial(planned, wanted)
    complain(
        f"trial {chosen.trial_id} {chosen.parameters}, trained on all rows: {file}. "
        f"--trial {chosen.trial_id} of kt-grid predict and evaluate takes it"
    )


def _open(directory: Path, name: str, search: str | None) -> tuple[SearchStore, Experiment | None]:
    """Find a search whose models are needed, and load the file that is named, if one is."""
    _load_backend()
    store = find_store(directory, name if search is None else search)
    # The file makes the models, and a saved one may name layers that it registers.
    named = search is not None or Path(name.partition(":")[0]).suffix == ".py"
    return store, load_experiment(name) if named else None


def _planned_again(
    store: SearchStore, experiment: Experiment | None, data: Path | None, trial: Sequence[str]
) -> Plan:
    """The plan of a search that was run, by the command that its search.json holds."""
    origin = read_results(store).about.origin
    if origin is None or not origin.command:
        raise UsageError(
            f"Expected {store.root} to be a search of the command line. Received: one made in "
            "Python. Use the tuner's refit(trial=…) there"
        )
    word, options = _read_command(origin.command)
    if experiment is None:
        if word not in REGISTRY:
            # A search's directory may be anybody's, and can't say which code is run.
            raise UsageError(
                "Expected the file that builds the models, since it is run. Received: only the "
                f"search's name. Run {refit_command(store, trial)}"
            )
        experiment = REGISTRY[word]
    options = replace(
        options,
        directory=store.root.parent,
        name=store.root.name,
        data=options.data if data is None else data,
        grid=parse_grid([*options.words], experiment.grid),
    )
    return plan(experiment, options)


def _read_command(line: str) -> tuple[str, Options]:
    """The experiment and the options of a command line `kt-grid run …`."""
    command = cast(TyperGroup, get_command(app)).commands["run"]
    try:
        words = shlex.split(line)
        given = command.make_context("run", words[words.index("run") + 1 :]).params
    except (ValueError, TyperException) as error:
        raise DamageError(
            f"Expected search.json to hold a command kt-grid run …. Received: {line!r}. "
            "Run the command that began the search again"
        ) from error
    return given["names"][0], options_of(given)


def _experiments(words: list[str], options: Options) -> list[Experiment]:
    # pathlib raises where a word is too long for a name, or no path at all.
    if any(":" in word or os.path.isfile(word) for word in words):  # noqa: PTH113
        # A user's file imports Keras itself, and with it TensorFlow's log would appear.
        _load_backend(options)
    return [load_experiment(word) for word in words]


def _load_backend(options: Options | None = None) -> None:
    """Import TensorFlow, which takes seconds, and copy this process for the workers of a search.

    Args:
        options: How the search is run; None if there is none.
    """
    with _waiting("loading TensorFlow"):
        fresh = import_backend()
    # Out here, where the terminal's spinner has no thread any more.
    if fresh and options and options.racing is None and not options.dry_run:
        fork_spares(spares(options.workers, options.trial_timeout, options.scheduler))
    load_backend()


def _waiting(message: str) -> AbstractContextManager[object]:
    from kt_grid.search.progress import waiting

    return waiting(_console(), message)


def _published(experiment: str, *, must: bool) -> Published:
    """The tutorial's figures; nothing for an experiment that it doesn't have."""
    return published_results(experiment) if must or experiment in REGISTRY else {}


def _tell_unfinished(results: SearchResults) -> None:
    if not results.complete:
        complain(f"{results.experiment}: {results.finished} of {results.total} trials are finished")
    for damage in results.damage:
        complain(damage)
    if results.damage:
        complain("Run the same command again to repair it")


def _zoomed(planned: Plan) -> Plan:
    """The plan with a finer grid, which is told."""
    finer = zoom_into(planned)
    (grid,) = check_grid(finer.grid)
    listed = {axis: values for axis, values in grid.items() if axis not in finer.unlisted}
    axes = " ".join(f"{axis}={','.join(map(str, v))}" for axis, v in listed.items())
    complain(f"{planned.experiment.name}: zoom to {axes}")
    return finer


def _show_plan(planned: Plan) -> None:
    trials = planned.trials()
    for parameters in trials:
        typer.echo({n: v for n, v in parameters.items() if n not in planned.unlisted})
    fits = len(trials) * planned.splits
    most = "at most " if planned.options.only else ""
    typer.echo(f"{count(len(trials), 'trial')}, {most}{count(fits, 'fit')}")
    failure = planned.failure()
    if failure:
        complain(f"a build fails: {failure}")
    trained = planned.trained()
    if trained:
        complain(f"{trained} of these trials are finished already")


def _search(word: str, planned: Plan) -> bool:
    """Run one search and print its results; tell whether a trial failed."""
    quiet = planned.options.quiet
    process.can_resume()
    finished = planned.finished() is not None
    if not finished:
        planned.store.lock.check()
    told = _defaults(planned)
    if told and not quiet:
        complain(told)
    if not finished:
        _load_backend(planned.options)
    observer = Silent() if quiet else _progress(planned.store.root.name)
    results = run_search(planned, observer)
    remember(word, planned, told)
    return _show(results, quiet=quiet)


def _repeat(answer: Answer, options: Options) -> bool:
    """Print once more what a search was answered; tell whether a trial failed."""
    if not options.quiet:
        if answer.told:
            complain(answer.told)
        observer = _progress(answer.results.experiment)
        for note in answer.notes:
            observer.note(note)
    return _show(answer.results, quiet=options.quiet)


def _show(results: SearchResults, *, quiet: bool) -> bool:
    typer.echo(render(results), nl=False)
    _tell_failures(results)
    if not quiet:
        typer.echo(f"\n{render_verdict(results)}", nl=False, err=True)
    return bool(results.failed)


def _defaults(planned: Plan) -> str:
    """What is taken because nothing else was asked for, and which option changes it."""
    options, setup = planned.options, planned.setup
    taken = {
        "epochs": f"{setup.fit.epochs} epochs",
        "batch_size": f"batch size {setup.fit.batch_size}",
        "folds": f"folds {setup.cv!r}" * (options.cv is None and options.folds_from is None),
        "objective": f"objective {setup.objective.name}",
    }
    axes = {axis.name for axis in setup.tree.axes(planned.grid)}
    told = [
        f"{text} ({flag_of(name)})"
        for name, text in taken.items()
        if text and getattr(options, name) is None and name not in axes
    ]
    return f"{planned.store.root.name}: defaults: {', '.join(told)}" if told else ""


def _progress(name: str) -> "Observer":
    from kt_grid.search.progress import TerminalProgress

    return TerminalProgress(name, _console())


def _console() -> "Console":
    from rich.console import Console

    return Console(stderr=True)


def _tell_failures(results: SearchResults) -> None:
    for trial in results.failed:
        complain(f"trial {trial.trial_id} {trial.parameters} failed: {trial.reason}")


def _write(text: str, output: Path | None) -> None:
    if output is None:
        typer.echo(text, nl=False)
    else:
        write_output(output, text)

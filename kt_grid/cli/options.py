"""Arguments of the commands, and those options that aren't a search's, each with its help text."""

from pathlib import Path
from typing import Annotated

import typer

from kt_grid.cli.parameters import parameter
from kt_grid.cli.searches import ALL as ALL
from kt_grid.cli.searches import search_names
from kt_grid.data.encoding import UNKNOWN
from kt_grid.plan.experiments import REGISTRY
from kt_grid.report.formats import describe_formats


def _complete_experiment(incomplete: str) -> list[str]:
    return [name for name in [*REGISTRY, ALL] if name.startswith(incomplete)]


def _complete_search(ctx: typer.Context, incomplete: str) -> list[str]:
    directory = ctx.params.get("directory") or Path("runs")
    names = [*search_names(Path(directory)), ALL]
    return [name for name in names if name.startswith(incomplete)]


Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        autocompletion=_complete_experiment,
        help="Experiments (see kt-grid list), `all`, or my_file.py, my_file.py:build_model, "
        "package.module:Name.",
    ),
]
Name = Annotated[
    str,
    typer.Argument(
        metavar="NAME",
        autocompletion=_complete_search,
        help="A search (see kt-grid list), a path to one, or the file that it came from.",
    ),
]
Searches = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        autocompletion=_complete_search,
        help="Searches (see kt-grid list), paths to them, or `all` for every search of the "
        "directory; several are shown side by side.",
    ),
]
NewFile = Annotated[Path, typer.Argument(metavar="FILE.py", help="The file to write.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Directory = parameter("directory", group="Options")
Yes = Annotated[bool, typer.Option("--yes", help="Don't ask.")]

Style = Annotated[
    str,
    typer.Option("--format", help=describe_formats()),
]
Output = Annotated[
    Path | None, typer.Option("--output", metavar="FILE", help="Write there, not to stdout.")
]
ReportObjective = Annotated[
    str | None,
    typer.Option("--objective", help="Rank by another metric that was recorded, such as val_loss."),
]
ShowPooled = Annotated[
    bool,
    typer.Option(
        "--pooled",
        help="Show the best trial by all held-out rows at once: AUC, threshold, confusion matrix; "
        "needs a run with --keep-predictions.",
    ),
]
ShowPublished = Annotated[
    bool, typer.Option("--published", help="Put the tutorial's figures beside ours.")
]

Watch = Annotated[
    bool,
    typer.Option(
        "--watch",
        help="Follow a running search until it ends: show the report anew every few seconds, or "
        "write it to --output; in a pipe, once at the end.",
    ),
]

NewRows = Annotated[
    Path, typer.Option("--data", metavar="FILE", help="Rows, with or without the target.")
]
LabelledRows = Annotated[
    Path, typer.Option("--data", metavar="FILE", help="Rows with the target's column.")
]
Unknown = Annotated[
    str,
    typer.Option(
        "--unknown",
        metavar="|".join(UNKNOWN),
        autocompletion=lambda incomplete: [w for w in UNKNOWN if w.startswith(incomplete)],
        help="A category that was not there in training: refuse it, or ignore it (zeros in its "
        "one-hot columns).",
    ),
]
Ensemble = Annotated[bool, typer.Option("--ensemble", help="Average the fold models of the trial.")]
_TRIAL_METAVAR = "ID|simplest|AXIS=V"
_TRIAL_HELP = (
    "its id; `simplest`, the one with the fewest weights within one standard error of the best; or "
    "the best one with a value on an axis, repeatable"
)
Trial = Annotated[
    list[str] | None,
    typer.Option(
        "--trial",
        metavar=_TRIAL_METAVAR,
        help=f"Another trial than the best, after kt-grid refit: {_TRIAL_HELP}.",
    ),
]
RefitTrial = Annotated[
    list[str] | None,
    typer.Option(
        "--trial", metavar=_TRIAL_METAVAR, help=f"The trial, default: the best: {_TRIAL_HELP}."
    ),
]
RefitRows = Annotated[
    Path | None,
    typer.Option("--data", metavar="FILE", help="The search's rows, if the file has moved."),
]
SearchName = Annotated[
    str | None,
    typer.Option(
        "--name",
        metavar="SEARCH",
        help="The search's name, if NAME is its file and it was run with --name.",
    ),
]

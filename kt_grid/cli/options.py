"""The options and arguments of the command line, each with its help text."""

from pathlib import Path
from typing import Annotated

import typer

from kt_grid.plan.experiments import REGISTRY
from kt_grid.report.formats import describe_formats
from kt_grid.splitters import CV

ALL = "all"


def _complete_name(incomplete: str) -> list[str]:
    return [name for name in [*REGISTRY, ALL] if name.startswith(incomplete)]


Name = Annotated[
    str, typer.Argument(metavar="NAME", autocompletion=_complete_name, help="An experiment.")
]
Names = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        autocompletion=_complete_name,
        help="Experiments (see kt-grid list), `all`, or my_file.py, my_file.py:build_model, "
        "package.module:Name.",
    ),
]
Searches = Annotated[
    list[str],
    typer.Argument(
        metavar="NAME...",
        autocompletion=_complete_name,
        help="An experiment; several, or `all`, stand side by side.",
    ),
]
NewFile = Annotated[Path, typer.Argument(metavar="FILE.py", help="The file to write.")]
Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.")]
Directory = Annotated[
    Path, typer.Option("--directory", metavar="DIR", help="Where searches are kept.")
]

GridWords = Annotated[
    list[str] | None,
    typer.Option(
        "--grid",
        metavar="AXIS=V1,V2",
        help="Replace an axis or add one; repeatable. batch_size and epochs always can be. Or a "
        "FILE.yaml or FILE.toml of axes, or of a list of grids.",
    ),
]
MaxTrials = Annotated[
    int | None,
    typer.Option("--max-trials", metavar="N", min=1, help="Only the first N of the grid."),
]
Folds = Annotated[
    int | None, typer.Option("--folds", metavar="K", help="Number of folds or splits; 3 if none.")
]
Cv = Annotated[
    str | None,
    typer.Option(
        "--cv",
        metavar="NAME",
        autocompletion=lambda incomplete: [name for name in CV if name.startswith(incomplete)],
        help=f"How rows are split: {', '.join(CV)}. kfold if none, or what --groups and "
        "--folds-from call for.",
    ),
]
Groups = Annotated[
    str | None,
    typer.Option(
        "--groups", metavar="COLUMN", help="Rows of equal value stay together; no feature then."
    ),
]
FoldsFrom = Annotated[
    str | None,
    typer.Option(
        "--folds-from",
        metavar="COLUMN",
        help="The fold in which a row is held out, -1 for never; no feature then.",
    ),
]
TestSize = Annotated[
    float | None,
    typer.Option("--test-size", help="Share or number of rows (or groups) held out in a split."),
]
Gap = Annotated[
    int | None, typer.Option("--gap", help="Rows left out between the sides of a time series.")
]
Repeats = Annotated[
    int, typer.Option("--repeats", help="Passes over all folds, each with fresh seeds.")
]
Seed = Annotated[int, typer.Option("--seed", help="Where every random draw comes from.")]
Data = Annotated[
    Path | None,
    typer.Option(
        "--data", metavar="FILE", help="Rows, as CSV, Parquet or .npz; the Pima data if none."
    ),
]
Separator = Annotated[
    str | None,
    typer.Option("--separator", help="comma, semicolon, tab or pipe; found out if it isn't said."),
]
Header = Annotated[
    bool | None,
    typer.Option(
        "--header/--no-header",
        help="Whether the first line names the columns; found out if it isn't said.",
    ),
]
Encoding = Annotated[str, typer.Option("--encoding", help="The file's, such as latin-1.")]
Encode = Annotated[
    list[str] | None,
    typer.Option(
        "--encode",
        metavar="COLUMN=HOW",
        help="How a column without numbers becomes features: one-hot, ordinal, days (from ISO "
        "dates), text (for the model's own layers) or drop; HOW alone for all of them. Repeatable.",
    ),
]
Missing = Annotated[
    str,
    typer.Option(
        "--missing",
        help="What is done with missing values: refuse, drop (the row), keep (NaN, for the "
        "model's own layers) or a number.",
    ),
]
Target = Annotated[
    str | None,
    typer.Option("--target", metavar="COLUMN", help="Target column; the last if none."),
]
ObjectiveWord = Annotated[
    str | None, typer.Option("--objective", help="Such as val_accuracy or min:val_my_metric.")
]
TrainScores = Annotated[
    bool, typer.Option("--train-scores", help="Score the training rows of every fold too.")
]
KeepPredictions = Annotated[
    bool,
    typer.Option("--keep-predictions", help="Keep every fold's predictions for its held-out rows."),
]
Racing = Annotated[
    str | None,
    typer.Option(
        "--racing",
        metavar="bound|test",
        help="Give up a trial after some folds: bound, once it can't reach the best mean; or "
        "test, once it is worse by a test after each fold (p < 0.05, uncorrected: it may drop "
        "the best one). What is given up isn't ranked.",
    ),
]
SampleWeight = Annotated[
    str | None,
    typer.Option("--sample-weight", metavar="COLUMN", help="Weights of the rows; no feature then."),
]
ClassWeight = Annotated[
    list[str] | None,
    typer.Option(
        "--class-weight",
        metavar="LABEL=WEIGHT|balanced",
        help="Weight of a class, 1 if it isn't named; repeatable. balanced: rows / (classes * "
        "rows of the class).",
    ),
]
EarlyStopping = Annotated[
    int | None,
    typer.Option(
        "--early-stopping",
        metavar="N",
        help="End a training N epochs after its loss on rows held back from the training rows "
        "was best.",
    ),
]
ValidationSplit = Annotated[
    float | None,
    typer.Option(
        "--validation-split",
        metavar="SHARE",
        help="Share of the training rows to hold back; 0.2 with --early-stopping.",
    ),
]
Sample = Annotated[
    float, typer.Option("--sample", metavar="FRACTION", help="Search on a share of the rows.")
]
EngineName = Annotated[str, typer.Option("--engine", help="auto, keras or fused.")]
Workers = Annotated[
    str, typer.Option("--workers", metavar="N", help="Worker processes; auto if none is given.")
]
Scheduler = Annotated[
    str | None,
    typer.Option("--scheduler", metavar="tcp://HOST:PORT", help="Train on a Dask cluster."),
]
TrialTimeout = Annotated[
    float | None,
    typer.Option("--trial-timeout", metavar="SECONDS", help="Give up a trial that takes longer."),
]
Overwrite = Annotated[
    bool, typer.Option("--overwrite", help="Delete the search that is there and begin anew.")
]
Keep = Annotated[
    str, typer.Option("--keep", help="Keep the fold weights of the best trial, or of all.")
]
NoRefit = Annotated[
    bool, typer.Option("--no-refit", help="Don't train the best combination on all rows.")
]
Zoom = Annotated[
    bool,
    typer.Option("--zoom", help="Refine the grid around what can't be told from the best so far."),
]
DryRun = Annotated[
    bool, typer.Option("--dry-run", help="List the trials and count the fits; train nothing.")
]
Quiet = Annotated[bool, typer.Option("--quiet", help="Only results and errors.")]

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
        "if the run kept predictions.",
    ),
]
ShowPublished = Annotated[
    bool, typer.Option("--published", help="Put the tutorial's figures beside ours.")
]

NewRows = Annotated[
    Path, typer.Option("--data", metavar="FILE", help="Rows, with or without the target.")
]
Ensemble = Annotated[
    bool, typer.Option("--ensemble", help="Average the fold models of the best trial.")
]

"""Every option of a search, declared once: its value, its help text, its place on a command line.

The command line's parameters, what a plan reads, the command that runs a search again and the
reference of the documentation are made of these fields.
"""

import shlex
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from pathlib import Path
from typing import Any

from kt_grid.data import Reading, parse_encode, parse_list, parse_separator
from kt_grid.data.reading import ENCODINGS, MISSING
from kt_grid.engines import ENGINES
from kt_grid.plan.experiments import Experiment
from kt_grid.space import Grids, Value, check_grid
from kt_grid.splitters import CV

_OPTION = "option"

# The groups of the help text, in its order, with an example of each.
GROUPS = {
    "Grid": "--grid neurons=5,10 --max-trials 4",
    "Folds": "--cv stratified-kfold --folds 10",
    "Data": "--data adult.csv --target income --encode sex=one-hot --missing drop",
    "Training": "--epochs 50 --batch-size 32 --early-stopping 10",
    "Running": "--workers 4 --trial-timeout 600 --name long",
    "Output": "--keep-predictions --train-scores",
}


@dataclass(frozen=True)
class Option:
    """How the command line tells the value of a field.

    Attributes:
        help: What it does.
        group: The heading under which the help text shows it.
        metavar: What stands for its value in the help text.
        choices: Words that a shell can complete.
        flag: Its name there; by default the field's, with dashes. Two names, divided by a slash,
            stand for yes and no.
        reverses: Whether the flag makes False of a field that is True.
        least: The smallest number.
        repeated: Whether it changes what a search gives, so that the command that runs it again
            has to say it.
    """

    help: str
    group: str
    metavar: str | None = None
    choices: tuple[str, ...] = ()
    flag: str = ""
    reverses: bool = False
    least: int | None = None
    repeated: bool = True


def _option(default: Any, text: str, group: str, **more: Any) -> Any:
    """Declare a field that is an option."""
    return field(default=default, metadata={_OPTION: Option(text, group, **more)})


def _reading(name: str, *default: Any, **more: Any) -> Any:
    """Declare a field that says how the data file is read, as `Reading` describes it.

    Args:
        name: The field's name there.
        *default: Its default here, where a command line writes the value in another way.
        **more: As `Option` has it.
    """
    described = next(f for f in fields(Reading) if f.name == name)
    (usual,) = default or (described.default,)
    return _option(usual, described.metadata["help"], "Data", **more)


@dataclass(frozen=True)
class Options:
    """What a search may be told on the command line.

    Attributes:
        grid: Axes that replace the experiment's or add to them, or a list of dicts in their
            place: what `words` say, beside the experiment's grid.

    All other attributes are options, whose help texts say what they mean.
    """

    grid: Grids = field(default_factory=dict)

    words: tuple[str, ...] = _option(
        (),
        "Replace an axis or add one; repeatable. batch_size and epochs can always be axes. Or a "
        "FILE.yaml or FILE.toml with axes, or with a list of grids.",
        "Grid",
        metavar="AXIS=V1,V2",
        flag="--grid",
    )
    max_trials: int | None = _option(
        None, "Only the first N combinations.", "Grid", metavar="N", least=1
    )
    zoom: bool = _option(
        False,
        "Refine the grid around the trials that are not significantly different from the best.",
        "Grid",
        repeated=False,
    )

    folds: int | None = _option(
        None, "Number of folds or splits; default: 3.", "Folds", metavar="K"
    )
    cv: str | None = _option(
        None,
        f"How rows are split: {', '.join(CV)}. Default: what --groups or --folds-from call for, "
        "else stratified-kfold where the target is classes, else kfold.",
        "Folds",
        metavar="NAME",
        choices=tuple(CV),
    )
    repeats: int = _option(1, "Passes over all folds, each with fresh seeds.", "Folds", metavar="N")
    only: str | None = _option(
        None,
        "Make the passes after the first only for the trials that may be the best after it.",
        "Folds",
        metavar="contenders",
        choices=("contenders",),
    )
    groups: str | None = _option(
        None,
        "Rows with equal values stay in one fold; not used as a feature.",
        "Folds",
        metavar="COLUMN",
    )
    folds_from: str | None = _option(
        None,
        "The fold in which a row is held out, -1 for never; not used as a feature.",
        "Folds",
        metavar="COLUMN",
    )
    test_size: float | None = _option(
        None, "Share or number of rows (or groups) held out in a split.", "Folds", metavar="SIZE"
    )
    gap: int | None = _option(
        None,
        "Rows left out between the two sides of a time series' split.",
        "Folds",
        metavar="N",
    )

    data: Path | None = _option(  # noqa: RUF009 - declares a field, as dataclasses.field does
        None, "Rows, as CSV, Parquet or .npz; default: the Pima data.", "Data", metavar="FILE"
    )
    target: str | None = _option(
        None,
        "Target column, or several of numbers with commas between them; default: the last.",
        "Data",
        metavar="COLUMN",
    )
    separator: str | None = _reading(
        "separator",
        metavar="NAME",
        choices=("comma", "semicolon", "tab", "pipe", "whitespace"),
    )
    header: bool | None = _reading("header", flag="--header/--no-header")
    encoding: str = _reading("encoding", metavar="NAME")
    encode: tuple[str, ...] = _reading("encode", (), metavar="COLUMN=HOW", choices=ENCODINGS)
    missing: str = _reading("missing", metavar="HOW", choices=MISSING)
    na_values: str | None = _reading("na_values", None, metavar="WORD,…")
    zero_is_missing: str | None = _reading("zero_is_missing", None, metavar="COLUMN,…")
    drop: tuple[str, ...] = _reading("drop", metavar="COLUMN")
    decimal: str | None = _reading("decimal", metavar="MARK", choices=(".", ","))
    thousands: str | None = _reading("thousands", metavar="MARK")
    comment: str | None = _reading("comment", metavar="MARK")
    sample: float = _option(1.0, "Search on a share of the rows.", "Data", metavar="FRACTION")

    epochs: int | None = _option(
        None, "Epochs of every training; default: 100.", "Training", metavar="N", least=1
    )
    batch_size: int | None = _option(
        None, "Rows per training step; default: 10.", "Training", metavar="N", least=1
    )
    objective: str | None = _option(
        None,
        "The metric to rank by, such as val_auc or min:val_my_metric; default: val_accuracy if "
        "the model compiles it, else val_loss.",
        "Training",
        metavar="METRIC",
    )
    sample_weight: str | None = _option(
        None, "Weights of the rows; not used as a feature.", "Training", metavar="COLUMN"
    )
    class_weight: tuple[str, ...] = _option(
        (), "Weight of a class; repeatable.", "Training", metavar="LABEL=WEIGHT"
    )
    early_stopping: int | None = _option(
        None,
        "End a training N epochs after its best loss on rows held back from its training rows.",
        "Training",
        metavar="N",
    )
    validation_split: float | None = _option(
        None,
        "Share of the training rows to hold back; default: 0.2 with --early-stopping.",
        "Training",
        metavar="SHARE",
    )
    engine: str = _option(
        "auto",
        "What trains: compiled code (fused), model.fit (keras), or the faster one that serves.",
        "Training",
        metavar="|".join(ENGINES),
        choices=tuple(ENGINES),
    )
    seed: int = _option(7, "Seed of every random draw.", "Training", metavar="N")
    racing: str | None = _option(
        None,
        "Prune trials early: bound, those that can't reach the best mean any more; or test, those "
        "that are significantly worse than the best one on the folds so far, which may prune the "
        "best one. Pruned trials are not ranked.",
        "Training",
        metavar="bound|test",
        choices=("bound", "test"),
    )

    workers: int | str = _option(
        "auto", "Number of worker processes.", "Running", metavar="N", repeated=False
    )
    scheduler: str | None = _option(
        None, "Train on a Dask cluster.", "Running", metavar="tcp://HOST:PORT", repeated=False
    )
    share_gpus: bool = _option(False, "Allow more workers than GPUs.", "Running", repeated=False)
    trial_timeout: float | None = _option(
        None, "End a trial that takes longer.", "Running", metavar="SECONDS", repeated=False
    )
    directory: Path = _option(  # noqa: RUF009 - declares a field, as dataclasses.field does
        Path("runs"), "Where searches are kept.", "Running", metavar="DIR", repeated=False
    )
    name: str | None = _option(
        None,
        "Name of the search, and of its folder; default: the experiment's.",
        "Running",
        metavar="SEARCH",
    )
    overwrite: bool = _option(
        False, "Delete the search that is there and start over.", "Running", repeated=False
    )
    dry_run: bool = _option(
        False, "List the trials and count the fits; train nothing.", "Running", repeated=False
    )

    keep: str = _option(
        "best",
        "Whose fold weights to keep: those of the best trial, or of all.",
        "Output",
        metavar="best|all",
        choices=("best", "all"),
        repeated=False,
    )
    refit: bool = _option(
        True,
        "Don't train the best combination on all rows.",
        "Output",
        flag="--no-refit",
        reverses=True,
        repeated=False,
    )
    train_scores: bool = _option(False, "Score the training rows of every fold too.", "Output")
    keep_predictions: bool = _option(
        False, "Keep the predictions for the held-out rows of every fold.", "Output"
    )
    quiet: bool = _option(False, "Only results and errors.", "Output", repeated=False)

    @cached_property
    def reading(self) -> Reading:
        """How the data file is read."""
        told = {f.name: getattr(self, f.name) for f in fields(Reading) if f.name in declared()}
        told["separator"] = parse_separator(self.separator)
        told["encode"] = parse_encode(self.encode)
        told["na_values"] = parse_list(self.na_values)
        told["zero_is_missing"] = parse_list(self.zero_is_missing)
        return Reading(**told)


def declared() -> Mapping[str, Option]:
    """Return the options by the name of their field, in the order of the help text."""
    return {f.name: f.metadata[_OPTION] for f in fields(Options) if _OPTION in f.metadata}


def flag_of(name: str) -> str:
    """Return an option as the command line names it."""
    return declared()[name].flag or f"--{name.replace('_', '-')}"


def command(experiment: Experiment, options: Options) -> str:
    """Write the command line that runs a search again.

    Args:
        experiment: What was searched.
        options: How.

    Returns:
        A line for a POSIX shell, with the options that aren't the default; without those that
        change nothing in the numbers.
    """
    usual = Options()
    words = [_experiment_word(experiment)]
    for name, option in declared().items():
        value = getattr(options, name)
        if name == "words":
            value = value or tuple(_grid_words(options.grid))
        if option.repeated and value != getattr(usual, name):
            words += _written(flag_of(name), value)
    return shlex.join(["kt-grid", "run", *words])


def _written(flag: str, value: Any) -> list[str]:
    """An option and its value as words of a command line."""
    if isinstance(value, tuple):
        return [word for item in value for word in (flag, str(item))]
    if isinstance(value, bool):
        yes, _, no = flag.partition("/")
        return [yes if value else no]
    return [flag, str(value)]


def _grid_words(grid: Grids) -> Iterator[str]:
    for part in check_grid(grid):
        for name, values in part.items():
            yield f"{name}={','.join(map(_grid_word, values))}"


def _experiment_word(experiment: Experiment) -> str:
    """What names an experiment on the command line."""
    source, name = experiment.source, experiment.name
    if source is None or Path(source).stem == name:
        return source or name
    return f"{source}:{name}"


def _grid_word(value: Value) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

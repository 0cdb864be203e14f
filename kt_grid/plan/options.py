"""What a search may be told, and the command line that tells it so again."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from pathlib import Path

from kt_grid.data import Reading
from kt_grid.plan.experiments import Experiment
from kt_grid.space import Grids, Value, check_grid

# Options that a line says otherwise, or that change nothing in a search's numbers.
_NOT_REPEATED = (
    *("grid", "words", "reading", "directory", "overwrite", "keep", "refit"),
    *("workers", "scheduler", "trial_timeout", "class_weight"),
)

_SEPARATORS = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}


@dataclass(frozen=True)
class Options:
    """What a search may be told on the command line.

    Attributes:
        grid: Axes that replace the experiment's or add to them, or a list of dicts in their place.
        words: The `--grid` words that this grid was read from.
        max_trials: Only the first so many combinations; all by default.
        folds: Number of folds; 3 by default.
        cv: A word that `make_cv` knows; by default what the other options call for.
        repeats: Passes over all folds.
        groups: Column that says which rows stay together; no feature then.
        folds_from: Column that says in which fold a row is held out; no feature then.
        test_size: Share or number of the rows held out in a split, where the splitter heeds it.
        gap: Rows left out between the sides of a time series' split.
        seed: The search's seed.
        sample_weight: Column of the rows' weights; no feature then.
        class_weight: Weights of classes, as `class_weights` reads them.
        early_stopping: Epochs without a better loss on rows held back from the training rows
            after which a training ends; None to train all epochs.
        validation_split: Share of the training rows to hold back.
        data: A CSV, Parquet or .npz file; the Pima data by default.
        target: Its target column; the last by default.
        reading: How to read the file.
        sample: Share of the rows to search on.
        objective: The experiment's by default, and if it has none, what its model compiles.
        engine: What trains.
        workers: Number of worker processes, or "auto".
        scheduler: Address of a Dask scheduler.
        trial_timeout: Seconds that a trial may take.
        directory: Where searches are kept.
        overwrite: Whether a search that is already there is deleted first.
        keep: "best" or "all": whose folds' weights are kept.
        refit: Whether the best combination is trained once more on all rows.
        train_scores: Whether all scores are also computed on the training rows.
        keep_predictions: Whether the predictions for the held-out rows are kept.
        racing: "bound" or "test": when a trial is given up for a better one; never by default.
    """

    grid: Grids = field(default_factory=dict)
    words: tuple[str, ...] = ()
    max_trials: int | None = None
    folds: int | None = None
    cv: str | None = None
    repeats: int = 1
    groups: str | None = None
    folds_from: str | None = None
    test_size: float | None = None
    gap: int | None = None
    seed: int = 7
    sample_weight: str | None = None
    class_weight: tuple[str, ...] = ()
    early_stopping: int | None = None
    validation_split: float | None = None
    data: Path | None = None
    target: str | None = None
    reading: Reading = field(default_factory=Reading)
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
    train_scores: bool = False
    keep_predictions: bool = False
    racing: str | None = None


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
    for word in options.words or _grid_words(options.grid):
        words += ["--grid", word]
    for option in (found.name for found in fields(options) if found.name not in _NOT_REPEATED):
        value = getattr(options, option)
        if value != getattr(usual, option):
            word = f"--{option.replace('_', '-')}"
            words += [word] if value is True else [word, str(value)]
    for word in options.class_weight:
        words += ["--class-weight", word]
    words += _reading_words(options.reading)
    return shlex.join(["kt-grid", "run", *words])


def _reading_words(reading: Reading) -> Iterator[str]:
    """The options that say how the data file is read."""
    usual = Reading()
    for name in ("separator", "encoding", "missing"):
        if getattr(reading, name) != getattr(usual, name):
            yield from (f"--{name}", _SEPARATORS.get(value := getattr(reading, name), value))
    if reading.header is not None:
        yield "--header" if reading.header else "--no-header"
    for column, how in reading.encode.items():
        yield from ("--encode", f"{column}={how}" if column else how)


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

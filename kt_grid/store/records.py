"""What is written of a search, of each training and of the refit: the types of the JSON files.

A file's names are those of a record's fields, in their order. Each file is read once, against
these types (`typed.py`), so that nobody else has to doubt what it says.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Annotated, Any, Literal

from kt_grid.errors import GridError, UsageError
from kt_grid.space import Axis, Condition, DecisionTree, Grids, from_json
from kt_grid.store.files import checksum
from kt_grid.store.typed import (
    Count,
    FieldError,
    Name,
    Value,
    Within,
    json_name,
    json_names,
    read_typed,
)

KEEP = ("all", "best")
FORMAT = 1
MOST_SPLITS = 100_000
MOST_AXES = 200

_GROWING = ("cv", "folds", "splits")

Splits = Annotated[int, Within(1, MOST_SPLITS)]
Seconds = Annotated[float, Within(0, 1e12)]
Rows = Annotated[int, Within(1, 2**48)]
# Whose squares can still be added up.
Figure = Annotated[float, Within(-1e100, 1e100)]


def _to_json(record: Any) -> dict[str, Any]:
    """A record's fields as plain JSON values."""
    return {json_name(entry): _plain(getattr(record, entry.name)) for entry in fields(record)}


def _plain(value: Any) -> Any:
    if isinstance(value, tuple | list):
        return [_plain(part) for part in value]
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    return value.to_json() if hasattr(value, "to_json") else value


@dataclass(frozen=True)
class Identity:
    """What makes a search the same search: two of equal identity give equal numbers.

    The grid is no part of it: a grid may grow or shrink.

    Attributes:
        objective: What is optimised, such as `max:val_accuracy`.
        cv: The splitter, in Python's spelling.
        folds: Trainings per trial: the folds of all repeats.
        rows: Rows of the data.
        data: Digest of the data.
        splits: Digests of the splits.
        scores: Digests of the functions that score, by objective.
        train_scores: Whether the training rows are scored too.
        predictions: Whether held-out predictions are kept.
        precision: Keras's dtype policy, if it isn't float32.
        seed: Where every random draw comes from.
        fit: The arguments of the training.
        model_source: Digest of the source of what builds the models.
        engine: What trains, as it was asked for.
    """

    objective: Name
    cv: str = ""
    folds: Splits = field(kw_only=True)
    rows: Rows | None = None
    data: str = ""
    splits: Annotated[tuple[str, ...], Within(0, MOST_SPLITS)] = ()
    scores: Mapping[str, str] = field(default_factory=dict)
    train_scores: bool = False
    predictions: bool = False
    precision: str = ""
    seed: int = field(kw_only=True)
    fit: Mapping[str, Any] = field(default_factory=dict)
    model_source: str = field(default="", metadata={"name": "model source"})
    engine: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the entries of search.json that must agree, without those that say nothing."""
        entries = _to_json(self).items()
        # By what is in it a search is known, so what isn't asked for mustn't be.
        return {name: value for name, value in entries if value or type(value) is int}

    @property
    def fingerprints(self) -> "Fingerprints":
        """The fingerprints of the records that belong to the search."""
        entries = self.to_json().items()
        fixed = {name: value for name, value in entries if name not in _GROWING}
        return Fingerprints(checksum(fixed), self.splits)

    def difference(self, wanted: "Identity") -> str | None:
        """Name the first entry in which a search that is wanted differs from this one.

        More splits or fewer are no difference, as long as those that both have are the same.

        Returns:
            Some words with both its values; None if there is no difference.
        """
        shared = min(len(self.splits), len(wanted.splits))
        grown = shared > 0 and self.splits[:shared] == wanted.splits[:shared]
        there, asked_for = self.to_json(), wanted.to_json()
        for name in dict.fromkeys((*asked_for, *there)):
            pair = there.get(name), asked_for.get(name)
            if pair[0] != pair[1] and not (grown and name in _GROWING):
                return f"another {name}, {_brief(pair[0])} there, {_brief(pair[1])} asked for"
        return None


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


@dataclass(frozen=True)
class Fingerprints:
    """What tells to which search a record belongs, whatever else says so is lost.

    Attributes:
        search: Of what makes it this search, but for the splits; empty if unknown.
        splits: Digests of the splits.
    """

    search: str = ""
    splits: tuple[str, ...] = ()

    def of_fold(self, split: int) -> str:
        """Return the fingerprint of the records of one split, which counts in it."""
        if split >= len(self.splits):
            return self.search
        return checksum({"search": self.search, "split": self.splits[split]})

    def all(self) -> set[str]:
        """Return all fingerprints that records of the search may have."""
        return {self.search, *(self.of_fold(split) for split in range(len(self.splits)))}


def _read_axes(value: Any, path: str) -> tuple[Axis, ...]:
    """The grid; each axis has values, each of them once."""
    axes = read_typed(_Grid, {path: value}).grid
    for number, axis in enumerate(axes):
        if len({json.dumps(value) for value in axis.values}) != len(axis.values):
            raise FieldError(f"{path}.{number}.values: expected each value once")
    return tuple(
        Axis(
            axis.name,
            from_json([*axis.values]),
            tuple(Condition(c.parent, from_json([*c.values])) for c in axis.conditions),
            axis.part,
        )
        for axis in axes
    )


def _read_asked(value: Any, path: str) -> Any:
    """The grid that was asked for, as it is in the file: that is what another is compared with."""
    for part in value if isinstance(value, list) else [value]:
        read_typed(_Asked, {path: part})
    return value


@dataclass(frozen=True)
class _Asked:
    asked: Mapping[str, tuple[Value, ...]]


@dataclass(frozen=True)
class _Condition:
    parent: Name
    values: tuple[Value, ...]


@dataclass(frozen=True)
class _Axis:
    name: Name
    values: Annotated[tuple[Value, ...], Within(1, 1_000_000)]
    conditions: tuple[_Condition, ...] = ()
    part: Annotated[int, Within(0, 1_000_000)] | None = None


@dataclass(frozen=True)
class _Grid:
    grid: Annotated[tuple[_Axis, ...], Within(0, MOST_AXES)]


@dataclass(frozen=True)
class SplitFacts:
    """What the splits and the targets say before anything is trained.

    Attributes:
        split_rows: Rows that train and rows that are held out, by split.
        fresh_folds: Whether each repeat holds out other rows than the first.
        baseline: By split, what always answering the training rows' majority class scores, or
            their mean where the objective is no accuracy; None if neither has a meaning.
    """

    split_rows: Annotated[tuple[tuple[Rows, Rows], ...], Within(0, MOST_SPLITS)] = ()
    fresh_folds: bool = False
    baseline: Annotated[tuple[float, ...], Within(0, MOST_SPLITS)] | None = None

    @property
    def test_rows(self) -> tuple[int, ...]:
        """Rows held out, by split; nothing if that is unknown."""
        return tuple(test for _, test in self.split_rows)


@dataclass(frozen=True)
class Origin:
    """Where the rows and the model of a search from the command line come from.

    Attributes:
        command: The command line that runs it.
        file: The file of the model; None for one of kt-grid's own.
        source: Where the rows come from.
        sample: Share of the rows that is used.
        features: Names of the columns that are features; None if unknown.
        target: Name of the target's column.
        target_column: Its number.
        encoders: How columns become features, as JSON objects.
        reading: How the data file is read, as a JSON object.
    """

    command: str | None = None
    file: str | None = None
    source: str | None = None
    sample: Annotated[float, Within(0, 1)] = 1.0
    features: tuple[str, ...] | None = None
    target: str | None = None
    target_column: Annotated[int, Within(-1, 2**31)] | None = None
    encoders: tuple[Mapping[str, Any], ...] = ()
    reading: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Contenders:
    """Which trials have all passes, and which only the first, after which they were worse.

    Attributes:
        kept: Ids of those that may be the best.
        dropped: Ids of those that are significantly worse.
    """

    kept: tuple[Name, ...]
    dropped: tuple[Name, ...]

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON values."""
        return _to_json(self)


@dataclass(frozen=True)
class SearchRecord:
    """What search.json says.

    Attributes:
        experiment: The search's name.
        identity: What makes the search the same search.
        grid: The axes, as far as they are known.
        asked: The axes that were asked for, as JSON values: lists by name, or a list of such.
        unlisted: Axes of one value for all trials, which reports don't list.
        max_trials: At most so many combinations; None for all.
        versions: Versions of Python and of the packages that numbers depend on, by name.
        repeats: Passes over all folds.
        labels: Names of the classes 0, 1, ….
        splits: What the splits say.
        origin: Where rows and model come from; nothing is known of a search from Python.
        racing: Kind of race; None if no trial is pruned.
        contenders: Which trials have more than the first pass; None if that isn't limited.
        builds: What the builds of the user's model ask for and compile, and the code that this
            holds for, as JSON values; empty for a network of kt-grid's own.
        extra: What else somebody wanted to have said, by name.
        fingerprint: Of the identity, as the file has it; empty before it is written.
    """

    grid: tuple[Axis, ...] = field(metadata={"read": _read_axes})
    asked: Any = field(default_factory=dict, kw_only=True, metadata={"read": _read_asked})
    unlisted: tuple[str, ...] = field(default=(), kw_only=True)
    max_trials: Annotated[int, Within(1, 2**62)] | None = field(default=None, kw_only=True)
    versions: Mapping[str, str] = field(default_factory=dict, kw_only=True)
    experiment: str
    repeats: Splits
    labels: tuple[str, ...] = ()
    splits: SplitFacts | None = field(default=None, metadata={"flat": SplitFacts})
    origin: Origin | None = field(default=None, metadata={"flat": Origin})
    racing: str | None = None
    contenders: Contenders | None = None
    builds: Mapping[str, Any] = field(default_factory=dict)
    extra: Mapping[str, Any] = field(default_factory=dict)
    identity: Identity = field(kw_only=True, metadata={"flat": Identity})
    fingerprint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the entries of search.json."""
        return {
            "format": FORMAT,
            "grid": [axis.to_json() for axis in self.grid],
            "asked": _plain(self.asked),
            **({"unlisted": [*self.unlisted]} if self.unlisted else {}),
            "max_trials": self.max_trials,
            "versions": dict(self.versions),
            "experiment": self.experiment,
            "repeats": self.repeats,
            "labels": [*self.labels],
            **(_to_json(self.splits) if self.splits else {}),
            **(_to_json(self.origin) if self.origin else {}),
            **({"racing": self.racing} if self.racing else {}),
            **({"contenders": self.contenders.to_json()} if self.contenders else {}),
            **({"builds": _plain(self.builds)} if self.builds else {}),
            **self.extra,
            **self.identity.to_json(),
            "fingerprint": self.fingerprints.search,
        }

    @classmethod
    def from_json(cls, entry: Mapping[str, Any]) -> "SearchRecord":
        """Read what `to_json` returned.

        Raises:
            FieldError: If an entry is missing, or isn't what it has to be.
        """
        written = entry.get("format")
        if type(written) is not int or written != FORMAT:
            raise FieldError(f"format: expected {FORMAT}, received {written!r:.40}")
        record = read_typed(cls, entry)
        baseline = record.splits.baseline if record.splits else None
        if baseline is not None and len(baseline) != record.identity.folds:
            raise FieldError(f"baseline: expected one for each of {record.identity.folds} folds")
        known = {*_NAMES, "format"}
        if record.builds:
            record.combinations_tree()
        extra = {name: value for name, value in entry.items() if name not in known}
        return replace(record, extra=read_typed(_Extra, {"extra": extra}).extra)

    @property
    def stated(self) -> Grids:
        """The axes that were asked for, or a list of such dicts."""
        parts = self.asked if isinstance(self.asked, list) else [self.asked]
        read = [{name: from_json(values) for name, values in part.items()} for part in parts]
        return read if isinstance(self.asked, list) else read[0]

    @property
    def training(self) -> dict[str, Any]:
        """The arguments of the training, but for those that are axes of the trials."""
        axes = {axis.name: axis.values for axis in self.grid}
        common = {name: axes[name][0] for name in self.unlisted if name in axes}
        fit = {name: value for name, value in self.identity.fit.items() if name not in axes}
        return {**fit, **common}

    def combinations_tree(self) -> DecisionTree | None:
        """Return what the builds ask for; None where the axes say it all.

        Raises:
            FieldError: If it can't be read.
        """
        if not self.builds:
            return None
        try:
            return DecisionTree.from_json(self.builds["tree"])
        except (LookupError, TypeError, GridError) as error:
            raise FieldError(f"builds.tree: {error}") from None

    def with_entries(self, entries: Mapping[str, Any]) -> "SearchRecord":
        """Return the record with further entries, of which none changes the identity.

        Raises:
            UsageError: If one has another type than search.json needs.
        """
        plain = json.loads(json.dumps(entries))
        present = {name: value for name, value in self.to_json().items() if name != "fingerprint"}
        try:
            return self.from_json({**present, **plain, **self.identity.to_json()})
        except FieldError as error:
            message = f"Expected entries that search.json can hold. Received: {error}"
            raise UsageError(message) from None

    @property
    def fingerprints(self) -> Fingerprints:
        """The fingerprints of the records that belong to the search."""
        known = self.identity.fingerprints
        return replace(known, search=self.fingerprint) if self.fingerprint else known


_NAMES = json_names(SearchRecord)


@dataclass(frozen=True)
class _Extra:
    extra: Mapping[str, Any]


@dataclass(frozen=True)
class FoldRecord:
    """What one training on one split gave.

    Attributes:
        split: Number of the split, from 0.
        parameters: The trial's parameters.
        seed: Seed of the training.
        scores: Metrics on the held-out rows, named with `val_`.
        epochs: Epochs trained.
        seconds: Wall time of the training and scoring.
        engine: What trained it.
        size: How many numbers the model consists of, trained or not; None if unknown.
        steps: Optimizer steps taken; None if unknown.
        weights: Digest of the file of weights; empty if there is none.
        search: Fingerprint of the search that it belongs to.
        model: Fingerprint of the model as it was built; empty if unknown.
        versions: Versions of Python and of the packages that trained it, by name; empty if
            unknown.
    """

    split: Annotated[int, Within(0, MOST_SPLITS)]
    parameters: dict[str, Value]
    seed: int
    scores: dict[str, Figure]
    epochs: Count
    seconds: Seconds
    engine: str
    size: Count | None = None
    steps: Count | None = None
    weights: str = ""
    search: str = ""
    model: str = ""
    versions: Mapping[str, str] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """Return the entries of its file."""
        return _to_json(self)


@dataclass(frozen=True)
class RefitRecord:
    """How the refitted model came about.

    Attributes:
        trial_id: The trial whose combination was trained on all rows.
        parameters: Its parameters, as JSON has them.
        seed: Seed of the training.
        identity: The search's.
        model: Digest of the model's file.
    """

    trial_id: Name
    parameters: Mapping[str, Value]
    seed: int
    identity: Identity = field(metadata={"read": lambda value, at: read_typed(Identity, value, at)})
    model: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the entries of refit.json."""
        return _to_json(self)


@dataclass(frozen=True)
class Observation:
    """One value of a metric in trial.json, in keras-tuner's form."""

    value: Annotated[tuple[Figure, ...], Within(1, MOST_SPLITS)]


@dataclass(frozen=True)
class MetricHistory:
    """All values of a metric in trial.json; kt-grid writes one each."""

    observations: Annotated[tuple[Observation, ...], Within(1, MOST_SPLITS)]


@dataclass(frozen=True)
class TrialMetrics:
    """The metrics of trial.json, by name."""

    metrics: Mapping[str, MetricHistory]


@dataclass(frozen=True)
class Declaration:
    """A hyperparameter that a trial's model declares, in keras-tuner's form."""

    class_name: Literal["Fixed", "Choice", "Int", "Float", "Boolean"]
    config: Mapping[str, Any]


@dataclass(frozen=True)
class TrialParameters:
    """A trial's hyperparameters in keras-tuner's form.

    Attributes:
        values: Values by name.
        space: What the model declares.
    """

    values: Mapping[str, Value]
    space: Annotated[tuple[Declaration, ...], Within(0, MOST_AXES)] = ()


@dataclass(frozen=True)
class TrialRecord:
    """What trial.json says: the state of a trial, as keras-tuner keeps it.

    Attributes:
        trial_id: The trial's id.
        hyperparameters: Its parameters.
        status: keras-tuner's word.
        metrics: Its metrics.
        score: The objective's mean.
        best_step: What keras-tuner calls so.
        message: Why it failed or was given up.
        search: Fingerprint of the search that it belongs to.
    """

    trial_id: Name
    hyperparameters: TrialParameters
    status: Literal["RUNNING", "IDLE", "INVALID", "STOPPED", "COMPLETED", "FAILED"]
    metrics: TrialMetrics = TrialMetrics({})
    score: float | None = None
    best_step: int | None = None
    message: str | None = None
    search: str = ""


def check_keep(keep: str) -> str:
    """Return a word that says whose weights to keep, or refuse any other.

    Raises:
        UsageError: If it isn't one of `KEEP`.
    """
    if keep not in KEEP:
        raise UsageError(f"Expected keep to be one of {', '.join(KEEP)}. Received: {keep!r}")
    return keep

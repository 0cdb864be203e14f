"""What the files of a trial say, and which of them aren't whole.

The records of the folds are the source of truth. trial.json sums them up for keras-tuner; its
scores stand in for those of a record that is gone until that fold is trained again.
"""

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from kt_grid.space import Parameters, from_json
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import read_sealed
from kt_grid.store.layout import TRIAL
from kt_grid.store.records import FoldRecord, TrialRecord
from kt_grid.store.typed import FieldError, read_typed

COMPLETED = "COMPLETED"
FAILED = "FAILED"
RUNNING = "RUNNING"
STOPPED = "STOPPED"
_MOST_TOLD = 10

_Number = TypeVar("_Number", int, float)


@dataclass(frozen=True)
class TrialFiles:
    """What is known of a trial from its files.

    Attributes:
        trial_id: Its id.
        state: What trial.json says, if it can be trusted.
        records: The records of its folds that are whole, by split.
        splits: How many there are if it is completed.
        damaged: The files that aren't whole.
    """

    trial_id: str
    state: Mapping[str, Any] | None
    records: Mapping[int, FoldRecord]
    splits: int
    damaged: tuple[Path, ...]

    @property
    def parameters(self) -> Parameters | None:
        """Its parameters; None if no file tells."""
        if self.state is not None:
            return _parameters(self.state["hyperparameters"]["values"])
        return next((_parameters(record.parameters) for record in self.records.values()), None)

    @property
    def has_all_folds(self) -> bool:
        """Whether every fold's record is whole."""
        return 0 < len(self.records) == self.splits

    @property
    def status(self) -> str:
        """keras-tuner's word: COMPLETED, FAILED, RUNNING, or STOPPED if it was given up."""
        if self.state is not None:
            return str(self.state["status"])
        return COMPLETED if self.has_all_folds else RUNNING

    @property
    def message(self) -> str:
        """Why it failed or was given up, if it did or was."""
        return str((self.state or {}).get("message") or "")

    def scores(self, metric: str) -> tuple[float, ...]:
        """Return a completed trial's scores by split."""
        told = {split: record.scores[metric] for split, record in self.records.items()}
        if self.state is not None:
            told = {**_scores(self.state, metric, self.splits), **told}
        return tuple(told[split] for split in range(self.splits))

    def partial_scores(self, metric: str) -> tuple[float | None, ...]:
        """Return the scores by split, as far as they are there."""
        scores = {split: record.scores.get(metric) for split, record in self.records.items()}
        return tuple(scores.get(split) for split in range(self.splits))

    def train_scores(self, metric: str) -> tuple[float, ...]:
        """Return the scores on the training rows by split; nothing if a record lacks one."""
        name = f"train_{metric.removeprefix('val_')}"
        return self._of_all(lambda record: record.scores.get(name))

    @property
    def epochs(self) -> tuple[int, ...]:
        """Epochs of each training by split; nothing if a record is missing."""
        return self._of_all(lambda record: record.epochs)

    @property
    def versions(self) -> tuple[Mapping[str, str], ...]:
        """Versions of the packages that trained each fold whose record is there, by split."""
        return tuple(self.records[split].versions for split in sorted(self.records))

    @property
    def seconds(self) -> tuple[float, ...]:
        """Wall time of each training by split; nothing if a record is missing."""
        return self._of_all(lambda record: record.seconds)

    @property
    def steps(self) -> int | None:
        """Optimizer steps of all trainings; None if a record doesn't say it."""
        known = self._of_all(lambda record: record.steps)
        return sum(known) if known else None

    @property
    def size(self) -> int | None:
        """Numbers that the model consists of; None if no record says it."""
        return next((record.size for record in self.records.values()), None)

    def _of_all(self, part: Callable[[FoldRecord], _Number | None]) -> tuple[_Number, ...]:
        """One value per split; nothing if one is unknown."""
        found = [part(self.records[split]) for split in sorted(self.records)]
        known = tuple(value for value in found if value is not None)
        return known if len(known) == self.splits else ()


def read_trials(store: SearchStore, splits: int, metric: str) -> Iterator[TrialFiles]:
    """Read the files of all trials, in the order of their ids.

    Args:
        store: The search's directory.
        splits: Trainings per trial; 0 where there are no records of folds.
        metric: The objective's name.

    Yields:
        One item per trial that was begun.
    """
    for trial_id in store.trial_ids():
        files = _read(store, trial_id, splits, metric)
        if files.damaged:
            # A search may have written between two looks at the same file.
            files = _read(store, trial_id, splits, metric)
        if files.state is not None or files.records or files.damaged:
            yield files


def trial_metrics(metric: str, records: Mapping[int, FoldRecord]) -> dict[str, float]:
    """Sum up a trial's folds for trial.json.

    Args:
        metric: The objective's name.
        records: The records by split.

    Returns:
        The mean over the folds of every metric under its own name, and of the objective also
        the standard deviation (ddof=0) and every fold's score.
    """
    common = set.intersection(*(set(record.scores) for record in records.values()))
    summaries = {
        name: summarise({split: record.scores[name] for split, record in records.items()})
        for name in sorted(common)
    }
    return {
        **{name: mean for name, (mean, _) in summaries.items()},
        f"{metric}_std": summaries[metric][1],
        **{score_name(metric, split): records[split].scores[metric] for split in sorted(records)},
    }


def summarise(scores: Mapping[int, float]) -> tuple[float, float]:
    """Return the mean and the standard deviation (ddof=0) of scores by split."""
    values = np.array([scores[split] for split in sorted(scores)], dtype=np.float64)
    return float(values.mean()), float(values.std())


def score_name(objective: str, split: int) -> str:
    """Name a split's score among the metrics in trial.json."""
    return f"split{split}_{objective}"


def _read(store: SearchStore, trial_id: str, splits: int, metric: str) -> TrialFiles:
    state = _checked(store.read_trial(trial_id), splits, metric)
    there = [split for split in store.fold_numbers(trial_id) if split < splits]
    found = [store.read_fold(trial_id, split) for split in there]
    records = _agreeing([r for r in found if r is not None and metric in r.scores], state)
    status = None if state is None else state["status"]
    damaged = [
        store.fold_file(trial_id, split)
        for split in (range(splits) if status == COMPLETED else there if status != FAILED else ())
        if split not in records
    ]
    if status == COMPLETED and any(
        record.scores[metric] != _scores(state or {}, metric, splits)[split]
        for split, record in records.items()
    ):
        state = None
    path = store.trial_file(trial_id)
    if state is None and (path.exists() or records or damaged):
        damaged.insert(0, path)
    return TrialFiles(trial_id, state, records, splits, tuple(damaged))


def _checked(state: Mapping[str, Any] | None, splits: int, metric: str) -> Mapping[str, Any] | None:
    """A trial's state, if it is one, and has the scores that a completed trial has."""
    if state is None or _fault(TrialRecord, state):
        return None
    if state["status"] == COMPLETED:
        named = _scores_by_name(state)
        if splits and score_name(metric, splits - 1) not in named:
            # More splits are asked for than when it was completed.
            return {**state, "status": RUNNING} if score_name(metric, 0) in named else None
        if not all(score_name(metric, split) in named for split in range(splits)):
            return None
    return state


def _fault(kind: type, entry: Mapping[str, Any]) -> str:
    """Which field of a file isn't what it has to be, if one isn't."""
    try:
        read_typed(kind, entry)
    except FieldError as error:
        return str(error)
    return ""


def _agreeing(
    records: Sequence[FoldRecord], state: Mapping[str, Any] | None
) -> dict[int, FoldRecord]:
    """The records that belong to the trial's parameters, or else to those of the first one."""
    values = state["hyperparameters"]["values"] if state is not None else None
    values = records[0].parameters if values is None and records else values
    return {record.split: record for record in records if _agree(record.parameters, values or {})}


def _agree(some: Mapping[str, Any], others: Mapping[str, Any]) -> bool:
    """Whether no parameter differs; one that is met late may be missing in the first record."""
    return all(others.get(name, value) == value for name, value in some.items())


def _scores(state: Mapping[str, Any], metric: str, splits: int) -> dict[int, float]:
    metrics = _scores_by_name(state)
    return {
        split: float(metrics[score_name(metric, split)]["observations"][0]["value"][0])
        for split in range(splits)
    }


def _scores_by_name(state: Mapping[str, Any]) -> Mapping[str, Any]:
    named: Mapping[str, Any] = state["metrics"]["metrics"]
    return named


def _parameters(values: Mapping[str, Any]) -> Parameters:
    """Parameters out of JSON, whose lists stand for tuples."""
    return {name: from_json(value) for name, value in values.items()}


def tell(files: Sequence[Path]) -> str:
    """Name files of a trial, and say of each what is wrong."""
    more = f" and {len(files) - _MOST_TOLD} more" if len(files) > _MOST_TOLD else ""
    return ", ".join(map(_told, files[:_MOST_TOLD])) + more


def _told(path: Path) -> str:
    file = f"{path.parent.name}/{path.name}"
    if not os.path.lexists(path):
        return f"{file} is missing"
    entry = read_sealed(path)
    kind = TrialRecord if path.name == TRIAL else FoldRecord
    fault = "" if entry is None else _fault(kind, entry)
    return f"{file} is damaged" + (f" ({fault})" if fault else "")

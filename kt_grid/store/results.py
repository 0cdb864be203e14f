"""A search's directory becomes results, without TensorFlow."""

import bisect
import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from kt_grid.errors import DamageError, ObjectiveError, StoreError
from kt_grid.space import Axis, Parameters, axis_names
from kt_grid.space.objective import Objective, parse_objective
from kt_grid.space.ranking import RankKey, rank_key
from kt_grid.store.directory import SearchStore
from kt_grid.store.layout import IDENTITY
from kt_grid.store.order import GridOrder
from kt_grid.store.records import SearchRecord
from kt_grid.store.trials import COMPLETED as COMPLETED
from kt_grid.store.trials import FAILED as FAILED
from kt_grid.store.trials import STOPPED as STOPPED
from kt_grid.store.trials import TrialFiles, read_trials, summarise, tell

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True)
class TrialResult:
    """What is known of one trial.

    Attributes:
        trial_id: The trial's id.
        parameters: Its parameters, in grid order.
        status: keras-tuner's word: COMPLETED, FAILED, RUNNING, or STOPPED if it was given up.
        scores: The objective by split; empty unless completed.
        mean: Mean of the scores; None unless completed.
        std: Their standard deviation, ddof=0; None unless completed.
        rank: 1 is best, equal means share a rank; None unless completed.
        train_scores: The objective on the training rows by split, where that was wanted.
        fold_seconds: Wall time of each training by split; empty where a record is missing.
        reason: Why it failed or was given up, on one line.
        weights: Numbers that the model consists of; None where a record doesn't say it.
        steps: Optimizer steps of all trainings; None where a record doesn't say it.
        epochs: Epochs of each training by split; empty where a record is missing.
        partial_scores: Of a trial that was given up, the objective by split, None where it wasn't
            trained; empty otherwise.
        versions: By split that has a record, the versions of the packages that trained it; an
            empty mapping where the record doesn't say it.
        rank_key: What it is ranked by: larger is better; None unless completed.
    """

    trial_id: str
    parameters: Parameters
    status: str
    scores: tuple[float, ...] = ()
    train_scores: tuple[float, ...] = ()
    mean: float | None = None
    std: float | None = None
    rank: int | None = None
    fold_seconds: tuple[float, ...] = ()
    reason: str | None = None
    weights: int | None = None
    steps: int | None = None
    epochs: tuple[int, ...] = ()
    partial_scores: tuple[float | None, ...] = ()
    versions: tuple[Mapping[str, str], ...] = ()
    rank_key: RankKey | None = None

    @property
    def fit_seconds(self) -> float | None:
        """Wall time of all trainings; None where a record is missing."""
        return sum(self.fold_seconds) if self.fold_seconds else None

    @property
    def fit_time(self) -> tuple[float, float] | tuple[None, None]:
        """Mean and standard deviation (ddof=0) of the wall time of a training."""
        return summarise(dict(enumerate(self.fold_seconds))) if self.fold_seconds else (None, None)

    @property
    def standing(self) -> str:
        """The status in plain words."""
        return "pruned" if self.status == STOPPED else self.status.lower()

    @property
    def first_scores(self) -> list[float]:
        """The scores of a trial that was given up, before the first that is missing."""
        known = itertools.takewhile(lambda score: score is not None, self.partial_scores)
        return [score for score in known if score is not None]

    def fold_scores(self, splits: int) -> tuple[float | None, ...]:
        """Return what is known of the scores of some splits, one item each."""
        return self.scores or self.partial_scores or (None,) * splits


@dataclass(frozen=True)
class SearchResults:
    """What is known of a search.

    Attributes:
        experiment: Its name.
        objective: What is optimised.
        splits: Trainings per trial.
        repeats: Passes over all folds.
        seed: The search's seed.
        axes: The grid.
        trials: All trials begun, in grid order.
        total: Number of combinations of the grid.
        about: What search.json says.
        damage: What isn't whole in the directory, by file; what is, is shown all the same.
    """

    experiment: str
    objective: Objective
    splits: int
    repeats: int
    seed: int
    axes: tuple[Axis, ...]
    trials: tuple[TrialResult, ...]
    total: int
    about: SearchRecord
    damage: tuple[str, ...] = ()

    @property
    def folds(self) -> int:
        """Folds of one pass over the rows."""
        return self.splits // self.repeats

    @property
    def fresh_folds(self) -> bool:
        """Whether each repeat holds out other rows than the first; False if nobody knows."""
        known = self.about.splits
        return not self.has_repeats or (known is not None and known.fresh_folds)

    @property
    def has_repeats(self) -> bool:
        """Whether the splits are several passes over equally many folds."""
        return self.repeats > 1 and self.splits % self.repeats == 0

    @property
    def baseline(self) -> tuple[float, ...] | None:
        """By split, what always giving the same answer scores; None if that isn't known.

        The answer is the most frequent class of the training rows, or their mean.
        """
        own = str(self.objective) == self.about.identity.objective
        return self.about.splits.baseline if self.about.splits and own else None

    @property
    def stops_early(self) -> bool:
        """Whether trainings may have ended by themselves: so it was asked for, or so it looks."""
        asked_for = bool(self.about.identity.fit.get("early_stopping"))
        return asked_for or any(len(set(trial.epochs)) > 1 for trial in self.trials)

    @property
    def versions(self) -> tuple[Mapping[str, str], ...]:
        """The different sets of versions of packages that trained the trials' folds.

        More than one set says that the figures come from different packages. Records of version
        0.1.0 don't tell theirs, which makes an empty set: of these, `about.versions` says what
        began the search.
        """
        known = (versions for trial in self.trials for versions in trial.versions)
        return tuple({tuple(sorted(each.items())): each for each in known}.values())

    @property
    def completed(self) -> list[TrialResult]:
        """The trials that have a score."""
        return [trial for trial in self.trials if trial.status == COMPLETED]

    @property
    def failed(self) -> list[TrialResult]:
        """The trials that can have none."""
        return [trial for trial in self.trials if trial.status == FAILED]

    @property
    def given_up(self) -> list[TrialResult]:
        """The trials that weren't trained on all folds, because they could hardly win."""
        return [trial for trial in self.trials if trial.status == STOPPED]

    @property
    def finished(self) -> int:
        """Number of trials that are completed, failed or given up."""
        return len(self.completed) + len(self.failed) + len(self.given_up)

    @property
    def complete(self) -> bool:
        """Whether every combination of the grid is completed, failed or given up."""
        return self.finished == self.total

    @property
    def best(self) -> TrialResult | None:
        """The first trial of rank 1 in grid order."""
        return next((trial for trial in self.trials if trial.rank == 1), None)

    def to_frame(self) -> "pd.DataFrame":
        """Return one row per trial begun, with scikit-learn's column names."""
        import pandas as pd

        columns = list(self._row(TrialResult("", {}, "")))
        return pd.DataFrame([self._row(trial) for trial in self.trials], columns=columns)

    def _row(self, trial: TrialResult) -> dict[str, Any]:
        nothing = float("nan")
        scores = (nothing if s is None else s for s in trial.fold_scores(self.splits))
        seconds, spread = (nothing if time is None else time for time in trial.fit_time)
        return {
            "trial_id": trial.trial_id,
            "status": trial.status,
            "params": trial.parameters,
            **{f"param_{name}": trial.parameters.get(name) for name in axis_names(self.axes)},
            **{f"split{i}_test_score": score for i, score in enumerate(scores)},
            "mean_test_score": nothing if trial.mean is None else trial.mean,
            "std_test_score": nothing if trial.std is None else trial.std,
            "rank_test_score": trial.rank,
            "mean_fit_time": seconds,
            "std_fit_time": spread,
            **self._train_columns(trial),
        }

    def _train_columns(self, trial: TrialResult) -> dict[str, float]:
        if not any(other.train_scores for other in self.trials):
            return {}
        scores = trial.train_scores or (float("nan"),) * self.splits
        mean, std = summarise(dict(enumerate(scores)))
        columns = {f"split{i}_train_score": score for i, score in enumerate(scores)}
        return {**columns, "mean_train_score": mean, "std_train_score": std}


def read_results(store: SearchStore, objective: str | None = None) -> SearchResults:
    """Read all that a search's directory says.

    Args:
        store: The directory.
        objective: Another metric of the folds' records to show and rank by than the search's
            own, as `parse_objective` reads it.

    Returns:
        The results of the grid that was last asked for.

    Raises:
        StoreError: If there is no search, or its search.json is damaged.
        ObjectiveError: If the metric isn't in the records, or its direction isn't known.
    """
    record = store.read_record()
    if record is None:
        raise StoreError(f"Expected a search in {store.root}. Received: none. Run it first")
    try:
        known = [
            parse_objective(name) for name in (record.identity.objective, *record.identity.scores)
        ]
        tree = record.combinations_tree()
        order = GridOrder(record.grid, record.max_trials, tree, record.stated)
    except ValueError as error:
        raise DamageError(
            f"Expected {store.root / IDENTITY} to describe a search. Received: {error}. The "
            "command that began the search may restore it, or",
            mend="begin anew with overwrite=True",
            option="begin anew with --overwrite",
        ) from error
    chosen = known[0] if objective is None else parse_objective(objective, known)
    return _read(store, record, order, known[0], chosen)


def _read(
    store: SearchStore, record: SearchRecord, order: GridOrder, own: Objective, chosen: Objective
) -> SearchResults:
    splits = record.identity.folds
    rows = record.splits.test_rows if record.splits else ()
    found: dict[int, TrialResult] = {}
    damage: list[str] = []
    for files in read_trials(store, splits, own.name):
        listed = None if files.parameters is None else order.find(files.parameters)
        if files.damaged and (files.parameters is None or listed is not None):
            damage.append(tell(files.damaged))
        if listed is not None:
            number, combination = listed
            parameters = {n: v for n, v in combination.items() if n not in record.unlisted}
            trial = _trial(files, parameters, own)
            if chosen != own:
                trial = _rescored(files, trial, chosen)
            if trial.scores:
                trial = replace(trial, rank_key=rank_key(chosen, trial.scores, rows[:splits]))
            found[number] = trial
    return SearchResults(
        experiment=record.experiment,
        objective=chosen,
        splits=splits,
        repeats=record.repeats,
        seed=record.identity.seed,
        axes=tuple(axis for axis in record.grid if axis.name not in record.unlisted),
        trials=tuple(_ranked([found[number] for number in sorted(found)])),
        total=order.total,
        about=record,
        damage=tuple(damage),
    )


def _trial(files: TrialFiles, parameters: Parameters, objective: Objective) -> TrialResult:
    result = TrialResult(
        trial_id=files.trial_id,
        parameters=parameters,
        status=files.status,
        train_scores=files.train_scores(objective.name),
        fold_seconds=files.seconds,
        weights=files.size,
        steps=files.steps,
        epochs=files.epochs,
        reason=_reason(files.message),
        versions=files.versions,
    )
    if files.status == STOPPED:
        return replace(result, partial_scores=files.partial_scores(objective.name))
    if files.status != COMPLETED:
        return result
    scores = files.scores(objective.name)
    mean, std = summarise(dict(enumerate(scores)))
    return replace(result, scores=scores, mean=mean, std=std)


def _rescored(files: TrialFiles, trial: TrialResult, objective: Objective) -> TrialResult:
    """A trial by another metric of its folds' records."""
    if trial.status == STOPPED:
        trained = files.train_scores(objective.name)
        partial = files.partial_scores(objective.name)
        return replace(trial, train_scores=trained, partial_scores=partial)
    if trial.status != COMPLETED:
        return trial
    records = [files.records[split] for split in sorted(files.records)]
    without = [record.split for record in records if objective.name not in record.scores]
    if not files.has_all_folds or without:
        known = sorted({name for record in records for name in record.scores})
        # A score that isn't a finite number isn't recorded.
        held = ", ".join(n for n in known if all(n in record.scores for record in records))
        lacks = (
            f", for which fold {without[0]} of trial {files.trial_id} has none" if without else ""
        )
        raise ObjectiveError(
            f"Expected a metric that all folds' records hold as a finite number: {held}. "
            f"Received: {objective.name!r}{lacks}"
        )
    scores = tuple(record.scores[objective.name] for record in records)
    mean, std = summarise(dict(enumerate(scores)))
    trained = files.train_scores(objective.name)
    return replace(trial, scores=scores, train_scores=trained, mean=mean, std=std)


def _reason(message: str) -> str | None:
    """What a failed trial says before the traceback, on one line."""
    told = message.partition("\n\nTraceback")[0]
    return " ".join(told.split()) or None


def _ranked(trials: Sequence[TrialResult]) -> list[TrialResult]:
    """Give every completed trial its rank: one more than the number of better ones."""
    keys = sorted(trial.rank_key for trial in trials if trial.rank_key is not None)

    def ranked(trial: TrialResult) -> TrialResult:
        if trial.rank_key is None:
            return trial
        better = len(keys) - bisect.bisect_right(keys, trial.rank_key)
        return replace(trial, rank=better + 1)

    return [ranked(trial) for trial in trials]

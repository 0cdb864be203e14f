"""A search's directory becomes results, without TensorFlow."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_grid.errors import ObjectiveError, StoreError, UsageError
from kt_grid.space import Axis, Parameters, axis_names, combinations, key
from kt_grid.space.objective import Objective, parse_objective
from kt_grid.store.directory import SearchStore
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
        fit_seconds: Wall time of all trainings; None where a record is missing.
        reason: Why it failed or was given up.
        weights: Numbers that the model consists of; None where a record doesn't say it.
        steps: Optimizer steps of all trainings; None where a record doesn't say it.
        epochs: Epochs of each training by split; empty where a record is missing.
        partial_scores: Of a trial that was given up, the objective by split, None where it wasn't
            trained; empty otherwise.
    """

    trial_id: str
    parameters: Parameters
    status: str
    scores: tuple[float, ...] = ()
    train_scores: tuple[float, ...] = ()
    mean: float | None = None
    std: float | None = None
    rank: int | None = None
    fit_seconds: float | None = None
    reason: str | None = None
    weights: int | None = None
    steps: int | None = None
    epochs: tuple[int, ...] = ()
    partial_scores: tuple[float | None, ...] = ()

    @property
    def standing(self) -> str:
        """The status in plain words."""
        return "given up" if self.status == STOPPED else self.status.lower()

    @property
    def first_scores(self) -> list[float]:
        """The scores of a trial that was given up, before the first that is missing."""
        known = itertools.takewhile(lambda score: score is not None, self.partial_scores)
        return [score for score in known if score is not None]

    def fold_scores(self, splits: int) -> tuple[float | None, ...]:
        """Return what is known of the scores.

        Args:
            splits: Trainings per trial.

        Returns:
            One item per split.
        """
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
        about: Everything else in search.json.
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
    about: Mapping[str, Any]
    damage: tuple[str, ...] = ()

    @property
    def folds(self) -> int:
        """Folds of one pass over the rows."""
        return self.splits // self.repeats

    @property
    def fresh_folds(self) -> bool:
        """Whether each repeat holds out other rows than the first; False if nobody knows."""
        return not self.has_repeats or bool(self.about.get("fresh_folds", False))

    @property
    def has_repeats(self) -> bool:
        """Whether the splits are several passes over equally many folds."""
        return self.repeats > 1 and self.splits % self.repeats == 0

    @property
    def test_ratio(self) -> float:
        """Rows held out per row trained on."""
        rows = self.about.get("split_rows")
        if rows:
            return float(sum(test for _, test in rows) / sum(train for train, _ in rows))
        return 1 / max(self.folds - 1, 1)

    @property
    def test_rows(self) -> float | None:
        """Rows held out per split, on average; None if search.json doesn't say it."""
        rows = self.about.get("split_rows")
        if rows:
            return float(sum(test for _, test in rows) / len(rows))
        return self.about["rows"] / self.folds if "rows" in self.about else None

    @property
    def baseline(self) -> tuple[float, ...] | None:
        """By split, what always answering the majority class scores; None if there are none."""
        shares = self.about.get("baseline")
        return None if shares is None else tuple(shares)

    @property
    def stops_early(self) -> bool:
        """Whether trainings may have ended by themselves: so it was asked for, or so it looks."""
        asked_for = bool(self.about.get("fit", {}).get("early_stopping"))
        return asked_for or any(len(set(trial.epochs)) > 1 for trial in self.trials)

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
        seconds = nothing if trial.fit_seconds is None else trial.fit_seconds / self.splits
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
    identity = store.read_identity()
    if identity is None:
        raise StoreError(f"Expected a search in {store.root}. Received: none. Run it first")
    try:
        return _read(store, identity, objective)
    except UsageError:
        raise
    except (LookupError, TypeError, ValueError, AttributeError) as error:
        raise StoreError(
            f"Expected {store.root} to hold whole records. Received: {error!r} is missing or "
            "wrong in one. Run the search again with",
            mend="overwrite=True",
            option="--overwrite",
        ) from error


def _read(store: SearchStore, identity: Mapping[str, Any], other: str | None) -> SearchResults:
    axes = tuple(Axis.from_json(record) for record in identity["grid"])
    counted = itertools.islice(combinations(axes), identity.get("max_trials"))
    order = {key(parameters): parameters for parameters in counted}
    known = [
        parse_objective(identity["objective"]),
        *map(parse_objective, identity.get("scores", ())),
    ]
    objective = known[0] if other is None else parse_objective(other, known)
    found: dict[str, TrialResult] = {}
    damage: list[str] = []
    for files in read_trials(store, identity["folds"], known[0].name):
        place = None if files.parameters is None else key(files.parameters)
        if files.damaged and (place is None or place in order):
            damage.append(tell(files.damaged))
        if place in order:
            trial = _trial(files, order[place], known[0])
            found[place] = trial if objective == known[0] else _rescored(files, trial, objective)
    trials = [found[place] for place in order if place in found]
    return SearchResults(
        experiment=identity["experiment"],
        objective=objective,
        splits=identity["folds"],
        repeats=identity["repeats"],
        seed=identity["seed"],
        axes=axes,
        trials=tuple(_ranked(trials, objective)),
        total=len(order),
        about=identity,
        damage=tuple(damage),
    )


def _trial(files: TrialFiles, parameters: Parameters, objective: Objective) -> TrialResult:
    result = TrialResult(
        trial_id=files.trial_id,
        parameters=parameters,
        status=files.status,
        train_scores=files.train_scores(objective.name),
        fit_seconds=files.seconds,
        weights=files.size,
        steps=files.steps,
        epochs=files.epochs,
        reason=files.message.partition("\n")[0] or None,
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
    recorded = {name for record in records for name in record.scores}
    if not files.has_all_folds or not all(objective.name in record.scores for record in records):
        raise ObjectiveError(
            f"Expected a metric that the folds' records hold: {', '.join(sorted(recorded))}. "
            f"Received: {objective.name!r}"
        )
    scores = tuple(record.scores[objective.name] for record in records)
    mean, std = summarise(dict(enumerate(scores)))
    trained = files.train_scores(objective.name)
    return replace(trial, scores=scores, train_scores=trained, mean=mean, std=std)


def _ranked(trials: list[TrialResult], objective: Objective) -> list[TrialResult]:
    """Give every completed trial its rank: one more than the number of better ones."""
    losses = np.sort([-objective.sign * t.mean for t in trials if t.mean is not None])

    def ranked(trial: TrialResult) -> TrialResult:
        if trial.mean is None:
            return trial
        better = int(np.searchsorted(losses, -objective.sign * trial.mean))
        return replace(trial, rank=better + 1)

    return [ranked(trial) for trial in trials]

"""A search's directory becomes results, without TensorFlow."""

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from kt_grid.errors import ObjectiveError, StoreError, UsageError
from kt_grid.objective import Objective, parse_objective
from kt_grid.space import Axis, Parameters, axis_names, combinations, key
from kt_grid.store import FoldRecord, SearchStore

if TYPE_CHECKING:
    import pandas as pd

COMPLETED = "COMPLETED"
FAILED = "FAILED"
RUNNING = "RUNNING"


@dataclass(frozen=True)
class TrialResult:
    """What is known of one trial.

    Attributes:
        trial_id: The trial's id.
        parameters: Its parameters, in grid order.
        status: keras-tuner's word: COMPLETED, FAILED or RUNNING.
        scores: The objective by split; empty unless completed.
        mean: Mean of the scores; None unless completed.
        std: Their standard deviation, ddof=0; None unless completed.
        rank: 1 is best, equal means share a rank; None unless completed.
        train_scores: The objective on the training rows by split, where that was wanted.
        fit_seconds: Wall time of all trainings; None where a record is missing.
        reason: Why it failed.
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

    @property
    def folds(self) -> int:
        """Folds of one pass over the rows."""
        return self.splits // self.repeats

    @property
    def completed(self) -> list[TrialResult]:
        """The trials that have a score."""
        return [trial for trial in self.trials if trial.status == COMPLETED]

    @property
    def failed(self) -> list[TrialResult]:
        """The trials that can have none."""
        return [trial for trial in self.trials if trial.status == FAILED]

    @property
    def complete(self) -> bool:
        """Whether every combination of the grid is completed or failed."""
        return len(self.completed) + len(self.failed) == self.total

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
        scores = trial.scores or (nothing,) * self.splits
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


def summarise(scores: Mapping[int, float]) -> tuple[float, float]:
    """Return the mean and the standard deviation (ddof=0) of scores by split."""
    values = np.array([scores[split] for split in sorted(scores)], dtype=np.float64)
    return float(values.mean()), float(values.std())


def score_name(objective: str, split: int) -> str:
    """Name a split's score among the metrics in trial.json."""
    return f"split{split}_{objective}"


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
            "wrong in one. Run the search again with --overwrite"
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
    for trial_id, state in store.read_trials():
        place = key(state["hyperparameters"]["values"])
        if place in order:
            found[place] = _trial(store, trial_id, state, order[place], known[0], identity["folds"])
            if objective != known[0]:
                found[place] = _rescored(store, found[place], objective)
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
    )


def _trial(
    store: SearchStore,
    trial_id: str,
    state: Mapping[str, Any],
    parameters: Parameters,
    objective: Objective,
    splits: int,
) -> TrialResult:
    status = state["status"]
    records = [store.read_fold(trial_id, split) for split in range(splits)]
    metrics = state["metrics"]["metrics"]
    first, last = (score_name(objective.name, split) in metrics for split in (0, splits - 1))
    if status == COMPLETED and first and not last:
        # More splits are asked for than when it was completed.
        status = RUNNING
    result = TrialResult(
        trial_id=trial_id,
        parameters=parameters,
        status=status,
        train_scores=_train_scores(records, objective),
        fit_seconds=_seconds(records),
        reason=(state["message"] or "").partition("\n")[0] or None,
    )
    if status != COMPLETED:
        return result
    scores = {
        split: metrics[score_name(objective.name, split)]["observations"][0]["value"][0]
        for split in range(splits)
    }
    mean, std = summarise(scores)
    return replace(result, scores=tuple(scores.values()), mean=mean, std=std)


def _rescored(store: SearchStore, trial: TrialResult, objective: Objective) -> TrialResult:
    """A trial by another metric of its folds' records."""
    if trial.status != COMPLETED:
        return trial
    records = [store.read_fold(trial.trial_id, split) for split, _ in enumerate(trial.scores)]
    recorded = {name for record in records if record for name in record.scores}
    if not all(record and objective.name in record.scores for record in records):
        raise ObjectiveError(
            f"Expected a metric that the folds' records hold: {', '.join(sorted(recorded))}. "
            f"Received: {objective.name!r}"
        )
    scores = [record.scores[objective.name] for record in records if record]
    mean, std = summarise(dict(enumerate(scores)))
    trained = _train_scores(records, objective)
    return replace(trial, scores=tuple(scores), train_scores=trained, mean=mean, std=std)


def _train_scores(records: Sequence[FoldRecord | None], objective: Objective) -> tuple[float, ...]:
    """The objective on the training rows; nothing if a record lacks it."""
    name = f"train_{objective.name.removeprefix('val_')}"
    scores = [record.scores[name] for record in records if record and name in record.scores]
    return tuple(scores) if len(scores) == len(records) else ()


def _seconds(records: Sequence[FoldRecord | None]) -> float | None:
    seconds = [record.seconds for record in records if record is not None]
    return sum(seconds) if len(seconds) == len(records) else None


def _ranked(trials: list[TrialResult], objective: Objective) -> list[TrialResult]:
    """Give every completed trial its rank: one more than the number of better ones."""
    losses = np.sort([-objective.sign * t.mean for t in trials if t.mean is not None])

    def ranked(trial: TrialResult) -> TrialResult:
        if trial.mean is None:
            return trial
        better = int(np.searchsorted(losses, -objective.sign * trial.mean))
        return replace(trial, rank=better + 1)

    return [ranked(trial) for trial in trials]

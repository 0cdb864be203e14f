"""A search goes on in its directory, perhaps with another grid, more splits or fewer."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from keras_tuner.engine.trial import TrialStatus

from kt_grid.search.identity import asked, package_versions
from kt_grid.search.oracle import GridOracle
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import SearchRecord
from kt_grid.store.trials import score_name, summarise


def take_up(
    oracle: GridOracle,
    store: SearchStore,
    record: SearchRecord,
    note: Callable[[str], None],
) -> None:
    """Begin a search, or go on with the one that is there.

    Args:
        oracle: Knows the trials.
        store: The search's directory.
        record: What search.json is to say, but for the grid; its identity must agree with what
            is there.
        note: Is told what isn't whole, and what is done about it.

    Raises:
        MismatchError: If the directory holds another search.
        DamageError: If nothing says which search it holds.
    """
    folds, present = record.identity.folds, store.peek_record()
    before = present.identity.folds if present else folds
    write_down(oracle, store, record, note)
    oracle.reload()
    if folds > before:
        _settle_weights(store)
    settle_splits(oracle, folds, before)
    oracle.mend(note)


def write_down(
    oracle: GridOracle,
    store: SearchStore,
    record: SearchRecord,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Write search.json, with the grid as far as it is known.

    Args:
        oracle: Knows the grid.
        store: The search's directory.
        record: What it is to say, but for the grid.
        note: Is told what isn't whole.

    Raises:
        MismatchError: If the directory holds another search.
        DamageError: If nothing says which search it holds.
    """
    record = replace(
        record,
        grid=tuple(oracle.axes),
        asked=asked(oracle.grid),
        max_trials=oracle.max_trials,
        versions=package_versions(),
    )
    store.claim(record, note)


def settle_splits(oracle: GridOracle, splits: int, before: int) -> None:
    """Let the finished trials be what they are by the splits that now count.

    A completed trial that lacks a split is handed out again, for that split only; the score of
    one that has more is the mean over those that count. Where fewer splits count than before, a
    failed trial gets another chance, as the failure may have been in one that counts no more.

    Args:
        oracle: Knows the trials.
        splits: Splits that count.
        before: Splits that counted before.
    """
    for trial_id, trial in list(oracle.trials.items()):
        if trial.status == TrialStatus.FAILED and splits < before:
            oracle.reopen(trial_id)
        elif trial.status == TrialStatus.COMPLETED:
            names = [score_name(oracle.objective.name, split) for split in range(splits)]
            if all(trial.metrics.exists(name) for name in names):
                trial.score = _mean(trial, names)
            else:
                oracle.reopen(trial_id)


def reopen_given_up(oracle: GridOracle) -> None:
    """Hand out again what was given up: the grid, the splits or the race may be others now.

    A trial that still can't win is given up again before anything is trained.

    Args:
        oracle: Knows the trials.
    """
    for trial_id, trial in list(oracle.trials.items()):
        if trial.status == TrialStatus.STOPPED:
            oracle.reopen(trial_id)


def _settle_weights(store: SearchStore) -> None:
    """Note of trials whose weights were dropped that they keep none, before they get new folds."""
    for trial_id in store.trial_ids():
        if not store.keeps_weights(trial_id):
            for record in store.read_folds(trial_id):
                store.write_fold(trial_id, replace(record, weights=""), None)


def _mean(trial: Any, names: list[str]) -> float:
    scores = (trial.metrics.get_best_value(name) for name in names)
    return summarise(dict(enumerate(scores)))[0]

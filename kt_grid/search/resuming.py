"""A search goes on in its directory, perhaps with another grid, more splits or fewer."""

from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import replace
from typing import Any

from keras_tuner.engine.trial import TrialStatus

from kt_grid.data.code_digest import code_of_files, explain
from kt_grid.engines.arguments import overrides_fit
from kt_grid.engines.base import build_model
from kt_grid.engines.fingerprint import fingerprint
from kt_grid.engines.session import settings_kept
from kt_grid.errors import MismatchError, may_succeed_again
from kt_grid.search.identity import asked, package_versions
from kt_grid.search.oracle import GridOracle
from kt_grid.search.setup import Setup, is_same_code
from kt_grid.space import Parameters, from_json
from kt_grid.space.objective import Objective, Score, parse_objective
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import SearchRecord
from kt_grid.store.trials import TrialFiles, read_trials, score_name, summarise


def check_models(
    store: SearchStore,
    setup: Setup,
    hypermodel: Any,
    asking: Callable[[Parameters], Any],
    note: Callable[[str], None],
) -> tuple[bool, Mapping[str, Any]]:
    """See whether the trials on disk are of the models that the code builds now.

    What counts is the model that is built, so the code may change as long as no model does. Where
    the code is surely the same, nothing is built.

    Args:
        store: The search's directory.
        setup: What the search is made of.
        hypermodel: A `keras_tuner.HyperModel`.
        asking: Makes the hyperparameters of a trial from its parameters.
        note: Is told what changed, if it is no matter.

    Returns:
        Whether the code may have changed, so that what failed may succeed now; and what
        search.json is to say of the builds.

    Raises:
        MismatchError: If a completed trial is of another model.
    """
    known, built = store.peek_record(), setup.built()
    if known is None or setup.code is None or is_same_code(known, setup.code):
        return False, built
    trials = list(read_trials(store, known.identity.folds, setup.objective.name))
    if trials and all(files.status == TrialStatus.FAILED for files in trials):
        note("no trial was completed before: the search begins anew")
        store.clear(note)
        store.prepare()
        return False, built
    before = known.builds.get("code", {})
    cause = explain(before.get("parts", {}), setup.code.parts)
    store.check_identity(setup.identity, cause)
    edited = explain(code_of_files(before.get("parts", {})), code_of_files(setup.code.parts))
    changed = [files for files in trials if _is_other(files, setup, hypermodel, asking)]
    completed = [files.trial_id for files in changed if files.status == TrialStatus.COMPLETED]
    same_code = before.get("digest") == setup.code.digest and setup.code.certain
    if completed and not same_code:
        raise MismatchError(
            f"Expected {store.root} to hold trials of the models that are built now. Received: "
            f"{cause or 'another model'}, and so other models in trials {', '.join(completed[:5])}"
            f"{' …' if completed[5:] else ''}.",
            mend="Choose another directory or project_name, or begin anew: overwrite=True",
            option="Choose another --directory or --name, or begin anew with --overwrite",
        )
    for files in changed:
        if files.trial_id not in completed:
            store.discard(files.trial_id)
            note(f"trial {files.trial_id} is trained anew, as its model has changed")
    if dict(known.versions) != package_versions():
        note(_told_versions(known.versions))
    if edited and not changed:
        note(f"{edited}, but no model: the search goes on")
    if not edited and before:
        # What live objects hold may change by a search itself, which is no other code.
        built = {**built, "code": before}
    return bool(edited), built


def _is_other(
    files: TrialFiles, setup: Setup, hypermodel: Any, asking: Callable[[Parameters], Any]
) -> bool:
    """Whether a trial's model is built in another way now; False if nothing can tell."""
    record = next((r for r in files.records.values() if r.model), None)
    if record is None:
        return False
    values = {name: from_json(value) for name, value in record.parameters.items()}
    try:
        with settings_kept():
            arrays = setup.targets.for_loss(setup.loss_of(values))
            hyperparameters = asking(values)
            compiled = not overrides_fit(hypermodel)
            model = build_model(hypermodel, hyperparameters, arrays, record.seed, compiled=compiled)
            return fingerprint(model) != record.model
    except Exception:  # a build that fails now is another one
        return True


def _told_versions(before: Mapping[str, str]) -> str:
    now = package_versions()
    differing = [name for name in now if before.get(name) != now[name]]
    listed = ", ".join(f"{n} {before.get(n, 'of no known version')}" for n in differing)
    current = ", ".join(f"{name} {now[name]}" for name in differing)
    return f"the search began with {listed}, and goes on with {current}"


def recorded_objective(known: SearchRecord | None, scores: Sequence[Score]) -> Objective:
    """The objective of the search that a directory holds, until the rows are there to choose by."""
    if known is None:
        return Objective("val_loss", "min", stated=False)
    return parse_objective(known.identity.objective, [score.objective for score in scores])


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
        _note_dropped_weights(store)
    apply_splits(oracle, folds, before)
    oracle.mend(note)


def write_down(
    oracle: GridOracle,
    store: SearchStore,
    record: SearchRecord,
    note: Callable[[str], None] = lambda _: None,
) -> None:
    """Write search.json, with the grid as far as it is known.

    The versions of the packages stay those of the last trainings until something is trained.

    Args:
        oracle: Knows the grid.
        store: The search's directory.
        record: What it is to say, but for the grid.
        note: Is told what isn't whole.

    Raises:
        MismatchError: If the directory holds another search.
        DamageError: If nothing says which search it holds.
    """
    present = store.peek_record()
    idle = present is not None and not oracle.end_order
    record = replace(
        record,
        grid=tuple(oracle.axes),
        asked=asked(oracle.grid),
        max_trials=oracle.max_trials,
        versions=present.versions if present is not None and idle else package_versions(),
    )
    store.claim(record, note)


def apply_splits(oracle: GridOracle, splits: int, before: int) -> None:
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


def reopen_pruned(oracle: GridOracle, *, failed: bool = False, but: Container[str] = ()) -> None:
    """Hand out again what was pruned: the grid, the splits or the race may be others now.

    A trial that still can't win is pruned again before anything is trained.

    Args:
        oracle: Knows the trials.
        failed: Whether failed trials get another chance too, because the code has changed.
        but: Ids of trials that stay as they are.
    """
    again = (TrialStatus.STOPPED, *([TrialStatus.FAILED] if failed else []))
    for trial_id, trial in list(oracle.trials.items()):
        if trial.status in again and trial_id not in but:
            oracle.reopen(trial_id)


def reopen_passing(oracle: GridOracle, note: Callable[[str], None]) -> None:
    """Hand out again what failed for want of time, memory or a worker; its folds are kept.

    Args:
        oracle: Knows the trials.
        note: Is told of each.
    """
    for trial_id, trial in list(oracle.trials.items()):
        reason = (trial.message or "").partition("\n")[0]
        if trial.status == TrialStatus.FAILED and may_succeed_again(reason):
            oracle.reopen(trial_id)
            note(f"trial {trial_id} is tried again, which failed before: {reason}")


def _note_dropped_weights(store: SearchStore) -> None:
    """Note of trials whose weights were dropped that they keep none, before they get new folds."""
    for trial_id in store.trial_ids():
        if not store.keeps_weights(trial_id):
            for record in store.read_folds(trial_id):
                store.write_fold(trial_id, replace(record, weights=""), None)


def _mean(trial: Any, names: list[str]) -> float:
    scores = (trial.metrics.get_best_value(name) for name in names)
    return summarise(dict(enumerate(scores)))[0]

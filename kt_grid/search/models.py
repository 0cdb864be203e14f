"""The trained models that a search keeps: those of the folds, and the refit."""

import importlib
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import keras
from keras_tuner.engine.trial import TrialStatus

from kt_grid.engines.base import build_model
from kt_grid.engines.fingerprint import fingerprint
from kt_grid.engines.fresh import SHARED_PARTS
from kt_grid.engines.model_files import check_parts, saved_by
from kt_grid.engines.session import generators_kept, settings_kept
from kt_grid.engines.weights import load_weights
from kt_grid.errors import DamageError, KtGridError, PredictionError, UsageError
from kt_grid.search.identity import package_versions
from kt_grid.search.oracle import GridOracle
from kt_grid.search.runner import TrialRunner
from kt_grid.search.selection import refit_command
from kt_grid.space import FIT_AXES, as_json
from kt_grid.space.objective import Objective
from kt_grid.store.directory import MODEL, REFIT, SearchStore
from kt_grid.store.records import Identity, RefitRecord, check_keep
from kt_grid.store.trials import score_name


@dataclass(frozen=True)
class KeptModels:
    """Loads and writes the models of one search.

    Attributes:
        store: Where they are kept.
        hypermodel: A `keras_tuner.HyperModel`, which builds what weights are loaded into.
        objective: What the folds were scored by.
    """

    store: SearchStore
    hypermodel: Any
    objective: Objective

    def best_fold(self, trial: Any, runner: TrialRunner | None) -> Any:
        """Load a trial's model of the fold with the best score, the first of equal ones.

        Args:
            trial: A completed keras-tuner trial.
            runner: The search's, if there was one: its rows show a model its input's shape.

        Returns:
            The trained model.

        Raises:
            PredictionError: If the trial isn't completed, its weights weren't kept, the code builds
                another model now, or one without an input shape where there are no rows.
            DamageError: If they aren't whole.
        """
        name, sign = self.objective.name, self.objective.sign
        splits = self._splits(trial)
        scores = [sign * trial.metrics.get_best_value(score_name(name, s)) for s in splits]
        return self._load(trial, scores.index(max(scores)), runner)

    def all_folds(self, trial: Any, runner: TrialRunner | None) -> Iterator[Any]:
        """Load a trial's models of all folds, one after the other.

        Args:
            trial: A completed keras-tuner trial.
            runner: The search's, if there was one: its rows show a model its input's shape.

        Returns:
            One trained model per fold.

        Raises:
            PredictionError: As `best_fold`.
            DamageError: Likewise.
        """
        splits = self._splits(trial)
        for split in splits:
            self.store.check_weights(trial.trial_id, split)
        return (self._load(trial, split, runner) for split in splits)

    def _splits(self, trial: Any) -> list[int]:
        record = self.store.peek_record()
        splits = list(range(record.identity.folds if record else 0))
        # Folds that were trained before the trial was the best one may have none.
        none = [r for r in self.store.read_folds(trial.trial_id) if not r.weights]
        kept = self.store.keeps_weights(trial.trial_id) and not none
        if trial.status != TrialStatus.COMPLETED or not splits or not kept:
            raise PredictionError(
                f"Expected the weights of all folds of trial {trial.trial_id} in "
                f"{self.store.root}. Received: none, or not of all. Search with keep='all' to keep "
                "those of every trial"
            )
        return splits

    def _load(self, trial: Any, split: int, runner: TrialRunner | None) -> Any:
        model = self._build(trial, runner)
        load_weights(model, self.store.check_weights(trial.trial_id, split))
        return _detach(model)

    def _build(self, trial: Any, runner: TrialRunner | None) -> Any:
        """Build the model that a trial began with, and refuse another."""
        records = list(self.store.read_folds(trial.trial_id))
        record = next((r for r in records if r.model), records[0])
        hyperparameters, arrays = trial.hyperparameters, None
        if runner is not None:
            hyperparameters = runner.asking(hyperparameters.values)
            arrays = runner.setup.arrays
        with settings_kept(), generators_kept():
            model = build_model(
                self.hypermodel, hyperparameters, arrays, record.seed, compiled=False
            )
        # Another version may describe the same model in another way; what is shared may have
        # begun with other values in another process.
        known = record.model and dict(record.versions) == package_versions()
        if known and not SHARED_PARTS.found_in(model) and fingerprint(model) != record.model:
            raise PredictionError(
                f"Expected the model that trial {trial.trial_id} was trained with. "
                "Received: code that builds another one. Undo the edit, or search anew"
            )
        return model

    def refit(
        self, runner: TrialRunner, trial: Any, identity: Identity, *, is_best: bool = True
    ) -> Any:
        """Train a trial's combination on all rows, unless that is done already.

        Args:
            runner: Trains.
            trial: The trial.
            identity: The search's identity.
            is_best: Whether the trial is the best one, whose model has a place of its own.

        Returns:
            The trained model.

        Raises:
            PredictionError: If Keras can't write it, or read it again; or if the code builds
                another model than the folds were trained with.
        """
        self._build(trial, runner)
        record = RefitRecord(
            trial_id=trial.trial_id,
            # A copy, because the model may declare more while it is built.
            parameters={n: as_json(v) for n, v in trial.hyperparameters.values.items()},
            seed=runner.refit_seed(trial),
            identity=identity,
        )
        other = None if is_best else trial.trial_id
        present = self.store.read_refit(other)
        if present is not None and replace(present, model="") == record:
            return load_refit(self.store, other)
        model = runner.refit(trial)
        with _as_unreadable("save", "Give it a get_config, or search with --no-refit"):
            self.store.write_refit(record, model.save, other)
        return _detach(model)


def recorded_fit(store: SearchStore, runner: TrialRunner | None) -> dict[str, Any]:
    """Return the fit arguments of a search, from its runner or else from its directory.

    Args:
        store: The search's directory.
        runner: What trained it, if it was in this process.

    Returns:
        Arguments by name.
    """
    if runner is not None:
        return runner.setup.fit.given()
    record = store.peek_record()
    fit = record.identity.fit if record else {}
    names = (*FIT_AXES, "validation_split", "early_stopping", "class_weight")
    lost = [name for name in fit if name not in names]
    if lost:
        raise UsageError(
            f"Expected the search's {', '.join(lost)} to be given again, since no file can hold "
            "them. Received: none"
        )
    return {name: fit[name] for name in names if name in fit}


def load_refit(store: SearchStore, trial_id: str | None = None) -> Any:
    """Load a refitted model of a search.

    Args:
        store: The search's directory.
        trial_id: The trial that was refitted, if not the best one.

    Returns:
        The model; loading it runs no code from the file.

    Raises:
        PredictionError: If there is none, or Keras doesn't know a part of it.
        DamageError: If there is one that isn't whole.
    """
    file = store.refit_dir(trial_id) / MODEL
    if store.read_refit(trial_id) is None:
        again = None if trial_id is None else refit_command(store, [trial_id])
        in_python = f"Call the tuner's refit(trial={trial_id!r})" if trial_id else ""
        if file.exists():
            mend = "Run the command that began the search"
            raise DamageError(
                f"Expected {file} and {REFIT} beside it to be whole. Received: another checksum.",
                mend=f"{in_python or mend} to train it again",
                option=f"{f'Run {again}' if again else in_python or mend} to train it again",
            )
        if trial_id is not None:
            raise PredictionError(
                f"Expected a refitted model of trial {trial_id} in {store.root}. Received: none.",
                mend=in_python,
                option=f"Run {again}" if again else "",
            )
        raise PredictionError(
            f"Expected a refitted model in {store.root}. Received: none.",
            mend="Call the tuner's refit()",
            option="Run the search to its end without --no-refit",
        )
    # A file names its layers only; these must be known when it is loaded.
    importlib.import_module("kt_grid.engines.layers")
    check_parts(file)
    saved, installed = saved_by(file), keras.__version__
    mend = "Give it a from_config that takes what its get_config gives"
    if saved and saved != installed:
        mend = f"Keras {saved} saved it, and this is Keras {installed}: install keras=={saved}"
    with _as_unreadable("read", mend):
        return keras.saving.load_model(file, safe_mode=True)


@contextmanager
def _as_unreadable(what: str, mend: str) -> Iterator[None]:
    """Say in a line what Keras says in many of a model with a part that it can't describe."""
    try:
        yield
    except KtGridError:
        raise
    except (NotImplementedError, TypeError, ValueError) as error:
        raise PredictionError(
            f"Expected a model all of which Keras can {what}. Received: a part that it can't "
            f"({type(error).__name__}). {mend}"
        ) from error


def _detach(model: Any) -> Any:
    """A copy of a model with layers that others have too, whose weights they would change."""
    if not SHARED_PARTS.found_in(model):
        return model
    mend = (
        "Make the layers in build, or put @keras.saving.register_keras_serializable() before its "
        "class"
    )
    with tempfile.TemporaryDirectory() as folder, _as_unreadable("copy", mend):
        path = Path(folder, "model.keras")
        model.save(path)
        # The file has just been written here.
        return keras.saving.load_model(path, safe_mode=False)


class WeightKeeper:
    """Deletes weights of trials that can't be the best any more, where only the best's are kept.

    Args:
        keep: "all" or "best".
        oracle: Knows the trials and which one is best.
        store: Holds the weights.

    Raises:
        UsageError: If `keep` is neither.
    """

    def __init__(self, keep: str, oracle: GridOracle, store: SearchStore) -> None:
        self.keep = check_keep(keep)
        self.oracle = oracle
        self.store = store
        self._leaders: list[Any] = []
        self._mended: set[str] = set()

    @property
    def best_score(self) -> float | None:
        """The best mean score so far."""
        return float(self._leaders[0].score) if self._leaders else None

    @contextmanager
    def keeping_all(self) -> Iterator[None]:
        """Delete no weights while a `with` block runs, since any trial may become the best."""
        keep, self.keep = self.keep, "all"
        try:
            yield
        finally:
            self.keep = keep

    def refresh(self) -> None:
        """Look at all finished trials and find which one is best."""
        self._leaders = self.oracle.get_best_trials(1)
        self._drop([t for t in self.oracle.finished_trials() if t not in self._leaders])

    def reopen_lost(self, note: Callable[[str], None]) -> bool:
        """Hand the best trial out again if weights of it are lost; that may change who is best.

        The folds whose weights aren't whole lose their records, so that they are trained again.

        Args:
            note: Is told of it.

        Returns:
            Whether there is a trial to run again; each is at most once.
        """
        trial = next(iter(self._leaders), None)
        if trial is None or trial.trial_id in self._mended:
            return False
        lost = self.store.lost_weights(trial.trial_id)
        for split in lost:
            note(f"weights of fold {split} of trial {trial.trial_id} are lost; it is trained again")
            self.store.drop_fold(trial.trial_id, split)
        if lost:
            self.oracle.reopen(trial.trial_id)
            self._mended.add(trial.trial_id)
            # What it gives now mustn't be compared with itself: the loser's weights go.
            self._leaders = []
        return bool(lost)

    def take(self, trial: Any) -> None:
        """Compare a trial that has ended with the best so far; equal ones wait for `refresh`."""
        if trial.status != TrialStatus.COMPLETED:
            self._drop([trial])
            return
        rank = self.oracle.rank_key(trial)
        best = self.oracle.rank_key(self._leaders[0]) if self._leaders else rank
        if rank < best:
            self._drop([trial])
            return
        if rank > best:
            self._drop(self._leaders)
            self._leaders = []
        self._leaders.append(trial)

    def _drop(self, trials: list[Any]) -> None:
        for trial in trials if self.keep == "best" else ():
            self.store.drop_weights(trial.trial_id)

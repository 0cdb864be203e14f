"""The trained models that a search keeps: those of the folds, and the refit."""

import importlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import keras
import numpy as np
from keras_tuner.engine.trial import TrialStatus

from kt_grid.data.arrays import as_feed
from kt_grid.engines.weights import load_weights
from kt_grid.errors import DamageError, KtGridError, PredictionError, UsageError
from kt_grid.search.runner import TrialRunner
from kt_grid.space import FIT_AXES, as_json
from kt_grid.space.objective import Objective
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import Identity, RefitRecord
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
            PredictionError: If the trial isn't completed, or its weights weren't kept.
            DamageError: If they aren't whole.
        """
        name, sign = self.objective.name, self.objective.sign
        splits = self._splits(trial)
        scores = [sign * trial.metrics.get_best_value(score_name(name, s)) for s in splits]
        return self._load(trial, scores.index(max(scores)), runner)

    def all_folds(self, trial: Any, runner: TrialRunner | None) -> list[Any]:
        """Load a trial's models of all folds.

        Args:
            trial: A completed keras-tuner trial.
            runner: The search's, if there was one: its rows show a model its input's shape.

        Returns:
            One trained model per fold.

        Raises:
            PredictionError: If the trial isn't completed, or its weights weren't kept.
            DamageError: If they aren't whole.
        """
        splits = self._splits(trial)
        for split in splits:
            self.store.check_weights(trial.trial_id, split)
        return [self._load(trial, split, runner) for split in splits]

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
        model = self.hypermodel.build(trial.hyperparameters)
        if not model.built and runner is None:
            raise PredictionError(
                "Expected search(x, y) before a model without an input shape is loaded. "
                "Received: no data yet. Give the model a keras.Input"
            )
        if not model.built and runner is not None:
            model(as_feed(runner.arrays.take(np.arange(1)).x))
        load_weights(model, self.store.check_weights(trial.trial_id, split))
        return model

    def refit(self, runner: TrialRunner, trial: Any, identity: Identity) -> Any:
        """Train a trial's combination on all rows, unless that is done already.

        Args:
            runner: Trains.
            trial: The trial.
            identity: The search's identity.

        Returns:
            The trained model.

        Raises:
            PredictionError: If Keras can't write it, or read it again.
        """
        record = RefitRecord(
            trial_id=trial.trial_id,
            # A copy, because the model may declare more while it is built.
            parameters={n: as_json(v) for n, v in trial.hyperparameters.values.items()},
            seed=runner.refit_seed(trial),
            identity=identity,
        )
        present = self.store.read_refit()
        if present is not None and replace(present, model="") == record:
            return load_refit(self.store)
        model = runner.refit(trial)
        with _as_unreadable("save", "Give it a get_config, or search with --no-refit"):
            self.store.write_refit(record, model.save)
        return model


def recorded_fit(store: SearchStore, runner: TrialRunner | None) -> dict[str, Any]:
    """Return the fit arguments of a search, from its runner or else from its directory.

    Args:
        store: The search's directory.
        runner: What trained it, if it was in this process.

    Returns:
        Arguments by name.
    """
    if runner is not None:
        return runner.fit.given()
    record = store.peek_record()
    fit = record.identity.fit if record else {}
    names = (*FIT_AXES, "validation_split", "early_stopping", "class_weight")
    lost = [name for name in fit if name not in names]
    if lost:
        raise UsageError(
            f"Expected the search's {', '.join(lost)} to be given again, since no file can hold "
            "them. Received: none"
        )
    given = {name: fit[name] for name in names if name in fit}
    if "class_weight" in given:
        # Keys of JSON are words.
        given["class_weight"] = {int(label): w for label, w in given["class_weight"].items()}
    return given


def load_refit(store: SearchStore) -> Any:
    """Load the refitted model of a search.

    Args:
        store: The search's directory.

    Returns:
        The model; loading it runs no code from the file.

    Raises:
        PredictionError: If there is none, or Keras doesn't know a part of it.
        DamageError: If there is one that isn't whole.
    """
    whole = store.read_refit() is not None
    if not whole and store.model_file.exists():
        raise DamageError(
            f"Expected {store.model_file} and {store.refit_file.name} beside it to be whole. "
            "Received: another checksum. The line that began the search trains it again"
        )
    if not whole:
        raise PredictionError(
            f"Expected a refitted model in {store.root}. Received: none. "
            "Run the search to its end without --no-refit, or call refit"
        )
    # A file names its layers only; these must be known when it is loaded.
    importlib.import_module("kt_grid.engines.layers")
    mend = "Put @keras.saving.register_keras_serializable() before its class, and import that first"
    with _as_unreadable("read", mend):
        return keras.saving.load_model(store.model_file, safe_mode=True)


@contextmanager
def _as_unreadable(what: str, mend: str) -> Iterator[None]:
    """Say in a line what Keras says in many of a model with a part that it can't describe."""
    try:
        yield
    except KtGridError:
        raise
    except (NotImplementedError, TypeError, ValueError) as error:
        raise PredictionError(
            f"Expected a model all of which Keras can {what}. Received: a part of its own kind "
            f"({type(error).__name__}). {mend}"
        ) from error

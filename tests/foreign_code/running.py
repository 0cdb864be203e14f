"""Runs a habit with kt-grid, and what it means with plain Keras, on the same folds."""

import importlib.util
import math
import sys
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import keras
import keras_tuner
import numpy as np

import kt_grid
from foreign_code.habit import Habit
from kt_grid.space.seeds import derive_seed, epoch_orders
from kt_grid.splitters.folds import make_splits
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import COMPLETED

# A part that goes through two trainings is one of an earlier training in the second.
FOLDS, EPOCHS, BATCH, SEED = 2, 3, 8, 7
X = np.random.RandomState(0).normal(size=(24, 3)).astype(np.float32)
Y = np.arange(24) % 2


class StopsAfterOneFold:
    """An observer that interrupts a search."""

    def begin(self, trials: int, folds: int, finished: int) -> None:
        """Do nothing."""

    def fold(self, parameters: Any) -> None:
        """Interrupt."""
        raise KeyboardInterrupt

    def trial(self, parameters: Any, score: float | None, best: float | None) -> None:
        """Do nothing."""

    def note(self, message: str) -> None:
        """Do nothing."""

    def end(self) -> None:
        """Do nothing."""


def load(habit: Habit, text: str, folder: Path, name: str) -> ModuleType:
    """Import one of a habit's texts from a file of its own, as a user's file is."""
    path = folder / f"{name}.py"
    path.write_text(habit.source(text), encoding="utf-8")
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module


def search(
    habit: Habit, folder: Path, *, engine: str = "auto", workers: int = 1, resumed: bool = False
) -> kt_grid.SearchResults:
    """Search a habit's grid, perhaps with an interruption after the first fold."""
    for attempt in ("first", "then") if resumed else ("only",):
        module = load(habit, habit.written, folder, "users_file")
        tuner = kt_grid.CrossValidationTuner(
            module.Model() if hasattr(module, "Model") else module.build,
            objective="val_loss",
            cv=kt_grid.KFold(FOLDS),
            grid=getattr(module, "grid", {}),
            seed=SEED,
            engine=engine,
            workers=workers,
            directory=folder / "runs",
            project_name="habit",
            observer=StopsAfterOneFold() if attempt == "first" else None,
            **habit.options,
        )
        fit = {"epochs": EPOCHS, "batch_size": BATCH, **getattr(module, "fit", {})}
        try:
            tuner.search(X, getattr(module, "y", Y), **fit)
        except KeyboardInterrupt:
            assert attempt == "first"
    return tuner.search_results()


def meant(habit: Habit, folder: Path) -> list[tuple[dict[str, Any], list[dict[str, float]]]]:
    """Train what a habit means with plain Keras: parameters, and the scores of each fold."""
    if not habit.comparable:
        return _searched(habit, folder)
    module = load(habit, habit.meant or habit.written, folder, "meant_file")
    splits = make_splits(kt_grid.KFold(FOLDS), len(X), Y)
    found = []
    settings = keras.config.floatx(), keras.config.epsilon()
    for parameters in habit.trials:
        folds = [
            _train(module, parameters, train, test, derive_seed(SEED, parameters, 0, number))
            for number, (train, test) in enumerate(splits)
        ]
        found.append((parameters, folds))
    keras.config.set_floatx(settings[0])
    keras.config.set_epsilon(settings[1])
    return found


def _searched(habit: Habit, folder: Path) -> list[tuple[dict[str, Any], list[dict[str, float]]]]:
    """What the reference engine gives in one go."""
    place = folder / "reference"
    place.mkdir()
    trials = search(habit, place, engine="keras").trials
    store = SearchStore(place / "runs", "habit")
    found = {trial.trial_id: store.read_folds(trial.trial_id) for trial in trials}
    scores = {number: [record.scores for record in records] for number, records in found.items()}
    return [(trial.parameters, scores[trial.trial_id]) for trial in trials]


def deviations(
    habit: Habit,
    folder: Path,
    expected: list[tuple[dict[str, Any], list[dict[str, float]]]],
    **way: Any,
) -> Iterator[str]:
    """Search a habit's grid in some way, and tell what isn't as `meant` says, a line each."""
    trials = search(habit, folder, **way).trials
    found = [(trial.parameters, trial.status, trial.reason) for trial in trials]
    wanted = [(parameters, COMPLETED, None) for parameters, _ in expected]
    if found != wanted:
        yield f"trials {found} instead of {wanted}"
        return
    store = SearchStore(folder / "runs", "habit")
    for trial, (parameters, folds) in zip(trials, expected, strict=True):
        for split, scores in enumerate(folds):
            record = store.read_fold(trial.trial_id, split)
            assert record is not None
            for metric in ("val_loss", habit.metric):
                ours, theirs = record.scores[metric], scores[metric]
                if not math.isclose(ours, theirs, rel_tol=2e-5, abs_tol=1e-6):
                    yield f"{metric} {ours} instead of {theirs} in fold {split} of {parameters}"


def _train(module: ModuleType, parameters: Any, train: Any, test: Any, seed: int) -> Any:
    """One fold: batch after batch, in the order that the seed gives."""
    y = np.asarray(getattr(module, "y", Y), np.float32)
    keras.utils.clear_session(free_memory=False)
    keras.utils.set_random_seed(seed)
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = dict(parameters)
    built = module.Model() if hasattr(module, "Model") else module
    model = built.build(hyperparameters)
    # Nothing here takes long enough to be worth tracing.
    model.run_eagerly = True
    if not model.built:
        model(X[:1])
    if hasattr(module, "adapt"):
        module.adapt(model, X[train])
    orders = epoch_orders(seed, len(train))
    size = parameters.get("batch_size", BATCH)
    for epoch in range(EPOCHS):
        if hasattr(module, "before_epoch"):
            module.before_epoch(model, epoch)
        order = np.arange(len(train)) if hasattr(module, "IN_ORDER") else next(orders)
        for first in range(0, len(train), size):
            rows = train[order[first : first + size]]
            weights = getattr(module, "weights", None)
            model.train_on_batch(X[rows], y[rows], None if weights is None else weights[rows])
    weights = getattr(module, "scored_weights", None)
    scores = model.evaluate(
        X[test],
        y[test],
        sample_weight=None if weights is None else weights[test],
        batch_size=4096,
        return_dict=True,
        verbose=0,
    )
    return {f"val_{name}": value for name, value in scores.items()}

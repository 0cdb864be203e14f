"""What kt-grid is timed beside: the same grids as others would run them today.

Each peer takes the name of one of the tutorial's experiments or of a workload, and returns its best
score as text, or None if it can't do it. All train the very models and folds that kt-grid trains;
on torch, models of the same layers. For `benchmark.py`.
"""

import itertools
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from workloads import WORKLOADS, write_rows

EXPERIMENTS = (
    "batch_epochs", "optimizer", "learning_rate", "init", "activation", "dropout", "neurons",
)  # fmt: skip
FOLDS, EPOCHS, BATCH_SIZE, SEED = 3, 100, 10, 7


@dataclass(frozen=True)
class Study:
    """What all peers are given.

    Attributes:
        make: Makes a compiled model of a combination, apart from batch size and epochs.
        grid: Values by axis.
        x: Features.
        y: Targets.
        fit: Batch size and epochs, where the grid doesn't say.
        folds: Splits rows, as scikit-learn does.
    """

    make: Callable[..., Any]
    grid: dict[str, list[Any]]
    x: Any
    y: Any
    fit: dict[str, int]
    folds: Any

    def trainings(self) -> Iterator[tuple[dict[str, Any], dict[str, int]]]:
        """Yield every combination: what the model is made of, and what it is fitted with."""
        for values in itertools.product(*self.grid.values()):
            chosen = dict(zip(self.grid, values, strict=True))
            fit = {name: chosen.pop(name, usual) for name, usual in self.fit.items()}
            yield chosen, fit


def study(name: str) -> Study:
    """Return what a name stands for."""
    from sklearn.model_selection import KFold, StratifiedKFold

    if name in WORKLOADS:
        work = WORKLOADS[name]
        fit = {"batch_size": work.batch_size, "epochs": work.epochs}
        return Study(work.make, work.grid, *work.rows(), fit, StratifiedKFold(FOLDS))
    import keras_tuner

    from kt_grid.data import bundled, read_csv
    from kt_grid.plan.experiments import load_experiment

    loaded, data = load_experiment(name), read_csv(bundled())
    grid: Any = loaded.grid

    def make(**parameters: Any) -> Any:
        space = keras_tuner.HyperParameters()
        for axis, value in parameters.items():
            space.Fixed(axis, value)
        model = loaded.model(space)
        # SciKeras can't wrap a model that doesn't know its input's shape.
        model.build((None, data.x.shape[1]))
        return model

    axes = {axis: list(values) for axis, values in grid.items()}
    fit = {"batch_size": BATCH_SIZE, "epochs": EPOCHS}
    return Study(make, axes, data.x, data.y, fit, KFold(FOLDS))


def command(name: str, folder: Path) -> list[str]:
    """The command that searches an experiment or a workload, whose rows it writes to a folder."""
    words = [sys.executable, "-m", "kt_grid", "run"]
    if name not in WORKLOADS:
        return [*words, name]
    rows, work = folder / f"{name}.npz", WORKLOADS[name]
    write_rows(name, rows)
    file = Path(__file__).with_name("workloads.py")
    fit = ["--epochs", str(work.epochs), "--batch-size", str(work.batch_size)]
    return [*words, f"{file}:{name}", "--data", str(rows), *fit]


def kt_grid_engine(*options: str) -> Callable[[str], str]:
    """Make a peer of the command line, as a user calls it with some options."""

    def run(name: str) -> str:
        words = [*command(name, Path.cwd()), *options, "--no-refit", "--quiet"]
        done = subprocess.run(words, capture_output=True, text=True, check=True)
        return done.stdout.splitlines()[0]

    return run


def scikeras(jobs: int) -> Callable[[str], str]:
    """SciKeras and scikit-learn's GridSearchCV, as the tutorial would be written today."""

    def run(name: str) -> str:
        from scikeras.wrappers import KerasClassifier
        from sklearn.model_selection import GridSearchCV

        given = study(name)
        own = [axis for axis in given.grid if axis not in given.fit]
        model = KerasClassifier(
            model=given.make, **given.fit, verbose=0, random_state=SEED,
            **{f"model__{axis}": given.grid[axis][0] for axis in own},
        )  # fmt: skip
        routed = {
            f"model__{axis}" if axis in own else axis: values for axis, values in given.grid.items()
        }
        search = GridSearchCV(model, routed, cv=given.folds, n_jobs=jobs, refit=False)
        search.fit(given.x, given.y)
        return f"{search.best_score_:.6f}"

    return run


def skorch(name: str) -> str | None:
    """Torch by skorch's classifiers under GridSearchCV, a process per core, one thread each."""
    from torch_models import NETWORKS

    if name not in NETWORKS:
        return None
    import joblib
    import torch
    from sklearn.model_selection import GridSearchCV
    from skorch import NeuralNetClassifier

    given = study(name)
    torch.manual_seed(SEED)
    rate = given.grid.get("learning_rate", [0.001])
    own = {axis: v for axis, v in given.grid.items() if axis not in ("learning_rate", *given.fit)}
    model = NeuralNetClassifier(
        NETWORKS[name], max_epochs=given.fit["epochs"], batch_size=given.fit["batch_size"],
        optimizer=torch.optim.Adam, iterator_train__shuffle=True, train_split=None, verbose=0,
        criterion=torch.nn.CrossEntropyLoss,
    )  # fmt: skip
    routed = {f"module__{axis}": values for axis, values in own.items()}
    search = GridSearchCV(model, {**routed, "lr": rate}, cv=given.folds, n_jobs=-1, refit=False)
    with joblib.parallel_config(backend="loky", inner_max_num_threads=1):
        search.fit(given.x, given.y.astype("int64"))
    return f"{search.best_score_:.6f}"


def plain_keras(name: str) -> str:
    """Keras by hand, as an expert would write it: compiled steps, an epoch per call."""
    import keras
    import numpy as np

    given = study(name)
    best = 0.0
    for chosen, fit in given.trainings():
        scores = []
        for train, test in given.folds.split(given.x, given.y):
            keras.utils.set_random_seed(SEED)
            model = given.make(**chosen)
            steps = -(-len(train) // fit["batch_size"])
            model.compile(
                model.optimizer, model.loss, metrics=["accuracy"], jit_compile=True,
                steps_per_execution=steps,
            )  # fmt: skip
            model.fit(given.x[train], given.y[train], verbose=0, **fit)
            scores.append(model.evaluate(given.x[test], given.y[test], verbose=0)[1])
        best = max(best, float(np.mean(scores)))
    return f"{best:.6f}"


def keras_tuner_loop(name: str) -> str:
    """keras-tuner's own GridSearch, with the folds written by hand in `run_trial`."""
    import keras_tuner
    import numpy as np

    given = study(name)

    def declared(space: Any) -> Any:
        chosen = {axis: space.Choice(axis, values) for axis, values in given.grid.items()}
        return given.make(**{axis: v for axis, v in chosen.items() if axis not in given.fit})

    class Folds(keras_tuner.GridSearch):  # type: ignore[misc] # keras-tuner is untyped
        def run_trial(self, trial: Any, x: Any, y: Any, **_: Any) -> float:
            values = trial.hyperparameters.values
            fit = {axis: values.get(axis, usual) for axis, usual in given.fit.items()}
            scores = []
            for train, test in given.folds.split(x, y):
                model = self.hypermodel.build(trial.hyperparameters)
                model.fit(x[train], y[train], verbose=0, **fit)
                scores.append(model.evaluate(x[test], y[test], verbose=0)[1])
            return -float(np.mean(scores))

    tuner = Folds(declared, directory="kt", project_name=name, seed=SEED)
    tuner.search(given.x, given.y, verbose=0)
    return f"{-tuner.oracle.get_best_trials(1)[0].score:.6f}"


def scikit_learn(experiment: str) -> str | None:
    """scikit-learn's own network: no dropout and no max-norm, but the same loop without Keras."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV
    from sklearn.neural_network import MLPClassifier

    grids = {
        "neurons": {"hidden_layer_sizes": [(n,) for n in (1, 5, 10, 15, 20, 25, 30)]},
        "batch_epochs": {"batch_size": [10, 20, 40, 60, 80, 100], "max_iter": [10, 50, 100]},
    }
    if experiment not in grids:
        return None
    warnings.simplefilter("ignore", ConvergenceWarning)
    given = study(experiment)
    model = MLPClassifier((12,), batch_size=BATCH_SIZE, max_iter=EPOCHS, tol=0, random_state=SEED)
    search = GridSearchCV(model, grids[experiment], cv=given.folds, n_jobs=-1, refit=False)
    search.fit(given.x, given.y)
    return f"{search.best_score_:.6f}"


PEERS: dict[str, Callable[[str], str | None]] = {
    "kt-grid": kt_grid_engine(),
    "kt-grid, 1 worker": kt_grid_engine("--workers", "1"),
    "kt-grid keras": kt_grid_engine("--engine", "keras"),
    "scikit-learn MLP": scikit_learn,
    "skorch n_jobs=-1": skorch,
    "SciKeras n_jobs=-1": scikeras(-1),
    "SciKeras n_jobs=1": scikeras(1),
    "keras-tuner loop": keras_tuner_loop,
    "plain Keras, jit": plain_keras,
}

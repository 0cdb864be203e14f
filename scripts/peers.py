"""What kt-grid is timed beside: the tutorial's experiments as others would run them today.

Each peer takes an experiment's name and returns its best score as text, or None if it can't do it.
All train the very models and folds that kt-grid trains. For `benchmark.py`.
"""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

EXPERIMENTS = (
    "batch_epochs", "optimizer", "learning_rate", "init", "activation", "dropout", "neurons",
)  # fmt: skip
FOLDS, EPOCHS, BATCH_SIZE, SEED = 3, 100, 10, 7


def kt_grid_engine(engine: str) -> Callable[[str], str]:
    """Make a peer of one of kt-grid's engines: the command line as a user calls it."""

    def run(experiment: str) -> str:
        words = ["run", experiment, "--engine", engine, "--no-refit", "--quiet"]
        done = subprocess.run(
            [sys.executable, "-m", "kt_grid", *words], capture_output=True, text=True, check=True
        )
        return done.stdout.splitlines()[0]

    return run


def study(experiment: str) -> tuple[Callable[..., Any], dict[str, list[Any]], Any]:
    """Return a function of the parameters that builds the model, the grid, and the data."""
    import keras_tuner

    from kt_grid.data import bundled, read_csv
    from kt_grid.plan.experiments import load_experiment

    loaded, data = load_experiment(experiment), read_csv(bundled())
    grid: Any = loaded.grid

    def build(**parameters: Any) -> Any:
        space = keras_tuner.HyperParameters()
        for name in grid:
            if name in parameters:
                space.Fixed(name, parameters[name])
        model = loaded.model(space)
        # SciKeras can't wrap a model that doesn't know its input's shape.
        model.build((None, data.x.shape[1]))
        return model

    return build, {axis: list(values) for axis, values in grid.items()}, data


def scikeras(jobs: int) -> Callable[[str], str]:
    """SciKeras and scikit-learn's GridSearchCV, as the tutorial would be written today."""

    def run(experiment: str) -> str:
        from scikeras.wrappers import KerasClassifier
        from sklearn.model_selection import GridSearchCV, KFold

        build, grid, data = study(experiment)
        own = [name for name in grid if name not in ("batch_size", "epochs")]
        model = KerasClassifier(
            model=build, epochs=EPOCHS, batch_size=BATCH_SIZE, verbose=0, random_state=SEED,
            **{f"model__{name}": grid[name][0] for name in own},
        )  # fmt: skip
        routed = {f"model__{name}" if name in own else name: grid[name] for name in grid}
        search = GridSearchCV(model, routed, cv=KFold(FOLDS), n_jobs=jobs, refit=False)
        search.fit(data.x, data.y)
        return f"{search.best_score_:.6f}"

    return run


def keras_tuner_loop(experiment: str) -> str:
    """keras-tuner's own GridSearch, with the folds written by hand in `run_trial`."""
    import keras_tuner
    import numpy as np
    from sklearn.model_selection import KFold

    build, grid, data = study(experiment)

    def declared(space: Any) -> Any:
        return build(**{name: space.Choice(name, values) for name, values in grid.items()})

    class Folds(keras_tuner.GridSearch):  # type: ignore[misc] # keras-tuner is untyped
        def run_trial(self, trial: Any, x: Any, y: Any, **_: Any) -> float:
            values = trial.hyperparameters.values
            fit = {name: values[name] for name in ("epochs", "batch_size") if name in values}
            scores = []
            for train, test in KFold(FOLDS).split(x):
                model = self.hypermodel.build(trial.hyperparameters)
                model.fit(
                    x[train], y[train], verbose=0,
                    **{"epochs": EPOCHS, "batch_size": BATCH_SIZE, **fit},
                )  # fmt: skip
                scores.append(model.evaluate(x[test], y[test], verbose=0)[1])
            return -float(np.mean(scores))

    tuner = Folds(declared, directory="kt", project_name=experiment, seed=SEED)
    tuner.search(data.x, data.y, verbose=0)
    return f"{-tuner.oracle.get_best_trials(1)[0].score:.6f}"


def scikit_learn(experiment: str) -> str | None:
    """scikit-learn's own network: no dropout and no max-norm, but the same loop without Keras."""
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from sklearn.model_selection import GridSearchCV, KFold
    from sklearn.neural_network import MLPClassifier

    grids = {
        "neurons": {"hidden_layer_sizes": [(n,) for n in (1, 5, 10, 15, 20, 25, 30)]},
        "batch_epochs": {"batch_size": [10, 20, 40, 60, 80, 100], "max_iter": [10, 50, 100]},
    }
    if experiment not in grids:
        return None
    warnings.simplefilter("ignore", ConvergenceWarning)
    _, _, data = study(experiment)
    model = MLPClassifier((12,), batch_size=BATCH_SIZE, max_iter=EPOCHS, tol=0, random_state=SEED)
    search = GridSearchCV(model, grids[experiment], cv=KFold(FOLDS), n_jobs=-1, refit=False)
    search.fit(data.x, data.y)
    return f"{search.best_score_:.6f}"


PEERS: dict[str, Callable[[str], str | None]] = {
    "kt-grid": kt_grid_engine("auto"),
    "kt-grid keras": kt_grid_engine("keras"),
    "scikit-learn MLP": scikit_learn,
    "SciKeras n_jobs=-1": scikeras(-1),
    "SciKeras n_jobs=1": scikeras(1),
    "keras-tuner loop": keras_tuner_loop,
}

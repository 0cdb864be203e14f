"""A program with types, which `mypy --strict` passes.

    python scripts/examples/typed.py

kt-grid has types; Keras and keras-tuner have none, so what comes from them is `Any`.
"""

from pathlib import Path
from typing import Any

import kt_grid
from kt_grid.data import bundled


def build(hp: Any) -> Any:
    import keras  # type: ignore[import-untyped, unused-ignore]

    hidden = keras.layers.Dense(hp.Choice("units", [2, 4]), activation="relu")
    output = keras.layers.Dense(1, activation="sigmoid")
    model = keras.Sequential([keras.layers.Normalization(), hidden, output])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


def search(rows: kt_grid.Dataset, directory: Path) -> kt_grid.CrossValidationTuner:
    tuner = kt_grid.CrossValidationTuner(
        build,
        objective="val_accuracy",
        cv=kt_grid.StratifiedKFold(3),
        grid={"epochs": [2, 4]},
        directory=directory,
        project_name="typed",
    )
    tuner.search(rows.x, rows.y, batch_size=40, verbose=0)
    return tuner


def main() -> None:
    rows: kt_grid.Dataset = kt_grid.read_csv(bundled())
    tuner = search(rows, Path("runs"))
    score: float = tuner.best_score
    parameters: dict[str, Any] = tuner.best_params
    print(f"{score:f} {parameters}")

    results: kt_grid.SearchResults = tuner.search_results()
    completed: list[kt_grid.TrialResult] = list(results.completed)
    verdict: kt_grid.Verdict = kt_grid.judge(kt_grid.analyse(results))
    print(len(completed), str(verdict))

    try:
        tuner.refit()
        predictor: kt_grid.Predictor = kt_grid.load_predictor(Path("runs", "typed"))
        print(predictor.predict(rows.x[:3]))
    except kt_grid.KtGridError as error:
        raise SystemExit(str(error)) from error


if __name__ == "__main__":
    main()

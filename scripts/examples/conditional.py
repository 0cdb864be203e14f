"""Axes that count only beside some values of another: each combination is trained once.

python scripts/examples/conditional.py
"""

import keras

import kt_grid
from kt_grid.data import bundled


def build(hp):
    layers = [keras.layers.Normalization()]
    if hp.Choice("kind", ["linear", "deep"]) == "deep":
        with hp.conditional_scope("kind", ["deep"]):
            layers.append(keras.layers.Dense(hp.Choice("units", [4, 8]), "relu"))
    model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


pima = kt_grid.read_csv(bundled())
tuner = kt_grid.CrossValidationTuner(build, cv=3, directory="runs", project_name="conditional")
tuner.search(pima.x, pima.y, epochs=5, batch_size=40)
print(tuner.results()[["params", "mean_test_score", "std_test_score"]])
print(tuner.best_score, tuner.best_params)

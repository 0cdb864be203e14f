"""The tutorial's last experiment: how wide the hidden layer should be, on the Pima data.

    python scripts/examples/neurons.py

On the command line it is `kt-grid run neurons`.
"""

import keras

import kt_grid
from kt_grid.data import bundled


def build(hp):
    bounded = {"kernel_constraint": keras.constraints.MaxNorm(4), "kernel_initializer": "uniform"}
    layers = [
        keras.layers.Dense(hp.Choice("neurons", [1, 5, 10]), **bounded),
        keras.layers.Dropout(0.2),
        keras.layers.Dense(1, activation="sigmoid", kernel_initializer="uniform"),
    ]
    model = keras.Sequential(layers)
    model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
    return model


pima = kt_grid.read_csv(bundled())
tuner = kt_grid.CrossValidationTuner(build, cv=3, directory="runs", project_name="neurons_example")
tuner.search(pima.x, pima.y, epochs=20, batch_size=10)
print(tuner.best_score, tuner.best_params)

"""A score of one's own, from a HyperModel that trains in its own way.

python scripts/examples/score.py
"""

import keras
import keras_tuner
import numpy as np

import kt_grid
from kt_grid.data import bundled


class Costly(keras_tuner.HyperModel):
    """A missed case costs five times what a false alarm does."""

    def build(self, hp):
        layers = [keras.layers.Normalization(), keras.layers.Dense(8, "relu")]
        model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
        model.compile("adam", "binary_crossentropy")
        return model

    def fit(self, hp, model, x, y, validation_data, **kwargs):
        weight = {0: 1.0, 1: hp.Choice("weight", [1.0, 5.0])}
        model.fit(x, y, class_weight=weight, verbose=0, **kwargs)
        x_test, y_test = validation_data
        alarm = model.predict(x_test, verbose=0)[:, 0] > 0.5
        return {"cost": float(np.mean(np.where(y_test == 1, 5.0 * ~alarm, 1.0 * alarm)))}


pima = kt_grid.read_csv(bundled())
tuner = kt_grid.CrossValidationTuner(
    Costly(), objective="min:cost", cv=3, directory="runs", project_name="score"
)
tuner.search(pima.x, pima.y, epochs=5, batch_size=40)
print(tuner.best_score, tuner.best_params)

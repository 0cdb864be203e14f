"""Several classes by their names; the loss decides that they become one-hot rows.

    python scripts/examples/classes.py

On the command line: kt-grid run my_file.py --data iris.csv --target species
"""

import keras
import numpy as np

import kt_grid

random = np.random.RandomState(0)
species = np.array(["setosa", "versicolor", "virginica"])[random.randint(0, 3, 90)]
petals = np.column_stack([np.char.str_len(species), random.normal(size=90)])


def build(hp):
    layers = [keras.layers.Normalization(), keras.layers.Dense(hp.Choice("units", [4, 8]), "relu")]
    model = keras.Sequential([*layers, keras.layers.Dense(3, "softmax")])
    model.compile(keras.optimizers.Adam(0.05), "categorical_crossentropy", metrics=["accuracy"])
    return model


tuner = kt_grid.CrossValidationTuner(build, cv=3, directory="runs", project_name="classes")
tuner.search(petals, species, epochs=10, batch_size=10)
print(tuner.best_score, tuner.best_params)
tuner.refit()
names = tuner.search_results().about.labels
print([names[place] for place in tuner.predict(petals[:3]).argmax(axis=1)])

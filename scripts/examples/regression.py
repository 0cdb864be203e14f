"""A regression with missing values, from a pandas DataFrame.

    python scripts/examples/regression.py

On the command line: kt-grid run my_file.py --data houses.csv --target price --missing keep
"""

import keras
import numpy as np
import pandas as pd

import kt_grid

random = np.random.RandomState(0)
houses = pd.DataFrame({"area": random.uniform(40, 200, 120), "rooms": random.randint(1, 7, 120)})
houses["price"] = 3 * houses["area"] + 20 * houses["rooms"] + random.normal(0, 10, 120)
houses.loc[::10, "area"] = np.nan


def build(hp):
    # Both are adapted in every fold to its training rows, and saved with the model.
    layers = [kt_grid.FillMissing(hp.Choice("gaps", ["mean", "median"]))]
    layers += [keras.layers.Normalization(), keras.layers.Dense(8, "relu"), keras.layers.Dense(1)]
    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(0.1), "mean_squared_error")
    return model


# No accuracy is compiled, so the objective is the loss, to be minimised.
tuner = kt_grid.CrossValidationTuner(build, cv=2, directory="runs", project_name="regression")
tuner.search(houses.drop(columns="price"), houses["price"], epochs=20, batch_size=20)
print(tuner.best_score, tuner.best_params)
tuner.refit()
print(tuner.predict(pd.DataFrame({"area": [100.0, np.nan], "rooms": [3, 3]})))

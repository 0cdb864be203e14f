"""Batch size and number of epochs: the tutorial's listing, each old line above the new one.

    python scripts/examples/from_the_tutorial/batch_epochs.py

On the command line: kt-grid run batch_epochs
"""

import keras

import kt_grid
from kt_grid.data import bundled

# dataset = numpy.loadtxt("pima-indians-diabetes.csv", delimiter=",")
# X, Y = dataset[:, 0:8], dataset[:, 8]
dataset = kt_grid.read_csv(bundled())
X, Y = dataset.x, dataset.y


# def create_model():
def create_model(hp):
    model = keras.Sequential()
    model.add(keras.layers.Dense(12, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


# numpy.random.seed(7), tf.random.set_seed(7): seed=7 below, for every random draw
# model = KerasClassifier(model=create_model, verbose=0)
# param_grid = dict(batch_size=batch_size, epochs=epochs)
param_grid = {"batch_size": [10, 20, 40, 60, 80, 100], "epochs": [10, 50, 100]}

# grid = GridSearchCV(estimator=model, param_grid=param_grid, n_jobs=-1, cv=3)
# Its three folds were plain ones; cv=3 here would be stratified.
grid = kt_grid.CrossValidationTuner(
    create_model,
    grid=param_grid,
    cv=kt_grid.KFold(3),
    seed=7,
    directory="runs",
    project_name="tutorial_batch_epochs",
)

# grid_result = grid.fit(X, Y)
grid_result = grid
grid.search(X, Y)

# The closing lines stay as they were.
print("Best: %f using %s" % (grid_result.best_score_, grid_result.best_params_))
means = grid_result.cv_results_["mean_test_score"]
stds = grid_result.cv_results_["std_test_score"]
params = grid_result.cv_results_["params"]
for mean, stdev, param in zip(means, stds, params):
    print("%f (%f) with: %r" % (mean, stdev, param))

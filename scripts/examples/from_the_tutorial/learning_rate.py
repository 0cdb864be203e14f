"""Learning rate and momentum: the tutorial's listing, each old line above the new one.

    python scripts/examples/from_the_tutorial/learning_rate.py

On the command line: kt-grid run learning_rate
"""

import keras

import kt_grid
from kt_grid.data import bundled

# dataset = numpy.loadtxt("pima-indians-diabetes.csv", delimiter=",")
# X, Y = dataset[:, 0:8], dataset[:, 8]
dataset = kt_grid.read_csv(bundled())
X, Y = dataset.x, dataset.y


# def create_model(learn_rate=0.01, momentum=0):
def create_model(hp):
    model = keras.Sequential()
    model.add(keras.layers.Dense(12, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    optimizer = keras.optimizers.SGD(
        learning_rate=hp.get("learn_rate"), momentum=hp.get("momentum")
    )
    model.compile(loss="binary_crossentropy", optimizer=optimizer, metrics=["accuracy"])
    return model


# numpy.random.seed(7), tf.random.set_seed(7): seed=7 below, for every random draw
# model = KerasClassifier(model=create_model, epochs=100, batch_size=10, verbose=0)
# param_grid = dict(model__learn_rate=learn_rate, model__momentum=momentum)
learn_rate = [0.001, 0.01, 0.1, 0.2, 0.3]
momentum = [0.0, 0.2, 0.4, 0.6, 0.8, 0.9]
param_grid = {"learn_rate": learn_rate, "momentum": momentum}

# grid = GridSearchCV(estimator=model, param_grid=param_grid, n_jobs=-1, cv=3)
# Its three folds were plain ones; cv=3 here would be stratified.
grid = kt_grid.CrossValidationTuner(
    create_model,
    grid=param_grid,
    cv=kt_grid.KFold(3),
    seed=7,
    directory="runs",
    project_name="tutorial_learning_rate",
)

# grid_result = grid.fit(X, Y)
grid_result = grid
grid.search(X, Y, epochs=100, batch_size=10)

# The closing lines stay as they were.
print("Best: %f using %s" % (grid_result.best_score_, grid_result.best_params_))
means = grid_result.cv_results_["mean_test_score"]
stds = grid_result.cv_results_["std_test_score"]
params = grid_result.cv_results_["params"]
for mean, stdev, param in zip(means, stds, params):
    print("%f (%f) with: %r" % (mean, stdev, param))

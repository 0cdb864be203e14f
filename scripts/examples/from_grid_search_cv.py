"""From scikit-learn's GridSearchCV and SciKeras to kt-grid, line by line.

    python scripts/examples/from_grid_search_cv.py

Each old line stands above the new one.
"""

# from scikeras.wrappers import KerasClassifier
# from sklearn.model_selection import GridSearchCV
import keras

import kt_grid

# data = numpy.loadtxt("pima-indians-diabetes.csv", delimiter=",")
# X, Y = data[:, 0:8], data[:, 8]
from kt_grid.data import bundled

pima = kt_grid.read_csv(bundled())
X, Y = pima.x, pima.y


# def create_model(neurons):
def create_model(hp):
    # neurons is an argument there, and is asked of hp here
    neurons = hp.get("neurons")
    model = keras.Sequential()
    model.add(keras.layers.Dense(neurons, activation="relu"))
    model.add(keras.layers.Dense(1, activation="sigmoid"))
    model.compile(loss="binary_crossentropy", optimizer="adam", metrics=["accuracy"])
    return model


# numpy.random.seed(7) and tf.random.set_seed(7): seed=7 below, for every draw there is
# model = KerasClassifier(model=create_model, epochs=20, batch_size=40, verbose=0)
# param_grid = dict(model__neurons=[1, 5])
param_grid = {"neurons": [1, 5]}

# grid = GridSearchCV(estimator=model, param_grid=param_grid, cv=3, n_jobs=-1)
grid = kt_grid.CrossValidationTuner(
    create_model, grid=param_grid, cv=3, seed=7, directory="runs", project_name="from_sklearn"
)

# grid_result = grid.fit(X, Y)
grid.search(X, Y, epochs=20, batch_size=40)

# print(grid_result.best_score_, grid_result.best_params_)
print(grid.best_score, grid.best_params)

# pandas.DataFrame(grid_result.cv_results_)[["mean_test_score", "std_test_score", "params"]]
print(grid.results()[["mean_test_score", "std_test_score", "params"]])

# refit=True is the default there
# grid_result.best_estimator_.predict_proba(X[:2])
grid.refit()
print(grid.predict(X[:2]))

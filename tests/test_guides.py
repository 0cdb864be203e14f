"""What keras-tuner's guides do runs here with folds: their shapes, on little data.

Only the tuner's name is another, and `validation_data` isn't given, since every fold is one.
"""

import keras
import keras_tuner
import numpy as np
import pytest
import tensorflow as tf

from kt_grid.search.tuner import CrossValidationTuner

RANDOM = np.random.RandomState(0)
X = RANDOM.uniform(size=(24, 4)).astype(np.float32)
IMAGES = RANDOM.uniform(size=(24, 3, 3, 1)).astype(np.float32)
CLASSES = RANDOM.randint(0, 3, 24)
NUMBERS = X.sum(axis=1, keepdims=True)
L = keras.layers


def softmax(units, activation="relu", rate=0.01, dropout=False):
    model = keras.Sequential([L.Flatten(), L.Dense(units, activation=activation)])
    if dropout:
        model.add(L.Dropout(rate=0.25))
    model.add(L.Dense(3, activation="softmax"))
    model.compile(
        optimizer=keras.optimizers.Adam(learning_rate=rate),
        loss="categorical_crossentropy",
        metrics=["accuracy"],
    )
    return model


def regression(hp):
    units = hp.Int("units", 4, 8, step=4)
    model = keras.Sequential([L.Dense(units, "relu"), L.Dense(1)])
    model.compile(optimizer="adam", loss="mean_squared_error", metrics=["mean_absolute_error"])
    return model


def search(directory, hypermodel, x, y, objective=None, refit=False, **fit):
    tuner = CrossValidationTuner(hypermodel, objective, cv=2, directory=directory)
    tuner.search(x, y, **({"epochs": 2} | fit))
    trials = tuner.search_results().trials
    assert {trial.status for trial in trials} == {"COMPLETED"}, trials[0].reason
    if refit:
        tuner.refit()
    return tuner, [trial.parameters for trial in trials]


def test_existing_code_is_called_with_the_hyperparameters(tmp_path):
    """Getting started: keep Keras code separate; one-hot targets from integers."""

    def build_model(hp):
        return softmax(
            units=hp.Int("units", min_value=4, max_value=4, step=4),
            activation=hp.Choice("activation", ["relu"]),
            dropout=hp.Boolean("dropout"),
        )

    tuner, parameters = search(tmp_path, build_model, IMAGES, keras.utils.to_categorical(CLASSES))
    assert [p["dropout"] for p in parameters] == [True, False]
    assert str(tuner.target) == "max:val_accuracy"
    again = CrossValidationTuner(build_model, cv=2, directory=tmp_path, project_name="integers")
    again.search(IMAGES, CLASSES, epochs=2)
    assert (
        again.results()["mean_test_score"].tolist() == tuner.results()["mean_test_score"].tolist()
    )


def test_the_number_of_layers_is_tuned(tmp_path):
    """Getting started: a loop over hp.Int, with axes for the layers that there are."""

    def build_model(hp):
        model = keras.Sequential([L.Flatten()])
        for i in range(hp.Int("num_layers", 1, 2)):
            model.add(L.Dense(units=hp.Choice(f"units_{i}", [2]), activation="relu"))
        model.add(L.Dense(3, activation="softmax"))
        model.compile("adam", loss="sparse_categorical_crossentropy", metrics=["accuracy"])
        return model

    _, parameters = search(tmp_path, build_model, IMAGES, CLASSES)
    assert {p["num_layers"] for p in parameters} == {1, 2}
    assert {p.get("units_1") for p in parameters if p["num_layers"] == 2} == {2}


def test_conditional_scopes_train_each_combination_once(tmp_path):
    class MyHyperModel(keras_tuner.HyperModel):
        def build(self, hp):
            kind = hp.Choice("model_type", ["linear", "mlp"])
            model = keras.Sequential([L.Flatten()])
            with hp.conditional_scope("model_type", ["mlp"]):
                if kind == "mlp":
                    model.add(L.Dense(hp.Choice("units", [2, 4]), activation="relu"))
            model.add(L.Dense(3, activation="softmax"))
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            return model

    _, parameters = search(tmp_path, MyHyperModel(), IMAGES, CLASSES)
    assert parameters == [
        {"model_type": "linear"},
        {"model_type": "mlp", "units": 2},
        {"model_type": "mlp", "units": 4},
    ]


@pytest.mark.usefixtures("eagerly")
def test_fit_arguments_are_tuned(tmp_path):
    """Getting started: tune model training, and preprocess in fit."""

    class MyHyperModel(keras_tuner.HyperModel):
        def build(self, hp):
            return softmax(units=hp.Choice("units", [4]))

        def fit(self, hp, model, x, y, **kwargs):
            if hp.Boolean("normalize"):
                x = L.Normalization()(x)
            return model.fit(
                x,
                y,
                shuffle=False,
                batch_size=hp.Choice("batch_size", [6, 12]),
                verbose=0,
                **kwargs,
            )

    _, parameters = search(tmp_path, MyHyperModel(), IMAGES, keras.utils.to_categorical(CLASSES))
    assert len(parameters) == 4


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("objective", [None, "min:val_loss"])
def test_a_number_that_fit_returns_is_minimised(tmp_path, objective):
    """Getting started: custom metric as the objective."""

    class HyperRegressor(keras_tuner.HyperModel):
        def build(self, hp):
            return regression(hp)

        def fit(self, hp, model, x, y, validation_data, **kwargs):
            model.fit(x, y, verbose=0, **kwargs)
            x_val, y_val = validation_data
            return np.mean(np.abs(y_val - model.predict(x_val, verbose=0)))

    tuner, parameters = search(tmp_path, HyperRegressor(), X, NUMBERS, objective)
    assert parameters == [{"units": 4}, {"units": 8}]
    assert tuner.best_score == tuner.results()["mean_test_score"].min()


@pytest.mark.usefixtures("eagerly")
def test_scores_that_fit_returns_by_name_are_the_objective(tmp_path):
    class HyperRegressor(keras_tuner.HyperModel):
        def build(self, hp):
            return regression(hp)

        def fit(self, hp, model, x, y, validation_data, **kwargs):
            model.fit(x, y, verbose=0, **kwargs)
            x_val, y_val = validation_data
            error = np.mean(np.abs(y_val - model.predict(x_val, verbose=0)))
            return {"metric_a": -error, "metric_b": error}

    objective = keras_tuner.Objective("metric_a", "max")
    tuner, _ = search(tmp_path, HyperRegressor(), X, NUMBERS, objective)
    assert tuner.best_score == tuner.results()["mean_test_score"].max() < 0


def test_a_custom_training_loop_is_tuned(tmp_path):
    """Its model isn't compiled; its fit asks for validation_data and callbacks."""

    class MyHyperModel(keras_tuner.HyperModel):
        def build(self, hp):
            inputs = keras.Input(shape=(3, 3, 1))
            x = L.Dense(units=hp.Choice("units", [4, 8]), activation="relu")(L.Flatten()(inputs))
            return keras.Model(inputs=inputs, outputs=L.Dense(3)(x))

        def fit(self, hp, model, x, y, validation_data, callbacks=None, **kwargs):
            batch_size = hp.Int("batch_size", 6, 6, step=6, default=6)
            train = tf.data.Dataset.from_tensor_slices((x, y)).batch(batch_size)
            held_out = tf.data.Dataset.from_tensor_slices(validation_data).batch(batch_size)
            optimizer = keras.optimizers.Adam(hp.Choice("learning_rate", [1e-2]))
            loss_fn = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
            metric = keras.metrics.Mean()
            for callback in callbacks:
                callback.set_model(model)
            best = float("inf")
            for epoch in range(2):
                for images, labels in train:
                    with tf.GradientTape() as tape:
                        loss = loss_fn(labels, model(images))
                    gradients = tape.gradient(loss, model.trainable_variables)
                    optimizer.apply_gradients(
                        zip(gradients, model.trainable_variables, strict=True)
                    )
                for images, labels in held_out:
                    metric.update_state(loss_fn(labels, model(images)))
                reached = float(metric.result().numpy())
                for callback in callbacks:
                    callback.on_epoch_end(epoch, logs={"my_metric": reached})
                metric.reset_state()
                best = min(best, reached)
            return best

    objective = keras_tuner.Objective("my_metric", "min")
    tuner, parameters = search(tmp_path, MyHyperModel(), IMAGES, CLASSES, objective, refit=True)
    assert len(parameters) == 2
    assert str(tuner.search_results().objective) == "min:my_metric"


def test_several_inputs_and_outputs(tmp_path):
    def build_model(hp):
        left, right = keras.Input((2,), name="left"), keras.Input((2,), name="right")
        both = L.Dense(hp.Choice("units", [2, 4]), "relu")(L.Concatenate()([left, right]))
        outputs = {
            "price": L.Dense(1, name="price")(both),
            "kind": L.Dense(3, "softmax", name="kind")(both),
        }
        model = keras.Model({"left": left, "right": right}, outputs)
        model.compile(
            "adam",
            {"price": "mse", "kind": "sparse_categorical_crossentropy"},
            metrics={"kind": ["accuracy"]},
        )
        return model

    x, y = {"left": X[:, :2], "right": X[:, 2:]}, {"price": NUMBERS, "kind": CLASSES}
    tuner, parameters = search(tmp_path, build_model, x, y, "max:val_kind_accuracy", refit=True)
    assert parameters == [{"units": 2}, {"units": 4}]
    assert {name: part.shape for name, part in tuner.predict(x).items()} == {
        "price": (24, 1),
        "kind": (24, 3),
    }

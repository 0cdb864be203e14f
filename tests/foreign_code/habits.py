"""How people write models: a table of habits, each with what it has to mean.

A habit is the text of a user's file as people write it, and the text of one in which everything
is made anew inside `build`. Both must give the same scores: the first with kt-grid, the second
with plain Keras, fold by fold. A new habit is one more entry.

A text may define `build(hp)` or `Model`, a `keras_tuner.HyperModel`; and `fit`, arguments of the
search, `grid`, its grid, and `y`, the target. `trials` are the combinations to expect, in order.
"""

from foreign_code.grids import GRIDS
from foreign_code.habit import FRESH, Habit
from foreign_code.outside import OUTSIDE
from foreign_code.targets import TARGETS

HABITS = (
    Habit("everything-anew", FRESH, FRESH),
    Habit(
        "metric-of-the-module",
        """
        AUC = keras.metrics.AUC(name="auc")

        def build(hp):
            return network(hp.Choice("units", [3, 4]), metrics=[AUC])
        """,
        """
        def build(hp):
            return network(hp.Choice("units", [3, 4]), metrics=[keras.metrics.AUC(name="auc")])
        """,
        metric="val_auc",
    ),
    Habit(
        "metric-in-a-default-argument",
        """
        def build(hp, metric=keras.metrics.BinaryAccuracy(name="right")):
            return network(hp.Choice("units", [3, 4]), metrics=[metric])
        """,
        """
        def build(hp):
            metric = keras.metrics.BinaryAccuracy(name="right")
            return network(hp.Choice("units", [3, 4]), metrics=[metric])
        """,
        metric="val_right",
    ),
    Habit(
        "metric-in-an-attribute",
        """
        class Model(keras_tuner.HyperModel):
            def __init__(self):
                super().__init__()
                self.metric = keras.metrics.MeanSquaredError(name="mse")

            def build(self, hp):
                return network(hp.Choice("units", [3, 4]), metrics=[self.metric])
        """,
        """
        def build(hp):
            metric = keras.metrics.MeanSquaredError(name="mse")
            return network(hp.Choice("units", [3, 4]), metrics=[metric])
        """,
        metric="val_mse",
    ),
    Habit(
        "optimizer-of-the-module",
        """
        ADAM = keras.optimizers.Adam(0.01)

        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=ADAM)
        """,
        """
        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.Adam(0.01))
        """,
    ),
    Habit(
        "schedule-and-loss-of-the-module",
        """
        RATE = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
        LOSS = keras.losses.BinaryCrossentropy(label_smoothing=0.1)

        def build(hp):
            optimizer = keras.optimizers.SGD(RATE)
            return network(hp.Choice("units", [3, 4]), optimizer=optimizer, loss=LOSS)
        """,
        """
        def build(hp):
            rate = keras.optimizers.schedules.ExponentialDecay(0.1, 2, 0.5)
            loss = keras.losses.BinaryCrossentropy(label_smoothing=0.1)
            optimizer = keras.optimizers.SGD(rate)
            return network(hp.Choice("units", [3, 4]), optimizer=optimizer, loss=loss)
        """,
    ),
    Habit(
        "initializer-and-regularizer-of-the-module",
        """
        INIT = keras.initializers.RandomNormal(stddev=0.3, seed=5)
        L2 = keras.regularizers.L2(0.01)

        def build(hp):
            units = hp.Choice("units", [3, 4])
            return network(units, kernel_initializer=INIT, kernel_regularizer=L2)
        """,
        """
        def build(hp):
            units = hp.Choice("units", [3, 4])
            init = keras.initializers.RandomNormal(stddev=0.3, seed=5)
            return network(units, kernel_initializer=init, kernel_regularizer=keras.regularizers.L2(0.01))
        """,
    ),
    Habit(
        "trainable-base-of-the-module",
        """
        keras.utils.set_random_seed(3)
        BASE = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")])

        def build(hp):
            hp.Choice("units", [3, 4])
            model = keras.Sequential([keras.Input((3,)), BASE, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        """
        keras.utils.set_random_seed(3)
        WEIGHTS = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")]).get_weights()

        def build(hp):
            hp.Choice("units", [3, 4])
            base = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh", kernel_initializer="zeros")])
            base.set_weights(WEIGHTS)
            model = keras.Sequential([keras.Input((3,)), base, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "frozen-base-of-the-module",
        """
        keras.utils.set_random_seed(3)
        BASE = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")])
        BASE.trainable = False

        def build(hp):
            hp.Choice("units", [3, 4])
            model = keras.Sequential([keras.Input((3,)), BASE, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        """
        keras.utils.set_random_seed(3)
        WEIGHTS = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")]).get_weights()

        def build(hp):
            hp.Choice("units", [3, 4])
            base = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh", kernel_initializer="zeros")])
            base.set_weights(WEIGHTS)
            base.trainable = False
            model = keras.Sequential([keras.Input((3,)), base, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "normalization-of-the-module",
        """
        NORMAL = keras.layers.Normalization()

        def build(hp):
            units = hp.Choice("units", [3, 4])
            layers = [keras.Input((3,)), NORMAL, keras.layers.Dense(units, "relu")]
            model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        """
        def build(hp):
            units = hp.Choice("units", [3, 4])
            layers = [keras.Input((3,)), keras.layers.Normalization(), keras.layers.Dense(units, "relu")]
            model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model

        def adapt(model, x):
            model.layers[0].adapt(x)
        """,
    ),
    Habit(
        "callback-of-the-module",
        """
        SLOWER = keras.callbacks.ReduceLROnPlateau("loss", factor=0.1, patience=0, min_delta=10.0)
        fit = {"callbacks": [SLOWER]}

        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.SGD(0.1))
        """,
        """
        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.SGD(0.1))

        def before_epoch(model, epoch):
            # The first epoch is always the best one so far; from then on none is.
            if epoch > 1:
                model.optimizer.learning_rate.assign(0.1 * 0.1 ** (epoch - 1))
        """,
    ),
    Habit(
        "dtype-policy-set-by-one-value",
        """
        def build(hp):
            units = hp.Choice("units", [3, 4])
            if units == 3:
                keras.config.set_floatx("float32")
                keras.config.set_epsilon(1e-2)
            return network(units)
        """,
        """
        def build(hp):
            units = hp.Choice("units", [3, 4])
            keras.config.set_epsilon(1e-2 if units == 3 else 1e-7)
            return network(units)
        """,
    ),
    Habit(
        "unscoped-loop",
        """
        def build(hp):
            layers = [keras.Input((3,))]
            for i in range(hp.Int("layers", 1, 2)):
                layers.append(keras.layers.Dense(hp.Choice(f"units_{i}", [2, 3]), "relu"))
            model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        trials=(
            {"layers": 1, "units_0": 2},
            {"layers": 1, "units_0": 3},
            {"layers": 2, "units_0": 2, "units_1": 2},
            {"layers": 2, "units_0": 2, "units_1": 3},
            {"layers": 2, "units_0": 3, "units_1": 2},
            {"layers": 2, "units_0": 3, "units_1": 3},
        ),
    ),
    Habit(
        "branch-by-a-boolean",
        """
        def build(hp):
            wide = hp.Boolean("wide")
            return network(hp.Choice("units", [3, 4]) if wide else 2)
        """,
        trials=({"wide": True, "units": 3}, {"wide": True, "units": 4}, {"wide": False}),
    ),
    Habit(
        "stated-axis-under-a-branch",
        """
        grid = {"units": [5, 6]}

        def build(hp):
            wide = hp.Boolean("wide")
            return network(hp.Choice("units", [3, 4]) if wide else 2)
        """,
        """
        def build(hp):
            wide = hp.Boolean("wide")
            return network(hp.Choice("units", [5, 6]) if wide else 2)
        """,
        trials=({"units": 5, "wide": True}, {"wide": False}, {"units": 6, "wide": True}),
    ),
    Habit(
        "range-that-depends",
        """
        def build(hp):
            most = hp.Int("most", 1, 2)
            return network(hp.Int("units", 1, most))
        """,
        trials=({"most": 1, "units": 1}, {"most": 2, "units": 1}, {"most": 2, "units": 2}),
    ),
    Habit(
        "list-of-the-module-that-grows",
        """
        BUILT = []

        def build(hp):
            BUILT.append(1)
            return network(hp.Choice("units", [3, 4]))
        """,
        FRESH,
    ),
    Habit(
        "labels-1-and-2",
        """
        y = 1 + np.arange(24) % 2

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
        FRESH,
    ),
    Habit(
        "loss-as-an-axis",
        """
        y = 1 + np.arange(24) % 2

        def build(hp):
            loss = hp.Choice("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
            model.compile("adam", loss, metrics=["accuracy"])
            return model
        """,
        """
        def build(hp):
            hp.Choice("loss", ["sparse_categorical_crossentropy", "categorical_crossentropy"])
            model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(2, "softmax")])
            model.compile("adam", "sparse_categorical_crossentropy", metrics=["accuracy"])
            return model
        """,
        trials=(
            {"loss": "sparse_categorical_crossentropy"},
            {"loss": "categorical_crossentropy"},
        ),
    ),
    Habit(
        "custom-layer-loss-and-metric",
        """
        class Twice(keras.layers.Layer):
            def call(self, inputs):
                return 2 * inputs

        def loss(y_true, y_pred):
            return keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

        def build(hp):
            layers = [keras.layers.Dense(hp.Choice("units", [3, 4])), Twice()]
            model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", loss, metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "subclass-with-a-train-step",
        """
        class Half(keras.Model):
            def __init__(self, units):
                super().__init__()
                self.hidden = keras.layers.Dense(units, "relu")
                self.out = keras.layers.Dense(1, "sigmoid")

            def call(self, x):
                return self.out(self.hidden(x))

            def compute_loss(self, *args, **kwargs):
                return 0.5 * super().compute_loss(*args, **kwargs)

        def build(hp):
            model = Half(hp.Choice("units", [3, 4]))
            model.compile(keras.optimizers.SGD(0.1), "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "fit-of-its-own-that-evaluates",
        """
        class Model(keras_tuner.HyperModel):
            def build(self, hp):
                return network(hp.Choice("units", [3, 4]))

            def fit(self, hp, model, x, y, **kwargs):
                model.evaluate(x, y, batch_size=512, verbose=0)
                kwargs.pop("validation_data", None)
                return model.fit(x, y, shuffle=False, verbose=0, **kwargs)
        """,
        """
        IN_ORDER = True

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
    ),
    Habit(
        "metric-of-several-numbers",
        """
        y = np.eye(2)[np.arange(24) % 2]

        def build(hp):
            layers = [keras.layers.Dense(hp.Choice("units", [3, 4])), keras.layers.Dense(2, "softmax")]
            model = keras.Sequential([keras.Input((3,)), *layers])
            model.compile("adam", "categorical_crossentropy", metrics=["accuracy", keras.metrics.F1Score()])
            return model
        """,
        """
        y = np.eye(2)[np.arange(24) % 2]

        def build(hp):
            layers = [keras.layers.Dense(hp.Choice("units", [3, 4])), keras.layers.Dense(2, "softmax")]
            model = keras.Sequential([keras.Input((3,)), *layers])
            model.compile("adam", "categorical_crossentropy", metrics=["accuracy"])
            return model
        """,
    ),
    *OUTSIDE,
    *GRIDS,
    *TARGETS,
)

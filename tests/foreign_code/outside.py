"""Habits of what is made, kept or changed outside of `build`."""

from foreign_code.habit import FRESH, Habit

OUTSIDE = (
    Habit(
        "weight-decay-excluded-outside",
        """
        ADAM = keras.optimizers.AdamW(0.05, weight_decay=0.9)
        ADAM.exclude_from_weight_decay(var_names=["kernel"])

        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=ADAM)
        """,
        """
        def build(hp):
            adam = keras.optimizers.AdamW(0.05, weight_decay=0.9)
            adam.exclude_from_weight_decay(var_names=["kernel"])
            return network(hp.Choice("units", [3, 4]), optimizer=adam)
        """,
    ),
    Habit(
        "optimizers-in-a-dict",
        """
        OPTIMIZERS = {"sgd": keras.optimizers.SGD(0.1), "adam": keras.optimizers.Adam()}

        def build(hp):
            return network(3, optimizer=OPTIMIZERS[hp.Choice("optimizer", ["sgd", "adam"])])
        """,
        """
        def build(hp):
            made = {"sgd": keras.optimizers.SGD(0.1), "adam": keras.optimizers.Adam()}
            return network(3, optimizer=made[hp.Choice("optimizer", ["sgd", "adam"])])
        """,
        trials=({"optimizer": "sgd"}, {"optimizer": "adam"}),
    ),
    Habit(
        "optimizer-with-arguments-of-its-own",
        """
        class Scaled(keras.optimizers.SGD):
            def __init__(self, learning_rate=0.5, by=1.0, **kwargs):
                super().__init__(learning_rate, **kwargs)
                self.by = by

            def update_step(self, gradient, variable, learning_rate):
                super().update_step(gradient / self.by, variable, learning_rate)

        SLOW = Scaled(by=9.0)

        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=SLOW)
        """,
        """
        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.SGD(0.5 / 9))
        """,
    ),
    Habit(
        "list-of-metrics-of-the-module",
        """
        METRICS = [keras.metrics.AUC(name="auc"), "accuracy"]

        def build(hp):
            return network(hp.Choice("units", [3, 4]), metrics=METRICS)
        """,
        """
        def build(hp):
            metrics = [keras.metrics.AUC(name="auc"), "accuracy"]
            return network(hp.Choice("units", [3, 4]), metrics=metrics)
        """,
        metric="val_auc",
    ),
    Habit(
        "parts-in-a-closure",
        """
        def make(optimizer, metric):
            def build(hp):
                return network(hp.Choice("units", [3, 4]), optimizer=optimizer, metrics=[metric])

            return build

        build = make(keras.optimizers.SGD(0.3), keras.metrics.Recall(name="recall"))
        """,
        """
        def build(hp):
            optimizer, metric = keras.optimizers.SGD(0.3), keras.metrics.Recall(name="recall")
            return network(hp.Choice("units", [3, 4]), optimizer=optimizer, metrics=[metric])
        """,
        metric="val_recall",
    ),
    Habit(
        "parts-in-a-partial",
        """
        import functools

        def make(hp, optimizer):
            return network(hp.Choice("units", [3, 4]), optimizer=optimizer)

        build = functools.partial(make, optimizer=keras.optimizers.RMSprop(0.02))
        """,
        """
        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.RMSprop(0.02))
        """,
    ),
    Habit(
        "base-in-a-cache",
        """
        import functools

        @functools.cache
        def base():
            return keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")])

        def build(hp):
            hp.Choice("units", [3, 4])
            model = keras.Sequential([keras.Input((3,)), base(), keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        """
        def build(hp):
            hp.Choice("units", [3, 4])
            base = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")])
            model = keras.Sequential([keras.Input((3,)), base, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        comparable=False,
    ),
    Habit(
        "base-in-an-attribute",
        """
        class Model(keras_tuner.HyperModel):
            def __init__(self):
                super().__init__()
                keras.utils.set_random_seed(5)
                self.base = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")])

            def build(self, hp):
                hp.Choice("units", [3, 4])
                layers = [keras.Input((3,)), self.base, keras.layers.Dense(1, "sigmoid")]
                model = keras.Sequential(layers)
                model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
                return model
        """,
        """
        keras.utils.set_random_seed(5)
        WEIGHTS = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")]).get_weights()

        def build(hp):
            hp.Choice("units", [3, 4])
            hidden = keras.layers.Dense(4, "tanh", kernel_initializer="zeros")
            base = keras.Sequential([keras.Input((3,)), hidden])
            base.set_weights(WEIGHTS)
            model = keras.Sequential([keras.Input((3,)), base, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "base-that-one-value-freezes",
        """
        keras.utils.set_random_seed(3)
        BASE = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")])

        def build(hp):
            if hp.Choice("frozen", [True, False]):
                BASE.trainable = False
            model = keras.Sequential([keras.Input((3,)), BASE, keras.layers.Dense(1, "sigmoid")])
            model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        """
        keras.utils.set_random_seed(3)
        WEIGHTS = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4, "tanh")]).get_weights()

        def build(hp):
            hidden = keras.layers.Dense(4, "tanh", kernel_initializer="zeros")
            base = keras.Sequential([keras.Input((3,)), hidden])
            base.set_weights(WEIGHTS)
            base.trainable = not hp.Choice("frozen", [True, False])
            model = keras.Sequential([keras.Input((3,)), base, keras.layers.Dense(1, "sigmoid")])
            model.compile(keras.optimizers.Adam(0.1), "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        # keras-tuner makes numbers of them, and so does the seed.
        trials=({"frozen": 1}, {"frozen": 0}),
    ),
    Habit(
        "batch-normalization-of-the-module",
        """
        NORMAL = keras.layers.BatchNormalization()

        def build(hp):
            units = hp.Choice("units", [3, 4])
            layers = [keras.Input((3,)), NORMAL, keras.layers.Dense(units, "relu")]
            model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        """
        def build(hp):
            units = hp.Choice("units", [3, 4])
            normal = keras.layers.BatchNormalization()
            layers = [keras.Input((3,)), normal, keras.layers.Dense(units, "relu")]
            model = keras.Sequential([*layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "model-of-the-module-that-is-cloned",
        """
        MODEL = keras.Sequential([
            keras.Input((3,)), keras.layers.Dense(4, "relu"), keras.layers.Dense(1, "sigmoid")
        ])

        def build(hp):
            model = keras.models.clone_model(MODEL)
            rate = hp.Choice("rate", [0.1, 0.5])
            model.compile(keras.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        trials=({"rate": 0.1}, {"rate": 0.5}),
    ),
    Habit(
        "model-of-the-module-that-is-compiled-anew",
        """
        keras.utils.set_random_seed(8)
        MODEL = network(4)

        def build(hp):
            rate = hp.Choice("rate", [0.1, 0.5])
            MODEL.compile(keras.optimizers.SGD(rate), "binary_crossentropy", metrics=["accuracy"])
            return MODEL
        """,
        """
        keras.utils.set_random_seed(8)
        WEIGHTS = network(4).get_weights()

        def build(hp):
            rate = hp.Choice("rate", [0.1, 0.5])
            model = network(4, optimizer=keras.optimizers.SGD(rate))
            model.set_weights(WEIGHTS)
            return model
        """,
        trials=({"rate": 0.1}, {"rate": 0.5}),
    ),
    Habit(
        "names-that-count-up",
        """
        import itertools

        COUNT = itertools.count()

        def build(hp):
            return network(hp.Choice("units", [3, 4]), name=f"hidden_{next(COUNT)}")
        """,
        FRESH,
    ),
    Habit(
        "model-named-by-the-time",
        """
        import time

        def build(hp):
            model = network(hp.Choice("units", [3, 4]))
            model.built_at = time.time()
            return model
        """,
        FRESH,
    ),
    Habit(
        "seed-set-in-build",
        """
        def build(hp):
            keras.utils.set_random_seed(11)
            return network(hp.Choice("units", [3, 4]))
        """,
    ),
    Habit(
        "session-cleared-in-build",
        """
        def build(hp):
            keras.backend.clear_session()
            return network(hp.Choice("units", [3, 4]))
        """,
        FRESH,
    ),
    Habit(
        "weights-by-numpy-in-build",
        """
        def build(hp):
            model = network(hp.Choice("units", [3, 4]))
            kernel, *others = model.get_weights()
            model.set_weights([np.random.normal(size=kernel.shape), *others])
            return model
        """,
    ),
    Habit(
        "default-that-grows",
        """
        def build(hp, seen=[]):
            seen.append(hp.Choice("units", [3, 4]))
            return network(seen[-1])
        """,
        FRESH,
    ),
    Habit(
        "settings-in-objects",
        """
        import dataclasses
        import types

        @dataclasses.dataclass
        class Settings:
            rate: float = 0.3
            activation: object = keras.activations.tanh

        SETTINGS = Settings()
        MORE = types.SimpleNamespace(widths=np.array([3, 4]))

        def build(hp):
            units = hp.Choice("units", MORE.widths.tolist())
            optimizer = keras.optimizers.SGD(SETTINGS.rate)
            return network(units, optimizer=optimizer, activation=SETTINGS.activation)
        """,
        """
        def build(hp):
            optimizer = keras.optimizers.SGD(0.3)
            return network(hp.Choice("units", [3, 4]), optimizer=optimizer, activation="tanh")
        """,
    ),
    Habit(
        "rate-set-after-compile",
        """
        def build(hp):
            model = network(3, optimizer="sgd")
            model.optimizer.learning_rate = hp.Choice("rate", [0.1, 0.5])
            return model
        """,
        """
        def build(hp):
            return network(3, optimizer=keras.optimizers.SGD(hp.Choice("rate", [0.1, 0.5])))
        """,
        trials=({"rate": 0.1}, {"rate": 0.5}),
    ),
    Habit(
        "callback-that-schedules",
        """
        def rate(epoch, rate):
            return rate * 0.5

        fit = {"callbacks": [keras.callbacks.LearningRateScheduler(rate)]}

        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.SGD(0.4))
        """,
        """
        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.SGD(0.4))

        def before_epoch(model, epoch):
            model.optimizer.learning_rate.assign(0.4 * 0.5 ** (epoch + 1))
        """,
    ),
    Habit(
        "callback-that-counts",
        """
        class Stops(keras.callbacks.Callback):
            seen = 0

            def on_epoch_begin(self, epoch, logs=None):
                self.seen += 1
                self.model.optimizer.learning_rate.assign(0.4 / self.seen)

        fit = {"callbacks": [Stops()]}

        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.SGD(0.4))
        """,
        """
        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer=keras.optimizers.SGD(0.4))

        def before_epoch(model, epoch):
            model.optimizer.learning_rate.assign(0.4 / (epoch + 1))
        """,
    ),
    Habit(
        "layer-that-counts-its-calls",
        """
        class Fading(keras.layers.Layer):
            def __init__(self):
                super().__init__()
                self.calls = 0

            def call(self, x):
                self.calls += 1
                return x

        FADING = Fading()

        def build(hp):
            layers = [keras.layers.Dense(hp.Choice("units", [3, 4]), "relu"), FADING]
            model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        FRESH,
    ),
    Habit(
        "variable-in-a-loss-function",
        """
        SCALE = keras.Variable(1.0, trainable=False)

        def loss(y_true, y_pred):
            SCALE.assign(0.9 * SCALE)
            return SCALE * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

        def build(hp):
            return network(hp.Choice("units", [3, 4]), optimizer="sgd", loss=loss)
        """,
        """
        def build(hp):
            scale = keras.Variable(1.0, trainable=False)

            def loss(y_true, y_pred):
                scale.assign(0.9 * scale)
                return scale * keras.ops.mean(keras.ops.square(y_true - y_pred), axis=-1)

            return network(hp.Choice("units", [3, 4]), optimizer="sgd", loss=loss)
        """,
    ),
    Habit(
        "metric-in-a-metric-function",
        """
        MEAN = keras.metrics.Mean()

        def running(y_true, y_pred):
            MEAN.update_state(y_pred)
            return MEAN.result() + 0 * y_pred[:, 0]

        def build(hp):
            return network(hp.Choice("units", [3, 4]), metrics=[running])
        """,
        """
        def build(hp):
            mean = keras.metrics.Mean()

            def running(y_true, y_pred):
                mean.update_state(y_pred)
                return mean.result() + 0 * y_pred[:, 0]

            return network(hp.Choice("units", [3, 4]), metrics=[running])
        """,
        metric="val_running",
    ),
    Habit(
        "generators-of-the-module",
        """
        import random
        import tensorflow as tf

        KERAS, TF = keras.random.SeedGenerator(4), tf.random.Generator.from_seed(4)
        NEW, OLD, PYTHON = np.random.default_rng(4), np.random.RandomState(4), random.Random(4)

        def build(hp):
            units = hp.Choice("units", [3, 4])
            model = network(units, optimizer=keras.optimizers.SGD(PYTHON.random()))
            shape = 3, units
            drawn = keras.random.normal(shape, seed=KERAS) + TF.normal(shape)
            model.layers[0].kernel.assign(drawn + NEW.normal(size=shape) + OLD.normal(size=shape))
            return model
        """,
        """
        import random
        import tensorflow as tf

        def build(hp):
            units = hp.Choice("units", [3, 4])
            model = network(units, optimizer=keras.optimizers.SGD(random.Random(4).random()))
            shape = 3, units
            drawn = keras.random.normal(shape, seed=keras.random.SeedGenerator(4))
            drawn += tf.random.Generator.from_seed(4).normal(shape)
            drawn += np.random.default_rng(4).normal(size=shape)
            drawn += np.random.RandomState(4).normal(size=shape)
            model.layers[0].kernel.assign(drawn)
            return model
        """,
    ),
)

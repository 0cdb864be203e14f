"""Habits of targets, weights, losses and metrics."""

from foreign_code.habit import FRESH, Habit

_THREE = """
    def three(units, loss, metrics=("accuracy",)):
        layers = [keras.layers.Dense(units, "relu"), keras.layers.Dense(3, "softmax")]
        model = keras.Sequential([keras.Input((3,)), *layers])
        model.compile("adam", loss, metrics=list(metrics))
        return model
"""
_SPARSE = (
    _THREE
    + """
    y = np.arange(24) % 3

    def build(hp):
        return three(hp.Choice("units", [3, 4]), "sparse_categorical_crossentropy")
"""
)

TARGETS = (
    Habit(
        "names-of-classes",
        """
        y = np.array(["no", "yes"])[np.arange(24) % 2]

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
        FRESH,
    ),
    Habit(
        "booleans",
        """
        y = np.arange(24) % 2 == 1

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
        FRESH,
    ),
    Habit(
        "a-column",
        """
        y = (np.arange(24) % 2).reshape(-1, 1)

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
        FRESH,
    ),
    Habit(
        "minus-one-and-one",
        """
        y = 2 * (np.arange(24) % 2) - 1

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
        FRESH,
    ),
    Habit(
        "minus-one-and-one-with-hinge",
        """
        y = 2 * (np.arange(24) % 2) - 1

        def build(hp):
            return network(hp.Choice("units", [3, 4]), loss="hinge", metrics=["mse"])
        """,
        """
        y = 2 * (np.arange(24) % 2) - 1

        def build(hp):
            return network(hp.Choice("units", [3, 4]), loss="hinge", metrics=["mse"])
        """,
        metric="val_loss",
    ),
    Habit(
        "three-classes-from-3",
        _SPARSE.replace("np.arange(24) % 3", "3 + 2 * (np.arange(24) % 3)"),
        _SPARSE,
    ),
    Habit(
        "three-names-with-one-hot-loss",
        _SPARSE.replace('"sparse_categorical', '"categorical').replace(
            "np.arange(24) % 3", 'np.array(["a", "b", "c"])[np.arange(24) % 3]'
        ),
        _SPARSE,
    ),
    Habit(
        "one-hot-rows-with-sparse-loss",
        _SPARSE.replace("np.arange(24) % 3", "np.eye(3)[np.arange(24) % 3]").replace(
            '"sparse_categorical', '"categorical'
        ),
        _SPARSE,
    ),
    Habit(
        "numbers",
        """
        y = np.linspace(-1, 1, 24)

        def build(hp):
            return network(hp.Choice("units", [3, 4]), loss="mse", metrics=["mae"])
        """,
        metric="val_mae",
    ),
    Habit(
        "mse-on-two-classes-with-accuracy",
        """
        def build(hp):
            return network(hp.Choice("units", [3, 4]), loss="mse")
        """,
    ),
    Habit(
        "outputs-before-the-sigmoid",
        """
        def build(hp):
            layers = [keras.layers.Dense(hp.Choice("units", [3, 4]), "relu"), keras.layers.Dense(1)]
            model = keras.Sequential([keras.Input((3,)), *layers])
            loss = keras.losses.BinaryCrossentropy(from_logits=True)
            model.compile("adam", loss, metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "weights-of-classes-by-name",
        """
        y = np.array(["no", "yes"])[np.arange(24) % 2]
        fit = {"class_weight": {"yes": 5.0}}

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
        """
        weights = np.where(np.arange(24) % 2, 5.0, 1.0)

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
    ),
    Habit(
        "weights-of-classes-7-and-9",
        """
        y = 7 + 2 * (np.arange(24) % 2)
        fit = {"class_weight": {7: 3.0, 9: 0.5}}

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
        """
        weights = np.where(np.arange(24) % 2, 0.5, 3.0)

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
    ),
    Habit(
        "weights-of-one-class-of-three",
        _SPARSE.replace("np.arange(24) % 3", "1 + np.arange(24) % 3")
        + "\n    fit = {'class_weight': {2: 4.0}}\n",
        _SPARSE + "\n    weights = np.where(np.arange(24) % 3 == 1, 4.0, 1.0)\n",
    ),
    Habit(
        "weights-of-rows",
        """
        fit = {"sample_weight": np.linspace(0.1, 2, 24)}

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
        """
        weights = scored_weights = np.linspace(0.1, 2, 24)

        def build(hp):
            return network(hp.Choice("units", [3, 4]))
        """,
    ),
    Habit(
        "weighted-metrics",
        """
        fit = {"sample_weight": np.linspace(0.1, 2, 24)}

        def build(hp):
            model = network(hp.Choice("units", [3, 4]))
            model.compile("adam", "binary_crossentropy", weighted_metrics=["accuracy"])
            return model
        """,
        """
        weights = scored_weights = np.linspace(0.1, 2, 24)

        def build(hp):
            model = network(hp.Choice("units", [3, 4]))
            model.compile("adam", "binary_crossentropy", weighted_metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "metric-that-is-a-function",
        """
        def distance(y_true, y_pred):
            y_true = keras.ops.cast(y_true, y_pred.dtype)
            return keras.ops.mean(keras.ops.abs(y_true - y_pred), axis=-1)

        def build(hp):
            return network(hp.Choice("units", [3, 4]), metrics=[distance])
        """,
        metric="val_distance",
    ),
    Habit(
        "metric-of-a-class-of-its-own",
        """
        class Count(keras.metrics.Metric):
            def __init__(self):
                super().__init__(name="count")
                self.rows = self.add_weight(initializer="zeros", name="rows")
                self.calls = 0

            def update_state(self, y_true, y_pred, sample_weight=None):
                self.calls += 1
                self.rows.assign_add(keras.ops.sum(keras.ops.cast(y_pred > 0.5, "float32")))

            def result(self):
                return self.rows

        COUNT = Count()

        def build(hp):
            return network(hp.Choice("units", [3, 4]), metrics=[COUNT])
        """,
        """
        class Count(keras.metrics.Metric):
            def __init__(self):
                super().__init__(name="count")
                self.rows = self.add_weight(initializer="zeros", name="rows")

            def update_state(self, y_true, y_pred, sample_weight=None):
                self.rows.assign_add(keras.ops.sum(keras.ops.cast(y_pred > 0.5, "float32")))

            def result(self):
                return self.rows

        def build(hp):
            return network(hp.Choice("units", [3, 4]), metrics=[Count()])
        """,
        metric="val_count",
    ),
    Habit(
        "loss-of-the-module-with-settings",
        """
        LOSS = keras.losses.BinaryFocalCrossentropy(gamma=3.0, apply_class_balancing=True)

        def build(hp):
            return network(hp.Choice("units", [3, 4]), loss=LOSS)
        """,
    ),
    Habit(
        "model-that-adds-a-loss",
        """
        class Penalised(keras.layers.Layer):
            def call(self, x):
                self.add_loss(0.5 * keras.ops.mean(keras.ops.square(x)))
                return x

        def build(hp):
            layers = [keras.layers.Dense(hp.Choice("units", [3, 4]), "relu"), Penalised()]
            model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("sgd", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
    ),
    Habit(
        "train-step-that-counts",
        """
        class Counting(keras.Model):
            def __init__(self, units):
                super().__init__()
                self.hidden = keras.layers.Dense(units, "relu")
                self.out = keras.layers.Dense(1, "sigmoid")
                self.steps = keras.Variable(0.0, trainable=False)

            def call(self, x):
                return self.out(self.hidden(x))

            def compute_loss(self, *args, **kwargs):
                self.steps.assign_add(1.0)
                return super().compute_loss(*args, **kwargs) / self.steps

        def build(hp):
            model = Counting(hp.Choice("units", [3, 4]))
            model.compile(keras.optimizers.SGD(0.5), "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
    ),
)

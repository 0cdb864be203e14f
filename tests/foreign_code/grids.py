"""Habits of how hyperparameters are asked for."""

from foreign_code.habit import Habit

GRIDS = (
    Habit(
        "conditional-scope",
        """
        def build(hp):
            kind = hp.Choice("kind", ["plain", "wide"])
            units = 2
            with hp.conditional_scope("kind", ["wide"]):
                if kind == "wide":
                    units = hp.Choice("units", [3, 4])
            return network(units)
        """,
        trials=({"kind": "plain"}, {"kind": "wide", "units": 3}, {"kind": "wide", "units": 4}),
    ),
    Habit(
        "name-scope-in-a-loop",
        """
        def build(hp):
            layers = []
            for i in range(2):
                with hp.name_scope(f"layer{i}"):
                    layers.append(keras.layers.Dense(hp.Int("units", 2, 3), "relu"))
            model = keras.Sequential([keras.Input((3,)), *layers, keras.layers.Dense(1, "sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model
        """,
        trials=tuple({"layer0/units": a, "layer1/units": b} for a in (2, 3) for b in (2, 3)),
    ),
    Habit(
        "default-that-is-not-the-first",
        """
        def build(hp):
            return network(hp.Int("units", 2, 6, step=2, default=6))
        """,
        trials=({"units": 2}, {"units": 4}, {"units": 6}),
    ),
    Habit(
        "looked-up-later",
        """
        def build(hp):
            hp.Choice("units", [3, 4])
            hp.Fixed("rate", 0.2)
            return network(hp.get("units"), optimizer=keras.optimizers.SGD(hp.values["rate"]))
        """,
        trials=({"units": 3, "rate": 0.2}, {"units": 4, "rate": 0.2}),
    ),
    Habit(
        "stated-and-only-looked-up",
        """
        grid = {"units": [3, 4]}

        def build(hp):
            return network(hp["units"] if hasattr(hp, "__getitem__") else hp.get("units"))
        """,
        """
        def build(hp):
            return network(hp.get("units"))
        """,
    ),
    Habit(
        "early-return",
        """
        def build(hp):
            if not hp.Boolean("deep", default=True):
                return network(2)
            return network(hp.Choice("units", [3, 4]))
        """,
        trials=({"deep": True, "units": 3}, {"deep": True, "units": 4}, {"deep": False}),
    ),
    Habit(
        "list-of-grids",
        """
        grid = [{"units": [3]}, {"activation": ["tanh"], "units": [4]}]

        def build(hp):
            activation = hp.Choice("activation", ["tanh", "relu"], default="relu")
            return network(hp.Int("units", 2, 5), activation=activation)
        """,
        """
        def build(hp):
            activation = hp.Choice("activation", ["tanh", "relu"], default="relu")
            return network(hp.Int("units", 2, 5), activation=activation)
        """,
        trials=({"units": 3}, {"activation": "tanh", "units": 4}),
    ),
    Habit(
        "log-range",
        """
        def build(hp):
            rate = hp.Float("rate", 0.01, 1.0, step=10, sampling="log")
            return network(3, optimizer=keras.optimizers.SGD(rate))
        """,
        trials=({"rate": 0.01}, {"rate": 0.1}, {"rate": 1.0}),
    ),
    Habit(
        "epochs-and-batch-size-in-build",
        """
        def build(hp):
            hp.Choice("batch_size", [5])
            return network(hp.Choice("units", [3, 4]))
        """,
        trials=({"batch_size": 5, "units": 3}, {"batch_size": 5, "units": 4}),
    ),
    Habit(
        "same-name-in-two-branches",
        """
        def build(hp):
            if hp.Boolean("wide"):
                return network(hp.Choice("units", [4, 5]))
            return network(hp.Choice("units", [2, 3]))
        """,
        trials=tuple(
            {"wide": wide, "units": units}
            for wide, pair in ((True, (4, 5)), (False, (2, 3)))
            for units in pair
        ),
    ),
    Habit(
        "build-of-two-hypermodels",
        """
        class Head(keras_tuner.HyperModel):
            def build(self, hp):
                return hp.Choice("units", [3, 4])

        class Model(keras_tuner.HyperModel):
            def build(self, hp):
                return network(Head().build(hp), optimizer=hp.Choice("optimizer", ["sgd"]))
        """,
        trials=({"units": 3, "optimizer": "sgd"}, {"units": 4, "optimizer": "sgd"}),
    ),
)

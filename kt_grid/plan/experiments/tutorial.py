"""The tutorial's seven experiments on the Pima diabetes data.

An eighth is one more function here: its name and its grid are all that it takes.
"""

from typing import Any

from kt_grid.plan.experiments.base import experiment


def network(
    *,
    units: int = 12,
    activation: str = "relu",
    init: str = "glorot_uniform",
    optimizer: Any = "adam",
    max_norm: float | None = None,
    dropout: float | None = None,
) -> Any:
    """Build the tutorial's network: one hidden layer and one sigmoid unit.

    Args:
        units: Width of the hidden layer.
        activation: Its activation.
        init: Initializer of both layers' kernels.
        optimizer: A Keras optimizer or its name.
        max_norm: Bound of the hidden layer's weight vectors, None for no bound.
        dropout: Share of hidden units dropped in training, None for no dropout layer.

    Returns:
        A compiled `keras.Sequential` that learns its input's width from the data.
    """
    import keras

    constraint = None if max_norm is None else keras.constraints.MaxNorm(max_norm)
    hidden = keras.layers.Dense(
        units, activation=activation, kernel_initializer=init, kernel_constraint=constraint
    )
    dropped = [] if dropout is None else [keras.layers.Dropout(dropout)]
    output = keras.layers.Dense(1, activation="sigmoid", kernel_initializer=init)
    model = keras.Sequential([hidden, *dropped, output])
    model.compile(optimizer=optimizer, loss="binary_crossentropy", metrics=["accuracy"])
    return model


@experiment(batch_size=[10, 20, 40, 60, 80, 100], epochs=[10, 50, 100])
def batch_epochs(hp: Any) -> Any:  # noqa: ARG001 - both axes go to the training
    """Batch size and number of epochs."""
    return network()


@experiment(optimizer=["SGD", "RMSprop", "Adagrad", "Adadelta", "Adam", "Adamax", "Nadam"])
def optimizer(hp: Any) -> Any:
    """Optimization algorithm, each at its defaults."""
    return network(optimizer=hp.get("optimizer"))


@experiment(learn_rate=[0.001, 0.01, 0.1, 0.2, 0.3], momentum=[0.0, 0.2, 0.4, 0.6, 0.8, 0.9])
def learning_rate(hp: Any) -> Any:
    """Learning rate and momentum of SGD."""
    import keras

    sgd = keras.optimizers.SGD(hp.get("learn_rate"), momentum=hp.get("momentum"))
    return network(optimizer=sgd)


@experiment(
    init_mode=[
        "uniform", "lecun_uniform", "normal", "zero",
        "glorot_normal", "glorot_uniform", "he_normal", "he_uniform",
    ]
)  # fmt: skip
def init(hp: Any) -> Any:
    """Initialization of both layers' weights."""
    return network(init=hp.get("init_mode"))


@experiment(
    activation=[
        "softmax", "softplus", "softsign", "relu", "tanh", "sigmoid", "hard_sigmoid", "linear",
    ]
)  # fmt: skip
def activation(hp: Any) -> Any:
    """Activation of the hidden layer."""
    return network(activation=hp.get("activation"), init="uniform")


@experiment(
    dropout_rate=[0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    weight_constraint=[1, 2, 3, 4, 5],
)
def dropout(hp: Any) -> Any:
    """Dropout rate and bound of the hidden layer's weights."""
    return network(
        activation="linear",
        init="uniform",
        max_norm=hp.get("weight_constraint"),
        dropout=hp.get("dropout_rate"),
    )


@experiment(neurons=[1, 5, 10, 15, 20, 25, 30])
def neurons(hp: Any) -> Any:
    """Width of the hidden layer."""
    return network(
        units=hp.get("neurons"), activation="linear", init="uniform", max_norm=4, dropout=0.2
    )

"""Grids that kt-grid is timed on beside the tutorial's, as a file that it searches itself.

    kt-grid run scripts/workloads.py:wine48 --data wine.npz --epochs 20 --batch-size 10

`python scripts/workloads.py wine48 wine.npz` writes the rows. For `benchmark.py` and its peers.
"""

import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SEED = 7


@dataclass(frozen=True)
class Workload:
    """A grid, the models of its combinations, and the rows.

    Attributes:
        make: Makes a compiled model of a combination.
        grid: Values by axis.
        rows: Makes features and targets.
        epochs: Epochs of every training.
        batch_size: Rows per step.
    """

    make: Callable[..., Any]
    grid: dict[str, list[Any]]
    rows: Callable[[], tuple[Any, Any]]
    epochs: int
    batch_size: int

    def build(self, hp: Any) -> Any:
        """Build a model as kt-grid and keras-tuner ask for it."""
        return self.make(**{name: hp.Choice(name, values) for name, values in self.grid.items()})


def _compiled(layers: list[Any], rate: float, loss: str) -> Any:
    import keras

    model = keras.Sequential(layers)
    model.compile(keras.optimizers.Adam(rate), loss, metrics=["accuracy"])
    return model


def make_wine(units: int, activation: str, learning_rate: float) -> Any:
    """A small network with batch statistics."""
    import keras
    from keras import layers

    hidden = [layers.Dense(units), layers.BatchNormalization(), layers.Activation(activation)]
    stack = [keras.Input((13,)), *hidden, layers.Dense(3, "softmax")]
    return _compiled(stack, learning_rate, "sparse_categorical_crossentropy")


def wine_rows() -> tuple[Any, Any]:
    """scikit-learn's wine: 178 rows, 13 features, 3 classes."""
    from sklearn.datasets import load_wine

    x, y = load_wine(return_X_y=True)
    return _standard(x), y


def make_cancer(units: int, dropout: float, learning_rate: float) -> Any:
    """Two layers with dropout."""
    import keras
    from keras import layers

    hidden = [layers.Dense(units, "relu"), layers.Dropout(dropout), layers.Dense(units, "relu")]
    stack = [keras.Input((30,)), *hidden, layers.Dense(1, "sigmoid")]
    return _compiled(stack, learning_rate, "binary_crossentropy")


def cancer_rows() -> tuple[Any, Any]:
    """scikit-learn's breast cancer: 569 rows, 30 features, 2 classes."""
    from sklearn.datasets import load_breast_cancer

    x, y = load_breast_cancer(return_X_y=True)
    return _standard(x), y


def make_big(units: int, learning_rate: float) -> Any:
    """Three layers."""
    import keras
    from keras import layers

    hidden = [layers.Dense(units, "relu") for _ in range(3)]
    stack = [keras.Input((20,)), *hidden, layers.Dense(1, "sigmoid")]
    return _compiled(stack, learning_rate, "binary_crossentropy")


def big_rows() -> tuple[Any, Any]:
    """30,000 rows of 20 normal features, and a class that depends on them."""
    import numpy as np

    random = np.random.default_rng(SEED)
    x = random.normal(size=(30_000, 20)).astype("float32")
    return x, (x[:, 0] * x[:, 1] + x[:, 2] + random.normal(size=len(x)) > 0).astype("float32")


def make_digits8(filters: int, learning_rate: float) -> Any:
    """A convolution over an area of 8 x 8."""
    return _convolution((8, 8, 1), filters, learning_rate)


def digits8_rows() -> tuple[Any, Any]:
    """scikit-learn's digits: 1,797 images of 8 x 8, 10 classes."""
    from sklearn.datasets import load_digits

    x, y = load_digits(return_X_y=True)
    return (x / 16).reshape(-1, 8, 8, 1).astype("float32"), y


def make_digits28(filters: int, learning_rate: float) -> Any:
    """A convolution over an area of 28 x 28."""
    return _convolution((28, 28, 1), filters, learning_rate)


def digits28_rows() -> tuple[Any, Any]:
    """3,000 images of 28 x 28: the digits, enlarged, with noise."""
    import numpy as np

    x, y = digits8_rows()
    random = np.random.default_rng(SEED)
    chosen = random.integers(0, len(x), 3_000)
    large = np.pad(x[chosen].repeat(3, axis=1).repeat(3, axis=2), ((0, 0), (2, 2), (2, 2), (0, 0)))
    return (large + random.normal(scale=0.1, size=large.shape)).astype("float32"), y[chosen]


def _convolution(shape: tuple[int, ...], filters: int, rate: float) -> Any:
    import keras
    from keras import layers

    hidden = [layers.Conv2D(filters, 3, activation="relu"), layers.MaxPooling2D(), layers.Flatten()]
    stack = [keras.Input(shape), *hidden, layers.Dense(10, "softmax")]
    return _compiled(stack, rate, "sparse_categorical_crossentropy")


def make_lstm(units: int, learning_rate: float) -> Any:
    """A recurrent layer over 20 steps."""
    import keras
    from keras import layers

    stack = [keras.Input((20, 4)), layers.LSTM(units), layers.Dense(1, "sigmoid")]
    return _compiled(stack, learning_rate, "binary_crossentropy")


def lstm_rows() -> tuple[Any, Any]:
    """1,000 walks of 20 steps in 4 dimensions; whether the first one ends above zero."""
    import numpy as np

    x = np.random.default_rng(SEED).normal(size=(1_000, 20, 4)).astype("float32")
    return x, (x[:, :, 0].sum(axis=1) > 0).astype("float32")


def make_text(units: int, learning_rate: float) -> Any:
    """An embedding of words, averaged."""
    import keras
    from keras import layers

    hidden = [layers.Embedding(1_000, units), layers.GlobalAveragePooling1D()]
    stack = [keras.Input((40,), dtype="int32"), *hidden, layers.Dense(1, "sigmoid")]
    return _compiled(stack, learning_rate, "binary_crossentropy")


def text_rows() -> tuple[Any, Any]:
    """2,000 texts of 40 words out of 1,000; whether words of the first half prevail."""
    import numpy as np

    x = np.random.default_rng(SEED).zipf(1.3, size=(2_000, 40)) % 1_000
    return x.astype("int32"), ((x % 2).mean(axis=1) > 0.5).astype("float32")


def _standard(x: Any) -> Any:
    return ((x - x.mean(axis=0)) / x.std(axis=0)).astype("float32")


_RATES = [0.001, 0.01]
WORKLOADS = {
    "wine48": Workload(
        make_wine,
        {"units": [4, 8, 12, 16, 24, 32], "activation": ["relu", "tanh", "elu", "silu"],
         "learning_rate": _RATES},
        wine_rows, epochs=20, batch_size=10,
    ),
    "cancer": Workload(
        make_cancer,
        {"units": [8, 16, 32], "dropout": [0.0, 0.3], "learning_rate": _RATES},
        cancer_rows, epochs=20, batch_size=16,
    ),
    "big": Workload(
        make_big, {"units": [16, 64], "learning_rate": _RATES}, big_rows, epochs=5, batch_size=32
    ),
    "digits8": Workload(
        make_digits8, {"filters": [8, 16], "learning_rate": _RATES}, digits8_rows,
        epochs=5, batch_size=32,
    ),
    "digits28": Workload(
        make_digits28, {"filters": [8, 16], "learning_rate": _RATES}, digits28_rows,
        epochs=5, batch_size=32,
    ),
    "lstm": Workload(
        make_lstm, {"units": [8, 16], "learning_rate": _RATES}, lstm_rows, epochs=5, batch_size=32
    ),
    "text": Workload(
        make_text, {"units": [8, 16], "learning_rate": _RATES}, text_rows, epochs=5, batch_size=32
    ),
}  # fmt: skip


# What `kt-grid run scripts/workloads.py:NAME` finds.
wine48, cancer, big = (WORKLOADS[name].build for name in ("wine48", "cancer", "big"))
digits8, digits28 = (WORKLOADS[name].build for name in ("digits8", "digits28"))
lstm, text = (WORKLOADS[name].build for name in ("lstm", "text"))


def write_rows(name: str, path: Path) -> None:
    """Write a workload's rows to a `.npz` file."""
    import numpy as np

    x, y = WORKLOADS[name].rows()
    np.savez(path, x=x, y=y)


if __name__ == "__main__":
    write_rows(sys.argv[1], Path(sys.argv[2]))

"""What a model compiles settles what isn't stated."""

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.first_model import default_objective, suit_arrays

X = np.zeros((3, 2), np.float32)


def mine(y_true, y_pred):
    return y_true - y_pred


def bare(hp):
    return keras.Sequential()


def building(loss, units=1, **compiled):
    def build(hp):
        model = keras.Sequential([keras.layers.Dense(units)])
        model.compile(loss=loss, **compiled)
        return model

    return build


@pytest.mark.parametrize(
    ("metrics", "objective"),
    [
        pytest.param(["accuracy"], "max:val_accuracy", id="accuracy"),
        pytest.param(["mae", "acc"], "max:val_acc", id="acc"),
        pytest.param([keras.metrics.BinaryAccuracy()], "max:val_binary_accuracy", id="object"),
        pytest.param(["mae"], "min:val_loss", id="mae"),
        pytest.param([], "min:val_loss", id="none"),
        pytest.param([mine], "min:val_loss", id="of one's own"),
        pytest.param({"dense": ["accuracy"]}, "min:val_loss", id="by output"),
    ],
)
def test_default_objective(metrics, objective):
    chosen = default_objective(building("mse", metrics=metrics), {})
    assert (str(chosen), chosen.stated) == (objective, False)


def test_default_objective_of_a_model_that_is_not_compiled():
    assert str(default_objective(bare, {"units": (1, 2)})) == "min:val_loss"


def test_suit_arrays_follows_the_loss_and_the_output():
    y = np.array([1, 2, 3], np.float32)
    space = keras_tuner.HyperParameters()
    suited = suit_arrays(building("categorical_crossentropy", 3), space, Arrays(X, y))
    assert suited.y.tolist() == np.eye(3).tolist()
    assert suited.labels == ("1", "2", "3")
    same = Arrays(X, y)
    assert suit_arrays(building("mse"), space, same) is same


def test_suit_arrays_leaves_a_broken_model_to_its_trial():
    def build(hp):
        raise ValueError("broken")

    arrays = Arrays(X, np.array([1.0, 2.0, 3.0]))
    assert suit_arrays(build, keras_tuner.HyperParameters(), arrays) is arrays

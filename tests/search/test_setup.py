"""A search is worked out in one place, whoever asks for it."""

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.base import FitArguments
from kt_grid.errors import SplitError, UsageError
from kt_grid.search.setup import make_setup
from kt_grid.space import register
from kt_grid.space.objective import Extras, Objective
from kt_grid.splitters.folds import KFold

X = np.arange(24, dtype=np.float32).reshape(12, 2)
Y = np.arange(12) % 2


class WithFit(keras_tuner.HyperModel):
    """Passes a batch size of its own, and has an axis of its own."""

    def build(self, hp):
        return _model(hp)

    def fit(self, hp, model, x, y, **kwargs):
        rounds = hp.Int("rounds", 1, 2)
        return model.fit(x, y, epochs=rounds, batch_size=4, verbose=0)


def _model(hp):
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3, "softmax")])
    model.compile(loss="sparse_categorical_crossentropy")
    return model


def make(model=_model, y=Y, weights=None, **changes):
    arguments = {
        "cv": KFold(3),
        "grid": {},
        "fit": {"epochs": 2, "batch_size": 4},
        "objective": Objective("val_loss", "min"),
        "extras": Extras(),
        "hyperparameters": register({}),
        **changes,
    }
    return make_setup(model, Arrays(X, y, weights), **arguments)


def test_the_target_takes_the_form_of_the_models_loss():
    setup = make(y=np.array([1.0, 3.0, 5.0] * 4))
    assert setup.arrays.y.tolist() == [0, 1, 2] * 4
    assert setup.arrays.labels == ("1", "3", "5")


def test_a_network_of_kt_grids_own_needs_no_look_at_it():
    def build(hp):
        raise AssertionError("built")

    setup = make(build, hyperparameters=None)
    assert setup.fit == FitArguments(epochs=2, batch_size=4)
    assert setup.hyperparameters is None


def test_a_fit_of_ones_own_declares_its_axes_and_keeps_its_arguments():
    setup = make(WithFit())
    assert [entry.name for entry in setup.hyperparameters.space] == ["rounds"]
    assert dict(setup.fit.own) == {}


@pytest.mark.parametrize(
    ("changes", "error", "words"),
    [
        pytest.param({"cv": KFold(13)}, SplitError, "rows as folds", id="too-many-folds"),
        pytest.param({"fit": {"nonsense": 1}}, UsageError, "nonsense", id="no-argument"),
        pytest.param(
            {"weights": np.repeat([0, 1], [4, 8])}, UsageError, "split 0", id="nothing-weighs"
        ),
        pytest.param(
            {"cv": [([0], [1]), ([1], [0])], "fit": {"validation_split": 0.5}},
            SplitError,
            "2 or more rows",
            id="nothing-to-hold-back",
        ),
        pytest.param({"racing": "bound"}, UsageError, "bounded objective", id="no-bound"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_training(changes, error, words, raises):
    from kt_grid.splitters.folds import check_cv

    changes = {**changes, "cv": check_cv(changes.get("cv", KFold(3)))}
    with raises(error, words):
        make(**changes)


def test_equal_searches_have_equal_identities_and_others_do_not():
    assert make().identity == make().identity
    assert make(seed=8).identity != make().identity
    assert make(fit={"epochs": 3}).identity != make().identity

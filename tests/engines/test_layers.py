"""Layers of kt-grid's own, against numpy."""

import keras
import numpy as np
import pytest

import kt_grid
from kt_grid.engines.layers import FillMissing
from kt_grid.errors import UsageError

NAN = np.nan
ROWS = np.array([[1, NAN, NAN], [2, 4, NAN], [9, 5, NAN]], np.float32)


@pytest.mark.parametrize(("strategy", "values"), [("mean", [4, 4.5, 0]), ("median", [2, 4.5, 0])])
def test_gaps_take_the_columns_middle(strategy, values):
    layer = FillMissing(strategy)
    layer.adapt(ROWS)
    filled = np.where(np.isnan(ROWS), values, ROWS)
    np.testing.assert_allclose(layer(ROWS), filled)
    assert keras.Sequential([layer]).compute_output_shape((None, 3)) == (None, 3)


def test_it_is_saved_with_the_model_and_loaded_in_safe_mode(tmp_path):
    model = keras.Sequential([keras.Input((3,)), kt_grid.FillMissing("median")])
    model.layers[0].adapt(ROWS)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras", safe_mode=True)
    assert loaded.layers[0].strategy == "median"
    np.testing.assert_array_equal(loaded(ROWS), model(ROWS))


def test_other_strategies_are_refused(raises):
    with raises(UsageError, "mean, median", "'mode'"):
        FillMissing("mode")

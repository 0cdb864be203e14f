"""Which scale the values of an axis lie on."""

import pytest

from kt_grid.plan.experiments import REGISTRY
from kt_grid.space.scales import scale_of


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        pytest.param(["adam", "sgd"], "words", id="words"),
        pytest.param([True, False], "words", id="booleans"),
        pytest.param([None, 0.1, 0.2], "words", id="none"),
        pytest.param([(8, 8), (16,)], "words", id="tuples"),
        pytest.param([1, 2, 3, 4, 5], "linear", id="even-steps"),
        pytest.param([0.0, 0.1, 0.2], "linear", id="zero-has-no-logarithm"),
        pytest.param([-1, 10, 100], "linear", id="negative"),
        pytest.param([1, 2, 4, 8], "log", id="doubling"),
        pytest.param([8, 1, 4, 2], "log", id="in-any-order"),
        pytest.param([1e-4, 1e-3, 1e-2], "log", id="decades"),
        pytest.param([1, 100], "linear", id="two-values"),
        pytest.param([5], "linear", id="one-value"),
        pytest.param([10, 11, 13], "linear", id="narrow"),
    ],
)
def test_scale(values, scale):
    assert scale_of(values) == scale


def test_scales_of_the_tutorials_axes():
    scales = {
        axis: scale_of(values)
        for experiment in REGISTRY.values()
        for axis, values in experiment.grid.items()
    }
    assert {axis for axis, scale in scales.items() if scale == "log"} == {"learn_rate"}
    assert {axis for axis, scale in scales.items() if scale == "words"} == {
        *("optimizer", "init_mode", "activation")
    }

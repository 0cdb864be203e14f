"""Which combinations share compiled programs, told by a few builds, and what trials cost."""

from types import SimpleNamespace

import keras
import keras_tuner
import numpy as np
import pytest

from kt_grid.engines.arguments import FitArguments
from kt_grid.search.designs import Designs
from kt_grid.search.runner import TrialRunner
from kt_grid.space import combinations, make_axes
from kt_grid.space.asking import AskingHyperParameters

GRID = {
    "units": [2, 3, 4],
    "rate": [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    "momentum": [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9],
    "batch_size": [4, 8],
    "epochs": [1, 2],
}


class Model(keras_tuner.HyperModel):
    """Counts its builds; fails on demand."""

    def __init__(self, fails=False):
        super().__init__()
        self.builds, self.fails = 0, fails

    def build(self, hp):
        self.builds += 1
        if self.fails:
            raise ValueError
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(hp.get("units"))])
        model.compile(keras.optimizers.SGD(hp.get("rate"), momentum=hp.get("momentum")), "mse")
        return model


def made(hypermodel, **more):
    setup = SimpleNamespace(splits=[None] * 3, fit=FitArguments(batch_size=5), seed=7)
    runner = SimpleNamespace(
        hypermodel=hypermodel,
        setup=setup,
        asking=lambda values: AskingHyperParameters(values, closed=True),
        arrays_of=lambda _: None,
        steps=lambda values: TrialRunner.steps(
            SimpleNamespace(
                _fit_of=lambda v: FitArguments(v.get("epochs", 1), v.get("batch_size", 5)),
                setup=SimpleNamespace(arrays=SimpleNamespace(rows=100)),
            ),
            values,
        ),
    )
    axes = make_axes(GRID)
    return Designs(runner, next(combinations(axes)), axes, **more)


FIRST = {"units": 2, "rate": 0.1, "momentum": 0.0, "batch_size": 4, "epochs": 1}


@pytest.mark.parametrize(
    ("other", "alike"),
    [
        pytest.param({"units": 3}, False, id="a size"),
        pytest.param({"rate": 0.8}, True, id="a rate"),
        pytest.param({"momentum": 0.5}, False, id="some momentum and none"),
        pytest.param({"batch_size": 8}, False, id="a batch size"),
        pytest.param({"epochs": 2}, True, id="epochs"),
    ],
)
def test_combinations_whose_models_share_programs_are_alike(other, alike):
    designs = made(Model())
    assert (designs.of(FIRST) == designs.of({**FIRST, **other})) is alike


def test_two_momenta_share_programs_and_few_models_are_built():
    model = Model()
    designs = made(model)
    assert designs.of({**FIRST, "momentum": 0.1}) == designs.of({**FIRST, "momentum": 0.9})
    # 3 units, and 2 more values of both long axes.
    assert model.builds == 7


def test_what_cannot_be_built_is_taken_for_a_design_of_its_own():
    designs = made(Model(fails=True))
    assert designs.of(FIRST) != designs.of({**FIRST, "units": 3})
    assert designs.of(FIRST) == designs.of({**FIRST, "epochs": 2})


def test_time_grows_with_trials_designs_and_steps():
    def seconds(left=100, **fewer):
        some = combinations(make_axes({**GRID, **fewer}))
        return made(Model()).seconds(some, left)

    assert seconds(200) == pytest.approx(2 * seconds(100))
    assert seconds(units=[2]) < seconds()
    assert seconds(epochs=[2]) > seconds(epochs=[1])


def test_with_plain_fit_every_trial_traces_and_nothing_is_shared():
    grid = list(combinations(make_axes(GRID)))
    plain, fused = made(Model(), compiled=False), made(Model())
    assert plain.of(grid[0]) == plain.of(grid[-1])
    assert plain.seconds(grid, 10) > fused.seconds(grid, 10)
    assert np.isfinite(plain.seconds(grid, 10))

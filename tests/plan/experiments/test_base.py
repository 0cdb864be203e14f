"""Experiments register themselves by the name of their function."""

import pytest

from kt_grid.plan.experiments.base import REGISTRY, Experiment, experiment


@pytest.fixture(autouse=True)
def _registry():
    present = dict(REGISTRY)
    yield
    REGISTRY.clear()
    REGISTRY.update(present)


def test_decorator_registers_and_returns_the_function():
    def width(hp):
        """Width of the hidden layer.

        More.
        """
        return hp

    assert experiment(units=[4, 8], epochs=[1])(width) is width
    assert [*REGISTRY][-1] == "width"
    registered = REGISTRY["width"]
    assert (registered.name, registered.model) == ("width", width)
    assert registered.grid == {"units": [4, 8], "epochs": [1]}
    assert [*registered.grid] == ["units", "epochs"]
    assert registered.summary == "Width of the hidden layer."
    assert not registered.declares


def test_function_without_docstring_has_no_summary():
    experiment()(bare)
    assert REGISTRY["bare"].summary == ""


def test_defaults_are_the_tutorials():
    defaults = Experiment("mine", bare)
    assert (defaults.epochs, defaults.batch_size, defaults.objective) == (100, 10, None)
    assert (defaults.grid, defaults.declares, defaults.source) == ({}, True, None)


def bare(hp):
    return hp

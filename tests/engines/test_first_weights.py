"""Layers made outside of build begin with the same weights in every process of a search."""

import importlib.util
import sys
from textwrap import dedent
from types import ModuleType

import keras
import numpy as np
import pytest

from kt_grid.data.arrays import Arrays
from kt_grid.engines.base import build_model
from kt_grid.engines.first_weights import begin_with, first_weights
from kt_grid.engines.fresh import SHARED_PARTS
from kt_grid.search.tuner import as_hypermodel

ROWS = Arrays(np.zeros((2, 3), np.float32), np.zeros(2, np.float32))
HEAD = """
    import keras
    import numpy as np
"""
BASE = """
    BASE = keras.Sequential([keras.Input((3,)), keras.layers.Dense(4), keras.layers.Dropout(0.5)])
"""
BUILD = """
    def build(hp):
        return keras.Sequential([BASE, keras.layers.Dense(1)])
"""


@pytest.fixture
def run_file(tmp_path):
    """Runs a file as a process of its own would, and returns its search's model and its module."""
    names = []

    def run(*texts):
        path, name = tmp_path / "theirs.py", f"theirs_{len(names)}"
        path.write_text("".join(map(dedent, texts)), encoding="utf-8")
        spec = importlib.util.spec_from_file_location(name, path)
        module = sys.modules[name] = importlib.util.module_from_spec(spec)
        names.append(name)
        spec.loader.exec_module(module)
        return as_hypermodel(module.build), module

    yield run
    for name in names:
        del sys.modules[name]


def state(module):
    return [np.asarray(variable).tolist() for variable in module.BASE.variables]


def test_what_was_drawn_is_drawn_again_in_no_other_process(run_file):
    model, module = run_file(HEAD, BASE, BUILD)
    begun, first = state(module), first_weights(model)
    assert len(first) == 2  # the kernel and the state of the Dropout; a bias isn't drawn
    other, again = run_file(HEAD, BASE, BUILD)
    assert state(again) != begun
    later = first_weights(other, first)
    assert state(again) == begun
    assert later.keys() == first.keys()
    assert all(np.array_equal(later[place], first[place]) for place in first)


@pytest.mark.parametrize(
    ("cells", "kept"),
    [
        pytest.param(["", "x = 1"], True, id="no seed"),
        pytest.param(["", "np.random.seed(1)"], False, id="a seed"),
        pytest.param(["", "%time random.seed(1)"], False, id="a seed in no Python"),
        pytest.param(None, False, id="not IPython's"),
    ],
)
def test_a_notebooks_layers_begin_as_in_its_first_session(monkeypatch, cells, kept):
    """Unless a cell may have seeded them, since another seed is meant to count."""

    def session():
        main = ModuleType("__main__")
        if cells is not None:
            main.In = cells
        monkeypatch.setitem(sys.modules, "__main__", main)
        exec(dedent(HEAD) + dedent(BASE) + dedent(BUILD), vars(main))  # noqa: S102 - our own text
        return as_hypermodel(main.build), main

    model, module = session()
    begun, first = state(module), first_weights(model)
    other, again = session()
    first_weights(other, first)
    assert (state(again) == begun) is kept


MADE = {
    "after a seed": ("keras.utils.set_random_seed({0})\n", ""),
    "by an initializer with a seed": (
        "keras.utils.clear_session()\nINIT = keras.initializers.RandomNormal(seed={0})\n",
        "BASE.layers[0].set_weights([INIT((3, 4)), np.zeros(4)])\nBASE.layers[1].seed = 1\n",
    ),
    "by somebody else": ("", "BASE.layers[0].set_weights([np.full((3, 4), {0}), np.ones(4)])\n"),
}


@pytest.mark.parametrize(("before", "after"), MADE.values(), ids=MADE)
def test_what_was_made_in_another_way_stays_as_it_is(run_file, before, after):
    def kernel(module):
        return np.asarray(module.BASE.layers[0].kernel).tolist()

    model, _ = run_file(HEAD, before.format(1), BASE, after.format(1), BUILD)
    first = first_weights(model)
    other, module = run_file(HEAD, before.format(2), BASE, after.format(2), BUILD)
    begun = kernel(module)
    first_weights(other, first)
    assert kernel(module) == begun


def test_another_layer_in_its_place_keeps_its_own(run_file):
    model, _ = run_file(HEAD, BASE, BUILD)
    first = first_weights(model)
    other, module = run_file(HEAD, BASE.replace("4", "5"), BUILD)
    kernel = np.asarray(module.BASE.layers[0].kernel)
    later = first_weights(other, first)
    assert np.array_equal(module.BASE.layers[0].kernel, kernel)
    assert any(np.array_equal(value, kernel) for value in later.values())


def test_a_workers_copy_begins_with_them_whatever_was_trained(run_file):
    model, module = run_file(HEAD, BASE, BUILD)
    begun, first = state(module), first_weights(model)
    module.BASE.layers[0].kernel.assign(np.ones((3, 4)))
    begin_with(model, first)
    assert state(module) == begun


def test_what_is_changed_between_two_searches_counts(run_file):
    model, module = run_file(HEAD, BASE, BUILD)
    first = first_weights(model)
    for seed in (1, 2):
        built = build_model(model, None, ROWS, seed, compiled=False)
        built.layers[0].trainable = False
        module.BASE.layers[0].kernel.assign(np.ones((3, 4)))
    SHARED_PARTS.release()
    assert module.BASE.trainable
    (kernel,) = (value for value in first.values() if value.shape == (3, 4))
    assert np.array_equal(module.BASE.layers[0].kernel, kernel)
    # Somebody trains it further.
    module.BASE.layers[0].kernel.assign(np.full((3, 4), 2.0))
    module.BASE.trainable = False
    assert not [value for value in first_weights(model).values() if value.shape == (3, 4)]
    built = build_model(model, None, ROWS, 1, compiled=False)
    assert np.array_equal(built.layers[0].layers[0].kernel, np.full((3, 4), 2.0))
    assert not built.layers[0].trainable


def test_a_model_without_such_layers_has_none(run_file):
    model, _ = run_file(
        HEAD,
        "SIZE = 3",
        """
        def build(hp):
            return keras.Sequential([keras.layers.Dense(SIZE)])
    """,
    )
    assert first_weights(model) == {}
    assert isinstance(model.build(None), keras.Model)

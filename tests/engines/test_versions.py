"""What differs between versions of TensorFlow and Keras."""

from importlib.metadata import version

import keras
import pytest
import tensorflow as tf

from kt_grid.engines import versions
from kt_grid.engines.session import begin_session


@pytest.mark.parametrize(
    ("installed", "notes"),
    [
        pytest.param({"tensorflow": "2.18.0", "keras": "3.8.0"}, [], id="oldest"),
        pytest.param({"tensorflow": "2.21.3", "keras": "3.15.1"}, [], id="a-later-patch"),
        pytest.param(
            {"tensorflow": "2.22.0rc1", "keras": "3.15.1"},
            ["tensorflow 2.22.0rc1 is newer than 2.21, the newest"],
            id="one",
        ),
        pytest.param(
            {"tensorflow": "3.0", "keras": "4.1.0.dev2"},
            ["tensorflow 3.0 is newer than 2.21", "keras 4.1.0.dev2 is newer than 3.15"],
            id="both",
        ),
    ],
)
def test_versions_that_were_never_tried_are_told(monkeypatch, installed, notes):
    monkeypatch.setattr(versions, "version", installed.__getitem__)
    told = [*versions.untried_versions()]
    assert len(told) == len(notes)
    assert all(one.startswith(start) for one, start in zip(told, notes, strict=True))


def test_the_versions_that_run_the_tests_are_tried_ones():
    for package, newest in versions.NEWEST_TRIED.items():
        assert tuple(map(int, version(package).split(".")[:2])) <= newest


def draw():
    return keras.random.normal((2,)).numpy().tolist()


def test_draws_without_a_seed_depend_on_no_model_before():
    begin_session(1)
    alone = draw()
    for seed in (1, 2):
        begin_session(seed)
        draw()
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dropout(0.5)])
        model(tf.ones((1, 2)), training=True)
        begin_session(1)
        assert draw() == alone


@pytest.mark.parametrize(
    ("installed", "compiled"), [("2.18.0", 1), ("2.20.0", 1), ("2.21.0", 0), ("2.22.0rc1", 0)]
)
def test_the_first_program_is_compiled_where_that_is_logged(monkeypatch, installed, compiled):
    calls = []
    monkeypatch.setattr(tf, "__version__", installed)
    monkeypatch.setattr(tf, "function", lambda fn, **given: calls.append(given) or fn)
    versions.compile_once()
    assert calls == [{"jit_compile": True}] * compiled

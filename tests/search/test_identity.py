"""Two searches have one identity exactly if they must give equal numbers."""

import functools
import importlib.metadata
import json
import platform
import sys
import types

import numpy as np
import pytest

from kt_grid.data.digests import source_digest
from kt_grid.search import identity
from kt_grid.space.objective import Objective
from kt_grid.splitters.folds import KFold, make_splits

SOURCE = """
import math

WIDTH = 12

def helper():
    return deeper()

def deeper():
    return 1

def unused():
    return 1

class Base:
    def size(self):
        return 1

class Model(Base):
    def build(self, hp):
        return helper()

def build(hp):
    return helper() + WIDTH

def outer(hp):
    def inner():
        return helper()
    return inner()

class Sized:
    def __init__(self, units):
        self.units = units

    def build(self, hp):
        return self.units
"""


def _model(hp):
    return hp


def _other_model(hp):
    return [hp]


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Load SOURCE with a change, as a module of the same name from a file of its own."""

    def load(old="", new=""):
        assert old in SOURCE
        path = tmp_path / f"{len(list(tmp_path.iterdir()))}.py"
        path.write_text(SOURCE.replace(old, new, 1) if old else SOURCE)
        module = types.ModuleType("users_file")
        module.__file__ = str(path)
        monkeypatch.setitem(sys.modules, "users_file", module)
        exec(compile(path.read_text(), path, "exec"), vars(module))  # noqa: S102 - our own text
        return module

    return load


@pytest.fixture
def describe():
    def describe(**changes):
        rows = np.arange(12, dtype=np.float32).reshape(6, 2)
        cv = changes.pop("cv", KFold(3))
        arguments = {
            "objective": Objective("val_loss", "min"),
            "cv": cv,
            "splits": make_splits(cv, 6),
            "seed": 7,
            "arrays": [rows, np.arange(6)],
            "fit": {"epochs": 3},
            "model_source": source_digest(_model),
            "engine": "keras",
        }
        return identity.make_identity(**arguments | changes).to_json()

    return describe


def test_identity_is_readable_json(describe):
    entries = describe()
    assert json.loads(json.dumps(entries)) == entries
    readable = {name: entries[name] for name in ("objective", "cv", "folds", "rows", "seed", "fit")}
    assert readable == {
        "objective": "min:val_loss",
        "cv": "KFold(3)",
        "folds": 3,
        "rows": 6,
        "seed": 7,
        "fit": {"epochs": 3},
    }


@pytest.mark.parametrize(
    ("changes", "entries"),
    [
        pytest.param({}, set(), id="nothing"),
        pytest.param({"objective": Objective("val_loss", "max")}, {"objective"}, id="direction"),
        pytest.param({"cv": KFold(2)}, {"cv", "folds", "splits"}, id="folds"),
        pytest.param({"seed": 8}, {"seed"}, id="seed"),
        pytest.param({"arrays": [np.zeros((6, 2)), np.arange(6)]}, {"data"}, id="data"),
        pytest.param({"fit": {"epochs": 4}}, {"fit"}, id="fit"),
        pytest.param({"model_source": source_digest(_other_model)}, {"model source"}, id="model"),
        pytest.param({"engine": "other"}, {"engine"}, id="engine"),
    ],
)
def test_identity_differs_where_the_search_does(describe, changes, entries):
    before, after = describe(), describe(**changes)
    assert {name for name in before if before[name] != after[name]} == entries


@pytest.mark.parametrize("name", ["build", "Model", "outer", "Sized"])
def test_source_digest_is_the_same_for_the_same_source(load, name):
    digests = {source_digest(getattr(load(), name)) for _ in range(2)}
    assert len(digests) == 1


@pytest.mark.parametrize(
    ("name", "old", "new"),
    [
        pytest.param("build", "helper() + WIDTH", "helper() - WIDTH", id="the-function"),
        pytest.param("build", "return deeper()", "return deeper() + 1", id="what-it-calls"),
        pytest.param(
            "build", "def deeper():\n    return 1", "def deeper():\n    return 2", id="deep"
        ),
        pytest.param("build", "WIDTH = 12", "WIDTH = 13", id="a-constant-it-reads"),
        pytest.param("Model", "return helper()", "return 2 * helper()", id="a-method"),
        pytest.param("Model", "return deeper()", "return deeper() + 1", id="what-a-method-calls"),
        pytest.param(
            "Model",
            "def size(self):\n        return 1",
            "def size(self):\n        return 2",
            id="base-class",
        ),
        pytest.param("outer", "return deeper()", "return deeper() + 1", id="in-a-nested-function"),
    ],
)
def test_source_digest_follows_a_change(load, name, old, new):
    before = source_digest(getattr(load(), name))
    assert source_digest(getattr(load(old, new), name)) != before


def test_source_digest_leaves_out_what_is_not_used(load):
    before = source_digest(load().build)
    changed = load("def unused():\n    return 1", "def unused():\n    return 2")
    assert source_digest(changed.build) == before


def test_source_digest_of_an_object_is_its_classes(load):
    module = load()
    assert source_digest(module.Model()) == source_digest(module.Model())
    assert source_digest(module.Model()) != source_digest(module.Sized(1))


@pytest.mark.parametrize("kind", ["partial", "object"])
def test_source_digest_tells_arguments_apart(load, kind):
    module = load()
    if kind == "partial":
        models = [functools.partial(module.helper, n) for n in (1, 2)]
    else:
        models = [module.Sized(n) for n in (1, 2)]
    assert len({source_digest(model) for model in models}) == 2


@pytest.mark.parametrize(
    ("body", "other"),
    [
        pytest.param("1", "2", id="constant"),
        pytest.param("hp.a", "hp.b", id="name"),
        pytest.param("[n for n in hp]", "[-n for n in hp]", id="comprehension"),
        pytest.param("lambda: 1", "lambda: 2", id="nested-function"),
    ],
)
def test_source_digest_without_source_is_that_of_the_bytecode(body, other):
    first, again, changed = map(source_digest, map(_sourceless, (body, body, other)))
    assert first == again != changed


def test_package_versions():
    versions = identity.package_versions()
    assert versions["python"] == platform.python_version()
    assert {name: version for name, version in versions.items() if name != "python"} == {
        name: importlib.metadata.version(name)
        for name in ("kt-grid", "tensorflow", "keras", "keras-tuner", "numpy")
    }


def test_version_of_a_package_that_is_not_there(monkeypatch):
    monkeypatch.setattr(identity, "_PACKAGES", ("no-such-package",))
    # They are asked for once in a process, which other tests have done.
    identity.package_versions.cache_clear()
    try:
        assert identity.package_versions()["no-such-package"] == "not installed"
    finally:
        identity.package_versions.cache_clear()


def _sourceless(body):
    space = {"__name__": "nowhere"}
    exec(f"def build(hp): return {body}", space)  # noqa: S102 - our own text
    return space["build"]

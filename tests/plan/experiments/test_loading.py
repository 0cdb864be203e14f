"""A word becomes an experiment, or an error that says what to write instead."""

import sys

import pytest

from kt_grid.errors import ExperimentError
from kt_grid.plan.experiments import REGISTRY, load_experiment, write_template
from kt_grid.plan.experiments.base import Experiment


@pytest.fixture
def write(tmp_path):
    """Write a user's file; registry and loaded modules are put back afterwards."""
    registered = dict(REGISTRY)
    loaded = set(sys.modules)

    def write(content, name="users_own.py"):
        path = tmp_path / name
        path.write_text(content, encoding="utf-8")
        return path

    yield write
    REGISTRY.clear()
    REGISTRY.update(registered)
    for name in set(sys.modules) - loaded:
        del sys.modules[name]


@pytest.mark.parametrize("name", REGISTRY)
def test_registered_names(name):
    assert load_experiment(name) is REGISTRY[name]


@pytest.mark.parametrize(
    ("content", "attribute", "answer"),
    [
        pytest.param("def build_model(hp):\n    '''Mine.'''\n    return 1", "", 1, id="usual-name"),
        pytest.param("def build(hp):\n    '''Mine.'''\n    return 2", "", 2, id="other-usual-name"),
        pytest.param(
            "def f(hp):\n    '''Mine.'''\n    return 3\nbuild = None", ":f", 3, id="named"
        ),
    ],
)
def test_function_in_a_file(write, content, attribute, answer):
    path = write(content)
    loaded = load_experiment(f"{path}{attribute}")
    assert (loaded.name, loaded.summary, loaded.source) == ("users_own", "Mine.", str(path))
    assert loaded.model(None) == answer
    assert loaded.declares


@pytest.mark.parametrize("made", ["Model", "Model()"])
def test_hypermodel_in_a_file(write, made):
    path = write(
        "class Model:\n    '''Mine.'''\n    def build(self, hp):\n        return 4\n"
        f"model = {made}\n"
    )
    loaded = load_experiment(str(path))
    assert loaded.model.build(None) == 4
    assert loaded.summary == "Mine."
    assert sys.modules[type(loaded.model).__module__].Model is type(loaded.model)


def test_experiment_object_in_a_file(write):
    path = write(
        "from kt_grid import Experiment\n"
        "experiment = Experiment('mine', len, {'units': [1, 2]}, epochs=3)\n"
    )
    loaded = load_experiment(str(path))
    assert (loaded.name, loaded.grid, loaded.epochs) == ("mine", {"units": [1, 2]}, 3)
    assert loaded.source == str(path)


@pytest.mark.parametrize("attribute", ["", ":build_model"])
def test_registered_function_in_a_file_keeps_its_grid(write, attribute):
    path = write(
        "from kt_grid import experiment\n"
        "@experiment(units=[1, 2])\n"
        "def build_model(hp):\n    '''Mine.'''\n    return hp\n"
    )
    loaded = load_experiment(f"{path}{attribute}")
    assert loaded.model.__name__ == "build_model"
    assert loaded.grid == {"units": [1, 2]}
    assert loaded.source == str(path)


def test_object_in_a_module():
    loaded = load_experiment("kt_grid.plan.experiments.tutorial:network")
    assert (loaded.name, loaded.source) == ("network", "kt_grid.plan.experiments.tutorial")
    assert loaded.model.__name__ == "network"


@pytest.mark.parametrize(
    ("word", "words"),
    [
        pytest.param("neuron", ["'neuron'", "Did you mean 'neurons'?"], id="near-name"),
        pytest.param("zzz", ["'zzz'", *REGISTRY], id="unknown-name"),
        pytest.param("", ["''"], id="empty"),
        pytest.param("none.py", ["none.py", "no such file"], id="missing-file"),
        pytest.param("none.py:build", ["none.py", "no such file"], id="missing-file-with-name"),
        pytest.param("no_such_module:f", ["'no_such_module'"], id="missing-module"),
        pytest.param(".relative:f", ["'.relative'"], id="relative-module"),
        pytest.param(":f", ["''"], id="no-module"),
        pytest.param("math:none", ["math", "none", "my_function"], id="missing-attribute"),
        pytest.param("math:pi", ["math:pi", "HyperModel", "3.14"], id="no-function"),
    ],
)
def test_words_that_name_nothing(tmp_path, monkeypatch, raises, word, words):
    monkeypatch.chdir(tmp_path)
    with raises(ExperimentError, *words):
        load_experiment(word)


@pytest.mark.parametrize(
    ("content", "words"),
    [
        pytest.param("x = 1", ["build_model", "none of them"], id="nothing-of-a-usual-name"),
        pytest.param("def build(:", ["SyntaxError"], id="syntax"),
        pytest.param("1 / 0", ["ZeroDivisionError", "division by zero"], id="raises"),
        pytest.param("import no_such_module", ["ModuleNotFoundError"], id="missing-import"),
        pytest.param("raise SystemExit(0)", ["SystemExit"], id="exits"),
        pytest.param("model = 5", [":model", "Received: 5"], id="no-function"),
        pytest.param(
            "class model:\n    def __init__(self, n):\n        pass",
            ["model", "TypeError"],
            id="class-that-needs-arguments",
        ),
        pytest.param(
            "class model:\n    def __init__(self):\n        raise OSError('x')",
            ["OSError: x"],
            id="class-that-raises",
        ),
    ],
)
def test_files_that_hold_no_experiment(write, raises, content, words):
    with raises(ExperimentError, "users_own.py", *words):
        load_experiment(str(write(content)))


def test_a_file_that_fails_leaves_no_module_behind(write):
    with pytest.raises(ExperimentError):
        load_experiment(str(write("1 / 0")))
    assert not [name for name in sys.modules if "users_own" in name]


def test_a_file_does_not_displace_a_module_of_its_name(write, monkeypatch):
    import csv

    monkeypatch.setitem(sys.modules, "csv", csv)
    loaded = load_experiment(str(write("def build(hp):\n    return 1", "csv.py")))
    assert loaded.model(None) == 1
    assert sys.modules["csv"] is csv


def test_loading_gives_an_experiment(write):
    assert isinstance(load_experiment(str(write("build = len"))), Experiment)


def test_the_template_is_written_once_and_is_an_experiment(tmp_path, raises):
    path = tmp_path / "fresh_search.py"
    write_template(path)
    loaded = load_experiment(str(path))
    assert (loaded.name, loaded.summary) == ("fresh_search", "Hidden units and learning rate.")
    assert "kt-grid run fresh_search.py" in path.read_text()
    path.write_text("mine")
    with raises(ExperimentError, str(path), "left alone"):
        write_template(path)
    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("place", "words"),
    [
        pytest.param("notes.txt", ["ends in .py"], id="another ending"),
        pytest.param("no/such/folder/a.py", ["to write"], id="no folder"),
    ],
)
def test_the_template_needs_a_place(tmp_path, raises, place, words):
    with raises(ExperimentError, *words):
        write_template(tmp_path / place)

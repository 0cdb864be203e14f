"""A finished search of a file is answered without it as long as nothing that counts has changed."""

import sys
from dataclasses import replace
from textwrap import dedent

import pytest

from kt_grid.plan import recall as recalling
from kt_grid.plan.experiments import load_experiment
from kt_grid.plan.options import Options
from kt_grid.plan.plan import plan
from kt_grid.plan.recall import recall, remember
from kt_grid.plan.run import run
from kt_grid.store.directory import SearchStore

MINE = """
    import keras
    from width import WIDTHS

    def build_model(hp):
        hp.Choice("units", WIDTHS)
        model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        model.compile(loss="mse")
        return model
"""


@pytest.fixture
def line(tmp_path, toy_csv, stub_engine, monkeypatch):
    """A folder with a file of a search and its helper module, and what runs a line there."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", [*sys.path])
    # The modules of these tests are somebody's own, and have been imported.
    monkeypatch.setattr(recalling, "_own_file", lambda _: None)
    (tmp_path / "width.py").write_text("WIDTHS = [2, 3]\n", encoding="utf-8")
    (tmp_path / "mine.py").write_text(dedent(MINE), encoding="utf-8")
    (tmp_path / "grid.yaml").write_text("units: [2]\n", encoding="utf-8")

    def search(word="mine.py", **options):
        for name in ("mine", "width"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        given = Options(
            **{"data": toy_csv, "refit": False, "directory": tmp_path / "runs"} | options
        )
        planned = plan(load_experiment(word), given)
        results = run(planned)
        remember(word, planned, "defaults")
        for name in ("mine", "width"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        return given, results

    return search


def test_a_finished_search_is_answered_from_its_directory(line):
    options, results = line()
    found = recall("mine.py", options)
    assert (found.results.trials, found.told) == (results.trials, "defaults")
    assert recall("./mine.py", replace(options, quiet=True, workers=3)) is not None
    assert not {"mine", "width"} & sys.modules.keys()


def test_what_was_told_before_training_is_told_again(line, tmp_path):
    lines = (tmp_path / "toy.csv").read_text().splitlines()
    ordered = [lines[0], *sorted(lines[1:], key=lambda row: row[-1])]
    (tmp_path / "toy.csv").write_text("\n".join(ordered))
    options, _ = line(cv="kfold")
    assert recall("mine.py", options).notes


def add(path, line):
    path.write_text(f"{path.read_text()}\n{line}\n")


CHANGES = {
    "comment": lambda here: add(here / "mine.py", "# more"),
    "helper": lambda here: (here / "width.py").write_text("WIDTHS = [2, 3, 4]\n"),
    "no helper": lambda here: (here / "width.py").unlink(),
    "data": lambda here: add(here / "toy.csv", "0.1,0.2,0.3,1"),
    "a module that comes first": lambda here: (
        (here / "width").mkdir() or (here / "width" / "__init__.py").write_text("WIDTHS = [9]\n")
    ),
    "search": lambda here: (here / "runs" / "mine" / "search.json").write_text("{}"),
    "fold": lambda here: (here / "runs" / "mine" / "trial_0000" / "fold_0.json").unlink(),
    "answer": lambda here: (here / "runs" / "mine" / "answer.json").write_text("{}"),
    "state": lambda here: (here / "runs" / "mine" / "oracle.json").unlink(),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_whatever_has_changed_is_looked_at_again(line, tmp_path, change):
    options, _ = line()
    assert recall("mine.py", options) is not None
    # What is in the working directory comes first, as with `python -m`.
    sys.path.insert(0, str(tmp_path))
    change(tmp_path)
    assert recall("mine.py", options) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"seed": 8},
        {"epochs": 5},
        {"refit": True},
        {"keep": "all"},
        {"words": ("units=2",)},
        {"name": "other"},
        {"overwrite": True},
        {"dry_run": True},
        {"zoom": True},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_another_line_is_another_question(line, changes):
    options, _ = line()
    assert recall("mine.py", replace(options, **changes)) is None
    assert recall("mine.py:build_model", options) is None


def test_a_line_in_between_takes_the_answer_away(line):
    options, _ = line()
    other, _ = line(epochs=5)
    assert recall("mine.py", options) is None
    assert recall("mine.py", other) is not None
    again, _ = line()
    assert recall("mine.py", again) is not None


def test_a_file_of_a_grid_counts_too(line, tmp_path):
    options, _ = line(words=("grid.yaml",), grid={"units": (2,)})
    assert recall("mine.py", options) is not None
    (tmp_path / "grid.yaml").write_text("units: [3]\n")
    assert recall("mine.py", options) is None


def test_other_packages_and_settings_are_looked_at(line, monkeypatch):
    options, _ = line()
    monkeypatch.setenv("KERAS_FLOATX", "float64")
    assert recall("mine.py", options) is None
    monkeypatch.delenv("KERAS_FLOATX")
    assert recall("mine.py", options) is not None
    versions = recalling.package_versions() | {"keras": "3.0.0"}
    monkeypatch.setattr(recalling, "package_versions", lambda: versions)
    assert recall("mine.py", options) is None


UNSURE = {
    "vocabulary in a file": "def later():\n    keras.layers.StringLookup(vocabulary='words.txt')",
    "rows in a file": "def later(tf):\n    tf.data.TextLineDataset('rows.txt')",
    "another package": "import pandas",
    "in a function": "def unused():\n    import os",
    "environment": "from os import environ",
    "file": "def size():\n    return open('x')",
    "chance": "import numpy as np\nSIZE = np.random.rand()",
    "array": "import numpy as np\ndef read():\n    return np.loadtxt('x')",
    "by a name": "SIZE = getattr(keras, 'back' + 'end')",
    "weights from elsewhere": "def base():\n    return keras.applications.MobileNetV2()",
    "a module by a name": "import width\nwidth.__dict__",
}


@pytest.mark.parametrize("text", UNSURE.values(), ids=UNSURE)
@pytest.mark.parametrize("file", ["mine.py", "width.py"])
def test_what_may_depend_on_more_is_not_taken_for_sure(line, tmp_path, text, file):
    path = tmp_path / file
    path.write_text("import keras\n" + path.read_text() + text + "\n", encoding="utf-8")
    options, results = line()
    assert results.complete
    assert recall("mine.py", options) is None
    assert not (tmp_path / "runs" / "mine" / "answer.json").exists()


def test_a_module_that_no_text_names_is_not_taken_for_sure(line, monkeypatch, tmp_path):
    monkeypatch.setattr(recalling, "_own_file", lambda _: tmp_path / "plugin.py")
    options, _ = line()
    assert recall("mine.py", options) is None


def test_nothing_is_written_where_nothing_has_changed(line, tmp_path):
    line()
    path = SearchStore(tmp_path / "runs", "mine").root / "answer.json"
    before = path.stat().st_mtime_ns
    line()
    assert path.stat().st_mtime_ns == before

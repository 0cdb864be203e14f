"""What version 0.1.0 wrote can be read, reported, predicted with, and goes on."""

import dataclasses
import json
import shutil
from pathlib import Path

import keras
import numpy as np
import pytest
from typer.testing import CliRunner

import kt_grid
from kt_grid.cli.commands import app
from kt_grid.errors import MismatchError, PredictionError
from kt_grid.report.formats import render
from kt_grid.search.runner import TrialRunner
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import read_sealed
from kt_grid.store.results import read_results

STORED = Path(__file__).with_name("v0_1_0")
REPORTS = {
    "filled": (
        "Best: 0.458333 using {'units': 2}\n"
        "0.458333 (0.294628) with: {'units': 2}\n"
        "0.250000 (0.270031) with: {'units': 3}\n"
    ),
    "neurons": (
        "Best: 0.653646 using {'neurons': 2, 'epochs': 2}\n"
        "0.653646 (0.027498) with: {'neurons': 2, 'epochs': 2}\n"
        "0.651042 (0.024774) with: {'neurons': 3, 'epochs': 2}\n"
    ),
}
LINE = ["run", "neurons", "--grid", "neurons=2,3", "--grid", "epochs=2"]


@pytest.fixture
def stored(tmp_path):
    """A copy of the searches, which nothing may write to."""
    return shutil.copytree(STORED, tmp_path / "v0_1_0")


def files(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and not path.name.startswith("lock")
    }


@pytest.mark.parametrize("name", REPORTS)
def test_results_are_read_and_shown(name):
    results = read_results(SearchStore(STORED, name))
    assert results.damage == ()
    assert results.complete
    assert render(results).startswith(REPORTS[name])


@pytest.mark.parametrize("name", REPORTS)
@pytest.mark.parametrize("style", ["text", "table", "csv", "json", "html"])
def test_every_format_shows_it(name, style):
    command = ["report", name, "--directory", str(STORED), "--format", style]
    answer = CliRunner().invoke(app, command)
    assert answer.exit_code == 0, answer.output
    assert "units" in answer.stdout or "neurons" in answer.stdout
    if style == "json":
        entry = read_sealed(STORED / name / "search.json")
        assert list(json.loads(answer.stdout)["search"].items()) == list(entry.items())


def test_the_refitted_model_predicts_as_it_did(raises):
    if tuple(map(int, keras.__version__.split(".")[:2])) < (3, 15):
        with raises(PredictionError, "Keras 3.15.1 saved it", keras.__version__):
            kt_grid.load_best_model(STORED / "filled")
        return
    model = kt_grid.load_best_model(STORED / "filled")
    rows = np.array([[1.0, np.nan], [-1.0, 0.5]], "float32")
    np.testing.assert_allclose(model.predict(rows, verbose=0), [[0.705018], [0.5333643]], rtol=1e-5)


def test_the_same_line_answers_from_what_is_there(stored, monkeypatch):
    def refuse(*_):
        raise AssertionError("Expected nothing to be trained.")

    monkeypatch.setattr(TrialRunner, "run", refuse)
    monkeypatch.setattr(TrialRunner, "refit", refuse)
    before = files(stored)
    answer = CliRunner().invoke(app, [*LINE, "--directory", str(stored)])
    assert answer.exit_code == 0, answer.output
    assert answer.stdout.startswith(REPORTS["neurons"])
    assert files(stored) == before


def test_a_search_whose_models_it_does_not_know_is_refused_as_0_1_0s(stored, raises):
    store = SearchStore(stored, "filled")
    wanted = dataclasses.replace(store.read_record().identity, model_source="by trial")
    with raises(MismatchError, "made by kt-grid 0.1.0", "another model source", "overwrite=True"):
        store.check_identity(wanted)

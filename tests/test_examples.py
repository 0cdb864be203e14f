"""Every example in scripts/examples runs, and prints what it found."""

import re
import runpy
import warnings
from functools import partial
from pathlib import Path

import nbclient
import nbformat
import pytest
from sampling import sampled

import kt_grid
from kt_grid.plan.experiments import REGISTRY, load_experiment
from kt_grid.plan.options import Options
from kt_grid.plan.plan import plan
from kt_grid.plan.run import run
from kt_grid.report.formats import render

FOLDER = Path(__file__).parent.parent / "scripts" / "examples"
EXAMPLES = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}


@pytest.mark.parametrize("name", sampled(EXAMPLES, "classes", "from_grid_search_cv"))
def test_example_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES[name]), run_name="__main__")
    shown = capsys.readouterr().out
    assert re.search(r"^\d+\.\d+ \{'.+\}$", shown, re.MULTILINE)
    assert [*tmp_path.glob("runs/*/search.json")]


def test_the_notebook_runs(tmp_path):
    notebook = nbformat.read(FOLDER / "notebook.ipynb", as_version=4)
    with warnings.catch_warnings():
        # Of the kernel's own packages.
        warnings.simplefilter("ignore")
        nbclient.NotebookClient(
            notebook, timeout=300, kernel_name="python3", resources={"metadata": {"path": tmp_path}}
        ).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    tables = [o.data["text/html"] for o in outputs if "text/html" in o.get("data", {})]
    assert any("mean_test_score" in table for table in tables)
    assert "p_0" in tables[-1]
    assert any("<svg" in table or "data:image" in table for table in tables)


@pytest.mark.parametrize("name", sampled(REGISTRY, "dropout", "neurons"))
def test_listing_of_the_tutorial_gives_the_experiments_numbers(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    # A trial of each will do.
    one = partial(kt_grid.CrossValidationTuner, max_trials=1)
    monkeypatch.setattr(kt_grid, "CrossValidationTuner", one, raising=False)
    runpy.run_path(str(FOLDER / "from_the_tutorial" / f"{name}.py"), run_name="__main__")
    built_in = run(plan(load_experiment(name), Options(max_trials=1, refit=False)))
    assert capsys.readouterr().out == render(built_in)

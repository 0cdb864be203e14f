"""Every example in scripts/examples runs, and prints what it found."""

import re
import runpy
from pathlib import Path

import pytest
from sampling import sampled

FOLDER = Path(__file__).parent.parent / "scripts" / "examples"
EXAMPLES = {path.stem: path for path in sorted(FOLDER.glob("*.py"))}


@pytest.mark.parametrize("name", sampled(EXAMPLES, "classes", "from_grid_search_cv", "score"))
def test_example_runs(name, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(EXAMPLES[name]), run_name="__main__")
    shown = capsys.readouterr().out
    assert re.search(r"^\d+\.\d+ \{'.+\}$", shown, re.MULTILINE)
    assert [*tmp_path.glob("runs/*/search.json")]

"""Every example in scripts/examples runs, and prints what it found."""

import re
import runpy
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parent.parent / "scripts" / "examples").glob("*.py"))


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_example_runs(path, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    runpy.run_path(str(path), run_name="__main__")
    shown = capsys.readouterr().out
    assert re.search(r"^\d+\.\d+ \{'.+\}$", shown, re.MULTILINE)
    assert [*tmp_path.glob("runs/*/search.json")]

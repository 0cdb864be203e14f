"""A small sample of what scripts/fuzz_directory.py does."""

import importlib.util
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "scripts" / "fuzz_directory.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("fuzz_directory", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for answer in module.ANSWERS.values():
        answer(module.SearchStore(module.STORED, "neurons"))
    return module


def test_a_changed_file_is_shown_or_named(script, monkeypatch):
    # A machine that is busy isn't at fault.
    monkeypatch.setattr(script, "SLOW", 10)
    assert [told for seed in range(25) for told in script.fuzz(seed)] == []

"""A small sample of what scripts/fuzz_directory.py does."""

import importlib.util
import sys
from pathlib import Path

import pytest

PATH = Path(__file__).parents[1] / "scripts" / "fuzz_directory.py"


@pytest.fixture(scope="module")
def script():
    spec = importlib.util.spec_from_file_location("fuzz_directory", PATH)
    module = importlib.util.module_from_spec(spec)
    # Its dataclass looks there for the module that it is of.
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    yield module
    del sys.modules[spec.name]


def test_a_changed_file_is_shown_or_named(script, monkeypatch, tmp_path):
    # A machine that is busy isn't at fault.
    monkeypatch.setattr(script, "SLOW", 20)
    monkeypatch.setattr(script, "HANGS", 200)
    place = script.prepare(tmp_path)
    assert [told for seed in range(8) for told in script.fuzz(place, seed)] == []

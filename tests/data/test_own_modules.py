"""Own is what isn't installed; files that a search depends on are found without running them."""

import importlib
import sys
from pathlib import Path

import keras
import pytest

import kt_grid
from kt_grid.data.own_modules import is_installed, own_modules, own_sources

FILES = {
    "mine.py": "import near\ndef build(hp):\n    if hp:\n        from pack.deep import late\n",
    "near.py": "import keras\nimport importlib\ndef f():\n    importlib.import_module('far')\n",
    "far.py": "raise SystemExit('run')\n",
    "unused.py": "",
    "pack/__init__.py": "",
    "pack/deep.py": "from . import beside\nlate = 1\nraise SystemExit('run')\n",
    "pack/beside.py": "",
}


@pytest.fixture
def build(tmp_path, monkeypatch):
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    monkeypatch.syspath_prepend(tmp_path)
    for name in ("mine", "near"):
        monkeypatch.delitem(sys.modules, name, raising=False)
    return importlib.import_module("mine").build


def test_files_are_found_through_imports_wherever_they_stand(build, tmp_path):
    paths = [source.path for source in own_sources([build]).values()]
    found = {str(path.relative_to(tmp_path.resolve())) for path in paths}
    assert found == {*FILES} - {"unused.py"}
    assert {module.__name__ for module in own_modules([build])} == {"mine", "near"}


def test_what_is_installed_is_not_own():
    assert is_installed(Path(kt_grid.__file__).resolve().parent / "data")
    assert is_installed(Path(keras.__file__).resolve().parent)
    assert not is_installed(Path(__file__).resolve().parent)
    assert own_sources([kt_grid.KFold, keras.layers.Dense]) == {}

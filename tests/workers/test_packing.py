"""A worker elsewhere runs the user's code, also what it imports while it runs."""

import importlib
import os
import subprocess
import sys

from kt_grid.workers.packing import pack

FILE = """
def build(hp):
    if hp:
        import first_late
        from late_pack.inside import value
        return first_late.WIDTH + value
"""


def test_modules_that_only_a_branch_imports_reach_workers(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text(FILE)
    (tmp_path / "first_late.py").write_text("import next_late\nWIDTH = next_late.WIDTH\n")
    (tmp_path / "next_late.py").write_text("WIDTH = 30\n")
    (tmp_path / "late_pack").mkdir()
    (tmp_path / "late_pack/inside.py").write_text("value = 4\n")
    monkeypatch.syspath_prepend(tmp_path)
    monkeypatch.delitem(sys.modules, "mine", raising=False)
    build = importlib.import_module("mine").build
    message = tmp_path / "message"
    message.write_bytes(pack(build, [build]))
    assert not {"first_late", "next_late", "late_pack"} & {*sys.modules}
    # An older module of that name, which a worker finds first, isn't what was sent.
    stale = tmp_path / "elsewhere"
    stale.mkdir()
    (stale / "next_late.py").write_text("WIDTH = 20\n")
    code = f"""
from pathlib import Path
import next_late
from kt_grid.workers.packing import unpack
print(unpack(Path({str(message)!r}).read_bytes())(True))
"""
    paths = [str(stale), *(path for path in sys.path if path != str(tmp_path))]
    done = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
        capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, "34\n"), done.stderr

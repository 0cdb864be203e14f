"""Run the tests in environments with the oldest and the newest packages that kt-grid allows.

    python scripts/matrix.py                    # all environments, the core set of tests in each
    python scripts/matrix.py oldest --whole     # one of them, with the whole suite
    python scripts/matrix.py oldest --python python3.12 --tests-only
    python scripts/matrix.py --list

An environment is a virtual environment with one Python, with some packages pinned and the others
as new as they allow. The oldest one has every package at its lower bound in pyproject.toml. In
each, the tests run, and four of the bundled experiments; what they print has to be the same bytes
as everywhere else. A table of what came out is printed at the end, as Markdown. The exit status
is 1 if a test failed or a byte differs.
"""

import argparse
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
EXPERIMENTS = ("batch_epochs", "optimizer", "learning_rate", "neurons")
# Where versions show soonest: Keras's generators, layers and files of models, pandas' tables.
# The experiments train with the compiled engine.
CORE = (
    *(
        f"tests/engines/test_{name}.py"
        for name in ("versions", "session", "adapting", "backend", "model_files")
    ),
    *(f"tests/search/test_{name}.py" for name in ("models", "predict", "evaluate")),
    *(f"tests/{package}" for package in ("data", "space", "splitters", "store")),
    *(f"tests/report/test_{name}.py" for name in ("formats", "tables", "tensorboard")),
)
SHOWN = ("tensorflow", "keras", "keras-tuner", "numpy", "pandas")


@dataclass(frozen=True)
class Environment:
    """A Python and the packages that are pinned in it.

    Attributes:
        name: What it is called.
        python: Version of Python, or an interpreter.
        pins: Versions by package; those that aren't named are the newest that fit.
        lowest: Whether all packages are at their lower bounds.
    """

    name: str
    python: str
    pins: dict[str, str] = field(default_factory=dict)
    lowest: bool = False

    def constraints(self) -> list[str]:
        """Say it as pip's constraints."""
        lower = lower_bounds() if self.lowest else {}
        return [f"{name}=={version}" for name, version in {**lower, **self.pins}.items()]


ENVIRONMENTS = (
    Environment("newest", "3.13"),
    Environment("oldest", "3.11", lowest=True),
    Environment("tensorflow-2.19", "3.12", {"tensorflow": "2.19.1", "keras": "3.10.0"}),
    Environment("tensorflow-2.20", "3.13", {"tensorflow": "2.20.0", "keras": "3.12.0"}),
)


def main() -> None:
    """Make the environments, run the tests in them, and print the table."""
    names = [environment.name for environment in ENVIRONMENTS]
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("names", nargs="*", help=f"which ones (all): {', '.join(names)}")
    parser.add_argument(
        "--directory", type=Path, default=ROOT / ".matrix",
        help="where the environments are made, and kept for the next time (.matrix)",
    )  # fmt: skip
    parser.add_argument("--python", help="an interpreter to use instead of those of the table")
    parser.add_argument("--whole", action="store_true", help="run all tests instead of the core")
    parser.add_argument("--tests-only", action="store_true", help="don't run the experiments")
    parser.add_argument("--list", action="store_true", help="print the pins, and do nothing")
    arguments = parser.parse_args()
    if unknown := set(arguments.names) - set(names):
        parser.error(f"Expected names out of {', '.join(names)}. Received: {', '.join(unknown)}")
    chosen = [e for e in ENVIRONMENTS if e.name in (arguments.names or names)]
    if arguments.list:
        for environment in chosen:
            print(environment.name, f"python=={environment.python}", *environment.constraints())
        return
    if arguments.python:
        chosen = [replace(environment, python=arguments.python) for environment in chosen]
    tests = ["tests"] if arguments.whole else list(CORE)
    experiments = () if arguments.tests_only else EXPERIMENTS
    folder = arguments.directory.resolve()
    rows = [run(environment, folder, tests, experiments) for environment in chosen]
    print(table(rows))
    prints = {row["printed"] for row in rows}
    sys.exit(any(row["status"] != "0" for row in rows) or len(prints) > 1)


def lower_bounds() -> dict[str, str]:
    """Read the lower bounds of kt-grid's own packages and of those of its tests."""
    from packaging.requirements import Requirement

    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = project["optional-dependencies"]
    wanted = [*project["dependencies"], *extras["test"]]
    for extra in ("cluster", "parquet", "tensorboard"):
        wanted += extras[extra]
    requirements = [Requirement(text) for text in wanted]
    return {
        r.name: s.version for r in requirements for s in r.specifier if s.operator in (">=", "==")
    }


def run(
    environment: Environment, directory: Path, tests: list[str], experiments: Sequence[str]
) -> dict[str, str]:
    """Make an environment, run the tests and the experiments in it, and return its row."""
    folder = directory / environment.name
    python = make(environment, folder)
    versions = installed(python)
    print(f"\n== {environment.name}: {versions}", flush=True)
    report = folder / "junit.xml"
    done = subprocess.run(
        [python, "-m", "pytest", "-q", f"--junit-xml={report}", *tests], cwd=ROOT, check=False
    )
    return {
        "environment": environment.name,
        **versions,
        "tests": counts(report),
        "status": str(done.returncode),
        "printed": printed(python, folder / "runs", experiments),
    }


def make(environment: Environment, folder: Path) -> str:
    """Install what an environment has, with kt-grid as it is here; return its Python."""
    python = folder / "bin" / "python"
    if not python.exists():
        subprocess.run([interpreter(environment.python), "-m", "venv", str(folder)], check=True)
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join(environment.constraints()))
    pip = [str(python), "-m", "pip", "--quiet", "--disable-pip-version-check", "install"]
    subprocess.run([*pip, "-c", str(constraints), "-e", f"{ROOT}[test]"], check=True)
    return str(python)


def interpreter(version: str) -> str:
    """Find an interpreter, or a Python of a version: this one, one on the path, or pyenv's.

    Raises:
        SystemExit: If there is none.
    """
    if path := shutil.which(version):
        return path
    own = f"{sys.version_info.major}.{sys.version_info.minor}"
    names = [sys.executable] if own == version else [f"python{version}"]
    folder = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"), "versions")
    names += [str(path) for path in sorted(folder.glob(f"{version}.*/bin/python"))]
    for name in names:
        found = shutil.which(name)
        if found and not subprocess.run([found, "--version"], capture_output=True).returncode:
            return found
    sys.exit(f"Expected Python {version}. Received: no python{version} on the path")


def installed(python: str) -> dict[str, str]:
    """Ask an environment for the versions that the table shows."""
    code = (
        "import importlib.metadata as m, json, platform, sys; print(json.dumps("
        "{'python': platform.python_version(), **{n: m.version(n) for n in sys.argv[1:]}}))"
    )
    told = subprocess.run([python, "-c", code, *SHOWN], capture_output=True, text=True, check=True)
    return dict(json.loads(told.stdout))


def counts(report: Path) -> str:
    """Sum up pytest's report in JUnit's format."""
    text = report.read_text(encoding="utf-8") if report.exists() else ""
    suite = dict(re.findall(r'(tests|failures|errors|skipped)="(\d+)"', text[:2000]))
    failed = int(suite.get("failures", 0)) + int(suite.get("errors", 0))
    passed = int(suite.get("tests", 0)) - failed - int(suite.get("skipped", 0))
    return f"{passed} passed, {failed} failed, {suite.get('skipped', 0)} skipped"


def printed(python: str, runs: Path, experiments: Sequence[str]) -> str:
    """Run experiments anew, and return a digest of what they print; "failed" if one fails."""
    if not experiments:
        return "not run"
    shutil.rmtree(runs, ignore_errors=True)
    command = [python, "-m", "kt_grid", "run", *experiments, "--quiet", "--directory", str(runs)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, check=False)
    return "failed" if done.returncode else hashlib.sha256(done.stdout).hexdigest()[:12]


def table(rows: list[dict[str, str]]) -> str:
    """Write the rows as Markdown."""
    lines = [[*rows[0]], ["---"] * len(rows[0]), *([*row.values()] for row in rows)]
    return "\n".join(f"| {' | '.join(cells)} |" for cells in lines)


if __name__ == "__main__":
    main()

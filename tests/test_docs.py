"""README, the documentation and help texts say what the program does."""

import re
import shlex
from pathlib import Path

import pytest
from typer.testing import CliRunner

import kt_grid
from kt_grid.cli import app
from kt_grid.plan.experiments import REGISTRY

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
COMMANDS = [
    line.removeprefix("$ ").partition("#")[0].strip()
    for text in DOCS.values()
    for block in re.findall(r"^```(?:console)?\n(.*?)^```", text, re.DOTALL | re.MULTILINE)
    for line in block.splitlines()
    if line.removeprefix("$ ").startswith("kt-grid ")
]
OPTIONS = {
    "run": (
        "--grid --max-trials --folds --cv --repeats --groups --folds-from --test-size --gap "
        "--seed --data --target --objective --sample --engine "
        "--epochs --batch-size "
        "--sample-weight --class-weight --early-stopping --validation-split "
        "--separator --header --no-header --encoding --encode --missing --na-values "
        "--zero-is-missing --drop --decimal --thousands --comment "
        "--workers --scheduler --trial-timeout --directory --name --overwrite --keep --no-refit "
        "--zoom --train-scores --keep-predictions --racing "
        "--dry-run --quiet"
    ),
    "report": "--format --output --objective --pooled --published --directory",
    "predict": "--data --output --ensemble --unknown --directory",
    "evaluate": "--data --output --unknown --directory",
    "list": "--directory",
    "remove": "--yes --directory",
    "new": "",
}


def help_of(command):
    ended = CliRunner().invoke(app, [command, "--help"])
    assert ended.exit_code == 0
    return ended.stdout


@pytest.mark.parametrize("line", COMMANDS)
def test_commands_exist(line):
    _, command, *words = shlex.split(line)
    known = help_of(command)
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", known), option
    names = [word for word in words[:1] if word.isidentifier()]
    assert all(name in [*REGISTRY, "all"] for name in names)


@pytest.mark.parametrize("command", OPTIONS)
def test_help_lists_all_options_and_an_example(command):
    text = help_of(command)
    shown = re.findall(r"^  (?:-h, )?(--[a-z-]+)(?: / (--[a-z-]+))?", text, re.MULTILINE)
    assert {*filter(None, sum(shown, ()))} == {*OPTIONS[command].split(), "--help"}
    assert f"Example: kt-grid {command}" in text


def test_first_screen_shows_the_output_of_its_command():
    block = README.partition("```\n$ kt-grid run neurons\n")[2].partition("```")[0]
    lines = block.splitlines()
    grid = REGISTRY["neurons"].grid["neurons"]
    best, *trials = lines
    scores = {
        n: re.fullmatch(r"(0\.\d{6}) \(0\.\d{6}\) with: (.+)", t)
        for n, t in zip(grid, trials, strict=True)
    }
    assert all(found and found[2] == str({"neurons": n}) for n, found in scores.items())
    top = max(grid, key=lambda n: (float(scores[n][1]), -grid.index(n)))
    assert best == f"Best: {scores[top][1]} using {{'neurons': {top}}}"


def test_python_example_runs(tmp_path, monkeypatch, capsys):
    code = re.search(r"## From Python\n\n```python\n(.+?)```", README, re.DOTALL)[1]
    monkeypatch.chdir(tmp_path)
    exec(compile(code, "README.md", "exec"), {})  # noqa: S102 - the README's own code
    shown = capsys.readouterr().out
    assert "[4 rows x" in shown
    assert re.search(r"^0\.\d+ {'epochs': (5|10), 'units': (4|8)}$", shown, re.MULTILINE)
    assert (tmp_path / "runs" / "mine" / "best" / "model.keras").exists()


def test_eighth_experiment_is_an_experiment():
    code = re.search(r"## An eighth experiment\n.*?```python\n(.+?)```", README, re.DOTALL)[1]
    assert len(code.splitlines()) <= 10
    before = dict(REGISTRY)
    scope = {"experiment": kt_grid.experiment, "network": None}
    try:
        exec(compile(code, "README.md", "exec"), scope)  # noqa: S102 - the README's own code
        assert REGISTRY["width"].grid == {"width": [6, 12, 24], "epochs": [50, 100]}
    finally:
        REGISTRY.clear()
        REGISTRY.update(before)


def test_reference_has_every_public_name():
    reference = "".join(text for name, text in DOCS.items() if "reference/python" in name)
    told = {*re.findall(r":: kt_grid\.(\w+)$", reference, re.MULTILINE), "KtGridError"}
    missing = [name for name in kt_grid.__all__ if name not in told]
    assert missing == [], "Expected them in a page of docs/reference/python"


def test_changelog_names_the_version():
    assert f"## {kt_grid.__version__}" in (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    assert f'version = "{kt_grid.__version__}"' in (ROOT / "pyproject.toml").read_text("utf-8")

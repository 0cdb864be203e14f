"""README, the documentation and help texts say what the program does."""

import re
import shlex
from pathlib import Path

import pytest
import run_docs
from typer.testing import CliRunner

import kt_grid
from kt_grid.cli import app
from kt_grid.plan.experiments import REGISTRY

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
DOCS = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
}
COMMANDS = [
    command
    for text in DOCS.values()
    for block in run_docs.blocks(text)
    if block.language == "console"
    for command, *_ in block.commands()
    if command.startswith("kt-grid ")
]
OPTIONS = {
    "run": (
        "--grid --max-trials --folds --cv --repeats --only --groups --folds-from --test-size --gap "
        "--seed --data --target --objective --sample --engine "
        "--epochs --batch-size "
        "--sample-weight --class-weight --early-stopping --validation-split "
        "--separator --header --no-header --encoding --encode --missing --na-values "
        "--zero-is-missing --drop --decimal --thousands --comment "
        "--workers --scheduler --share-gpus --trial-timeout "
        "--directory --name --overwrite --keep --no-refit "
        "--zoom --train-scores --keep-predictions --racing "
        "--dry-run --quiet"
    ),
    "report": "--format --output --objective --pooled --published --watch --directory",
    "predict": "--data --output --trial --ensemble --unknown --name --directory",
    "evaluate": "--data --output --trial --unknown --name --directory",
    "refit": "--trial --data --name --directory",
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
    _, command, *words = shlex.split(line, comments=True)
    known = help_of(command)
    for option in (word for word in words if word.startswith("--")):
        assert re.search(rf"{option}\b", known), option
    names = [word for word in words[:1] if command == "run" and not word.endswith(".py")]
    assert all(name in [*REGISTRY, "all"] for name in names)


@pytest.mark.parametrize("command", OPTIONS)
def test_help_lists_all_options_and_an_example(command):
    text = help_of(command)
    shown = re.findall(r"^  (?:-h, )?(--[a-z-]+)(?: / (--[a-z-]+))?", text, re.MULTILINE)
    assert {*filter(None, sum(shown, ()))} == {*OPTIONS[command].split(), "--help"}
    assert f"Example: kt-grid {command}" in text


def test_first_screen_shows_the_output_of_its_command():
    block = README.partition("```console\n$ kt-grid run neurons\n")[2].partition("```")[0]
    lines = block.partition("Best: ")[2].partition("\n\n")[0].splitlines()
    grid = REGISTRY["neurons"].grid["neurons"]
    best, *trials = lines
    scores = {
        n: re.fullmatch(r"(0\.\d{6}) \(0\.\d{6}\) with: (.+)", t)
        for n, t in zip(grid, trials, strict=True)
    }
    assert all(found and found[2] == str({"neurons": n}) for n, found in scores.items())
    top = max(grid, key=lambda n: (float(scores[n][1]), -grid.index(n)))
    assert best == f"{scores[top][1]} using {{'neurons': {top}}}"


def test_readme_is_short_and_its_links_lead_somewhere():
    assert len(README.splitlines()) <= 200
    links = re.findall(r"\]\(([^)#]+)\)", README)
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_eighth_experiment_is_an_experiment():
    code = re.search(r"\*\*An experiment.*?```python\n(.+?)```", CONTRIBUTING, re.DOTALL)[1]
    assert len(code.splitlines()) <= 10
    before = dict(REGISTRY)
    scope = {"experiment": kt_grid.experiment, "network": None}
    try:
        exec(compile(code, "CONTRIBUTING.md", "exec"), scope)  # noqa: S102 - the page's own code
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

"""Who imports whom, what is imported early, and who may print."""

import ast
import doctest
import functools
import graphlib
import importlib
import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

import kt_grid

PACKAGE = Path(kt_grid.__file__).parent
ROOT = Path(__file__).parents[1]
CONTRIBUTING = (ROOT / "CONTRIBUTING.md").read_text(encoding="utf-8")
# What a package may import besides itself and `errors`.
ALLOWED = {
    "space": set(),
    "splitters": {"space"},
    "data": {"space", "splitters"},
    "store": {"space", "splitters"},
    "engines": {"space", "splitters", "data"},
    "workers": {"space", "splitters", "data", "engines"},
    "analysis": {"space", "store"},
    "report": {"space", "data", "store", "analysis"},
}
ALLOWED["search"] = {*ALLOWED}
ALLOWED["plan"] = {*ALLOWED}
ALLOWED["cli"] = {*ALLOWED}

PATHS = {
    path.relative_to(PACKAGE)
    .with_suffix("")
    .as_posix()
    .replace("/", ".")
    .removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}
MODULES = [name for name in PATHS if name != "__init__"]


def test_the_top_shows_the_packages():
    top = {path.stem for path in PACKAGE.iterdir() if not path.name.startswith(("_", "."))}
    assert top - {"py"} == {*ALLOWED, "errors"}


@pytest.mark.parametrize("package", ALLOWED)
def test_packages_import_what_they_may(package):
    used = {
        used.split(".")[0]
        for name in MODULES
        if name.split(".")[0] == package
        for used in _uses(name)
    }
    assert used - {package, "errors"} <= ALLOWED[package]


def test_no_module_imports_itself_by_a_detour():
    graph = {name: _uses(name) - {name} for name in MODULES}
    assert len([*graphlib.TopologicalSorter(graph).static_order()]) >= len(MODULES)


@pytest.mark.parametrize(
    ("packages", "allowed"),
    [
        pytest.param(
            {"typer", "click"},
            {f"cli.{name}" for name in ("commands", "options", "parameters", "process")},
            id="typer",
        ),
        pytest.param({"rich"}, {"cli.commands", "search.progress"}, id="rich"),
        pytest.param({"argparse", "pickle", "sklearn"}, set(), id="nobody"),
        pytest.param({"yaml"}, {"space.files"}, id="yaml"),
        pytest.param(
            {"pandas"},
            {
                "store.results",
                "search.results",
                "search.held_out",
                "search.predict",
                "data.features",
                "data.table",
            }
            | {"data.csv_file", "data.parquet"},
            id="pandas",
        ),
        pytest.param(
            {"matplotlib"},
            {f"report.figures.{name}" for name in ("charts", "plots", "style")}
            | {"report.notebook"},
            id="matplotlib",
        ),
        pytest.param({"IPython"}, {"search.progress"}, id="IPython"),
        pytest.param({"jinja2", "markupsafe"}, {"report.page"}, id="jinja2"),
        pytest.param({"scipy"}, {"analysis.statistics", "analysis.confidence_set"}, id="scipy"),
        pytest.param({"tensorboard"}, {"report.tensorboard"}, id="tensorboard"),
    ],
)
def test_packages_are_imported_where_they_belong(packages, allowed):
    users = {name for name in PATHS if packages & {used.split(".")[0] for used in _imported(name)}}
    assert users == allowed


@pytest.mark.parametrize("name", [name for name in MODULES if not name.startswith("cli")])
def test_only_the_command_line_prints_or_exits(name):
    calls = [node for node in ast.walk(_tree(name)) if isinstance(node, ast.Call)]
    called = {ast.unparse(call.func) for call in calls}
    names = {ast.unparse(node) for node in ast.walk(_tree(name)) if isinstance(node, ast.Attribute)}
    raised = {ast.unparse(node) for node in ast.walk(_tree(name)) if isinstance(node, ast.Raise)}
    if name == "workers.forked":
        # A copy of the process must never go on with what its original was about to do.
        called.discard("os._exit")
    assert not called & {"print", "exit", "quit", "input", "breakpoint", "sys.exit", "os._exit"}
    assert not names & {"sys.stdout", "sys.stderr", "sys.exit"}
    assert not any("SystemExit" in text for text in raised)


@pytest.mark.parametrize("name", PATHS)
def test_modules_have_one_subject_and_say_which(name):
    text = PATHS[name].read_text(encoding="utf-8")
    assert len(text.splitlines()) <= 600
    assert ast.get_docstring(ast.parse(text))


def test_no_module_for_odds_and_ends():
    assert not {name.split(".")[-1] for name in PATHS} & {"utils", "util", "helpers", "common"}


@pytest.mark.parametrize("module", ["kt_grid", "kt_grid.cli"])
def test_importing_is_light(module):
    heavy = [
        "tensorflow",
        "keras",
        "keras_tuner",
        "pandas",
        "sklearn",
        "scipy",
        "matplotlib",
        "tensorboard",
        "jinja2",
    ]
    assert _run(f"import sys, {module}; print(*(set({heavy}) & set(sys.modules)))") == ""


def test_a_small_file_of_numbers_is_read_without_pandas():
    read = "from kt_grid.data import bundled, read_csv; read_csv(bundled())"
    assert _run(f"import sys; {read}; print('pandas' in sys.modules)") == "False"


def test_contributing_has_the_table_of_imports():
    table = CONTRIBUTING.partition("| package | may import |\n|---|---|\n")[2].partition("\n\n")[0]
    rows = [[cell.strip() for cell in row.split("|")[1:3]] for row in table.splitlines()]
    told = {package: {*filter(None, allowed.split(", "))} for package, allowed in rows}
    assert told == {package: allowed - {package} for package, allowed in ALLOWED.items()}


def test_contributing_names_every_module():
    text = CONTRIBUTING.partition("## The modules\n")[2].partition("\n## ")[0]
    _, *parts = re.split(r"\*\*([a-z/]+)/\*\*", text)
    folders = dict(zip(parts[::2], parts[1::2], strict=True))
    missing = [
        name
        for name, path in PATHS.items()
        if path.name != "__init__.py"
        and "." in name
        and f"`{path.stem}`" not in folders.get(str(path.parent.relative_to(PACKAGE)), "")
    ]
    assert missing == []
    named = {
        f"{place}/{stem}" for place in folders for stem in re.findall(r"`(\w+)`", folders[place])
    }
    known = {path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PATHS.values()}
    # Words of the program that aren't modules.
    assert {Path(name).name for name in named - known} <= {"compile", "fit"}


def test_contributing_tells_of_things_that_are_there():
    road = CONTRIBUTING.partition("## The road of a search\n")[2].partition("\n## ")[0]
    for dotted in re.findall(r"`((?:\w+\.)+\w+)", road):
        first, *rest = dotted.split(".")
        if first in ALLOWED:
            homes = [n for n in range(len(rest), 0, -1) if ".".join([first, *rest[:n]]) in PATHS]
            assert homes, dotted
            part = importlib.import_module(".".join(["kt_grid", first, *rest[: homes[0]]]))
            for name in rest[homes[0] :]:
                part = getattr(part, name)
    recipes = CONTRIBUTING.partition("## Recipes\n")[2]
    for path in re.findall(r"`((?:tests|scripts)/\S*|\w+/[\w/]+\.py)`", recipes):
        assert (PACKAGE / path).exists() or (ROOT / path).exists(), path


def test_public_names_resolve_and_have_docstrings():
    bare = [n for n in kt_grid.__all__ if not (inspect.getdoc(getattr(kt_grid, n)) or "").strip()]
    assert bare == []
    assert set(kt_grid.__all__) <= set(dir(kt_grid))


def test_type_checkers_see_the_public_names():
    tree = _tree("__init__")
    seen = [
        alias.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ImportFrom)
        for alias in node.names
        if (node.module or "").startswith("kt_grid")
    ]
    assert sorted(seen) == sorted(kt_grid.__all__)
    assert kt_grid.__all__ == sorted(kt_grid.__all__)


def test_other_names_do_not_resolve():
    with pytest.raises(AttributeError, match="no attribute 'nonsense'"):
        kt_grid.__getattr__("nonsense")


@pytest.mark.parametrize(
    "name",
    [
        *("analysis.pooled", "analysis.statistics", "data.loading", "data.reading"),
        *("data.targets", "engines.fused.program_inputs", "engines.session", "report.tables"),
        *(
            "search.outputs",
            "search.baseline",
            "space.axes",
            "space.objective",
            "space.parsing",
            "space.scales",
        ),
        *("space.asking", "space.seeds", "space.tree", "splitters.folds"),
        *(f"splitters.{name}" for name in ("kfold", "named", "ordered", "repeated", "shuffle")),
    ],
)
def test_examples_in_docstrings(name):
    result = doctest.testmod(importlib.import_module(f"kt_grid.{name}"))
    assert (result.failed, result.attempted > 0) == (0, True)


@functools.cache
def _tree(name):
    return ast.parse(PATHS[name].read_text(encoding="utf-8"))


def _imported(name):
    """Full names of everything that a module imports, wherever it does."""
    for node in ast.walk(_tree(name)):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"relative import in {name}"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _uses(name):
    """The modules of kt-grid that a module imports."""
    ours = [
        used.removeprefix("kt_grid.") for used in _imported(name) if used.startswith("kt_grid.")
    ]
    return {used if used in PATHS else used.rpartition(".")[0] for used in ours}


def _run(code):
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()

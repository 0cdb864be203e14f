"""Grids in YAML and TOML files."""

import os

import pytest

from kt_grid import space
from kt_grid.errors import GridError

YAML = """
# Widths first.
units: [5, 10]
rate: [0.1, 1e-3, null, .5]
layers:
  - [64]
  - [64, 32]
kind: [yes, relu, 1:30, 2024-01-01, "1"]
on: [true, false]
"""
TOML = """
units = [5, 10]
rate = [0.1, 1e-3]
layers = [[64], [64, 32]]
kind = ["yes", "1"]
on = [true, false]
"""

# Each list holds the one before it ten times, as other values.
BOMB = "a0: &a0 [0, 1]\n" + "".join(
    f"a{n}: &a{n} [{', '.join(f'[{m}, *a{n - 1}]' for m in range(10))}]\n" for n in range(1, 9)
)


@pytest.mark.parametrize(
    ("name", "text", "expected"),
    [
        pytest.param(
            "a.yaml",
            YAML,
            {
                "units": (5, 10),
                "rate": (0.1, 0.001, None, 0.5),
                "layers": ((64,), (64, 32)),
                "kind": ("yes", "relu", "1:30", "2024-01-01", "1"),
                "on": (True, False),
            },
            id="yaml",
        ),
        pytest.param(
            "a.toml",
            TOML,
            {
                "units": (5, 10),
                "rate": (0.1, 0.001),
                "layers": ((64,), (64, 32)),
                "kind": ("yes", "1"),
                "on": (True, False),
            },
            id="toml",
        ),
        pytest.param("a.yml", "grid: [1, 2]", {"grid": (1, 2)}, id="axis-called-grid"),
    ],
)
def test_grids_in_files(tmp_path, name, text, expected):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert repr(space.read_grid(path)) == repr((expected,))


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param("a.yaml", "- {a: [1], b: [2]}\n- {a: [3]}\n", id="yaml"),
        pytest.param("b.yaml", "grid:\n- a: [1]\n  b: [2]\n- a: [3]\n", id="yaml-named"),
        pytest.param("a.toml", "[[grid]]\na = [1]\nb = [2]\n[[grid]]\na = [3]\n", id="toml"),
    ],
)
def test_lists_of_grids_in_files(tmp_path, name, text):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    assert space.read_grid(path) == ({"a": (1,), "b": (2,)}, {"a": (3,)})
    changed = space.parse_grid([str(path), "a=7", "epochs=2"])
    assert changed == ({"a": (7,), "b": (2,), "epochs": (2,)}, {"a": (7,), "epochs": (2,)})


@pytest.mark.parametrize(
    ("name", "text", "words"),
    [
        pytest.param("a.yaml", "a: [1]\na: [2]\n", ["'a' twice"], id="axis-twice"),
        pytest.param("a.toml", "a = [1]\na = [2]\n", ["overwrite"], id="axis-twice-in-toml"),
        pytest.param("a.yaml", "- {a: [1], a: [2]}\n", ["'a' twice"], id="axis-twice-in-a-list"),
        pytest.param("a.yaml", "a: [1", ["readable"], id="broken-yaml"),
        pytest.param("a.toml", "a = [1", ["readable"], id="broken-toml"),
        pytest.param("a.yaml", "a: 1", ["list of values", "'a'"], id="no-list"),
        pytest.param("a.yaml", "a: relu", ["list of values", "'relu'"], id="a-word"),
        pytest.param("a.yaml", "", ["dict of lists", "None"], id="empty"),
        pytest.param("a.yaml", "a: [.inf]", ["finite"], id="infinite"),
        pytest.param("a.yaml", "a: !!python/object:os.system [1]", ["readable"], id="python"),
        pytest.param("a.toml", "a = [2024-01-01]", ["numbers, words"], id="date"),
        pytest.param("a.yaml", "[a]: [1]", ["readable"], id="list-as-name"),
        pytest.param("a.yaml", "1: [2]", ["by name"], id="number-as-name"),
        pytest.param("a.yaml", "a: " + "[" * 9000, ["too deep"], id="deep-yaml"),
        pytest.param("a.toml", "a = " + "[" * 9000, ["too deep"], id="deep-toml"),
        pytest.param("a.yaml", f"a: {'[' * 30}1{']' * 30}", ["20 levels", "'a'"], id="30-levels"),
        pytest.param("a.yaml", "a: &x [1, *x]", ["contain themselves"], id="list-in-itself"),
        pytest.param("a.yaml", "&x {a: *x}", ["contain themselves"], id="mapping-in-itself"),
        pytest.param("a.yaml", BOMB, ["over 500,000 values"], id="one-list-time-and-again"),
        pytest.param("a.toml", f"{'a.' * 20_000}b = 1", ["20 parts"], id="deep-name"),
        pytest.param("a.yaml", f"a: [{'1, ' * 400_000}]", ["1,200,005 bytes"], id="large"),
    ],
)
def test_files_that_hold_no_grid(tmp_path, raises, name, text, words):
    path = tmp_path / name
    path.write_text(text, encoding="utf-8")
    with raises(GridError, str(path), *words):
        space.read_grid(path)


@pytest.mark.parametrize(
    "make",
    [
        pytest.param(os.mkfifo, id="pipe"),
        pytest.param(lambda path: path.symlink_to("/dev/zero"), id="device"),
        pytest.param(lambda path: path.mkdir(), id="folder"),
    ],
)
def test_what_is_no_file_is_no_grid(tmp_path, raises, make):
    make(tmp_path / "a.yaml")
    with raises(GridError, "a.yaml", "no ordinary file"):
        space.read_grid(tmp_path / "a.yaml")


def test_a_link_to_a_grid_is_one(tmp_path):
    (tmp_path / "kept.yaml").write_text("a: [1]")
    (tmp_path / "a.yaml").symlink_to("kept.yaml")
    assert space.read_grid(tmp_path / "a.yaml") == ({"a": (1,)},)


def test_points_in_comments_are_no_names(tmp_path):
    path = tmp_path / "a.toml"
    path.write_text("# ...... . . . . . . . . . . . . . . . . .\n[[grid]]\na = [0.5, 1.5]\n")
    assert space.read_grid(path) == ({"a": (0.5, 1.5)},)


def test_a_grid_file_that_is_not_there(tmp_path, raises):
    with raises(GridError, "no such file", "grid.toml"):
        space.parse_grid([str(tmp_path / "grid.toml")])


def test_two_grid_files_are_refused(raises):
    with raises(GridError, "one --grid FILE", "a.yaml, b.toml"):
        space.parse_grid(["a.yaml", "b.toml"])

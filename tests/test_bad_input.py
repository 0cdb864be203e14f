"""Whatever is typed or read, the answer is right, or two lines that say what is wrong."""

import codecs
import contextlib
import csv
import io
import math
import sys
import tempfile
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

import kt_grid.cli
from kt_grid.data import read_csv, read_features
from kt_grid.errors import KtGridError
from kt_grid.plan.experiments import REGISTRY

EXAMPLES = 60


@dataclass
class Ended:
    status: int
    stdout: str
    stderr: str


def call(*words):
    """Run a command line in this process, and see that it ends as every one must."""
    out, err = io.StringIO(), io.StringIO()
    argv, hook = sys.argv, sys.unraisablehook
    sys.argv = ["kt-grid", *words]
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            kt_grid.cli.main()
    except SystemExit as ended:
        status = int(ended.code or 0)
    finally:
        sys.argv, sys.unraisablehook = argv, hook
    shown = Ended(status, out.getvalue(), err.getvalue())
    assert "Traceback" not in shown.stderr
    assert "A fault in kt-grid" not in shown.stderr
    assert "files and streams" not in shown.stderr
    assert all(line.isprintable() for line in shown.stderr.splitlines()), shown
    assert len(shown.stderr.splitlines()) <= 2 or shown.stderr.startswith("Usage: ")
    if status == 0:
        assert shown.stdout
        assert shown.stderr == ""
    else:
        assert status in (1, 2)
        assert shown.stdout == ""
        assert shown.stderr.startswith(("kt-grid: ", "Usage: "))
    return shown


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("bad")


# Surrogates stand for bytes in arguments that are no text.
odd = st.text(st.characters(min_codepoint=1), max_size=20) | st.sampled_from(
    [
        "",
        " ",
        "-",
        "--",
        "=",
        "\x1b[31mred",
        "\u202e",
        "\udcff",
        "../x",
        "nan",
        "1e400",
        "٣",
        "a" * 300,
    ]
)
CELLS = [
    *("0", "1", "-1.5", "2e3", " 1 ", '"1"', "+1", ".5", "1.", "1e-400", "3.5e38", "1e400"),
    *(
        "nan",
        "inf",
        "",
        "abc",
        "=1+1",
        "1_000",
        "0x10",
        "\x00",
        "\x1b[0m",
        '"',
        '""',
        "1;2",
        "٣",
        "a b",
    ),
]
lines = st.lists(st.lists(st.sampled_from(CELLS), min_size=1, max_size=4).map(",".join), max_size=6)
tables = st.builds(
    lambda start, rows, end: (start + end.join(rows) + end).encode(),
    st.sampled_from(["", "\ufeff", "a,b,class\n", "\n\n"]),
    lines,
    st.sampled_from(["\n", "\r\n", "\r", "\n\n"]),
)


def plain(content):
    """The numbers of a table as Python's csv and float read them, or None."""
    try:
        utf_16 = content[:2] in (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
        text = content.decode("utf-16" if utf_16 else "utf-8-sig")
        rows = list(csv.reader(io.StringIO(text, newline="")))
        rows = [row for row in rows if any(cell.strip() for cell in row)]
        return [[float(cell) for cell in row] for row in rows]
    except (ValueError, csv.Error):
        return None


@settings(max_examples=4 * EXAMPLES)
@given(content=tables | st.binary(max_size=120))
@example(b"1,2\n3,4\n")
@example(b"\xff\xfe1\x00,\x002\x00")
@example(b"a,b\n1,0\n2,1\n")
@example(b"a,b,class\n 1 ,1.,1_000\r 1 \r 1 \r\r\x00,1e400,\xd9\xa3,1\r 1 ,1.,1_000\r")
def test_a_table_is_read_as_it_is_or_refused(folder, content):
    path = folder / "table.csv"
    path.write_bytes(content)
    try:
        data = read_csv(path)
    except KtGridError:
        return
    assert np.isfinite(data.x).all()
    assert np.isfinite(data.y).all()
    if any(separator in content for separator in (b";", b"\t", b"|")):
        # Detected as the separator, where the reference below knows commas only.
        return
    numbers = plain(content) or plain(b"\n".join(content.splitlines()[1:]))
    if data.labels:
        # The target is words, which the reference below can't tell from a header.
        assert sorted({*data.y}) == [*range(len(data.labels))]
    elif numbers is not None:
        numbers = numbers[len(numbers) - data.rows :]
        np.testing.assert_array_equal(
            np.column_stack([data.x, data.y]), np.array(numbers, np.float32)
        )
    width = len(data.features)
    np.testing.assert_array_equal(read_features(path, data.features, data.target_column), data.x)
    assert data.x.shape == (data.rows, width)


@settings(max_examples=EXAMPLES)
@given(content=tables | st.binary(max_size=120), target=st.none() | odd)
def test_any_data_file(folder, content, target):
    path = folder / "data.csv"
    path.write_bytes(content)
    words = [] if target is None else ["--target", target]
    ended = call("run", "neurons", "--dry-run", "--data", str(path), *words)
    if ended.status == 0:
        assert ended.stdout.endswith("7 trials, 21 fits\n")
        assert read_csv(path, target).rows >= 3


values = st.sampled_from(
    ["1", "2", "0", "-3", "0.5", "1e999", "nan", "true", "relu", "", " ", "1_0"]
)
words = st.builds(
    lambda name, equals, listed: f"{name}{equals}{','.join(listed)}",
    st.sampled_from(["neurons", "epochs", "batch_size", "Neurons", "", "x", "units"]),
    st.sampled_from(["=", "", "==", ":"]),
    st.lists(values, max_size=4),
)


@settings(max_examples=EXAMPLES)
@given(grid=st.lists(words | odd, max_size=3))
@example(["neurons=1,2", "epochs=3"])
@example(["neurons=" + "9" * 400])
@example(["epochs=" + "9" * 5000])
@example(["neurons=" + ",".join(map(str, range(500)))])
def test_any_grid_word(grid):
    ended = call("run", "neurons", "--dry-run", *(f"--grid={word}" for word in grid))
    if ended.status == 0:
        *trials, total = ended.stdout.splitlines()
        asked = {word.partition("=")[0].strip(): word.partition("=")[2].split(",") for word in grid}
        lengths = {"neurons": len(REGISTRY["neurons"].grid["neurons"])}
        lengths |= {name: len(listed) for name, listed in asked.items()}
        assert set(lengths) <= {"neurons", "epochs", "batch_size"}
        assert len(trials) == len(set(trials)) == math.prod(lengths.values())
        more = "s" * (len(trials) > 1)
        assert total == f"{len(trials)} trial{more}, {3 * len(trials)} fits"


OPTIONS = (
    "folds",
    "repeats",
    "seed",
    "sample",
    "cv",
    "objective",
    "engine",
    "keep",
    "racing",
    "target",
    "data",
)
numbers = st.integers(-5, 12).map(str) | st.sampled_from(
    ["0.5", "1.0", "1e9", "nan", "inf", "-inf", "99999999999999999999", "1" * 5000, "0x10", "٣"]
)


COUNTS = {"folds": "3", "repeats": "1"}


@settings(max_examples=2 * EXAMPLES)
@given(options=st.dictionaries(st.sampled_from(OPTIONS), numbers | odd, max_size=3))
@example({"folds": "100"})
@example({"repeats": "1.0"})
@example({"repeats": "99999999999999999999"})
@example({"seed": "99999999999999999999"})
@example({"folds": "99999999999999999999"})
def test_any_option(options):
    words = [f"--{name}={value}" for name, value in options.items()]
    ended = call("run", "neurons", "--dry-run", *words)
    if ended.status == 0:
        # typer takes 1.0 for a whole number too.
        passes = [int(Decimal(options.get(name, usual))) for name, usual in COUNTS.items()]
        fits = 7 * math.prod(passes)
        assert ended.stdout.endswith(f"7 trials, {fits} fits\n")


places = odd | st.sampled_from(
    ["/dev/null", "/dev/null/x", "/", "a/" * 3000, "\0", "a\0b", "/proc/self", "/proc/self/fd/999"]
)


@settings(max_examples=EXAMPLES)
@given(
    name=odd | st.sampled_from(["neurons", "..", ".", "NUL", "a/b", "a.py", "x:y", "os:getcwd"]),
    place=places,
)
def test_any_report(folder, name, place):
    with contextlib.chdir(folder):
        assert call("report", f"--directory={place}", "--", name).status != 0


@settings(max_examples=EXAMPLES)
@given(
    name=odd | st.sampled_from(["neurons", "all", "a.py", "../x.py", "x:y", ":", "a.py:", "/.py"])
)
def test_any_experiment(folder, name):
    with contextlib.chdir(folder):
        ended = call("run", "--dry-run", "--", name)
    assert (ended.status == 0) == (name in [*REGISTRY, "all"])


@settings(max_examples=EXAMPLES)
@given(place=places)
def test_any_directory_to_run_in(folder, place):
    """A directory that can't be is told of before anything is trained."""
    with tempfile.TemporaryDirectory(dir=folder) as here, contextlib.chdir(here):
        ended = call("run", "neurons", "--dry-run", f"--directory={place}")
        assert (ended.status == 0) == (ended.stderr == "")
        assert list(Path(here).iterdir()) == []


@settings(max_examples=EXAMPLES)
@given(
    words=st.lists(
        odd | st.sampled_from(["run", "report", "predict", "list", "--grid"]), max_size=4
    )
)
def test_any_line(folder, words):
    if words[:1] == ["predict"] or any(word in ("run", "list", "--help", "-h") for word in words):
        return
    with contextlib.chdir(folder):
        call(*words)

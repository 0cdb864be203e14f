"""Change files of a search's directory, and see what every command says of it.

Each changed file is one of a copy of a small search: a value, its type or its size is another one,
with a right checksum, or its bytes are; or the file is a link, a pipe or a folder. Then the
search is shown in some of the formats and listed, or its model predicts, or it is run again or
removed. Allowed are an answer, and an error of kt-grid's own that is no fault; anything else,
whatever computes over a second more than for the search as it was or takes half a minute, and
whatever changes a file outside of the search, is printed with the seed that makes it again.

    python scripts/fuzz_directory.py --files 2000 --seed 0
"""

import argparse
import contextlib
import copy
import io
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from kt_grid import cli
from kt_grid.report.formats import FORMATS
from kt_grid.store.files import checksum, read_sealed, write_sealed

# Two searches of version 0.1.0; the third one is made.
STORED = Path(__file__).parents[1] / "tests" / "store" / "v0_1_0"
SEARCHES = ("filled", "neurons", "new")
RUN = {
    "neurons": ("run", "neurons", "--grid", "neurons=2,3", "--grid", "epochs=2"),
    "new": (
        *("run", "neurons", "--data", "rows.csv", "--name", "new", "--grid", "neurons=2,3"),
        *("--epochs", "1", "--folds", "2", "--keep", "all", "--keep-predictions"),
    ),
}
SLOW = 1.0
HANGS = 30.0
# What a trial that is lost takes to be trained again, on a busy machine.
TRAINING = 20.0
OUTSIDE = "outside.txt"
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -3, 1, 3, 10**9, 2**64, 10**400, 1.5, -0.0, 1e308, float("nan")),
    *(float("inf"), "", "x", "max:val_loss", "=1+1", "\x1b[31m", "x" * 100_000, [], [1], [[]]),
    *({}, {"a": 1}, {"a": {"a": []}}, [None] * 1000, [{"name": "n", "values": [1]}]),
    [{"name": f"n{i}", "values": [*range(100)], "conditions": []} for i in range(20)],
    [
        {
            "name": f"n{i}",
            "values": [*range(100)],
            "conditions": [{"parent": "n0", "values": [1]}] if i else [],
        }
        for i in range(20)
    ],
    [
        {"name": f"n{i}", "values": [*range(100)], "conditions": [], "part": i % 2}
        for i in range(20)
    ],
)


@dataclass
class Place:
    """Where searches are changed, and how long each answer takes as long as they aren't.

    Attributes:
        folder: A folder with the searches, and with a file that is none of theirs.
        seconds: By search and answer, of computing.
    """

    folder: Path
    seconds: dict[tuple[str, str], float] = field(default_factory=dict)


def main() -> int:
    """Change files, and print what is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000, help="changed files (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first one (default: 0)")
    options = parser.parse_args()
    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        place = prepare(Path(folder))
        for seed in range(options.seed, options.seed + options.files):
            for told in fuzz(place, seed):
                wrong += 1
                print(f"seed {seed}: {told}", flush=True)
    print(f"{options.files} changed files, {wrong} wrong answers")
    return int(wrong > 0)


def prepare(folder: Path) -> Place:
    """Make the searches in a folder, and see how long each answer takes."""
    lines = (Path(__file__).parents[1] / "data" / "pima-indians-diabetes.csv").read_text()
    (folder / "rows.csv").write_text("".join(lines.splitlines(keepends=True)[:40]))
    whole = Path(shutil.copytree(STORED, folder / "whole"))
    place = Place(folder)
    told = answer(folder, *RUN["new"], "--directory", str(whole))
    if told:
        sys.exit(f"Expected a search. Received: {told}")
    for name in SEARCHES:
        for number, (what, words) in enumerate((*answers(name, folder),) * 2):
            # What is imported late takes its time once, so the second time counts.
            _copy(folder, name)
            begun = time.process_time()
            told = answer(folder, *words)
            place.seconds[name, what] = time.process_time() - begun
            if told:
                sys.exit(f"Expected an answer to {what} of {name}. Received: {told}, {number}")
    return place


def answers(name: str, folder: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Command lines that read a search, by what they show; the last ones change or remove it."""
    there = ("--directory", str(folder / "changed"))
    for style in FORMATS:
        output = ("--output", str(folder / "logs")) if style == "tensorboard" else ()
        yield style, ("report", name, "--format", style, *output, *there)
    yield "list", ("list", *there)
    if name == "new":
        yield "pooled", ("report", name, "--pooled", *there)
        yield "predict", ("predict", name, "--data", "rows.csv", "--ensemble", *there)
        yield "evaluate", ("evaluate", name, "--data", "rows.csv", *there)
    if name in RUN:
        yield "dry run", (*RUN[name], "--dry-run", *there)
        yield "run", (*RUN[name], "--quiet", *there)
    yield "remove", ("remove", name, "--yes", *there)


def fuzz(place: Place, seed: int) -> Iterator[str]:
    """Change one file, and say what is wrong with each answer that is wrong."""
    draw = random.Random(seed)  # noqa: S311 - nothing is secret
    name = draw.choice(SEARCHES)
    folder = place.folder
    root = _copy(folder, name)
    changed = change(draw, root)
    outside = folder / OUTSIDE
    outside.write_text("mine")
    known = dict(answers(name, folder))
    last = [what for what in ("run", "remove") if what in known]
    chosen = [*draw.sample([what for what in known if what not in last], 4), draw.choice(last)]
    for what in chosen:
        begun, since = time.process_time(), time.perf_counter()
        fault = answer(folder, *known[what])
        computed, waited = time.process_time() - begun, time.perf_counter() - since
        slow = place.seconds[name, what] + (TRAINING if what == "run" else SLOW)
        if computed > slow or waited > HANGS:
            fault = f"{fault} took {waited:.1f} s, and {computed:.1f} s of them computing"
        if not outside.exists() or outside.read_text() != "mine":
            fault = f"{fault} changed a file outside"
        if fault:
            yield f"{what} of {changed}: {fault[:300]}"


def _copy(folder: Path, name: str) -> Path:
    shutil.rmtree(folder / "changed", ignore_errors=True)
    return Path(shutil.copytree(folder / "whole" / name, folder / "changed" / name))


def answer(folder: Path, *words: str) -> str:
    """Run a command in this process, and say what is wrong with how it ended; empty if nothing."""
    out, err = io.StringIO(), io.StringIO()
    argv, hook, here = sys.argv, sys.unraisablehook, Path.cwd()
    sys.argv = ["kt-grid", *words]
    os.chdir(folder)
    status: Any = None
    try:
        with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
            cli.main()
    except SystemExit as ended:
        status = ended.code
    except BaseException as error:  # what none should raise
        return f"{type(error).__name__}: {error}"
    finally:
        os.chdir(here)
        sys.argv, sys.unraisablehook = argv, hook
    told = err.getvalue()
    bad = ("A fault in kt-grid", "Traceback", "files and streams", "Error: ")
    if status not in (0, 1, 2) or any(words in told for words in bad):
        return f"exit status {status}: {told}"
    return "" if status == 0 or told.strip() else f"exit status {status} without a word"


def change(draw: random.Random, root: Path) -> str:
    """Change one file, and say how."""
    files = sorted(p for p in root.rglob("*") if p.is_file() and p.stat().st_size)
    path = draw.choice([root / "search.json", draw.choice(files)])
    place = str(path.relative_to(root))
    if draw.random() < 0.1 or path.suffix != ".json" or path.name.startswith("lock"):
        kind = draw.choice([*KINDS])
        KINDS[kind](draw, path)
        return f"{place}, {kind}"
    entry = read_sealed(path)
    if entry is None:
        raise ValueError(path)
    ways = [*_ways(entry)]
    if not ways:
        return f"{place}, unchanged"
    way = draw.choice(ways)
    value = copy.deepcopy(draw.choice(VALUES))
    inner: Any = entry
    for step in way[:-1]:
        inner = inner[step]
    if draw.random() < 0.1:
        del inner[way[-1]]
        how = "deleted"
    else:
        inner[way[-1]] = value
        how = repr(value)[:60] if value != 10**400 else "10**400"
    text = json.dumps({"x": entry})
    if "NaN" in text or "Infinity" in text:
        # What JSON doesn't have; Python reads it all the same.
        path.write_text(json.dumps(_sealed(entry)))
    else:
        write_sealed(path, entry)
    return f"{place}, {'.'.join(map(str, way))} = {how}"


def _sealed(entry: dict[str, Any]) -> dict[str, Any]:
    return {**entry, "checksum": checksum(entry)}


def _ways(entry: Any, way: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    inside = entry.items() if isinstance(entry, dict) else enumerate(entry)
    for step, value in inside:
        yield (*way, step)
        if isinstance(value, dict | list):
            yield from _ways(value, (*way, step))


def _spoil(draw: random.Random, path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[draw.randrange(len(content))] ^= 1 << draw.randrange(8)
    path.write_bytes(content)


def _replace(make: Callable[[Path], object]) -> Callable[[random.Random, Path], None]:
    def write(_: random.Random, path: Path) -> None:
        path.unlink()
        make(path)

    return write


def _outside(path: Path) -> Path:
    return next(parent for parent in path.parents if parent.name == "changed").parent / OUTSIDE


def _link_folder(path: Path) -> None:
    """Let a file's folder be a link to where it is now, unless it is the search's own."""
    folder = path.parent
    if folder.name.startswith(("trial_", "best")):
        folder.rename(folder.with_name("elsewhere"))
        folder.symlink_to("elsewhere")
    else:
        path.unlink()


KINDS: dict[str, Callable[[random.Random, Path], object]] = {
    "a bit": _spoil,
    "deep": lambda _, path: path.write_text("[" * 100_000),
    "deep and whole": lambda _, path: path.write_text('{"a":' * 900 + "1" + "}" * 900),
    "cut": lambda draw, path: os.truncate(path, draw.randrange(path.stat().st_size + 1)),
    "longer": lambda _, path: os.truncate(path, 2**28),
    "a link": _replace(lambda path: path.symlink_to("/dev/zero")),
    "a link to a file": _replace(lambda path: path.symlink_to(_outside(path))),
    "a folder that is a link": lambda _, path: _link_folder(path),
    "a pipe": _replace(os.mkfifo),
    "a folder": _replace(Path.mkdir),
    "gone": _replace(lambda _: None),
}


if __name__ == "__main__":
    sys.exit(main())

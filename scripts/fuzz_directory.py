"""Change files of a search's directory, and see what kt-grid says of it.

Each changed file is one of a copy of a small search: a value, its type or its size is another one,
with a right checksum, or its bytes are; or the file is a link, a pipe or a folder. Then every
report format is made and the search is read for prediction and resumption. Allowed are an answer,
and an error of kt-grid's own that is no fault; anything else, and whatever takes over a second,
is printed with the seed that makes it again.

    python scripts/fuzz_directory.py --files 2000 --seed 0
"""

import argparse
import copy
import json
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from kt_grid.analysis.comparison import analyse
from kt_grid.analysis.verdict import judge
from kt_grid.errors import KtGridError
from kt_grid.report.formats import render
from kt_grid.report.page import run_details
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import read_sealed, write_sealed
from kt_grid.store.results import read_results

STORED = Path(__file__).parents[1] / "tests" / "store" / "v0_1_0"
SLOW = 1.0
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


def main() -> int:
    """Change files, and print what is wrong."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=2000, help="changed files (default: 2000)")
    parser.add_argument("--seed", type=int, default=0, help="of the first one (default: 0)")
    options = parser.parse_args()
    wrong = 0
    for answer in ANSWERS.values():
        # What is imported late takes its time once.
        answer(SearchStore(STORED, "neurons"))
    for seed in range(options.seed, options.seed + options.files):
        for told in fuzz(seed):
            wrong += 1
            print(f"seed {seed}: {told}")
    print(f"{options.files} changed files, {wrong} wrong answers")
    return int(wrong > 0)


def fuzz(seed: int) -> Iterator[str]:
    """Change one file, and say what is wrong with each answer that is wrong."""
    draw = random.Random(seed)  # noqa: S311 - nothing is secret
    with tempfile.TemporaryDirectory() as folder:
        name = draw.choice(["filled", "neurons"])
        root = Path(shutil.copytree(STORED / name, Path(folder, name)))
        changed = change(draw, root)
        store = SearchStore(folder, name)
        for what, answer in ANSWERS.items():
            begun = time.perf_counter()
            fault = ""
            try:
                answer(store)
            except KtGridError as error:
                fault = "" if str(error) else "an error without words"
            except Exception as error:
                fault = f"{type(error).__name__}: {error}"
            seconds = time.perf_counter() - begun
            if seconds > SLOW:
                fault = f"{fault} took {seconds:.1f} s"
            if fault:
                yield f"{what} of {changed}: {fault[:300]}"


def change(draw: random.Random, root: Path) -> str:
    """Change one file, and say how."""
    files = sorted(path for path in root.rglob("*.json") if path.name != "tuner0.json")
    path = draw.choice([root / "search.json", draw.choice(files)])
    place = str(path.relative_to(root))
    if draw.random() < 0.1:
        kind = draw.choice([*KINDS])
        KINDS[kind](draw, path)
        return f"{place}, {kind}"
    entry = read_sealed(path)
    if entry is None:
        raise ValueError(path)
    way = draw.choice([*_ways(entry)])
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
    from kt_grid.store.files import checksum

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


KINDS: dict[str, Callable[[random.Random, Path], object]] = {
    "a bit": _spoil,
    "deep": lambda _, path: path.write_text("[" * 100_000),
    "deep and whole": lambda _, path: path.write_text('{"a":' * 900 + "1" + "}" * 900),
    "huge": lambda _, path: os.truncate(path, 2**34),
    "a link": _replace(lambda path: path.symlink_to("/dev/zero")),
    "a pipe": _replace(os.mkfifo),
    "a folder": _replace(Path.mkdir),
    "gone": _replace(lambda _: None),
}


def _report(store: SearchStore, show: Callable[[Any], object]) -> None:
    show(analyse(read_results(store)))


ANSWERS: dict[str, Callable[[SearchStore], object]] = {
    "text": lambda store: render(read_results(store)),
    "frame": lambda store: read_results(store).to_frame(),
    "verdict": lambda store: _report(store, judge),
    "csv": lambda store: render(read_results(store), "csv"),
    "json": lambda store: render(read_results(store), "json"),
    "details": lambda store: run_details(read_results(store)),
    "page": lambda store: render(read_results(store), "html"),
    "refit": lambda store: store.read_refit(),
}

if __name__ == "__main__":
    sys.exit(main())

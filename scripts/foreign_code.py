"""Run models written as people write them in every way, and compare with plain Keras.

Each habit of `tests/foreign_code/habits.py` is searched on both engines, with one worker and with
two, interrupted or not; every fold's scores must be those of plain Keras where all of the model is
made anew. A line is printed for each case, with what deviates below it, and a sum at the end. The
exit status is 1 if anything deviates. The whole table takes about three quarters of an hour on two
cores.

    python scripts/foreign_code.py
    python scripts/foreign_code.py metric --engine keras --workers 1
"""

import argparse
import itertools
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from foreign_code.habit import Habit
from foreign_code.habits import HABITS

ENGINES = ("auto", "keras")
WORKERS = (1, 2)
WAYS = {"whole": (False,), "resumed": (True,), "both": (False, True)}


def main() -> int:
    """Run the cases asked for; return the exit status."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "names", nargs="*", metavar="WORD", help="only habits with one of these words in their name"
    )
    parser.add_argument("--engine", choices=ENGINES, help="only this engine")
    parser.add_argument("--workers", type=int, choices=WORKERS, help="only with so many workers")
    parser.add_argument("--way", choices=WAYS, default="both", help="only interrupted, or only not")
    parser.add_argument("--list", action="store_true", help="print the names of the habits")
    asked = parser.parse_args()
    habits = [h for h in HABITS if not asked.names or any(word in h.name for word in asked.names)]
    if not habits:
        parser.error(f"no habit has {' or '.join(asked.names)} in its name; --list shows them")
    if asked.list:
        print(*(habit.name for habit in habits), sep="\n")
        return 0
    ways = [
        {"engine": engine, "workers": workers, "resumed": resumed}
        for engine, workers, resumed in itertools.product(
            [asked.engine] if asked.engine else ENGINES,
            [asked.workers] if asked.workers else WORKERS,
            WAYS[asked.way],
        )
    ]
    wrong = sum(_run(habit, ways) for habit in habits)
    cases = len(habits) * len(ways)
    print(f"{cases - wrong} of {cases} cases give what plain Keras gives")
    return int(wrong > 0)


def _run(habit: Habit, ways: list[dict[str, Any]]) -> int:
    """Run a habit in some ways, print a line for each; return how many of them deviate."""
    from foreign_code.running import meant

    wrong = 0
    with tempfile.TemporaryDirectory() as folder:
        expected = meant(habit, Path(folder))
        for number, way in enumerate(ways):
            start = time.perf_counter()
            place = Path(folder) / str(number)
            place.mkdir()
            found = [*_deviations(habit, place, expected, way)]
            wrong += bool(found)
            told = f"{way['engine']:5}  {way['workers']} worker{'s' * (way['workers'] > 1):1}"
            told += f"  {'resumed' if way['resumed'] else 'whole':7}"
            seconds = time.perf_counter() - start
            state = "WRONG" if found else "right"
            print(f"{state}  {told}  {seconds:5.1f} s  {habit.name}", flush=True)
            for line in found:
                print(f"       {line}", flush=True)
    return wrong


def _deviations(habit: Habit, place: Path, expected: Any, way: dict[str, Any]) -> Iterator[str]:
    """What deviates; an error is told like any other deviation, and the next case goes on."""
    from foreign_code.running import deviations

    try:
        yield from deviations(habit, place, expected, **way)
    except Exception as error:
        yield f"{type(error).__name__}: {error}"


if __name__ == "__main__":
    from kt_grid.engines.backend import load_backend

    load_backend()
    sys.exit(main())

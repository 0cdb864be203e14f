"""Kill searches wherever they can be killed, resume them, and compare with one that wasn't.

    python scripts/crash_test.py --kills 200 --seed 1

A real search (the tutorial's learning rates on a small grid, the fused engine, the refit) runs in
a child process that is ended with SIGKILL: before, in and after each write, flush, rename and
removal of a file, and at random times; some a second time while they resume. Then the same line
runs to its end. All but measured times must be as in the uninterrupted search: what it prints,
the records of the folds, and the refitted model's weights. Between the kill and the resumption
the directory must read as whole, with no figure that differs.

With `--workers N`, half of the kills are of one of the search's workers, while it starts, is
renewed or trains; the search is to go on and end as if nothing had been. With `--cluster N` the
search runs on a Dask cluster of so many worker processes, which lives through all of them; then
half of the kills are of one of these, or of the process that trains for it.

A fold counts as trained when its result is handed over to be written. The reference runs in an
interpreter of its own; the others in forks of a process that has imported TensorFlow and not yet
used it, which saves its import. The exit status is 1 if anything was lost.
"""

import argparse
import io
import json
import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

EXPERIMENT = "learning_rate"
WORDS = ["run", EXPERIMENT, "--engine", "fused", "--folds", "2", "--quiet"]
GRID = ["epochs=2", "learn_rate=0.1,0.3", "momentum=0.0,0.9"]
ROOT = Path("runs") / EXPERIMENT
LOG = Path("trained.log")
PATIENCE = 300
NANNIES = "CRASH_TEST_NANNIES"
CHANCE = random.Random()  # noqa: S311 - no secret


@dataclass(frozen=True)
class Kill:
    """Where or when a child ends: at a fault point, counted from 1, or after some seconds.

    With `worker` set it is one of its workers that ends then, and the search is to go on.
    """

    point: int = 0
    seconds: float = 0.0
    worker: bool = False

    def __str__(self) -> str:
        if self.worker:
            return f"a worker after {self.seconds:.2f} s"
        return f"point {self.point}" if self.point else f"after {self.seconds:.2f} s"


@dataclass(frozen=True)
class Ended:
    """How a child ended, what it printed, and whether one of its workers was killed."""

    status: int
    stdout: str
    stderr: str
    hit: bool = False


@dataclass
class Tally:
    """What came of a campaign."""

    kills: Counter[str] = field(default_factory=Counter)
    twice: int = 0
    losses: list[str] = field(default_factory=list)

    def show(self) -> str:
        """Sum it up in a few lines."""
        kinds = ", ".join(f"{count} {kind}" for kind, count in self.kills.items())
        return "\n".join(
            [
                f"kills: {self.kills.total()} ({kinds})",
                f"losses: {len(self.losses)}",
                f"folds trained twice: {self.twice} (at most one per kill, the one in flight)",
                *self.losses,
            ]
        )


def main() -> None:
    """Read the command line and run a campaign."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kills", type=int, default=12, help="how many (12)")
    parser.add_argument("--seed", type=int, default=1, help="which points and times (1)")
    parser.add_argument(
        "--grid", action="append", default=[], help="an axis instead of one of " + " ".join(GRID)
    )
    parser.add_argument("--workers", type=int, default=1, help="processes that train (1)")
    parser.add_argument("--cluster", type=int, help="worker processes of a Dask cluster instead")
    parser.add_argument("--scheduler", help=argparse.SUPPRESS)
    parser.add_argument("--points", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    axes = dict(word.split("=", 1) for word in (*GRID, *arguments.grid))
    for name, values in axes.items():
        WORDS.extend(("--grid", f"{name}={values}"))
    if arguments.scheduler:
        WORDS.extend(("--scheduler", arguments.scheduler))
    else:
        WORDS.extend(("--workers", str(arguments.workers)))
    if arguments.points:
        search(Kill(), arguments.points)
    if arguments.cluster and not arguments.scheduler:
        sys.exit(on_cluster(arguments.cluster))
    import keras_tuner  # noqa: F401 - imported for the children
    import tensorflow as tf  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        CHANCE.seed(arguments.seed)
        tally = campaign(arguments.kills, arguments.workers > 1 or bool(arguments.scheduler))
        os.chdir("/")
    print(tally.show())
    sys.exit(bool(tally.losses))


def on_cluster(workers: int) -> int:
    """Run the campaign on a Dask cluster of its own; return the exit status."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"

    def start(program: str, *words: str) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{program}", *words, "--no-dashboard"],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    port = address.rpartition(":")[2]
    programs = [start("scheduler", "--host", "127.0.0.1", "--port", port)]
    try:
        # Each is a nanny, which replaces the worker that it watches over.
        programs += [start("worker", address, "--nthreads", "1") for _ in range(workers)]
        nannies = ",".join(str(program.pid) for program in programs[1:])
        return subprocess.run(
            [sys.executable, __file__, *sys.argv[1:], "--scheduler", address],
            env={**os.environ, NANNIES: nannies}, check=False,
        ).returncode  # fmt: skip
    finally:
        for program in reversed(programs):
            program.terminate()
            program.wait()


def campaign(kills: int, several: bool) -> Tally:
    """Kill and resume until so many kills are done."""
    tally = Tally()
    whole, points, seconds = reference()
    print(f"{points} fault points, {seconds:.1f} s for the uninterrupted search", flush=True)
    for case in cases(kills, points, seconds, several):
        problems = attempt(case, whole, tally)
        name = ", then ".join(map(str, case))
        tally.losses += [f"{name}: {problem}" for problem in problems]
        shown = "; ".join(problems) or "nothing lost"
        print(f"{tally.kills.total():>4}  {name}: {shown}", flush=True)
    return tally


def cases(kills: int, points: int, seconds: float, several: bool) -> Iterator[list[Kill]]:
    """Choose the kills: a fifth at random times, a fifth in twos, the others at all points.

    Where there are several workers, half of all kills are theirs, at random times.
    """
    if several:
        theirs = kills // 2
        kills -= theirs
        for _ in range(theirs):
            yield [Kill(seconds=CHANCE.uniform(0.1, seconds), worker=True)]
    timed, doubled = kills // 5, kills // 10
    single = kills - timed - 2 * doubled
    order = CHANCE.sample(range(1, points + 1), points)
    for number in range(single):
        yield [Kill(point=order[number % points])]
    for _ in range(timed):
        yield [Kill(seconds=CHANCE.uniform(0.1, seconds))]
    for _ in range(doubled):
        yield [Kill(point=CHANCE.randint(1, points)), Kill(point=CHANCE.randint(1, points // 2))]


def reference() -> tuple[dict[str, Any], int, float]:
    """Run the search in an interpreter of its own; return its results and its fault points."""
    counted = Path("points.txt").resolve()
    prepare()
    done = subprocess.run(
        [sys.executable, __file__, *sys.argv[1:], "--points", str(counted)],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        sys.exit(f"the uninterrupted search failed: {done.stderr}")
    prepare()
    start = time.perf_counter()
    forked = child(Kill())
    seconds = time.perf_counter() - start
    if forked.stdout != done.stdout:
        sys.exit(f"a fork gives other results: {forked}")
    return results(forked.stdout), int(counted.read_text()), seconds


def prepare() -> None:
    """Begin with nothing on disk."""
    shutil.rmtree(ROOT.parent, ignore_errors=True)
    LOG.unlink(missing_ok=True)


def attempt(case: list[Kill], whole: dict[str, Any], tally: Tally) -> list[str]:
    """Kill one search, resume it, and say what isn't as it should be."""
    prepare()
    problems: list[str] = []
    killed = 0
    for kill in case:
        before = records()
        ended = child(kill)
        problems += [f"{split} was lost" for split in before if split not in records()]
        if kill.worker and not ended.status:
            tally.kills["of a worker"] += ended.hit
        elif ended.status == -signal.SIGKILL:
            killed += 1
            tally.kills["at a fault point" if kill.point else "at a random time"] += 1
            problems += between(whole)
        elif ended.status:
            problems.append(f"exit status {ended.status}: {ended.stderr.strip()}")
    ended = child(Kill())
    if ended.status:
        return [*problems, f"exit status {ended.status}: {ended.stderr.strip()}"]
    given = results(ended.stdout)
    problems += [f"another {name}" for name in whole if given[name] != whole[name]]
    trained = Counter(LOG.read_text().splitlines())
    again = sum(trained.values()) - len(trained)
    tally.twice += again
    return problems + [f"{again} folds trained twice"] * (again > killed)


def between(whole: dict[str, Any]) -> list[str]:
    """Look at what a killed search has left, as a report does."""
    from kt_grid.errors import StoreError
    from kt_grid.store.directory import SearchStore
    from kt_grid.store.results import read_results

    store = SearchStore(ROOT.parent, EXPERIMENT)
    try:
        found = read_results(store)
    except StoreError as error:
        return [] if "Run it first" in str(error) else [str(error)]
    wrong = [t.trial_id for t in found.completed if list(t.scores) != whole["scores"][t.trial_id]]
    return [*found.damage, *(f"wrong scores of trial {trial_id}" for trial_id in wrong)]


def records() -> set[str]:
    """Name the folds whose records are on disk."""
    return {str(path.relative_to(ROOT)) for path in ROOT.glob("trial_*/fold_*.json")}


def results(stdout: str) -> dict[str, Any]:
    """Everything of a finished search that mustn't depend on how it came about."""
    from kt_grid.report.formats import render
    from kt_grid.store.directory import SearchStore
    from kt_grid.store.results import read_results

    found = read_results(SearchStore(ROOT.parent, EXPERIMENT))
    report = json.loads(render(found, "json"))
    for trial in [report["best"], report["simplest"], *report["trials"]]:
        if trial is not None:
            del trial["fit_seconds"]
    measured = ("seconds", "weights", "checksum")
    return {
        "output": stdout,
        "report": report,
        "damage": found.damage,
        "scores": {trial.trial_id: list(trial.scores) for trial in found.completed},
        "records": {
            name: {k: v for k, v in record.items() if k not in measured}
            for name in sorted(records())
            for record in [json.loads((ROOT / name).read_text())]
        },
        # A dead process can't remove its name; whoever trains there next does.
        "files": sorted(
            str(path.relative_to(ROOT))
            for path in ROOT.rglob("*")
            if path.is_file() and path.name != "lock.json"
        ),
        "model": weights(ROOT / "best" / "model.keras"),
    }  # fmt: skip


def weights(path: Path) -> dict[str, Any]:
    """Read a model's weights out of its archive."""
    import h5py

    found: dict[str, Any] = {}
    with zipfile.ZipFile(path) as archive:
        content = io.BytesIO(archive.read("model.weights.h5"))
    with h5py.File(content) as file:
        file.visititems(
            lambda name, item: (
                found.update({name: item[()].tolist()}) if isinstance(item, h5py.Dataset) else None
            )
        )
    return found


def child(kill: Kill) -> Ended:
    """Run the search in a fork, and end it where or when it is to be ended."""
    paths = [Path("stdout.txt"), Path("stderr.txt")]
    pid = os.fork()
    if pid == 0:
        for number, path in enumerate(paths, start=1):
            os.dup2(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC), number)
        search(kill, None)
    alone = kill.seconds and not kill.worker
    until = time.monotonic() + (kill.seconds if alone else PATIENCE)
    strike = time.monotonic() + kill.seconds
    ended, hit = 0, False
    while not ended and time.monotonic() < until:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if kill.worker and not hit and time.monotonic() >= strike:
            hit = kill_worker(pid)
        time.sleep(0.005)
    if not ended:
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    code = os.waitstatus_to_exitcode(status)
    code = 1 if not ended and not alone else code
    stdout, stderr = (path.read_text() for path in paths)
    return Ended(code, stdout, stderr, hit)


def kill_worker(owner: int) -> bool:
    """Kill the youngest worker of a search, which may be starting; False if it has none yet.

    On a cluster it is any worker, or a process that trains for it.
    """
    nannies = [int(pid) for pid in os.environ.get(NANNIES, "").split(",") if pid]
    workers = [pid for parent in nannies or [owner] for pid in children(parent)]
    if nannies:
        workers += [pid for worker in workers for pid in children(worker)]
        workers = [pid for pid in workers if "resource_tracker" not in command_of(pid)]
    if workers:
        os.kill(CHANCE.choice(workers) if nannies else max(workers), signal.SIGKILL)
    return bool(workers)


def children(parent: int) -> list[int]:
    """List the processes that a process has started."""
    stats = Path("/proc").glob("[0-9]*/stat")
    return [int(stat.parent.name) for stat in stats if parent_of(stat) == parent]


def command_of(pid: int) -> str:
    """Read a process's command line; empty if it has ended."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_text()
    except OSError:
        return ""


def parent_of(stat: Path) -> int:
    """Read a process's parent; 0 if it has ended."""
    try:
        return int(stat.read_text().rpartition(")")[2].split()[1])
    except OSError:
        return 0


def search(kill: Kill, points: Path | None) -> None:
    """Run the search in this process with fault points, and end the process."""
    from kt_grid import cli
    from kt_grid.store.directory import SearchStore
    from kt_grid.workers import local

    counter = Faults(kill.point)
    counter.wrap()
    # So that processes are renewed within a small search.
    local._CALLS_PER_PROCESS = 2
    SearchStore.write_fold = noted(  # type: ignore[method-assign] # watched, not changed
        SearchStore.write_fold, lambda _, trial_id, record, *__: f"{trial_id} {record.split}"
    )
    SearchStore.write_refit = noted(  # type: ignore[method-assign] # watched, not changed
        SearchStore.write_refit, lambda *_: "refit"
    )
    sys.argv = ["kt-grid", *WORDS]
    status: Any = 1
    try:
        cli.main()
    except SystemExit as ended:
        status = ended.code
    sys.stdout.flush()
    if points is not None:
        points.write_text(str(counter.count))
    os._exit(int(status or 0))


def noted(method: Callable[..., Any], tell: Callable[..., str]) -> Callable[..., Any]:
    """Make a method write a line to the log before it does its work."""

    def wrapper(*args: Any) -> Any:
        with LOG.open("a") as log:
            log.write(f"{tell(*args)}\n")
        return method(*args)

    return wrapper


class Faults:
    """Counts the moments before, in and after whatever changes the search's files.

    Args:
        last: The one at which the process ends; none if 0.
    """

    def __init__(self, last: int) -> None:
        self.count = 0
        self._last = last

    def wrap(self) -> None:
        """Put itself around the system calls that write, flush, rename and remove."""
        fsync, replace, unlink = os.fsync, os.replace, os.unlink

        def watched_fsync(fd: Any) -> None:
            self.pass_by(lambda: self._halve(fd))
            self.pass_by()
            fsync(fd)
            self.pass_by()

        def watched(call: Callable[..., None]) -> Callable[..., None]:
            def wrapper(path: Any, *args: Any, **kwargs: Any) -> None:
                ours = ROOT.name in str(path)
                self.pass_by() if ours else None
                call(path, *args, **kwargs)
                self.pass_by() if ours else None

            return wrapper

        os.fsync, os.replace, os.unlink = watched_fsync, watched(replace), watched(unlink)

    def pass_by(self, before: Callable[[], None] = lambda: None) -> None:
        """Count one moment, and end the process if it is the one."""
        self.count += 1
        if self.count == self._last:
            before()
            os.kill(os.getpid(), signal.SIGKILL)

    @staticmethod
    def _halve(descriptor: int) -> None:
        """Leave a file as it is in the middle of being written."""
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        os.truncate(path, path.stat().st_size // 2)


if __name__ == "__main__":
    main()

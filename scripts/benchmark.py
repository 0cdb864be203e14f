"""Time kt-grid beside what people use instead, in one run on one machine.

    python scripts/benchmark.py peers neurons wine48
    python scripts/benchmark.py parts neurons
    python scripts/benchmark.py growth

`peers` runs every contender as a process of its own, from its start to its last result, and
prints seconds, ratios to kt-grid and peak memory. `parts` says where kt-grid's own time goes; some
of them run at the same time, so they don't add up to the total. `growth` shows how cost grows with
trials, rows, weights and folds, and what the engines cost beside each other by kind of layer.
Each writes JSON too. Needs the `bench` extra. A peer trains the very models and folds that kt-grid
trains.
"""

import argparse
import itertools
import json
import math
import os
import platform
import resource
import subprocess
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peers import EXPERIMENTS, PEERS
from workloads import WORKLOADS

SEED = 7
AREAS = {"Conv2D 5x10": (5, 10), "Conv2D 14x14": (14, 14), "Conv2D 28x28": (28, 28)}


def main() -> None:
    """Read the command line and run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    peers = kinds.add_parser("peers", help="kt-grid beside the others")
    peers.add_argument("experiments", nargs="+", choices=[*EXPERIMENTS, *WORKLOADS, "all"])
    peers.add_argument("--only", nargs="+", choices=PEERS, default=list(PEERS))
    parts = kinds.add_parser("parts", help="where kt-grid's time goes")
    parts.add_argument("experiments", nargs="+", choices=EXPERIMENTS)
    kinds.add_parser("growth", help="how cost grows")
    one = kinds.add_parser("one", help="run one peer in this process")
    one.add_argument("peer", choices=PEERS)
    one.add_argument("experiment", choices=[*EXPERIMENTS, *WORKLOADS, "all"])
    for each in kinds.choices.values():
        each.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    record: dict[str, Any] = {"date": datetime.now(UTC).date().isoformat(), **machine(), "rows": []}
    for row in KINDS[arguments.kind](arguments):
        record["rows"].append(row)
        if arguments.output:
            # Written after each row, since all of them may take hours.
            arguments.output.write_text(json.dumps(record, indent=1) + "\n")


def machine() -> dict[str, Any]:
    """Say what the figures were measured on."""
    pages = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    return {
        "cores": os.cpu_count(),
        "memory_gib": round(pages / 2**30),
        "python": platform.python_version(),
    }


def compare_peers(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Time every peer on every experiment, in processes of their own, and on the whole study."""
    names = EXPERIMENTS if "all" in arguments.experiments else arguments.experiments
    rows: list[dict[str, Any]] = []
    print(f"{'experiment':<14}{'peer':<22}{'seconds':>9}{'ratio':>8}{'peak MB':>9}  best")
    for experiment in names:
        for row in told(run_peer(peer, experiment) for peer in arguments.only):
            rows.append(row)
            yield row
    if "all" in arguments.experiments:
        yield from told(whole_study(peer, rows) for peer in arguments.only)


def told(results: Iterable[dict[str, Any] | None]) -> Iterator[dict[str, Any]]:
    """Print the peers' results on an experiment as they come, with ratios to the first."""
    first = None
    for row in results:
        if row is None:
            continue
        first = first or row["seconds"]
        ratio = round(row["seconds"] / first, 2)
        print(
            f"{row['experiment']:<14}{row['peer']:<22}{row['seconds']:>9.1f}"
            f"{ratio:>8.2f}{row['peak_mb']:>9.0f}  {row['best']}",
            flush=True,
        )
        yield {**row, "ratio": ratio}


def whole_study(peer: str, rows: list[dict[str, Any]]) -> dict[str, Any] | None:
    """Time kt-grid's `run all`; sum up the others' experiments, which they have to run singly."""
    if peer == "kt-grid":
        return run_peer(peer, "all")
    own = [row for row in rows if row["peer"] == peer]
    if len(own) < len(EXPERIMENTS):
        return None
    seconds, peak = sum(row["seconds"] for row in own), max(row["peak_mb"] for row in own)
    return {"experiment": "all", "peer": peer, "seconds": seconds, "peak_mb": peak, "best": "-"}


def run_peer(peer: str, experiment: str) -> dict[str, Any] | None:
    """Run one peer from its process's start to its end; None if it can't do the experiment."""
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        done = subprocess.run(
            [sys.executable, __file__, "one", peer, experiment],
            cwd=folder, capture_output=True, text=True, check=False,
        )  # fmt: skip
        seconds = time.perf_counter() - start
    if done.returncode:
        print(f"{experiment:<14}{peer:<22}failed: {done.stderr.strip()[-200:]}")
        return None
    result = json.loads(done.stdout.strip().splitlines()[-1])
    return result and {"experiment": experiment, "peer": peer, "seconds": seconds, **result}


def run_one(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Run one peer here and print its best score and this process's peak memory."""
    best = PEERS[arguments.peer](arguments.experiment)
    usage = max(
        resource.getrusage(who).ru_maxrss
        for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)
    )
    print(json.dumps(best and {"best": best, "peak_mb": usage / 1024}))
    return []


def split_time(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """Run searches in this process and sum up the time of kt-grid's parts."""
    start = time.perf_counter()
    from kt_grid.engines.backend import load_backend

    load_backend()
    from kt_grid.plan.experiments import load_experiment
    from kt_grid.plan.options import Options
    from kt_grid.plan.plan import plan
    from kt_grid.plan.run import run
    from kt_grid.search import tuner  # noqa: F401 - the import is what is timed

    imported = time.perf_counter() - start
    for experiment in arguments.experiments:
        with tempfile.TemporaryDirectory() as folder, stopwatches() as spent:
            start = time.perf_counter()
            run(plan(load_experiment(experiment), Options(directory=Path(folder), workers=1)))
            spent["total"] = imported + time.perf_counter() - start
        row = {"experiment": experiment, "import": imported, **spent}
        print("  ".join(f"{k} {v if isinstance(v, str) else round(v, 2)}" for k, v in row.items()))
        yield row


@contextmanager
def stopwatches() -> Iterator[dict[str, float]]:
    """Measure the parts of a search while it runs."""
    from kt_grid.engines import fused
    from kt_grid.engines.fused.program import TrainingProgram
    from kt_grid.search import oracle
    from kt_grid.store import directory as store

    spent: dict[str, float] = defaultdict(float)
    watched = [
        (TrainingProgram, "_trace", "trace"),
        (TrainingProgram, "_compile", "compile"),
        (TrainingProgram, "load", "load, waiting for compile"),
        (TrainingProgram, "advance", "run"),
        (TrainingProgram, "score", "score"),
        (fused, "build_model", "build"),
        (oracle.GridOracle, "create_trial", "oracle"),
        (oracle.GridOracle, "end_trial", "oracle"),
        (store.SearchStore, "write_fold", "disk"),
    ]
    originals = [(owner, name, getattr(owner, name)) for owner, name, _ in watched]
    for owner, name, label in watched:
        setattr(owner, name, timed(getattr(owner, name), label, spent))
    try:
        yield spent
    finally:
        for owner, name, original in originals:
            setattr(owner, name, original)


def timed(function: Any, label: str, spent: dict[str, float]) -> Any:
    """Wrap a function so that its time is added to a label's; several threads may call it."""
    lock = threading.Lock()

    def wrapper(*args: Any, **kwargs: Any) -> Any:
        start = time.perf_counter()
        try:
            return function(*args, **kwargs)
        finally:
            with lock:
                spent[label] += time.perf_counter() - start

    return wrapper


def measure_growth(arguments: argparse.Namespace) -> Iterator[dict[str, Any]]:  # noqa: ARG001 - as the others
    """Measure the oracle by trials, and both engines by rows, weights, folds and layers."""
    from kt_grid.engines.backend import load_backend

    load_backend()
    yield from map(trials_row, (10, 100, 1_000, 10_000))
    sizes = [("rows", "Dense", n, 32, 3) for n in (1_000, 10_000, 100_000)]
    sizes += [("weights", "Dense", 2_000, width, 3) for width in (1, 16, 128, 1024)]
    sizes += [("weights", "Dense", 10_000, 256, 3)]
    sizes += [("folds", "Dense", 2_000, 32, folds) for folds in (3, 5, 10)]
    sizes += [("layers", kind, 2_000, 16, 3) for kind in ("LSTM", "Conv1D", *AREAS)]
    yield from itertools.starmap(engine_row, sizes)


def trials_row(count: int) -> dict[str, Any]:
    """Time the oracle and the disk on a search whose trials cost nothing."""
    import keras_tuner

    from kt_grid.search.oracle import GridOracle
    from kt_grid.store.directory import SearchStore

    space = keras_tuner.HyperParameters()
    space.Int("x", 1, count)
    with tempfile.TemporaryDirectory() as folder:
        objective = keras_tuner.Objective("val_loss", "min")
        oracle = GridOracle(objective, hyperparameters=space, seed=SEED)
        oracle.store = SearchStore(folder, "growth")
        marks = [time.perf_counter()]
        while (trial := oracle.create_trial("tuner0")).status == "RUNNING":
            oracle.update_trial(trial.trial_id, {"val_loss": 1.0})
            trial.status = "COMPLETED"
            oracle.end_trial(trial)
            marks.append(time.perf_counter())
    tail = max(1, count // 10)
    row: dict[str, Any] = {
        "axis": "trials",
        "size": count,
        "ms_per_trial": 1000 * (marks[-1] - marks[0]) / count,
        "ms_per_late_trial": 1000 * (marks[-1] - marks[-1 - tail]) / tail,
        "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    print(
        "  ".join(f"{name} {v if isinstance(v, str) else round(v, 2)}" for name, v in row.items())
    )
    return row


def hidden_layers(kind: str, width: int) -> list[Any]:
    """Layers for rows of so many features; dense ones are those of an ordinary network."""
    from keras import layers

    if kind == "Dense":
        return [layers.Dense(width, activation="relu") for _ in range(2)]
    if kind in AREAS:
        first = [layers.Reshape((*AREAS[kind], 1)), layers.Conv2D(width, 3, activation="relu")]
        return [*first, layers.MaxPooling2D(), layers.Flatten()]
    if kind == "Conv1D":
        first = [layers.Reshape((50, 1)), layers.Conv1D(width, 3, activation="relu")]
        return [*first, layers.MaxPooling1D(), layers.Flatten()]
    return [layers.Reshape((10, 5)), layers.LSTM(width)]


def engine_row(axis: str, kind: str, rows: int, width: int, folds: int) -> dict[str, Any]:
    """Time the engines on one size, the first fold apart because it traces and compiles."""
    import keras
    import keras_tuner
    import numpy as np

    from kt_grid.data.arrays import Arrays
    from kt_grid.engines import make_engine
    from kt_grid.engines.arguments import FitArguments
    from kt_grid.engines.base import Task, Trainings
    from kt_grid.splitters.folds import KFold, make_splits

    random = np.random.default_rng(SEED)
    features = math.prod(AREAS.get(kind, (50,)))
    x = random.normal(size=(rows, features)).astype("float32")
    data = Arrays(x, (x[:, 0] > 0).astype("float32"))
    tasks = [Task(i, a, b, i) for i, (a, b) in enumerate(make_splits(KFold(folds), rows))]

    class Model(keras_tuner.HyperModel):  # type: ignore[misc] # keras-tuner is untyped
        def build(self, hp: Any) -> Any:  # noqa: ARG002 - keras-tuner's signature
            hidden = hidden_layers(kind, width)
            model = keras.Sequential([*hidden, keras.layers.Dense(1, activation="sigmoid")])
            model.compile("adam", "binary_crossentropy", metrics=["accuracy"])
            return model

    row: dict[str, Any] = {"axis": axis, "layers": kind, "rows": rows, "folds": folds}
    for name in ("fused", "keras", "auto"):
        space = keras_tuner.HyperParameters()
        fit = FitArguments(epochs=5, batch_size=32)
        marks, done = [time.perf_counter()], []
        for trained in make_engine(name).run(Trainings(Model(), space, data, fit, tasks)):
            done.append(trained)
            marks.append(time.perf_counter())
        spent = np.diff(marks)
        row[f"{name}_first"], row[f"{name}_later"] = float(spent[0]), float(spent[1:].mean())
    row["weights"], row["auto took"] = done[0].model.count_params(), done[0].engine
    row["ratio"] = row["keras_later"] / row["fused_later"]
    print("  ".join(f"{k} {v if isinstance(v, str) else round(v, 3)}" for k, v in row.items()))
    return row


KINDS = {
    "peers": compare_peers,
    "parts": split_time,
    "growth": measure_growth,
    "one": run_one,
}

if __name__ == "__main__":
    main()

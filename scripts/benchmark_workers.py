"""Time searches by number of workers, in one run on one machine.

    python scripts/benchmark_workers.py speed learning_rate neurons
    python scripts/benchmark_workers.py overhead
    python scripts/benchmark_workers.py memory --trials 300
    python scripts/benchmark_workers.py costs

`speed` runs each experiment, workload or `all` as a process of its own, with both engines and 1, 2,
4 and "auto" workers, prints seconds and the speed-up over one worker, and compares the bytes of the
reports. `overhead` searches a grid whose trials train nothing, and says what a trial costs beside
its training: wall time, and processor time of the process that owns the search, which is what
thousands of workers would wait for. `memory` searches a grid of models that all differ, each of
which has to be compiled by itself, and samples the memory of all processes together. `costs` says
what a fold, a design and a step take of a processor, by which `--workers auto` decides. Each writes
JSON too. Needs the `bench` extra.
"""

import argparse
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from peers import command

WORKERS = (1, 2, 4)
COUNTS = ("1", "2", "4", "auto")
FEW, MANY = 50, 250
FOLDS, STEPS, BATCH, FEATURES = 3, 20, 32, 20


def main() -> None:
    """Read the command line and run one of the benchmarks."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    kinds = parser.add_subparsers(dest="kind", required=True)
    speed = kinds.add_parser("speed", help="speed-up by workers")
    speed.add_argument("experiments", nargs="+")
    speed.add_argument("--engines", nargs="+", default=["fused", "keras"])
    kinds.add_parser("overhead", help="cost of a trial beside its training")
    memory = kinds.add_parser("memory", help="memory of a search of many different models")
    memory.add_argument("--trials", type=int, default=300)
    kinds.add_parser("costs", help="what a fold, a design and a step cost")
    for each in kinds.choices.values():
        each.add_argument("--output", type=Path, help="JSON file to write")
    arguments = parser.parse_args()
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    measure = {
        "speed": measure_speed,
        "overhead": measure_overhead,
        "memory": measure_memory,
        "costs": measure_costs,
    }
    rows = measure[arguments.kind](arguments)
    if arguments.output:
        date = datetime.now(UTC).date().isoformat()
        record = {"date": date, "cores": os.cpu_count(), "rows": rows}
        arguments.output.write_text(json.dumps(record, indent=1) + "\n")


def measure_speed(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Time every experiment with every engine and number of workers."""
    rows = []
    print(f"{'experiment':<14}{'engine':<8}{'workers':>8}{'seconds':>9}{'speed-up':>10}  report")
    for experiment in arguments.experiments:
        for engine in arguments.engines:
            alone = report = None
            for workers in COUNTS:
                seconds, text = run(experiment, engine, workers)
                alone, report = alone or seconds, report or text
                row = {
                    "experiment": experiment, "engine": engine, "workers": workers,
                    "seconds": seconds, "speed_up": alone / seconds, "same": text == report,
                }  # fmt: skip
                rows.append(row)
                print(
                    f"{experiment:<14}{engine:<8}{workers:>8}{seconds:>9.1f}"
                    f"{row['speed_up']:>10.2f}  {'same bytes' if row['same'] else 'OTHER BYTES'}",
                    flush=True,
                )
    return rows


def run(experiment: str, engine: str, workers: str) -> tuple[float, str]:
    """Run a search from its process's start to its end."""
    options = ["--engine", engine, "--workers", workers, "--no-refit", "--quiet"]
    with tempfile.TemporaryDirectory() as folder:
        words = command(experiment, Path(folder))
        start = time.perf_counter()
        done = subprocess.run(
            [*words, *options], cwd=folder, capture_output=True, text=True, check=True
        )
        return time.perf_counter() - start, done.stdout


def measure_memory(arguments: argparse.Namespace) -> list[dict[str, Any]]:
    """Run a search of different models, and sample memory by the number of trials finished."""
    import psutil

    grid = ",".join(str(n) for n in range(1, arguments.trials + 1))
    words = ["run", "neurons", "--grid", f"neurons={grid}", "--grid", "epochs=1", "--no-refit"]
    rows: list[dict[str, Any]] = []
    print(f"{'trials':>8}{'MB':>8}{'largest process MB':>20}")
    with tempfile.TemporaryDirectory() as folder:
        search = psutil.Popen(
            [sys.executable, "-m", "kt_grid", *words, "--workers", "1", "--quiet"],
            cwd=folder, stdout=subprocess.DEVNULL,
        )  # fmt: skip
        while search.poll() is None:
            sizes = memory_of(search)
            done = len([*Path(folder).glob("runs/neurons/trial_*/fold_2.json")])
            if not rows or done >= rows[-1]["trials"] + arguments.trials // 10:
                rows.append({"trials": done, "mb": sum(sizes), "largest_mb": max(sizes, default=0)})
                print(f"{done:>8}{sum(sizes):>8.0f}{max(sizes, default=0):>20.0f}", flush=True)
            time.sleep(0.5)
    return rows


def memory_of(process: Any) -> list[float]:
    """Resident memory of a process and of all that it started, in MB."""
    import psutil

    sizes = []
    try:
        for each in [process, *process.children(recursive=True)]:
            sizes.append(each.memory_info().rss / 2**20)
    except psutil.NoSuchProcess:
        return sizes
    return sizes


def measure_overhead(arguments: argparse.Namespace) -> list[dict[str, Any]]:  # noqa: ARG001 - as the others
    """Time searches whose trials train nothing, and compare a long one with a short one."""
    from kt_grid.engines.backend import load_backend

    load_backend()
    rows = []
    print(f"{'workers':>8}{'ms a trial':>12}{'owner ms':>10}")
    for workers in WORKERS:
        few, many = idle_search(workers, FEW), idle_search(workers, MANY)
        wall, owner = (1000 * (b - a) / (MANY - FEW) for a, b in zip(few, many, strict=True))
        rows.append({"workers": workers, "ms_per_trial": wall, "owner_ms_per_trial": owner})
        print(f"{workers:>8}{wall:>12.1f}{owner:>10.1f}", flush=True)
    return rows


def idle_search(workers: int, trials: int) -> tuple[float, float]:
    """Search a grid without training; return seconds and processor seconds of this process."""
    import keras
    import keras_tuner
    import numpy as np

    from kt_grid.search.tuner import CrossValidationTuner

    class Idle(keras_tuner.HyperModel):  # type: ignore[misc] # keras-tuner is untyped
        def build(self, hp: Any) -> Any:
            hp.Int("x", 1, trials)
            model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(1)])
            model.compile(loss="mse")
            return model

        def fit(self, hp: Any, *_: Any, **__: Any) -> float:
            return 1 / float(hp.get("x"))

    x = np.zeros((30, 8), np.float32)
    with tempfile.TemporaryDirectory() as folder:
        tuner = CrossValidationTuner(
            Idle(), "min:val_loss", engine="keras", workers=workers, keep="best", directory=folder
        )
        start, busy = time.perf_counter(), resource.getrusage(resource.RUSAGE_SELF)
        tuner.search(x, x[:, 0])
        ended = resource.getrusage(resource.RUSAGE_SELF)
    spent = ended.ru_utime + ended.ru_stime - busy.ru_utime - busy.ru_stime
    return time.perf_counter() - start, spent


def measure_costs(arguments: argparse.Namespace) -> list[dict[str, Any]]:  # noqa: ARG001 - as the others
    """Compare searches that differ in one thing: their trials, designs, epochs or widths."""
    from kt_grid.engines.backend import load_backend

    load_backend()
    rates = [0.001 * number for number in range(1, 17)]
    rows = []
    for engine in ("fused", "keras"):
        small_search(engine, [3], rates[:1], 1)
        few = small_search(engine, [4], rates[:4], 1)
        fold = (small_search(engine, [4], rates, 1) - few) / (12 * FOLDS)
        design = (small_search(engine, [4, 5, 6, 7], rates[:1], 1) - few) / 3
        epochs = 200 if engine == "fused" else 20
        steps = 4 * FOLDS * STEPS * (epochs - 1)
        step = (small_search(engine, [4], rates[:4], epochs) - few) / steps
        wide = small_search(engine, [512], rates[:4], epochs) - small_search(
            engine, [512], rates[:4], 1
        )
        products = 3 * BATCH * (512 * (FEATURES + 512 + 1) + 2 * 512 + 1)
        row = {"fold": fold, "design": design, "step": step}
        row["product"] = (wide / steps - step) / products
        print(engine, "  ".join(f"{name} {seconds:.3g} s" for name, seconds in row.items()))
        rows.append({"engine": engine, **row})
    return rows


def small_search(engine: str, units: list[int], rates: list[float], epochs: int) -> float:
    """Search a grid of dense networks here; return processor seconds."""
    import keras
    import numpy as np

    from kt_grid.search.tuner import CrossValidationTuner

    def build(hp: Any) -> Any:
        hidden = [keras.layers.Dense(hp.get("units"), "relu") for _ in range(2)]
        model = keras.Sequential([keras.Input((FEATURES,)), *hidden, keras.layers.Dense(1)])
        model.compile(keras.optimizers.Adam(hp.get("rate")), "mse")
        return model

    x = np.random.default_rng(7).normal(size=(STEPS * BATCH * 3 // 2, FEATURES)).astype("float32")
    with tempfile.TemporaryDirectory() as folder:
        tuner = CrossValidationTuner(
            build, "val_loss", cv=FOLDS, grid={"units": units, "rate": rates}, engine=engine,
            keep="best", directory=folder,
        )  # fmt: skip
        start = time.process_time()
        tuner.search(x, x[:, 0], epochs=epochs, batch_size=BATCH, verbose=0)
        return time.process_time() - start


if __name__ == "__main__":
    main()

"""Data and states that several test modules share."""

import gc
import os
import random
import re
import signal
from concurrent.futures import Future

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from kt_grid import data, space
from kt_grid.engines.backend import ENVIRONMENT
from kt_grid.engines.base import Trained
from kt_grid.splitters import KFold
from kt_grid.store.directory import SearchStore
from kt_grid.store.records import FoldRecord, SearchRecord
from kt_grid.workers.local import Workers

# What kt-grid itself sets before it imports TensorFlow, which some tests import first.
for name, value in ENVIRONMENT.items():
    os.environ.setdefault(name, value)

# A script's background jobs ignore Ctrl-C, and so would the searches that tests interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

# A busy machine must not fail a test; each run tries other examples.
settings.register_profile(
    "kt-grid", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile("kt-grid")


def pytest_collection_finish(session):
    """What all tests import stays: the garbage collector needn't look at it again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def _seeded():
    random.seed(0)
    np.random.seed(0)


@pytest.fixture(scope="session")
def pima():
    """The 768 rows that come with kt-grid."""
    return data.read_csv(data.bundled())


@pytest.fixture
def toy_csv(tmp_path):
    """24 rows of 3 features under a header, and a class that alternates."""
    rows = np.random.RandomState(0).uniform(-1, 1, (24, 3)).round(3)
    lines = [",".join(map(str, [*row, i % 2])) for i, row in enumerate(rows.tolist())]
    path = tmp_path / "toy.csv"
    path.write_text("\n".join(["a,b,c,class", *lines, ""]), encoding="utf-8")
    return path


@pytest.fixture
def raises():
    """`pytest.raises` that also asks for the form `Expected … Received: …` and for some words."""

    def check(kind, *words):
        wanted = "".join(f"(?=.*{re.escape(word)})" for word in words)
        return pytest.raises(kind, match=rf"(?s)\A{wanted}Expected .+\. Received: .+")

    return check


@pytest.fixture
def eagerly(monkeypatch):
    """Models run step by step: for fits of a few steps, which are sooner done than traced."""
    import keras

    owner = next(kind for kind in keras.Model.__mro__ if "compile" in vars(kind))
    compiled = owner.compile

    def stepwise(model, *args, **kwargs):
        compiled(model, *args, **{"run_eagerly": True, **kwargs})

    monkeypatch.setattr(owner, "compile", stepwise)


@pytest.fixture
def search_record():
    """What search.json says of a search with a grid of no axis; identity by name, or entries."""

    def make(**entries):
        least = {"format": 1, "grid": [], "experiment": "search", "repeats": 1}
        identity = {"objective": "max:val_accuracy", "folds": 3, "seed": 7}
        return SearchRecord.from_json({**least, **identity, **entries})

    return make


@pytest.fixture
def make_search(tmp_path, search_record):
    """Write a search's directory by hand, as keras-tuner and kt-grid do.

    `outcomes` has one item per combination, in grid order: the scores of the splits, a tuple of
    those before it was given up, the reason of a failure, None for a trial that runs, or no item
    for one that isn't begun. `unmet` are
    axes whose conditions no combination meets, as search.json has them.
    """

    def make(
        grid, outcomes, *, name="search", objective="max:val_accuracy", folds=3, unmet=(), **about
    ):
        store = SearchStore(tmp_path, name)
        axes = space.make_axes(grid)
        entries = [*(axis.to_json() for axis in axes), *unmet]
        known = {"experiment": name, "grid": entries, "objective": objective, "folds": folds}
        store.write_record(search_record(**known | about))
        for number, (values, outcome) in enumerate(
            zip(space.combinations(axes), outcomes, strict=False)
        ):
            _write_trial(store, f"{number:04d}", values, outcome, objective.partition(":")[2])
        return store

    return make


def _write_trial(store, trial_id, values, outcome, objective):
    failed, completed = isinstance(outcome, str), isinstance(outcome, list)
    given_up = isinstance(outcome, tuple)
    scores = outcome if completed or given_up else []
    for split, score in enumerate(scores):
        record = FoldRecord(split, values, 1, {objective: score}, 10, 0.5 * split, "keras")
        store.write_fold(trial_id, record, None)
    # keras-tuner turns the order of parameters where a model declares them in another one.
    state = {
        "trial_id": trial_id,
        "hyperparameters": {"space": [], "values": dict(reversed(values.items()))},
        "metrics": {
            "metrics": {
                f"split{split}_{objective}": {
                    "direction": "max",
                    "observations": [{"value": [score], "step": 0}],
                }
                for split, score in enumerate(scores if completed else [])
            }
        },
        "score": float(np.mean(scores)) if completed else None,
        "best_step": 0,
        "status": "COMPLETED" if completed else "FAILED" if failed else "RUNNING",
        "message": f"{outcome}\n\nTraceback" if failed else None,
    }
    if given_up:
        state |= {"status": "STOPPED", "message": "given up: too far behind"}
    store.write_trial(trial_id, state)


class StubEngine:
    """Scores by the seed alone, in no time; its models are bytes. Notes what it trains."""

    name, programs = "stub", 0

    def __init__(self):
        self.trained = []

    def run(self, trainings):
        fit = trainings.fit
        for task in trainings.tasks:
            self.trained.append((trainings.hyperparameters.values.get("units"), task.split))
            score = float(np.random.RandomState(task.seed % 2**32).uniform())
            scores = {"val_accuracy": score, "val_loss": 1 - score}
            yield Trained(task.split, scores, fit.epochs, 0.25, StubModel(task.seed), "stub")


class StubModel:
    layers = ()

    def __init__(self, seed):
        self.weights = np.random.RandomState(seed % 2**32).bytes(64)

    def count_params(self):
        return 16

    def save_weights(self, path):
        path.write_bytes(self.weights)


class StubWorkers(Workers):
    """Workers that are no processes: each call is done at once, with a context of its own."""

    def __init__(self, count, shared, **_):
        self._count = count
        self._context = shared.unpack(shared.packed)

    @property
    def slots(self):
        return self._count + 1

    def start(self):
        pass

    def stream(self, deliver, fn, /, *args, lane=0):
        future, given = Future(), fn(self._context, *args)
        while True:
            try:
                deliver(next(given))
            except StopIteration as ended:
                future.set_result(ended.value)
                return future


@pytest.fixture
def stub_engine(monkeypatch):
    """Searches train with an engine that trains nothing; returns a function that renews it."""
    import kt_grid.search.tuner
    import kt_grid.workers.jobs

    def renew():
        engine = StubEngine()
        for module in (kt_grid.search.tuner, kt_grid.workers.jobs):
            monkeypatch.setattr(module, "make_engine", lambda _: engine)
        return engine

    renew()
    return renew


@pytest.fixture
def stub_workers(monkeypatch):
    """Workers are no processes."""
    import kt_grid.workers.placement

    monkeypatch.setattr(kt_grid.workers.placement, "LocalWorkers", StubWorkers)


@pytest.fixture
def stub_search(stub_engine, stub_workers):
    """A search of four trials and three folds in a directory; returns the tuner and the engine."""
    import keras

    import kt_grid.search.tuner

    def build(hp):
        hp.Choice("units", [2, 3, 4, 5])
        model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(1)])
        model.compile(loss="mse")
        return model

    def make(directory, *, search=True, **options):
        engine = stub_engine()
        options = {"cv": KFold(3), "project_name": "search", "objective": "val_loss", **options}
        tuner = kt_grid.search.tuner.CrossValidationTuner(build, directory=directory, **options)
        if search:
            tuner.search(np.zeros((6, 1)), np.arange(6) % 2)
        return tuner, engine

    return make

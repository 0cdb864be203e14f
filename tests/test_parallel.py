"""Whole searches on real worker processes and on a real Dask cluster."""

import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import distributed
import keras_tuner
import numpy as np
import pytest

import kt_grid.workers.placement
from kt_grid.errors import WorkerError
from kt_grid.report.formats import render
from kt_grid.search.tuner import CrossValidationTuner

X = np.random.RandomState(5).normal(size=(12, 2)).astype(np.float32)
Y = (X[:, 0] > 0).astype(np.float32)
DIES_ONCE, HANGS, RAISES, HANGS_ONCE = 5, 6, 7, 9


class Cheap(keras_tuner.HyperModel):
    """Scores a model by its initial weights; some of its trials are trouble for a worker."""

    def __init__(self, units, folder=""):
        super().__init__()
        self.units = units
        self.folder = str(folder)

    def build(self, hp):
        import keras

        units = hp.Choice("units", self.units)
        model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(units)])
        model.compile(loss="mse")
        return model

    def fit(self, hp, model, x, y, **kwargs):
        units = hp.get("units")
        # First, because a look at what a fit asks for ends here.
        score = float(abs(model.get_weights()[0]).mean())
        once = Path(self.folder, "died")
        if units == DIES_ONCE and self.folder and not once.exists():
            once.touch()
            os.kill(os.getpid(), signal.SIGKILL)
        if units == HANGS and self.folder:
            time.sleep(600)
        if units == HANGS_ONCE and self.folder:
            calls = Path(self.folder, "calls")
            calls.write_text((calls.read_text() if calls.exists() else "") + "x")
            if calls.read_text() == "xx":
                time.sleep(600)
        if units == RAISES:
            raise ValueError("unlucky")
        return {"val_accuracy": score, "val_loss": 1.0}


def searched(directory, hypermodel, **options):
    tuner = CrossValidationTuner(
        hypermodel, cv=2, directory=directory, project_name="s", engine="keras", **options
    )
    tuner.search(X, Y)
    return tuner


def text(tuner):
    return render(tuner.search_results(), "csv").partition("mean_fit_time")[0] + render(
        tuner.search_results()
    )


def ids(tuner):
    return [(t.trial_id, t.parameters["units"], t.scores) for t in tuner.search_results().trials]


def test_workers_give_the_same_bytes_whatever_happens_to_them(tmp_path):
    """One trial kills its first worker, one hangs, and one raises."""
    units = [2, 3, DIES_ONCE, HANGS, RAISES, 8]
    tuner = searched(tmp_path / "a", Cheap(units, tmp_path), workers=2, trial_timeout=2)
    results = tuner.search_results()
    reasons = {t.parameters["units"]: t.reason for t in results.failed}
    assert results.complete
    assert (tmp_path / "died").exists()
    assert set(reasons) == {HANGS, RAISES}
    assert reasons[HANGS].startswith("WorkerSlowError: Expected a trial to take 2 s at most")
    assert reasons[RAISES].endswith(": ValueError: unlucky")
    alone = searched(tmp_path / "b", Cheap([2, 3, DIES_ONCE, 8]))
    scores = {u: s for _, u, s in ids(tuner)}
    assert {u: scores[u] for _, u, _ in ids(alone)} == {u: s for _, u, s in ids(alone)}
    assert [i for i, _, _ in ids(tuner)] == [f"{n:04d}" for n in range(6)]
    assert len(tuner.load_fold_models(tuner.oracle.get_best_trials(1)[0])) == 2


def test_a_trial_that_ran_out_of_time_keeps_its_folds_and_is_tried_again(tmp_path):
    """Its second fold hangs at first; the next run trains that one alone."""
    tuner = searched(tmp_path / "a", Cheap([2, HANGS_ONCE], tmp_path), workers=2, trial_timeout=4)
    (failed,) = tuner.search_results().failed
    before = (tmp_path / "a/s/trial_0001/fold_0.json").read_bytes()
    notes = []

    class Listening(kt_grid.search.observer.Silent):
        def note(self, text):
            notes.append(text)

    again = searched(tmp_path / "a", Cheap([2, HANGS_ONCE], tmp_path), observer=Listening())
    (told,) = [note for note in notes if "is tried again" in note]
    assert failed.trial_id in told
    assert "WorkerSlowError" in told
    assert (tmp_path / "a/s/trial_0001/fold_0.json").read_bytes() == before
    assert ids(again) == ids(searched(tmp_path / "b", Cheap([2, HANGS_ONCE])))


def test_a_search_moves_to_workers_when_it_is_worth_while(tmp_path, monkeypatch):
    alone = searched(tmp_path / "a", Cheap([2, 3, 4, 5]))
    opened = []
    open_workers = kt_grid.workers.placement.Placement.open
    monkeypatch.setattr(
        kt_grid.workers.placement.Placement,
        "open",
        lambda place, shared, left: opened.append(left) or open_workers(place, shared, left),
    )
    monkeypatch.setattr(kt_grid.workers.placement, "_SECONDS_WORTH_MOVING", 0.0)
    monkeypatch.setattr(kt_grid.workers.placement, "_SECONDS_TO_START", 0.0)
    monkeypatch.setattr(kt_grid.workers.placement, "cores", lambda: 2)
    monkeypatch.setattr(kt_grid.workers.placement, "memory", lambda: 2**40)
    moved = searched(tmp_path / "b", Cheap([2, 3, 4, 5]), workers="auto")
    assert opened == [3]
    assert text(moved) == text(alone)
    assert ids(moved) == ids(alone)
    assert not moved.oracle.suspended


@pytest.fixture
def programs():
    """A scheduler and a worker with two threads, as programs of their own."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}

    def start(program, *words):
        return subprocess.Popen(
            [sys.executable, "-m", f"distributed.cli.dask_{program}", *words, "--no-dashboard"],
            env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        )  # fmt: skip

    scheduler = start("scheduler", "--host", "127.0.0.1", "--port", address.rpartition(":")[2])
    worker = start("worker", address, "--nthreads", "2")
    with distributed.Client(address, timeout=60) as client:
        client.wait_for_workers(1, timeout=60)
    yield address, scheduler
    for program in (worker, scheduler):
        program.kill()
        program.wait()


def test_a_cluster_gives_the_same_bytes_and_its_loss_is_told(tmp_path, programs, raises):
    address, scheduler = programs
    alone = searched(tmp_path / "alone", Cheap([2, 3, RAISES]))
    spread = searched(tmp_path / "spread", Cheap([2, 3, RAISES]), scheduler=address)
    assert text(spread) == text(alone)
    assert ids(spread) == ids(alone)

    class Lose(kt_grid.search.observer.Silent):
        def trial(self, parameters, score, best):
            scheduler.kill()

    # More than can be done before the loss is noticed.
    units = list(range(10, 40))
    with raises(WorkerError, address, "on disk"):
        searched(tmp_path, Cheap(units), scheduler=address, observer=Lose())
    tuner = CrossValidationTuner(
        Cheap(units), cv=2, directory=tmp_path, project_name="s", engine="keras"
    )
    assert 1 <= len(tuner.oracle.finished_trials()) < len(units)
    # Of the rest, a few are enough.
    few = {"units": units[:6]}
    resumed = searched(tmp_path, Cheap(units), grid=few)
    assert text(resumed) == text(searched(tmp_path / "whole", Cheap(units), grid=few))


@pytest.mark.parametrize(
    ("address", "words"),
    [
        pytest.param("tcp://127.0.0.1:9", ["127.0.0.1:9", "dask scheduler"], id="nobody there"),
        pytest.param("nonsense://x", ["nonsense"], id="no address"),
    ],
)
def test_a_scheduler_that_is_not_there_is_an_error(tmp_path, raises, monkeypatch, address, words):
    monkeypatch.setattr("kt_grid.workers.dask_cluster._SECONDS_TO_CONNECT", 1)
    with raises(WorkerError, *words):
        searched(tmp_path, Cheap([2]), scheduler=address)

"""A search that is killed anywhere goes on from there, and ends as if it had not been."""

import contextlib
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from kt_grid.errors import StoreError
from kt_grid.report.formats import render
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import read_results

# Of three trials, the second is better than the first and the third is not.
UNITS = [2, 3, 4]
SCRIPT = Path(__file__).parent.parent / "scripts" / "crash_test.py"


class Killed(BaseException):
    """Nothing may catch it, as nothing can catch SIGKILL."""


class Disk:
    """Passes on whatever changes files, until it is dead; then nothing has any effect."""

    def __init__(self, monkeypatch):
        self.passed, self.last = 0, None
        for name in ("fsync", "replace", "unlink"):
            monkeypatch.setattr(os, name, self._watched(getattr(os, name)))

    def _watched(self, call):
        def wrapper(*args, **kwargs):
            self._pass_by(args)
            done = call(*args, **kwargs)
            self._pass_by(args)
            return done

        return wrapper

    def _pass_by(self, args):
        self.passed += 1
        if self.last is not None and self.passed >= self.last:
            raise Killed


@pytest.fixture
def search(stub_search, monkeypatch, tmp_path):
    """Runs the search and kills it at a moment; returns the tuner, if it lives, and the engine."""
    disk = Disk(monkeypatch)

    def run(last=None, name="parts", **options):
        disk.passed, disk.last = 0, last
        options = {"grid": {"units": UNITS}, "cv": 2, **options}
        tuner, engine = stub_search(tmp_path / name, search=False, **options)
        try:
            tuner.search([[0.0]] * 6, [0, 1] * 3)
        except Killed:
            tuner = None
        disk.last = None
        return tuner, engine, disk.passed

    return run


def check_between(folder, whole):
    """What a killed search leaves reads as whole, with no other figure."""
    try:
        found = read_results(SearchStore(folder, "search"))
    except StoreError as error:
        assert "Run it first" in str(error)  # noqa: PT017 - it may also be none
        return
    assert found.damage == ()
    scores = {trial.trial_id: trial.scores for trial in whole.trials}
    assert all(trial.scores == scores[trial.trial_id] for trial in found.completed)


@pytest.mark.parametrize(
    ("options", "every", "lost"),
    [
        # An odd step, so that it is killed before some calls and after others.
        pytest.param({"keep": "best"}, 3, 1, id="best"),
        pytest.param({"keep": "all"}, 7, 1, id="all"),
        # What a worker trained is there once all folds of its trial are done.
        pytest.param({"keep": "best", "workers": 2}, 53, 6, id="workers"),
    ],
)
def test_a_search_survives_a_kill_at_every_moment(search, tmp_path, options, every, lost):
    tuner, _, moments = search(name="whole", **options)
    whole = tuner.search_results()
    first, second, third = (trial.mean for trial in whole.trials)
    assert second > max(first, third)
    folders = {}
    assert moments > 100
    for last in range(1, moments + 1, every):
        name = f"parts{last}"
        _, first, _ = search(last, name, **options)
        check_between(tmp_path / name, whole)
        # Now and then it is killed again while it goes on.
        _, second, _ = search(1 + last % 11, name, **options) if last % 3 == 0 else (0, first, 0)
        check_between(tmp_path / name, whole)
        tuner, third, _ = search(None, name, **options)
        assert render(tuner.search_results()) == render(whole), last
        engines = [first, second, third] if second is not first else [first, third]
        trained = Counter(fold for engine in engines for fold in engine.trained)
        assert set(trained) == {(units, split) for units in UNITS for split in range(2)}
        assert trained.total() - len(trained) <= lost * (len(engines) - 1), last
        folders[last] = sorted(
            str(p.relative_to(tmp_path / name)) for p in tuner.store.root.rglob("*")
        )
    assert len({tuple(files) for files in folders.values()}) == 1


def test_a_race_survives_a_kill_at_every_moment(search, tmp_path):
    race = {
        "keep": "best",
        "racing": "bound",
        "objective": "val_accuracy",
        "cv": 4,
        "grid": {"units": [6, 9, 11, 13]},
    }
    tuner, whole, moments = search(name="whole", **race)
    assert len(tuner.search_results().given_up) > 1
    left = _contents(tuner.store.root)
    for last in range(1, moments + 1, 5):
        name = f"parts{last}"
        _, first, _ = search(last, name, **race)
        tuner, rest, _ = search(None, name, **race)
        assert _contents(tuner.store.root) == left, last
        assert len(first.trained) + len(rest.trained) <= len(whole.trained) + 1, last


def _contents(folder):
    """Everything but keras-tuner's own order of trials."""
    return {
        path.relative_to(folder): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name not in ("oracle.json", "lock.json")
    }


def test_overwriting_survives_a_kill_at_every_moment(search, tmp_path):
    tuner, _, _ = search(name="whole", seed=8)
    whole = tuner.search_results()
    search(name="whole7")
    for last in (*range(1, 80, 5), 200):
        name = f"parts{last}"
        search(None, name)
        with contextlib.suppress(Killed):
            search(last, name, seed=8, overwrite=True)
        tuner, _, _ = search(None, name, seed=8, overwrite=True)
        assert render(tuner.search_results()) == render(whole), last


@pytest.mark.full
def test_real_searches_survive_real_kills(tmp_path):
    done = subprocess.run(
        [sys.executable, SCRIPT, "--kills", "1", "--seed", "5", "--grid", "momentum=0.9"],
        cwd=tmp_path, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "kills: 1 " in done.stdout
    assert "losses: 0" in done.stdout

"""Whatever befalls a file of a search, no result is lost, wrong, or mended without a word."""

import shutil
from pathlib import Path

import numpy as np
import pytest

from kt_grid.errors import DamageError, SearchFailedError
from kt_grid.report.formats import render
from kt_grid.search.observer import Silent
from kt_grid.search.runner import TrialRunner
from kt_grid.store.directory import SearchStore
from kt_grid.store.results import read_results


class Told(Silent):
    def __init__(self):
        self.notes = []

    def note(self, message):
        self.notes.append(message)


def cut(path):
    path.write_bytes(path.read_bytes()[: np.random.randint(path.stat().st_size)])


def alter(path):
    content = bytearray(path.read_bytes())
    content[np.random.randint(len(content))] ^= 1 << np.random.randint(8)
    path.write_bytes(content)


SPOIL = {
    "cut": cut,
    "altered": alter,
    "emptied": lambda path: path.write_bytes(b""),
    "junk": lambda path: path.write_bytes(np.random.bytes(500)),
    "deleted": lambda path: path.unlink(),
}


def text(tuner):
    return render(tuner.search_results())


def weights(folder):
    return {str(p.relative_to(folder)): p.read_bytes() for p in Path(folder).rglob("*.h5")}


@pytest.fixture
def spoilt(stub_search, tmp_path):
    """Spoil a file of a copy of a finished search; return both searches and who is best."""

    def make(spoil, place, keep="best"):
        tuner, _ = stub_search(tmp_path / "whole", keep=keep)
        best, other = (trial.trial_id for trial in tuner.oracle.get_best_trials(2))
        name = place.format(best=f"trial_{best}", other=f"trial_{other}")
        shutil.copytree(tmp_path / "whole", tmp_path / "spoilt")
        SPOIL[spoil](tmp_path / "spoilt" / "search" / name)
        return tuner, SearchStore(tmp_path / "spoilt", "search"), name

    return make


def check_mended(stub_search, tuner, store, trained, notes, keep="best", **options):
    """The same line trains what is missing, tells of it, and has nothing to do after that."""
    told = Told()
    for times in (1, 0):
        again, engine = stub_search(store.root.parent, keep=keep, observer=told, **options)
        assert text(again) == text(tuner)
        assert again.search_results().damage == ()
        assert again.store.has_state()
        assert engine.trained == trained * times
    best = f"trial_{tuner.oracle.get_best_trials(1)[0].trial_id}"
    assert weights(store.root / best) == weights(tuner.store.root / best)
    assert len(told.notes) == len(notes)
    assert all(words in note for words, note in zip(notes, told.notes, strict=True))


@pytest.mark.parametrize("name", ["trial.json", "fold_0.json", "fold_2.json"])
@pytest.mark.parametrize("trial", ["{best}", "{other}"])
@pytest.mark.parametrize("spoil", SPOIL)
def test_a_trials_file_is_missed_by_report_and_mended_by_run(
    spoilt, stub_search, spoil, trial, name
):
    tuner, store, name = spoilt(spoil, f"{trial}/{name}")
    results = read_results(store)
    assert render(results) == text(tuner)
    assert [f"{name} is" in line for line in results.damage] == [True]
    trained = [(2 + int(name[6:10]), int(name[16]))] if "fold" in name else []
    check_mended(stub_search, tuner, store, trained, [f"{name} is"])


@pytest.mark.parametrize("spoil", SPOIL)
def test_search_json_is_missed_by_report_and_mended_by_run(spoilt, stub_search, spoil):
    tuner, store, _ = spoilt(spoil, "search.json")
    with pytest.raises(DamageError, match=r"search\.json"):
        read_results(store)
    check_mended(stub_search, tuner, store, [], ["search.json isn't whole"])


@pytest.mark.parametrize("name", ["oracle.json", "tuner0.json"])
@pytest.mark.parametrize("spoil", SPOIL)
def test_keras_tuners_files_are_written_anew(spoilt, stub_search, spoil, name):
    tuner, store, _ = spoilt(spoil, name)
    assert not store.has_state()
    check_mended(stub_search, tuner, store, [], [])


@pytest.mark.parametrize("spoil", SPOIL)
@pytest.mark.parametrize("keep", ["best", "all"])
def test_lost_weights_of_the_best_trial_are_trained_again(spoilt, stub_search, spoil, keep):
    tuner, store, name = spoilt(spoil, "{best}/fold_1.weights.h5", keep)
    trained = [(2 + int(name[6:10]), 1)]
    check_mended(stub_search, tuner, store, trained, ["weights of fold 1 of trial"], keep)


@pytest.mark.parametrize(
    ("name", "notes"),
    [
        pytest.param("trial.json", ["trial.json is"], id="trial"),
        pytest.param("fold_1.json", ["fold_1.json is"], id="fold"),
        pytest.param("fold_1.weights.h5", ["weights of fold 1 of trial"], id="weights"),
    ],
)
def test_workers_train_what_is_lost(spoilt, stub_search, monkeypatch, name, notes):
    tuner, store, name = spoilt("altered", f"{{best}}/{name}")

    def refuse(*_):
        raise AssertionError("It was to be trained by workers.")

    monkeypatch.setattr(TrialRunner, "run", refuse)
    trained = [] if "trial.json" in name else [(2 + int(name[6:10]), 1)]
    check_mended(stub_search, tuner, store, trained, notes, workers=2)


@pytest.mark.parametrize("spoil", SPOIL)
def test_lost_weights_of_another_trial_are_missed_when_they_are_loaded(spoilt, stub_search, spoil):
    tuner, store, name = spoilt(spoil, "{other}/fold_1.weights.h5", "all")
    check_mended(stub_search, tuner, store, [], [], "all")
    again, _ = stub_search(store.root.parent, keep="all")
    with pytest.raises(DamageError, match=name):
        again.load_fold_models(again.oracle.get_best_trials(2)[1])


def test_a_failed_trial_that_is_damaged_fails_again(stub_search, tmp_path, monkeypatch):
    def fail(*args):
        raise ValueError("unlucky")
        yield

    tuner, engine = stub_search(tmp_path, search=False)
    monkeypatch.setattr(engine, "run", fail)
    with pytest.raises(SearchFailedError, match="4 that failed"):
        tuner.search(np.zeros((6, 1)), np.arange(6) % 2)
    before = text(tuner)
    tuner.store.trial_file("0002").write_text("{")
    assert read_results(tuner.store).damage == ("trial_0002/trial.json is damaged",)
    told = Told()
    again, engine = stub_search(tmp_path, search=False, observer=told)
    monkeypatch.setattr(engine, "run", fail)
    with pytest.raises(SearchFailedError, match="4 that failed"):
        again.search(np.zeros((6, 1)), np.arange(6) % 2)
    assert text(again) == before
    assert "trial_0002/trial.json is damaged; its trial is begun anew" in told.notes


def test_several_files_at_once(stub_search, tmp_path):
    tuner, _ = stub_search(tmp_path)
    before = text(tuner)
    root = tuner.store.root
    for number, name in enumerate(["trial.json", "fold_0.json", "fold_1.json"]):
        (root / f"trial_000{number}" / name).write_bytes(b"\0" * 100)
    for name in ("trial.json", "fold_0.json", "fold_1.json", "fold_2.json"):
        (root / "trial_0003" / name).unlink()
    again, engine = stub_search(tmp_path)
    assert text(again) == before
    assert engine.trained == [(3, 0), (4, 1), (5, 0), (5, 1), (5, 2)]


def test_a_search_can_be_mended_and_made_smaller_at_once(stub_search, tmp_path):
    tuner, _ = stub_search(tmp_path)
    for trial_id in ("0000", "0003"):
        tuner.store.trial_file(trial_id).write_text("{")
        tuner.store.fold_file(trial_id, 0).write_text("{")
    smaller, engine = stub_search(tmp_path, grid={"units": [2, 3]})
    assert engine.trained == [(2, 0)]
    assert smaller.search_results().damage == ()

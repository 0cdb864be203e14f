"""What a search's directory holds comes back, and only if it is this search's and whole."""

import dataclasses
import json
import os

import numpy as np
import pytest

from kt_grid.errors import DamageError, MismatchError, StoreError
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import write_sealed, write_text
from kt_grid.store.held_out import write_predictions
from kt_grid.store.records import FoldRecord, Identity, RefitRecord

RECORD = FoldRecord(1, {"units": 5}, 42, {"val_accuracy": 0.5}, 10, 0.25, "keras")
REFIT = RefitRecord("0000", {"a": 1}, 1, Identity("max:val_accuracy", folds=3, seed=7))


@pytest.fixture
def store(tmp_path):
    return SearchStore(tmp_path, "search")


def test_fold_record_comes_back(store):
    store.write_fold("0000", RECORD, None)
    assert store.read_fold("0000", 1) == RECORD
    assert store.read_fold("0000", 0) is None
    assert (store.root / "trial_0000" / "fold_1.json").is_file()


def test_fold_record_with_a_flipped_bit_counts_as_missing(store):
    store.write_fold("0000", RECORD, None)
    path = store.trial_dir("0000") / "fold_1.json"
    whole = path.read_bytes()
    for place in range(len(whole)):
        path.write_bytes(whole[:place] + bytes([whole[place] ^ 1]) + whole[place + 1 :])
        assert store.read_fold("0000", 1) is None, place
    path.write_bytes(whole)
    assert store.read_fold("0000", 1) == RECORD


@pytest.mark.parametrize("content", ["", "[]", "null", '{"split": 1}', '{"checksum": "x"}'])
def test_fold_record_that_is_none_counts_as_missing(store, content):
    write_text(store.trial_dir("0000") / "fold_1.json", content)
    assert store.read_fold("0000", 1) is None


def test_fold_counts_only_when_its_weights_are_written(store):
    def save_weights(path):
        assert store.read_fold("0000", 1) is None
        path.write_bytes(path.name[-11:].encode())

    store.write_fold("0000", RECORD, save_weights)
    assert store.weights("0000", 1).read_bytes() == b".weights.h5"
    with pytest.raises(ZeroDivisionError):
        store.write_fold("0001", RECORD, lambda _: 1 / 0)
    assert store.read_fold("0001", 1) is None


def test_drop_weights_keeps_the_records(store):
    store.write_fold("0000", RECORD, lambda path: path.write_bytes(b"w"))
    store.write_fold("0001", RECORD, lambda path: path.write_bytes(b"w"))
    store.drop_weights("0000")
    store.drop_weights("0002")
    assert [store.weights(trial, 1).exists() for trial in ("0000", "0001")] == [False, True]
    assert store.read_fold("0000", 1).scores == RECORD.scores


@pytest.mark.parametrize(
    "name",
    [
        "",
        ".",
        "..",
        "../x",
        "a/b",
        "/a",
        "a\\b",
        "C:",
        "a\0",
        "a*",
        " ",
        "a ",
        "a.",
        "...",
        "nul",
        "COM1.txt",
        "a\x1b[31m",
        "a\nb",
        "a\u202eb",
        pytest.param("a" * 201, id="long"),
        pytest.param("ä" * 101, id="long-in-bytes"),
    ],
)
def test_names_that_leave_the_directory_are_refused(tmp_path, raises, name):
    with raises(StoreError, repr(name)):
        SearchStore(tmp_path, name)


@pytest.mark.parametrize(
    "directory", ["a\0b", pytest.param("a" * 300, id="long"), pytest.param("a/" * 3000, id="deep")]
)
def test_directories_that_cannot_be_are_refused(tmp_path, raises, directory):
    with raises(StoreError, "directory"):
        SearchStore(tmp_path / directory, "name")


@pytest.mark.parametrize(
    "name", ["neurons", "my search", ".hidden", "ä", "a" * 200, "common", "a.b"]
)
def test_plain_names_are_folders_of_the_directory(tmp_path, name):
    assert SearchStore(tmp_path, name).root == tmp_path / name


@pytest.mark.parametrize("action", ["clear", "prepare"])
def test_a_file_in_the_folders_place_is_left_alone(store, raises, action):
    store.root.write_text("mine")
    with raises(StoreError, str(store.root)):
        store.clear(print) if action == "clear" else store.prepare()
    assert store.root.read_text() == "mine"


def test_what_search_json_says_comes_back(store, search_record):
    assert (store.exists(), store.read_record(), store.peek_record()) == (False, None, None)
    record = search_record(rows=5)
    store.write_record(record)
    assert store.exists()
    assert store.read_record() == store.peek_record()
    assert store.read_record() == dataclasses.replace(record, fingerprint=store.fingerprint)


def test_search_json_is_written_only_when_it_changes(store, search_record, monkeypatch):
    store.write_record(search_record())
    monkeypatch.setattr(os, "fsync", _fail)
    store.write_record(search_record())
    with pytest.raises(StoreError):
        store.write_record(search_record(seed=8))
    assert store.read_record().identity.seed == 7


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format": 2}', pytest.param('{"format": "1"}', id="format-as-text")],
)
def test_search_json_of_another_format_is_refused(store, raises, content):
    write_text(store.root / "search.json", content)
    with raises(DamageError, "search.json", "overwrite=True"):
        store.read_record()
    assert store.peek_record() is None


def test_an_entry_of_search_json_that_cannot_be_is_named(store, raises, search_record):
    entry = {**search_record().to_json(), "folds": 10**9}
    write_sealed(store.root / "search.json", entry)
    with raises(DamageError, "search.json", "folds: expected a number from 1", "1000000000"):
        store.read_record()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param({"rows": 5, "seed": 8}, ["another rows, 4 there, 5 asked"], id="first"),
        pytest.param({"rows": 4, "seed": 8}, ["another seed, 7 there, 8 asked"], id="second"),
        pytest.param({"rows": 4, "engine": "keras"}, ['engine, null there, "keras"'], id="missing"),
        pytest.param({"rows": 4, "fit": {"x": "y" * 99}}, ["null", "yyy... asked"], id="long"),
    ],
)
def test_check_identity_names_the_first_difference(store, raises, search_record, wanted, words):
    store.write_record(search_record(rows=4))
    with raises(MismatchError, str(store.root), "another directory", "overwrite=True", *words):
        store.check_identity(search_record(**wanted).identity)


def test_check_identity_accepts_what_agrees(store, search_record):
    assert store.check_identity(search_record().identity) is False
    store.write_record(search_record())
    assert store.check_identity(search_record(max_trials=5).identity) is True


SPOIL = {
    "deleted": lambda path: path.unlink(),
    "emptied": lambda path: path.write_bytes(b""),
    "altered": lambda path: path.write_text(path.read_text().replace("7", "8")),
}


@pytest.mark.parametrize("spoil", SPOIL.values(), ids=SPOIL)
@pytest.mark.parametrize("kept", ["trial", "fold"])
def test_search_json_is_restored_if_the_records_say_the_same(
    store, raises, search_record, spoil, kept
):
    notes = []
    store.write_record(search_record())
    before = store.read_record()
    if kept == "trial":
        store.write_trial("0000", {"trial_id": "0000"})
    else:
        store.write_fold("0000", RECORD, None)
    spoil(store.root / "search.json")
    later = SearchStore(store.root.parent, store.root.name)
    with raises(DamageError, "search.json"):
        later.claim(search_record(seed=8), notes.append)
    assert notes == []
    later.claim(search_record(), notes.append)
    assert later.read_record() == before
    assert "search.json" in notes[0]


def test_search_json_without_a_record_beside_it_is_not_guessed(store, raises, search_record):
    store.write_record(search_record())
    store.trial_dir("0000").mkdir()
    (store.root / "search.json").unlink()
    with raises(DamageError, "search.json", "no such file beside trials"):
        store.claim(search_record(), print)


FOREIGN = ("best/model.keras", "best/refit.json", "oracle.json", "tuner0.json", "search.json")


@pytest.mark.parametrize("name", FOREIGN)
def test_a_foreign_file_is_not_written_over_where_no_search_is(store, raises, search_record, name):
    write_text(store.root / name, "mine")
    with raises(StoreError, name):
        store.claim(search_record(), print)
    assert (store.root / name).read_text() == "mine"


def test_a_refit_beside_a_lost_search_json_is_written_over_by_its_own_search_only(
    store, raises, search_record
):
    record = search_record()
    store.write_record(record)
    refit = dataclasses.replace(REFIT, identity=record.identity)
    store.write_refit(refit, lambda path: path.write_text("model"))
    (store.root / "search.json").unlink()
    with raises(StoreError, "model.keras", "no search.json beside it"):
        store.claim(search_record(seed=8), print)
    store.claim(record, print)
    assert store.exists()


def test_trials_come_in_the_order_of_their_ids(store):
    ids = ["0000", "0002", "0010", "9999", "10000"]
    for trial_id in reversed(ids):
        store.write_trial(trial_id, {"trial_id": trial_id})
    assert store.trial_ids() == ids


def test_a_trial_comes_back_for_us_and_for_keras_tuner(store):
    state = {"trial_id": "0000", "score": 0.1 + 0.2}
    store.write_trial("0000", state)
    assert store.read_trial("0000") == {**state, "search": ""}
    assert json.loads(store.trial_file("0000").read_text()).items() >= state.items()


@pytest.mark.parametrize("content", ["", "{", "[]", '{"trial_id": "0000"}'])
def test_trials_that_cannot_be_read_are_none(store, content):
    write_text(store.trial_dir("0000") / "trial.json", content)
    assert store.read_trial("0000") is None


@pytest.mark.parametrize("trial_id", ["0001", None])
def test_a_trial_in_anothers_place_is_none(store, trial_id):
    write_sealed(store.trial_file("0000"), {"trial_id": trial_id, "search": ""})
    assert store.read_trial("0000") is None


def test_what_another_search_left_is_none(store, search_record):
    store.write_record(search_record())
    store.write_trial("0000", {"trial_id": "0000"})
    store.write_fold("0000", RECORD, None)
    assert store.read_trial("0000")
    assert store.read_fold("0000", 1)
    store.write_record(search_record(seed=8))
    assert store.read_trial("0000") is None
    assert store.read_fold("0000", 1) is None
    later = SearchStore(store.root.parent, store.root.name)
    assert later.read_trial("0000") is None


@pytest.mark.parametrize(
    ("record", "model", "expected"),
    [
        pytest.param(None, None, {"a": 1}, id="whole"),
        pytest.param(None, "", None, id="no-model"),
        pytest.param(None, "other", None, id="another-model"),
        pytest.param("", None, None, id="no-record"),
        pytest.param('{"parameters": {"a": 2}}', None, None, id="another-record"),
    ],
)
def test_refit_counts_only_with_its_whole_model(store, record, model, expected):
    store.write_refit(REFIT, lambda path: path.write_text("model"))
    for path, content in ((store.refit_file, record), (store.model_file, model)):
        if content == "":
            path.unlink()
        elif content is not None:
            path.write_text(content)
    found = store.read_refit()
    assert (None if found is None else found.parameters) == expected


def test_a_refit_that_is_cut_short_leaves_no_record_of_the_former_one(store):
    store.write_refit(REFIT, lambda path: path.write_text("model"))
    with pytest.raises(ZeroDivisionError):
        store.write_refit(dataclasses.replace(REFIT, seed=2), lambda _: 1 / 0)
    assert store.read_refit() is None


def test_weights_are_checked_against_their_record(store, raises):
    store.write_fold("0000", RECORD, lambda path: path.write_bytes(b"weights"))
    path = store.weights("0000", 1)
    assert store.check_weights("0000", 1) == path
    path.write_bytes(b"Weights")
    with raises(DamageError, str(path), "a damaged file"):
        store.check_weights("0000", 1)
    path.unlink()
    with raises(DamageError, str(path), "no such file"):
        store.check_weights("0000", 1)


LINKED = {
    "trial": lambda store: store.write_trial("0000", {"trial_id": "0000"}),
    "fold": lambda store: store.write_fold("0000", RECORD, None),
    "weights": lambda store: store.write_fold("0000", RECORD, lambda p: p.write_bytes(b"w")),
    "predictions": lambda store: write_predictions(store, "0000", 0, np.arange(1), [0], [0]),
    "own weights": lambda store: store.write(store.weights("0000", 0), lambda p: p.touch()),
    "refit": lambda store: store.write_refit(REFIT, lambda p: p.write_bytes(b"m")),
    "another refit": lambda s: s.write_refit(REFIT, lambda p: p.write_bytes(b"m"), "0000"),
}


@pytest.mark.parametrize("write", LINKED.values(), ids=LINKED)
def test_nothing_is_written_behind_a_link(store, raises, tmp_path, write):
    outside = tmp_path / "outside"
    write_text(outside / "mine.txt", "mine")
    store.prepare()
    store.trial_dir("0000").symlink_to(outside)
    (store.root / "best").symlink_to(outside)
    (store.root / "refits").symlink_to(outside)
    with raises(StoreError, str(store.root), "a link"):
        write(store)
    assert [*outside.iterdir()] == [outside / "mine.txt"]


@pytest.mark.parametrize("name", ["search.json", "oracle.json", "trial_0000/fold_1.json"])
def test_a_file_that_is_a_link_is_replaced_and_what_it_leads_to_is_left(
    store, tmp_path, search_record, name
):
    outside = tmp_path / "outside.json"
    write_text(outside, "mine")
    path = store.root / name
    path.parent.mkdir(parents=True)
    path.symlink_to(outside)
    {
        "search.json": lambda: store.write_record(search_record()),
        "oracle.json": lambda: store.write_entry(store.oracle_file, {}),
        "trial_0000/fold_1.json": lambda: store.write_fold("0000", RECORD, None),
    }[name]()
    assert (path.is_symlink(), outside.read_text()) == (False, "mine")


def test_records_behind_a_link_are_not_read(store, tmp_path):
    store.write_fold("0000", RECORD, lambda path: path.write_bytes(b"w"))
    store.write_trial("0000", {"trial_id": "0000"})
    assert store.has_weights("0000", store.read_fold("0000", 1))
    record = store.read_fold("0000", 1)
    store.trial_dir("0000").rename(tmp_path / "moved")
    store.trial_dir("0000").symlink_to(tmp_path / "moved")
    assert (store.read_fold("0000", 1), store.read_trial("0000")) == (None, None)
    assert not store.has_weights("0000", record)


def test_all_records_of_a_trial_are_read_whichever_is_missing(store):
    for split in (0, 2, 11):
        store.write_fold("0000", dataclasses.replace(RECORD, split=split), None)
    for name in ("fold_01.json", "fold_x.json", "fold_2.weights.h5"):
        write_text(store.trial_dir("0000") / name, "")
    assert store.fold_numbers("0000") == [0, 2, 11]
    assert [record.split for record in store.read_folds("0000")] == [0, 2, 11]


def test_weights_behind_a_link_are_not_deleted(store, tmp_path):
    outside = tmp_path / "outside"
    write_text(outside / "fold_0.weights.h5", "mine")
    store.prepare()
    store.trial_dir("0000").symlink_to(outside)
    store.drop_weights("0000")
    store.discard("0000")
    assert (outside / "fold_0.weights.h5").read_text() == "mine"


def test_files_are_where_the_design_says(store):
    paths = [store.oracle_file, store.tuner_file, store.model_file, store.weights("0000", 2)]
    assert [path.relative_to(store.root).as_posix() for path in paths] == [
        "oracle.json",
        "tuner0.json",
        "best/model.keras",
        "trial_0000/fold_2.weights.h5",
    ]
    store.write_fold("0000", RECORD, None)
    written = json.loads((store.root / "trial_0000" / "fold_1.json").read_text())
    assert {*written} == {
        *("split", "parameters", "seed", "scores", "epochs", "seconds", "engine"),
        *("size", "steps", "weights", "search", "model", "versions", "checksum"),
    }


def test_records_from_before_weights_and_steps_were_counted_are_read(store):
    later = ("size", "steps", "model", "versions")
    old = {name: value for name, value in RECORD.to_json().items() if name not in later}
    write_sealed(store.trial_dir("0000") / "fold_1.json", old)
    assert store.read_fold("0000", 1) == RECORD


def _fail(*_):
    raise OSError(28, "No space left on device")

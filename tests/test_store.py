"""Files appear whole or not at all, and no foreign file is taken for ours or deleted."""

import dataclasses
import json
import os

import pytest

from kt_grid.errors import MismatchError, StoreError
from kt_grid.store import (
    FoldRecord,
    SearchStore,
    _checksum,
    read_json,
    write_file,
    write_json,
    write_text,
)

RECORD = FoldRecord(1, {"units": 5}, 42, {"val_accuracy": 0.5}, 10, 0.25, "keras")


@pytest.fixture
def store(tmp_path):
    return SearchStore(tmp_path, "search")


@pytest.fixture
def old(tmp_path):
    """A file that a failing writer must leave alone."""
    path = tmp_path / "file.json"
    path.write_text("old")
    return path


def test_write_file_makes_folders_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a" / "b" / "model.keras"
    write_file(path, lambda beside: beside.write_bytes(beside.suffix.encode()))
    assert path.read_bytes() == b".keras"
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_writer_leaves_the_old_file(old):
    def write(beside):
        beside.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_file(old, write)
    assert old.read_text() == "old"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file(old, monkeypatch, raises, call):
    monkeypatch.setattr(os, call, _fail)
    monkeypatch.setattr(type(old), call, _fail, raising=False)
    with raises(StoreError, str(old), "No space left"):
        write_text(old, "new")
    assert old.read_text() == "old"


def test_the_content_is_on_disk_before_the_name(old, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(old.read_text()))
    write_text(old, "new")
    assert [*seen, old.read_text()] == ["old", "new"]


def test_a_crash_between_write_and_rename_can_be_repeated(old):
    (old.parent / f"writing.{old.name}").write_text("half of a longer text")
    write_text(old, "new")
    assert old.read_text() == "new"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"ä": [1, 0.1, None, True, "x"]}, id="nested"),
        pytest.param(0.1 + 0.2, id="float-to-the-last-bit"),
    ],
)
def test_json_comes_back(old, value):
    write_json(old, value)
    assert read_json(old) == value


def test_json_that_is_no_json_is_not_written(old):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(old, float("nan"))
    assert old.read_text() == "old"


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), b"{", pytest.param(b'"\xff"', id="no-utf-8")]
)
def test_damaged_json_reads_as_none(old, content):
    old.write_bytes(content)
    assert read_json(old) is None
    assert read_json(old.parent) is None
    assert read_json(old.parent / "missing.json") is None


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
    assert store.read_fold("0000", 1) == RECORD


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
        pytest.param("a" * 201, id="long"),
    ],
)
def test_names_that_leave_the_directory_are_refused(tmp_path, raises, name):
    with raises(StoreError, repr(name)):
        SearchStore(tmp_path, name)


@pytest.mark.parametrize("name", ["neurons", "my search", ".hidden", "ä", "a" * 200])
def test_plain_names_are_folders_of_the_directory(tmp_path, name):
    assert SearchStore(tmp_path, name).root == tmp_path / name


@pytest.mark.parametrize("file", ["search.json", "oracle.json"])
def test_clear_removes_a_search(store, file):
    write_text(store.root / file, "{}")
    store.write_trial("0000", {})
    store.clear()
    assert not store.root.exists()
    assert store.root.parent.exists()


def test_clear_without_a_search(store):
    store.clear()
    store.prepare()
    store.clear()
    assert not store.root.exists()


def test_clear_refuses_a_foreign_folder(store, raises):
    write_text(store.root / "thesis.txt", "years of work")
    with raises(StoreError, str(store.root), "other files"):
        store.clear()
    assert (store.root / "thesis.txt").read_text() == "years of work"


@pytest.mark.parametrize("action", ["clear", "prepare"])
def test_a_file_in_the_folders_place_is_left_alone(store, raises, action):
    store.root.write_text("mine")
    with raises(StoreError, str(store.root)):
        getattr(store, action)()
    assert store.root.read_text() == "mine"


def test_identity_comes_back(store):
    assert (store.exists(), store.read_identity()) == (False, None)
    store.write_identity({"seed": 7})
    assert (store.exists(), store.read_identity()) == (True, {"format": 1, "seed": 7})


def test_identity_is_written_only_when_it_changes(store, monkeypatch):
    store.write_identity({"seed": 7})
    monkeypatch.setattr(os, "fsync", _fail)
    store.write_identity({"seed": 7})
    with pytest.raises(StoreError):
        store.write_identity({"seed": 8})
    assert store.read_identity()["seed"] == 7


@pytest.mark.parametrize(
    "content",
    ["", "{", "[]", "{}", '{"format": 2}', pytest.param('{"format": "1"}', id="format-as-text")],
)
def test_identity_of_another_format_is_refused(store, raises, content):
    write_text(store.root / "search.json", content)
    with raises(StoreError, "search.json", "--overwrite"):
        store.read_identity()


@pytest.mark.parametrize(
    ("wanted", "words"),
    [
        pytest.param({"rows": 5, "seed": 8}, ["another rows, 4 there, 5 asked"], id="first"),
        pytest.param({"rows": 4, "seed": 8}, ["another seed, 7 there, 8 asked"], id="second"),
        pytest.param({"engine": "keras"}, ['engine, null there, "keras" asked'], id="missing"),
        pytest.param({"fit": {"x": "y" * 99}}, ["{}", "yyy... asked"], id="long"),
    ],
)
def test_check_identity_names_the_first_difference(store, raises, wanted, words):
    store.write_identity({"rows": 4, "seed": 7, "fit": {}})
    with raises(MismatchError, str(store.root), "--directory", "--overwrite", *words):
        store.check_identity(wanted)


def test_check_identity_accepts_what_agrees(store):
    assert store.check_identity({"seed": 7}) is None
    store.write_identity({"seed": 7, "grid": [1]})
    assert store.check_identity({"seed": 7}) is None


def test_trials_come_in_the_order_of_their_ids(store):
    ids = ["0000", "0002", "0010", "9999", "10000"]
    for trial_id in reversed(ids):
        store.write_trial(trial_id, {"trial_id": trial_id})
    assert [*store.read_trials()] == [(trial_id, {"trial_id": trial_id}) for trial_id in ids]


@pytest.mark.parametrize("content", ["", "{", "[]", '{"trial_id": "0001"}'])
def test_trials_that_cannot_be_read_are_left_out(store, content):
    write_text(store.trial_dir("0000") / "trial.json", content)
    assert [*store.read_trials()] == []


@pytest.mark.parametrize(
    ("record", "model", "expected"),
    [
        pytest.param('{"parameters": {"a": 1}}', True, {"a": 1}, id="whole"),
        pytest.param('{"parameters": {"a": 1}}', False, None, id="no-model"),
        pytest.param(None, True, None, id="no-record"),
        pytest.param("[", True, None, id="damaged-record"),
    ],
)
def test_refit_parameters(store, record, model, expected):
    if record is not None:
        write_text(store.refit_file, record)
    if model:
        write_text(store.model_file, "")
    assert store.refit_parameters() == expected


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
        *("split", "parameters", "seed", "scores", "epochs", "seconds", "engine", "checksum"),
        *("weights", "steps"),
    }


def test_records_from_before_weights_and_steps_were_counted_are_read(store):
    entry = dataclasses.asdict(RECORD)
    old = {name: value for name, value in entry.items() if name not in ("weights", "steps")}
    write_json(store.trial_dir("0000") / "fold_1.json", {**old, "checksum": _checksum(old)})
    assert store.read_fold("0000", 1) == RECORD


def _fail(*_):
    raise OSError(28, "No space left on device")

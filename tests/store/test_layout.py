"""Nothing but a search's own files is ever deleted."""

import os

import pytest

from kt_grid.errors import StoreError
from kt_grid.store.directory import FoldRecord, SearchStore
from kt_grid.store.files import write_text
from kt_grid.store.layout import remove


@pytest.fixture
def store(tmp_path):
    return SearchStore(tmp_path / "runs", "search")


@pytest.fixture
def search(store):
    """A search with one file of each kind, and what an interruption left of some."""
    record = FoldRecord(0, {}, 1, {}, 1, 1.0, "keras")
    store.write_identity({"seed": 7})
    store.write_trial("0000", {"trial_id": "0000"})
    store.write_fold("0000", record, lambda path: path.write_bytes(b"w"))
    store.write_refit({}, lambda path: path.write_bytes(b"m"))
    store.trial_dir("0001").mkdir()
    for name in ("oracle.json", "tuner0.json", "writing.oracle.json", "lock", "lock.json"):
        write_text(store.root / name, "{}")
    write_text(store.trial_dir("0000") / "writing.fold_1.weights.h5", "")
    write_text(store.root / "best" / "writing.model.keras", "")
    return store


def files(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def test_a_search_is_removed_but_for_its_lock(search):
    search.clear(print)
    assert files(search.root) == ["lock"]
    search.clear(print)
    assert files(search.root) == ["lock"]


FOREIGN = (
    "thesis.txt",
    "trial_0000/notes.txt",
    "trial_0000/checkpoint.weights.h5",
    "trial_0000/plots/loss.png",
    "best/better.keras",
    "trial_my notes/trial.json",
    "search.json.bak",
    "writing.thesis.txt",
)


@pytest.mark.parametrize("name", FOREIGN)
def test_nothing_is_deleted_where_there_is_a_foreign_file(search, raises, name):
    write_text(search.root / name, "years of work")
    before = files(search.root)
    with raises(StoreError, str(search.root), "other files", name.partition("/")[0]):
        search.clear(print)
    assert files(search.root) == before


@pytest.mark.parametrize("place", ["trial_0000", "trial_0009", "best", "search.json"])
def test_links_are_not_followed(search, raises, tmp_path, place):
    outside = tmp_path / "outside"
    write_text(outside / "trial.json", "mine")
    path = search.root / place
    if path.is_dir():
        path.rename(tmp_path / "moved")
    path.unlink(missing_ok=True)
    path.symlink_to(outside)
    with raises(StoreError, "other files", place):
        search.clear(print)
    assert (outside / "trial.json").read_text() == "mine"


def test_a_removal_that_is_cut_short_leaves_no_search(search, monkeypatch):
    """Wherever it is killed, search.json goes first and the rest can be removed later."""
    real, left = os.unlink, [0]

    def unlink(path, *args, **kwargs):
        if left[0] == 0:
            raise KeyboardInterrupt
        left[0] -= 1
        real(path, *args, **kwargs)

    monkeypatch.setattr(os, "unlink", unlink)
    for number in range(1, 20):
        left[0] = 1
        try:
            remove(search.root)
        except KeyboardInterrupt:
            assert not search.exists(), number
        else:
            break
    assert number > 9
    assert files(search.root) == ["lock"]

"""Nothing but a search's own files is ever deleted."""

import os

import pytest

from kt_grid.errors import StoreError
from kt_grid.store.directory import SearchStore
from kt_grid.store.files import write_sealed, write_text
from kt_grid.store.layout import remove
from kt_grid.store.records import FoldRecord, RefitRecord


@pytest.fixture
def store(tmp_path):
    return SearchStore(tmp_path / "runs", "search")


@pytest.fixture
def search(store, search_record):
    """A search with one file of each kind, and what an interruption left of some."""
    record = FoldRecord(0, {}, 1, {}, 1, 1.0, "keras")
    store.write_record(search_record())
    store.write_trial("0000", {"trial_id": "0000"})
    store.write_fold("0000", record, lambda path: path.write_bytes(b"w"))
    refit = RefitRecord("0000", {}, 1, search_record().identity)
    store.write_refit(refit, lambda path: path.write_bytes(b"m"))
    other = RefitRecord("0001", {}, 1, search_record().identity)
    store.write_refit(other, lambda path: path.write_bytes(b"o"), "0001")
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
    "refits/notes.txt",
    "refits/search.json",
    "refits/best/model.keras",
    "refits/trial_0001/better.keras",
    "refits/trial_0002/trial.json",
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


OTHERS = {
    "text": lambda path: write_text(path, "years of work"),
    "JSON": lambda path: write_text(path, '{"loss": 0.5}'),
    "a list": lambda path: write_text(path, "[1, 2]"),
    "another search": lambda path: write_sealed(path, {"search": "of somebody else"}),
    "a search of another type": lambda path: write_sealed(path, {"search": [{"name": "n"}]}),
}


@pytest.mark.parametrize("name", ["trial_2024/fold_1.json", "trial_2024/trial.json"])
@pytest.mark.parametrize("write", OTHERS.values(), ids=OTHERS)
def test_a_record_that_is_not_the_searchs_is_foreign_whatever_its_name(search, raises, name, write):
    write(search.root / name)
    before = files(search.root)
    with raises(StoreError, str(search.root), "other files", name):
        search.clear(print)
    assert files(search.root) == before


@pytest.mark.parametrize("write", [OTHERS[n] for n in OTHERS if n != "text"])
def test_a_foreign_record_beside_the_searchs_own_is_foreign(search, raises, write):
    write(search.trial_dir("0000") / "fold_7.json")
    with raises(StoreError, "other files", "fold_7.json"):
        search.clear(print)


CUT_SHORT = {
    "a damaged record": lambda root: (root / "trial_0000" / "fold_0.json").write_text("{"),
    "an altered record": lambda root: (root / "trial_0000" / "fold_0.json").write_text(
        '{"checksum": "x"}'
    ),
    "weights alone": lambda root: [p.unlink() for p in (root / "trial_0000").glob("*.json")],
    "a model alone": lambda root: (root / "best" / "refit.json").unlink(),
    "a damaged search.json": lambda root: (root / "search.json").write_text("{"),
}


@pytest.mark.parametrize("spoil", CUT_SHORT.values(), ids=CUT_SHORT)
def test_a_search_that_is_not_whole_is_removed_all_the_same(search, spoil):
    for name in ("oracle.json", "tuner0.json"):
        write_sealed(search.root / name, {})
    spoil(search.root)
    search.clear(print)
    assert files(search.root) == ["lock"]


@pytest.mark.parametrize("name", ["best/model.keras", "oracle.json", "trial_0/trial.json"])
def test_without_a_search_nothing_is_removed(store, raises, name):
    write_text(store.root / name, "mine")
    with raises(StoreError, "other files", name):
        store.clear(print)
    assert (store.root / name).read_text() == "mine"


LINKED = ["trial_0000", "trial_0009", "best", "search.json", "refits", "refits/trial_0001"]


@pytest.mark.parametrize("place", LINKED)
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


def test_a_search_may_be_called_refits(tmp_path, search_record):
    store = SearchStore(tmp_path, "refits")
    store.write_record(search_record())
    store.write_fold("0000", FoldRecord(0, {}, 1, {}, 1, 1.0, "keras"), None)
    store.clear(print)
    assert files(tmp_path) == ["refits", "refits/lock"]


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

"""The weights that a search began with are read only if they are whole and its own."""

from dataclasses import replace

import h5py
import numpy as np
import pytest

from kt_grid.store.directory import SearchStore
from kt_grid.store.files import file_digest
from kt_grid.store.layout import SHARED
from kt_grid.store.shared import FIRST, read_first_weights, write_first_weights

WEIGHTS = {"a.py: BASE 0 _kernel": np.ones((2, 3), np.float32), "a.py: B 1": np.arange(2)}


@pytest.fixture
def store(tmp_path, search_record):
    made = SearchStore(tmp_path, "search")
    made.prepare()

    def claim():
        tree = {"nodes": [], "root": None}
        builds = write_first_weights(made, WEIGHTS, {"tree": tree, FIRST: "old"})
        made.write_record(replace(search_record(), builds=builds))

    claim()
    made.claim_again = claim
    return made


def test_weights_are_read_as_they_were_written(store):
    found = read_first_weights(store)
    assert {place: value.tolist() for place, value in found.items()} == {
        place: value.tolist() for place, value in WEIGHTS.items()
    }
    assert found["a.py: B 1"].dtype == WEIGHTS["a.py: B 1"].dtype


def test_they_are_written_once(store):
    before = (store.root / SHARED).stat().st_mtime_ns
    store.claim_again()
    assert (store.root / SHARED).stat().st_mtime_ns == before


def test_where_there_are_none_nothing_is_written(tmp_path):
    store = SearchStore(tmp_path, "none")
    assert write_first_weights(store, {}, {"tree": 1, FIRST: "old"}) == {"tree": 1}
    assert read_first_weights(store) == {}
    assert not store.root.exists()


def other(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=[1.0]).attrs["place"] = "a.py: B 1"


def linked(path):
    with h5py.File(path.with_name("elsewhere.h5"), "w") as file:
        file.create_dataset("x", data=[1.0]).attrs["place"] = "a.py: B 1"
    with h5py.File(path, "w") as file:
        file["x"] = h5py.ExternalLink("elsewhere.h5", "x")


def vast(path):
    with h5py.File(path, "w") as file:
        made = file.create_dataset("x", (10**6, 10**6, 10**3), "f4", chunks=(10, 10, 10))
        made.attrs["place"] = "a.py: B 1"


def words(path):
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data="word").attrs["place"] = "a.py: B 1"


@pytest.mark.parametrize("spoil", [linked, vast, words])
def test_what_cannot_be_weights_is_not_read(store, spoil):
    path = store.root / SHARED
    spoil(path)
    record = store.peek_record()
    store.write_record(replace(record, builds={**record.builds, FIRST: file_digest(path)}))
    assert read_first_weights(store) == {}


@pytest.mark.parametrize(
    "spoil", [other, lambda path: path.unlink(), lambda path: path.write_bytes(b"")]
)
def test_another_file_is_not_the_searchs(store, spoil):
    spoil(store.root / SHARED)
    assert read_first_weights(store) == {}


def test_it_belongs_to_the_search_and_is_deleted_with_it(store):
    store.clear(print)
    assert not (store.root / SHARED).exists()

"""A report follows searches until they end."""

import pytest

import kt_grid.cli.live
from kt_grid.cli.live import watch
from kt_grid.store.results import read_results

DONE = [0.5, 0.5, 0.5]


@pytest.mark.parametrize(
    ("running", "finished", "shown"),
    [
        pytest.param([True] * 3, [0, 1, 2], [0, 1, 2], id="until all trials are finished"),
        pytest.param([True, False], [0, 1], [0, 1], id="until it is interrupted"),
        pytest.param([True], [2], [2], id="complete at first, and refitting"),
        pytest.param([False], [1], [1], id="not running at all"),
    ],
)
def test_results_are_shown_until_a_search_ends(make_search, monkeypatch, running, finished, shown):
    states, counts, waited = iter(running), [], []
    monkeypatch.setattr(kt_grid.cli.live, "is_running", lambda _: next(states))
    store = make_search({"units": [1, 2]}, [])

    def show():
        make_search({"units": [1, 2]}, [DONE] * finished[len(counts)])
        results = read_results(store)
        counts.append(results.finished)
        return [results]

    (last,) = watch([store], show, waited.append)
    assert counts == shown
    assert last.finished == shown[-1]
    assert len(waited) == len(shown) - 1
    assert all(seconds >= 2 for seconds in waited)


def test_several_are_followed_until_none_runs(make_search, monkeypatch):
    stores = [make_search({"units": [1, 2]}, [DONE], name=name) for name in "ab"]
    states = iter([True, False, False, True, False, False])
    monkeypatch.setattr(kt_grid.cli.live, "is_running", lambda _: next(states))
    times = []
    watch(stores, lambda: times.append(1) or [read_results(store) for store in stores], print)
    assert len(times) == 3

"""How a Dask cluster is met, used and lost; `test_parallel` has a real one."""

import os
import sys
import time
from concurrent.futures import CancelledError, Future, ThreadPoolExecutor
from types import SimpleNamespace

import cloudpickle
import pytest

from kt_grid.errors import UsageError, WorkerDiedError, WorkerError
from kt_grid.workers import dask_cluster as cluster
from kt_grid.workers.dask_cluster import DaskCluster
from kt_grid.workers.loop import Shared

ADDRESS = "tcp://host:8786"
SHARED = Shared(b"abc", len)


def ignore(_):
    pass


class KilledWorker(Exception):  # noqa: N818 - Dask's own name
    pass


class Client:
    """A scheduler with two workers; calls are kept until the test answers them."""

    threads = {"a": 2, "b": 1}  # noqa: RUF012 - replaced, not changed

    def __init__(self, address, timeout, set_as_default):
        self.status, self.calls, self.scattered, self.ran = "running", [], 0, []
        self.now, self.given = dict(self.threads), {}

    def nthreads(self):
        if self.status != "running":
            raise OSError
        return self.now

    def get_executor(self, pure):
        assert not pure
        return SimpleNamespace(submit=self._submit, shutdown=lambda **_: None)

    def _submit(self, *call):
        self.calls.append((call, Future()))
        return self.calls[-1][1]

    def scatter(self, parcel, broadcast):
        if self.status != "running":
            raise RuntimeError
        self.scattered += 1
        return SimpleNamespace(parcel=parcel, status="finished")

    def run(self, *call, on_error):
        self.ran.append(call)
        return self.given

    def close(self):
        self.status = "closed"


@pytest.fixture
def dask(monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", SimpleNamespace(Client=Client))


@pytest.fixture
def met(dask):
    return DaskCluster(ADDRESS, SHARED, environment={"A": "1"}, timeout=3)


def test_without_distributed_its_installation_is_the_mend(monkeypatch, raises):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with raises(UsageError, "distributed", "kt-grid[cluster]"):
        DaskCluster(ADDRESS, SHARED)


def test_a_scheduler_without_workers_is_an_error(dask, monkeypatch, raises):
    monkeypatch.setattr(Client, "threads", {})
    with raises(WorkerError, ADDRESS, "dask worker"):
        DaskCluster(ADDRESS, SHARED)


def test_places_follow_the_workers_that_come_and_go(met):
    assert met.slots == 6
    met._client.now = {"a": 2, "b": 1, "c": 4}
    met.check()
    assert met.slots == 14
    met._client.status = "connecting"
    met.check()
    assert met.slots == 14


def test_the_context_is_sent_once_unless_it_was_lost(met):
    for _ in range(2):
        met.stream(ignore, len)
    assert met._client.scattered == 1
    met._sent.status = "lost"
    met.stream(ignore, len, 1)
    assert met._client.scattered == 2
    (call, parcel, number, fn, args), _ = met._client.calls[-1]
    assert (call, number, fn, args) == (cluster._call, 2, len, (1,))
    sent = parcel.parcel
    assert (sent.shared, sent.environment, sent.timeout) == (SHARED, {"A": "1"}, 3)


def test_what_a_call_gives_is_passed_on(met):
    items = []
    given = [met.stream(items.append, len) for _ in range(5)]
    good, bad, killed, lost, late = (future for _, future in met._client.calls)
    given[0].add_done_callback(lambda _: items.append("end"))
    good.set_result(cluster._End(["a", "b"], 5))
    late.set_result(cluster._End(["c"], None, WorkerDiedError("Expected life. Received: death")))
    bad.set_exception(ValueError("unlucky"))
    killed.set_exception(KilledWorker("thrice"))
    lost.cancel()
    lost.set_running_or_notify_cancel()
    assert given[0].result() == 5
    with pytest.raises(WorkerDiedError, match="death"):
        given[4].result()
    assert items == ["a", "b", "end", "c"]
    with pytest.raises(ValueError, match="unlucky"):
        given[1].result()
    with pytest.raises(WorkerDiedError, match="stay alive"):
        given[2].result()
    with pytest.raises(CancelledError):
        given[3].result()


def test_a_call_that_ends_while_results_are_collected_holds_up_nothing(met):
    """Dask tells of ended calls, and brings results, by one and the same thread."""
    items = []
    given = met.stream(items.append, len)
    ((_, inner),) = met._client.calls
    ended = cluster._End(["last"], 5)

    dasks_own = ThreadPoolExecutor(1)

    def run(*call, on_error):
        dasks_own.submit(inner.set_result, ended).result(timeout=5)
        return dasks_own.submit(lambda: {"a": [(0, "first")]}).result(timeout=5)

    met._client.run = run
    met.check()
    assert given.result(timeout=10) == 5
    assert items == ["first", "last"]
    dasks_own.shutdown()


def test_a_lost_scheduler_is_told(met, raises):
    met._client.close()
    for ask in (met.check, lambda: met.stream(ignore, len)):
        with raises(WorkerError, ADDRESS, "on disk"):
            ask()


def test_leaving_ends_the_processes_of_this_search(met):
    met.stream(ignore, len)
    key = met._client.calls[0][0][1].parcel.key
    met.shutdown()
    assert met._client.ran[-1] == (cluster._close, key)
    assert met._client.status == "closed"
    met.shutdown()


def test_what_calls_give_is_collected_at_every_check(met):
    one, other = [], []
    first = met.stream(one.append, len)
    met.stream(other.append, len)
    met._client.given = {"a": [(0, "x"), (1, "y")], "b": [(0, "z"), (7, "of another run")]}
    met.check()
    assert (one, other) == (["x", "z"], ["y"])
    met._client.calls[0][1].set_result(cluster._End(["end"], 3))
    assert (first.result(), one) == (3, ["x", "z", "end"])


def tell_pid(_):
    yield os.getpid()


def wait_for(_, path):
    yield "before"
    while not path.exists():
        time.sleep(0.01)
    yield "after"
    raise ValueError


@pytest.fixture
def parcels():
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    made = [cluster._Parcel(key, SHARED, {}, None) for key in ("one", "other")]
    yield made
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    for parcel in made:
        cluster._close(parcel.key)
    assert cluster._open == {}


def test_a_dask_worker_lets_a_process_train_and_ends_it_for_the_next_search(parcels):
    pids = []
    for parcel in parcels:
        assert cluster._call(parcel, 0, pow, (2,)) == cluster._End([], 9)
        pids += [cluster._call(parcel, number, tell_pid, ()).items[0] for number in (1, 2)]
        assert [*cluster._open] == [parcel.key]
    assert pids[0] == pids[1] != pids[2] == pids[3]
    assert os.getpid() not in pids


def test_what_a_call_gives_is_there_before_it_ends(parcels, tmp_path):
    with ThreadPoolExecutor(1) as thread:
        call = thread.submit(cluster._call, parcels[0], 7, wait_for, (tmp_path / "go",))
        while not (collected := cluster._collect("one")):
            time.sleep(0.01)
        (tmp_path / "go").touch()
        ended = call.result()
    assert collected == [(7, "before")]
    assert (ended.items, ended.answer) == (["after"], None)
    assert "ValueError" in str(ended.error)
    assert cluster._collect("one") == cluster._collect("nobody") == []

"""Trainings on a Dask cluster, through distributed's own executor.

A Dask worker lets a process of its own do the training. In the worker itself, threads that talk
to the scheduler draw from Python's global random numbers, and Keras's initial weights with them
would be others every time.
"""

import contextlib
import itertools
import logging
import queue
import threading
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from kt_grid.errors import UsageError, WorkerDiedError, WorkerError
from kt_grid.workers.local import Deliver, LocalWorkers, Workers
from kt_grid.workers.loop import Shared

_SECONDS_TO_CONNECT = 10
_CALLS_PER_THREAD = 2
_MOST_THREADS = 256
# What Dask's scheduler allows a task to kill before it gives it up, unless configured otherwise.
_DEATHS = 3


class DaskCluster(Workers):
    """Runs calls on the workers of a Dask scheduler.

    Dask runs a call again where another worker is left, if its own died.

    Args:
        address: The scheduler's, such as `tcp://host:8786`.
        shared: What every worker is given once.
        environment: Environment variables of the processes that train.
        timeout: Seconds that a call may take.

    Raises:
        UsageError: If distributed isn't installed.
        WorkerError: If there is no scheduler, or it has no workers.
    """

    def __init__(
        self,
        address: str,
        shared: Shared,
        *,
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        self._address = address
        self._parcel = _Parcel(uuid.uuid4().hex, shared, dict(environment or {}), timeout)
        self._client = self._connect()
        _silence_log()
        self._threads: int = sum(self._client.nthreads().values())
        self._executor = self._client.get_executor(pure=False)
        self._sent: Any = None
        self._numbers = itertools.count()
        self._takers: dict[int, Deliver] = {}
        # While results are on their way here, no call may end, or it would end without them. They
        # come through Dask's own thread, which tells of ended calls too: another one has to wait.
        self._collecting = threading.Lock()
        self._passing = ThreadPoolExecutor(1, thread_name_prefix="kt-grid-cluster")

    def _connect(self) -> Any:
        try:
            import distributed
        except ImportError:
            raise UsageError(
                "Expected the package distributed for a scheduler. Received: it isn't installed. "
                'Install it: pip install "kt-grid[cluster]"'
            ) from None
        try:
            client = distributed.Client(
                self._address, timeout=_SECONDS_TO_CONNECT, set_as_default=False
            )
        except (OSError, ValueError) as error:
            raise WorkerError(
                f"Expected a Dask scheduler at {self._address}. Received: {error}. "
                "Start one: dask scheduler"
            ) from error
        if not client.nthreads():
            client.close()
            raise WorkerError(
                f"Expected workers at the scheduler {self._address}. Received: none. "
                f"Start some: dask worker {self._address} --nthreads 1"
            )
        return client

    @property
    def slots(self) -> int:
        """Two calls for each thread that the cluster had when it was last checked."""
        return _CALLS_PER_THREAD * max(1, self._threads)

    def stream(
        self,
        deliver: Deliver,
        fn: Callable[..., Any],
        /,
        *args: Any,
        lane: int | None = None,  # noqa: ARG002 - Dask chooses the worker
    ) -> Future[Any]:
        """Run a generator function on one of the workers.

        Args:
            deliver: Is given what the generator yields, once a second.
            fn: A function that is found by its module and name.
            *args: Further arguments that can be pickled.
            lane: There is only one.

        Returns:
            A future. It raises what the function raised; WorkerDiedError if it took too many
            workers with it; CancelledError if the cluster lost what it needs.

        Raises:
            WorkerError: If the scheduler is lost.
        """
        self.check()
        if self._sent is None or self._sent.status != "finished":
            # The workers that had it may all have died.
            self._sent = self._scatter()
        answer: Future[Any] = Future()
        number = next(self._numbers)
        self._takers[number] = deliver
        inner = self._executor.submit(_call, self._sent, number, fn, args)
        inner.add_done_callback(
            lambda done: self._passing.submit(self._pass_on, done, number, answer)
        )
        return answer

    def _pass_on(self, done: Future[Any], number: int, answer: Future[Any]) -> None:
        """Deliver what a call gave that hasn't been collected, and then its end."""
        with self._collecting:
            deliver = self._takers.pop(number)
        if done.cancelled():
            answer.cancel()
            answer.set_running_or_notify_cancel()
            return
        error = done.exception()
        if error is None:
            ended: _End = done.result()
            for item in ended.items:
                deliver(item)
            error = ended.error
        if error is None:
            answer.set_result(ended.answer)
        elif type(error).__name__ == "KilledWorker":
            answer.set_exception(
                WorkerDiedError(f"Expected workers to stay alive. Received: {error}", _DEATHS)
            )
        else:
            answer.set_exception(error)

    def _collect(self) -> None:
        """Fetch what calls under way have given so far from the memory of the workers."""
        with self._collecting, contextlib.suppress(OSError, RuntimeError):
            found = self._client.run(_collect, self._parcel.key, on_error="ignore")
            for number, item in (one for given in found.values() for one in given):
                # A call that was run twice may still give something.
                if number in self._takers:
                    self._takers[number](item)

    def _scatter(self) -> Any:
        try:
            return self._client.scatter(self._parcel, broadcast=True)
        except (OSError, RuntimeError) as error:
            raise self._lost() from error

    def _lost(self) -> WorkerError:
        return WorkerError(
            f"Expected the scheduler {self._address} and its workers to stay. Received: they are "
            "gone. What is finished is on disk, and the same search goes on from there"
        )

    def check(self) -> None:
        """See whether the scheduler is there, what calls gave, and how many workers there are.

        Raises:
            WorkerError: If it was lost for longer than it takes to connect again.
        """
        if self._client.status == "closed":
            raise self._lost()
        # While the connection is being made anew, what was known before has to do.
        with contextlib.suppress(OSError, RuntimeError):
            self._threads = sum(self._client.nthreads().values())
        if self._takers:
            self._collect()

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """Leave the cluster; its workers stay.

        Args:
            wait: Whether calls that run are waited for.
            cancel_futures: Whether calls that haven't begun are dropped.
        """
        if self._client.status == "running":
            self._executor.shutdown(wait=wait and not cancel_futures)
            with contextlib.suppress(OSError, RuntimeError):
                self._client.run(_close, self._parcel.key, on_error="ignore")
        self._client.close()
        self._passing.shutdown()


@dataclass(frozen=True)
class _Parcel:
    """The context on its way to the workers."""

    key: str
    shared: Shared
    environment: dict[str, str]
    timeout: float | None


@dataclass(frozen=True)
class _End:
    """How a call ended.

    Attributes:
        items: What it gave, as far as nobody has collected it.
        answer: What it returned.
        error: What it raised instead.
    """

    items: list[Any]
    answer: Any = None
    error: Exception | None = None


@dataclass(frozen=True)
class _Served:
    """What a Dask worker has for a search: its processes, and what calls under way have given."""

    workers: LocalWorkers
    items: dict[int, queue.SimpleQueue[Any]] = field(default_factory=dict)


# For the search that this Dask worker works for.
_open: dict[str, _Served] = {}


def _call(parcel: _Parcel, number: int, fn: Callable[..., Any], args: tuple[Any, ...]) -> _End:
    """What a Dask worker does: it lets a process of its own do it."""
    if parcel.key not in _open:
        for key in list(_open):
            _close(key)
        workers = LocalWorkers(
            _MOST_THREADS, parcel.shared, environment=parcel.environment, timeout=parcel.timeout
        )
        _open[parcel.key] = _Served(workers)
    served = _open[parcel.key]
    items = served.items[number] = queue.SimpleQueue[Any]()
    try:
        answer, error = served.workers.stream(items.put, fn, *args).result(), None
    except Exception as raised:  # it must not come before what the call gave
        answer, error = None, raised
    served.items.pop(number)
    return _End(_empty(items), answer, error)


def _collect(key: str) -> list[tuple[int, Any]]:
    """Take what the calls of a search have given since this was asked last, with their numbers."""
    calls = list(_open[key].items.items()) if key in _open else []
    return [(number, item) for number, items in calls for item in _empty(items)]


def _empty(items: queue.SimpleQueue[Any]) -> list[Any]:
    taken = []
    with contextlib.suppress(queue.Empty):
        while True:
            taken.append(items.get_nowait())
    return taken


def _close(key: str) -> None:
    """End the processes that worked for a search."""
    served = _open.pop(key, None)
    if served is not None:
        served.workers.shutdown(wait=False)


def _silence_log() -> None:
    """The log has a traceback for every connection lost; the search's own error is enough."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)

"""Trainings on a Dask cluster, through distributed's own executor.

A Dask worker lets a process of its own do the training. In the worker itself, threads that talk
to the scheduler draw from Python's global random numbers, and Keras's initial weights with them
would be others every time.
"""

import contextlib
import logging
import uuid
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass
from typing import Any

from kt_grid.errors import UsageError, WorkerDiedError, WorkerError
from kt_grid.workers.local import LocalWorkers, Workers
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
    def places(self) -> int:
        """Two calls for each thread that the cluster had when it was last checked."""
        return _CALLS_PER_THREAD * max(1, self._threads)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn(context, *args, **kwargs)` on one of the workers.

        Args:
            fn: A function that is found by its module and name.
            *args: Further arguments that can be pickled.
            **kwargs: Likewise.

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
        inner = self._executor.submit(_call, self._sent, fn, args, kwargs)
        inner.add_done_callback(lambda done: _pass_on(done, answer))
        return answer

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
        """See whether the scheduler is there, and how many workers it has by now.

        Raises:
            WorkerError: If it was lost for longer than it takes to connect again.
        """
        if self._client.status == "closed":
            raise self._lost()
        # While the connection is being made anew, what was known before has to do.
        with contextlib.suppress(OSError, RuntimeError):
            self._threads = sum(self._client.nthreads().values())

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


@dataclass(frozen=True)
class _Parcel:
    """The context on its way to the workers."""

    key: str
    shared: Shared
    environment: dict[str, str]
    timeout: float | None


# The processes of this Dask worker, for the search that it works for.
_open: dict[str, LocalWorkers] = {}


def _call(parcel: _Parcel, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """What a Dask worker does: it lets a process of its own do it."""
    if parcel.key not in _open:
        for key in list(_open):
            _close(key)
        _open[parcel.key] = LocalWorkers(
            _MOST_THREADS, parcel.shared, environment=parcel.environment, timeout=parcel.timeout
        )
    return _open[parcel.key].submit(fn, *args, **kwargs).result()


def _close(key: str) -> None:
    """End the processes that worked for a search."""
    workers = _open.pop(key, None)
    if workers is not None:
        workers.shutdown(wait=False)


def _silence_log() -> None:
    """The log has a traceback for every connection lost; the search's own error is enough."""
    names = [name for name in logging.root.manager.loggerDict if name.startswith("distributed")]
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL)


def _pass_on(done: Future[Any], answer: Future[Any]) -> None:
    if done.cancelled():
        answer.cancel()
        answer.set_running_or_notify_cancel()
        return
    error = done.exception()
    if error is None:
        answer.set_result(done.result())
    elif type(error).__name__ == "KilledWorker":
        answer.set_exception(
            WorkerDiedError(f"Expected workers to stay alive. Received: {error}", _DEATHS)
        )
    else:
        answer.set_exception(error)

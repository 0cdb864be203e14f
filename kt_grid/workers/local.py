"""Where trainings run beside this process: worker processes on the same machine.

They are a `concurrent.futures.Executor` whose functions get a `context` as their first argument,
which reaches every worker once: the model and the rows of a search. `cluster` has another one.
"""

import contextlib
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from typing import Any

import cloudpickle

from kt_grid.errors import WorkerDiedError, WorkerError, WorkerSlowError
from kt_grid.workers.loop import Raised, Shared

# TensorFlow keeps every program that it compiled for as long as a process lives, some 8 MB each.
_CALLS_PER_PROCESS = 200
_SECONDS_TO_END = 5.0
_SERVE = "from kt_grid.workers.loop import serve; serve()"


class Workers(Executor):
    """An executor whose functions get a context as their first argument."""

    @property
    def places(self) -> int:
        """How many calls to keep under way, so that no worker waits for the next."""
        raise NotImplementedError

    def check(self) -> None:
        """See whether calls under way will ever end.

        Raises:
            WorkerError: If they won't.
        """


class LocalWorkers(Workers):
    """Processes on this machine, each a new interpreter, and renewed now and then.

    A process that dies takes nothing with it but the call that it was running, whose future
    raises. No process outlives this one, however it ends. Calls that print do so on stderr.

    Args:
        count: Number of processes. They start when they are first needed.
        shared: What every process is given once.
        environment: Environment variables of the processes, beside those of this one.
        timeout: Seconds that a call may take; a process that takes longer is killed.

    Example:
        ```python
        with LocalWorkers(2, Shared(b"3", int)) as workers:
            workers.submit(pow, 2).result()  # pow(3, 2)
        ```
    """

    def __init__(
        self,
        count: int,
        shared: Shared,
        *,
        environment: Mapping[str, str] | None = None,
        timeout: float | None = None,
    ) -> None:
        self._count = count
        self._shared = shared
        self._environment = dict(environment or {})
        self._timeout = timeout
        self._threads = ThreadPoolExecutor(count, thread_name_prefix="kt-grid-worker")
        self._idle: queue.SimpleQueue[_Process] = queue.SimpleQueue()
        self._alive: set[_Process] = set()
        self._lock = threading.Lock()
        self._closed = False

    @property
    def places(self) -> int:
        """One call more than there are processes."""
        return self._count + 1

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn(context, *args, **kwargs)` in one of the processes.

        Args:
            fn: A function.
            *args: Further arguments that can be pickled.
            **kwargs: Likewise.

        Returns:
            A future. It raises WorkerDiedError if the process ended, WorkerSlowError if it took
            too long, and WorkerError if it couldn't be started or the function raised.
        """
        return self._threads.submit(self._call, fn, args, kwargs)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes.

        Args:
            wait: Whether calls that run are waited for; else their processes are killed.
            cancel_futures: Whether calls that haven't begun are dropped.
        """
        if not wait:
            # First, or the thread of a call whose process is killed would take the next one.
            self._threads.shutdown(wait=False, cancel_futures=True)
            self._kill_all()
        self._threads.shutdown(wait=True, cancel_futures=cancel_futures or not wait)
        self._end_all()

    def _kill_all(self) -> None:
        """Kill the processes; their pipes are closed by the threads that read them."""
        with self._lock:
            self._closed = True
            for process in self._alive:
                process.kill()

    def _end_all(self) -> None:
        with self._lock:
            self._closed = True
            alive, self._alive = self._alive, set()
        for process in alive:
            process.end()

    def _call(self, fn: Callable[..., Any], args: Any, kwargs: Any) -> Any:
        process = self._take()
        try:
            answer = process.call((fn, args, kwargs), self._timeout)
        except WorkerError:
            self._drop(process)
            raise
        if process.calls >= _CALLS_PER_PROCESS:
            self._drop(process)
        else:
            self._idle.put(process)
        if isinstance(answer, Raised):
            raise WorkerError(f"Expected a worker to do its work. Received: {answer.message}")
        return answer

    def _take(self) -> "_Process":
        """A process that has nothing to do, or a new one."""
        while not self._idle.empty():
            process = self._idle.get()
            if process.is_alive():
                return process
            self._drop(process)
        with self._lock:
            if self._closed:
                raise WorkerError("Expected open workers. Received: they are shut down")
            process = _Process(self._environment)
            self._alive.add(process)
        try:
            process.prepare(self._shared)
        except WorkerError:
            self._drop(process)
            raise
        return process

    def _drop(self, process: "_Process") -> None:
        with self._lock:
            self._alive.discard(process)
        process.end()


class _Process:
    """One worker process, and the pipes to and from it."""

    def __init__(self, environment: Mapping[str, str]) -> None:
        # A new interpreter, since nothing of TensorFlow survives a fork; and not by
        # multiprocessing, which would run the user's script again. In a session of its own it
        # never sees a Ctrl-C, which is for this process to answer.
        self._process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
            [sys.executable, "-P", "-c", _SERVE],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            env={**os.environ, **environment, "PYTHONPATH": os.pathsep.join(sys.path)},
            start_new_session=True,
        )
        self.calls = 0

    def prepare(self, shared: Shared) -> None:
        """Let the process unpack the context."""
        try:
            answer = self._ask((sys.path, shared))
        except (EOFError, OSError):
            raise WorkerError(
                f"Expected a worker process to start. Received: {self._status()}. Use one worker"
            ) from None
        if isinstance(answer, Raised):
            raise WorkerError(
                f"Expected a worker process to load the model. Received: {answer.message}. "
                "Use one worker"
            )

    def call(self, call: tuple[Any, ...], timeout: float | None) -> Any:
        """Run a call and wait for its result."""
        self.calls += 1
        clock = _Clock(timeout, self._process.kill)
        try:
            with clock:
                return self._ask(call)
        except (EOFError, OSError):
            if clock.rang:
                raise WorkerSlowError(
                    f"Expected a trial to take {timeout:g} s at most. Received: no result by then"
                ) from None
            raise WorkerDiedError(
                f"Expected a worker process to stay alive. Received: {self._status()}"
            ) from None

    def _ask(self, message: tuple[Any, ...]) -> Any:
        if self._process.stdin is None or self._process.stdout is None:
            raise EOFError
        packed = cloudpickle.dumps(message)
        self._process.stdin.write(len(packed).to_bytes(8, "big"))
        self._process.stdin.write(packed)
        self._process.stdin.flush()
        return cloudpickle.load(self._process.stdout)

    def _status(self) -> str:
        """How the process ended, once its pipes are closed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        code = self._process.returncode
        if code is not None and code < 0:
            return f"it was ended by signal {signal.Signals(-code).name}"
        return f"it ended with exit code {code}"

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill the process: it has nothing that isn't here, or on disk."""
        self._process.kill()

    def end(self) -> None:
        """Kill the process and close its pipes, which nobody may be reading."""
        self.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            with contextlib.suppress(OSError):
                if pipe is not None:
                    pipe.close()


class _Clock:
    """Does something unless its block is left in time."""

    def __init__(self, seconds: float | None, action: Callable[[], None]) -> None:
        self.rang = False
        self._action = action
        self._timer = None if seconds is None else threading.Timer(seconds, self._ring)

    def _ring(self) -> None:
        self.rang = True
        self._action()

    def __enter__(self) -> None:
        if self._timer is not None:
            self._timer.daemon = True
            self._timer.start()

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

"""Where trainings run beside this process: worker processes on the same machine.

They are a `concurrent.futures.Executor` whose functions get a `context` as their first argument,
which reaches every worker once: the model and the rows of a search. `dask_cluster` has another one.
"""

import contextlib
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Executor, Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import IO, Any

import cloudpickle

from kt_grid.engines.backend import VISIBLE_GPUS
from kt_grid.errors import WorkerDiedError, WorkerError, WorkerSlowError
from kt_grid.workers.forked import Forked, can_fork
from kt_grid.workers.loop import Item, Opening, Raised, Shared

# TensorFlow keeps every program that it compiled for as long as a process lives, some 8 MB each.
_CALLS_PER_PROCESS = 200
_SECONDS_TO_END = 5.0
_STARTS = 3
# What an answer raises that its process died in the middle of.
_TruncatedError = cloudpickle.pickle.UnpicklingError
_SERVE = "from kt_grid.workers.loop import serve; serve()"


Deliver = Callable[[Any], None]


class Workers(Executor):
    """An executor whose functions get a context as their first argument.

    Calls in one lane are made one after the other where there are several lanes, each by a worker
    of its own, which finds there what earlier calls have left, such as compiled programs.
    """

    @property
    def lanes(self) -> int:
        """How many lanes there are."""
        return 1

    @property
    def slots(self) -> int:
        """How many calls to keep under way in each lane, so that no worker waits for the next."""
        raise NotImplementedError

    def stream(
        self, deliver: Deliver, fn: Callable[..., Any], /, *args: Any, lane: int | None = None
    ) -> Future[Any]:
        """Run `fn(context, *args)`, a generator function, in a worker.

        Args:
            deliver: Is given what the generator yields as soon as it comes, in some thread; all
                of it before the future is done. Where a call is made again, since its worker
                died, it is given the same once more.
            fn: The function.
            *args: Further arguments that can be pickled.
            lane: The lane's number; any by default.

        Returns:
            What the generator returns.
        """
        raise NotImplementedError

    def check(self) -> None:
        """See whether calls under way will ever end.

        Raises:
            WorkerError: If they won't.
        """


class LocalWorkers(Workers):
    """Processes on this machine, each a new interpreter, and renewed now and then.

    A process that dies takes nothing with it but the call that it was running, whose future
    raises; one that dies before that, while it starts, is replaced. No process outlives this one,
    however it ends. Calls that print do so on stderr.

    Args:
        count: Number of processes, and of lanes. They start when they are first needed.
        shared: What every process is given once.
        environment: Environment variables of the processes, beside those of this one.
        timeout: Seconds that a call may take; a process that takes longer is killed.
        devices: The GPU that each process sees, by its name in CUDA_VISIBLE_DEVICES; one after
            another, from the first again if there are more processes. None for whatever there is.

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
        devices: Sequence[str] = (),
    ) -> None:
        self._shared = shared
        self._environment = dict(environment or {})
        self._timeout = timeout
        self._lanes = [
            _Lane(devices[place % len(devices)] if devices else None) for place in range(count)
        ]
        self._alive: set[_Process] = set()
        self._lock = threading.Lock()
        self._closed = False
        self._failed_starts = 0

    @property
    def lanes(self) -> int:
        """One for each process."""
        return len(self._lanes)

    @property
    def slots(self) -> int:
        """The call that runs, and the next one."""
        return 2

    def start(self) -> None:
        """Start the processes now, beside what this one does until they are needed."""
        for lane in self._lanes:
            lane.submit(self._take, lane)

    def submit(self, fn: Callable[..., Any], /, *args: Any, **kwargs: Any) -> Future[Any]:
        """Run `fn(context, *args, **kwargs)` in the process that has least to do.

        Args:
            fn: A function.
            *args: Further arguments that can be pickled.
            **kwargs: Likewise.

        Returns:
            A future. It raises WorkerDiedError if the process ended, WorkerSlowError if it took
            too long, and WorkerError if it couldn't be started or the function raised.
        """
        return self._put(None, _ignore, (fn, args, kwargs))

    def stream(
        self, deliver: Deliver, fn: Callable[..., Any], /, *args: Any, lane: int | None = None
    ) -> Future[Any]:
        """Run a generator function in the process of a lane; its future raises as `submit`'s.

        Args:
            deliver: Is given what the generator yields.
            fn: The function.
            *args: Further arguments that can be pickled.
            lane: The lane's number; by default the one that has least to do.

        Returns:
            A future.
        """
        return self._put(lane, deliver, (fn, args, {}))

    def _put(self, number: int | None, deliver: Deliver, call: tuple[Any, ...]) -> Future[Any]:
        with self._lock:
            least = min(self._lanes, key=lambda lane: len(lane.waiting))
            lane = least if number is None else self._lanes[number]
            return lane.submit(self._call, lane, deliver, call)

    def shutdown(self, wait: bool = True, *, cancel_futures: bool = False) -> None:
        """End the processes, or leave them to the next search while `processes_kept` runs.

        Args:
            wait: Whether calls that run are waited for; else their processes are killed.
            cancel_futures: Whether calls that haven't begun are dropped.
        """
        if not wait:
            # First, or the thread of a call whose process is killed would take the next one.
            for lane in self._lanes:
                lane.thread.shutdown(wait=False, cancel_futures=True)
            self._kill_all()
        for lane in self._lanes:
            lane.thread.shutdown(wait=True, cancel_futures=cancel_futures or not wait)
        with self._lock:
            self._closed = True
            alive, self._alive = self._alive, set()
        for process in alive:
            if _kept is None or not process.is_alive():
                process.end()
            else:
                _kept.append(process)

    def _kill_all(self) -> None:
        """Kill the processes; their pipes are closed by the threads that read them."""
        with self._lock:
            self._closed = True
            for process in self._alive:
                process.kill()

    def _call(self, lane: "_Lane", deliver: Deliver, call: tuple[Any, ...]) -> Any:
        while True:
            process = self._take(lane)
            try:
                process.send(call)
                break
            except OSError:
                # It died while it had nothing to do, so the call isn't to blame.
                self._note_failed_start(process)
                self._drop(lane)
        try:
            answer = process.receive(deliver, self._timeout)
        except WorkerError:
            self._drop(lane)
            raise
        if process.calls >= _CALLS_PER_PROCESS:
            self._drop(lane)
        if isinstance(answer, Raised):
            raise WorkerError(f"Expected a worker to do its work. Received: {answer.message}")
        return answer

    def _take(self, lane: "_Lane") -> "_Process":
        """The lane's process, or a new one if it is gone."""
        if lane.process is not None and lane.process.is_alive():
            return lane.process
        while True:
            self._drop(lane)
            with self._lock:
                if self._closed:
                    raise WorkerError("Expected open workers. Received: they are shut down")
                process = lane.process = _spare_process(self._environment, lane.device)
                self._alive.add(process)
            try:
                process.open(self._shared, lane.device)
            except (EOFError, OSError):
                self._note_failed_start(process)
            except WorkerError:
                self._drop(lane)
                raise
            else:
                self._failed_starts = 0
                return process

    def _note_failed_start(self, process: "_Process") -> None:
        """Count the processes in a row that didn't live to be asked anything."""
        self._failed_starts += 1
        if self._closed or self._failed_starts >= _STARTS:
            raise WorkerError(
                f"Expected a worker process to start. Received: {process.status()}, "
                f"{self._failed_starts} times in a row. Use one worker"
            )

    def _drop(self, lane: "_Lane") -> None:
        process, lane.process = lane.process, None
        if process is not None:
            with self._lock:
                self._alive.discard(process)
            process.end()


class _Lane:
    """A process, or none yet, the GPU that it sees, and the thread that talks to it."""

    def __init__(self, device: str | None = None) -> None:
        self.device = device
        self.thread = ThreadPoolExecutor(1, thread_name_prefix="kt-grid-worker")
        self.process: _Process | None = None
        self.waiting: set[Future[Any]] = set()

    def submit(self, fn: Callable[..., Any], *args: Any) -> Future[Any]:
        """Let the thread call a function after those before it."""
        future = self.thread.submit(fn, *args)
        self.waiting.add(future)
        future.add_done_callback(self.waiting.discard)
        return future


def _ignore(_: Any) -> None:
    """Nobody asked for what a call gives before it ends."""


# The processes that wait for the next search; None where they end with theirs.
_kept: "list[_Process] | None" = None


@contextmanager
def processes_kept() -> Iterator[None]:
    """Let each search leave its processes to the next one, which needn't start others then."""
    global _kept
    _kept = []
    try:
        yield
    finally:
        kept, _kept = _kept, None
        for process in kept or ():
            process.end()


def fork_spares(count: int) -> None:
    """Copy this process, which has imported TensorFlow and not used it, for searches to come.

    A new interpreter would import it once more, which takes seconds of a core.

    Args:
        count: Number of copies; none is made where `processes_kept` doesn't run, or where the
            operating system can't copy processes.
    """
    if _kept is None or not can_fork():
        return
    for _ in range(count):
        _kept.append(_Process({}, [pipe for process in _kept for pipe in process.pipes()]))


def has_spares() -> bool:
    """Tell whether processes wait for a search."""
    return bool(_kept)


def _spare_process(environment: Mapping[str, str], device: str | None) -> "_Process":
    """A process that waits for a search, if its environment and its GPU are those wanted."""
    while _kept:
        process = _kept.pop(0)
        alike = process.environment == _whole(environment) and process.device in (None, device)
        if process.is_alive() and alike:
            return process
        process.end()
    return _Process(environment)


def _whole(environment: Mapping[str, str]) -> dict[str, str]:
    """All environment variables of a process but for where it finds modules."""
    return {name: v for name, v in {**os.environ, **environment}.items() if name != "PYTHONPATH"}


class _Process:
    """One worker process, and the pipes to and from it.

    Args:
        environment: Its environment variables, beside those of this one.
        others: Pipes to other workers, if it is to be a copy of this process.
    """

    def __init__(
        self, environment: Mapping[str, str], others: Iterable[IO[bytes]] | None = None
    ) -> None:
        self.environment = _whole(environment)
        self.device: str | None = None
        self._process: subprocess.Popen[bytes] | Forked
        if others is not None:
            self._process = Forked(others)
        else:
            # A new interpreter, since nothing that TensorFlow has begun survives a fork; and not
            # by multiprocessing, which would run the user's script again. In a session of its own
            # it never sees a Ctrl-C, which is for this process to answer.
            self._process = subprocess.Popen(  # noqa: S603 - nothing of it comes from outside
                [sys.executable, "-P", "-c", _SERVE],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**self.environment, "PYTHONPATH": os.pathsep.join(sys.path)},
                start_new_session=True,
            )
        self.calls = 0

    def open(self, shared: Shared, device: str | None) -> None:
        """Let the process unpack the context, and see one GPU only if there is one for it.

        Raises:
            EOFError: If it has ended, as OSError.
            WorkerError: If the context can't be unpacked.
        """
        self.device = device
        self.send(Opening(sys.path, shared, {} if device is None else {VISIBLE_GPUS: device}))
        answer = self._read()
        if isinstance(answer, Raised):
            raise WorkerError(
                f"Expected a worker process to load the model. Received: {answer.message}. "
                "Use one worker"
            )

    def receive(self, deliver: Deliver, timeout: float | None) -> Any:
        """Wait for the answer to a call, and deliver what comes before it."""
        self.calls += 1
        clock = _Clock(timeout, self._process.kill)
        try:
            with clock:
                while isinstance(answer := self._read(), Item):
                    deliver(answer.value)
                return answer
        except (EOFError, OSError, _TruncatedError):
            if clock.rang:
                raise WorkerSlowError(
                    f"Expected a trial to take {timeout:g} s at most. Received: no result by then"
                ) from None
            raise WorkerDiedError(
                f"Expected a worker process to stay alive. Received: {self.status()}"
            ) from None

    def send(self, message: Any) -> None:
        """Send a call or an opening; an OSError says that the process has ended."""
        if self._process.stdin is None:
            raise BrokenPipeError
        packed = cloudpickle.dumps(message)
        self._process.stdin.write(len(packed).to_bytes(8, "big"))
        self._process.stdin.write(packed)
        self._process.stdin.flush()

    def _read(self) -> Any:
        if self._process.stdout is None:
            raise EOFError
        return cloudpickle.load(self._process.stdout)

    def status(self) -> str:
        """How the process ended, once its pipes are closed."""
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_SECONDS_TO_END)
        code = self._process.returncode
        if code is not None and code < 0:
            return f"it was ended by signal {signal.Signals(-code).name}"
        return f"it ended with exit code {code}"

    def pipes(self) -> list[IO[bytes]]:
        return [pipe for pipe in (self._process.stdin, self._process.stdout) if pipe is not None]

    def is_alive(self) -> bool:
        return self._process.poll() is None

    def kill(self) -> None:
        """Kill the process: it has nothing that isn't here, or on disk."""
        self._process.kill()

    def end(self) -> None:
        """Kill the process and close its pipes, which nobody may be reading."""
        self.kill()
        self._process.wait()
        for pipe in self.pipes():
            with contextlib.suppress(OSError):
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

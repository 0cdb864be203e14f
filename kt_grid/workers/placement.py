"""Where the trials of a search run: in this process, in worker processes, or on a cluster."""

import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from kt_grid.engines.backend import gpus, worker_environment
from kt_grid.errors import UsageError
from kt_grid.workers.local import LocalWorkers, Workers, has_spares
from kt_grid.workers.loop import Shared
from kt_grid.workers.resources import cores, memory

AUTO = "auto"
_KERAS_TUNERS_OWN = ("KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT")
# What TensorFlow takes with its programs, some 0.9 GB, in this process too.
_BYTES_PER_PROCESS = 2**30
# A worker that is a new interpreter imports TensorFlow, which takes some seconds.
_SECONDS_WORTH_MOVING = 60.0
_SECONDS_OF_A_START = 4.0
# The first use of TensorFlow in a copy; by `scripts/benchmark_workers.py speed neurons init`.
_SECONDS_OF_A_COPY = 0.5
# What a search must gain by other processes, to make up for errors in foreseeing it: of the
# tutorial's small grids, `kt-grid run optimizer` takes 6.0 s here and 6.4 s in two processes.
_LEAST_GAIN = 2.0
# One process builds models, compiles and trains side by side, and uses so many cores: 1.3 in
# `/usr/bin/time kt-grid run all --workers 1`, 1.4 in the grid wine48 of `scripts/workloads.py`.
_CORES_OF_ONE = 1.3
_SPARES = 16
# The first trial starts what the others use, so it says little of them unless it took longer.
_SECONDS_TO_START = 10.0
_PROGRAMS_WORTH_MOVING = 100


class Pace:
    """How long the trials of a search take, one after the other; begins when it is made."""

    def __init__(self) -> None:
        self._mark = time.monotonic()
        self._first: float | None = None
        self._others: list[float] = []
        self._steady: list[float] = []
        self._programs = 0
        self._waited = True

    def note(self, programs: int) -> None:
        """Note that a trial has ended.

        Args:
            programs: How many were compiled so far, some of them ahead of their trial.
        """
        now = time.monotonic()
        seconds, self._mark = now - self._mark, now
        waited, self._waited = self._waited, programs > self._programs
        self._programs = programs
        if self._first is None:
            self._first = seconds
            return
        self._others.append(seconds)
        if not (waited or self._waited):
            self._steady.append(seconds)

    @property
    def seconds(self) -> float:
        """What a trial is expected to take.

        That is the mean over those that waited for no program. If all of them have, it is the mean
        over all but the first, which starts what the others use; until there are two of them,
        the first one without what it may have taken to start.
        """
        if self._steady or len(self._others) > 1:
            return statistics.fmean(self._steady or self._others)
        return max(0.0, (self._first or 0.0) - _SECONDS_TO_START)


@dataclass
class Placement:
    """Decides where trials run.

    Attributes:
        workers: Number of processes, as far as there are cores; 1 for this one; "auto" for as many
            as there are cores and memory for, or GPUs, where that is expected to be faster, and
            else this one.
        scheduler: Address of a Dask scheduler, such as `tcp://host:8786`.
        timeout: Seconds that a trial may take.
        racing: Whether a trial may be given up for one before it, so that each has to wait for
            the one before.
        share_gpus: Whether there may be more workers than GPUs.

    Raises:
        UsageError: If these can't be meant.
    """

    workers: int | str = 1
    scheduler: str | None = None
    timeout: float | None = None
    racing: bool = False
    share_gpus: bool = False
    _pace: Pace = field(default_factory=Pace)
    _moved: bool = False

    def __post_init__(self) -> None:
        self.workers = _check_workers(self.workers)
        if self.timeout is not None and not self.timeout > 0:
            raise UsageError(f"Expected a trial timeout above 0 s. Received: {self.timeout:g}")
        if self.scheduler and self.workers not in (1, AUTO):
            raise UsageError(
                f"Expected workers or a scheduler. Received: both, {self.workers} workers and "
                f"{self.scheduler}. A scheduler brings workers of its own"
            )
        if self.racing and not self.begins_here:
            raise UsageError(
                "Expected one process with racing, where a trial is compared with those before "
                f"it. Received: {self.elsewhere}. Run without it"
            )

    @property
    def begins_here(self) -> bool:
        """Whether trials run in this process at first."""
        return self.workers in (1, AUTO) and not self.scheduler and self.timeout is None

    @property
    def elsewhere(self) -> str:
        """What calls for other processes, in words."""
        if self.timeout is not None:
            return f"a trial timeout of {self.timeout:g} s"
        return f"the scheduler {self.scheduler}" if self.scheduler else f"{self.workers} workers"

    def begin(self, left: int, foresee: Callable[[], float], tell: Callable[[str], object]) -> None:
        """Note that the search begins now, and decide where its trials begin.

        Args:
            left: Number of trials to run.
            foresee: Returns the processor seconds that they take, roughly.
            tell: Is told in a line what was decided, if there was something to decide.

        Raises:
            UsageError: If there are to be more workers than GPUs.
        """
        self._pace = Pace()
        self._moved = not self.begins_here
        if not self.scheduler:
            self._check_gpus()
        if isinstance(self.workers, int) and self._count(left) < min(self.workers, left):
            told = "1 worker" if self._count(left) == 1 else f"{self._count(left)} workers"
            tell(f"{told}, one for each core, as more would be slower")
        if self._moved or self.racing or self.workers != AUTO or not left:
            return
        count = self._count(left)
        if count == 1:
            return
        start = _SECONDS_OF_A_COPY if has_spares() else _SECONDS_OF_A_START
        seconds = foresee()
        self._moved = seconds * (1 / _CORES_OF_ONE - 1 / count) > start + _LEAST_GAIN
        if self._moved:
            tell(f"{count} workers ({_told_machine()})")

    def _check_gpus(self) -> None:
        """Refuse more workers than GPUs, unless that is what is wanted."""
        count, devices = self.workers, len(gpus())
        if isinstance(count, int) and 0 < devices < count and not self.share_gpus:
            raise UsageError(
                f"Expected at most {devices} workers, one for each GPU. Received: {count}, which "
                "would wait for each other's memory.",
                mend="Allow it by share_gpus=True, or hide GPUs by CUDA_VISIBLE_DEVICES",
                option="Allow it by --share-gpus, or hide GPUs by CUDA_VISIBLE_DEVICES",
            )

    @property
    def moved(self) -> bool:
        """Whether trials run in other processes by now."""
        return self._moved

    def should_move(self, left: int, programs: int) -> bool:
        """Tell whether the trials that are left had better run in worker processes.

        Args:
            left: Number of them.
            programs: How many this process has compiled, which it can't free.

        Returns:
            True, once, if there is enough left to do, and cores to do it, or too much memory is
            used.
        """
        self._pace.note(programs)
        if not self._moved and left and not self.racing:
            slow = self._count(left) > 1 and self._pace.seconds * left > _SECONDS_WORTH_MOVING
            self._moved = slow or programs >= _PROGRAMS_WORTH_MOVING
            return self._moved
        return False

    @contextmanager
    def open(self, shared: Shared, left: int) -> Iterator[Workers]:
        """Provide the workers, and end them whatever happens.

        Args:
            shared: What every worker is given once.
            left: Number of trials to run.

        Yields:
            The workers.
        """
        workers = self._make(shared, left)
        try:
            yield workers
        except BaseException:
            workers.shutdown(wait=False)
            raise
        workers.shutdown()

    def _make(self, shared: Shared, left: int) -> Workers:
        environment, timeout = worker_environment(), self.timeout
        if self.scheduler is None:
            count = self._count(left)
            workers = LocalWorkers(
                count, shared, environment=environment, timeout=timeout, devices=gpus()
            )
            workers.start()
            return workers
        from kt_grid.workers.dask_cluster import DaskCluster

        return DaskCluster(self.scheduler, shared, environment=environment, timeout=timeout)

    def _count(self, left: int) -> int:
        devices = len(gpus())
        if isinstance(self.workers, int):
            # A training uses one core, unless it is for a GPU.
            return max(1, min(self.workers, left, self.workers if devices else cores()))
        return max(1, min(_count_fitting(), left, devices or left))


def spares(workers: int | str, timeout: float | None, scheduler: str | None) -> int:
    """Return how many copies of this process a command may need, before its searches are known.

    Args:
        workers: As for `Placement`, as `timeout` and `scheduler`.
        timeout: Likewise.
        scheduler: Likewise.
    """
    if scheduler is not None:
        return 0
    if workers == AUTO and timeout is None:
        fitting = min(_count_fitting(), _SPARES)
        return fitting if fitting > 1 else 0
    count = 1 if workers == AUTO else int(_check_workers(workers))
    return min(count, cores()) if timeout is not None or count != 1 else 0


def _count_fitting() -> int:
    """How many processes there are cores and memory for."""
    bytes_ = memory()
    return cores() if bytes_ is None else max(1, min(cores(), bytes_ // _BYTES_PER_PROCESS - 1))


def _told_machine() -> str:
    """What the workers of a search have."""
    if devices := gpus():
        return f"one for each of {len(devices)} GPUs"
    bytes_ = memory()
    told = "" if bytes_ is None else f", {bytes_ / 2**30:.0f} GiB of memory"
    return f"{cores()} cores{told}"


def check_environment() -> None:
    """Refuse keras-tuner's own way to several processes, which a search of ours doesn't take.

    Its chief hands the trial of a worker that died to nobody, and its idle workers burn a core.

    Raises:
        UsageError: If one of keras-tuner's environment variables is set.
    """
    present = [name for name in _KERAS_TUNERS_OWN if name in os.environ]
    if present:
        raise UsageError(
            f"Expected no {present[0]} in the environment, which is for keras-tuner's own chief "
            f"and workers. Received: {os.environ[present[0]]!r}. Unset it, and use --workers N on "
            "one machine or --scheduler tcp://HOST:PORT for many (workers=, scheduler= in Python)"
        )


def _check_workers(workers: int | str) -> int | str:
    if workers == AUTO:
        return AUTO
    try:
        count = int(workers)
    except (TypeError, ValueError):
        count = 0
    if count < 1 or isinstance(workers, bool) or count != float(workers):
        raise UsageError(f"Expected a number of workers from 1, or {AUTO!r}. Received: {workers!r}")
    return count

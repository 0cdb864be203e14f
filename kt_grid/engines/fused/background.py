"""One thread that trains while Python does something else."""

import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

Result = TypeVar("Result")


class Background:
    """Runs one piece of work after another, and stops when its `with` block is left."""

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(max_workers=1)
        self._stop = threading.Event()

    def submit(self, work: Callable[[], Result]) -> Future[Result]:
        """Queue a piece of work.

        Args:
            work: A function without arguments. If it takes long, it asks `stopped` in between.

        Returns:
            What will hold its result.
        """
        return self._pool.submit(work)

    def stopped(self) -> bool:
        """Tell whether nobody waits for the work any more, as after Ctrl-C."""
        return self._stop.is_set()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stop.set()
        self._pool.shutdown(cancel_futures=True)

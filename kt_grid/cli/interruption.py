"""Ctrl-C, SIGTERM and SIGHUP: a command stops within seconds, whatever it is doing."""

import os
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

GRACE = 1.5
_SIGNALS = [
    getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
]
_DONE = b"\0"


class Interruption:
    """Turns the first signal into a KeyboardInterrupt, and doesn't wait for it forever.

    Python hears of a signal only between two of its own steps, and compiled code takes many
    seconds for one. So the operating system also tells a thread that waits for nothing else. It
    gives the command a moment to end in good order; after that, or at a second signal, it leaves
    at once. Nothing is lost by that, since every file of a search is whole at any time.

    Attributes:
        happened: Whether there was a signal.
    """

    def __init__(self) -> None:
        self.happened = False

    @contextmanager
    def armed(self, leave: Callable[[], object]) -> Iterator[None]:
        """Listen to signals while a `with` block runs; those that are ignored stay ignored.

        Args:
            leave: Ends the process; called from another thread.
        """
        self.happened = False
        heard, told = os.pipe()
        os.set_blocking(told, False)
        watcher = threading.Thread(
            target=self._watch, args=(heard, leave), name="kt-grid-signals", daemon=True
        )
        watcher.start()
        former = signal.set_wakeup_fd(told, warn_on_full_buffer=False)
        listened = [s for s in _SIGNALS if signal.getsignal(s) is not signal.SIG_IGN]
        handlers = {number: signal.signal(number, self._raise) for number in listened}
        try:
            yield
        finally:
            for number, handler in handlers.items():
                signal.signal(number, handler)
            signal.set_wakeup_fd(former)
            os.write(told, _DONE)
            watcher.join()
            os.close(heard)
            os.close(told)

    def _raise(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002 - signal's signature
        if not self.happened:
            self.happened = True
            raise KeyboardInterrupt

    def _watch(self, heard: int, leave: Callable[[], object]) -> None:
        """Wait for a signal, and after it for another one or the end of the grace."""
        deadline: float | None = None
        while True:
            left = None if deadline is None else max(0.0, deadline - time.monotonic())
            ready, _, _ = select.select([heard], [], [], left)
            word = os.read(heard, 1) if ready else b""
            if word == _DONE:
                return
            if deadline is not None and (not word or word[0] in _SIGNALS):
                leave()
                return
            if word and word[0] in _SIGNALS:
                deadline = time.monotonic() + GRACE

"""A worker process that is a copy of this one, made while TensorFlow is imported and not used yet.

What TensorFlow makes when it is first used, such as its threads, wouldn't survive in a copy. Until
then a copy costs some hundredths of a second, and shares its memory with this process.
"""

import os
import signal
import subprocess
import sys
import threading
import time
import warnings
from collections.abc import Iterable
from typing import IO, NoReturn

from kt_grid.workers.loop import serve

# They wait for the operating system, and hold no lock meanwhile.
OWN_THREADS = "kt-grid"
_SIGNALS = ("SIGINT", "SIGTERM", "SIGHUP")
_SECONDS_BETWEEN_LOOKS = 0.01


def can_fork() -> bool:
    """Tell whether this process can be copied.

    macOS's own libraries don't survive it, Windows can't do it, and of somebody else's thread,
    such as a debugger's, a copy would keep the locks without the thread that frees them.
    """
    main = threading.main_thread()
    ours = all(t is main or t.name.startswith(OWN_THREADS) for t in threading.enumerate())
    return sys.platform.startswith("linux") and ours


class Forked:
    """A copy of this process that answers calls; as a `subprocess.Popen` to whoever owns it.

    Args:
        others: Pipes to other workers. If the copy had them too, those wouldn't notice that this
            process has ended.

    Attributes:
        stdin: Where calls are written.
        stdout: Where answers are read.
        returncode: How it ended, as Popen says it; None until that was noticed.
    """

    def __init__(self, others: Iterable[IO[bytes]]) -> None:
        calls, to_calls = os.pipe()
        from_answers, answers = os.pipe()
        with warnings.catch_warnings():
            # Python warns of threads, which `can_fork` has looked at.
            warnings.simplefilter("ignore", DeprecationWarning)
            self._pid = os.fork()
        if self._pid == 0:
            _become_worker(calls, answers, [to_calls, from_answers, *(o.fileno() for o in others)])
        os.close(calls)
        os.close(answers)
        self.stdin = os.fdopen(to_calls, "wb")
        self.stdout = os.fdopen(from_answers, "rb")
        self.returncode: int | None = None
        self._reaping = threading.Lock()

    def poll(self) -> int | None:
        """See whether it has ended."""
        with self._reaping:
            if self.returncode is None:
                ended, status = os.waitpid(self._pid, os.WNOHANG)
                self.returncode = os.waitstatus_to_exitcode(status) if ended else None
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """Wait until it has ended.

        Args:
            timeout: Seconds to wait at most.

        Raises:
            TimeoutExpired: If it hasn't by then.
        """
        end = None if timeout is None else time.monotonic() + timeout
        while (code := self.poll()) is None:
            if end is not None and time.monotonic() > end:
                raise subprocess.TimeoutExpired(str(self._pid), timeout or 0.0)
            time.sleep(_SECONDS_BETWEEN_LOOKS)
        return code

    def kill(self) -> None:
        """Kill it, unless it has ended."""
        with self._reaping:
            if self.returncode is None:
                os.kill(self._pid, signal.SIGKILL)


def _become_worker(calls: int, answers: int, foreign: list[int]) -> NoReturn:
    """What the copy does instead of going on: it serves, and never comes back."""
    try:
        # As a new interpreter would: it never sees a Ctrl-C, and nothing of the parent's is armed.
        os.setsid()
        signal.set_wakeup_fd(-1)
        for name in _SIGNALS:
            signal.signal(getattr(signal, name), signal.SIG_DFL)
        for descriptor in foreign:
            os.close(descriptor)
        os.dup2(calls, 0)
        os.dup2(answers, 1)
        os.close(calls)
        os.close(answers)
        sys.stdin = os.fdopen(0, "r", closefd=False)
        serve()
    finally:
        os._exit(1)

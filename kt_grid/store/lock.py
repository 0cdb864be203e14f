"""The lock of one search: a second run in the same directory is refused, and told who holds it.

The operating system lets go of it when its process dies, however that comes about.
"""

import errno
import functools
import os
import platform
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from kt_grid.errors import LockedError, StoreError
from kt_grid.store.files import faults, read_json, write_json

if TYPE_CHECKING:
    import filelock

LOCK = "lock"
HOLDER = "lock.json"
_UNSUPPORTED = {errno.ENOSYS, errno.ENOLCK, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL}


class SearchLock:
    """Whoever trains in a search's folder holds it; whoever only reads doesn't need it.

    Args:
        root: The search's folder.
    """

    def __init__(self, root: Path) -> None:
        self._root = root

    @functools.cached_property
    def _lock(self) -> "filelock.BaseFileLock":
        import filelock

        # Each thread counts its own holds, so it can be taken twice, but not by two threads.
        return filelock.FileLock(self._root / LOCK, timeout=0, fallback_to_soft=False)

    @contextmanager
    def held(self, note: Callable[[str], None]) -> Iterator[None]:
        """Hold the lock.

        Args:
            note: Is told if the folder's file system has no locks.

        Raises:
            LockedError: If somebody else holds it.
            StoreError: If the folder can't be written.
        """
        if not self._acquire(note):
            yield
            return
        try:
            if self._lock.lock_counter == 1:
                write_json(self._root / HOLDER, _myself())
            yield
        finally:
            self._release()

    def check(self) -> None:
        """Find out whether the lock is free, without taking it.

        Raises:
            LockedError: If somebody else holds it.
        """
        if not os.access(self._root / LOCK, os.W_OK):
            return
        if self._acquire(lambda _: None):
            self._lock.release()

    def _release(self) -> None:
        try:
            if self._lock.lock_counter == 1:
                with suppress(OSError):
                    (self._root / HOLDER).unlink()
        finally:
            self._lock.release()

    def _acquire(self, note: Callable[[str], None]) -> bool:
        if (self._root / LOCK).is_symlink():
            raise StoreError(
                f"Expected the lock of a search in {self._root / LOCK}. Received: a link, behind "
                "which nothing is written. Remove it"
            )
        with faults(self._root / LOCK):
            self._root.mkdir(parents=True, exist_ok=True)
            try:
                self._lock.acquire()
            except TimeoutError:
                raise LockedError(
                    f"Expected nobody else at work in {self._root}. Received: {self._holder()}. "
                    "Wait for its end or stop it, or",
                    mend="choose another directory or project_name",
                    option="choose another --directory or --name",
                ) from None
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
                note(f"{self._root} is on a file system without locks; start no second run there")
                return False
        return True

    def _holder(self) -> str:
        holder = read_json(self._root / HOLDER)
        if not isinstance(holder, dict):
            return "another process"
        pid, host, since = (holder.get(name) for name in ("pid", "host", "since"))
        return f"process {pid} on {host}, since {since}"


def _myself() -> dict[str, object]:
    since = datetime.now(UTC).isoformat(timespec="seconds")
    return {"pid": os.getpid(), "host": platform.node(), "since": since}

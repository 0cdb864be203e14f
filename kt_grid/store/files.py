"""Files that appear whole or not at all, and that show whether they still are whole.

A file is written beside its place, flushed to the disk and renamed. A JSON file of ours carries a
checksum of its content, so that one that was altered is never taken for whole.
"""

import errno
import hashlib
import json
import math
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from kt_grid.errors import StoreError

WRITING = "writing."
_CHECKSUM = "checksum"
_DIGITS = 16
_LARGEST = 32 * 2**20
# What the HDF5 library says, in an exception that isn't an OSError.
_ERRNO = re.compile(r"\berrno = (\d+)")
_OF_THE_DISK = {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EROFS, errno.EFBIG}


def read_json(path: Path) -> Any:
    """Read a JSON file; None if it is missing or damaged, no ordinary file, or far too large.

    Raises:
        StoreError: If the operating system refuses to read it, which says nothing of its content.
    """
    try:
        with _refusals(path):
            return json.loads(_content(path).decode("utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return None


def _content(path: Path) -> bytes:
    check_ordinary(path)
    with path.open("rb") as file:
        return file.read(_LARGEST)


def check_ordinary(path: Path, most: float = _LARGEST) -> None:
    """Take anything but an ordinary file for none: a pipe makes us wait, a device never ends.

    Raises:
        FileNotFoundError: If it is a link, a folder, a pipe or a device, or is too large.
    """
    state = path.lstat()
    if not stat.S_ISREG(state.st_mode) or state.st_size > most:
        raise FileNotFoundError(path)


@contextmanager
def _refusals(path: Path) -> Iterator[None]:
    try:
        yield
    except (NotADirectoryError, IsADirectoryError) as error:
        raise FileNotFoundError(path) from error
    except FileNotFoundError:
        raise
    except OSError as error:
        reason = error.strerror or error
        raise StoreError(f"Expected to read {path}. Received: {reason}. Mend that") from error


def read_sealed(path: Path) -> dict[str, Any] | None:
    """Read what `write_sealed` wrote; None if it is missing or not whole."""
    entry = read_json(path)
    if not is_sealed(entry):
        return None
    return {name: value for name, value in entry.items() if name != _CHECKSUM}


def is_sealed(entry: Any) -> bool:
    """Tell whether what was read is an object whose checksum is right."""
    if not isinstance(entry, dict) or _CHECKSUM not in entry:
        return False
    content = {name: value for name, value in entry.items() if name != _CHECKSUM}
    try:
        return bool(entry[_CHECKSUM] == checksum(content))
    except RecursionError:
        return False


def write_sealed(path: Path, entry: Mapping[str, Any]) -> None:
    """Write a JSON object together with its checksum.

    Raises:
        StoreError: If it can't be written.
    """
    write_json(path, {**entry, _CHECKSUM: checksum(entry)})


def checksum(entry: Mapping[str, Any]) -> str:
    """Hash a JSON object, whatever the order of its names."""
    text = json.dumps(entry, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:_DIGITS]


def file_digest(path: Path) -> str | None:
    """Hash a file's content; None if it is missing, or no ordinary file.

    Raises:
        StoreError: If the operating system refuses to read it.
    """
    try:
        with _refusals(path):
            check_ordinary(path, math.inf)
        with _refusals(path), path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()[:_DIGITS]
    except FileNotFoundError:
        return None


def write_json(path: Path, value: object) -> None:
    """Write a JSON file whole or not at all.

    Raises:
        StoreError: If it can't be written.
    """
    text = json.dumps(value, indent=1, allow_nan=False) + "\n"
    write_text(path, text)


def write_text(path: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        StoreError: If it can't be written.
    """

    def write(beside: Path) -> None:
        # A name that came from the command line may hold bytes that are no text.
        beside.write_bytes(text.encode("utf-8", "backslashreplace"))

    write_file(path, write)


def write_output(path: Path, text: str) -> None:
    """Write a text where a user asked for it: whole or not at all, if that is an ordinary file.

    Raises:
        StoreError: If it can't be written.
    """
    if path.is_symlink() or (path.exists() and not path.is_file()):
        # A device or a pipe mustn't be replaced by a file.
        with faults(path):
            path.write_bytes(text.encode("utf-8", "backslashreplace"))
    else:
        write_text(path, text)


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file beside its place, flush it to the disk, and move it there.

    The folder isn't flushed: if a rename is lost with the machine's power, the old file is there.

    Args:
        path: The file's place; its folder is made if need be.
        write: Writes the content to the path it is given, which ends like `path`.

    Raises:
        StoreError: If it can't be written.
    """
    beside = path.with_name(f"{WRITING}{path.name}")
    with faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            # What stands there already may be a link to somewhere else.
            beside.unlink(missing_ok=True)
            write(beside)
            # Windows flushes none that is open for reading only.
            with beside.open("r+b") as file:
                os.fsync(file.fileno())
            beside.replace(path)
        except BaseException:
            # A full disk isn't helped by half a file.
            with suppress(OSError):
                beside.unlink(missing_ok=True)
            raise


@contextmanager
def faults(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals to write into StoreErrors.

    Args:
        path: What is written.
    """
    try:
        yield
    except StoreError:
        raise
    except Exception as error:
        reason = _refusal(error)
        if reason is None:
            raise
        raise StoreError(
            f"Expected to write {path}. Received: {reason}. "
            "What is finished stays on disk. Mend that, or choose",
            mend="another directory",
            option="another --directory",
        ) from error


def _refusal(error: Exception) -> str | None:
    """What the operating system says, directly or through the HDF5 library."""
    found = _ERRNO.search(str(error))
    if found and int(found[1]) in _OF_THE_DISK:
        return os.strerror(int(found[1]))
    return (error.strerror or str(error)) if isinstance(error, OSError) else None

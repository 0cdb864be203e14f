"""Where a search's folder may be, what belongs in it, and its removal: nothing else is deleted."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from kt_grid.errors import StoreError
from kt_grid.store.files import WRITING
from kt_grid.store.lock import HOLDER, LOCK

IDENTITY = "search.json"
TRIAL = "trial.json"
PREFIX = "trial_"
BEST = "best"
_LONGEST = 200
# Names that Windows gives to devices, in whatever folder and with whatever ending.
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {f"{p}{i}" for p in ("COM", "LPT") for i in range(1, 10)}

_FOLDERS = re.compile(rf"{PREFIX}\w+|{BEST}")
_FILES = {
    "": re.compile(rf"search\.json|oracle\.json|tuner\w*\.json|{LOCK}|{re.escape(HOLDER)}"),
    BEST: re.compile(r"model\.keras|refit\.json"),
    PREFIX: re.compile(r"trial\.json|fold_\d+\.json|fold_\d+\.(weights\.h5|predictions\.npz)"),
}


def check_place(directory: Path, name: str) -> Path:
    """Refuse a folder that can't be, or whose name leads elsewhere.

    Args:
        directory: Where searches are kept.
        name: The folder's name in it.

    Returns:
        The folder.

    Raises:
        StoreError: If the name leads elsewhere, isn't one on every system, is too long or can't
            be shown; or if the operating system refuses the directory.
    """
    _check_name(name)
    try:
        os.lstat(directory / name)
    except (FileNotFoundError, NotADirectoryError):
        pass
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise StoreError(
            f"Expected a directory that can be read. Received: {reason}: {str(directory)[:200]!r}"
        ) from error
    return directory / name


def _check_name(name: str) -> None:
    device = name.partition(".")[0].rstrip().upper() in _DEVICES
    if (
        device
        or not name.strip(". ")
        or name[-1] in ". "
        or not name.isprintable()
        or len(name.encode("utf-8", "surrogateescape")) > _LONGEST
        or set(name) & set('/\\:"*?<>|')
    ):
        raise StoreError(f"Expected a plain name for the search's folder. Received: {name!r}")


def remove(root: Path) -> None:
    """Remove a search's files, and its folder if nothing is left in it.

    search.json goes first, so that what an interruption leaves is no search any more. The lock
    stays: a file that others may be looking at can't be deleted safely.

    Args:
        root: The folder.

    Raises:
        StoreError: If anything in it isn't kt-grid's own; then nothing is deleted.
    """
    own = sorted(own_files(root), key=lambda path: (path.name != IDENTITY, path))
    for path in own:
        path.unlink(missing_ok=True)
    for folder in {path.parent for path in own} | {*_folders(root)}:
        if folder != root:
            folder.rmdir()
    if not any(root.iterdir()):
        root.rmdir()


def own_files(root: Path) -> Iterator[Path]:
    """List a search's files but for its lock; a link is never ours, so none outside is reached.

    Args:
        root: The search's folder.

    Yields:
        One path each.

    Raises:
        StoreError: If there is anything else.
    """
    for path in root.iterdir():
        if _is_folder(path):
            kind = BEST if path.name == BEST else PREFIX
            yield from (_checked(root, inner, kind) for inner in path.iterdir())
        elif path.name != LOCK:
            yield _checked(root, path, "")


def _folders(root: Path) -> Iterator[Path]:
    return (path for path in root.iterdir() if _is_folder(path))


def _is_folder(path: Path) -> bool:
    return bool(_FOLDERS.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _checked(root: Path, path: Path, kind: str) -> Path:
    name = path.name.removeprefix(WRITING)
    if path.is_symlink() or not path.is_file() or not _FILES[kind].fullmatch(name):
        raise StoreError(
            f"Expected {root} to hold nothing but a search. Received: other files, such as "
            f"{path.relative_to(root)}. Nothing is deleted; choose another directory"
        )
    return path

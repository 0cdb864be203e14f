"""Where a search's folder may be, what belongs in it, and its removal: nothing else is deleted."""

import os
import re
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from kt_grid.errors import StoreError
from kt_grid.store.files import WRITING, is_sealed, read_json
from kt_grid.store.lock import HOLDER, LOCK

IDENTITY = "search.json"
TRIAL = "trial.json"
PREFIX = "trial_"
BEST = "best"
SHARED = "shared.weights.h5"
ANSWER = "answer.json"
# Where the models of other trials than the best are kept, each in a folder of its trial's name.
REFITS = "refits"
_LONGEST = 200
# Names that Windows gives to devices, in whatever folder and with whatever ending.
_DEVICES = {"CON", "PRN", "AUX", "NUL"} | {f"{p}{i}" for p in ("COM", "LPT") for i in range(1, 10)}

_FOLDERS = re.compile(rf"{PREFIX}\w+|{BEST}")
_FILES = {
    "": re.compile(
        rf"search\.json|oracle\.json|tuner\w*\.json|{re.escape(ANSWER)}|{re.escape(SHARED)}"
        rf"|{LOCK}|{re.escape(HOLDER)}"
    ),
    BEST: re.compile(r"model\.keras|refit\.json"),
    PREFIX: re.compile(r"trial\.json|fold_\d+\.json|fold_\d+\.(weights\.h5|predictions\.npz)"),
}


def check_root(directory: Path, name: str) -> Path:
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
    refits = _refits(root)
    if refits is not None:
        refits.rmdir()
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
    folders = [*_folders(root)]
    for folder in folders:
        kind = BEST if _holds_model(root, folder) else PREFIX
        yield from (_checked(root, inner, kind) for inner in folder.iterdir())
    refits = _refits(root)
    for path in root.iterdir():
        if path not in folders and path != refits and path.name != LOCK:
            yield _checked(root, path, "")
    for path in () if refits is None else refits.iterdir():
        if path not in folders:
            raise _foreign(root, path)


def check_own(root: Path, known: Collection[str] | None) -> None:
    """Refuse to take files for a search's own that have its names but aren't of it.

    Of a file that isn't whole nothing can be told; it counts as the search's if another record
    beside it does.

    Args:
        root: The search's folder.
        known: The fingerprints of the search's records; None if its search.json isn't whole, and
            any record that kt-grid wrote will do.

    Raises:
        StoreError: If there is such a file.
    """
    if known is None:
        for path in root.glob("*.json"):
            unfinished = path.name.startswith(WRITING)
            known_by_name = path.name in (IDENTITY, HOLDER) or unfinished
            if not known_by_name and not is_sealed(read_json(path)):
                raise _foreign(root, path)
    for folder in _folders(root):
        inside = sorted(folder.iterdir())
        records = [p for p in inside if p.suffix == ".json" and not p.name.startswith(WRITING)]
        states = {path: _belongs(read_json(path), known) for path in records}
        foreign = [path for path, belongs in states.items() if belongs is False]
        # An interruption may leave weights or a model without a record.
        cut_short = known is not None and (not records or _holds_model(root, folder))
        if True not in states.values() and not cut_short:
            foreign += inside
        if foreign:
            raise _foreign(root, foreign[0])


def _belongs(entry: Any, known: Collection[str] | None) -> bool | None:
    """Whether what a JSON file says is a search's own; None if it isn't whole."""
    if is_sealed(entry):
        return known is None or str(entry.get("search", "")) in known or "identity" in entry
    is_damaged = entry is None or (isinstance(entry, dict) and "checksum" in entry)
    return None if is_damaged else False


def _folders(root: Path) -> Iterator[Path]:
    """The folders of the trials, of the best model, and of the models of other trials."""
    refits = _refits(root)
    yield from (path for path in root.iterdir() if _is_folder(path))
    for path in () if refits is None else refits.iterdir():
        if _is_folder(path) and path.name != BEST:
            yield path


def _refits(root: Path) -> Path | None:
    path = root / REFITS
    return path if path.is_dir() and not path.is_symlink() else None


def _holds_model(root: Path, folder: Path) -> bool:
    return folder.name == BEST or folder.parent != root


def _is_folder(path: Path) -> bool:
    return bool(_FOLDERS.fullmatch(path.name)) and path.is_dir() and not path.is_symlink()


def _checked(root: Path, path: Path, kind: str) -> Path:
    name = path.name.removeprefix(WRITING)
    if path.is_symlink() or not path.is_file() or not _FILES[kind].fullmatch(name):
        raise _foreign(root, path)
    return path


def _foreign(root: Path, path: Path) -> StoreError:
    return StoreError(
        f"Expected {root} to hold nothing but a search. Received: other files, such as "
        f"{path.relative_to(root)}. Nothing is deleted; choose another directory"
    )

"""The directory of one search: what is in it, and how it is read and written.

Every file appears whole or not at all: it is written beside its place, flushed to the disk and
renamed. A fold counts as trained when its record is there; its weights are written before it.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from kt_grid.errors import MismatchError, StoreError, UsageError

FORMAT = 1
KEEP = ("all", "best")
_IDENTITY = "search.json"
_TRIAL = "trial.json"
_PREFIX = "trial_"
_CHECKSUM = "checksum"


@dataclass(frozen=True)
class FoldRecord:
    """What one training on one split gave.

    Attributes:
        split: Number of the split, from 0.
        parameters: The trial's parameters.
        seed: Seed of the training.
        scores: Metrics on the held-out rows, named with `val_`; on the training rows, `train_`.
        epochs: Epochs trained.
        seconds: Wall time of the training and scoring.
        engine: What trained it.
    """

    split: int
    parameters: dict[str, Any]
    seed: int
    scores: dict[str, float]
    epochs: int
    seconds: float
    engine: str


class SearchStore:
    """The files of one search.

    Args:
        directory: Where searches are kept.
        name: The search's own folder in it.

    Raises:
        StoreError: If `name` isn't a plain folder name.
    """

    def __init__(self, directory: str | os.PathLike[str], name: str) -> None:
        if name in ("", ".", "..") or len(name) > 200 or set(name) & set('/\\:\0"*?<>|'):
            raise StoreError(f"Expected a plain name for the search's folder. Received: {name!r}")
        self.root = Path(directory) / name

    def exists(self) -> bool:
        """Tell whether a search was begun here."""
        return (self.root / _IDENTITY).exists()

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            StoreError: If that is impossible.
        """
        with _faults(self.root):
            self.root.mkdir(parents=True, exist_ok=True)

    def clear(self) -> None:
        """Remove the search, if there is one.

        Raises:
            StoreError: If the folder holds something else than a search.
        """
        if not self.root.exists():
            return
        with _faults(self.root):
            if any(self.root.iterdir()) and not self._holds_search():
                raise StoreError(
                    f"Expected {self.root} to hold a search. Received: other files. "
                    "They are not deleted; choose another directory"
                )
            shutil.rmtree(self.root)

    def _holds_search(self) -> bool:
        return any((self.root / name).exists() for name in (_IDENTITY, "oracle.json"))

    def read_identity(self) -> dict[str, Any] | None:
        """Read search.json, or return None if no search was begun here.

        Raises:
            StoreError: If the file is there but can't be read.
        """
        path = self.root / _IDENTITY
        if not path.exists():
            return None
        identity = read_json(path)
        if not isinstance(identity, dict) or identity.get("format") != FORMAT:
            raise StoreError(
                f"Expected {path} to be a search of format {FORMAT}. Received: a damaged or a "
                "foreign file. Restore it, or start anew with --overwrite"
            )
        return identity

    def write_identity(self, identity: Mapping[str, Any]) -> None:
        """Write search.json, unless it already says the same."""
        entry = {"format": FORMAT, **identity}
        if read_json(self.root / _IDENTITY) != entry:
            write_json(self.root / _IDENTITY, entry)

    def check_identity(self, wanted: Mapping[str, Any]) -> None:
        """Refuse to go on in a directory that holds another search.

        Args:
            wanted: The entries of search.json that must agree.

        Raises:
            MismatchError: With the first entry that doesn't, and both its values.
        """
        present = self.read_identity()
        if present is None:
            return
        for name, value in wanted.items():
            if present.get(name) != value:
                raise MismatchError(
                    f"Expected {self.root} to hold this search. Received: another {name}, "
                    f"{_brief(present.get(name))} there, {_brief(value)} asked for. "
                    "Choose another --directory, or replace it with --overwrite"
                )

    def trial_dir(self, trial_id: str) -> Path:
        """Return the folder of a trial."""
        return self.root / f"{_PREFIX}{trial_id}"

    def read_trials(self) -> Iterator[tuple[str, dict[str, Any]]]:
        """Yield every trial's id and state that can be read, in the order of the ids."""
        paths = self.root.glob(f"{_PREFIX}*/{_TRIAL}")
        for path in sorted(paths, key=lambda path: (len(path.parent.name), path.parent.name)):
            state = read_json(path)
            trial_id = path.parent.name.removeprefix(_PREFIX)
            if isinstance(state, dict) and state.get("trial_id") == trial_id:
                yield trial_id, state

    def write_trial(self, trial_id: str, state: Mapping[str, Any]) -> None:
        """Write a trial's state."""
        write_json(self.trial_dir(trial_id) / _TRIAL, state)

    def read_fold(self, trial_id: str, split: int) -> FoldRecord | None:
        """Read the record of a trained fold; None if it isn't there whole."""
        record = read_json(self.trial_dir(trial_id) / f"fold_{split}.json")
        if not isinstance(record, dict) or record.pop(_CHECKSUM, None) != _checksum(record):
            return None
        return FoldRecord(**record)

    def write_fold(
        self, trial_id: str, record: FoldRecord, save_weights: Callable[[Path], None] | None
    ) -> None:
        """Write a trained fold: first its weights, then the record that makes it count.

        Args:
            trial_id: The trial.
            record: The record.
            save_weights: Writes the weights to the path that it is given, if they are kept.
        """
        if save_weights is not None:
            write_file(self.weights(trial_id, record.split), save_weights)
        entry = asdict(record)
        path = self.trial_dir(trial_id) / f"fold_{record.split}.json"
        write_json(path, {**entry, _CHECKSUM: _checksum(entry)})

    def weights(self, trial_id: str, split: int) -> Path:
        """Return where the weights of a fold are kept."""
        return self.trial_dir(trial_id) / f"fold_{split}.weights.h5"

    def drop_weights(self, trial_id: str) -> None:
        """Delete the weights of a trial's folds."""
        for path in self.trial_dir(trial_id).glob("fold_*.weights.h5"):
            path.unlink(missing_ok=True)

    @property
    def oracle_file(self) -> Path:
        """Where keras-tuner keeps the oracle's state."""
        return self.root / "oracle.json"

    @property
    def tuner_file(self) -> Path:
        """Where keras-tuner keeps the tuner's state."""
        return self.root / "tuner0.json"

    @contextmanager
    def without_tuner_file(self) -> Iterator[None]:
        """Set keras-tuner's file of the tuner's state aside, and put it back."""
        present = read_json(self.tuner_file)
        self.tuner_file.unlink(missing_ok=True)
        try:
            yield
        finally:
            if present is not None:
                write_json(self.tuner_file, present)

    @property
    def model_file(self) -> Path:
        """Where the refitted model is kept."""
        return self.root / "best" / "model.keras"

    @property
    def refit_file(self) -> Path:
        """Where it is kept how the refitted model came about."""
        return self.root / "best" / "refit.json"

    def refit_parameters(self) -> dict[str, Any] | None:
        """Return the parameters of the refitted model; None if there is no such model."""
        record = read_json(self.refit_file)
        if not isinstance(record, dict) or not self.model_file.exists():
            return None
        parameters: dict[str, Any] | None = record.get("parameters")
        return parameters


def check_keep(keep: str) -> str:
    """Refuse a word that doesn't say whose weights to keep.

    Args:
        keep: The word.

    Returns:
        The same.

    Raises:
        UsageError: If it isn't one of `KEEP`.
    """
    if keep not in KEEP:
        raise UsageError(f"Expected keep to be one of {', '.join(KEEP)}. Received: {keep!r}")
    return keep


def read_json(path: Path) -> Any:
    """Read a JSON file; None if it is missing, damaged or unreadable."""
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
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
        beside.write_text(text, encoding="utf-8")

    write_file(path, write)


def write_file(path: Path, write: Callable[[Path], None]) -> None:
    """Write a file beside its place, flush it to the disk, and move it there.

    Args:
        path: The file's place; its folder is made if need be.
        write: Writes the content to the path it is given, which ends like `path`.

    Raises:
        StoreError: If it can't be written.
    """
    beside = path.with_name(f"writing.{path.name}")
    with _faults(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        write(beside)
        with beside.open("rb") as file:
            os.fsync(file.fileno())
        beside.replace(path)


@contextmanager
def _faults(path: Path) -> Iterator[None]:
    """Turn the operating system's refusals into StoreErrors."""
    try:
        yield
    except StoreError:
        raise
    except OSError as error:
        raise StoreError(
            f"Expected to write {path}. Received: {error.strerror or error}. "
            "Mend that or choose another --directory; what is finished stays on disk"
        ) from error


def _checksum(entry: Mapping[str, Any]) -> str:
    text = json.dumps(entry, sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

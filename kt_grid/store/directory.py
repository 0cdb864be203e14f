"""The directory of one search: what is in it, and how it is read and written.

Every file appears whole or not at all. A fold counts as trained when its record is there; its
weights are written before it.
"""

import os
import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any, Self

from kt_grid.errors import DamageError, MismatchError, StoreError
from kt_grid.store.files import faults, file_digest, read_sealed, write_file, write_sealed
from kt_grid.store.layout import (
    BEST,
    IDENTITY,
    PREFIX,
    REFITS,
    TRIAL,
    check_own,
    check_root,
    own_files,
    remove,
)
from kt_grid.store.lock import SearchLock
from kt_grid.store.records import FORMAT, Fingerprints, Identity, RefitRecord, SearchRecord
from kt_grid.store.records import FoldRecord as FoldRecord
from kt_grid.store.typed import FieldError, read_typed

MODEL, REFIT = "model.keras", "refit.json"
_FOLD = re.compile(r"fold_(0|[1-9]\d{0,8})\.json")


class SearchStore:
    """The files of one search.

    Args:
        directory: Where searches are kept.
        name: The search's own folder in it.

    Raises:
        StoreError: If `name` isn't a plain folder name, or `directory` can't be one.
    """

    def __init__(self, directory: str | os.PathLike[str], name: str) -> None:
        self.root = check_root(Path(directory), name)
        self.lock = SearchLock(self.root)
        self._fingerprints = Fingerprints()

    @classmethod
    def at(cls, path: str | os.PathLike[str]) -> Self:
        """Take the search in a folder, such as `runs/neurons`; errors as the class has them."""
        folder = Path(path)
        folder = folder if folder.name.strip(".") else folder.resolve()
        return cls(folder.parent, folder.name)

    def exists(self) -> bool:
        """Tell whether a search was begun here."""
        return (self.root / IDENTITY).exists()

    def prepare(self) -> None:
        """Make the folder.

        Raises:
            StoreError: If that is impossible.
        """
        with faults(self.root):
            self.root.mkdir(parents=True, exist_ok=True)

    def clear(self, note: Callable[[str], None]) -> None:
        """Remove the search, if there is one.

        Args:
            note: As `SearchLock.held` takes it.

        Raises:
            StoreError: If the folder holds anything else; then nothing is deleted.
            LockedError: If somebody is at work there.
        """
        with faults(self.root):
            if self.root.exists() and [*own_files(self.root)]:
                record = self.peek_record()
                check_own(self.root, record.fingerprints.all() if record else None)
                with self.lock.held(note):
                    remove(self.root)
        self._fingerprints = Fingerprints()

    def read_record(self) -> SearchRecord | None:
        """Read search.json, or return None if no search was begun here.

        Raises:
            DamageError: If it isn't whole, has an entry that can't be, or is missing beside
                trials.
        """
        record, fault = self._look()
        if fault:
            raise self._damage(fault, "The line that began the search may restore it")
        return record

    def peek_record(self) -> SearchRecord | None:
        """Read search.json; None if it isn't there whole."""
        return self._look()[0]

    def _look(self) -> tuple[SearchRecord | None, str]:
        """What search.json says, and what is wrong with it, if anything."""
        path = self.root / IDENTITY
        if not os.path.lexists(path):
            return None, "no such file beside trials" if self.trial_ids() else ""
        entry = read_sealed(path)
        if entry is None:
            return None, "a damaged or a foreign file"
        try:
            return SearchRecord.from_json(entry), ""
        except FieldError as error:
            return None, str(error)

    def _damage(self, state: str, mend: str) -> DamageError:
        return DamageError(
            f"Expected {self.root / IDENTITY} to be a search of format {FORMAT}. "
            f"Received: {state}. {mend}, or",
            mend="begin anew with overwrite=True",
            option="begin anew with --overwrite",
        )

    def write_record(self, record: SearchRecord) -> None:
        """Write search.json, unless it already says the same."""
        self._fingerprints = record.fingerprints
        entry = record.to_json()
        if read_sealed(self.root / IDENTITY) != entry:
            write_sealed(self.root / IDENTITY, entry)

    def claim(self, record: SearchRecord, note: Callable[[str], None]) -> None:
        """Begin a search here, or go on with it.

        Args:
            record: What is to be written of it.
            note: Is told if search.json has to be written again.

        Raises:
            StoreError: As `check_identity`; if search.json can't be written; or if there is none,
                but a file in whose place one of the search's would come.
        """
        if not self.check_identity(record.identity):
            self._check_unclaimed(record)
            if self.trial_ids():
                note("search.json isn't whole; written again, as the trials' records agree with it")
        # All splits that were ever asked for are kept, because their records are still there.
        present = self.peek_record()
        recorded = present.identity.splits if present else ()
        if len(recorded) > len(record.identity.splits):
            record = replace(record, identity=replace(record.identity, splits=recorded))
        self.write_record(record)

    def _check_unclaimed(self, record: SearchRecord) -> None:
        """Refuse to write over a file of which nothing says that it is the search's."""
        others = (path.name.removeprefix(PREFIX) for path in (self.root / REFITS).glob("*"))
        models = []
        for trial_id in (None, *others):
            refit, folder = self.read_refit(trial_id), self.refit_dir(trial_id)
            own = refit and refit.identity.fingerprints.search == record.fingerprints.search
            models += [] if own else [folder / MODEL, folder / REFIT]
        states = (self.oracle_file, self.tuner_file)
        unsealed = [path for path in states if read_sealed(path) is None]
        found = next((path for path in (*models, *unsealed) if os.path.lexists(path)), None)
        if found is not None:
            raise StoreError(
                f"Expected nothing but a search in {self.root}. Received: {found}, and no "
                f"{IDENTITY} beside it. Move it away, or choose another --directory"
            )

    def check_identity(self, wanted: Identity, cause: str = "") -> bool:
        """Refuse to go on in a directory that holds another search.

        Args:
            wanted: The identity that search.json has to have.
            cause: What has changed in the user's code since, in words.

        Returns:
            Whether search.json says so; if not, the trials' records do, or there are none.

        Raises:
            MismatchError: With the first entry that disagrees, and both its values.
            DamageError: If search.json isn't whole, and no record says what search it was.
        """
        present, fault = self._look()
        if fault:
            found = self._fingerprints_on_disk()
            if not found or not found <= wanted.fingerprints.all():
                mend = "No record beside it belongs to what is asked for; restore it"
                raise self._damage(fault, mend)
            return False
        if present is None:
            return False
        difference = present.identity.difference(wanted)
        if difference is not None:
            told = difference + (f"; {cause}" if cause else "")
            made_by = present.versions.get("kt-grid", "")
            if made_by.startswith("0.1."):
                # It told models by their source's digest, and took other folds by default.
                told = (
                    f"one made by kt-grid {made_by}, which can be reported and predicted with "
                    f"({told})"
                )
            raise MismatchError(
                f"Expected {self.root} to hold this search. Received: {told}.",
                mend="Choose another directory or project_name, or replace it: overwrite=True",
                option="Choose another --directory or --name, or replace it with --overwrite",
            )
        return True

    def _fingerprints_on_disk(self) -> set[str]:
        """The fingerprints of the searches that the records on disk belong to."""
        paths = [*self.root.glob(f"{PREFIX}*/{TRIAL}"), *self.root.glob(f"{PREFIX}*/fold_*.json")]
        entries = (self._read(path) for path in paths)
        return {str(entry.get("search")) for entry in entries if entry is not None}

    @property
    def fingerprint(self) -> str:
        """Fingerprint of the search that search.json describes; empty if there is none."""
        return self._known_fingerprints().search

    def _known_fingerprints(self) -> Fingerprints:
        if not self._fingerprints.search:
            record = self.peek_record()
            self._fingerprints = record.fingerprints if record else Fingerprints()
        return self._fingerprints

    def _read(self, path: Path) -> dict[str, Any] | None:
        """What a file of the search says; None if it isn't there whole, or lies behind a link."""
        return None if self._leads_away(path) else read_sealed(path)

    def _leads_away(self, path: Path) -> bool:
        *folders, _ = path.relative_to(self.root).parents
        return any((self.root / folder).is_symlink() for folder in folders)

    def write(self, path: Path, save: Callable[[Path], None]) -> None:
        """Write a file of the search whole or not at all.

        Args:
            path: Its place in the search's folder.
            save: As `write_file` takes it.

        Raises:
            StoreError: If it can't be written, or its folder is a link, which may lead anywhere.
        """
        self._check_path(path)
        write_file(path, save)

    def write_entry(self, path: Path, entry: Mapping[str, Any]) -> None:
        """Write a JSON file of the search, with its checksum.

        Raises:
            StoreError: As `write`.
        """
        self._check_path(path)
        write_sealed(path, entry)

    def _check_path(self, path: Path) -> None:
        if self._leads_away(path):
            raise StoreError(
                f"Expected {path.parent} to be a folder of the search. Received: a link, behind "
                "which nothing is written. Replace it by what it leads to"
            )

    def trial_dir(self, trial_id: str) -> Path:
        """Return the folder of a trial."""
        return self.root / f"{PREFIX}{trial_id}"

    def trial_ids(self) -> list[str]:
        """List the trials that have a folder, in the order of their ids."""
        names = [path.name for path in self.root.glob(f"{PREFIX}*") if path.is_dir()]
        return [name.removeprefix(PREFIX) for name in sorted(names, key=lambda n: (len(n), n))]

    def trial_file(self, trial_id: str) -> Path:
        """Return where the state of a trial is kept."""
        return self.trial_dir(trial_id) / TRIAL

    def read_trial(self, trial_id: str) -> dict[str, Any] | None:
        """Read a trial's state; None if it isn't there whole, or is another search's."""
        state = self._read(self.trial_file(trial_id))
        wanted = (trial_id, self.fingerprint)
        if state is None or (state.get("trial_id"), state.get("search")) != wanted:
            return None
        return state

    def write_trial(self, trial_id: str, state: Mapping[str, Any]) -> None:
        """Write a trial's state; keras-tuner reads past what is added to it."""
        self.write_entry(self.trial_file(trial_id), {**state, "search": self.fingerprint})

    def fold_file(self, trial_id: str, split: int) -> Path:
        """Return where the record of a fold is kept."""
        return self.trial_dir(trial_id) / f"fold_{split}.json"

    def read_fold(self, trial_id: str, split: int) -> FoldRecord | None:
        """Read the record of a trained fold; None if it isn't there whole, or is another's."""
        entry = self._read(self.fold_file(trial_id, split))
        try:
            record = read_typed(FoldRecord, entry) if entry is not None else None
        except FieldError:
            return None
        if record is None:
            return None
        wanted = (split, self._known_fingerprints().of_fold(split))
        return record if (record.split, record.search) == wanted else None

    def read_folds(self, trial_id: str) -> list[FoldRecord]:
        """Read all records of a trial that are whole."""
        records = (self.read_fold(trial_id, split) for split in self.fold_numbers(trial_id))
        return [record for record in records if record is not None]

    def fold_numbers(self, trial_id: str) -> list[int]:
        """List the folds of a trial that have a record, whole or not."""
        names = (path.name for path in self.trial_dir(trial_id).glob("fold_*.json"))
        found = (_FOLD.fullmatch(name) for name in names)
        return sorted(int(match[1]) for match in found if match)

    def write_fold(
        self, trial_id: str, record: FoldRecord, save_weights: Callable[[Path], None] | None
    ) -> None:
        """Write a trained fold: first its weights, then the record that makes it count.

        Args:
            trial_id: The trial.
            record: The record, but for the digest and the fingerprint.
            save_weights: Writes the weights to the path that it is given, if they are kept.
        """
        path = self.weights(trial_id, record.split)
        if save_weights is not None:
            self.write(path, save_weights)
            record = replace(record, weights=file_digest(path) or "")
        record = replace(record, search=self._known_fingerprints().of_fold(record.split))
        self.write_entry(self.fold_file(trial_id, record.split), record.to_json())

    def weights(self, trial_id: str, split: int) -> Path:
        """Return where the weights of a fold are kept."""
        return self.trial_dir(trial_id) / f"fold_{split}.weights.h5"

    def has_weights(self, trial_id: str, record: FoldRecord) -> bool:
        """Tell whether the weights of a fold are there and whole, or were never kept."""
        if not record.weights:
            return True
        path = self.weights(trial_id, record.split)
        return not self._leads_away(path) and file_digest(path) == record.weights

    def keeps_weights(self, trial_id: str) -> bool:
        """Tell whether there are weights of any fold of a trial."""
        return any(self.trial_dir(trial_id).glob("fold_*.weights.h5"))

    def lost_weights(self, trial_id: str) -> list[int]:
        """List the folds of a trial whose weights aren't whole, unless it keeps none at all."""
        records = self.read_folds(trial_id) if self.keeps_weights(trial_id) else []
        return [r.split for r in records if not self.has_weights(trial_id, r)]

    def check_weights(self, trial_id: str, split: int) -> Path:
        """Return where the weights of a fold are, if they are whole.

        Raises:
            DamageError: If they aren't, or if the fold's record isn't.
        """
        record, path = self.read_fold(trial_id, split), self.weights(trial_id, split)
        if record is None or not path.exists() or not self.has_weights(trial_id, record):
            state = "a damaged file" if path.exists() else "no such file"
            raise DamageError(
                f"Expected the weights of a fold in {path}. Received: {state}. The line that "
                "began the search trains the best trial's again"
            )
        return path

    def drop_weights(self, trial_id: str) -> None:
        """Delete the weights of a trial's folds."""
        self._delete(trial_id, "fold_*.weights.h5")

    def drop_fold(self, trial_id: str, split: int) -> None:
        """Delete the record of a fold, so that it is trained again."""
        self._delete(trial_id, self.fold_file(trial_id, split).name)

    def discard(self, trial_id: str) -> None:
        """Delete a trial's files, of which nothing can be told any more."""
        self._delete(trial_id, "fold_*.json")
        self._delete(trial_id, TRIAL)

    def _delete(self, trial_id: str, pattern: str) -> None:
        folder = self.trial_dir(trial_id)
        # What a link leads to isn't ours to delete.
        for path in () if folder.is_symlink() else folder.glob(pattern):
            with faults(path):
                path.unlink(missing_ok=True)

    @property
    def oracle_file(self) -> Path:
        """Where keras-tuner keeps the oracle's state."""
        return self.root / "oracle.json"

    @property
    def tuner_file(self) -> Path:
        """Where keras-tuner keeps the tuner's state."""
        return self.root / "tuner0.json"

    def has_state(self) -> bool:
        """Tell whether keras-tuner's files are there and whole."""
        return None not in (read_sealed(self.oracle_file), read_sealed(self.tuner_file))

    def refit_dir(self, trial_id: str | None = None) -> Path:
        """Return the folder of a refitted model.

        Args:
            trial_id: The trial, if it isn't the best one.
        """
        name = f"{PREFIX}{trial_id}"
        return self.root / BEST if trial_id is None else self.root / REFITS / name

    def find_refit(self, trial_id: str) -> str | None:
        """Tell what `refit_dir` takes for the whole refitted model of a trial, best or not."""
        best = self.read_refit()
        return None if best is not None and best.trial_id == trial_id else trial_id

    @property
    def model_file(self) -> Path:
        """Where the refitted model of the best trial is kept."""
        return self.refit_dir() / MODEL

    @property
    def refit_file(self) -> Path:
        """Where it is kept how that model came about."""
        return self.refit_dir() / REFIT

    def read_refit(self, trial_id: str | None = None) -> RefitRecord | None:
        """Read how a refitted model came about; None if it isn't there, or not whole.

        Args:
            trial_id: The trial, if it isn't the best one.
        """
        folder = self.refit_dir(trial_id)
        entry = self._read(folder / REFIT)
        try:
            record = read_typed(RefitRecord, entry) if entry is not None else None
        except FieldError:
            return None
        if record is None or file_digest(folder / MODEL) != record.model:
            return None
        return None if trial_id is not None and record.trial_id != trial_id else record

    def write_refit(
        self, record: RefitRecord, save: Callable[[Path], None], trial_id: str | None = None
    ) -> None:
        """Write a refitted model, then the record that makes it count.

        Args:
            record: How it came about, but for the model's digest.
            save: Writes the model to the path that it is given.
            trial_id: The trial, if it isn't the best one.
        """
        model, about = self.refit_dir(trial_id) / MODEL, self.refit_dir(trial_id) / REFIT
        self._check_path(about)
        with faults(about):
            about.unlink(missing_ok=True)
        self.write(model, save)
        record = replace(record, model=file_digest(model) or "")
        self.write_entry(about, record.to_json())

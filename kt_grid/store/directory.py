"""The directory of one search: what is in it, and how it is read and written.

Every file appears whole or not at all. A fold counts as trained when its record is there; its
weights are written before it.
"""

import os
from collections.abc import Callable, Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from kt_grid.errors import DamageError, MismatchError
from kt_grid.store.files import (
    faults,
    file_digest,
    read_sealed,
    write_file,
    write_sealed,
)
from kt_grid.store.layout import BEST, IDENTITY, PREFIX, TRIAL, check_place, own_files, remove
from kt_grid.store.lock import SearchLock
from kt_grid.store.records import FoldRecord as FoldRecord
from kt_grid.store.stamps import Stamps, find_difference, splits_of, stamps_of

FORMAT = 1
_FINGERPRINT = "fingerprint"


class SearchStore:
    """The files of one search.

    Args:
        directory: Where searches are kept.
        name: The search's own folder in it.

    Raises:
        StoreError: If `name` isn't a plain folder name, or `directory` can't be one.
    """

    def __init__(self, directory: str | os.PathLike[str], name: str) -> None:
        self.root = check_place(Path(directory), name)
        self.lock = SearchLock(self.root)
        self._stamps = Stamps()

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
        self._stamps = Stamps()
        with faults(self.root):
            if self.root.exists() and [*own_files(self.root)]:
                with self.lock.held(note):
                    remove(self.root)

    def read_identity(self) -> dict[str, Any] | None:
        """Read search.json, or return None if no search was begun here.

        Raises:
            DamageError: If it isn't whole, or is missing beside trials.
        """
        path = self.root / IDENTITY
        if not path.exists() and not self.trial_ids():
            return None
        identity = read_sealed(path)
        if identity is None or identity.get("format") != FORMAT:
            raise self._damage("The line that began the search may restore it")
        return identity

    def _damage(self, mend: str) -> DamageError:
        path = self.root / IDENTITY
        state = "a damaged or a foreign file" if path.exists() else "no such file beside trials"
        return DamageError(
            f"Expected {path} to be a search of format {FORMAT}. Received: {state}. {mend}, or",
            mend="begin anew with overwrite=True",
            option="begin anew with --overwrite",
        )

    def peek_identity(self) -> dict[str, Any]:
        """Read search.json; an empty dict if it isn't there whole."""
        return read_sealed(self.root / IDENTITY) or {}

    def write_identity(
        self, identity: Mapping[str, Any], notes: Mapping[str, Any] | None = None
    ) -> None:
        """Write search.json, unless it already says the same.

        Args:
            identity: What makes the search the same search.
            notes: What else there is to say.
        """
        self._stamps = stamps_of(identity)
        stamped = {_FINGERPRINT: self._stamps.search}
        entry = {"format": FORMAT, **(notes or {}), **identity, **stamped}
        if read_sealed(self.root / IDENTITY) != entry:
            write_sealed(self.root / IDENTITY, entry)

    def claim(
        self, identity: Mapping[str, Any], notes: Mapping[str, Any], note: Callable[[str], None]
    ) -> None:
        """Begin a search here, or go on with it.

        Args:
            identity: What makes the search the same search.
            notes: What else there is to say.
            note: Is told if search.json has to be written again.

        Raises:
            StoreError: As `check_identity`; or if search.json can't be written.
        """
        if not self.check_identity(identity) and self.trial_ids():
            note("search.json isn't whole; written again, as the trials' records agree with it")
        # All splits that were ever asked for are kept, because their records are still there.
        recorded = splits_of(self.peek_identity())
        if len(recorded) > len(splits_of(identity)):
            identity = {**identity, "splits": recorded}
        self.write_identity(identity, notes)

    def check_identity(self, wanted: Mapping[str, Any]) -> bool:
        """Refuse to go on in a directory that holds another search.

        Args:
            wanted: The entries of search.json that must agree.

        Returns:
            Whether search.json says so; if not, the trials' records do, or there are none.

        Raises:
            MismatchError: With the first entry that disagrees, and both its values.
            DamageError: If search.json isn't whole, and no record says what search it was.
        """
        try:
            present = self.read_identity()
        except DamageError:
            found = self._stamps_on_disk()
            if not found or not found <= stamps_of(wanted).all():
                raise self._damage(
                    "No record beside it belongs to what is asked for; restore it"
                ) from None
            return False
        if present is None:
            return False
        difference = find_difference(present, wanted)
        if difference is not None:
            raise MismatchError(
                f"Expected {self.root} to hold this search. Received: {difference}.",
                mend="Choose another directory or project_name, or replace it: overwrite=True",
                option="Choose another --directory or --name, or replace it with --overwrite",
            )
        return True

    def _stamps_on_disk(self) -> set[str]:
        """The fingerprints of the searches that the records on disk belong to."""
        paths = [*self.root.glob(f"{PREFIX}*/{TRIAL}"), *self.root.glob(f"{PREFIX}*/fold_*.json")]
        entries = (read_sealed(path) for path in paths)
        return {str(entry.get("search")) for entry in entries if entry is not None}

    @property
    def stamp(self) -> str:
        """Fingerprint of the search that search.json describes; empty if there is none."""
        return self._known_stamps().search

    def _known_stamps(self) -> Stamps:
        if not self._stamps.search:
            identity = self.peek_identity()
            search = str(identity.get(_FINGERPRINT, ""))
            self._stamps = Stamps(search, tuple(splits_of(identity)))
        return self._stamps

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
        state = read_sealed(self.trial_file(trial_id))
        if state is None or (state.get("trial_id"), state.get("search")) != (trial_id, self.stamp):
            return None
        return state

    def write_trial(self, trial_id: str, state: Mapping[str, Any]) -> None:
        """Write a trial's state; keras-tuner reads past what is added to it."""
        write_sealed(self.trial_file(trial_id), {**state, "search": self.stamp})

    def fold_file(self, trial_id: str, split: int) -> Path:
        """Return where the record of a fold is kept."""
        return self.trial_dir(trial_id) / f"fold_{split}.json"

    def read_fold(self, trial_id: str, split: int) -> FoldRecord | None:
        """Read the record of a trained fold; None if it isn't there whole, or is another's."""
        entry = read_sealed(self.fold_file(trial_id, split))
        try:
            record = FoldRecord(**(entry or {}))
        except TypeError:
            return None
        wanted = (split, self._known_stamps().of_fold(split))
        return record if (record.split, record.search) == wanted else None

    def read_folds(self, trial_id: str) -> list[FoldRecord]:
        """Read all records of a trial that are whole."""
        splits = range(len([*self.trial_dir(trial_id).glob("fold_*.json")]))
        records = (self.read_fold(trial_id, split) for split in splits)
        return [record for record in records if record is not None]

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
            write_file(path, save_weights)
            record = replace(record, weights=file_digest(path) or "")
        record = replace(record, search=self._known_stamps().of_fold(record.split))
        write_sealed(self.fold_file(trial_id, record.split), asdict(record))

    def weights(self, trial_id: str, split: int) -> Path:
        """Return where the weights of a fold are kept."""
        return self.trial_dir(trial_id) / f"fold_{split}.weights.h5"

    def has_weights(self, trial_id: str, record: FoldRecord) -> bool:
        """Tell whether the weights of a fold are there and whole, or were never kept."""
        if not record.weights:
            return True
        return file_digest(self.weights(trial_id, record.split)) == record.weights

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

    @property
    def model_file(self) -> Path:
        """Where the refitted model is kept."""
        return self.root / BEST / "model.keras"

    @property
    def refit_file(self) -> Path:
        """Where it is kept how the refitted model came about."""
        return self.root / BEST / "refit.json"

    def read_refit(self) -> dict[str, Any] | None:
        """Read how the refitted model came about; None if it isn't there, or not whole."""
        entry = read_sealed(self.refit_file)
        if entry is None or file_digest(self.model_file) != entry.pop("model", None):
            return None
        return entry

    def write_refit(self, record: Mapping[str, Any], save: Callable[[Path], None]) -> None:
        """Write the refitted model, then the record that makes it count.

        Args:
            record: How it came about.
            save: Writes the model to the path that it is given.
        """
        with faults(self.refit_file):
            self.refit_file.unlink(missing_ok=True)
        write_file(self.model_file, save)
        write_sealed(self.refit_file, {**record, "model": file_digest(self.model_file)})

    def refit_parameters(self) -> dict[str, Any] | None:
        """Return the parameters of the refitted model; None if there is no whole one."""
        parameters: dict[str, Any] | None = (self.read_refit() or {}).get("parameters")
        return parameters

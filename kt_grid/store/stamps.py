"""What tells to which search a record belongs, whatever else says so is lost."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from kt_grid.store.files import checksum

_GROWING = ("cv", "folds", "splits")


@dataclass(frozen=True)
class Stamps:
    """The fingerprints of a search's records.

    Attributes:
        search: Fingerprint of what makes it this search, but for the splits; empty if unknown.
        splits: Digests of the splits.
    """

    search: str = ""
    splits: tuple[str, ...] = ()

    def of_fold(self, split: int) -> str:
        """Return the fingerprint of the records of one split, which counts in it."""
        if split >= len(self.splits):
            return self.search
        return checksum({"search": self.search, "split": self.splits[split]})

    def all(self) -> set[str]:
        """Return all fingerprints that records of the search may have."""
        return {self.search, *(self.of_fold(split) for split in range(len(self.splits)))}


def stamps_of(identity: Mapping[str, Any]) -> Stamps:
    """Work out the fingerprints from what makes a search the same search."""
    fixed = {name: value for name, value in identity.items() if name not in _GROWING}
    return Stamps(checksum(fixed), tuple(splits_of(identity)))


def splits_of(identity: Mapping[str, Any]) -> list[str]:
    """Return the digests of a search's splits, as far as its description has any."""
    splits = identity.get("splits")
    return splits if isinstance(splits, list) else []


def find_difference(present: Mapping[str, Any], wanted: Mapping[str, Any]) -> str | None:
    """Name the first entry in which two searches differ, and both its values.

    More splits or fewer are no difference, as long as those that both have are the same.

    Args:
        present: What search.json says.
        wanted: What makes the search asked for the same search.

    Returns:
        Some words; None if there is no difference.
    """
    splits = [splits_of(present), splits_of(wanted)]
    shared = min(map(len, splits))
    grown = shared > 0 and splits[0][:shared] == splits[1][:shared]
    for name, value in wanted.items():
        there = present.get(name)
        if there != value and not (grown and name in _GROWING):
            return f"another {name}, {_brief(there)} there, {_brief(value)} asked for"
    return None


def _brief(value: object) -> str:
    text = json.dumps(value)
    return text if len(text) <= 60 else f"{text[:57]}..."

"""A deep look at the live objects that decide a training outside the model itself.

A build function, a HyperModel with its own `fit`, callbacks and scores are compared by what they
do, with all that they lead to in the user's own modules. Where that can't be read whole, the
digest isn't certain, and only the models that are built can tell.
"""

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from kt_grid.data.description import Descriptions, digest_text

_LARGEST = 300_000
_MOST_PARTS = 200
_MOST_DOUBTS = 10
_OTHERS = "others"
_MOST_TOLD = 5


@dataclass(frozen=True)
class CodeDigest:
    """What some objects do, as a digest.

    Attributes:
        digest: 32 hexadecimal digits.
        certain: Whether all that the objects lead to could be read.
        python: The version of Python, such as `3.12`; digests of different ones don't compare.
        parts: Digests by what they are of, such as `my_file.py: function helper()`.
        doubts: What couldn't be read whole, in words.
    """

    digest: str
    certain: bool
    python: str
    parts: Mapping[str, str] = field(default_factory=dict)
    doubts: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return it as plain JSON values; `CodeDigest(**value)` reads them."""
        return {**vars(self), "parts": dict(self.parts), "doubts": list(self.doubts)}


def code_digest(objects: Mapping[str, Any]) -> CodeDigest:
    """Hash what objects do: their code, their attributes, and what these lead to.

    Followed are functions with their defaults, closures and the globals they read, through all
    modules that aren't installed; classes, partials, containers and attributes of objects. What
    belongs to installed packages counts by its name. Nothing of it is run.

    Args:
        objects: Functions, classes, callbacks or other objects, by what they are here, such as
            `model`.

    Returns:
        The digest: the same in every process of one Python version, as long as nothing changes
        but lines, comments, docstrings, annotations and names of local variables.
    """
    found = Descriptions(largest=_LARGEST)
    for name, value in objects.items():
        found.add(name, value)
    parts = {name: digest_text(described) for name, described in sorted(found.parts.items())}
    doubts = sorted(found.doubts)
    return CodeDigest(
        digest=digest_text(parts),
        certain=not doubts,
        python=".".join(map(str, sys.version_info[:2])),
        parts=_shorten(parts),
        doubts=tuple(doubts[:_MOST_DOUBTS]),
    )


def describe_value(value: Any) -> str:
    """Describe a setting: what is plain as it reads, all else by a digest of what it does.

    Example:
        >>> describe_value(0.5)
        '0.5'
    """
    try:
        json.dumps(value)
    except (TypeError, ValueError, RecursionError):
        return code_digest({"value": value}).digest
    return repr(value)


def _shorten(parts: dict[str, str]) -> dict[str, str]:
    """Keep as many parts as are worth writing down; the others have one digest."""
    if len(parts) <= _MOST_PARTS:
        return parts
    names = [*parts]
    kept = {name: parts[name] for name in names[: _MOST_PARTS - 1]}
    return {**kept, _OTHERS: digest_text([parts[name] for name in names[_MOST_PARTS - 1 :]])}


def explain(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    """Say in words where two digests differ.

    Returns:
        Such as `my_file.py has changed: function helper(), RATES`; empty if nothing differs.

    Example:
        >>> explain({"a.py: RATES": "12", "a.py: function f()": "34"}, {"a.py: RATES": "56"})
        'a.py has changed: RATES'
    """
    changed = [name for name in {**before, **after} if before.get(name) != after.get(name)]
    # What a search was given, or leads to now, is told only if no code that was there has changed.
    in_both = [name for name in changed if name in before and name in after]
    told = [name for name in in_both if _is_of_file(name)] or in_both or changed
    by_file: dict[str, list[str]] = {}
    for name in sorted(told):
        file, _, words = name.rpartition(": ")
        remark = " (new)" * (name not in before) + " (removed)" * (name not in after)
        by_file.setdefault(file or name, []).append((words if file else "") + remark)
    return "; ".join(
        _tell(file, [word for word in words if word]) for file, words in by_file.items()
    )


def code_of_files(parts: Mapping[str, str]) -> dict[str, str]:
    """Keep the parts of a digest that are code in files, not what objects hold."""
    return {name: digest for name, digest in parts.items() if _is_of_file(name)}


def _is_of_file(name: str) -> bool:
    return ": " in name or name.endswith(".py")


def _tell(file: str, words: list[str]) -> str:
    more = len(words) - _MOST_TOLD
    listed = ", ".join(words[:_MOST_TOLD]) + (f" and {more} more" if more > 0 else "")
    return f"{file} has changed: {listed}" if listed else f"{file} has changed"

"""Grids in YAML and TOML files."""

import re
import stat
import tomllib
from collections import Counter
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from kt_grid.errors import GridError
from kt_grid.space.axes import Part, check_grid
from kt_grid.space.values import DEEPEST

SUFFIXES = (".yaml", ".yml", ".toml")
_LIST = "grid"
_LARGEST = 2**20
_MOST_PARTS = 500_000
# What may be a name in TOML, or a line of a comment.
_PIECE = re.compile(r"[^,=\[\]{}\n]+")
_CORE_SCHEMA = {
    "null": (r"~|null|Null|NULL|", ["~", "n", "N", ""]),
    "bool": (r"true|True|TRUE|false|False|FALSE", list("tTfF")),
    "int": (r"[-+]?[0-9]+", list("-+0123456789")),
    "float": (
        r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?"
        r"|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)",
        list("-+.0123456789"),
    ),
}


class _Loader(yaml.SafeLoader):  # type: ignore[misc] # PyYAML is untyped
    """Reads plain values as YAML 1.2's core schema does, and refuses a key that comes twice.

    PyYAML's own rules are those of YAML 1.1, where 1e-3 is a word, `no` is False and 1:30 is 90.
    """

    yaml_implicit_resolvers: dict[str, Any] = {}  # noqa: RUF012 - PyYAML's own attribute

    def construct_mapping(self, node: Any, deep: bool = False) -> dict[Hashable, Any]:
        """Make a dict; a key that comes twice is a slip that PyYAML lets pass."""
        keys = [self.construct_object(name, deep=True) for name, _ in node.value]
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
        if len(made) < len(keys):
            twice = next(name for name, times in Counter(keys).items() if times > 1)
            raise yaml.constructor.ConstructorError(
                problem=f"{twice!r} twice", problem_mark=node.start_mark
            )
        return made


# An integer is a float too, so the order counts: the first that matches is taken.
for _kind, (_pattern, _first) in _CORE_SCHEMA.items():
    _Loader.add_implicit_resolver(
        f"tag:yaml.org,2002:{_kind}", re.compile(rf"(?:{_pattern})\Z"), _first
    )


def is_grid_file(word: str) -> bool:
    """Tell whether a `--grid` word names a file.

    Args:
        word: The word.

    Returns:
        Whether it ends like a YAML or TOML file and holds no equals sign.
    """
    return "=" not in word and word.lower().endswith(SUFFIXES)


def read_grid(path: str | Path) -> tuple[Part, ...]:
    """Read a grid from a YAML or TOML file.

    The file holds lists by axis; or a list of such mappings, in TOML as tables `[[grid]]`.

    Args:
        path: The file; it ends in `.yaml`, `.yml` or `.toml`.

    Returns:
        One dict of checked values for each mapping.

    Raises:
        GridError: If the file can't be read, names an axis twice, or holds no grid.
    """
    path = Path(path)
    try:
        content = _read(path)
        _check_size(content)
    except FileNotFoundError:
        raise GridError(f"Expected a grid in {path}. Received: no such file") from None
    except RecursionError:
        raise _unreadable(path, "lists or mappings that are too deep") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        raise _unreadable(path, " ".join(str(error).split())) from error
    if isinstance(content, dict) and list(content) == [_LIST] and _is_list_of_dicts(content[_LIST]):
        content = content[_LIST]
    try:
        return check_grid(content)
    except GridError as error:
        raise GridError(f"{error}, in {path}") from None


def _read(path: Path) -> Any:
    """What a file says.

    Raises:
        ValueError: If it is no ordinary file, since a pipe makes us wait and a device never ends,
            or too large, or no text in its format.
    """
    state = path.stat()
    if not stat.S_ISREG(state.st_mode):
        raise ValueError("no ordinary file")
    if state.st_size > _LARGEST:
        raise ValueError(f"{state.st_size:,} bytes, which are over {_LARGEST:,}")
    text = path.read_text(encoding="utf-8-sig")
    return _read_toml(text) if path.suffix.lower() == ".toml" else _read_yaml(text)


def _read_toml(text: str) -> Any:
    pieces = (piece for piece in _PIECE.findall(text) if not piece.lstrip().startswith("#"))
    if any(piece.count(".") > DEEPEST for piece in pieces):
        # What reads it takes time by the square of the depth.
        raise ValueError(f"a name of over {DEEPEST} parts")
    return tomllib.loads(text)


def _check_size(content: Any) -> None:
    """Refuse what became of a small file by naming one value time and again, or itself.

    Raises:
        ValueError: If there are too many parts.
    """
    left = [content]
    for _ in range(_MOST_PARTS):
        if not left:
            return
        part = left.pop()
        if isinstance(part, list | tuple | set):
            left += part
        elif isinstance(part, dict):
            left += part.values()
    raise ValueError(f"over {_MOST_PARTS:,} values, or values that contain themselves")


def _unreadable(path: Path, received: str) -> GridError:
    return GridError(f"Expected {path} to be a readable grid. Received: {received}")


def _read_yaml(text: str) -> Any:
    # The loader is a SafeLoader, which makes nothing but plain values.
    return yaml.load(text, Loader=_Loader)  # noqa: S506


def _is_list_of_dicts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, dict) for part in value)

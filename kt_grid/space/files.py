"""Grids in YAML and TOML files."""

import re
import tomllib
from collections.abc import Hashable
from pathlib import Path
from typing import Any

import yaml

from kt_grid.errors import GridError
from kt_grid.space.axes import Part, check_grid

SUFFIXES = (".yaml", ".yml", ".toml")
_LIST = "grid"
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
        twice = [name for i, name in enumerate(keys) if name in keys[:i]]
        if twice:
            raise yaml.constructor.ConstructorError(
                problem=f"{twice[0]!r} twice", problem_mark=node.start_mark
            )
        made: dict[Hashable, Any] = super().construct_mapping(node, deep)
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
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text) if path.suffix.lower() == ".toml" else _read_yaml(text)
    except FileNotFoundError:
        raise GridError(f"Expected a grid in {path}. Received: no such file") from None
    except (OSError, ValueError, yaml.YAMLError) as error:
        first = " ".join(str(error).split())
        raise GridError(f"Expected {path} to be a readable grid. Received: {first}") from error
    if isinstance(content, dict) and list(content) == [_LIST] and _is_list_of_dicts(content[_LIST]):
        content = content[_LIST]
    try:
        return check_grid(content)
    except GridError as error:
        raise GridError(f"{error}, in {path}") from None


def _read_yaml(text: str) -> Any:
    # The loader is a SafeLoader, which makes nothing but plain values.
    return yaml.load(text, Loader=_Loader)  # noqa: S506


def _is_list_of_dicts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(part, dict) for part in value)

"""`--grid` words, and what changes in a grid by them."""

import difflib
from collections.abc import Iterable, Sequence

from kt_grid.errors import GridError
from kt_grid.space.axes import Grids, Part, check_grid
from kt_grid.space.files import is_grid_file, read_grid
from kt_grid.space.values import FIT_AXES, Value, check_values, refuse

_NONE = "none"


def parse_grid(words: Sequence[str], grid: Grids | None = None) -> Part | tuple[Part, ...]:
    """Read `--grid` words, one of which may name a file.

    Args:
        words: Words as `parse_words` takes them, which change the file's grid if there is one.
        grid: The axes that there are.

    Returns:
        Values by axis, or a list of such dicts.

    Raises:
        GridError: As `parse_words` and `read_grid`; if there are two files.
    """
    files = [word for word in words if is_grid_file(word)]
    if not files:
        return parse_words(words, grid)
    if len(files) > 1:
        raise GridError(f"Expected one --grid FILE. Received: {', '.join(files)}")
    read = read_grid(files[0])
    known = replace_axes(grid or {}, read)
    changes = parse_words([word for word in words if word not in files], known)
    return replace_axes(read, changes)


def parse_words(words: Sequence[str], grid: Grids | None = None) -> Part:
    """Read `--grid` words.

    Args:
        words: Words of the form `AXIS=V1,V2`.
        grid: The axes that there are; those that hold words get words.

    Returns:
        Values by axis: integers, floats, booleans (true, false) or else words. `none` is None
        beside any of these but words, and where the axis holds None already.

    Raises:
        GridError: If a word has another form, an axis comes twice, or a value is missing.

    Example:
        >>> parse_words(["units=5,10", "rate=0.1,1"])
        {'units': (5, 10), 'rate': (0.1, 1.0)}
    """
    changes: Part = {}
    parts = check_grid(grid or {})
    for word in words:
        name, equals, listed = word.partition("=")
        texts = [text.strip() for text in listed.split(",")]
        if not name.strip() or not equals or not all(texts):
            raise GridError(
                f"Expected --grid AXIS=VALUE,VALUE or a .yaml or .toml file. Received: {word!r}"
            )
        name = name.strip()
        if name in changes:
            raise GridError(f"Expected --grid {name}=… once. Received: it twice")
        present = next((part[name] for part in parts if name in part), ())
        with_none = None in present
        verbatim = bool(present) and all(isinstance(value, str) for value in present)
        values = list(texts) if verbatim else _read_values(texts, with_none=with_none)
        changes[name] = check_values(name, values)
    return changes


def _read_values(texts: list[str], *, with_none: bool) -> list[Value]:
    """Values of one kind; `none` counts as None where that is on the axis, or beside numbers."""
    if with_none:
        return [_read_value(text) for text in texts]
    others = [text for text in texts if text.lower() != _NONE] or texts
    for read in (_read_boolean, int, float):
        try:
            values = iter([read(text) for text in others])
        except ValueError:
            continue
        return [None if text not in others else next(values) for text in texts]
    return list(texts)


def _read_value(text: str) -> Value:
    if text.lower() == _NONE:
        return None
    return _read_values([text], with_none=False)[0]


def _read_boolean(text: str) -> bool:
    if text.lower() not in ("true", "false"):
        raise ValueError(text)
    return text.lower() == "true"


def replace_axes(grid: Grids, changes: Grids) -> Part | tuple[Part, ...]:
    """Replace axes of a grid in their place, or add new ones at its end.

    Args:
        grid: Values by axis, or a list of such dicts.
        changes: Values by axis, as `parse_words` returns them, which change every dict that has
            the axis, or all if none has. A list of several dicts takes the grid's place.

    Returns:
        The grid with the changes, a dict unless it has several. An axis of floats stays one of
        floats.

    Raises:
        GridError: If the values of a replaced axis are of another kind: words for numbers.
    """
    parts, changed = check_grid(grid), check_grid(changes)
    if len(changed) > 1:
        return changed
    for name, values in changed[0].items():
        holders = [part for part in parts if name in part] or parts
        for part in holders:
            part[name] = _like(name, part.get(name), values)
    return parts[0] if len(parts) == 1 else parts


def _like(
    name: str, present: tuple[Value, ...] | None, values: tuple[Value, ...]
) -> tuple[Value, ...]:
    """The values, of the kind of those that are present."""
    kinds, other = _kinds(present or ()), _kinds(values)
    if len(kinds) != 1 or tuple in kinds or other <= kinds:
        return values
    (kind,) = kinds
    if kind is str:
        return tuple(value if value is None else str(value) for value in values)
    if other & {str, tuple} or bool in other | kinds:
        wanted = "true or false" if kind is bool else "numbers"
        example = next(value for value in present or () if value is not None)
        refuse(name, f"{wanted} like {example!r}", values[0])
    return tuple(float(v) if isinstance(v, int | float) else v for v in values)


def _kinds(values: Iterable[Value]) -> set[type]:
    return {type(value) for value in values} - {type(None)}


def check_names(names: Iterable[str], known: Sequence[str]) -> None:
    """Refuse axes that an experiment doesn't have, and suggest the nearest.

    Args:
        names: The axes asked for.
        known: The axes that there are; `batch_size` and `epochs` always are.

    Raises:
        GridError: At the first unknown name.
    """
    allowed = [*known, *(name for name in FIT_AXES if name not in known)]
    for name in names:
        if name not in allowed:
            near = difflib.get_close_matches(name, allowed, n=1)
            hint = f". Did you mean {near[0]!r}?" if near else ""
            raise GridError(
                f"Expected a grid axis, one of {', '.join(allowed)}. Received: {name!r}{hint}"
            )

"""A data file becomes a `Dataset`."""

import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from kt_grid.data.csv_file import read_csv_table
from kt_grid.data.dataset import Dataset
from kt_grid.data.encoding import assemble, make_encoder
from kt_grid.data.gaps import fill_gaps
from kt_grid.data.labels import label_indices
from kt_grid.data.npz import FEATURES, TARGET, read_npz
from kt_grid.data.opening import check_file
from kt_grid.data.parquet import read_parquet_table
from kt_grid.data.reading import Reading
from kt_grid.data.suspects import WHOLE_IN_SINGLE, notes_of
from kt_grid.data.table import (
    Choose,
    Column,
    Numbers,
    Table,
    Wanted,
    Words,
    find_columns,
    is_missing,
    missing_in,
    number_of,
    to_words,
    with_numbers,
    without_zeros,
)
from kt_grid.errors import DataError, UsageError

NPZ = ".npz"
# What reads a table, by the ending of its file's name; everything else is CSV.
TABLES: Mapping[str, Callable[[Path], Table]] = {
    ".parquet": read_parquet_table,
    ".pq": read_parquet_table,
}
_PLAIN = Reading()
# What pandas calls a column without a name, which is the index that it wrote before.
_UNNAMED = ("", "Unnamed: 0")
_ASIDE = "--groups, --folds-from or --sample-weight"
# Such as 1,234 where no mark of groups is declared.
_GROUPED = re.compile(r"[+-]?\d{1,3}(,\d{3})+(\.\d*)?")


def read_data(
    path: str | Path,
    target: str | None = None,
    reading: Reading = _PLAIN,
    aside: Sequence[str] = (),
) -> Dataset:
    """Read a file of rows: .npz and those of `TABLES` by the name's ending, all else as CSV.

    A CSV file may be gzipped, or alone in a zip archive.

    Args:
        path: The file.
        target: Name of the target column, or its position from 0 (negative counts from the end),
            or several of numbers with commas between them. The last column by default; in an .npz
            file, which holds its features under `x`, the array `y`.
        reading: How to read it.
        aside: Names or positions of columns that are no features; they may hold words.

    Returns:
        Features and target, and the columns set aside. A target of words becomes 0, 1, … in the
        words' sorted order, which `labels` keeps.

    Raises:
        DataError: If the file is missing, empty or ragged, or a cell can't be read as declared.
            The message names the line and the column, and what could be declared.
        UsageError: If `target`, `aside` or an encoding names no column, or both the first name
            the same.
    """
    path = Path(path)
    if path.suffix == NPZ:
        if aside:
            raise UsageError(
                f"Expected columns to set aside in a table. Received: {path}, which holds arrays"
            )
        return _from_npz(path, target or TARGET)

    def choose(names: Sequence[str], named: bool) -> Wanted:  # noqa: ARG001 - features' choice needs it
        others = find_columns(path, names, aside, _ASIDE)
        targets = {*find_targets(path, names, target, others)}
        dropped = _find_dropped(path, names, reading) - {*others}
        lost = [names[p] for p in targets & dropped if names[p] in reading.drop]
        if lost:
            raise UsageError(
                f"Expected --drop to leave the target in {path}. Received: {lost[0]!r}. "
                "Name another with --target"
            )
        declared = {p for p, name in enumerate(names) if reading.encode.get(name)}
        words = (declared | {*others}) - dropped
        return Wanted(frozenset(words | (targets & declared)), frozenset(dropped - targets))

    table, detected = read_table(path, reading, choose)
    if len(table.names) < 2:
        raise DataError(
            f"Expected {path} to have features and a target, in columns of their own. "
            f"Received: {len(table.names)} column"
        )
    others = find_columns(path, table.names, aside, _ASIDE)
    targets = find_targets(path, table.names, target, others)
    dataset = _from_table(table, targets, detected, dict(zip(aside, others, strict=True)))
    return replace(dataset, reading=reading)


def find_targets(
    path: Path, names: Sequence[str], target: str | None, others: Sequence[int] = ()
) -> list[int]:
    """Find the target's columns; by default the last one that has a name and isn't set aside.

    Args:
        path: The file, for the message.
        names: The columns' names.
        target: A name or a position, or several with commas between them.
        others: Positions that are set aside.

    Returns:
        Positions, in the order in which they are named.

    Raises:
        UsageError: If there is no such column, it is set aside, or it comes twice.
    """
    if target is None:
        free = [p for p in range(len(names)) if p not in others]
        return [max((p for p in free if names[p]), default=max(free, default=len(names) - 1))]
    words = [target] if target in names else [word.strip() for word in target.split(",")]
    positions = find_columns(path, names, words, "--target")
    twice = len({*positions}) < len(positions)
    aside = [names[p] for p in positions if p in others]
    if aside or twice:
        wanted = "different columns" if twice else "no column that is set aside"
        raise UsageError(
            f"Expected --target to be {wanted}. Received: {target if twice else aside[0]!r}"
        )
    return positions


def _find_dropped(path: Path | str, names: Sequence[str], reading: Reading) -> set[int]:
    """Positions of the columns that are left out by `--drop` or `--encode COLUMN=drop`."""
    known = {*names}
    unknown = [name for name in reading.encode if name and name not in known]
    if unknown:
        raise UsageError(
            f"Expected --encode to name columns of {path}: {', '.join(names[:50])}. "
            f"Received: {unknown[0]!r}"
        )
    encoded = {p for p, name in enumerate(names) if reading.encode.get(name) == "drop"}
    return encoded | {*find_columns(path, names, reading.drop, "--drop")}


def read_csv(
    path: str | Path,
    target: str | None = None,
    reading: Reading = _PLAIN,
    aside: Sequence[str] = (),
) -> Dataset:
    """Read a comma-separated file of numbers, with or without a header line.

    Args:
        path: The file.
        target: Name of the target column in the header, or its position from 0 (negative
            counts from the end). The last column by default.
        reading: How to read a file that isn't quite that.
        aside: Names or positions of columns that are no features; they may hold words.

    Returns:
        The features and the target.

    Raises:
        DataError: If the file is missing, empty, ragged, not numeric, has missing or infinite
            values, or has fewer than two columns. The message names the line and the column.
        UsageError: If `target` names no column.

    Example:
        >>> from kt_grid.data import bundled
        >>> read_csv(bundled()).x.shape
        (768, 8)
    """
    return read_data(path, target, reading, aside)


def read_table(
    path: Path, reading: Reading, choose: Choose, known: Sequence[str] = ()
) -> tuple[Table, Reading]:
    """Read a file's table, and how its words are to be read.

    Args:
        path: The file.
        reading: How to read it.
        choose: Tells what is wanted, from the columns' names and whether the file gives them.
        known: Names that the columns should have, if any are known.

    Returns:
        The table, and `reading` with what the file itself says.

    Raises:
        DataError: If it is no ordinary file, or as its reader has it.
    """
    check_file(path)
    if path.suffix in TABLES:
        table = TABLES[path.suffix](path)
        wanted = choose(table.names, True)
        columns = [to_words(c) if p in wanted.words else c for p, c in enumerate(table.columns)]
        return replace(table, columns=columns), reading
    table, decimal = read_csv_table(path, reading, choose, known)
    return table, replace(reading, decimal=decimal)


def _from_npz(path: Path, target: str) -> Dataset:
    x, y = read_npz(path, (FEATURES, target))
    y, labels = label_indices(y) if y.dtype.hasobject else (y, ())
    return Dataset(x, y, (), target, -1, path.name, labels)


def _from_table(
    table: Table, targets: Sequence[int], reading: Reading, aside: Mapping[str, int]
) -> Dataset:
    dropped = _find_dropped(table.path, table.names, reading)
    no_features = {*targets, *aside.values(), *dropped}
    notes = list(table.notes)
    for position, why in _left_out(table, no_features):
        no_features.add(position)
        notes.append(f"{table.path}: column {position + 1} {why}")
    how = {p: _how(table, p, reading) for p in range(len(table.names)) if p not in no_features}
    features = [p for p in how if how[p] != "drop"]
    if not features:
        raise DataError(f"Expected {table.path} to have features. Received: all columns left out")
    table = with_numbers(table, [p for p in features if not how[p]], reading)
    for position in targets:
        table = _with_target(table, position, reading)
    zeros = find_columns(table.path, table.names, reading.zero_is_missing, "--zero-is-missing")
    table = without_zeros(table, zeros)
    table = fill_gaps(table, [*features, *targets], reading, targets)
    notes += notes_of(table, {p: how[p] for p in features})
    plan = [(p, make_encoder(table, p, how[p]) if how[p] else None) for p in features]
    names = tuple(table.names[p] for p in features)
    y, labels = as_targets(table, targets)
    return Dataset(
        x=assemble(table, plan, names),
        y=y,
        features=names,
        target=",".join(table.names[p] for p in targets),
        target_column=targets[0],
        source=Path(table.path).name,
        labels=labels,
        encoders=tuple(encoder for _, encoder in plan if encoder is not None),
        aside={name: np.array(to_words(table.columns[p]).to_list()) for name, p in aside.items()},
        notes=tuple(notes),
    )


def _left_out(table: Table, others: Collection[int]) -> Iterator[tuple[int, str]]:
    """Columns without a name that are no features: an index, and what holds nothing."""
    unnamed = [p for p, name in enumerate(table.names) if table.named and name in _UNNAMED]
    for position in unnamed:
        if position in others:
            continue
        if position == 0 and _is_index(table):
            yield 0, "has no name and is an index: it is not used as a feature; name it to use it"
        elif missing_in(table.columns[position]).all():
            yield position, "has neither a name nor a value: it is left out"


def _is_index(table: Table) -> bool:
    """Tell whether the first column, without a name, is an index that pandas wrote: all differ."""
    column = table.columns[0]
    words = to_words(column)
    differ = len(np.unique(words.codes)) == table.rows
    return differ and (isinstance(column, Words) or bool(np.all(column == np.round(column))))


def _how(table: Table, position: int, reading: Reading) -> str:
    """How a column becomes features; "" for one of numbers."""
    declared = reading.encode.get(table.names[position], "")
    column, bare = table.columns[position], reading.encode.get("", "")
    if declared or not bare or not isinstance(column, Words):
        return declared
    numbers = column.rows_with(lambda text: number_of(text, reading) is not None)
    odd = ~(numbers | column.rows_with(lambda text: is_missing(text, reading)))
    if not odd.any():
        return ""
    grouped = column.rows_with(lambda text: _GROUPED.fullmatch(text) is not None) & odd
    if numbers.sum() + grouped.sum() > (odd & ~grouped).sum():
        row, name = int(np.argmax(odd)), table.names[position]
        error = table.refuse(row, position)
        raise DataError(
            f"{error}. If its numbers are categories, name it: --encode '{name}={bare}'"
        )
    return bare


def _with_target(table: Table, target: int, reading: Reading) -> Table:
    """The table with numbers as its target if all of it is, else with words."""
    column, name = table.columns[target], table.names[target]
    if reading.encode.get(name):
        return table
    if not isinstance(column, Words):
        return with_numbers(table, [target], reading)
    numbers = column.rows_with(lambda text: number_of(text, reading) is not None)
    missing = column.rows_with(lambda text: is_missing(text, reading))
    odd = ~(numbers | missing)
    if not odd.any():
        return with_numbers(table, [target], reading)
    commas = column.rows_with(
        lambda text: bool(text) and number_of(text.replace(",", "")) is not None
    )
    if (commas & odd).any():
        raise table.refuse(int(np.argmax(commas & odd)), target)
    if (numbers & ~missing).any():
        row = int(np.argmax(odd))
        raise DataError(
            f"Expected a finite number in {table.where(row, target)}, like in other rows. "
            f"Received: {table.cell(row, target)[:40]!r}. Mend it, or declare the column as names "
            f"of classes with --encode '{name}=ordinal'"
        )
    columns = [*table.columns]
    texts = tuple("" if is_missing(text, reading) else text for text in column.texts)
    columns[target] = Words(texts, column.codes)
    return replace(table, columns=columns)


def as_targets(table: Table, targets: Sequence[int]) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Make the target of one column, or of several columns of numbers.

    Args:
        table: The table.
        targets: Positions of the columns.

    Returns:
        Shape `(rows,)`, or `(rows, targets)` of several; and the words of a single one.

    Raises:
        DataError: If one of several holds words.
    """
    if len(targets) == 1:
        return as_target(table.columns[targets[0]])
    for position in targets:
        if isinstance(table.columns[position], Words):
            raise DataError(
                f"Expected numbers in each of several targets of {table.path}. Received: words in "
                f"column {table.names[position]!r}. Name a single --target"
            )
    return np.stack([as_target(table.columns[p])[0] for p in targets], axis=1), ()


def as_target(column: Column) -> tuple[npt.NDArray[Any], tuple[str, ...]]:
    """Make a target of a column: numbers as they are, words as their indices in sorted order.

    Args:
        column: The column.

    Returns:
        Shape `(rows,)`, and the words.
    """
    if isinstance(column, Words):
        labels = column.used()
        indices = {label: index for index, label in enumerate(labels)}
        codes = np.array([indices.get(text, 0) for text in column.texts], np.float32)
        return codes[column.codes], tuple(labels)
    single = column.astype(np.float32)
    if np.abs(column).max() <= WHOLE_IN_SINGLE or not _is_whole(column):
        return single, ()
    # Classes are told apart before anything is rounded.
    return (single if _count(single) == _count(column) else column.astype(np.int64)), ()


def _is_whole(column: Numbers) -> bool:
    return bool(np.all(column == np.round(column)) and np.abs(column).max() < 2**63)


def _count(values: npt.NDArray[Any]) -> int:
    return len(np.unique(values))

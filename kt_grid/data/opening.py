"""The text of a data file, whatever it is packed in."""

import csv
import gzip
import io
import stat
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from kt_grid.data.reading import Reading
from kt_grid.errors import DataError

_GZIP, _ZIP = b"\x1f\x8b", b"PK\x03\x04"
# What other kinds of files begin with, what they are, and the mend.
_OTHERS = {
    b"\xd0\xcf\x11\xe0": ("an Excel workbook", "Save it as CSV first"),
    b"PAR1": ("a Parquet file", "Let its name end in .parquet"),
    b"\x93NUMPY": ("an array of numpy's", "Save features and target with np.savez(…, x=…, y=…)"),
    b"%PDF": ("a PDF", "Save the table as CSV first"),
    b"<!": ("a web page", "Save the table as CSV first"),
    b"<html": ("a web page", "Save the table as CSV first"),
    b"{": ("JSON", "Save the table as CSV first"),
    b"[{": ("JSON", "Save the table as CSV first"),
}
_UTF_16 = (b"\xff\xfe", b"\xfe\xff")
# The csv module takes no longer cell by default, and a header that is cut at the wrong separator
# is one cell.
_LONGEST_CELL = 2**31 - 1

_KINDS = {"a folder": stat.S_ISDIR, "a pipe": stat.S_ISFIFO, "a device": stat.S_ISCHR}


class Text(io.TextIOWrapper):
    """A file's text, which remembers what `read` has seen of it.

    Attributes:
        has_null: Whether a null character was read, at which C code would end a cell.
    """

    has_null = False

    def read(self, size: int | None = -1) -> str:
        """Read some characters."""
        chunk = super().read(size)
        self.has_null = self.has_null or "\0" in chunk
        return chunk


def check_file(path: Path) -> None:
    """Refuse what can't be read several times: a pipe makes us wait, a device never ends.

    Raises:
        DataError: If it is no ordinary file, nor a link to one; that there is none is for others
            to find.
    """
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError):
        return
    if not stat.S_ISREG(mode):
        kind = next((name for name, test in _KINDS.items() if test(mode)), "no file")
        raise DataError(
            f"Expected a file of rows at {path}. Received: {kind}. Write the rows to a file first"
        )


@contextmanager
def open_text(path: Path, reading: Reading) -> Iterator[Text]:
    """Open a file of text, plain, gzipped or alone in a zip archive.

    A byte-order mark of UTF-16 is believed. Lines of comments are empty, so that all lines keep
    their numbers.

    Args:
        path: The file.
        reading: Its encoding, and what comments begin with.

    Yields:
        The text, line breaks as they are in the file.

    Raises:
        DataError: If the file is missing or can't be read, also by the `with` block.
    """
    longest = csv.field_size_limit(_LONGEST_CELL)
    try:
        with _unpacked(path) as raw:
            text = Text(raw, encoding=_codec(raw, reading.encoding), newline="")
            yield text if reading.comment is None else _without_comments(text, reading.comment)
    except FileNotFoundError:
        raise DataError(f"Expected a data file at {path}. Received: no such file") from None
    except UnicodeError as error:
        raise DataError(
            f"Expected {path} to be {reading.encoding}. Received: {error}. Say which encoding it "
            "has, such as",
            mend="Reading(encoding='latin-1')",
            option="--encoding latin-1",
        ) from error
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile, csv.Error) as error:
        raise DataError(f"Expected a readable CSV file at {path}. Received: {error}") from error
    finally:
        csv.field_size_limit(longest)


@contextmanager
def _unpacked(path: Path) -> Iterator[IO[bytes]]:
    with path.open("rb") as raw:
        start = raw.peek(4)
        if start.startswith(_GZIP):
            with gzip.open(raw) as inner:
                # The type says less than what gzip gives for reading bytes.
                yield inner  # type: ignore[misc]
        elif start.startswith(_ZIP):
            with zipfile.ZipFile(raw) as archive, archive.open(_only_file(path, archive)) as inner:
                yield inner
        else:
            for begun, (kind, mend) in _OTHERS.items():
                if raw.peek(8).lstrip().startswith(begun):
                    raise DataError(f"Expected {path} to be text. Received: {kind}. {mend}")
            yield raw


def _only_file(path: Path, archive: zipfile.ZipFile) -> str:
    entries = (name for name in archive.namelist() if not name.endswith("/"))
    # macOS puts a file of its own beside each.
    names = [name for name in entries if not name.startswith("__MACOSX/")]
    if "[Content_Types].xml" in names:
        raise DataError(
            f"Expected {path} to be text. Received: an Excel workbook. Save it as CSV first"
        )
    if len(names) != 1:
        raise DataError(
            f"Expected one file in {path}. Received: {len(names)}: {', '.join(names[:5])}"
        )
    return names[0]


def _codec(raw: IO[bytes], encoding: str) -> str:
    """The encoding, which leaves out a byte-order mark; that of UTF-16 can't be UTF-8."""
    if encoding.lower() not in ("utf-8", "utf8"):
        return encoding
    # Files, gzip and zip have `peek`, which their common type lacks.
    return "utf-16" if raw.peek(2)[:2] in _UTF_16 else "utf-8-sig"  # type: ignore[attr-defined]


def _without_comments(text: Text, comment: str) -> Text:
    lines = ("\n" if line.lstrip().startswith(comment) else line for line in text)
    return Text(io.BytesIO("".join(lines).encode()), encoding="utf-8", newline="")

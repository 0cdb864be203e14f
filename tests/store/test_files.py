"""Files appear whole or not at all, and show whether they still are."""

import fcntl
import os

import pytest

from kt_grid.errors import StoreError
from kt_grid.store.files import (
    file_digest,
    read_json,
    read_sealed,
    write_file,
    write_json,
    write_output,
    write_sealed,
    write_text,
)


@pytest.fixture
def old(tmp_path):
    """A file that a failing writer must leave alone."""
    path = tmp_path / "file.json"
    path.write_text("old")
    return path


def test_write_file_makes_folders_and_leaves_nothing_beside(tmp_path):
    path = tmp_path / "a" / "b" / "model.keras"
    write_file(path, lambda beside: beside.write_bytes(beside.suffix.encode()))
    assert path.read_bytes() == b".keras"
    assert list(path.parent.iterdir()) == [path]


def test_a_failing_writer_leaves_the_old_file(old):
    def write(beside):
        beside.write_text("half")
        raise RuntimeError

    with pytest.raises(RuntimeError):
        write_file(old, write)
    assert old.read_text() == "old"


@pytest.mark.parametrize("call", ["fsync", "replace"])
def test_a_failing_disk_leaves_the_old_file(old, monkeypatch, raises, call):
    monkeypatch.setattr(os, call, _fail)
    monkeypatch.setattr(type(old), call, _fail, raising=False)
    with raises(StoreError, str(old), "No space left"):
        write_text(old, "new")
    assert old.read_text() == "old"


def test_the_content_is_on_disk_before_the_name(old, monkeypatch):
    seen = []
    monkeypatch.setattr(os, "fsync", lambda _: seen.append(old.read_text()))
    write_text(old, "new")
    assert [*seen, old.read_text()] == ["old", "new"]


def test_a_crash_between_write_and_rename_can_be_repeated(old):
    (old.parent / f"writing.{old.name}").write_text("half of a longer text")
    write_text(old, "new")
    assert old.read_text() == "new"


@pytest.mark.parametrize(
    "value",
    [
        pytest.param({"ä": [1, 0.1, None, True, "x"]}, id="nested"),
        pytest.param(0.1 + 0.2, id="float-to-the-last-bit"),
    ],
)
def test_json_comes_back(old, value):
    write_json(old, value)
    assert read_json(old) == value


def test_json_that_is_no_json_is_not_written(old):
    with pytest.raises(ValueError, match="not JSON compliant"):
        write_json(old, float("nan"))
    assert old.read_text() == "old"


@pytest.mark.parametrize(
    "content", [pytest.param(b"", id="empty"), b"{", pytest.param(b'"\xff"', id="no-utf-8")]
)
def test_damaged_json_reads_as_none(old, content):
    old.write_bytes(content)
    assert read_json(old) is None
    assert read_json(old.parent) is None
    assert read_json(old.parent / "missing.json") is None


@pytest.mark.parametrize("fault", [OSError(28, "x"), ZeroDivisionError(), KeyboardInterrupt()])
def test_a_failing_writer_leaves_nothing_beside(old, fault):
    def write(beside):
        beside.write_text("half")
        raise fault

    with pytest.raises((StoreError, ZeroDivisionError, KeyboardInterrupt)):
        write_file(old, write)
    assert [path.name for path in old.parent.iterdir()] == [old.name]


def test_what_hdf5_says_of_a_full_disk_is_a_store_error(old, raises):
    def write(beside):
        raise RuntimeError("Can't decrement id ref count (errno = 28, error message = '...')")

    with raises(StoreError, str(old), "No space left"):
        write_file(old, write)


def test_a_link_where_a_file_is_written_leads_nobody_astray(old, tmp_path):
    outside = tmp_path / "outside"
    outside.write_text("mine")
    (old.parent / f"writing.{old.name}").symlink_to(outside)
    write_text(old, "new")
    assert (outside.read_text(), old.read_text()) == ("mine", "new")


def test_a_sealed_entry_comes_back_and_no_other_bit_does(old):
    entry = {"b": [1.5, None], "a": {"x": "ä"}}
    write_sealed(old, entry)
    assert read_sealed(old) == entry
    whole = old.read_bytes()
    for place in range(len(whole)):
        for bit in (1, 32):
            old.write_bytes(whole[:place] + bytes([whole[place] ^ bit]) + whole[place + 1 :])
            assert read_sealed(old) in (None, entry), place
        old.write_bytes(whole[:place])
        assert read_sealed(old) in (None, entry), place


@pytest.mark.parametrize("content", ["", "[]", "null", "{}", "[" * 100_000, '{"checksum": "x"}'])
def test_what_was_never_sealed_reads_as_none(old, content):
    old.write_text(content)
    assert read_sealed(old) is None


def test_an_output_that_is_no_ordinary_file_is_written_and_not_replaced(tmp_path):
    """As `--output /dev/stdout`, or a pipe that another program reads."""
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    link.symlink_to(target)
    write_output(link, "text")
    assert (link.is_symlink(), target.read_text()) == (True, "text")
    os.mkfifo(pipe)
    reader = os.open(pipe, os.O_RDONLY | os.O_NONBLOCK)
    write_output(pipe, "text")
    assert (pipe.is_fifo(), os.read(reader, 99)) == (True, b"text")
    os.close(reader)


def test_an_output_in_a_folders_place_is_refused(tmp_path, raises):
    with raises(StoreError, str(tmp_path), "directory"):
        write_output(tmp_path, "text")


def test_what_may_not_be_read_is_not_taken_for_damaged(old, monkeypatch, raises):
    def refuse(*args, **kwargs):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(old), "open", refuse)
    monkeypatch.setattr(type(old), "read_text", refuse)
    for read in (read_json, read_sealed, file_digest):
        with raises(StoreError, str(old), "Permission denied"):
            read(old)


def _fail(*_):
    raise OSError(28, "No space left on device")


def test_what_is_flushed_is_open_for_writing(tmp_path, monkeypatch):
    """Windows flushes no file that is open for reading only."""
    modes = []
    monkeypatch.setattr(
        os, "fsync", lambda fd: modes.append(fcntl.fcntl(fd, fcntl.F_GETFL) & os.O_ACCMODE)
    )
    write_text(tmp_path / "a.txt", "a")
    assert modes == [os.O_RDWR]

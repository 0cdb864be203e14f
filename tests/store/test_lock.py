"""A search's folder is one run's at a time, and nobody's when that has died."""

import errno
import json
import os
import signal
import subprocess
import sys
import threading

import pytest

from kt_grid.errors import LockedError, StoreError
from kt_grid.store.lock import SearchLock

HOLD = """
import sys, time
from pathlib import Path
from kt_grid.store.lock import SearchLock
with SearchLock(Path(sys.argv[1])).held(print):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def root(tmp_path):
    return tmp_path / "search"


@pytest.fixture
def lock(root):
    return SearchLock(root)


@pytest.fixture
def holder(root):
    """Another process that holds the lock."""
    command = [sys.executable, "-c", HOLD, str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout.readline() == "held\n"
        yield process
        process.kill()


def note(message):
    raise AssertionError(message)


def test_a_second_process_is_told_who_holds_it_and_waits_for_nothing(lock, root, holder, raises):
    words = (
        str(root),
        f"process {holder.pid} on {os.uname().nodename}, since 20",
        "another directory",
    )
    for attempt in (lock.check, lock.held(note).__enter__):
        with raises(LockedError, *words):
            attempt()


def test_a_killed_process_holds_nothing(lock, root, holder):
    holder.send_signal(signal.SIGKILL)
    holder.wait()
    assert (root / "lock.json").exists()
    lock.check()
    with lock.held(note):
        assert json.loads((root / "lock.json").read_text())["pid"] == os.getpid()
    assert not (root / "lock.json").exists()


def test_two_locks_of_one_process_exclude_each_other(lock, root, raises):
    with lock.held(note), raises(LockedError, f"process {os.getpid()}"):
        SearchLock(root).held(note).__enter__()
    with SearchLock(root).held(note):
        pass


def test_one_lock_can_be_held_twice_but_not_by_two_threads(lock, root):
    caught = []

    def other():
        try:
            lock.held(note).__enter__()
        except LockedError as error:
            caught.append(error)

    with lock.held(note):
        with lock.held(note):
            pass
        assert (root / "lock.json").exists()
        thread = threading.Thread(target=other)
        thread.start()
        thread.join()
    assert len(caught) == 1


def test_locks_of_two_searches_have_nothing_to_do_with_each_other(lock, root):
    with lock.held(note), SearchLock(root.parent / "other").held(note):
        pass


@pytest.mark.parametrize("content", ["", "[]", '{"pid": 1}'])
def test_a_holder_that_is_not_known_is_still_a_holder(lock, root, raises, content):
    with lock.held(note):
        (root / "lock.json").write_text(content)
        with raises(LockedError, "process"):
            SearchLock(root).check()


def test_checking_makes_nothing(lock, root):
    lock.check()
    assert not root.exists()


def test_a_file_system_without_locks_is_told_of(lock, monkeypatch):
    def acquire(*args, **kwargs):
        raise OSError(errno.ENOLCK, "No locks available")

    notes = []
    monkeypatch.setattr(type(lock._lock), "acquire", acquire)
    with lock.held(notes.append):
        assert "without locks; start no second run" in notes[0]


def test_a_folder_that_cannot_be_written_is_told_of(lock, monkeypatch, raises):
    def acquire(*args, **kwargs):
        raise OSError(errno.EROFS, "Read-only file system")

    monkeypatch.setattr(type(lock._lock), "acquire", acquire)
    with raises(StoreError, "Read-only file system"):
        lock.held(note).__enter__()


def test_a_link_in_the_locks_place_is_not_followed(lock, root, tmp_path, raises):
    outside = tmp_path / "outside"
    root.mkdir()
    (root / "lock").symlink_to(outside)
    with raises(StoreError, "lock"):
        lock.held(note).__enter__()
    assert not outside.exists()

"""When this process may be copied; `test_local` has copies at work."""

import sys
import threading

import pytest

from kt_grid.workers import forked


@pytest.mark.parametrize(
    ("platform", "names", "can"),
    [
        pytest.param("linux", [], True, id="alone"),
        pytest.param("linux", ["kt-grid-signals"], True, id="beside a thread that only waits"),
        pytest.param("linux", ["pydevd.Writer"], False, id="beside somebody else's thread"),
        pytest.param("darwin", [], False, id="macOS"),
        pytest.param("win32", [], False, id="Windows"),
    ],
)
def test_a_process_is_copied_only_where_a_copy_works(monkeypatch, platform, names, can):
    threads = [threading.main_thread(), *(threading.Thread(name=name) for name in names)]
    monkeypatch.setattr(threading, "enumerate", lambda: threads)
    monkeypatch.setattr(sys, "platform", platform)
    assert forked.can_fork() is can

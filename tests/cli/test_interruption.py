"""The first signal interrupts; what takes too long, or a second signal, is left."""

import os
import signal
import threading
import time
from pathlib import Path

import pytest

import kt_grid.cli.interruption
from kt_grid.cli.interruption import Interruption

SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]


@pytest.fixture
def left():
    """Is set when the process would be left."""
    return threading.Event()


def kill_and_wait(number):
    os.kill(os.getpid(), number)
    time.sleep(10)


def descriptors():
    return len([*Path("/proc/self/fd").iterdir()])


@pytest.mark.parametrize("number", SIGNALS)
def test_the_first_signal_interrupts(left, number):
    interruption = Interruption()
    # Whoever started the tests may have let them ignore it, as nohup does.
    before = signal.signal(number, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt), interruption.armed(left.set):
            kill_and_wait(number)
        assert interruption.happened
        assert not left.is_set()
        assert signal.getsignal(number) is signal.default_int_handler
    finally:
        signal.signal(number, before)


def test_what_does_not_heed_the_first_is_left_after_the_grace(left, monkeypatch):
    monkeypatch.setattr(kt_grid.cli.interruption, "GRACE", 0.05)
    with Interruption().armed(left.set):
        try:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(10)
        except KeyboardInterrupt:
            assert left.wait(10)


def test_a_second_signal_leaves_at_once_and_raises_nothing(left):
    with Interruption().armed(left.set):
        try:
            os.kill(os.getpid(), signal.SIGINT)
            time.sleep(10)
        except KeyboardInterrupt:
            os.kill(os.getpid(), signal.SIGINT)
            assert left.wait(10)


def test_other_signals_are_not_listened_to(left):
    heard = []
    before = signal.signal(signal.SIGUSR1, lambda *_: heard.append(True))
    with Interruption().armed(left.set):
        for _ in range(3):
            os.kill(os.getpid(), signal.SIGUSR1)
    signal.signal(signal.SIGUSR1, before)
    assert heard
    assert not left.is_set()


def test_a_signal_that_is_ignored_stays_so(left):
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    with Interruption().armed(left.set):
        os.kill(os.getpid(), signal.SIGHUP)
        time.sleep(0.05)
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    signal.signal(signal.SIGHUP, before)
    assert not left.is_set()


def test_it_leaves_no_thread_and_no_descriptor(left):
    Interruption().armed(left.set)
    before = threading.active_count(), descriptors()
    for _ in range(5):
        with Interruption().armed(left.set):
            pass
    assert (threading.active_count(), descriptors()) == before

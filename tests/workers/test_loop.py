"""A worker process at the other end of its pipes."""

import importlib
import signal
import subprocess
import sys
import threading

import cloudpickle
import pytest

from kt_grid.workers.loop import Item, Opening, Raised, Shared


class Unreadable:
    """Can be sent, but not read: it refers to a module that isn't there."""

    def __reduce__(self):
        return importlib.import_module, ("nowhere",)


class Line:
    """Pipes to a process that serves; sends a message as it must be framed."""

    def __init__(self, shared):
        self.process = subprocess.Popen(
            [sys.executable, "-c", "from kt_grid.workers.loop import serve; serve()"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        self.opened = self.send(Opening(sys.path, shared))

    def send(self, message):
        packed = cloudpickle.dumps(message)
        self.process.stdin.write(len(packed).to_bytes(8, "big") + packed)
        self.process.stdin.flush()
        return cloudpickle.load(self.process.stdout)

    def receive(self):
        return cloudpickle.load(self.process.stdout)

    def close(self):
        """Go away; return how the process ended, and what it left on stdout and stderr."""
        shown = self.process.communicate(timeout=30)
        return self.process.returncode, *shown


@pytest.fixture
def line(request):
    opened = Line(getattr(request, "param", Shared(b"abcd", len)))
    yield opened
    opened.process.kill()
    opened.process.communicate()


def test_calls_get_the_context_first_and_their_arguments(line):
    assert line.opened is None
    assert line.send((divmod, (3,), {})) == (1, 1)
    assert line.send((pow, (3,), {"mod": 10})) == 4
    assert line.send((lambda context: context + 1, (), {})) == 5


def test_what_fails_is_an_answer_and_the_next_call_is_heard(line):
    assert line.send((divmod, (0,), {})).message.startswith("ZeroDivisionError: ")
    locked = line.send((lambda _: threading.Lock(), (), {}))
    assert "cannot pickle" in locked.message
    assert "nowhere" in line.send((Unreadable(), (), {})).message
    assert line.send((max, (1,), {})) == 4


def count_up(context, stop):
    for number in range(stop):
        yield context + number
    return "end"


def test_what_a_generator_yields_comes_before_what_it_returns(line):
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    first = line.send((count_up, (2,), {}))
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])
    assert [first, line.receive(), line.receive()] == [Item(4), Item(5), "end"]


def test_a_process_takes_the_next_search(line):
    assert line.send(Opening(sys.path, Shared(b"12", int))) is None
    assert line.send((divmod, (5,), {})) == (2, 2)


@pytest.mark.parametrize("line", [Shared(b"x", int)], indirect=True, ids=["no number"])
def test_a_context_that_cannot_be_unpacked_is_an_answer(line):
    assert isinstance(line.opened, Raised)
    assert line.opened.message.startswith("ValueError: invalid literal")


def test_the_process_ends_when_nobody_is_there_and_prints_on_stderr_only(line):
    line.send((lambda _: print("noise", flush=True), (), {}))
    assert line.close() == (-signal.SIGTERM, b"", b"noise\n")

"""Worker processes: what they answer, and what becomes of a call whose process is gone."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cloudpickle
import pytest

from kt_grid.errors import WorkerDiedError, WorkerError, WorkerSlowError
from kt_grid.workers.local import LocalWorkers, processes_kept
from kt_grid.workers.loop import Shared

SHARED = Shared(b"abc", len)


@pytest.fixture(autouse=True, scope="module")
def _sent_by_value():
    """Lets workers run this module's functions without importing it."""
    cloudpickle.register_pickle_by_value(sys.modules[__name__])
    yield
    cloudpickle.unregister_pickle_by_value(sys.modules[__name__])


def own_pid(context):
    return os.getpid()


def tell_pid(context):
    yield os.getpid()


def echo(context, *, more):
    return context, more


def sleep(context, seconds):
    time.sleep(seconds)
    return "done"


def die(context, number):
    os.kill(os.getpid(), number)


def meet(context, mine, other):
    """Comes back only if someone else is there at the same time."""
    mine.touch()
    while not other.exists():
        time.sleep(0.01)
    return os.getpid()


def look(context):
    return os.environ["KT_GRID_TEST"], sys.path


def make_noise(context):
    print("noise")
    return context


def fail(context):
    raise ZeroDivisionError


def make_lock(context):
    return threading.Lock()


def leave(context):
    os._exit(3)


def leave_at_first(packed):
    """Kills the processes that start, until a file counts as many as there are to be."""
    path, times = packed.decode().split("|")
    marks = Path(path)
    marks.write_text((marks.read_text() if marks.exists() else "") + "x")
    if len(marks.read_text()) <= int(times):
        os.kill(os.getpid(), signal.SIGKILL)
    return 3


def count_and_die(context, stop):
    yield from range(stop)
    os.kill(os.getpid(), signal.SIGKILL)


def count_up(context, stop):
    yield from range(stop)
    return context


def is_alive(pid):
    """Whether a process runs; one that has ended and waits to be noticed doesn't."""
    try:
        return Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


def wait_until(condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture
def workers():
    with LocalWorkers(2, SHARED, environment={"KT_GRID_TEST": "here"}) as made:
        yield made


def test_a_call_gets_the_context_and_its_arguments(workers):
    assert workers.submit(pow, 2).result() == 9
    assert workers.submit(echo, more="x").result() == (3, "x")


def test_calls_run_in_other_processes_side_by_side(workers, tmp_path):
    one, two = tmp_path / "1", tmp_path / "2"
    futures = [workers.submit(meet, one, two), workers.submit(meet, two, one)]
    pids = {future.result(30) for future in futures}
    assert len(pids) == 2
    assert os.getpid() not in pids


def test_a_process_is_used_again(workers):
    assert workers.submit(own_pid).result() == workers.submit(own_pid).result()


def test_a_process_has_the_environment_and_the_search_path(workers):
    assert workers.submit(look).result() == ("here", sys.path)


def test_what_a_call_prints_does_not_mix_with_its_answer(workers):
    assert workers.submit(make_noise).result() == 3


@pytest.mark.parametrize(
    ("function", "words"),
    [
        pytest.param(fail, "ZeroDivisionError", id="raises"),
        pytest.param(make_lock, "cannot pickle", id="unpicklable"),
    ],
)
def test_a_call_that_raises_leaves_its_process_alive(workers, raises, function, words):
    before = workers.submit(own_pid).result()
    with raises(WorkerError, words):
        workers.submit(function).result()
    assert workers.submit(own_pid).result() == before


@pytest.mark.parametrize("name", ["SIGKILL", "SIGSEGV"])
def test_a_process_that_dies_takes_only_its_call_with_it(workers, raises, name):
    number = int(getattr(signal, name))
    waiting = workers.submit(sleep, 0.5)
    with raises(WorkerDiedError, name):
        workers.submit(die, number).result()
    assert waiting.result() == "done"
    assert workers.submit(pow, 2).result() == 9


def test_a_process_that_died_while_idle_is_replaced(workers):
    pid = workers.submit(own_pid).result()
    os.kill(pid, signal.SIGKILL)
    # Its first thread may be gone before it is.
    os.waitid(os.P_PID, pid, os.WEXITED | os.WNOWAIT)
    assert workers.submit(own_pid).result() != pid


def test_a_call_that_takes_too_long_is_ended(raises):
    with LocalWorkers(1, SHARED, timeout=0.3) as workers:
        pid = workers.submit(own_pid).result()
        with raises(WorkerSlowError, "0.3 s"):
            workers.submit(sleep, 600).result()
        assert not is_alive(pid)
        assert workers.submit(pow, 2).result() == 9


def test_a_process_is_renewed_after_many_calls(monkeypatch):
    monkeypatch.setattr("kt_grid.workers.local._CALLS_PER_PROCESS", 2)
    with LocalWorkers(1, SHARED) as workers:
        pids = [workers.submit(own_pid).result() for _ in range(4)]
    assert pids[0] == pids[1] != pids[2] == pids[3]


@pytest.mark.parametrize(
    ("shared", "words"),
    [
        pytest.param(Shared(b"", fail), "ZeroDivisionError", id="raises"),
        pytest.param(Shared(b"", leave), "exit code 3", id="ends"),
    ],
)
def test_a_context_that_cannot_be_unpacked_is_an_error(raises, shared, words):
    with LocalWorkers(1, shared) as workers, raises(WorkerError, words, "one worker"):
        workers.submit(pow, 2).result()


def test_what_a_generator_yields_comes_at_once_and_outlives_its_process(workers, raises):
    given = []
    assert workers.stream(given.append, count_up, 3, lane=1).result() == 3
    assert given == [0, 1, 2]
    with raises(WorkerDiedError, "SIGKILL"):
        workers.stream(given.append, count_and_die, 2).result()
    assert given == [0, 1, 2, 0, 1]


def test_calls_in_one_lane_are_made_by_one_process(workers):
    pids = {workers.submit(own_pid).result() for _ in range(3)}
    given = []
    for lane in (0, 1, 0, 1):
        workers.stream(given.append, tell_pid, lane=lane).result()
    assert given[0] == given[2] != given[1] == given[3]
    assert pids <= set(given)


@pytest.mark.parametrize(
    ("deaths", "starts"), [pytest.param(2, True, id="twice"), pytest.param(3, False, id="thrice")]
)
def test_a_process_that_dies_while_it_starts_is_replaced(tmp_path, raises, deaths, starts):
    shared = Shared(f"{tmp_path / 'marks'}|{deaths}".encode(), leave_at_first)
    with LocalWorkers(1, shared) as workers:
        if starts:
            assert workers.submit(pow, 2).result() == 9
        else:
            with raises(WorkerError, "SIGKILL", "3 times in a row", "one worker"):
                workers.submit(pow, 2).result()


def test_processes_that_are_kept_go_from_search_to_search():
    def search(**environment):
        with LocalWorkers(1, SHARED, environment={"KT_GRID_TEST": "1", **environment}) as workers:
            return workers.submit(own_pid).result()

    with processes_kept():
        kept = search()
        assert search() == kept
        other = search(KT_GRID_OTHER="2")
        assert other != kept
        assert not is_alive(kept)
        assert is_alive(other)
    assert not is_alive(other)


def test_leaving_the_block_ends_the_processes():
    with LocalWorkers(2, SHARED) as workers:
        pid = workers.submit(own_pid).result()
    assert not is_alive(pid)


def test_shutting_down_without_waiting_ends_calls_that_run(raises):
    workers = LocalWorkers(1, SHARED)
    pid = workers.submit(own_pid).result()
    running = workers.submit(sleep, 600)
    waiting = workers.submit(own_pid)
    wait_until(running.running)
    workers.shutdown(wait=False)
    assert not is_alive(pid)
    assert waiting.cancelled()
    with raises(WorkerDiedError, "SIGKILL"):
        running.result()


@pytest.mark.parametrize("busy", [pytest.param(False, id="idle"), pytest.param(True, id="busy")])
def test_no_process_outlives_its_parent(tmp_path, busy):
    code = f"""
import os, time
from kt_grid.workers.local import LocalWorkers
from kt_grid.workers.loop import Shared
workers = LocalWorkers(1, Shared(b"", len))
print(workers.submit(lambda context: __import__("os").getpid()).result(), flush=True)
if {busy}:
    workers.submit(lambda context: __import__("time").sleep(600))
time.sleep(600)
"""
    parent = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    pid = int(parent.stdout.readline())
    assert is_alive(pid)
    parent.kill()
    parent.wait()
    parent.stdout.close()
    wait_until(lambda: not is_alive(pid))


FORKS = """
import os, sys, threading
from kt_grid.engines.backend import import_backend
from kt_grid.workers import local
from kt_grid.workers.loop import Shared

threading.Thread(target=sys.stdin.read, name="kt-grid-waiting", daemon=True).start()
with local.processes_kept():
    assert import_backend()
    local.fork_spares(2)
    assert local.has_spares()
    def use(context):
        import tensorflow as tf
        square = tf.function(lambda x: x * x, jit_compile=True)
        yield
        return os.getpid(), os.getppid(), float(square(tf.constant(float(context))))
    with local.LocalWorkers(2, Shared(b"abc", len)) as workers:
        for lane in (0, 1):
            called = workers.stream(lambda _: None, use, lane=lane)
            print(*called.result(), os.getpid(), flush=True)
    threading.Event().wait()
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="copies are made on Linux only")
def test_copies_of_this_process_serve_and_end_with_it():
    parent = subprocess.Popen(
        [sys.executable, "-c", FORKS], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    answers = [parent.stdout.readline().split() for _ in range(2)]
    pids = [int(pid) for pid, *_ in answers]
    assert [squared for *_, squared, _ in answers] == ["9.0", "9.0"]
    assert all(owner == parent_pid for _, owner, _, parent_pid in answers)
    assert [Path(f"/proc/{pid}/cmdline").read_bytes() for pid in pids] == [
        Path(f"/proc/{parent.pid}/cmdline").read_bytes()
    ] * 2
    parent.kill()
    parent.communicate()
    wait_until(lambda: not any(is_alive(pid) for pid in pids))


def test_a_process_sees_the_gpu_of_its_lane():
    def visible(_):
        yield
        return os.environ["CUDA_VISIBLE_DEVICES"]

    with LocalWorkers(3, SHARED, devices=["4", "GPU-7"]) as workers:
        seen = [workers.stream(lambda _: None, visible, lane=lane) for lane in range(3)]
        assert [future.result() for future in seen] == ["4", "GPU-7", "4"]

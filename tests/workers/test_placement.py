"""Where trials run, and when they had better run elsewhere."""

import pytest

from kt_grid.errors import UsageError
from kt_grid.workers import placement
from kt_grid.workers.placement import Placement, check_environment


@pytest.fixture
def clock(monkeypatch):
    """A clock that stands, on a machine of four cores with plenty of memory."""
    now = [0.0]
    monkeypatch.setattr(placement.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(placement, "cores", lambda: 4)
    monkeypatch.setattr(placement, "memory", lambda: 2**40)
    return now


@pytest.mark.parametrize(
    ("options", "here"),
    [
        pytest.param({}, True, id="by default"),
        pytest.param({"workers": 1}, True, id="one"),
        pytest.param({"workers": "auto"}, True, id="auto"),
        pytest.param({"workers": "2"}, False, id="two"),
        pytest.param({"scheduler": "tcp://host:1"}, False, id="scheduler"),
        pytest.param({"timeout": 5.0}, False, id="timeout"),
    ],
)
def test_trials_begin_here_unless_told_otherwise(options, here):
    assert Placement(**options).begins_here is here


@pytest.mark.parametrize(
    ("options", "words"),
    [
        *(({"workers": w}, [repr(w)]) for w in (0, -1, "many", 1.5, True, None, "")),
        ({"timeout": 0.0}, ["timeout", "0"]),
        ({"timeout": float("nan")}, ["timeout", "nan"]),
        ({"workers": 2, "scheduler": "tcp://h:1"}, ["both", "tcp://h:1"]),
        ({"workers": 2, "racing": True}, ["one process with racing", "2 workers"]),
        ({"scheduler": "tcp://h:1", "racing": True}, ["racing", "the scheduler tcp://h:1"]),
        ({"timeout": 5.0, "racing": True}, ["racing", "a trial timeout of 5 s"]),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused(raises, options, words):
    with raises(UsageError, *words):
        Placement(**options)


@pytest.mark.parametrize(
    ("seconds", "left", "compiled", "moves"),
    [
        pytest.param(1.0, 20, 1, False, id="little left"),
        pytest.param(1.0, 100, 1, True, id="much left"),
        pytest.param(100.0, 1, 1, False, id="one long trial left"),
        pytest.param(0.001, 10, 200, True, id="many programs"),
        pytest.param(1.0, 0, 200, False, id="nothing left"),
    ],
)
def test_trials_move_when_it_is_worth_while(clock, seconds, left, compiled, moves):
    place = Placement("auto")
    place.begin()
    clock[0] += 10 + seconds
    assert place.should_move(left, compiled) is moves
    assert not moves or not place.should_move(left, compiled)


@pytest.mark.parametrize(
    ("seconds", "compiled", "moves"),
    [
        pytest.param([9, 0.5, 0.5], [1, 1, 1], None, id="a first one that starts everything"),
        pytest.param([9, 2, 2], [0, 0, 0], 1, id="slow ones that compile nothing"),
        pytest.param([9, 2, 2, 2], [2, 3, 4, 5], 2, id="slow ones that all compile"),
        pytest.param([9, 2, 0.1, 0.1], [2, 2, 2, 2], None, id="one that waits for a program"),
        pytest.param([9, 0.1, 60, 0.1], [1, 1, 1, 1], 2, id="short and long ones by turns"),
        pytest.param([60, 60], [1, 1], 0, id="long ones"),
    ],
)
def test_trials_move_once_their_pace_is_known(clock, seconds, compiled, moves):
    place = Placement("auto")
    place.begin()
    for number, (taken, programs) in enumerate(zip(seconds, compiled, strict=True)):
        clock[0] += taken
        assert place.should_move(100, programs) is (number == moves)


@pytest.mark.parametrize("workers", [1, "auto"])
def test_a_race_never_moves(clock, workers):
    place = Placement(workers, racing=True)
    assert place.begins_here
    place.begin()
    clock[0] += 1000
    assert not place.should_move(1000, 200)


def test_one_worker_moves_for_memory_only(clock):
    place = Placement(1)
    place.begin()
    clock[0] += 1000
    assert not place.should_move(1000, 10)
    assert place.should_move(1000, 200)


@pytest.mark.parametrize(
    ("workers", "left", "memory", "count"),
    [
        pytest.param("auto", 100, 2**40, 4, id="cores"),
        pytest.param("auto", 3, 2**40, 3, id="trials"),
        pytest.param("auto", 100, 4 * 2**30, 3, id="memory"),
        pytest.param("auto", 100, None, 4, id="unknown memory"),
        pytest.param("auto", 100, 2**20, 1, id="no memory"),
        pytest.param(16, 100, 2**20, 16, id="asked for"),
        pytest.param(16, 5, 2**40, 5, id="more than trials"),
    ],
)
def test_there_are_as_many_workers_as_make_sense(monkeypatch, clock, workers, left, memory, count):
    monkeypatch.setattr(placement, "memory", lambda: memory)
    made = []
    monkeypatch.setattr(placement, "worker_environment", dict)
    monkeypatch.setattr(placement, "LocalWorkers", lambda n, *_, **__: made.append(n) or Fake())
    with Placement(workers).open(None, left):
        pass
    assert made == [count]


class Fake:
    """Workers that note how they were shut down."""

    def start(self):
        pass

    def __init__(self):
        self.waited = None

    def shutdown(self, wait=True):
        self.waited = wait


@pytest.mark.parametrize(
    "error", [None, KeyboardInterrupt, ValueError], ids=["end", "interrupt", "error"]
)
def test_workers_are_shut_down_whatever_happens(monkeypatch, error):
    fake = Fake()
    monkeypatch.setattr(placement, "worker_environment", dict)
    monkeypatch.setattr(placement, "LocalWorkers", lambda *_, **__: fake)

    def use():
        with Placement(2).open(None, 5):
            if error is not None:
                raise error

    if error is None:
        use()
    else:
        with pytest.raises(error):
            use()
    assert fake.waited is (error is None)


@pytest.mark.parametrize(
    "name", ["KERASTUNER_TUNER_ID", "KERASTUNER_ORACLE_IP", "KERASTUNER_ORACLE_PORT"]
)
def test_keras_tuners_own_processes_are_refused(monkeypatch, raises, name):
    check_environment()
    monkeypatch.setenv(name, "chief")
    with raises(UsageError, name, "'chief'", "--scheduler", "--workers"):
        check_environment()

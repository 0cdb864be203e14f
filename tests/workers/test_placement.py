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
    monkeypatch.setattr(placement, "gpus", list)
    return now


def begun(place, left=100, seconds=0.0):
    """Begin a search whose trials would take so many seconds here; return what was told."""
    told = []
    place.begin(left, lambda: seconds, told.append)
    return "".join(told)


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
    begun(place)
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
    begun(place)
    for number, (taken, programs) in enumerate(zip(seconds, compiled, strict=True)):
        clock[0] += taken
        assert place.should_move(100, programs) is (number == moves)


@pytest.mark.parametrize(
    ("workers", "left", "seconds", "spare", "elsewhere"),
    [
        pytest.param("auto", 100, 100.0, False, True, id="much to do"),
        pytest.param("auto", 100, 5.0, False, False, id="less than new processes take to start"),
        pytest.param("auto", 100, 5.0, True, True, id="processes that wait"),
        pytest.param("auto", 100, 4.9, True, True, id="just enough"),
        pytest.param("auto", 100, 4.7, True, False, id="not quite enough"),
        pytest.param("auto", 100, 0.5, True, False, id="hardly anything to do"),
        pytest.param("auto", 1, 100.0, True, False, id="one trial"),
        pytest.param("auto", 0, 0.0, True, False, id="nothing to do"),
        pytest.param(1, 100, 100.0, True, False, id="one worker"),
        pytest.param(2, 100, 0.0, False, True, id="two workers"),
    ],
)
def test_where_trials_begin(monkeypatch, clock, workers, left, seconds, spare, elsewhere):
    monkeypatch.setattr(placement, "has_spares", lambda: spare)
    place = Placement(workers)
    told = begun(place, left, seconds)
    assert place.moved is elsewhere
    assert ("4 workers (4 cores, 1024 GiB of memory)" in told) is (elsewhere and workers == "auto")
    assert not elsewhere or not place.should_move(100, 200)


@pytest.mark.parametrize(
    ("workers", "timeout", "scheduler", "count"),
    [
        pytest.param("auto", None, None, 4, id="auto"),
        pytest.param("auto", 5.0, None, 1, id="auto with a timeout"),
        pytest.param(1, None, None, 0, id="one"),
        pytest.param(1, 5.0, None, 1, id="one with a timeout"),
        pytest.param("3", None, None, 3, id="three"),
        pytest.param(9, None, None, 4, id="more than cores"),
        pytest.param("auto", None, "tcp://host:1", 0, id="a scheduler"),
    ],
)
def test_copies_are_made_for_the_workers_that_there_may_be(
    clock, workers, timeout, scheduler, count
):
    assert placement.spares(workers, timeout, scheduler) == count


def test_more_workers_than_cores_are_told_to_be_fewer(clock):
    assert begun(Placement(9)) == "4 workers, one for each core, as more would be slower"
    assert begun(Placement(9), left=3) == ""
    assert begun(Placement(4)) == ""


@pytest.fixture
def two_gpus(monkeypatch, clock):
    """Stands in for a machine with two GPUs, of which the environment says nothing."""
    monkeypatch.setattr(placement, "gpus", lambda: ["0", "1"])
    monkeypatch.setattr(placement, "worker_environment", dict)


@pytest.mark.parametrize("workers", ["auto", 1, 2])
def test_each_worker_sees_a_gpu_of_its_own(monkeypatch, two_gpus, workers):
    made = []
    monkeypatch.setattr(
        placement, "LocalWorkers", lambda n, *_, devices, **__: made.append((n, devices)) or Fake()
    )
    place = Placement(workers)
    told = begun(place, seconds=1000.0)
    with place.open(None, 100):
        pass
    assert made == [(1 if workers == 1 else 2, ["0", "1"])]
    assert ("2 workers (one for each of 2 GPUs)" in told) is (workers == "auto")


def test_more_workers_than_gpus_are_refused_unless_told_otherwise(two_gpus, raises):
    with raises(UsageError, "2 workers", "3", "share_gpus"):
        begun(Placement(3))
    begun(Placement(3, share_gpus=True))


@pytest.mark.parametrize("workers", [1, "auto"])
def test_a_race_never_moves(clock, workers):
    place = Placement(workers, racing=True)
    assert place.begins_here
    begun(place, seconds=1000.0)
    assert not place.moved
    clock[0] += 1000
    assert not place.should_move(1000, 200)


def test_one_worker_moves_for_memory_only(clock):
    place = Placement(1)
    begun(place)
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
        pytest.param(3, 100, 2**20, 3, id="asked for"),
        pytest.param(16, 100, 2**40, 4, id="more than cores"),
        pytest.param(16, 3, 2**40, 3, id="more than trials"),
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

"""One thread: one piece of work after another, until nobody waits for it."""

import threading

import pytest

from kt_grid.engines.fused.background import Background


def test_work_is_done_in_order_in_a_thread_of_its_own():
    done = []
    with Background() as thread:
        futures = [
            thread.submit(lambda n=n: (done.append(n), threading.get_ident())[1]) for n in range(5)
        ]
        threads = {future.result(10) for future in futures}
    assert done == [*range(5)]
    assert len(threads) == 1
    assert threading.get_ident() not in threads


def test_what_work_raises_is_raised_where_its_result_is_wanted():
    with Background() as thread:
        failing, fine = thread.submit(lambda: 1 // 0), thread.submit(lambda: 1)
        with pytest.raises(ZeroDivisionError):
            failing.result(10)
        assert fine.result(10) == 1


def test_leaving_stops_long_work_and_drops_what_waits():
    begun, stopped = threading.Event(), threading.Event()

    def long():
        begun.set()
        while not thread.stopped():
            stopped.wait(0.001)
        stopped.set()

    with pytest.raises(KeyboardInterrupt), Background() as thread:  # noqa: PT012 - raised within
        running, waiting = thread.submit(long), thread.submit(stopped.clear)
        assert begun.wait(10)
        assert not thread.stopped()
        raise KeyboardInterrupt
    assert running.done()
    assert stopped.is_set()
    assert waiting.cancelled()

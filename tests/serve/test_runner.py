from __future__ import annotations

import threading
import time

import pytest

from soroi.serve.runner import Abandoned, Late, ThreadRunner, Ticket


def test_a_call_gives_what_it_returns_and_raises_what_it_raises() -> None:
    runner = ThreadRunner()
    assert runner.run(lambda ticket: 3, 5.0) == 3
    with pytest.raises(ZeroDivisionError):
        runner.run(lambda ticket: 1 // 0, 5.0)
    with pytest.raises(SystemExit):
        runner.run(lambda ticket: exit(3), 5.0)
    runner.close()


def test_a_call_that_takes_too_long_is_abandoned_in_time() -> None:
    runner, free = ThreadRunner(), threading.Event()
    begun = time.perf_counter()
    with pytest.raises(Late):
        runner.run(lambda ticket: free.wait(30), 0.05)
    assert time.perf_counter() - begun < 15.0  # not the 30 s that the call takes
    assert runner.overdue == 1
    assert runner.run(lambda ticket: "beside it", 5.0) == "beside it"
    free.set()
    for _ in range(200):
        if runner.overdue == 0:
            break
        time.sleep(0.01)
    assert runner.overdue == 0
    runner.close()


def test_an_abandoned_call_stops_where_it_looks() -> None:
    runner, stopped = ThreadRunner(), threading.Event()

    def call(ticket: Ticket) -> None:
        try:
            while True:
                ticket.check()
                time.sleep(0.005)
        except Abandoned:
            stopped.set()
            raise

    with pytest.raises(Late):
        runner.run(call, 0.02)
    assert stopped.wait(5)
    runner.close()


def test_when_every_thread_hangs_further_calls_are_late_and_never_run() -> None:
    runner, free = ThreadRunner(most=2), threading.Event()
    ran: list[int] = []
    for _ in range(2):
        with pytest.raises(Late):
            runner.run(lambda ticket: free.wait(30), 0.02)
    with pytest.raises(Late):
        runner.run(lambda ticket: ran.append(1), 0.02)
    free.set()
    assert runner.run(lambda ticket: "again", 5.0) == "again"
    assert ran == []
    runner.close()


def test_no_time_means_not_asked() -> None:
    runner = ThreadRunner()
    with pytest.raises(Late):
        runner.run(lambda ticket: 1, 0.0)
    runner.close()


def test_many_callers_get_their_own_results() -> None:
    runner = ThreadRunner(most=4)
    found: list[int] = []

    def ask(n: int) -> None:
        for one in range(50):
            found.append(runner.run(lambda ticket, one=one: n * 100 + one, 10.0))  # type: ignore[misc]

    threads = [threading.Thread(target=ask, args=(n,)) for n in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(found) == [n * 100 + one for n in range(8) for one in range(50)]
    runner.close()

from __future__ import annotations

import asyncio
import threading

import pytest

from soroi.http.errors import refuse
from soroi.http.gate import Gate, OverloadedError
from soroi.http.limits import Limits


def test_what_finds_the_line_full_is_refused_at_once_and_the_rest_is_done() -> None:
    async def scene() -> None:
        gate, let = Gate(Limits(threads=2, waiting=3)), threading.Event()
        tasks = [asyncio.create_task(gate.run(lambda: let.wait(30))) for _ in range(5)]
        await asyncio.sleep(0.05)
        assert gate.waiting == 3
        with pytest.raises(OverloadedError, match="3 requests wait already") as caught:
            await gate.run(lambda: None)
        assert gate.shed == 1
        reply = refuse(caught.value)
        assert (reply.status, dict(reply.headers)[b"retry-after"]) == (503, b"1")
        let.set()
        assert await asyncio.gather(*tasks) == [True] * 5
        await asyncio.sleep(0)
        assert gate.waiting == 0
        assert await gate.run(lambda: 7) == 7
        gate.close()

    asyncio.run(scene())


def test_what_nobody_waits_for_any_more_leaves_the_line() -> None:
    async def scene() -> None:
        gate, let, done = Gate(Limits(threads=1, waiting=1)), threading.Event(), []
        first = asyncio.create_task(gate.run(lambda: let.wait(30)))
        second = asyncio.create_task(gate.run(lambda: done.append(2)))
        await asyncio.sleep(0.05)
        second.cancel()
        await asyncio.sleep(0.05)
        third = asyncio.create_task(gate.run(lambda: done.append(3)))
        await asyncio.sleep(0.05)
        let.set()
        await asyncio.gather(first, third)
        assert done == [3]
        gate.close()

    asyncio.run(scene())


def test_errors_of_the_work_are_those_of_whoever_waits() -> None:
    async def scene() -> None:
        gate = Gate(Limits())
        with pytest.raises(ZeroDivisionError):
            await gate.run(lambda: 1 // 0)
        gate.close()

    asyncio.run(scene())


def test_who_is_refused_is_told_to_wait_as_long_as_the_work_takes() -> None:
    async def scene() -> None:
        gate = Gate(Limits(threads=1, waiting=9))
        assert gate.retry_after() == 1
        gate._recent = 3.0
        gate._inside = 4
        assert gate.retry_after() == 12
        gate._inside = 400
        assert gate.retry_after() == 30
        gate.close()

    asyncio.run(scene())

"""Threads for work that must not keep the event loop, and a bounded line before them. What finds it full is refused."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from soroi.base.errors import SoroiError
from soroi.http.limits import Limits

T = TypeVar("T")

_WEIGHT = 0.1  # of the latest piece of work in what one is said to take
_LONGEST = 30


class OverloadedError(SoroiError):
    """More is asked than can be answered soon. The request was not begun and may be sent again."""

    code = "overloaded"


class Gate:
    """Runs work in threads.

    Args:
        limits: How many threads, and how many may wait.
    """

    def __init__(self, limits: Limits) -> None:
        self._pool = ThreadPoolExecutor(limits.threads, thread_name_prefix="soroi-answer")
        self._threads = limits.threads
        self._most = limits.threads + limits.waiting
        self._inside = 0
        self._recent = 0.0
        self.shed = 0
        """How much was refused."""

    @property
    def waiting(self) -> int:
        """How much waits for a thread."""
        return max(self._inside - self._threads, 0)

    async def run(self, work: Callable[[], T]) -> T:
        """What the work gives. Called on the event loop only.

        Raises:
            OverloadedError: Too much waits already; says when to try again.
        """
        if self._inside >= self._most:
            self.shed += 1
            seconds = self.retry_after()
            raise OverloadedError(
                f"{self.waiting} requests wait already, which is all that may",
                hint=f"try again in {seconds} s, or ask less at once",
                retry_after=seconds,
            )
        self._inside += 1
        future = asyncio.get_running_loop().run_in_executor(self._pool, self._timed, work)
        future.add_done_callback(self._leave)
        return await future

    def retry_after(self) -> int:
        """Seconds until what waits will be done, as far as can be said."""
        return max(1, min(_LONGEST, math.ceil(self._inside / self._threads * self._recent)))

    def close(self) -> None:
        """Take no more work, and drop what waits."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _timed(self, work: Callable[[], T]) -> T:
        begun = time.perf_counter()
        try:
            return work()
        finally:
            self._recent += _WEIGHT * (time.perf_counter() - begun - self._recent)

    def _leave(self, _future: asyncio.Future[T]) -> None:
        self._inside -= 1

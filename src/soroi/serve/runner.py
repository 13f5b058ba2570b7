"""Where steps run so that they can be abandoned: a caller waits only as long as it has time."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable
from typing import Any, Generic, Protocol, TypeVar

T = TypeVar("T")


class Late(Exception):  # noqa: N818 (it is an outcome, not a fault)
    """A call did not return in time. It may still be running; nobody waits for it."""


class Abandoned(Exception):  # noqa: N818
    """Raised inside a call that nobody waits for any more, at a point where it looks."""


class Ticket:
    """Tells a call whether somebody still waits for it."""

    __slots__ = ("abandoned",)

    def __init__(self) -> None:
        self.abandoned = False

    def check(self) -> None:
        """Stop here when nobody waits.

        Raises:
            Abandoned: Nobody does.
        """
        if self.abandoned:
            raise Abandoned


class Runner(Protocol):
    """Runs a call and waits for it for a limited time. Worker processes can be put behind this later."""

    def run(self, call: Callable[[Ticket], T], seconds: float) -> T:
        """What the call returns.

        Args:
            call: Given a ticket that says when nobody waits any more.
            seconds: How long to wait; not positive: not at all.

        Raises:
            Late: It did not return in time.
            BaseException: What the call raised.
        """
        ...

    @property
    def overdue(self) -> int:
        """How many abandoned calls are still running."""
        ...

    def close(self) -> None:
        """Take no more calls."""
        ...


class _Job(Generic[T]):
    """One call on its way."""

    __slots__ = ("call", "done", "error", "result", "ticket")

    def __init__(self, call: Callable[[Ticket], T]) -> None:
        self.call = call
        self.ticket = Ticket()
        self.done = threading.Lock()
        self.done.acquire()
        self.result: T | None = None
        self.error: BaseException | None = None


class ThreadRunner:
    """Runs calls in daemon threads. An abandoned call keeps its thread until it returns; others go on beside it.

    Args:
        most: Greatest number of threads. When all of them hold abandoned calls, further calls are late.
    """

    def __init__(self, most: int = 128) -> None:
        self._most = most
        self._jobs: queue.SimpleQueue[_Job[Any] | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._lock = threading.Lock()
        self._threads = 0
        self._overdue = 0
        self._closed = False

    @property
    def overdue(self) -> int:
        """How many abandoned calls are still running."""
        return self._overdue

    def run(self, call: Callable[[Ticket], T], seconds: float) -> T:
        """What the call returns; see :meth:`Runner.run`."""
        if seconds <= 0 or self._closed:
            raise Late
        job = _Job(call)
        self._jobs.put(job)
        self._ensure_thread()
        if not job.done.acquire(timeout=seconds):
            with self._lock:
                if job.done.locked():
                    job.ticket.abandoned = True
                    self._overdue += 1
                    raise Late
        if job.error is not None:
            raise job.error
        return job.result  # type: ignore[return-value]

    def close(self) -> None:
        """Let the threads end once they are free. Does not wait for calls that are running."""
        with self._lock:
            self._closed = True
            for _ in range(self._threads):
                self._jobs.put(None)

    def _ensure_thread(self) -> None:
        if self._idle.acquire(blocking=False):
            return
        with self._lock:
            if self._threads >= self._most:
                return
            self._threads += 1
        threading.Thread(target=self._work, name="soroi-step", daemon=True).start()

    def _work(self) -> None:
        while True:
            job = self._jobs.get()
            if job is None:
                return
            if not job.ticket.abandoned:
                try:
                    job.result = job.call(job.ticket)
                except BaseException as error:  # handed to whoever waits
                    job.error = error
            with self._lock:
                job.done.release()
                self._overdue -= job.ticket.abandoned
            job = None
            self._idle.release()

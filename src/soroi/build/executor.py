"""The port to whatever runs the work of a build: a process pool here, a cluster elsewhere."""

from __future__ import annotations

from concurrent.futures import Future
from types import TracebackType
from typing import Protocol, Self

from soroi.build.task import Draft, Task


class Executor(Protocol):
    """Runs tasks side by side.

    A task that raises gives a future with that error; a worker that dies gives a future with a ``BuildError``. One
    task's failure must not touch another's.
    """

    def submit(self, task: Task) -> Future[Draft]:
        """Begin a task."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...

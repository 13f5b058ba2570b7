"""The worker pools of an engine: one for each manifest that takes part, begun before it does and ended after."""

from __future__ import annotations

import threading
from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from soroi.serve.pool import WorkerPool
from soroi.serve.snapshot import Snapshot

DRAIN_SECONDS = 10.0
"""How long the processes of a manifest that answers no more stay, for requests on their way."""


class Pools:
    """Begins and ends worker pools. Safe between threads.

    Args:
        size: How many processes a manifest gets for the steps that run somebody's code; 0: none.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._lock = threading.Lock()
        self._open: list[WorkerPool] = []

    def begin(self, snapshot: Snapshot) -> WorkerPool | None:
        """Processes for the steps of a manifest, ready to be asked; ``None``: it needs none, or cannot have any.

        Raises:
            RefusedError: They cannot load the manifest.
        """
        parts = snapshot.decisions.values()
        if not self._size or snapshot.origin is None or all(part.plan.whole for part in parts):
            return None
        has_steps = any(part.plan.left is not None for part in parts)
        pool = WorkerPool(snapshot.origin, self._size if has_steps else 1)
        with self._lock:
            self._open.append(pool)  # from now on it is told of rows that come in
        try:
            pool.wait_ready()
        except BaseException:
            self.end(pool)
            raise
        return pool

    def end(self, pool: WorkerPool | None, *, after: float = 0.0) -> None:
        """End a pool.

        Args:
            pool: The pool.
            after: Seconds to leave to requests on their way.
        """
        if pool is None:
            return
        with self._lock:
            if pool in self._open:
                self._open.remove(pool)
        if not after:
            pool.close()
            return
        timer = threading.Timer(after, pool.close)
        timer.daemon = True
        timer.start()

    def keep(self, kept: Collection[WorkerPool | None], before: Collection[WorkerPool | None]) -> None:
        """End, once requests on their way are done, the pools of the view before that the view now has not."""
        for pool in before:
            if pool not in kept:
                self.end(pool, after=DRAIN_SECONDS)

    def take_rows(self, source: str, rows: Sequence[Any], at: datetime) -> None:
        """Let every process know rows that came in and are logged."""
        with self._lock:
            pools = list(self._open)
        for pool in pools:
            pool.take_rows(source, rows, at)

    def problems(self) -> list[str]:
        """What is wrong at present, in sentences."""
        return [f"a worker process cannot be started: {one.problem}" for one in self._open if one.problem is not None]

    def close(self) -> None:
        """End them all."""
        with self._lock:
            pools, self._open = self._open, []
        for pool in pools:
            pool.close()

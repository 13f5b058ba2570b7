"""Work behind the answers: done one after another in a thread of its own, and left out when there is too much."""

from __future__ import annotations

import logging
import queue
import threading
from collections.abc import Callable

_LOG = logging.getLogger("soroi.serve")


class Shadows:
    """Does work that nobody waits for.

    Args:
        most: How many pieces may wait; what comes on top is left out.
    """

    def __init__(self, most: int = 64) -> None:
        self._queue: queue.Queue[Callable[[], object] | None] = queue.Queue(most)
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._closed = False
        self.left_out = 0
        """Pieces that were left out, because too many waited."""

    def submit(self, work: Callable[[], object]) -> bool:
        """Take a piece of work, if there is room. Never waits.

        Returns:
            Whether it was taken.
        """
        if self._thread is None:
            self._begin()
        try:
            if self._closed:
                return False
            self._queue.put_nowait(work)
        except queue.Full:
            self.left_out += 1
            return False
        return True

    def drain(self) -> None:
        """Wait until everything taken so far is done."""
        self._queue.join()

    def close(self) -> None:
        """Take no more, leave out what waits, and end once the present piece is done."""
        self._closed = True
        while True:
            try:
                self._queue.get_nowait()
                self._queue.task_done()
            except queue.Empty:
                break
        if self._thread is not None:
            self._queue.put(None)
            self._thread.join()

    def _begin(self) -> None:
        with self._lock:
            if self._thread is None and not self._closed:
                self._thread = threading.Thread(target=self._run, name="soroi-shadow", daemon=True)
                self._thread.start()

    def _run(self) -> None:
        while (work := self._queue.get()) is not None:
            try:
                work()
            except Exception as error:  # a shadow must not be noticed, except here
                _LOG.error("a shadow answer failed: %s", error)
            finally:
                self._queue.task_done()

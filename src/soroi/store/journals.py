"""A directory of journals, one per name, flushed in the background."""

from __future__ import annotations

import os
import threading
from collections.abc import Sequence
from pathlib import Path
from urllib.parse import quote, unquote

from soroi.base.errors import DataError
from soroi.store.journal import Damage, Journal, closed, read_segment, segments

FLUSH_SECONDS = 1.0
"""Longest time until what was appended without ``durable`` is on the disk."""


class Journals:
    """Writes and finds the journals below a directory. Safe between threads and between processes."""

    def __init__(self, directory: Path, *, max_bytes: int, max_seconds: float) -> None:
        """Journals; nothing is made before the first append.

        Args:
            directory: Where they are; each has a directory of its own in it.
            max_bytes: Size at which a new segment is begun.
            max_seconds: Age at which a new segment is begun.
        """
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._journals: dict[str, Journal] = {}
        self._flusher = Flusher()
        self._lock = threading.Lock()

    @property
    def problem(self) -> BaseException | None:
        """What the background flush failed with, or ``None`` while it goes well."""
        return self._flusher.problem

    def append(self, name: str, payloads: Sequence[bytes], *, durable: bool) -> None:
        """Append payloads to the journal of a name, all or none.

        Raises:
            StorageFullError: No space is left; none was appended.
        """
        journal = self._journals.get(name)
        if journal is None or not self._flusher.is_running:
            journal = self._watched(name)
        journal.append(payloads, durable=durable)

    def _watched(self, name: str) -> Journal:
        """The journal of a name, flushed from now on."""
        with self._lock:
            journal = self._journals.get(name)
            if journal is None:
                journal = Journal(self.of(name), max_bytes=self._max_bytes, max_seconds=self._max_seconds)
            self._flusher.watch(journal)
            self._journals[name] = journal
            return journal

    def names(self) -> list[str]:
        """Names that have a journal, in alphabetical order."""
        if not self._directory.is_dir():
            return []
        return sorted(unquote(one.name) for one in self._directory.iterdir() if one.is_dir())

    def of(self, name: str) -> Path:
        """Directory of a name's journal.

        Raises:
            DataError: The name is empty.
        """
        if not name:
            raise DataError("a journal needs a name")
        text = quote(name, safe="[]")
        return self._directory / ("%2E" + text[1:] if text.startswith(".") else text)

    def damage(self) -> list[Damage]:
        """What is not whole in closed segments: torn tails that kills left, and bytes that were changed."""
        found: list[Damage] = []
        for name in self.names():
            for path in segments(self.of(name)):
                with closed(path) as is_closed:
                    if is_closed:
                        found.extend(read_segment(path).damage)
        return found

    def flush(self) -> None:
        """Bring everything appended so far to the disk."""
        for journal in list(self._journals.values()):
            journal.flush()

    def close(self) -> None:
        """Flush and let go of the segments. Can be appended to again."""
        with self._lock:
            journals, self._journals = self._journals, {}
            flusher, self._flusher = self._flusher, Flusher()
        flusher.stop()
        for journal in journals.values():
            journal.close()


class Flusher:
    """Flushes journals in the background, at least once a second while anything waits."""

    def __init__(self, seconds: float = FLUSH_SECONDS) -> None:
        self._seconds = seconds
        self._journals: list[Journal] = []
        self._thread: threading.Thread | None = None
        self._pid = 0
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self.problem: BaseException | None = None
        """What the last flush failed with, or ``None`` when it went well."""

    @property
    def is_running(self) -> bool:
        """Whether its thread runs, in this process."""
        return self._thread is not None and self._pid == os.getpid()

    def watch(self, journal: Journal) -> None:
        """Flush a journal from now on."""
        with self._lock:
            if not any(one is journal for one in self._journals):
                self._journals.append(journal)
            if self._thread is None or self._pid != os.getpid():
                self._pid = os.getpid()
                self._stop = threading.Event()
                self._thread = threading.Thread(target=self._run, name="soroi-flush", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """End the thread. Does not flush."""
        with self._lock:
            thread, self._thread = self._thread, None
        self._stop.set()
        if thread is not None and self._pid == os.getpid():
            thread.join()

    def _run(self) -> None:
        stop = self._stop
        while not stop.wait(self._seconds * 0.8):
            for journal in list(self._journals):
                if not journal.dirty:
                    continue
                try:
                    journal.flush()
                    self.problem = None
                except Exception as error:
                    self.problem = error

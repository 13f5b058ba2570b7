"""The row log: rows that came in while serving, per source, appended as they come.

Files: ``rows/<source>/<segment>.log``. A batch is one frame: all of it is there, or none.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import msgspec

from soroi.store.journal import Damage, read_segment, segments
from soroi.store.journals import Journals


class RowLog:
    """Writes and reads the rows below a directory. Safe between threads and between processes."""

    def __init__(self, root: Path, *, max_bytes: int = 16 << 20, max_seconds: float = 3600.0) -> None:
        """A log; nothing is made before the first append.

        Args:
            root: Directory of the store; rows are in ``root/rows``.
            max_bytes: Size at which a new segment is begun.
            max_seconds: Age at which a new segment is begun.
        """
        self._journals = Journals(Path(root) / "rows", max_bytes=max_bytes, max_seconds=max_seconds)

    @property
    def problem(self) -> BaseException | None:
        """What the background flush failed with, or ``None`` while it goes well."""
        return self._journals.problem

    def append(self, source: str, rows: Sequence[dict[str, Any]], durable: bool = False) -> None:
        """Append a batch of rows, all or none.

        Aware times come back as times in UTC; dates, times of day and spans as ISO 8601 text.

        Args:
            source: Node id of the source.
            rows: The rows.
            durable: Return only when they are on the disk; else they are there within a second.

        Raises:
            StorageFullError: No space is left. None was appended.
        """
        if rows:
            self._journals.append(source, [msgspec.msgpack.encode(list(rows))], durable=durable)

    def scan(self, source: str) -> Iterator[dict[str, Any]]:
        """All rows of a source, segment by segment; in the order of appending within one writer."""
        for path in segments(self._journals.of(source)):
            for payload in read_segment(path).payloads:
                yield from msgspec.msgpack.decode(payload)

    def sources(self) -> list[str]:
        """Sources that have rows, in alphabetical order."""
        return self._journals.names()

    def damage(self) -> list[Damage]:
        """What is not whole in closed segments: torn tails that kills left, and bytes that were changed."""
        return self._journals.damage()

    def flush(self) -> None:
        """Bring everything appended so far to the disk."""
        self._journals.flush()

    def close(self) -> None:
        """Flush and let go of the segments. The log can be appended to again."""
        self._journals.close()

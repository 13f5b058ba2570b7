"""Reading the answers log as it grows: what is new since the last look, without reading the rest again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import msgspec

from soroi.store.answers import AnswerLog
from soroi.store.archive import archives, covered, read_archive
from soroi.store.journal import MARK, parse_segment, segments
from soroi.store.journals import Journals


@dataclass(frozen=True)
class Fresh:
    """What one look found."""

    answers: list[dict[str, Any]]
    """The answers, as they were recorded."""

    again: bool
    """Whether they are all there are, from the beginning: whoever counts begins to count anew."""


class AnswerTail:
    """Gives the answers of a log bit by bit. What it remembers is a cache: another one begins at the beginning.

    Args:
        root: Directory of the store; answers are in ``root/answers``.
        since: Only answers at or after this time (aware).
    """

    def __init__(self, root: Path, since: datetime) -> None:
        self._log = AnswerLog(root)
        self._journals = Journals(Path(root) / "answers", max_bytes=0, max_seconds=0.0)
        self._since = since
        self._read: dict[Path, int] = {}
        self._archives: set[Path] | None = None
        self._taken: set[Path] = set()

    def look(self) -> Fresh:
        """The answers that were not given before; all of them when segments were compacted since the last look."""
        folders = [self._journals.of(decision) for decision in self._log.decisions()]
        old = {path for folder in folders for path in archives(folder)}
        again = self._archives is None or old != self._archives
        found: list[dict[str, Any]] = []
        if again:
            self._read.clear()
            found += [one for path in sorted(old) for one in read_archive(path, since=self._since)]
            self._taken = {path.parent / name for path in old for name in covered(path)}
        self._archives = old
        for path in (one for folder in folders for one in segments(folder)):
            if path not in self._taken:  # a kill can come between writing an archive and removing its segments
                found += self._segment(path)
        return Fresh([one for one in found if one["at"] >= self._since], again)

    def _segment(self, path: Path) -> Iterator[dict[str, Any]]:
        begin = self._read.get(path, 0)
        try:
            with path.open("rb") as file:
                file.seek(begin)
                data = file.read()
        except FileNotFoundError:  # compacted since it was listed; the next look sees its archive
            self._archives = None
            return
        if data:
            parsed = parse_segment(path, data if begin == 0 else MARK + data)
            torn = sum(one.size for one in parsed.damage if one.torn)  # still being written, or left by a kill
            self._read[path] = begin + len(data) - torn
            for payload in parsed.payloads:
                yield msgspec.msgpack.decode(payload)

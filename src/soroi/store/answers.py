"""The answers log: every answer given, appended as it is given, found again by its id.

An answer is a mapping with text ``id`` and ``decision`` and a time ``at`` (aware), and whatever else. Plain
values (numbers, text, bytes, times) are kept as they are; lists and mappings inside are kept as JSON would keep
them (times in them become text). Files: ``answers/<decision>/<segment>.log``, and ``….parquet`` once compacted.
"""

from __future__ import annotations

import fcntl
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from soroi.base.errors import DataError
from soroi.store.archive import archives, covered, known_ids, read_archive, write_archive
from soroi.store.failures import naming
from soroi.store.journal import Damage, closed, parse_segment, read_segment, segments
from soroi.store.journals import Journals

DAMAGED = ".damaged"
"""Ending added to a segment that had changed bytes in its middle, when it is compacted."""

_PLAIN = (str, float, int, bool, type(None), bytes, datetime)


@dataclass
class Compaction:
    """What a compaction did."""

    segments: int = 0
    """Segments taken up."""

    records: int = 0
    """Answers written."""

    duplicates: int = 0
    """Answers left out because their id was there already."""

    files: list[Path] = field(default_factory=list)
    """Archives written."""

    damage: list[Damage] = field(default_factory=list)
    """What was not whole."""


class AnswerLog:
    """Writes and reads the answers below a directory. Safe between threads and between processes."""

    def __init__(self, root: Path, *, max_bytes: int = 16 << 20, max_seconds: float = 3600.0) -> None:
        """A log; nothing is made before the first append.

        Args:
            root: Directory of the store; answers are in ``root/answers``.
            max_bytes: Size at which a new segment is begun.
            max_seconds: Age at which a new segment is begun.
        """
        self._journals = Journals(Path(root) / "answers", max_bytes=max_bytes, max_seconds=max_seconds)

    @property
    def problem(self) -> BaseException | None:
        """What the background flush failed with, or ``None`` while it goes well."""
        return self._journals.problem

    def append(self, records: Sequence[dict[str, Any]], durable: bool = False) -> None:
        """Append answers.

        Those of one decision are appended all or none. With several decisions an error can leave some of them
        appended: append all of them again, an id counts once.

        Args:
            records: The answers.
            durable: Return only when they are on the disk; else they are there within a second.

        Raises:
            DataError: An answer lacks ``id``, ``decision`` or ``at``. None was appended.
            StorageFullError: No space is left.
        """
        payloads: dict[str, list[bytes]] = defaultdict(list)
        for record in records:
            payloads[_decision(record)].append(_encode(record))
        for decision, several in payloads.items():
            self._journals.append(decision, several, durable=durable)

    def append_encoded(self, decision: str, record: bytes, durable: bool = False) -> None:
        """Append one answer that is encoded already.

        Args:
            decision: Id of its decision.
            record: A mapping in MessagePack with ``id``, ``decision`` and ``at``, as :meth:`append` makes it: plain
                values, and what JSON would keep inside of lists and mappings. Not looked at.
            durable: As for :meth:`append`.

        Raises:
            StorageFullError: No space is left.
        """
        self._journals.append(decision, (record,), durable=durable)

    def flush(self) -> None:
        """Bring everything appended so far to the disk."""
        self._journals.flush()

    def close(self) -> None:
        """Flush and let go of the segments. The log can be appended to again."""
        self._journals.close()

    def decisions(self) -> list[str]:
        """Decisions that have answers, in alphabetical order."""
        return self._journals.names()

    def folder(self, decision: str) -> Path:
        """Where the answers of a decision are."""
        return self._journals.of(decision)

    def find(self, answer_id: str) -> dict[str, Any] | None:
        """The answer with an id, or ``None``."""
        needle = answer_id.encode()
        for decision in self.decisions():
            directory = self._journals.of(decision)
            logs = segments(directory)
            for path in reversed(logs):
                found = _find_in_segment(path, needle, answer_id)
                if found is not None:
                    return found
            for path in reversed(archives(directory)):
                for record in read_archive(path, ids=[answer_id]):
                    return record
        return None

    def scan(
        self, decision: str | None = None, since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[dict[str, Any]]:
        """Answers, each id once: compacted ones, then segment by segment; in order within one writer.

        Args:
            decision: Only of this decision.
            since: Only those at or after this time (aware).
            until: Only those before this time (aware).
        """
        for name in self.decisions() if decision is None else [decision]:
            yield from self._scan(self._journals.of(name), since, until)

    def damage(self) -> list[Damage]:
        """What is not whole in closed segments: torn tails that kills left, and bytes that were changed."""
        return self._journals.damage()

    def compact(self) -> Compaction:
        """Turn closed segments into archives, one per decision and day, each id exactly once.

        A kill at any instant loses nothing and doubles nothing. Segments that are being written are left alone;
        one with bytes changed in its middle is kept under another name.

        Raises:
            StorageFullError: No space is left; what was not compacted stays as it was.
        """
        done = Compaction()
        for decision in self.decisions():
            directory = self._journals.of(decision)
            with (directory / ".compact").open("a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                _compact(directory, done)
        return done

    def _scan(self, directory: Path, since: datetime | None, until: datetime | None) -> Iterator[dict[str, Any]]:
        logs = segments(directory)
        old = archives(directory)
        taken = {name for path in old for name in covered(path)}
        for path in old:
            yield from read_archive(path, since=since, until=until)
        seen: set[str] = set()
        for path in logs:
            records = () if path.name in taken else _records(path)
            if records is None:  # compacted since it was listed
                continue
            fresh = [record for record in records if record["id"] not in seen]
            double = known_ids(old, [record["id"] for record in fresh])
            for record in fresh:
                if record["id"] not in seen and record["id"] not in double:
                    seen.add(record["id"])
                    if _within(record, since, until):
                        yield record
        for path in (one for one in archives(directory) if one not in old):
            for record in read_archive(path, since=since, until=until):
                if record["id"] not in seen:
                    seen.add(record["id"])
                    yield record


def as_recorded(record: dict[str, Any]) -> dict[str, Any]:
    """An answer as :meth:`AnswerLog.find` would give it back once it is appended."""
    found: dict[str, Any] = msgspec.msgpack.decode(_encode(record))
    return found


def _compact(directory: Path, done: Compaction) -> None:
    old = archives(directory)
    taken = {name for path in old for name in covered(path)}
    with ExitStack() as stack:
        ready = [path for path in segments(directory) if stack.enter_context(closed(path))]
        for path in ready:
            if path.name in taken:  # a kill came between writing the archive and removing the segment
                path.unlink()
        by_day: dict[str, list[Path]] = defaultdict(list)
        for path in ready:
            if path.name not in taken:
                by_day[path.name[:8]].append(path)
        for day, paths in by_day.items():
            old += _archive(directory, day, paths, old, done)


def _archive(directory: Path, day: str, paths: list[Path], old: list[Path], done: Compaction) -> list[Path]:
    unique: dict[str, dict[str, Any]] = {}
    total, changed = 0, set()
    for path in paths:
        segment = read_segment(path)
        done.damage.extend(segment.damage)
        if any(not one.torn for one in segment.damage):
            changed.add(path)
        for payload in segment.payloads:
            record = msgspec.msgpack.decode(payload)
            unique.setdefault(record["id"], record)
            total += 1
    double = known_ids(old, list(unique))
    records = [record for record in unique.values() if record["id"] not in double]
    made: list[Path] = []
    if records:
        made.append(write_archive(directory, day, records, [path.name for path in paths]))
    with naming(directory):
        for path in paths:
            if path in changed:
                path.rename(path.with_name(path.name + DAMAGED))
            else:
                path.unlink()
    done.segments += len(paths)
    done.records += len(records)
    done.duplicates += total - len(records)
    done.files += made
    return made


def _find_in_segment(path: Path, needle: bytes, answer_id: str) -> dict[str, Any] | None:
    try:
        data = path.read_bytes()
    except FileNotFoundError:
        return None
    if needle not in data:
        return None
    for payload in parse_segment(path, data).payloads:
        if needle in payload:
            record: dict[str, Any] = msgspec.msgpack.decode(payload)
            if record["id"] == answer_id:
                return record
    return None


def _records(path: Path) -> list[dict[str, Any]] | None:
    """The answers of a segment, or ``None`` when the segment is gone."""
    try:
        payloads = read_segment(path).payloads
    except FileNotFoundError:
        return None
    return [msgspec.msgpack.decode(one) for one in payloads]


def _within(record: dict[str, Any], since: datetime | None, until: datetime | None) -> bool:
    at: datetime = record["at"]
    return (since is None or at >= since) and (until is None or at < until)


def _decision(record: dict[str, Any]) -> str:
    for name, kind in (("id", str), ("decision", str), ("at", datetime)):
        value = record.get(name)
        if not isinstance(value, kind) or not value:
            raise DataError(f"an answer needs '{name}' ({kind.__name__}), not {value!r}", field=name)
    if record["at"].tzinfo is None:
        raise DataError(f"answer {record['id']} has a time without a zone", field="at")
    return str(record["decision"])


def _encode(record: dict[str, Any]) -> bytes:
    plain = {
        name: value if type(value) in _PLAIN else msgspec.to_builtins(value, str_keys=True, enc_hook=_plain)
        for name, value in record.items()
    }
    plain["at"] = record["at"].astimezone(UTC)
    return msgspec.msgpack.encode(plain)


def _plain(value: Any) -> Any:
    """NumPy's scalars and arrays as Python's."""
    if hasattr(value, "tolist"):
        return value.tolist()
    raise DataError(
        f"an answer cannot hold a {type(value).__name__}", hint="give numbers, text, times, lists, mappings"
    )

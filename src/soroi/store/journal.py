"""Journals: append-only files of framed records that survive a kill at any instant.

A segment is an 8-byte mark and frames. A frame is a length (32 bits), a CRC-32 over the length and the payload,
and the payload; all little-endian. Appending writes whole frames with one call; when that fails half-way, the
segment is cut back to its last whole frame. A frame torn by a kill is found by its checksum, reported, and
everything before it is kept. A writer holds a lock on its segment for as long as it lives, so that others can
tell a closed segment from an open one. Every process (and every restart) writes segments of its own.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import struct
import threading
import time
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from soroi.store.failures import naming

MARK = b"soroij1\n"
"""First bytes of every segment, with the version of the format."""

SUFFIX = ".log"
"""Ending of a segment's name."""

_HEADER = struct.Struct("<II")
_LENGTH = struct.Struct("<I")


@dataclass(frozen=True)
class Damage:
    """Bytes of a segment that are not a whole frame."""

    path: Path
    """The segment."""

    offset: int
    """Where they begin."""

    size: int
    """How many there are."""

    torn: bool
    """True at the end of the segment, as a kill leaves it; False between whole frames, where bytes were changed."""

    def __str__(self) -> str:
        kind = "a torn tail" if self.torn else "damaged bytes"
        return f"{self.path}: {kind} of {self.size} bytes at {self.offset}"


@dataclass(frozen=True)
class Segment:
    """What a segment holds."""

    path: Path
    """The file."""

    payloads: list[bytes]
    """Payloads of the whole frames, in order."""

    damage: list[Damage]
    """What is not whole."""


def read_segment(path: Path) -> Segment:
    """Read all whole frames of a segment, also while it is being written.

    Raises:
        StoreError: The file cannot be read (:class:`FileNotFoundError` when it is gone).
    """
    return parse_segment(path, path.read_bytes())


def parse_segment(path: Path, data: bytes) -> Segment:
    """The whole frames in the bytes of a segment."""
    payloads: list[bytes] = []
    damage: list[Damage] = []
    if data[: len(MARK)] != MARK:
        bad = [Damage(path, 0, len(data), torn=MARK.startswith(data))] if data else []
        return Segment(path, payloads, bad)
    at = len(MARK)
    while at < len(data):
        end = _frame_end(data, at)
        if end is not None and _is_whole(data, at, end):
            payloads.append(data[at + _HEADER.size : end])
        elif end is not None and end < len(data) and _whole_at(data, end):
            damage.append(Damage(path, at, end - at, torn=False))
        else:
            damage.append(Damage(path, at, len(data) - at, torn=True))
            break
        at = end
    return Segment(path, payloads, damage)


def frame(payload: bytes) -> bytes:
    """A payload in its frame."""
    size = len(payload)
    return _HEADER.pack(size, zlib.crc32(payload, zlib.crc32(_LENGTH.pack(size)))) + payload


def segments(directory: Path) -> list[Path]:
    """The segments in a directory, oldest first."""
    return sorted(directory.glob(f"*{SUFFIX}"))


@contextlib.contextmanager
def closed(path: Path) -> Iterator[bool]:
    """Tell whether a segment is there and no writer holds it; keeps other lockers off it meanwhile."""
    try:
        file = path.open("rb")
    except FileNotFoundError:
        yield False
        return
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True


def _frame_end(data: bytes, at: int) -> int | None:
    if at + _HEADER.size > len(data):
        return None
    end: int = at + _HEADER.size + _LENGTH.unpack_from(data, at)[0]
    return end if end <= len(data) else None


def _is_whole(data: bytes, at: int, end: int) -> bool:
    crc = zlib.crc32(data[at + _HEADER.size : end], zlib.crc32(data[at : at + 4]))
    return bool(crc == _HEADER.unpack_from(data, at)[1])


def _whole_at(data: bytes, at: int) -> bool:
    end = _frame_end(data, at)
    return end is not None and _is_whole(data, at, end)


class Journal:
    """Writes the segments of one directory. Safe between threads; after a fork the child writes its own."""

    def __init__(self, directory: Path, *, max_bytes: int = 16 << 20, max_seconds: float = 3600.0) -> None:
        """A writer; nothing is made before the first append.

        Args:
            directory: Where the segments are.
            max_bytes: A new segment is begun when one is at least so large.
            max_seconds: A new segment is begun when one is at least so old.
        """
        self._directory = directory
        self._max_bytes = max_bytes
        self._max_seconds = max_seconds
        self._lock = threading.RLock()
        self._open: _OpenSegment | None = None
        self._count = 0

    def append(self, payloads: Sequence[bytes], *, durable: bool) -> None:
        """Append frames, all in one call.

        Args:
            payloads: Their contents.
            durable: Return only when they are on the disk.

        Raises:
            StorageFullError: No space is left; none of them is in the journal.
            StoreError: They cannot be written.
        """
        data = frame(payloads[0]) if len(payloads) == 1 else b"".join([frame(one) for one in payloads])
        with self._lock:
            segment = self._current()
            try:
                end = segment.write(data)
            except BaseException:
                if segment.broken:
                    self._leave()
                with naming(segment.path):
                    raise
        if durable:
            self._make_durable(segment, end)

    def flush(self) -> None:
        """Bring everything appended so far to the disk.

        Raises:
            StoreError: The disk refuses; what was not durable may be lost.
        """
        segment = self._open
        if segment is not None:
            self._make_durable(segment, segment.size)

    def close(self) -> None:
        """Flush, and let go of the segment."""
        with self._lock:
            try:
                self.flush()
            finally:
                self._leave()

    @property
    def dirty(self) -> bool:
        """Whether something appended is not on the disk yet."""
        segment = self._open
        return segment is not None and segment.synced < segment.size

    def _make_durable(self, segment: _OpenSegment, end: int) -> None:
        try:
            with naming(segment.path):
                segment.sync(end)
        except BaseException:
            with self._lock:
                if self._open is segment:
                    self._leave()
            raise

    def _current(self) -> _OpenSegment:
        segment = self._open
        if segment is not None and (
            segment.pid != os.getpid()
            or segment.size >= self._max_bytes
            or time.monotonic() - segment.since >= self._max_seconds
        ):
            if segment.pid == os.getpid():
                self._make_durable(segment, segment.size)
            self._leave()
        if self._open is None:
            self._open = self._begin()
        return self._open

    def _begin(self) -> _OpenSegment:
        with naming(self._directory):
            self._directory.mkdir(parents=True, exist_ok=True)
            while True:
                self._count += 1
                stamp = datetime.now(UTC).strftime("%Y%m%dT%H%M%S%f")
                path = self._directory / f"{stamp}-{os.getpid()}-{self._count}{SUFFIX}"
                try:
                    return _OpenSegment(path)
                except (FileExistsError, BlockingIOError):
                    continue

    def _leave(self) -> None:
        segment, self._open = self._open, None
        if segment is not None:
            segment.close()


class _OpenSegment:
    """A segment that this process writes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.pid = os.getpid()
        self.since = time.monotonic()
        self.broken = False
        self.size = 0
        self.synced = 0
        self._file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC, 0o644)
        self._syncing = threading.Lock()
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.fstat(self._file).st_nlink == 0:  # taken for an empty one and removed, before it was locked
                raise BlockingIOError(errno.EAGAIN, "the segment was removed")
            self.write(MARK)
            _sync_directory(path.parent)
        except BaseException:
            with contextlib.suppress(OSError):
                path.unlink()
            os.close(self._file)
            raise

    def write(self, data: bytes) -> int:
        """Write bytes whole, or cut the file back to where it was. Gives the size then."""
        try:
            done = os.write(self._file, data)
            while done < len(data):
                done += os.write(self._file, memoryview(data)[done:])
        except BaseException:
            self._cut_back()
            raise
        self.size += len(data)
        return self.size

    def sync(self, end: int) -> None:
        """Bring the bytes up to ``end`` to the disk. Callers that wait meanwhile share one flush."""
        with self._syncing:
            if self.synced >= end:
                return
            if self._file < 0:
                raise OSError(errno.EIO, "an earlier flush of this segment failed")
            size = self.size
            os.fdatasync(self._file)
            self.synced = size

    def close(self) -> None:
        """Close the file, which lets its lock go (unless a forked child still has it open)."""
        with self._syncing:
            if self._file >= 0:
                os.close(self._file)
                self._file = -1

    def _cut_back(self) -> None:
        try:
            os.ftruncate(self._file, self.size)
        except OSError:
            self.broken = True


def _sync_directory(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)

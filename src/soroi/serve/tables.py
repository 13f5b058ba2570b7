"""Context tables while serving: what the manifest rests on, and the rows that came in since.

Readers take an immutable view; one writer at a time makes the next one. Rows that came in are in the row log
before they count, so a restart or another manifest starts from the same knowledge.
"""

from __future__ import annotations

import threading
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from functools import cached_property
from itertools import islice
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.base.errors import RequestError, UnknownNameError, did_you_mean
from soroi.serve.rows import RowSchema
from soroi.store import RowLog

INGESTED_AT = "__soroi_at"
"""Name under which the row log keeps when a row came in."""

_REPLAYED_AT_ONCE = 5_000
_SMALLEST_MERGE = 4_096

Known = npt.NDArray[np.int64]
Row = tuple[Any, ...]


@dataclass(frozen=True, eq=False)
class SourceBase:
    """The rows of one source version, sorted for looking up what was known when."""

    schema: RowSchema
    """Its columns."""

    version: str
    """Version id."""

    built_at: datetime
    """When the version was built."""

    frame: pl.DataFrame
    """The rows in the order in which they are stored: by time, then key. Empty when nobody looks them up."""

    @cached_property
    def by_known(self) -> pl.DataFrame:
        """The rows sorted by when they were known."""
        known = self.schema.known_at
        return self.frame if known in (None, self.schema.time) else self.frame.sort(known, maintain_order=True)

    @cached_property
    def known(self) -> Known | None:
        """When each of :attr:`by_known` was known, in microseconds since 1970."""
        return _known(self.schema, self.by_known)


@dataclass(frozen=True, eq=False)
class SourceView:
    """The rows of one source at one moment of serving. Never changes."""

    schema: RowSchema
    """Its columns."""

    frame: pl.DataFrame
    """Most rows, sorted by when they were known (by key when the source has no time)."""

    known: Known | None
    """When each of ``frame`` was known; ``None`` when the source has no time."""

    fresh: pl.DataFrame
    """Rows that came in lately, sorted likewise. Always empty when the source has no time."""

    @cached_property
    def whole(self) -> pl.DataFrame:
        """All rows, in the order in which a build stores them."""
        return self._as_stored(self.frame, self.fresh)

    def between(self, start: int, end: int) -> pl.DataFrame:
        """The rows known from ``start`` to ``end``, both ends included, in the order in which a build stores them.

        Args:
            start: In microseconds since 1970.
            end: Likewise.
        """
        if self.known is None:
            return self.whole
        found = _cut(self.frame, self.known, start, end)
        if self.fresh.height == 0:
            return self._as_stored(found, self.fresh)
        known = _known(self.schema, self.fresh)
        assert known is not None
        return self._as_stored(found, _cut(self.fresh, known, start, end))

    def __len__(self) -> int:
        return self.frame.height + self.fresh.height

    def with_keys(self, keys: pl.DataFrame) -> Iterator[Row]:
        """The rows that have one of the keys."""
        for part in (self.frame, self.fresh):
            if part.height:
                yield from part.join(keys, on=list(self.schema.key), how="semi").iter_rows()

    def plus(self, rows: pl.DataFrame, replaced: pl.DataFrame) -> SourceView:
        """The view with further rows.

        Args:
            rows: Rows to add.
            replaced: Keys of the rows that they replace.
        """
        view = self._without(replaced) if replaced.height else self
        known = self.schema.known_at
        if known is None:
            return replace(view, frame=pl.concat([view.frame, rows]).sort(*self.schema.key))
        fresh = pl.concat([view.fresh, rows]).sort(known, maintain_order=True)
        if fresh.height <= max(_SMALLEST_MERGE, view.frame.height // 16):
            return replace(view, fresh=fresh)
        frame = pl.concat([view.frame, fresh]).sort(known, maintain_order=True)
        return SourceView(self.schema, frame, _known(self.schema, frame), fresh.clear())

    def _without(self, keys: pl.DataFrame) -> SourceView:
        frame, fresh = (
            part.join(keys, on=list(self.schema.key), how="anti", maintain_order="left")
            for part in (self.frame, self.fresh)
        )
        return SourceView(self.schema, frame, _known(self.schema, frame), fresh)

    def _as_stored(self, frame: pl.DataFrame, fresh: pl.DataFrame) -> pl.DataFrame:
        time, known = self.schema.time, self.schema.known_at
        if fresh.height:
            frame = pl.concat([frame, fresh]) if frame.height else fresh
        if time is None or (time == known and not fresh.height):
            return frame
        return frame.sort(time, *self.schema.key)


@dataclass(frozen=True)
class Ingested:
    """What came of handing in rows."""

    accepted: int
    """Rows that were new, or newer than what was there."""

    known: int
    """Rows that were there already, or are older than what is there."""


@dataclass
class Replay:
    """What came of reading the row log again."""

    rows: int = 0
    """Rows read."""

    refused: int = 0
    """Rows that do not fit the source's columns of today, left out."""


@dataclass
class _Settled:
    """Which of some rows count."""

    winners: dict[Any, int] = field(default_factory=dict)
    replaced: set[Any] = field(default_factory=set)
    differing: list[int] = field(default_factory=list)
    accepted: int = 0


class OnlineTables:
    """The context tables of one manifest, with the rows that came in while serving. Safe between threads.

    Args:
        bases: The version of each source that the manifest rests on, by source.
        log: Where rows are kept that come in.
    """

    def __init__(self, bases: Mapping[str, SourceBase], log: RowLog) -> None:
        self._bases = dict(bases)
        self._log = log
        self._lock = threading.Lock()
        self._view: Mapping[str, SourceView] = {
            name: SourceView(base.schema, base.by_known, base.known, base.frame.clear()) for name, base in bases.items()
        }
        self.replayed = Replay()
        """What reading the row log gave."""

    @property
    def view(self) -> Mapping[str, SourceView]:
        """The tables as they are now, by source. What is returned never changes."""
        return self._view

    def slice(self, source: str, start: datetime, end: datetime) -> pl.LazyFrame:
        """The rows of a source known between two moments (aware), both included; all when it has no time.

        Raises:
            UnknownNameError: The manifest rests on no such source.
        """
        view = self._view.get(source)
        if view is None:
            raise UnknownNameError(f"no source is called '{source}'", hint=did_you_mean(source, self._view))
        return view.between(_micros(start), _micros(end)).lazy()

    def ingest(self, source: str, rows: Sequence[Any], now: datetime) -> Ingested:
        """Take rows in. They are on disk, and count for every later request, when this returns.

        A row whose key is known replaces the known one when it was known later (for a source without time: always)
        and differs; both stay in the log. Rows handed in twice count once.

        Args:
            source: Id of the source.
            rows: Mappings from column to value.
            now: The time; stands for a moment of knowing that is not given.

        Raises:
            UnknownNameError: The manifest rests on no such source.
            RequestError: A row is not what the source holds; names row and field. None was taken in.
            StorageFullError: No space is left. None was taken in.
        """
        base = self._bases.get(source)
        if base is None:
            raise UnknownNameError(f"no source is called '{source}'", hint=did_you_mean(source, self._bases))
        schema = base.schema
        defaults = {schema.known_at: now} if schema.known_at else {}
        required = [*schema.key, *(name for name in (schema.time, schema.known_at) if name)]
        checked = schema.check(rows, defaults=defaults, required=required)
        with self._lock:
            settled = self._settle(source, checked.frame, None)
            kept = [dict(checked.row(place), **{INGESTED_AT: now}) for place in settled.differing]
            self._log.append(source, [_plain(row) for row in kept], durable=True)
            self._apply(source, checked.frame, settled)
        return Ingested(settled.accepted, len(checked) - settled.accepted)

    def take(self, source: str, rows: Sequence[Any], now: datetime) -> None:
        """Count rows that the tables of another manifest took in and logged. What does not fit here is left out.

        Args:
            source: Id of the source.
            rows: Mappings from column to value.
            now: As they were taken in with.
        """
        base = self._bases.get(source)
        if base is None:
            return
        schema = base.schema
        defaults = {schema.known_at: now} if schema.known_at else {}
        required = [*schema.key, *(name for name in (schema.time, schema.known_at) if name)]
        try:
            checked = schema.check(rows, defaults=defaults, required=required)
        except RequestError:
            self.replayed.refused += len(rows)
            return
        with self._lock:
            self._apply(source, checked.frame, self._settle(source, checked.frame, None))

    def replay(self, sources: Iterable[str] | None = None, *, until: datetime | None = None) -> Replay:
        """Read the row log and count its rows again. Doing so twice changes nothing.

        Args:
            sources: Only these sources.
            until: Only rows that came in until then (aware).
        """
        for source in self._bases if sources is None else sources:
            if source in self._bases:
                rows = iter(self._log.scan(source))
                while chunk := list(islice(rows, _REPLAYED_AT_ONCE)):
                    self._take_logged(source, chunk if until is None else _came_until(chunk, until))
        return self.replayed

    def _take_logged(self, source: str, rows: list[dict[str, Any]]) -> None:
        schema = self._bases[source].schema
        times = [row.pop(INGESTED_AT, None) for row in rows]
        required = frozenset([*schema.key, *(name for name in (schema.time, schema.known_at) if name)])
        fitting: list[Row] = []
        at: list[datetime | None] = []
        for row, time in zip(rows, times, strict=True):
            try:
                taken = {name: row[name] for name in schema.names if name in row}
                fitting.append(schema.check_row(0, taken, {}, required))
                at.append(time)
            except RequestError:
                self.replayed.refused += 1
        self.replayed.rows += len(rows)
        frame = schema.frame(fitting)
        with self._lock:
            self._apply(source, frame, self._settle(source, frame, at))

    def _settle(self, source: str, frame: pl.DataFrame, at: list[datetime | None] | None) -> _Settled:
        """Which rows of a frame count, against what is there and against each other.

        Args:
            source: Id of the source.
            frame: Checked rows.
            at: When each came in, on replay: an old row of a source without time must not undo a newer base.
        """
        base, view = self._bases[source], self._view[source]
        schema = base.schema
        place = schema.names.index(schema.known_at) if schema.known_at else None
        there = {_key(schema, row): row for row in view.with_keys(frame.select(schema.key))}
        settled = _Settled()
        for index, row in enumerate(frame.iter_rows()):
            key = _key(schema, row)
            old = there.get(key)
            if old is not None:
                if old == row:
                    continue
                settled.differing.append(index)
                came = at[index] if at is not None else None
                if not (row[place] > old[place] if place is not None else came is None or came > base.built_at):
                    continue
                settled.replaced.add(key)
            else:
                settled.differing.append(index)
            there[key] = row
            settled.winners[key] = index
            settled.accepted += 1
        return settled

    def _apply(self, source: str, frame: pl.DataFrame, settled: _Settled) -> None:
        if not settled.winners:
            return
        key = list(self._bases[source].schema.key)
        rows = frame[sorted(settled.winners.values())]
        replaced = frame[sorted(settled.winners[one] for one in settled.replaced)].select(key)
        self._view = {**self._view, source: self._view[source].plus(rows, replaced)}


def _came_until(rows: Iterable[dict[str, Any]], until: datetime) -> list[dict[str, Any]]:
    return [row for row in rows if row.get(INGESTED_AT) is None or row[INGESTED_AT] <= until]


def _key(schema: RowSchema, row: Row) -> Any:
    key = schema.key_of(row)
    try:
        hash(key)
    except TypeError:
        return repr(key)
    return key


def _known(schema: RowSchema, frame: pl.DataFrame) -> Known | None:
    return None if schema.known_at is None else frame.get_column(schema.known_at).to_physical().to_numpy()


def _cut(frame: pl.DataFrame, known: Known, start: int, end: int) -> pl.DataFrame:
    low = int(np.searchsorted(known, start, side="left"))
    return frame.slice(low, max(int(np.searchsorted(known, end, side="right")) - low, 0))


def _micros(moment: datetime) -> int:
    return int(pl.Series([moment], dtype=pl.Datetime("us", "UTC")).to_physical()[0])


def _plain(row: dict[str, Any]) -> dict[str, Any]:
    """A row whose values the log gives back so that they pass the checks again."""
    return {
        name: msgspec.to_builtins(value, builtin_types=(datetime, bytes)) if value is not None else None
        for name, value in row.items()
    }

"""Tables: immutable Merkle lists of Parquet partitions, named by the digest of what they hold.

A table's *root* is the digest of its columns, key, time, partitioning, and of each partition's label and
content digest. Contents are canonical (see :mod:`soroi.store.canonical`), so the root does not depend on the
order of rows, on chunks, or on who wrote the Parquet. A partition whose content is stored already is not
written again: versions of a table share what did not change.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Sequence
from datetime import datetime

import msgspec
import polars as pl

from soroi.base.digest import digest
from soroi.base.errors import CorruptError, DataError, UnknownNameError, did_you_mean
from soroi.store.canonical import column_digest, normalise, type_name
from soroi.store.objects import Objects

_EVERY = re.compile(r"^[1-9]\d*(h|d|w|mo|q|y)$")
_LABELS = {"y": "%Y", "q": "%Y-%m", "mo": "%Y-%m", "w": "%Y-%m-%d", "d": "%Y-%m-%d", "h": "%Y-%m-%dT%H"}
_LABEL = "__soroi_label__"
WHOLE = "all"
"""Label of the only partition of a table that is not partitioned, or is empty."""
NO_TIME = "no-time"
"""Label of the partition of rows whose time is null."""


class Part(msgspec.Struct, frozen=True):
    """One partition."""

    label: str
    """Start of its period as text, such as ``2013-01`` or ``2013-01-05``; ``all`` when there is but one."""

    content: str
    """Canonical digest of its rows."""

    object: str
    """Digest of the Parquet object that holds them."""

    rows: int
    """How many there are."""

    low: datetime | None = None
    """Earliest time in it, in UTC; ``None`` without a time column or without rows."""

    high: datetime | None = None
    """Latest time in it, in UTC."""


class TableRef(msgspec.Struct, frozen=True):
    """What a table is, without its rows."""

    root: str
    """Digest that names the table, 40 hexadecimal characters."""

    columns: list[tuple[str, str]]
    """Name and logical type (see :func:`soroi.store.canonical.type_name`) of each column, in order."""

    key: list[str]
    """Columns that the rows are sorted by, after the time."""

    time: str | None
    """Time column, or ``None``."""

    partition: str | None
    """Length of a partition's period: ``1d``, ``1mo``…"""

    parts: list[Part]
    """The partitions, in order of time. At least one."""

    rows: int
    """Rows in all."""


class Tables:
    """Tables in an object store."""

    def __init__(self, objects: Objects) -> None:
        self._objects = objects

    def write(
        self, frame: pl.DataFrame, *, key: list[str], time: str | None = None, partition: str | None = None
    ) -> TableRef:
        """Store a frame as a table. Stores nothing twice.

        Rows are sorted by time, then key, then all other columns, so that their order given does not count.

        Args:
            frame: The rows. Categories become text, ``-0.0`` becomes ``0.0``.
            key: Columns to sort by after the time; usually they identify a row.
            time: A column of dates or times.
            partition: Period of a partition: a number and ``h``, ``d``, ``w``, ``mo``, ``q`` or ``y``.

        Raises:
            DataError: A column named is not there, or holds what cannot be stored.
            StorageFullError: No space is left.
        """
        _check(frame, key, time, partition)
        ordered = _sorted(normalise(frame), [*([time] if time else []), *key])
        parts = [self._write_part(label, rows, time) for label, rows in _split(ordered, time, partition)]
        columns = [(name, type_name(dtype)) for name, dtype in ordered.schema.items()]
        root = _root(columns, key, time, partition, parts)
        table = TableRef(root, columns, key, time, partition, parts, ordered.height)
        self._objects.put_document(_table_key(root), msgspec.json.encode(table))
        return table

    def describe(self, root: str) -> TableRef:
        """What a table is.

        Raises:
            UnknownNameError: There is no such table.
            CorruptError: Its description is damaged.
        """
        what = f"the description of table {root[:12]}"
        body = self._objects.get_document(_table_key(root), what=what)
        if body is None:
            self._objects.refuse_removed(root, f"table {root[:12]}")
            raise UnknownNameError(f"there is no table {root}", name=root)
        table = msgspec.json.decode(body, type=TableRef)
        known = _root(table.columns, table.key, table.time, table.partition, table.parts)
        if known != root or table.root != root:
            raise CorruptError(f"{what} is of another table ({known[:12]})", hint="restore it from a backup")
        return table

    def read(self, root: str, columns: Sequence[str] | None = None) -> pl.DataFrame:
        """All rows of a table, in its order.

        Args:
            root: As given by :meth:`write`.
            columns: Only these columns, in this order.

        Raises:
            UnknownNameError: There is no such table or column.
            CorruptError: A partition is missing or damaged; names the table and the partition.
        """
        return self.scan(root, columns).collect()

    def scan(
        self,
        root: str,
        columns: Sequence[str] | None = None,
        *,
        low: datetime | None = None,
        high: datetime | None = None,
    ) -> pl.LazyFrame:
        """A table's rows, decoded when collected. Bytes are fetched and verified now.

        Args:
            root: As given by :meth:`write`.
            columns: Only these columns, in this order.
            low: Only rows whose time is at or after this (aware).
            high: Only rows whose time is before this (aware).

        Raises:
            UnknownNameError: There is no such table or column.
            DataError: Bounds are given, and the table has no time column.
            CorruptError: A partition is missing or damaged; names the table and the partition.
        """
        table = self.describe(root)
        names = [name for name, _ in table.columns]
        for name in columns or ():
            if name not in names:
                hint = did_you_mean(name, names)
                raise UnknownNameError(f"table {root[:12]} has no column '{name}'", hint=hint, name=name)
        bounded = low is not None or high is not None
        if bounded and table.time is None:
            raise DataError(f"table {root[:12]} has no time column, so its rows have no time to choose them by")
        kept = [part for part in table.parts if _overlaps(part, low, high)] if bounded else table.parts
        chunks = [self._fetch(table, part) for part in kept or table.parts[:1]]
        lazy = pl.concat([pl.scan_parquet(io.BytesIO(chunk)) for chunk in chunks])
        if low is not None:
            lazy = lazy.filter(_moment(table) >= low)
        if high is not None:
            lazy = lazy.filter(_moment(table) < high)
        return lazy if columns is None else lazy.select(columns)

    def verify(self, root: str) -> None:
        """Read every partition and check its content against the root, value by value.

        Raises:
            UnknownNameError: There is no such table.
            CorruptError: A partition is not what the root says; names the table and the partition.
        """
        table = self.describe(root)
        for part in table.parts:
            rows = pl.read_parquet(io.BytesIO(self._fetch(table, part)))
            if _content(rows) != part.content:
                raise CorruptError(f"{_named(table, part)} does not hold the rows its digest says")

    def _fetch(self, table: TableRef, part: Part) -> bytes:
        return self._objects.get(part.object, what=_named(table, part))

    def _write_part(self, label: str, rows: pl.DataFrame, time: str | None) -> Part:
        content = _content(rows)
        stored = self._stored(content) or self._store(content, rows)
        low, high = _bounds(rows, time)
        return Part(label, content, stored, rows.height, low, high)

    def _stored(self, content: str) -> str | None:
        """The object that holds a content already, if it is there and whole."""
        key = _content_key(content)
        try:
            body = self._objects.get_document(key, what=f"the note on content {content[:12]}")
            if body is None:
                return None
            self._objects.verify(body.decode(), f"the rows with content {content[:12]}")
        except CorruptError:
            return None
        return body.decode()

    def _store(self, content: str, rows: pl.DataFrame) -> str:
        buffer = io.BytesIO()
        rows.write_parquet(buffer, compression="zstd", compression_level=3, statistics=True)
        stored = self._objects.put(buffer.getvalue())
        self._objects.put_document(_content_key(content), stored.encode())
        return stored


def _check(frame: pl.DataFrame, key: list[str], time: str | None, partition: str | None) -> None:
    for name in [*key, *([time] if time else [])]:
        if name not in frame.columns:
            raise DataError(f"there is no column '{name}' to sort by", hint=did_you_mean(name, frame.columns))
    if time is not None and not isinstance(frame.schema[time], pl.Datetime | pl.Date):
        raise DataError(
            f"time column '{time}' holds {frame.schema[time]}",
            hint="cast it to pl.Datetime('us', 'UTC') or pl.Date",
        )
    if partition is not None and time is None:
        raise DataError(f"a table cannot be partitioned by '{partition}' without a time column")
    if partition is not None and not _EVERY.match(partition):
        raise DataError(
            f"'{partition}' is not the period of a partition",
            hint="write a number and h, d, w, mo, q or y: '1d', '1mo'",
        )


def _sorted(frame: pl.DataFrame, by: list[str]) -> pl.DataFrame:
    """Rows in the one order: by the columns given, then by all others where those leave a tie."""
    by = list(dict.fromkeys(by))
    if frame.width == 0:
        return frame
    if by:
        ordered = frame.sort(by)
        if not ordered.select(pl.struct(by).is_duplicated().any()).item():
            return ordered
    return frame.sort([*by, *(name for name in frame.columns if name not in by)])


def _split(frame: pl.DataFrame, time: str | None, partition: str | None) -> Iterator[tuple[str, pl.DataFrame]]:
    if time is None or partition is None or frame.height == 0:
        yield WHOLE, frame
        return
    unit = partition.lstrip("0123456789")
    label = pl.col(time).dt.truncate(partition).dt.strftime(_LABELS[unit]).fill_null(NO_TIME)
    groups = frame.with_columns(label.alias(_LABEL)).partition_by(_LABEL, maintain_order=True, as_dict=True)
    for (name,), rows in groups.items():
        yield str(name), rows.drop(_LABEL)


def _content(rows: pl.DataFrame) -> str:
    columns = [[column.name, column_digest(column)] for column in rows.iter_columns()]
    return digest("table-part", {"rows": rows.height, "columns": columns})


def _root(
    columns: list[tuple[str, str]], key: list[str], time: str | None, partition: str | None, parts: list[Part]
) -> str:
    held = [[part.label, part.content] for part in parts]
    shape = {"columns": columns, "key": key, "time": time, "partition": partition}
    return digest("table", {**shape, "parts": held})


def _bounds(rows: pl.DataFrame, time: str | None) -> tuple[datetime | None, datetime | None]:
    if time is None:
        return None, None
    moment = _as_utc(pl.col(time), rows.schema[time])
    low, high = rows.select(moment.min().alias("low"), moment.max().alias("high")).row(0)
    return low, high


def _as_utc(values: pl.Expr, dtype: pl.DataType) -> pl.Expr:
    """Times in microseconds of UTC. Dates are midnights, and times without a zone are taken as UTC."""
    if isinstance(dtype, pl.Datetime) and dtype.time_zone is not None:
        return values.dt.cast_time_unit("us").dt.convert_time_zone("UTC")
    return values.cast(pl.Datetime("us")).dt.replace_time_zone("UTC")


def _moment(table: TableRef) -> pl.Expr:
    text = dict(table.columns)[str(table.time)]
    zoned = text.startswith("Datetime") and not text.endswith("no zone)")
    return _as_utc(pl.col(str(table.time)), pl.Datetime("us", "UTC") if zoned else pl.Datetime("us"))


def _overlaps(part: Part, low: datetime | None, high: datetime | None) -> bool:
    if part.low is None or part.high is None:
        return False
    return (low is None or part.high >= low) and (high is None or part.low < high)


def _named(table: TableRef, part: Part) -> str:
    return f"partition '{part.label}' of table {table.root[:12]}"


def _table_key(root: str) -> str:
    return f"tables/{root[:2]}/{root}"


def _content_key(content: str) -> str:
    return f"contents/{content[:2]}/{content}"


__all__ = ["NO_TIME", "WHOLE", "Part", "TableRef", "Tables"]

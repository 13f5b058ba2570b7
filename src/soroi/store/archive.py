"""Archives: closed segments of answers as Parquet files, one row per answer, exactly once.

Fields that hold one plain type become columns of it; all others become JSON text. What is needed in order to
read the very same records back (which columns are JSON, which fields a record had) is kept in the file.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import polars as pl

from soroi.base.digest import digest
from soroi.store.failures import naming

SUFFIX = ".parquet"
"""Ending of an archive's name."""

_META = "soroi.answers"
_SHAPE = "_shape"
_INT64 = 1 << 63
_TYPES: dict[type, pl.DataType] = {
    bool: pl.Boolean(),
    int: pl.Int64(),
    float: pl.Float64(),
    str: pl.String(),
    bytes: pl.Binary(),
    datetime: pl.Datetime("us", "UTC"),
}


class _Meta(msgspec.Struct, frozen=True):
    """What an archive says of itself."""

    segments: list[str]
    """Names of the segments it was made from."""

    shapes: list[list[str]]
    """The sets of fields that its records have, in the order of the record."""

    json: list[str]
    """Columns that hold JSON text."""


def archives(directory: Path) -> list[Path]:
    """The archives in a directory, oldest first."""
    return sorted(directory.glob(f"*{SUFFIX}"))


def covered(path: Path) -> set[str]:
    """Names of the segments that an archive was made from."""
    return set(_meta(path).segments)


def write_archive(directory: Path, day: str, records: Sequence[dict[str, Any]], segments: Sequence[str]) -> Path:
    """Write an archive, whole or not at all.

    Args:
        directory: Where to.
        day: First part of its name.
        records: Its records, in order.
        segments: Names of the segments they come from.

    Raises:
        StorageFullError: No space is left; nothing was changed.
    """
    shapes: dict[tuple[str, ...], int] = {}
    shape = [shapes.setdefault(tuple(record), len(shapes)) for record in records]
    fields = list(dict.fromkeys(name for one in shapes for name in one))
    columns, json = [pl.Series(_SHAPE, shape, dtype=pl.UInt32)], []
    for name in fields:
        column = _column(name, [record.get(name) for record in records])
        if column is None:
            json.append(name)
            texts = [_text(record[name]) if name in record else None for record in records]
            column = pl.Series(name, texts, dtype=pl.String)
        columns.append(column)
    meta = _Meta(list(segments), [list(one) for one in shapes], json)
    path = directory / f"{day}-{digest('archive', list(segments))[:16]}{SUFFIX}"
    _write(pl.DataFrame(columns), path, msgspec.json.encode(meta).decode())
    return path


def read_archive(
    path: Path,
    *,
    ids: Iterable[str] | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
) -> Iterator[dict[str, Any]]:
    """Records of an archive, as they were appended.

    Args:
        path: The archive.
        ids: Only those with these ids.
        since: Only those at or after this time.
        until: Only those before this time.
    """
    meta = _meta(path)
    rows = _rows(path)
    if ids is not None:
        rows = rows.filter(pl.col("id").is_in(list(ids)))
    if since is not None:
        rows = rows.filter(pl.col("at") >= since)
    if until is not None:
        rows = rows.filter(pl.col("at") < until)
    frame = rows.collect()
    json = set(meta.json)
    for row in frame.iter_slices(10_000):
        for values in row.iter_rows(named=True):
            yield {name: _value(values[name], name in json) for name in meta.shapes[values[_SHAPE]]}


def known_ids(paths: Sequence[Path], ids: Sequence[str]) -> set[str]:
    """Which of some ids are in archives."""
    found: set[str] = set()
    for path in paths if ids else ():
        rows = _rows(path).select("id").filter(pl.col("id").is_in(list(ids)))
        found.update(rows.collect()["id"].to_list())
    return found


def _rows(path: Path) -> pl.LazyFrame:
    """An archive's rows. Its path is a path: neither a pattern nor a source of columns."""
    return pl.scan_parquet(path, glob=False, hive_partitioning=False)


def _meta(path: Path) -> _Meta:
    with naming(path):
        return msgspec.json.decode(pl.read_parquet_metadata(path)[_META], type=_Meta)


def _column(name: str, values: list[Any]) -> pl.Series | None:
    """A column of one plain type, or ``None`` when the values need JSON."""
    types = {type(value) for value in values if value is not None}
    if not types:
        return pl.Series(name, values, dtype=pl.String)
    kind = types.pop()
    if types or kind not in _TYPES:
        return None
    if kind is int and any(value is not None and not -_INT64 <= value < _INT64 for value in values):
        return None
    return pl.Series(name, values, dtype=_TYPES[kind])


def _text(value: Any) -> str:
    return msgspec.json.encode(value).decode()


def _value(value: Any, is_json: bool) -> Any:
    if is_json and value is not None:
        return msgspec.json.decode(value)
    return value.astimezone(UTC) if isinstance(value, datetime) else value


def _write(frame: pl.DataFrame, path: Path, meta: str) -> None:
    buffer = io.BytesIO()
    frame.write_parquet(buffer, compression="zstd", metadata={_META: meta})
    data, part = buffer.getbuffer(), path.with_suffix(f".part-{os.getpid()}")
    with naming(path):
        try:
            with part.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            part.replace(path)
        except BaseException:
            with contextlib.suppress(OSError):
                part.unlink()
            raise
        handle = os.open(path.parent, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)

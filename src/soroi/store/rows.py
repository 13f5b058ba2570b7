"""Rows as they are stored, byte by byte: what digests of rows cover, and what a check of them reads.

A row is read without trusting it: a time that is none, text that is not UTF-8 or a number that became text is
reported as damage and never raised. A value that reads the same but is written otherwise is damage as well.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Column, ColumnElement, LargeBinary, String, Table, cast, select
from sqlalchemy.types import TypeEngine

from soroi.base.digest import digest
from soroi.store.columns import Json, UtcTime, encode_json
from soroi.store.sql import Bound

_TIME = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{6}")
"""How SQLite holds times, always in UTC."""

SHOWN = 20
"""How many things that are wrong with a file are told."""

OWN = ("seq", "project")
"""Columns that no digest of a row covers: a place in the database, and the project by which rows are found."""


@dataclass(frozen=True, slots=True)
class StoredRow:
    """One row as it is stored."""

    values: Mapping[str, Any]
    """Text (of JSON too), integers, times as ISO text in UTC with microseconds, or ``None``, by column. What cannot be
    read is ``None``."""

    damaged: tuple[str, ...] = ()
    """Columns that hold what was never written so."""

    @property
    def digest(self) -> str:
        """Digest of what it holds; see :func:`row_digest`. Of a damaged row it is that of no row."""
        if self.damaged:
            return ""
        return _digest({name: value for name, value in self.values.items() if name not in OWN})


def row_digest(table: Table, values: Mapping[str, Any]) -> str:
    """The digest of a row that is to be written, 40 hexadecimal characters.

    Args:
        table: Its table.
        values: Values of all columns but ``seq`` and ``project``, as they are given to the database.
    """
    return _digest({name: _written(table.c[name].type, value) for name, value in values.items()})


def stored_rows(bound: Bound, table: Table, *where: ColumnElement[bool]) -> list[StoredRow]:
    """The rows of the project in a table, in the order of its primary key.

    Args:
        bound: The transaction.
        table: The table.
        *where: Only those for which this holds.
    """
    lite = bound.connection.dialect.name == "sqlite"
    columns = [_bytes(column) if lite else _readable(column) for column in table.c]
    query = select(*columns).where(table.c.project == bound.project, *where).order_by(*table.primary_key)
    names = [str(column.name) for column in table.c]  # plain text, whatever the database calls them
    types = [column.type for column in table.c]
    rows: list[StoredRow] = []
    for found in bound.rows(query):
        values: dict[str, Any] = {}
        damaged = []
        for name, kind, value in zip(names, types, found, strict=True):
            values[name], whole = _read(kind, value)
            if not whole:
                damaged.append(name)
        rows.append(StoredRow(values, tuple(damaged)))
    return rows


def file_damage(bound: Bound) -> list[str]:
    """What SQLite finds wrong with its file; of another database nothing.

    Args:
        bound: The transaction.
    """
    if bound.connection.dialect.name != "sqlite":
        return []
    found = [str(row[0]) for row in bound.connection.exec_driver_sql(f"PRAGMA integrity_check({SHOWN})")]
    return [] if found == ["ok"] else found


def moment_text(at: datetime) -> str:
    """A time as text: ISO, in UTC, with microseconds."""
    return at.astimezone(UTC).isoformat(timespec="microseconds")


def _digest(values: Mapping[str, Any]) -> str:
    return digest("row", dict(values))


def _written(kind: TypeEngine[Any], value: Any) -> Any:
    if value is None:
        return None
    if isinstance(kind, Json):
        return encode_json(value)
    return moment_text(value) if isinstance(kind, UtcTime) else value


def _bytes(column: Column[Any]) -> Any:
    """A column of text as bytes, which need not be text any more."""
    text = isinstance(column.type, String | Json | UtcTime)
    return cast(column, LargeBinary).label(column.name) if text else column


def _readable(column: Column[Any]) -> Any:
    return cast(column, String).label(column.name) if isinstance(column.type, Json) else column


def _read(kind: TypeEngine[Any], value: Any) -> tuple[Any, bool]:
    """A value and whether it is as it was written."""
    if value is None:
        return None, True
    if isinstance(value, datetime):
        return moment_text(value), True
    if isinstance(kind, String | Json | UtcTime):
        return _read_text(kind, value)
    return (value, True) if isinstance(value, int | float) else (None, False)


def _read_text(kind: TypeEngine[Any], value: Any) -> tuple[Any, bool]:
    if isinstance(value, bytes):
        try:
            value = value.decode()
        except UnicodeDecodeError:
            return None, False
    if not isinstance(value, str):
        return None, False
    if not isinstance(kind, UtcTime):
        return value, True
    if _TIME.fullmatch(value) is None:
        return None, False
    try:
        return moment_text(datetime.fromisoformat(value).replace(tzinfo=UTC)), True
    except ValueError:
        return None, False

"""Checks of the columns that a join or a window is asked to use, made before any row is read."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta

import polars as pl

from soroi.base.duration import duration
from soroi.base.errors import DataError, did_you_mean

RESERVED = "__soroi_"
"""Prefix of the working columns; no input column may begin with it."""


def key_columns(by: str | Sequence[str]) -> list[str]:
    """The grouping columns as a list, from one name or several."""
    return [by] if isinstance(by, str) else list(by)


def span(within: str | timedelta) -> timedelta:
    """How far back a window reaches.

    Args:
        within: A duration as people write it (``3h``), or a timedelta.

    Raises:
        DataError: It is not a duration, or not longer than nothing.
    """
    try:
        length = duration(within)
    except ValueError as error:
        raise DataError(str(error)) from error
    if length <= timedelta(0):
        raise DataError(f"a window of '{within}' holds nothing", hint="give a duration longer than zero")
    return length


def require(schema: pl.Schema, columns: Iterable[str], *, what: str) -> None:
    """Refuse a frame that lacks a column, or that uses a reserved name.

    Args:
        schema: Columns of the frame.
        columns: Names that must be there.
        what: What the frame is, for messages.

    Raises:
        DataError: A column is missing, or a name begins with the reserved prefix.
    """
    for name in columns:
        if name not in schema:
            raise DataError(f"{what} has no column '{name}'", hint=did_you_mean(name, schema.names()), column=name)
    for name in schema.names():
        if name.startswith(RESERVED):
            raise DataError(
                f"{what} has a column '{name}'", hint=f"names beginning with '{RESERVED}' are reserved", column=name
            )


def same_type(left: pl.Schema, left_name: str, right: pl.Schema, right_name: str) -> None:
    """Refuse two columns that are to be compared but are of different types.

    Raises:
        DataError: The types differ, for instance in time unit or time zone.
    """
    if left[left_name] != right[right_name]:
        raise DataError(
            f"'{left_name}' is {left[left_name]} on the left, '{right_name}' is {right[right_name]} on the right",
            hint="cast one of them, so that both have the same type, unit and time zone",
            column=left_name,
        )


def require_time(schema: pl.Schema, name: str, *, what: str) -> None:
    """Refuse a column that is not a datetime.

    Raises:
        DataError: The column is of another type.
    """
    if not isinstance(schema[name], pl.Datetime):
        raise DataError(
            f"'{name}' in {what} is {schema[name]}, not a time",
            hint="parse or cast it to pl.Datetime('us', 'UTC')",
            column=name,
        )


def require_new(schema: pl.Schema, names: Sequence[str], *, what: str) -> None:
    """Refuse new columns whose names are taken or given twice.

    Raises:
        DataError: A name is in the frame already, or occurs twice among the new ones.
    """
    for place, name in enumerate(names):
        if name in schema or name in names[:place]:
            raise DataError(f"{what} would have two columns '{name}'", hint="choose another name", column=name)

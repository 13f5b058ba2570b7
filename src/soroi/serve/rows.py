"""Rows as requests bring them: checked against the columns of their source, then made into a frame."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.base.errors import RequestError, did_you_mean
from soroi.serve.values import Check, WrongValue, check_of, shown

MAX_ROWS = 10_000
"""Most rows in one request."""


@dataclass(frozen=True)
class Rows:
    """Checked rows."""

    schema: RowSchema
    """The columns of the source."""

    values: tuple[tuple[Any, ...], ...]
    """The rows as Python's values, in the order of the columns."""

    @cached_property
    def frame(self) -> pl.DataFrame:
        """The rows as a frame, with exactly the columns of the source; made when it is first asked for."""
        return self.schema.frame(self.values)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return self.schema.names

    def __len__(self) -> int:
        return len(self.values)

    def row(self, index: int) -> dict[str, Any]:
        """One row by column."""
        return dict(zip(self.names, self.values[index], strict=True))


@dataclass(frozen=True)
class RowSchema:
    """The columns of a source, as it is stored, and what they mean."""

    source: str
    """Id of the source."""

    schema: Mapping[str, pl.DataType]
    """Type of each column, in order."""

    key: tuple[str, ...]
    """Columns that name a row."""

    time: str | None
    """Column with the time a row is about."""

    known_at: str | None
    """Column with the time a row was known; the same as ``time`` when none was declared."""

    @cached_property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self.schema)

    @cached_property
    def _checks(self) -> tuple[tuple[str, Check], ...]:
        return tuple((name, check_of(dtype)) for name, dtype in self.schema.items())

    @cached_property
    def key_places(self) -> tuple[int, ...]:
        """Where the key's columns are among the columns."""
        return tuple(self.names.index(name) for name in self.key)

    def key_of(self, values: Sequence[Any]) -> tuple[Any, ...]:
        """The key of a row given as values in the order of the columns."""
        return tuple(values[place] for place in self.key_places)

    def check(self, rows: Sequence[Any], *, defaults: Mapping[str, Any], required: Sequence[str]) -> Rows:
        """Check rows.

        Args:
            rows: Mappings from column to value. A column that is absent is null.
            defaults: What stands for null, by column.
            required: Columns that must not be null, after defaults.

        Raises:
            RequestError: A row is not an object, has an unknown field, or a value of another type; the error
                names row and field.
        """
        if len(rows) > MAX_ROWS:
            raise RequestError(f"{len(rows)} rows in one request", hint=f"send at most {MAX_ROWS} at a time")
        needed = frozenset(required)
        checked = tuple(self.check_row(place, row, defaults, needed) for place, row in enumerate(rows))
        return Rows(self, checked)

    def rows(self, values: tuple[tuple[Any, ...], ...]) -> Rows:
        """Rows whose values were checked, in the order of the columns."""
        return Rows(self, values)

    def frame(self, rows: Sequence[Sequence[Any]]) -> pl.DataFrame:
        """Checked values, in the order of the columns, as a frame."""
        columns: Sequence[Sequence[Any]] = list(zip(*rows, strict=True)) if rows else [()] * len(self.schema)
        return pl.DataFrame(
            [_series(name, dtype, values) for (name, dtype), values in zip(self.schema.items(), columns, strict=True)]
        )

    def trusted(self, frame: pl.DataFrame) -> Rows:
        """Rows that come from the source's own table."""
        taken = frame.select(self.names)
        made = Rows(self, tuple(taken.rows()))
        made.__dict__["frame"] = taken
        return made

    def check_keys_differ(self, rows: Rows) -> None:
        """Check that no two rows share their key.

        Raises:
            RequestError: Two do; names them.
        """
        if len(rows) < 2:
            return
        seen: dict[Any, int] = {}
        for place, values in enumerate(rows.values):
            key = _hashable(self.key_of(values))
            first = seen.setdefault(key, place)
            if first != place:
                named = ", ".join(self.key)
                raise RequestError(
                    f"rows {first} and {place} have the same key ({named})",
                    hint="ask for each thing once per request",
                    row=place,
                    field=self.key[0],
                )

    def moments(self, frame: pl.DataFrame) -> npt.NDArray[np.int64] | None:
        """The time each row is about, in microseconds since 1970; ``None`` when the source has no time."""
        return None if self.time is None else frame.get_column(self.time).to_physical().to_numpy()

    def check_row(self, place: int, row: Any, defaults: Mapping[str, Any], required: frozenset[str]) -> tuple[Any, ...]:
        """Check one row; gives its values in the order of the columns. See :meth:`check`.

        Args:
            place: Its place in the request, for the error.
            row: The row.
            defaults: What stands for null, by column.
            required: Columns that must not be null, after defaults.

        Raises:
            RequestError: It is not a row of this source.
        """
        if not isinstance(row, dict):
            raise RequestError(
                f"row {place} is {shown(row)}, not an object", hint='such as {"field": value, …}', row=place
            )
        for name in row:
            if name not in self.schema:
                told = name if isinstance(name, str) and len(name) < 80 else "…"
                raise RequestError(
                    f"row {place}: '{self.source}' has no field {told!a}",
                    hint=did_you_mean(told, self.schema),
                    row=place,
                    field=told,
                )
        values = []
        for name, check in self._checks:
            value = row.get(name)
            if value is None:
                value = defaults.get(name)
                if value is None and name in required:
                    raise RequestError(f"row {place}: '{name}' is missing", row=place, field=name)
            else:
                try:
                    value = check(value)
                except WrongValue as wrong:
                    raise RequestError(
                        f"row {place}: '{name}' takes {wrong}, not {shown(value)}", row=place, field=name
                    ) from None
            values.append(value)
        return tuple(values)


def _series(name: str, dtype: pl.DataType, values: Sequence[Any]) -> pl.Series:
    if isinstance(dtype, pl.Datetime) and dtype.time_zone not in (None, "UTC"):
        made = pl.Series(name, values, dtype=pl.Datetime(dtype.time_unit, "UTC"))
        return made.dt.convert_time_zone(str(dtype.time_zone))
    return pl.Series(name, values, dtype=dtype)


def _hashable(key: tuple[Any, ...]) -> Any:
    try:
        hash(key)
    except TypeError:
        return repr(key)
    return key

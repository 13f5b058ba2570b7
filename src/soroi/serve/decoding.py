"""Bodies with one row, decoded straight into the types of its source. What does not fit is left to the checker."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated, Any

import msgspec
import polars as pl

from soroi.serve.rows import RowSchema
from soroi.serve.values import Check, WrongValue, check_of

_WHOLE_FLOAT = 2.0**53
_Number = Annotated[float, msgspec.Meta(gt=-_WHOLE_FLOAT, lt=_WHOLE_FLOAT)]
"""Numbers that every whole number of JSON becomes without loss; the checker looks at larger ones."""

_EXACT: Mapping[pl.DataType, Any] = {
    pl.Float64(): _Number,
    pl.String(): str,
    pl.Boolean(): bool,
    **{
        kind: Annotated[int, msgspec.Meta(ge=-(2 ** (bits - 1)), le=2 ** (bits - 1) - 1)]
        for bits, kind in ((8, pl.Int8()), (16, pl.Int16()), (32, pl.Int32()), (64, pl.Int64()))
    },
}
"""Types that are decoded as the checker would take them. Values of others are decoded freely, then checked."""


class Decoded:
    """One row.

    Args:
        values: Its checked values, in the order of the columns.
        inputs: The same as it is recorded.
        whole: Whether all columns are there that planned models need.
    """

    __slots__ = ("inputs", "values", "whole")

    def __init__(self, values: tuple[Any, ...], inputs: Any, whole: bool) -> None:
        self.values = values
        self.inputs = inputs
        self.whole = whole


class RowDecoder:
    """Decodes ``{"row": {…}}`` for one source.

    Args:
        schema: Its columns.
        needed: Columns that planned models need; rows that have them are known to.

    Raises:
        ValueError: A column has a name that JSON must escape.
    """

    def __init__(self, schema: RowSchema, needed: frozenset[str] = frozenset()) -> None:
        self._kind = _row_type(schema, frozenset(schema.key))
        self._loose = _decoder(self._kind)
        tight = _row_type(schema, frozenset(schema.key) | needed)
        self._tight = _decoder(tight) if needed else None
        self._time = schema.names.index(schema.time) if schema.time else -1
        self._odd: tuple[tuple[int, str, Check], ...] = tuple(
            (place, f"c{place}", check_of(dtype))
            for place, (name, dtype) in enumerate(schema.schema.items())
            if dtype not in _EXACT
        )

    def decode(self, body: bytes, now: datetime) -> Decoded | None:
        """The row of a body; ``None``: the checker must look at it.

        Args:
            body: The bytes.
            now: Stands for a time that the row does not give (aware, in UTC).
        """
        whole = self._tight is not None
        try:
            row = (self._tight or self._loose).decode(body).row
        except (msgspec.DecodeError, ValueError, RecursionError):
            if not whole:
                return None
            whole = False
            try:
                row = self._loose.decode(body).row
            except (msgspec.DecodeError, ValueError, RecursionError):
                return None
        values = msgspec.structs.astuple(row)
        if not self._odd:
            return Decoded(values, row, whole)
        return self._checked(row, values, now, whole)

    def inputs(self, values: tuple[Any, ...]) -> Any:
        """Checked values as they are recorded."""
        row = self._kind(**{f"c{place}": value for place, value in enumerate(values)})
        for place, name, _ in self._odd:
            value = values[place]
            if value is not None:
                setattr(row, name, recorded(value))
        return row

    def _checked(self, row: Any, given: tuple[Any, ...], now: datetime, whole: bool) -> Decoded | None:
        values = list(given)
        for place, name, check in self._odd:
            value = values[place]
            if value is None:
                if place != self._time:
                    continue
                value = now
            try:
                value = values[place] = check(value)
            except WrongValue:
                return None
            setattr(row, name, recorded(value))
        return Decoded(tuple(values), row, whole)


def recorded(value: Any) -> Any:
    """A value as the answers log keeps it within a mapping."""
    return msgspec.to_builtins(value, str_keys=True)


def _decoder(row: type[msgspec.Struct]) -> Any:
    body = msgspec.defstruct("Body", [("row", row)], forbid_unknown_fields=True, gc=False)
    return msgspec.json.Decoder(body)


def _row_type(schema: RowSchema, needed: frozenset[str]) -> Any:
    """A type with a field ``c<n>`` for the n-th column, under the column's name in JSON and in the log."""
    fields: list[Any] = []
    for place, (name, dtype) in enumerate(schema.schema.items()):
        kind = _EXACT.get(dtype, Any)
        fields.append((f"c{place}", kind) if name in needed else (f"c{place}", kind | None, None))
    names = {f"c{place}": name for place, name in enumerate(schema.names)}
    return msgspec.defstruct("Row", fields, rename=names, forbid_unknown_fields=True, kw_only=True, gc=False)

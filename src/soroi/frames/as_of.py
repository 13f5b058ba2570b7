"""For each row, the last row of another table that was known before it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

import polars as pl

from soroi.frames.columns import RESERVED, key_columns, require, require_new, require_time, same_type, span

_ROW = f"{RESERVED}row"
_TIME = f"{RESERVED}time"


def as_of_join(
    left: pl.LazyFrame,
    right: pl.LazyFrame,
    *,
    by: str | Sequence[str],
    left_time: str,
    right_time: str,
    within: str | timedelta | None = None,
    strict: bool = True,
    tie: str | None = None,
    suffix: str = "_right",
) -> pl.LazyFrame:
    """Join each left row with the last right row of the same key that was known before it.

    Every left row is kept exactly once and in its order; the columns of the right are null where nothing was
    known. A null key or a null time matches nothing. The result is the same whatever the order and the chunks
    of the inputs, and for one left row alone or among others: rows of one time are ordered by ``tie`` and then
    by all their columns, so that the choice among them never depends on where they stood.

    Args:
        left: Rows to look back from.
        right: Rows to look for. Needs no order.
        by: Column or columns, of the same names in both, that must be equal. Empty: one common group.
        left_time: Column of the moment to look back from (datetime).
        right_time: Column of the moment from which a right row is known, of the same type.
        within: How far back to look, both ends counted; ``None``: without limit.
        strict: Only rows known strictly before the moment; ``False``: at the moment, too.
        tie: Right column that orders rows of one time (the greatest wins; null is the least). ``None``: all
            columns in turn.
        suffix: Put behind the name of a right column when the left has that name.

    Returns:
        The left columns, then the right columns except ``by``; ``right_time`` among them, so that its age can
        be told.

    Raises:
        DataError: A column is missing, times are not of one type, or names collide.
    """
    keys = key_columns(by)
    left_schema, right_schema = left.collect_schema(), right.collect_schema()
    require(left_schema, [*keys, left_time], what="the left frame")
    require(right_schema, [*keys, right_time, *([tie] if tie else [])], what="the right frame")
    require_time(left_schema, left_time, what="the left frame")
    same_type(left_schema, left_time, right_schema, right_time)
    for key in keys:
        same_type(left_schema, key, right_schema, key)
    names = {name: f"{name}{suffix}" if name in left_schema else name for name in right_schema if name not in keys}
    require_new(left_schema, list(names.values()), what="the joined frame")
    ordered = [right_time, *([tie] if tie else [])]
    known = (
        right.drop_nulls([*keys, right_time])
        .sort([*ordered, *(name for name in right_schema if name not in ordered)], nulls_last=False)
        .select(*keys, pl.col(right_time).alias(_TIME), *(pl.col(old).alias(new) for old, new in names.items()))
    )
    return (
        left.with_row_index(_ROW)
        .sort(left_time)
        .join_asof(
            known,
            left_on=left_time,
            right_on=_TIME,
            by=keys or None,
            tolerance=None if within is None else span(within),
            allow_exact_matches=not strict,
            check_sortedness=False,
            coalesce=False,
        )
        .sort(_ROW)
        .drop(_ROW, _TIME)
    )

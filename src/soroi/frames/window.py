"""Counts, means and shares over the time before each row, exact to the last bit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta

import polars as pl

from soroi.base.errors import DataError
from soroi.frames.columns import (
    RESERVED,
    key_columns,
    require,
    require_new,
    require_time,
    same_type,
    span,
)

_ROW = f"{RESERVED}row"
_TIME = f"{RESERVED}time"
_ROWS = f"{RESERVED}rows"
_UNTIL = f"{RESERVED}until"
_FROM = f"{RESERVED}from"
_BEGUN = "_begun"


def window_stats(
    left: pl.LazyFrame,
    right: pl.LazyFrame,
    *,
    by: str | Sequence[str],
    left_time: str,
    right_time: str,
    within: str | timedelta,
    count: str,
    mean: Mapping[str, str] | None = None,
    share: Mapping[str, str] | None = None,
    resolution: float = 1e-6,
) -> pl.LazyFrame:
    """Summarise, for each left row, the right rows of its key in ``[moment - within, moment)``.

    Every left row is kept exactly once and in its order. The figures do not depend on the order or the chunks
    of the inputs, nor on rows outside the window: values become whole multiples of ``resolution`` and are
    summed as 128-bit integers, so that sums are exact and one left row with only its window as context gives
    the same bits as a whole table at once.

    Args:
        left: Rows to look back from.
        right: Rows to summarise. Needs no order; rows with a null key or time are left out.
        by: Column or columns, of the same names in both, that must be equal. Empty: one common group.
        left_time: Column of the moment to look back from (datetime).
        right_time: Column of the moment from which a right row is known, of the same type.
        within: How far back to look; a row exactly that old counts, a row of the moment itself does not.
        count: Name of the new column with the number of rows (Int64; 0 when there are none).
        mean: New column → numeric right column whose mean is taken over values that are not null (nor, for
            floats, NaN or infinite); Float64, null when there are none.
        share: New column → boolean right column whose share of true is taken over values that are not null;
            Float64, null when there are none.
        resolution: Floats are rounded to whole multiples of it (half to even). Integers are always exact.

    Returns:
        The left columns, then ``count``, the means and the shares.

    Raises:
        DataError: A column is missing or of the wrong type, or names collide.
        polars.exceptions.InvalidOperationError: On collecting, when a float over ``resolution`` passes 2^127.
    """
    keys, means, shares = key_columns(by), dict(mean or {}), dict(share or {})
    length = span(within)
    left_schema, right_schema = left.collect_schema(), right.collect_schema()
    require(left_schema, [*keys, left_time], what="the left frame")
    require(right_schema, [*keys, right_time, *means.values(), *shares.values()], what="the right frame")
    require_time(left_schema, left_time, what="the left frame")
    same_type(left_schema, left_time, right_schema, right_time)
    for key in keys:
        same_type(left_schema, key, right_schema, key)
    require_new(left_schema, [count, *means, *shares], what="the summarised frame")
    scales = {new: _scale(right_schema, old, resolution) for new, old in means.items()}
    _require_boolean(right_schema, shares)

    totals = _totals(right, keys, right_time, means | shares, scales)
    grown = _between(left, totals, keys, left_time, length, means | shares)
    counted = pl.col(_ROWS).cast(pl.Int64).alias(count)
    ratios = [_ratio(new, scales.get(new, 1)) for new in means | shares]
    return grown.select(*left_schema, counted, *ratios)


def _between(
    left: pl.LazyFrame,
    totals: pl.LazyFrame,
    keys: list[str],
    time: str,
    length: timedelta,
    columns: Mapping[str, str],
) -> pl.LazyFrame:
    """The left rows in their order, with what the totals grew by from ``length`` before each moment until it.

    The left frame is read once (the moment and the start of its window go through two joins in a row): a left
    frame whose order differs from one evaluation to the next cannot mix up its rows.
    """
    moments = left.with_row_index(_ROW).with_columns(pl.col(time).alias(_UNTIL), (pl.col(time) - length).alias(_FROM))
    ended = moments.sort(_UNTIL).join_asof(
        totals, left_on=_UNTIL, right_on=_TIME, by=keys or None, allow_exact_matches=False, check_sortedness=False
    )
    begun = ended.join_asof(
        totals,
        left_on=_FROM,
        right_on=_TIME,
        by=keys or None,
        allow_exact_matches=False,
        check_sortedness=False,
        suffix=_BEGUN,
    )
    running = [_ROWS, *(f(new) for new in columns for f in (_sum_of, _rows_of))]
    growth = [pl.col(name).fill_null(0) - pl.col(name + _BEGUN).fill_null(0) for name in running]
    return begun.sort(_ROW).with_columns(growth)


def _sum_of(name: str) -> str:
    return f"{RESERVED}sum_{name}"


def _rows_of(name: str) -> str:
    return f"{RESERVED}rows_{name}"


def _ratio(name: str, scale: float) -> pl.Expr:
    rows = pl.col(_rows_of(name))
    exact = pl.col(_sum_of(name)).cast(pl.Float64) / (rows.cast(pl.Float64) * scale)
    return pl.when(rows > 0).then(exact).alias(name)


def _totals(
    right: pl.LazyFrame, keys: list[str], time: str, columns: dict[str, str], scales: dict[str, float]
) -> pl.LazyFrame:
    """Running totals per key in order of time: after the last row of a time they hold for all up to it."""
    units: list[pl.Expr] = []
    for new, old in columns.items():
        value = _units(pl.col(old), scales[new]) if new in scales else pl.col(old).cast(pl.Int128)
        units += [value.fill_null(0).alias(_sum_of(new)), value.is_not_null().cast(pl.Int64).alias(_rows_of(new))]
    running = [pl.lit(1, pl.Int64).alias(_ROWS), *units]
    known = right.drop_nulls([*keys, time]).sort(time).select(*keys, pl.col(time).alias(_TIME), *running)
    summed = pl.col(_ROWS, *(f(new) for new in columns for f in (_sum_of, _rows_of))).cum_sum()
    return known.with_columns(summed.over(keys) if keys else summed)


def _units(value: pl.Expr, scale: float) -> pl.Expr:
    if scale == 1:
        return value.cast(pl.Int128)
    finite = value.cast(pl.Float64)
    return pl.when(finite.is_finite()).then((finite * scale).round(0)).cast(pl.Int128)


def _scale(schema: pl.Schema, column: str, resolution: float) -> float:
    if not schema[column].is_numeric():
        raise DataError(
            f"the mean of '{column}' is asked for, but it is {schema[column]}",
            hint="give a numeric column; for a boolean one use share=",
            column=column,
        )
    if schema[column].is_integer():
        return 1
    if not 0 < resolution < 1:
        raise DataError(f"a resolution of {resolution} is not between 0 and 1")
    scale = 1 / resolution
    return float(round(scale)) if abs(scale - round(scale)) < 1e-6 * scale else scale


def _require_boolean(schema: pl.Schema, shares: dict[str, str]) -> None:
    for column in shares.values():
        if schema[column] != pl.Boolean:
            raise DataError(
                f"the share of '{column}' is asked for, but it is {schema[column]}",
                hint="give a boolean column; for a numeric one use mean=",
                column=column,
            )

"""Slow answers in plain Python, to hold the fast ones against, and the strategies that make the inputs."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from typing import Any

import polars as pl
from hypothesis import strategies as st

START = datetime(2013, 1, 1, tzinfo=UTC)
Row = dict[str, Any]

RIGHT: dict[str, pl.DataType | type[pl.DataType]] = {
    "k": pl.String,
    "known": pl.Datetime("us", "UTC"),
    "v": pl.Int64,
    "x": pl.Float64,
    "ok": pl.Boolean,
}
LEFT: dict[str, pl.DataType | type[pl.DataType]] = {"id": pl.Int64, "k": pl.String, "at": pl.Datetime("us", "UTC")}

keys = st.sampled_from(["a", "b", "c", None])
moments = st.one_of(st.none(), st.integers(0, 12).map(lambda hours: START + timedelta(hours=hours)))
floats = st.one_of(
    st.none(),
    st.sampled_from([0.1, 0.2, 0.3, -0.0, 1e-7, float("nan"), float("inf"), 5e-7, 1.5e-6]),
    st.floats(-1e9, 1e9, allow_nan=False),
)
right_rows = st.lists(
    st.fixed_dictionaries(
        {
            "k": keys,
            "known": moments,
            "v": st.one_of(st.none(), st.integers(-(2**62), 2**62), st.integers(-3, 3)),
            "x": floats,
            "ok": st.one_of(st.none(), st.booleans()),
        }
    ),
    max_size=25,
)
left_rows = st.lists(st.fixed_dictionaries({"k": keys, "at": moments}), max_size=12)
spans = st.one_of(st.none(), st.sampled_from(["1h", "3h", "5h"]))


def left_frame(rows: Sequence[Row]) -> pl.LazyFrame:
    return pl.DataFrame([{"id": place, **row} for place, row in enumerate(rows)], schema=LEFT).lazy()


def right_frame(rows: Sequence[Row], *, seed: int = 0) -> pl.LazyFrame:
    """The rows shuffled and cut into chunks."""
    shuffled = list(rows)
    random.Random(seed).shuffle(shuffled)
    cut = len(shuffled) // 2 if seed % 2 else 0
    parts = [pl.DataFrame(part, schema=RIGHT) for part in (shuffled[:cut], shuffled[cut:])]
    return pl.concat(parts, rechunk=False).lazy()


def in_window(row: Row, right: Row, within: timedelta | None, *, strict: bool = True) -> bool:
    if None in (row["k"], row["at"], right["k"], right["known"]) or row["k"] != right["k"]:
        return False
    before = right["known"] < row["at"] or (not strict and right["known"] == row["at"])
    return before and (within is None or right["known"] >= row["at"] - within)


def order(value: Any) -> tuple[int, Any]:
    """Polars' order: null, then numbers, then NaN; no zero is less than another."""
    if value is None:
        return (0, 0)
    return (2, 0) if value != value else (1, value)


def last_known(row: Row, rows: Sequence[Row], within: timedelta | None, *, strict: bool, tie: str | None) -> Row | None:
    names = ["known", *([tie] if tie else []), *RIGHT]
    known = [one for one in rows if in_window(row, one, within, strict=strict)]
    return max(known, key=lambda one: [order(one[name]) for name in names], default=None)


def exact_mean(values: Sequence[int | float | None], scale: int = 1) -> float | None:
    """The mean of what is neither null nor NaN nor infinite, floats first rounded to 1/scale."""
    there = [value for value in values if value is not None and value - value == 0]
    if not there:
        return None
    units = sum(value if isinstance(value, int) else round(value * scale) for value in there)
    return float(units) / float(len(there) * scale)


def nearly(a: float | None, exact: Fraction | None) -> bool:
    return (a is None) == (exact is None) and (
        a is None or exact is None or abs(Fraction(a) - exact) <= max(abs(exact), Fraction(1)) * Fraction(1, 2**50)
    )

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.serve.planned import SPINE, handed, made

from soroi.serve.expressions import RowFeatures, row_features
from soroi.serve.operations import NotPlanned

FLOATS = st.none() | st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from([0.0, -0.0, 1.0])
ROWS = st.lists(
    st.tuples(
        st.text(max_size=3),
        st.none() | st.datetimes(datetime(1680, 1, 1), datetime(2200, 1, 1)).map(lambda at: at.replace(tzinfo=UTC)),
        FLOATS,
        FLOATS,
        st.none() | st.integers(-(2**63), 2**63 - 1),
        st.none() | st.text(max_size=5),
        st.none() | st.booleans(),
    ),
    min_size=1,
    max_size=5,
)
c = pl.col
EXPRESSIONS = {
    "divided": c("x") / c("y"),
    "inverse": 3.0 / c("x"),
    "halved": c("x") / 2,
    "whole": c("n").cast(pl.Float64) - c("y") * 3,
    "ratio": c("n") / c("x"),
    "like": c("x") / c("y") == c("y") / c("x"),
    "other": (c("x") / c("y")) != c("x"),
    "above": c("x") / c("y") > 2,
    "least": c("n") >= 1,
    "named": (c("city") == "Oslo") | (c("city") > "b"),
    "both": (c("x") > 0) & c("member") & ~(c("y") > 0),
    "either": (c("x") > 0) | c("member"),
    "filled": (c("x") * c("y")).fill_null(-1),
    "text": c("city").fill_null("none").str.len_chars(),
    "chosen": pl.when(c("member")).then(c("n")).otherwise(0),
    "nested": pl.when(c("x").is_null()).then(pl.when(c("y") > 1).then(1.5).otherwise(c("y"))).otherwise(-c("x").abs()),
    "year": c("at").dt.year(),
    "month": c("at").dt.month(),
    "day": c("at").dt.day(),
    "weekday": c("at").dt.weekday(),
    "hour": c("at").dt.hour(),
    "minute": c("at").dt.minute(),
    "there": c("at").is_not_null(),
}


def read(function: Callable[[pl.LazyFrame], Any], *columns: str) -> RowFeatures:
    return row_features(function, SPINE, ["id"], columns)


def frame(rows: Any) -> pl.DataFrame:
    return pl.DataFrame([list(one) for one in zip(*rows, strict=True)], schema=dict(SPINE), orient="col")


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_an_expression_gives_for_a_row_what_polars_gives_among_many(name: str) -> None:
    def function(things: pl.LazyFrame) -> pl.LazyFrame:
        return things.select("id", EXPRESSIONS[name].alias(name))

    planned = read(function, name)

    @settings(max_examples=60, deadline=None)
    @given(ROWS)
    def same(rows: list[tuple[Any, ...]]) -> None:
        there = frame(rows)
        for some in (there, pl.concat([there] * 3), there[:1]):
            found = function(some.lazy()).collect().get_column(name).to_list()
            mine = [planned.values(row)[0] for row in some.rows()]
            assert msgspec.msgpack.encode(mine) == msgspec.msgpack.encode(found)

    same()


def test_columns_that_are_handed_through_are_told_by_their_place() -> None:
    assert read(handed, "x", "city").places == (2, 5)
    assert read(lambda things: things.rename({"x": "ex"}).drop("at"), "ex", "n").places == (2, 4)
    assert read(lambda things: things.select("id", pl.all().exclude("id", "at")), "y").places == (3,)
    assert read(made, "double", "twice").places == (None, None)


@pytest.mark.parametrize(
    ("function", "why"),
    [
        (lambda things: things.filter(c("x") > 0), "Filter"),
        (lambda things: things.with_columns(z=c("x").mean()), "Agg|Over|Function|computes"),
        (lambda things: things.with_columns(z=c("x").shift(1)), "computes"),
        (lambda things: things.with_columns(z=c("x") / 3), "power of two"),
        (lambda things: things.with_columns(z=c("n") + 1), "overflow"),
        (lambda things: things.with_columns(z=c("x").cast(pl.Int64)), "casts"),
        (lambda things: things.with_columns(z=c("at") > datetime(2026, 1, 1, tzinfo=UTC)), "literal"),
        (lambda things: things.with_columns(z=c("x"), id=c("city")), "key"),
        (lambda things: pl.LazyFrame({"id": ["a"], "z": [1.0]}), "rows of its own"),
        (lambda things: things.join(things, on="id").with_columns(z=c("x")), "Join|more than"),
        (lambda things: things.collect(), "lazy frame"),
        (lambda things: 1 / 0, "no rows"),
        (lambda things: things.select("id"), "'z'"),
    ],
)
def test_what_cannot_be_done_for_one_row_alone_is_not_planned(function: Any, why: str) -> None:
    with pytest.raises(NotPlanned, match=why):
        read(function, "z")


def test_a_function_that_does_something_else_each_time_is_not_planned() -> None:
    times = iter(range(10))
    with pytest.raises(NotPlanned, match="same twice"):
        read(lambda things: things.with_columns(z=c("x") * next(times)), "z")

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.serve.values import WrongValue, check_of, shown

DTYPES: list[pl.DataType] = [
    pl.Int8(), pl.Int16(), pl.Int32(), pl.Int64(), pl.Int128(), pl.UInt8(), pl.UInt16(), pl.UInt32(), pl.UInt64(),
    pl.Float32(), pl.Float64(), pl.String(), pl.Boolean(), pl.Date(), pl.Time(), pl.Binary(), pl.Null(),
    pl.Datetime("us", "UTC"), pl.Datetime("ns", "UTC"), pl.Datetime("ms", None), pl.Datetime("us", "America/New_York"),
    pl.Duration("us"), pl.Decimal(10, 2), pl.List(pl.Int64()), pl.Array(pl.Float64(), 2),
    pl.Struct({"a": pl.Int64(), "b": pl.Datetime("us", "UTC")}),
]  # fmt: skip

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(
        ["2013-03-01", "2013-03-01T06:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "PT3H"]
    )
    | st.sampled_from(["06:30:00", "1.50", "1e999999999", "NaN", "aGk=", "-P99999999999D", "2013-W01-1", "\ud800"])
)
JSON = st.recursive(SCALARS, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8)


@given(dtype=st.sampled_from(DTYPES), value=JSON.filter(lambda one: one is not None))
def test_any_value_is_either_refused_or_taken_by_a_series_of_that_type(dtype: pl.DataType, value: Any) -> None:
    try:
        taken = check_of(dtype)(value)
    except WrongValue:
        return
    zoned = isinstance(dtype, pl.Datetime) and dtype.time_zone is not None
    made = pl.Series([taken], dtype=pl.Datetime(dtype.time_unit, "UTC") if zoned else dtype)  # type: ignore[attr-defined]
    assert made.null_count() == 0


@given(value=JSON)
def test_any_value_can_be_shown_briefly(value: Any) -> None:
    assert len(shown(value)) < 120
    shown(value).encode()


@pytest.mark.parametrize(
    ("dtype", "given_value", "taken"),
    [
        (pl.Int64(), 3, 3),
        (pl.Float64(), 3, 3.0),
        (pl.Datetime("us", "UTC"), "2013-03-01T06:00:00+02:00", datetime(2013, 3, 1, 4, tzinfo=UTC)),
        (pl.Datetime("us", None), "2013-03-01T06:00:00", datetime(2013, 3, 1, 6)),
        (pl.Date(), "2013-03-01", date(2013, 3, 1)),
        (pl.Time(), "06:30:00", time(6, 30)),
        (pl.Duration("us"), "PT3H", timedelta(hours=3)),
        (pl.Decimal(10, 2), "1.50", Decimal("1.50")),
        (pl.Binary(), "aGk=", b"hi"),
        (pl.List(pl.Int64()), [1, None], [1, None]),
        (pl.Struct({"a": pl.Int64()}), {}, {"a": None}),
    ],
)
def test_a_value_of_the_declared_type_is_taken(dtype: pl.DataType, given_value: Any, taken: Any) -> None:
    assert check_of(dtype)(given_value) == taken


@pytest.mark.parametrize(
    ("dtype", "value", "says"),
    [
        (pl.Int64(), 3.0, "a whole number"),
        (pl.Int64(), True, "a whole number"),
        (pl.Int64(), "3", "a whole number"),
        (pl.Int8(), 128, "from -128 to 127"),
        (pl.UInt64(), -1, "from 0"),
        (pl.Float64(), True, "a number"),
        (pl.Float64(), float("nan"), "finite"),
        (pl.Float64(), 2**53 + 1, "exactly"),
        (pl.Float64(), 10**400, "exactly"),
        (pl.Float32(), 1e39, "32 bits"),
        (pl.String(), 3, "a text"),
        (pl.Boolean(), 1, "true or false"),
        (pl.Datetime("us", "UTC"), "2013-03-01T06:00:00", "with its zone"),
        (pl.Datetime("us", "UTC"), 1362117600, "with its zone"),
        (pl.Datetime("us", None), "2013-03-01T06:00:00Z", "without a zone"),
        (pl.Datetime("ns", "UTC"), "2500-03-01T06:00:00Z", "between the years"),
        (pl.Decimal(10, 2), "1.505", "2 behind the point"),
        (pl.Decimal(10, 2), "100000000", "10 digits"),
        (pl.Binary(), "hi", "base64"),
        (pl.List(pl.Int64()), ["a"], "a list, in which each is a whole number"),
        (pl.Struct({"a": pl.Int64()}), {"b": 1}, "the fields a"),
        (pl.Struct({"a": pl.Int64()}), {"a": "x"}, "whose 'a' is a whole number"),
        (pl.Null(), 1, "null"),
    ],
)
def test_nothing_is_cast_silently(dtype: pl.DataType, value: Any, says: str) -> None:
    with pytest.raises(WrongValue, match=says):
        check_of(dtype)(value)

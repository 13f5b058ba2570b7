from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import DataError
from soroi.scoring import InputColumn, conform, dtype_of, dtype_text, input_columns

TYPES = [
    pl.Boolean(),
    pl.Int8(),
    pl.UInt64(),
    pl.Float32(),
    pl.Float64(),
    pl.String(),
    pl.Categorical(),
    pl.Enum(["a", 'b"', "c,)("]),
    pl.Date(),
    pl.Time(),
    pl.Datetime("us", "UTC"),
    pl.Datetime("ms"),
    pl.Duration("ns"),
    pl.Decimal(20, 3),
    pl.List(pl.Float64()),
    pl.List(pl.Datetime("us", "UTC")),
]


@pytest.mark.parametrize("dtype", TYPES, ids=str)
def test_a_type_as_text_is_read_back(dtype: pl.DataType) -> None:
    assert dtype_of(dtype_text(dtype)) == dtype


@pytest.mark.parametrize("text", ["", "int", "Enum(a)", "Datetime(days)", "Decimal(x,2)", "List(List)", "Int64 "])
def test_other_text_is_not_a_type(text: str) -> None:
    with pytest.raises(DataError, match="not the type"):
        dtype_of(text)


def test_the_columns_of_training_are_listed_with_what_was_missing(data: Any) -> None:
    frame = data.X.with_columns(n=pl.lit(float("nan")))
    assert input_columns(frame) == [
        InputColumn("a", "Float64", True),
        InputColumn("b", "Int64", False),
        InputColumn("c", "String", False),
        InputColumn("t", "String", False),
        InputColumn("n", "Float64", True),
    ]


def test_a_type_no_model_takes_is_named_with_its_column() -> None:
    with pytest.raises(DataError, match="column 's'"):
        input_columns(pl.DataFrame({"s": [{"a": 1}]}))


def test_what_conforms_is_taken_as_it_is(data: Any) -> None:
    assert conform(data.X, input_columns(data.X), what="v").equals(data.X)


def test_columns_are_put_in_order_and_others_dropped() -> None:
    rows = pl.DataFrame({"z": [1], "b": [2], "a": [0.5]})
    columns = [InputColumn("a", "Float64", False), InputColumn("b", "Int64", False)]
    assert conform(rows, columns, what="v").equals(pl.DataFrame({"a": [0.5], "b": [2]}))


NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("value", "dtype", "wanted"),
    [
        (3, "Float64", 3.0),
        (3.0, "Int8", 3),
        (3, "UInt8", 3),
        (0.5, "Float32", 0.5),
        ("x", 'Enum(["x","y"])', "x"),
        ("x", "Categorical", "x"),
        (None, "Float64", None),
        (None, 'Enum(["x"])', None),
        (NOW, "Datetime(ms,UTC)", NOW),
        ([1, 2], "List(Float64)", [1.0, 2.0]),
    ],
)
def test_values_are_cast_where_nothing_is_lost(value: Any, dtype: str, wanted: Any) -> None:
    made = conform(pl.DataFrame({"a": [value]}), [InputColumn("a", dtype, True)], what="v")
    assert made.schema["a"] == dtype_of(dtype)
    assert made["a"].to_list() == [wanted]


@pytest.mark.parametrize(
    ("value", "dtype"),
    [
        (3.5, "Int64"),
        (float("nan"), "Int64"),
        (300, "Int8"),
        (-1, "UInt8"),
        ("3", "Int64"),
        ("3", "Float64"),
        ("true", "Boolean"),
        (1, "Boolean"),
        (True, "Int64"),
        (1, "String"),
        ("z", 'Enum(["x","y"])'),
        ("2026-01-01", "Date"),
        (NOW, "Date"),
        (NOW, "Datetime(us)"),
        ([1], "Int64"),
    ],
)
@pytest.mark.parametrize("before", [0, 100])
def test_values_that_would_lose_something_are_refused_by_name(value: Any, dtype: str, before: int) -> None:
    rows = pl.DataFrame({"a": pl.Series([None] * before + [value], dtype=pl.Series([value]).dtype)})
    with pytest.raises(DataError, match="late@1: column 'a'") as caught:
        conform(rows, [InputColumn("a", dtype, True)], what="late@1")
    assert caught.value.fields["column"] == "a"
    assert caught.value.fields.get("row", before) == before


def test_a_column_that_is_not_there_is_named() -> None:
    with pytest.raises(DataError, match="column 'b' is missing") as caught:
        conform(pl.DataFrame({"a": [1]}), [InputColumn("b", "Int64", True)], what="v")
    assert caught.value.hint == "columns given: a"


@pytest.mark.parametrize("before", [0, 3, 100])
@pytest.mark.parametrize("missing", [None, float("nan")])
def test_a_missing_value_training_never_saw_is_refused(before: int, missing: float | None) -> None:
    rows = pl.DataFrame({"a": pl.Series([*[1.0] * before, missing], dtype=pl.Float64)})
    with pytest.raises(DataError, match=f"missing in row {before}"):
        conform(rows, [InputColumn("a", "Float64", False)], what="v")
    assert conform(rows, [InputColumn("a", "Float64", True)], what="v").height == before + 1


def test_no_rows_conform() -> None:
    made = conform(pl.DataFrame({"a": []}), [InputColumn("a", "Int64", False)], what="v")
    assert made.schema == {"a": pl.Int64()}
    assert made.height == 0


@given(st.lists(st.one_of(st.none(), st.integers(-(2**40), 2**40)), min_size=1, max_size=80))
def test_whole_floats_and_integers_carry_the_same_values(values: list[int | None]) -> None:
    floats = pl.DataFrame({"a": pl.Series(values, dtype=pl.Int64).cast(pl.Float64)})
    made = conform(floats, [InputColumn("a", "Int64", True)], what="v")
    assert made["a"].to_list() == values

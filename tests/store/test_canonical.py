"""Canonical digests: of the values, not of how they are held."""

from __future__ import annotations

import io
import math
import struct
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soroi.base.errors import DataError
from soroi.store.canonical import BLOCK_ROWS, column_digest, normalise, type_name

KNOWN = [
    "70d64468cd0f16943c03d7079b0377b6c650cbcb",
    "2a013b6e963972013445b0641f456bb8cc421883",
    "088fde34f870e3bb0c691f89a7d4abbde27d4ac3",
    "dc9dde96dc451034d683aa2375266c86546c7152",
    "6db5df2e73771cb996b92e8ed06d4f731ad49c4d",
    "5d2d7688a3865c7d30042c4ab425d0ceaae9108a",
]
"""Digests of the first format. They must never change."""

VALUES: dict[str, tuple[Any, st.SearchStrategy[Any]]] = {
    "int": (pl.Int64(), st.integers(-(2**63), 2**63 - 1)),
    "small": (pl.UInt8(), st.integers(0, 255)),
    "wide": (pl.Int128(), st.integers(-(2**100), 2**100)),
    "float": (pl.Float64(), st.floats()),
    "bool": (pl.Boolean(), st.booleans()),
    "text": (pl.String(), st.text(max_size=5)),
    "bytes": (pl.Binary(), st.binary(max_size=5)),
    "date": (pl.Date(), st.dates()),
    "time": (pl.Time(), st.times()),
    "at": (pl.Datetime("us", "UTC"), st.datetimes(min_value=datetime(1900, 1, 1), max_value=datetime(2100, 1, 1))),
    "span": (pl.Duration("us"), st.timedeltas(min_value=timedelta(-999), max_value=timedelta(999))),
    "money": (pl.Decimal(12, 2), st.decimals(-1000, 1000, places=2)),
    "list": (pl.List(pl.String()), st.lists(st.none() | st.text(max_size=3), max_size=3)),
    "struct": (
        pl.Struct({"x": pl.Int64(), "y": pl.List(pl.Float64())}),
        st.fixed_dictionaries(
            {"x": st.none() | st.integers(-9, 9), "y": st.none() | st.lists(st.floats(width=32), max_size=2)}
        ),
    ),
    "array": (pl.Array(pl.Int16(), 2), st.lists(st.integers(-9, 9), min_size=2, max_size=2)),
    "nothing": (pl.Null(), st.none()),
}


@st.composite
def columns(draw: st.DrawFn) -> pl.Series:
    dtype, values = VALUES[draw(st.sampled_from(sorted(VALUES)))]
    held = draw(st.lists(st.none() | values, max_size=12))
    if isinstance(dtype, pl.Datetime):
        return pl.Series("c", held, dtype=pl.Datetime("us")).dt.replace_time_zone("UTC")
    return pl.Series("c", held, dtype=dtype)


@given(column=columns(), cut=st.integers(0, 12))
@settings(max_examples=100, deadline=None)
def test_chunks_and_parquet_do_not_change_a_digest(column: pl.Series, cut: int) -> None:
    digest = column_digest(column)
    in_chunks = pl.concat([column.slice(0, cut), column.slice(cut)], rechunk=False)
    assert column_digest(in_chunks) == digest
    spare = pl.concat([column.slice(0, 0), column, column]).slice(len(column), len(column))
    assert column_digest(spare) == digest
    for options in ({"compression": "zstd", "row_group_size": 3}, {"compression": "uncompressed"}):
        buffer = io.BytesIO()
        column.to_frame().write_parquet(buffer, **options)
        assert column_digest(pl.read_parquet(io.BytesIO(buffer.getvalue()))["c"]) == digest


@given(column=columns(), other=columns())
@settings(max_examples=200, deadline=None)
def test_equal_digests_mean_equal_values(column: pl.Series, other: pl.Series) -> None:
    one, two = (normalise(c.to_frame())["c"] for c in (column, other))
    same = one.dtype == two.dtype and one.equals(two, check_names=False)
    assert (column_digest(column) == column_digest(other)) == same


@given(column=columns())
@settings(max_examples=50, deadline=None)
def test_the_canonical_form_is_its_own(column: pl.Series) -> None:
    once = normalise(column.to_frame())
    assert normalise(once).equals(once)
    assert column_digest(once["c"]) == column_digest(column)


@pytest.mark.parametrize(
    ("one", "two"),
    [
        (pl.Series(["a", "b", None]), pl.Series(["ab", "", None])),
        (pl.Series(["ab", ""]), pl.Series(["", "ab"])),
        (pl.Series([1, None, 0]), pl.Series([1, 0, None])),
        (pl.Series([1, 0]), pl.Series([1, 0], dtype=pl.Int32)),
        (pl.Series([[1], [2]]), pl.Series([[1, 2], []])),
        (pl.Series([[None], [1]]), pl.Series([[], [1]], dtype=pl.List(pl.Int64))),
        (pl.Series([None, [1]]), pl.Series([[], [1]], dtype=pl.List(pl.Int64))),
        (pl.Series([{"a": None}]), pl.Series([None], dtype=pl.Struct({"a": pl.Null}))),
        (pl.Series([True] * 8), pl.Series([True] * 9)),
        (pl.Series([None] * 3), pl.Series([None] * 4)),
        (pl.Series(["é"]), pl.Series(["e\u0301"])),
        (pl.Series([b"x"]), pl.Series(["x"])),
        (pl.Series([datetime(2026, 1, 1)]), pl.Series([datetime(2026, 1, 1)]).dt.replace_time_zone("UTC")),
    ],
)
def test_values_that_differ_have_digests_that_differ(one: pl.Series, two: pl.Series) -> None:
    assert column_digest(one) != column_digest(two)


def test_zeros_have_no_sign_and_nans_no_payload() -> None:
    odd = struct.unpack("<d", struct.pack("<Q", 0xFFF8_0000_0000_0123))[0]
    one, two = pl.Series("c", [-0.0, odd, 1.5, None]), pl.Series("c", [0.0, math.nan, 1.5, None])
    assert column_digest(one) == column_digest(two)
    kept = normalise(one.to_frame())["c"]
    assert math.copysign(1, kept[0]) == 1
    assert struct.pack("<d", kept[1]) == struct.pack("<d", math.nan)
    nested = pl.Series("c", [[{"x": -0.0}]])
    assert math.copysign(1, normalise(nested.to_frame())["c"][0][0]["x"]) == 1


def test_categories_are_text() -> None:
    text = pl.Series("c", ["b", "a", None, "b"])
    for dtype in (pl.Categorical(), pl.Enum(["b", "a"]), pl.Enum(["a", "b", "c"])):
        held = text.cast(dtype)
        assert column_digest(held) == column_digest(text)
        assert normalise(held.to_frame())["c"].dtype == pl.String()


def test_what_lies_under_a_null_does_not_count() -> None:
    frame = pl.DataFrame({"a": [1, 2, 3], "keep": [True, False, True]})
    hidden = frame.select(pl.when("keep").then("a"))["a"]
    assert column_digest(hidden) == column_digest(pl.Series([1, None, 3]))
    structs = frame.select(pl.when("keep").then(pl.struct("a")))["a"]
    assert column_digest(structs) == column_digest(pl.Series([{"a": 1}, None, {"a": 3}]))


def test_longer_columns_than_a_block_depend_on_every_row() -> None:
    rows = BLOCK_ROWS + 10
    column = pl.Series(range(rows))
    digest = column_digest(column)
    assert column_digest(pl.concat([column[:7], column[7:]], rechunk=False)) == digest
    for place in (0, BLOCK_ROWS - 1, BLOCK_ROWS, rows - 1):
        changed = column.clone()
        changed[place] = -1
        assert column_digest(changed) != digest


def test_digests_stay_what_they_were() -> None:
    column = pl.Series([Decimal("1.10"), None])
    known = [
        column_digest(pl.Series(["a", None, "ü"])),
        column_digest(pl.Series([1, None, 3])),
        column_digest(pl.Series([1.5, float("nan"), None])),
        column_digest(pl.Series([[date(2026, 1, 1)], [], None])),
        column_digest(column),
        column_digest(pl.Series([time(1, 2, 3), None])),
    ]
    assert known == KNOWN


def test_python_objects_are_refused_by_name() -> None:
    with pytest.raises(DataError, match="column 'c' holds Python objects"):
        normalise(pl.DataFrame({"c": pl.Series([object()], dtype=pl.Object)}))


@pytest.mark.parametrize(
    ("dtype", "name"),
    [
        (pl.Int64(), "Int64"),
        (pl.Datetime("us", "UTC"), "Datetime(us, UTC)"),
        (pl.Datetime("ms"), "Datetime(ms, no zone)"),
        (pl.Duration("ns"), "Duration(ns)"),
        (pl.Decimal(10, 2), "Decimal(10, 2)"),
        (pl.List(pl.Struct({"a": pl.Int8})), "List(Struct('a': Int8))"),
        (pl.Array(pl.Float32, 3), "Array(Float32, 3)"),
        (pl.Categorical(), "String"),
    ],
)
def test_types_have_names_of_our_own(dtype: pl.DataType, name: str) -> None:
    assert type_name(dtype) == name

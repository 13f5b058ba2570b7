from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import RequestError
from soroi.serve.rows import MAX_ROWS, RowSchema

NOW = datetime(2026, 2, 1, tzinfo=UTC)
SCHEMA = RowSchema(
    "visits",
    {"visit": pl.String(), "at": pl.Datetime("us", "UTC"), "amount": pl.Float64(), "items": pl.Int64()},
    ("visit",),
    "at",
    "at",
)
VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.integers())
ROWS = st.lists(
    VALUES
    | st.dictionaries(st.sampled_from(["visit", "at", "amount", "items", "itmes", ""]) | st.text(max_size=3), VALUES),
    max_size=4,
)


def check(*rows: Any) -> Any:
    return SCHEMA.check(rows, defaults={"at": NOW}, required=["visit"])


def test_absent_columns_are_null_and_the_time_is_now() -> None:
    rows = check({"visit": "a"}, {"visit": "b", "at": "2026-01-01T00:00:00Z", "items": 3})
    assert rows.row(0) == {"visit": "a", "at": NOW, "amount": None, "items": None}
    assert rows.frame.schema == SCHEMA.schema
    assert rows.frame.row(1) == ("b", datetime(2026, 1, 1, tzinfo=UTC), None, 3)


@pytest.mark.parametrize(
    ("row", "message", "place", "name"),
    [
        ({"visit": "a", "itmes": 3}, "no field 'itmes'", 1, "itmes"),
        ({"visit": "a", "items": "3"}, "'items' takes a whole number, not the text '3'", 1, "items"),
        ({"visit": "a", "items": 3.5}, "'items' takes a whole number, not the number 3.5", 1, "items"),
        ({"amount": 1.0}, "'visit' is missing", 1, "visit"),
        ({"visit": None}, "'visit' is missing", 1, "visit"),
        ({"visit": "a", "at": "yesterday"}, "'at' takes a time with its zone", 1, "at"),
        ([1], "row 1 is the list, not an object", 1, None),
        (None, "row 1 is null, not an object", 1, None),
    ],
)
def test_an_error_names_row_and_field(row: Any, message: str, place: int, name: str | None) -> None:
    with pytest.raises(RequestError, match=message) as caught:
        check({"visit": "first"}, row)
    assert caught.value.fields.get("row") == place
    assert caught.value.fields.get("field") == name


def test_an_unknown_field_is_answered_with_the_nearest_name() -> None:
    with pytest.raises(RequestError) as caught:
        check({"visit": "a", "itmes": 3})
    assert caught.value.hint == "did you mean 'items'?"


def test_two_rows_of_one_key_are_refused() -> None:
    rows = check({"visit": "a"}, {"visit": "b"}, {"visit": "a"})
    with pytest.raises(RequestError, match="rows 0 and 2 have the same key"):
        SCHEMA.check_keys_differ(rows)


def test_too_many_rows_are_refused() -> None:
    with pytest.raises(RequestError, match="10001 rows"):
        check(*[{"visit": "a"}] * (MAX_ROWS + 1))


@given(rows=ROWS)
def test_any_rows_are_either_refused_by_name_or_made_into_a_frame(rows: list[Any]) -> None:
    try:
        made = check(*rows)
        SCHEMA.check_keys_differ(made)
    except RequestError:
        return
    assert made.frame.height == len(rows)
    assert made.frame.schema == SCHEMA.schema
    assert made.frame["visit"].null_count() == 0
    assert [made.row(place)["visit"] for place in range(len(rows))] == made.frame["visit"].to_list()


def test_times_of_another_zone_keep_their_moment() -> None:
    schema = RowSchema("x", {"id": pl.Int64(), "t": pl.Datetime("us", "America/New_York")}, ("id",), None, None)
    made = schema.check([{"id": 1, "t": "2026-01-01T00:00:00Z"}], defaults={}, required=["id"])
    assert made.frame.schema == schema.schema
    assert made.frame["t"][0] == datetime(2026, 1, 1, tzinfo=UTC)

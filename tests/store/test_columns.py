"""Columns: times in UTC and JSON, read as they were written, however they are stored."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from sqlalchemy.dialects import postgresql, sqlite

from soroi.store.columns import Json, UtcTime

MOMENT = datetime(2026, 1, 2, 3, 4, 5, 6, tzinfo=UTC)


@pytest.mark.parametrize("text", ["2026-01-02 03:04:05.000006", "2026-01-02 05:04:05.000006+02:00"])
def test_a_time_that_is_text_is_read_in_utc(text: str) -> None:
    read = UtcTime().result_processor(sqlite.dialect(), None)
    assert read is not None
    found = read(text)
    assert found == MOMENT
    assert found is not None
    assert found.tzinfo is UTC


def test_a_day_alone_is_read_as_its_midnight_in_utc() -> None:
    read = UtcTime().result_processor(sqlite.dialect(), None)
    assert read is not None
    assert read("2026-01-02") == datetime(2026, 1, 2, tzinfo=UTC)
    assert read(None) is None


@pytest.mark.parametrize("text", ["", "yesterday", "2026-13-01 00:00:00.000000"])
def test_what_is_no_time_is_refused(text: str) -> None:
    read = UtcTime().result_processor(sqlite.dialect(), None)
    assert read is not None
    with pytest.raises(ValueError, match=r"isoformat|month"):
        read(text)


def test_a_time_of_a_server_is_read_in_utc() -> None:
    read = UtcTime().result_processor(postgresql.dialect(), None)  # type: ignore[no-untyped-call]
    assert read is not None
    assert read(MOMENT.astimezone(timezone(timedelta(hours=2)))) == MOMENT


def test_an_empty_mapping_is_made_anew_for_each_row() -> None:
    read = Json().result_processor(sqlite.dialect(), None)
    first = read("{}")
    first["a"] = 1
    assert read("{}") == {}
    assert read('{"a":[1,null]}') == {"a": [1, None]}
    assert read(None) is None

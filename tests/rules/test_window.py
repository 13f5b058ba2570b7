from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from soroi.rules import Window

FRIDAY = datetime(2026, 1, 2, tzinfo=UTC)  # a Friday


def at(hour: int, minute: int = 0, *, days: int = 0) -> datetime:
    return FRIDAY + timedelta(days=days, hours=hour, minutes=minute)


def test_the_beginning_is_in_a_window_and_the_end_is_not() -> None:
    window = Window("freeze", since=at(0), until=at(12))
    assert [window.covers(one) for one in (at(0) - timedelta(microseconds=1), at(0), at(11, 59), at(12))] == [
        False,
        True,
        True,
        False,
    ]


@pytest.mark.parametrize(
    ("every", "inside", "outside"),
    [
        ("fri 16:00-24:00", [at(16), at(23, 59)], [at(15, 59), at(0, days=1), at(16, days=1)]),
        ("sat-sun", [at(0, days=1), at(23, 59, days=2)], [at(23, 59), at(0, days=3)]),
        ("fri-mon", [at(3), at(3, days=1), at(3, days=3)], [at(3, days=4), at(3, days=-1)]),
        ("22:00-06:00", [at(22), at(5, 59), at(0)], [at(6), at(21, 59)]),
        ("Friday 22:00-06:00", [at(22), at(5, 59, days=1)], [at(5), at(22, days=1), at(6, days=1)]),
    ],
)
def test_a_window_comes_again(every: str, inside: list[datetime], outside: list[datetime]) -> None:
    window = Window("quiet", every=every)
    assert all(window.covers(one) for one in inside)
    assert not any(window.covers(one) for one in outside)


def test_a_window_is_in_utc_whatever_the_clock_shows() -> None:
    window = Window("quiet", every="fri 16:00-17:00")
    assert window.covers(datetime(2026, 1, 2, 18, 30, tzinfo=timezone(timedelta(hours=2))))


def test_a_window_may_come_again_for_a_while_only() -> None:
    window = Window("winter", since=at(0), until=at(0, days=7), every="fri")
    assert window.covers(at(3))
    assert not window.covers(at(3, days=7))


@pytest.mark.parametrize(
    "every", ["", "someday 10:00-11:00", "fri 25:00-26:00", "10:00-10:00", "fri 10-11", "10:70-11:00"]
)
def test_what_is_no_window_is_refused(every: str) -> None:
    with pytest.raises(ValueError, match=r"day|write|same time"):
        Window("wrong", every=every)


def test_a_window_that_ends_before_it_begins_or_has_no_zone_is_refused() -> None:
    with pytest.raises(ValueError, match="before it begins"):
        Window("wrong", since=at(1), until=at(0))
    with pytest.raises(ValueError, match="no time zone"):
        Window("wrong", since=datetime(2026, 1, 1))


def test_a_window_is_plain_data_and_words() -> None:
    window = Window("freeze", since=at(0), every="fri", reason="stocktaking")
    assert window.to_dict() == {
        "name": "freeze",
        "from": "2026-01-02T00:00:00+00:00",
        "every": "fri",
        "reason": "stocktaking",
    }
    assert str(window) == "'freeze' (fri from 2026-01-02 00:00 UTC)"

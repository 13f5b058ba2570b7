from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.duration import brief, duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("50ms", 0.05),
        ("2s", 2),
        ("1.5m", 90),
        ("2min", 120),
        ("3h", 10_800),
        ("7d", 604_800),
        ("1w", 604_800),
        (" 4 h ", 14_400),
        ("0s", 0),
    ],
)
def test_a_duration_is_read_as_people_write_it(text: str, seconds: float) -> None:
    assert duration(text) == timedelta(seconds=seconds)


def test_a_span_is_taken_as_it_is() -> None:
    assert duration(timedelta(hours=1)) == timedelta(hours=1)


@pytest.mark.parametrize("text", ["", "3", "h", "-3h", "3 parsecs", "3h 2m", "1e3s", "3H"])
def test_what_is_no_duration_is_refused_with_examples(text: str) -> None:
    with pytest.raises(ValueError, match="such as '50ms', '3h' or '7d'"):
        duration(text)


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.23, "230 ms"), (1, "1 s"), (90, "1.5 min"), (5400, "1.5 h"), (864_000, "10 d"), (0, "0 ms"), (-7200, "-2 h")],
)
def test_a_span_is_told_in_its_largest_fitting_unit(seconds: float, text: str) -> None:
    assert brief(seconds) == brief(timedelta(seconds=seconds)) == text


@given(st.integers(0, 10**6), st.sampled_from(["ms", "s", "min", "h", "d", "w"]))
def test_every_whole_number_of_every_unit_is_read(number: int, unit: str) -> None:
    assert duration(f"{number}{unit}") == number * duration(f"1{unit}")

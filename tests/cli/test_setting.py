from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import ConfigError
from soroi.cli.setting import parse_settings


def test_values_are_read_as_json_and_else_as_text() -> None:
    found = parse_settings(["m.a=1", "m.b=0.5", "m.c=true", "m.d=none", "m.e=adam", "n.f=[1, 2]", "m.g=a=b"])
    assert found == {"m": {"a": 1, "b": 0.5, "c": True, "d": None, "e": "adam", "g": "a=b"}, "n": {"f": [1, 2]}}


@pytest.mark.parametrize("text", ["m.a", "a=1", ".a=1", "m.=1", "=1", ""])
def test_anything_else_is_refused_with_the_form(text: str) -> None:
    with pytest.raises(ConfigError, match=r"node\.parameter=value"):
        parse_settings([text])


def test_a_parameter_set_twice_is_refused() -> None:
    with pytest.raises(ConfigError, match="set twice"):
        parse_settings(["m.a=1", "m.a=2"])


@given(st.integers() | st.floats(allow_nan=False, allow_infinity=False))
def test_numbers_come_back_as_they_were_written(value: float) -> None:
    assert parse_settings([f"m.a={value!r}"]) == {"m": {"a": value}}

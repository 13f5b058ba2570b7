from __future__ import annotations

from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import RequestError
from soroi.http.body import BodyError, decode_rows


def test_one_row_or_many() -> None:
    assert decode_rows(b'{"row": {"a": 1}}', single=True) == ([{"a": 1}], True)
    assert decode_rows(b'{"rows": [{"a": 1}, {}]}', single=True) == ([{"a": 1}, {}], False)
    assert decode_rows(b'{"rows": []}', single=False) == ([], False)


@pytest.mark.parametrize(
    "body",
    [b"", b"{", b"\xff\xfe", b'{"rows": [NaN]}', b'{"row": 1e999}', b'{"a": "\xed\xa0\x80"}', b"[" * 100_000, b"'x'"],
)
def test_what_is_not_json_is_malformed(body: bytes) -> None:
    with pytest.raises(BodyError):
        decode_rows(body, single=True)


@pytest.mark.parametrize(
    ("body", "says"),
    [
        (b"[]", "the body is the list, not an object"),
        (b"{}", "no rows"),
        (b'{"row": {}, "rows": []}', "both 'row' and 'rows'"),
        (b'{"rows": {}}', "'rows' is the object, not a list"),
        (b'{"rwos": []}', "unknown field 'rwos'"),
    ],
)
def test_json_of_another_form_is_refused_with_the_form(body: bytes, says: str) -> None:
    with pytest.raises(RequestError, match=says) as caught:
        decode_rows(body, single=True)
    assert not isinstance(caught.value, BodyError)
    assert caught.value.hint


def test_a_single_row_is_only_taken_where_it_makes_sense() -> None:
    with pytest.raises(RequestError, match="unknown field 'row'"):
        decode_rows(b'{"row": {}}', single=False)


@given(body=st.binary() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(msgspec.json.encode))
def test_any_bytes_are_rows_or_a_request_error(body: bytes) -> None:
    rows: Any = None
    try:
        rows, _ = decode_rows(body, single=True)
    except RequestError:
        return
    assert isinstance(rows, list)

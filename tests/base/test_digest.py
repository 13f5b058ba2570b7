from __future__ import annotations

import hashlib
import subprocess
import sys
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.digest import FORMAT, canonical, digest, digest_bytes, new_hasher

leaves = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8) | st.binary(max_size=8)
)
values = st.recursive(
    leaves, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
)


def typed(value: Any) -> Any:
    """A value that equals another only where type and all are alike: ``1``, ``1.0`` and ``True`` differ."""
    if isinstance(value, dict):
        return {key: typed(one) for key, one in value.items()}
    if isinstance(value, list):
        return [typed(one) for one in value]
    return (type(value).__name__, repr(value))


@given(values, values)
def test_two_values_share_an_encoding_only_when_they_are_the_same(one: Any, other: Any) -> None:
    assert (canonical(one) == canonical(other)) == (typed(one) == typed(other))


@given(st.dictionaries(st.text(max_size=5), leaves, max_size=6))
def test_the_order_of_a_mapping_does_not_count(value: dict[str, Any]) -> None:
    assert canonical(value) == canonical(dict(reversed(value.items())))


@given(st.sets(st.text(max_size=5), max_size=6))
def test_a_set_is_encoded_in_one_order(value: set[str]) -> None:
    assert canonical(value) == canonical(frozenset(sorted(value, reverse=True)))


def test_a_tuple_is_the_same_as_a_list() -> None:
    assert canonical((1, "a")) == canonical([1, "a"])


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["ab", "c"], ["a", "bc"]),
        ([[], []], [[[]]]),
        ({"a": {}}, {"a": []}),
        ("1", 1),
        (b"a", "a"),
        (0.0, -0.0),
        ([None], []),
        ({"a": "bc"}, {"ab": "c"}),
    ],
)
def test_pieces_cannot_run_into_each_other(one: Any, other: Any) -> None:
    assert digest("x", one) != digest("x", other)


def test_domains_never_collide() -> None:
    assert digest("a", "b") != digest("b", "b")
    assert digest_bytes("ab", b"c") != digest_bytes("a", b"bc")


def test_what_has_no_canonical_encoding_is_refused_by_type() -> None:
    with pytest.raises(TypeError, match="object has no canonical encoding"):
        canonical([object()])


def test_a_mapping_with_other_keys_than_text_is_refused() -> None:
    with pytest.raises(TypeError, match="a key of type int"):
        canonical({1: "a"})


def test_the_digest_is_blake2b_over_format_domain_and_encoding() -> None:
    by_hand = hashlib.blake2b(FORMAT + b"\0\0\0\x04demo" + b"s" + (1).to_bytes(8, "big") + b"a", digest_size=20)
    assert digest("demo", "a") == by_hand.hexdigest()
    assert len(new_hasher("demo").hexdigest()) == 40


def test_the_digest_is_the_same_in_every_process() -> None:
    value = "{'a': {1.5, 'b'}, 'c': [None, True, b'x']}"
    program = f"from soroi.base.digest import digest; print(digest('demo', {value}))"
    told = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={"PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert told == {digest("demo", {"a": {1.5, "b"}, "c": [None, True, b"x"]}) + "\n"}

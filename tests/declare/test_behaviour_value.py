"""The encoding of values: injective, without regard to the process."""

from __future__ import annotations

import collections
import datetime
import decimal
import enum
import fractions
import functools
import itertools
import re
import types
import uuid
import zoneinfo
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.declare.behaviour_value import UnencodableError, ValueEncoder, shown

PLAIN = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False)
    | st.text(max_size=4)
    | st.binary(max_size=4)
    | st.decimals(allow_nan=False)
    | st.dates(),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.tuples(inner, inner)
        | st.dictionaries(st.text(max_size=3), inner, max_size=3)
        | st.frozensets(st.integers() | st.text(max_size=3), max_size=3)
    ),
    max_leaves=8,
)


def link(value: Any) -> str | None:
    if isinstance(value, type):
        return f"{'class' if value.__module__ == __name__ else 'foreign'} {value.__module__}.{value.__qualname__}"
    code = types.FunctionType | types.BuiltinFunctionType
    return f"function {value.__qualname__}" if isinstance(value, code) else None


def encode(value: Any) -> bytes:
    return ValueEncoder(link, {}).encode(value)


def typed(value: Any) -> Any:
    """A form in which values are equal only when their types are as well."""
    if isinstance(value, dict):
        return ("dict", [(typed(key), typed(one)) for key, one in value.items()])
    if isinstance(value, frozenset):
        return ("set", sorted(map(repr, map(typed, value))))
    if isinstance(value, list | tuple):
        return (type(value).__name__, [typed(one) for one in value])
    return (type(value).__name__, repr(value))


@given(PLAIN, PLAIN)
def test_two_values_share_an_encoding_only_when_they_are_the_same(one: Any, two: Any) -> None:
    assert (encode(one) == encode(two)) == (typed(one) == typed(two))


@given(PLAIN)
def test_a_copy_has_the_same_encoding(value: Any) -> None:
    import copy

    assert encode(copy.deepcopy(value)) == encode(value)


class Colour(enum.Enum):
    RED = 1
    BLUE = 2


@dataclass(frozen=True)
class Limits:
    low: int = 1
    rest: Any = None


class Words(dict[str, int]):
    pass


class Tool:
    def go(self) -> int:
        return 1


def one() -> int:
    return 1


def two() -> int:
    return 2


Pair = collections.namedtuple("Pair", "x y")
OTHER: list[Callable[[int], Any]] = [
    lambda n: datetime.datetime(2026, 1, n),
    lambda n: datetime.datetime(2026, 1, 1, tzinfo=datetime.timezone(datetime.timedelta(hours=n))),
    lambda n: datetime.datetime(2026, 1, 1, fold=n - 1),
    lambda n: zoneinfo.ZoneInfo(["Europe/Paris", "UTC"][n - 1]),
    lambda n: datetime.timedelta(n),
    lambda n: decimal.Decimal(["1.0", "1.00"][n - 1]),
    lambda n: fractions.Fraction(n, 7),
    lambda n: uuid.UUID(int=n),
    lambda n: Path(f"a/{n}"),
    lambda n: re.compile("a", [0, re.I][n - 1]),
    lambda n: range(n),
    lambda n: slice(n),
    lambda n: Colour(n),
    lambda n: Limits(n),
    lambda n: Limits(1, [n]),
    lambda n: Pair(1, n),
    lambda n: Words(a=n),
    lambda n: [one, two][n - 1],
    lambda n: [Tool().go, one][n - 1],
    lambda n: functools.partial(print, n),
    lambda n: functools.partial(dict, a=n),
    lambda n: functools.partial([one, two][n - 1]),
    lambda n: staticmethod([one, two][n - 1]),
    lambda n: collections.deque([1, 2], maxlen=n + 3),
    lambda n: collections.defaultdict([int, str][n - 1]),
    lambda n: collections.OrderedDict(a=n),
    lambda n: collections.Counter("a" * n),
    lambda n: types.SimpleNamespace(a=n),
    lambda n: types.MappingProxyType({"a": n}),
    lambda n: [list[int], list[str]][n - 1],
    lambda n: [int | None, str | None][n - 1],
    lambda n: bytearray([n]),
    lambda n: [{"a": 1, "b": 2}, {"b": 2, "a": 1}][n - 1],
    lambda n: [1, True][n - 1],
    lambda n: ["a", b"a"][n - 1],
    lambda n: [(), []][n - 1],
    lambda n: [set(), frozenset()][n - 1],
    lambda n: np.array([[1, 2, n]]),
    lambda n: np.zeros([(2, 3), (3, 2)][n - 1]),
    lambda n: np.array([1], dtype=["<i4", ">i4"][n - 1]),
    lambda n: np.float64(n),
    lambda n: [np.float32(1), np.float64(1)][n - 1],
    lambda n: np.dtype(["i4", "u4"][n - 1]),
    lambda n: pl.col("a") + n,
    lambda n: pl.when(pl.col("a") > 1).then(n).otherwise(None),
    lambda n: pl.Datetime(["us", "ms"][n - 1]),  # type: ignore[arg-type]
    lambda n: pl.Enum(["a", "b" * n]),
    lambda n: pl.Schema({"a": [pl.Int8, pl.Int64][n - 1]}),
    lambda n: pl.Series("a", [n]),
    lambda n: pl.DataFrame({"a": [1, n]}),
]


@pytest.mark.parametrize("number", range(len(OTHER)))
def test_values_of_many_types_are_told_apart(number: int) -> None:
    make = OTHER[number]
    assert encode(make(1)) == encode(make(1))
    assert encode(make(1)) != encode(make(2))


def test_a_value_that_holds_itself_is_encoded() -> None:
    loop: list[Any] = [1]
    loop.append(loop)
    longer: list[Any] = [1, [1]]
    longer[1].append(longer)
    assert encode(loop) == encode(loop)
    assert encode(loop) != encode(longer)


@pytest.mark.parametrize(
    "value",
    [
        iter([1]),
        itertools.count(),
        np.ma.array([1], mask=[True]),
        np.random.default_rng(1),
        np.array([one]),
    ],
)
def test_what_can_change_while_the_program_runs_has_no_encoding(value: Any) -> None:
    with pytest.raises(UnencodableError):
        encode([value])


def test_a_path_below_a_root_is_written_relative_to_it() -> None:
    here, there = ValueEncoder(link, {"project a": "/x/y"}), ValueEncoder(link, {"project a": "/z"})
    assert here.encode(Path("/x/y/data")) == there.encode(Path("/z/data"))
    assert here.encode("/x/y/data") == there.encode("/z/data")
    assert here.encode("/x/yy") != there.encode("/zy")
    assert here.encode("/x/y/data") != here.encode("/data")


def test_a_value_is_shown_without_addresses_and_a_secret_not_at_all() -> None:
    assert " at 0x" not in str(shown("a", object()))
    assert shown("api_key", 1) is None
    assert shown("words", {"b", "a"}) == "words = set([\"'a'\", \"'b'\"])"

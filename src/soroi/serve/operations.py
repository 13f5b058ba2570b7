"""Operations of row-wise features on Python's values, null for null and bit for bit as Polars does them."""

from __future__ import annotations

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

Kind = Literal["float", "int", "text", "bool", "date", "time", "other"]
"""What a column holds."""

Row = Sequence[Any]

_SAFE_WHOLE = 2**53


class NotPlanned(Exception):  # noqa: N818 (it is an outcome: the general way answers)
    """Something cannot be done for one row alone; the text says what."""


@dataclass(frozen=True)
class Term:
    """One column, as a call on the values of a row."""

    kind: Kind
    """What it holds."""

    of: Callable[[Row], Any]
    """Its value in a row; ``None`` for null."""

    place: int | None = None
    """Where it is a column of the row handed through: its place there."""

    constant: bool = False
    """Whether it is the same in each row."""


def literal(body: Any) -> Term:
    """A number, text or truth value written into an expression. Times are refused: they may be the time of day."""
    if isinstance(body, dict) and len(body) == 1:
        ((form, inner),) = body.items()
        if form in ("Dyn", "Scalar") and isinstance(inner, dict) and len(inner) == 1:
            ((name, value),) = inner.items()
            if (name == "Float" or name == "Float64") and isinstance(value, float | int):
                return Term("float", _always(float(value)), constant=True)
            if name == "Int" and isinstance(value, int) and abs(value) <= _SAFE_WHOLE:
                return Term("int", _always(value), constant=True)
            if name == "String" and isinstance(value, str):
                return Term("text", _always(value), constant=True)
            if name == "Boolean" and isinstance(value, bool):
                return Term("bool", _always(value), constant=True)
    raise NotPlanned("it holds a literal that is no number, text or truth value")


def _always(value: Any) -> Callable[[Row], Any]:
    return lambda _row: value


def _as_float(term: Term) -> Callable[[Row], Any]:
    """A term as floats: whole numbers become floats, as they do beside floats."""
    of = term.of
    if term.kind == "float":
        return of
    if term.kind == "int":
        if term.constant:
            return _always(float(of(())))
        return lambda row: None if (value := of(row)) is None else float(value)
    raise NotPlanned(f"it computes with a {term.kind}")


def cast_to_float(term: Term) -> Term:
    """Whole numbers and truth values as floats."""
    of = term.of
    if term.kind == "float":
        return term
    if term.kind in ("int", "bool"):
        return Term("float", lambda row: None if (value := of(row)) is None else float(value))
    raise NotPlanned(f"it casts a {term.kind}")


def _arithmetic(does: Callable[[float, float], float]) -> Callable[[Term, Term], Term]:
    def make(left: Term, right: Term) -> Term:
        if left.kind != "float" and right.kind != "float":
            raise NotPlanned("it computes with whole numbers, which overflow")
        a, b = _as_float(left), _as_float(right)

        def of(row: Row) -> float | None:
            x, y = a(row), b(row)
            return None if x is None or y is None else does(x, y)

        return Term("float", of)

    return make


def _true_divide(left: Term, right: Term) -> Term:
    """Division. By a constant only where that is exact: for many rows Polars multiplies by its rounded inverse."""
    if right.constant:
        divisor = float(right.of(()))
        if divisor == 0.0 or abs(math.frexp(divisor)[0]) != 0.5:
            raise NotPlanned("it divides by a constant that is no power of two, which Polars rounds otherwise")
    a, b = _as_float(left), _as_float(right)

    def of(row: Row) -> float | None:
        x, y = a(row), b(row)
        return None if x is None or y is None else _divide(x, y)

    return Term("float", of)


def _divide(x: float, y: float) -> float:
    if y != 0.0:
        return x / y
    with np.errstate(divide="ignore", invalid="ignore"):
        return float(np.divide(x, y))


def _placed(value: float) -> tuple[bool, float]:
    """A float as it is ordered: NaN behind every number, and like itself."""
    return (True, 0.0) if value != value else (False, value)


def _comparison(does: Callable[[Any, Any], Any]) -> Callable[[Term, Term], Term]:
    """Comparisons; where floats are compared, NaN equals itself and is greater than every number."""

    def make(left: Term, right: Term) -> Term:
        if "float" in (left.kind, right.kind):
            a, b = _as_float(left), _as_float(right)

            def of(row: Row) -> bool | None:
                x, y = a(row), b(row)
                return None if x is None or y is None else bool(does(_placed(x), _placed(y)))

            return Term("bool", of)
        if left.kind != right.kind or left.kind not in ("int", "text"):
            raise NotPlanned(f"it compares a {left.kind} with a {right.kind}")
        first, second = left.of, right.of

        def plain(row: Row) -> bool | None:
            x, y = first(row), second(row)
            return None if x is None or y is None else bool(does(x, y))

        return Term("bool", plain)

    return make


def _logic(decides: bool) -> Callable[[Term, Term], Term]:
    """And (false decides) and or (true decides); null where nothing decides."""

    def make(left: Term, right: Term) -> Term:
        if left.kind != "bool" or right.kind != "bool":
            raise NotPlanned("it joins what is not true or false")
        a, b = left.of, right.of

        def of(row: Row) -> bool | None:
            x: bool | None = a(row)
            y: bool | None = b(row)
            if x is decides or y is decides:
                return decides
            return None if x is None or y is None else not decides

        return Term("bool", of)

    return make


BINARY: Mapping[str, Callable[[Term, Term], Term]] = {
    "Plus": _arithmetic(operator.add),
    "Minus": _arithmetic(operator.sub),
    "Multiply": _arithmetic(operator.mul),
    "TrueDivide": _true_divide,
    "Gt": _comparison(operator.gt),
    "GtEq": _comparison(operator.ge),
    "Lt": _comparison(operator.lt),
    "LtEq": _comparison(operator.le),
    "Eq": _comparison(operator.eq),
    "NotEq": _comparison(operator.ne),
    "And": _logic(False),
    "Or": _logic(True),
}
"""Operations on two columns, by their name in a plan."""


def fill_null(term: Term, other: Term) -> Term:
    """What stands for null, of the same kind."""
    of = term.of
    if term.kind == "float" and other.kind == "int":
        instead = _as_float(other)
    elif term.kind == other.kind:
        instead = other.of
    else:
        raise NotPlanned(f"it fills a {term.kind} with a {other.kind}")
    return Term(term.kind, lambda row: instead(row) if (value := of(row)) is None else value)


def ternary(predicate: Term, truthy: Term, falsy: Term) -> Term:
    """One of two columns; null counts as false."""
    if predicate.kind != "bool":
        raise NotPlanned("it asks a condition that is not true or false")
    kind = truthy.kind
    if truthy.kind == falsy.kind:
        then, otherwise = truthy.of, falsy.of
    elif {truthy.kind, falsy.kind} == {"float", "int"}:
        kind, then, otherwise = "float", _as_float(truthy), _as_float(falsy)
    else:
        raise NotPlanned(f"it chooses between a {truthy.kind} and a {falsy.kind}")
    ask = predicate.of
    return Term(kind, lambda row: then(row) if ask(row) else otherwise(row))


def _is_null(term: Term) -> Term:
    of = term.of
    return Term("bool", lambda row: of(row) is None)


def _is_not_null(term: Term) -> Term:
    of = term.of
    return Term("bool", lambda row: of(row) is not None)


def _not(term: Term) -> Term:
    if term.kind != "bool":
        raise NotPlanned("it negates what is not true or false")
    of = term.of
    return Term("bool", lambda row: None if (value := of(row)) is None else not value)


def _of_float(does: Callable[[float], float]) -> Callable[[Term], Term]:
    def make(term: Term) -> Term:
        if term.kind != "float":
            raise NotPlanned(f"it computes with a {term.kind}")
        of = term.of
        return Term("float", lambda row: None if (value := of(row)) is None else does(value))

    return make


def _part(does: Callable[[Any], int], *kinds: Kind) -> Callable[[Term], Term]:
    def make(term: Term) -> Term:
        if term.kind not in kinds:
            raise NotPlanned(f"it takes a part of a {term.kind}")
        of = term.of
        return Term("int", lambda row: None if (value := of(row)) is None else does(value))

    return make


FUNCTIONS: Mapping[str, Callable[[Term], Term]] = {
    "Boolean.IsNull": _is_null,
    "Boolean.IsNotNull": _is_not_null,
    "Boolean.Not": _not,
    "Abs": _of_float(abs),
    "Negate": _of_float(operator.neg),
    "TemporalExpr.Hour": _part(operator.attrgetter("hour"), "time"),
    "TemporalExpr.Minute": _part(operator.attrgetter("minute"), "time"),
    "TemporalExpr.Day": _part(operator.attrgetter("day"), "time", "date"),
    "TemporalExpr.Month": _part(operator.attrgetter("month"), "time", "date"),
    "TemporalExpr.Year": _part(operator.attrgetter("year"), "time", "date"),
    "TemporalExpr.WeekDay": _part(lambda value: value.isoweekday(), "time", "date"),
    "StringExpr.LenChars": _part(len, "text"),
}
"""Operations on one column, by their name in a plan."""

"""Features functions as plain calls on one row: what a function does to a lazy frame, read from its plan.

Only what is known to give the same for a row alone as Polars gives for it among others is taken: columns handed
through, arithmetic on floats, comparisons, nulls, conditions, parts of times. Whatever else a plan holds makes the
whole function one that is called as it stands.
"""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from operator import itemgetter
from typing import Any

import msgspec
import polars as pl

from soroi.serve.operations import BINARY, FUNCTIONS, Kind, NotPlanned, Term, cast_to_float, fill_null, literal, ternary

Plan = Mapping[str, Any]
Columns = dict[str, Term]

_KINDS: dict[pl.DataType, Kind] = {
    pl.Float64(): "float",
    pl.Int64(): "int",
    pl.Int32(): "int",
    pl.Int16(): "int",
    pl.Int8(): "int",
    pl.UInt64(): "int",
    pl.UInt32(): "int",
    pl.UInt16(): "int",
    pl.UInt8(): "int",
    pl.String(): "text",
    pl.Boolean(): "bool",
    pl.Date(): "date",
    pl.Datetime("us"): "time",
    pl.Datetime("us", "UTC"): "time",
}
"""The types whose values are the same in a row of Python's values as in a frame's row."""


@dataclass(frozen=True)
class RowFeatures:
    """What a features function gives, from one row of its spine."""

    names: tuple[str, ...]
    """Feature columns, in the order in which the function's version has them."""

    dtypes: tuple[pl.DataType, ...]
    """Their types."""

    places: tuple[int | None, ...]
    """Of each that is a column of the spine handed through: its place there."""

    terms: tuple[Callable[[Sequence[Any]], Any], ...]
    """What gives each, from the values of a row."""

    def values(self, row: Sequence[Any]) -> tuple[Any, ...]:
        """The features of a row."""
        return tuple([term(row) for term in self.terms])


def row_features(
    function: Callable[..., Any], schema: Mapping[str, pl.DataType], key: Sequence[str], columns: Sequence[str]
) -> RowFeatures:
    """Read what a features function does from the plan that it makes of no rows.

    Args:
        function: Takes a lazy frame of the spine.
        schema: Columns of the spine.
        key: Its key; the function must hand it through.
        columns: The feature columns that are needed.

    Raises:
        NotPlanned: It does more than can be done for one row alone; says what.
    """
    first, made = _plan(function, schema)
    if first != _plan(function, schema)[0]:
        raise NotPlanned("it does not do the same twice")
    try:
        found = _Reading(schema).read(msgspec.json.decode(first))
        types = made.collect_schema()
    except NotPlanned:
        raise
    except Exception as error:  # a plan of a form we do not know
        raise NotPlanned(f"its plan cannot be read: {type(error).__name__}") from None
    for name in key:
        if name not in found or found[name].place != list(schema).index(name):
            raise NotPlanned(f"it does not hand the key '{name}' through")
    terms = []
    for name in columns:
        term = found.get(name)
        if term is None or _KINDS.get(types[name]) != term.kind:
            raise NotPlanned(f"'{name}' is of the type {types.get(name)}")
        terms.append(term)
    return RowFeatures(
        tuple(columns),
        tuple(types[name] for name in columns),
        tuple(t.place for t in terms),
        tuple(t.of for t in terms),
    )


def _plan(function: Callable[..., Any], schema: Mapping[str, pl.DataType]) -> tuple[str, pl.LazyFrame]:
    try:
        made = function(pl.LazyFrame(schema=dict(schema)))
    except (Exception, pl.exceptions.PanicException):
        raise NotPlanned("it cannot be called on no rows") from None
    if not isinstance(made, pl.LazyFrame):
        raise NotPlanned("it does not return a lazy frame")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # the form is not promised to stay; another one is not read
            return made.serialize(format="json"), made
    except Exception:
        raise NotPlanned("its plan cannot be written down: it calls Python for each row") from None


class _Reading:
    """Reads plans over one spine."""

    def __init__(self, schema: Mapping[str, pl.DataType]) -> None:
        self._schema = schema

    def read(self, plan: Plan) -> Columns:
        """The columns that a plan gives."""
        ((name, body),) = plan.items()
        if name == "DataFrameScan":
            return self._scan(body)
        if "input" not in body:
            raise NotPlanned(f"it does more than choose and compute columns: {name}")
        below = self.read(body["input"])
        if name == "Select":
            return dict(one for expr in body["expr"] for one in _outputs(expr, below))
        if name == "HStack":
            return {**below, **dict(one for expr in body["exprs"] for one in _outputs(expr, below))}
        if name == "MapFunction" and "Rename" in body["function"]:
            rename = body["function"]["Rename"]
            names = dict(zip(rename["existing"], rename["new"], strict=True))
            return {names.get(one, one): term for one, term in below.items()}
        raise NotPlanned(f"it does more than choose and compute columns: {name}")

    def _scan(self, body: Plan) -> Columns:
        if list(body["schema"]["fields"]) != list(self._schema):
            raise NotPlanned("it brings rows of its own")
        found: Columns = {}
        for place, (name, dtype) in enumerate(self._schema.items()):
            found[name] = Term(_KINDS.get(dtype, "other"), itemgetter(place), place)
        return found


def _outputs(expr: Any, below: Columns) -> list[tuple[str, Term]]:
    """The columns that one expression gives, by name."""
    if isinstance(expr, dict) and "Selector" in expr:
        return [(name, below[name]) for name in _selected(expr["Selector"], below)]
    return [(_name(expr), _term(expr, below))]


def _selected(selector: Any, below: Columns) -> list[str]:
    if selector == "Wildcard":
        return list(below)
    ((name, body),) = selector.items()
    if name == "ByName":
        return [one for one in body["names"] if one in below or body["strict"]]
    if name in ("Difference", "Union", "Intersect"):
        left, right = (_selected(one, below) for one in body)
        if name == "Difference":
            return [one for one in left if one not in right]
        if name == "Intersect":
            return [one for one in left if one in right]
        return [one for one in below if one in left or one in right]
    raise NotPlanned(f"it selects columns by {name}")


def _name(expr: Any) -> str:
    """Name of the column that an expression gives: an alias, or the first column in it."""
    ((kind, body),) = expr.items()
    if kind == "Column":
        return str(body)
    if kind == "Alias":
        return str(body[1])
    if kind == "BinaryExpr":
        return _name(body["left"])
    if kind == "Cast":
        return _name(body["expr"])
    if kind == "Function":
        return _name(body["input"][0])
    if kind == "Ternary":
        return _name(body["truthy"])
    if kind == "Literal":
        return "literal"
    raise NotPlanned(f"it computes a column by {kind}")


def _term(expr: Any, below: Columns) -> Term:
    ((kind, body),) = expr.items()
    if kind == "Column":
        return below[body]
    if kind == "Alias":
        return _term(body[0], below)
    if kind == "Literal":
        return literal(body)
    if kind == "BinaryExpr":
        make = BINARY.get(body["op"])
        if make is None:
            raise NotPlanned(f"it computes by {body['op']}")
        return make(_term(body["left"], below), _term(body["right"], below))
    if kind == "Cast":
        if body["dtype"] != {"Literal": "Float64"}:
            raise NotPlanned("it casts to another type than Float64")
        return cast_to_float(_term(body["expr"], below))
    if kind == "Ternary":
        return ternary(*(_term(body[part], below) for part in ("predicate", "truthy", "falsy")))
    if kind == "Function":
        return _function(body, below)
    raise NotPlanned(f"it computes a column by {kind}")


def _function(body: Plan, below: Columns) -> Term:
    function = body["function"]
    name = function if isinstance(function, str) else ".".join(*function.items()) if _is_pair(function) else "…"
    inputs = [_term(one, below) for one in body["input"]]
    if name == "FillNull" and len(inputs) == 2:
        return fill_null(*inputs)
    make = FUNCTIONS.get(name)
    if make is None or len(inputs) != 1:
        raise NotPlanned(f"it computes by {name}")
    return make(inputs[0])


def _is_pair(function: Any) -> bool:
    return len(function) == 1 and all(isinstance(one, str) for one in function.values())

"""Sums of linear terms, looked-up weights and weighted words: one row in Python or C, many with NumPy, equal bits."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from operator import itemgetter
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from soroi.scoring.inputs import Inputs
from soroi.scoring.program import Linear, Term
from soroi.scoring.words import sum_of

Row = Callable[[Sequence[Any]], float]
"""The sum of one row of values; NaN, infinite or an exception when the row is not taken."""


class LinearSum:
    """Adds up a :class:`~soroi.scoring.program.Linear`."""

    def __init__(self, linear: Linear, width: int, extension: ModuleType | None) -> None:
        self._linear = linear
        self._tables = [
            (one.column, _weights(one.keys, one.rows, one.missing), one.unknown[0] if one.unknown else math.nan)
            for one in linear.tables
        ]
        self._words = [(one.column, sum_of(one)) for one in linear.words]
        terms = _native_terms(linear, extension) if extension and linear.terms else _terms(linear, width)
        self.one: Row = self._with_rest(terms) if self._tables or self._words else terms
        """See :data:`Row`."""

    def many(self, rows: Inputs) -> npt.NDArray[np.float64]:
        """The sums of many rows, shape ``(n,)``: NaN or infinite where a row is not taken."""
        total = np.full(len(rows), self._linear.intercept)
        with np.errstate(all="ignore"):
            for term in self._linear.terms:
                x = rows.numbers(term.column)
                if term.fill is not None:
                    x = np.where(np.isnan(x), term.fill, x)
                total += (x - term.centre) / term.scale * term.weight
            for column, table, unknown in self._tables:
                total += np.array([table.get(value, unknown) for value in rows.values(column)], dtype=np.float64)
            for column, words in self._words:
                total += np.array(
                    [words(text) if type(text) is str else math.nan for text in rows.values(column)], dtype=np.float64
                )
        return total

    def _with_rest(self, terms: Row) -> Row:
        tables = [(column, table.get, unknown) for column, table, unknown in self._tables]
        words = self._words

        def total_of(values: Sequence[Any]) -> float:
            total = terms(values)
            for column, find, unknown in tables:
                value = values[column]
                total += find(value if value == value else None, unknown)
            for column, weigh in words:
                text = values[column]
                total += weigh(text) if type(text) is str else math.nan
            return total

        return total_of


def _weights(keys: Sequence[Any], rows: Sequence[Sequence[float]], missing: Sequence[float] | None) -> dict[Any, float]:
    table: dict[Any, float] = {key: row[0] for key, row in zip(keys, rows, strict=True)}
    table[None] = missing[0] if missing else math.nan
    return table


def _terms(linear: Linear, width: int) -> Row:
    """The sum of the numeric terms, in Python."""
    terms, intercept = linear.terms, linear.intercept
    pick = _picking([one.column for one in terms], width)
    centre, scale, weight = (tuple(getattr(one, name) for one in terms) for name in ("centre", "scale", "weight"))
    if all(one.fill is None for one in terms):

        def whole(values: Sequence[Any]) -> float:
            total = intercept
            for x, c, s, w in zip(pick(values), centre, scale, weight, strict=False):
                total += (x - c) / s * w
            return total

        return whole
    fill = tuple(_filled(one) for one in terms)

    def filled(values: Sequence[Any]) -> float:
        total = intercept
        for x, f, c, s, w in zip(pick(values), fill, centre, scale, weight, strict=False):
            if x is None or x != x:
                x = f
            total += (x - c) / s * w
        return total

    return filled


def _native_terms(linear: Linear, extension: ModuleType) -> Row:
    """The same in C."""
    terms = linear.terms
    made = extension.Linear(
        linear.intercept,
        array("i", [one.column for one in terms]),
        array("d", [_filled(one) for one in terms]),
        array("d", [one.centre for one in terms]),
        array("d", [one.scale for one in terms]),
        array("d", [one.weight for one in terms]),
    )
    row: Row = made.sum
    return row


def _filled(term: Term) -> float:
    return math.nan if term.fill is None else term.fill


def _picking(columns: Sequence[int], width: int) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """A function that gives the values of some columns."""
    if list(columns) == list(range(width)):
        return lambda values: values
    if len(columns) == 1:
        (only,) = columns
        return lambda values: (values[only],)
    if not columns:
        return lambda values: ()
    return itemgetter(*columns)

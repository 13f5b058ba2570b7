"""Sums over trees: one row in Python or C, many with NumPy or C, equal to the last bit."""

from __future__ import annotations

import ctypes
import math
from array import array
from collections.abc import Callable, Sequence
from operator import itemgetter
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt

from soroi.scoring.inputs import Inputs
from soroi.scoring.program import (
    IN_SET,
    KNOWN_SET,
    MISSING_LEFT,
    NAN_IS_ZERO,
    ZERO,
    ZERO_IS_MISSING,
    Forest,
    Number,
    Table,
    leaves_of,
    nodes_of,
    width_of,
)

_LARGEST = 2.0**31
_CHUNK = 4096
_OPS: dict[str, Callable[[Any, float], Any]] = {
    "+": lambda x, c: x + c,
    "-": lambda x, c: x - c,
    "*": lambda x, c: x * c,
    "/": lambda x, c: x / c,
}


class ForestSum:
    """Adds up a :class:`~soroi.scoring.program.Forest`."""

    def __init__(self, forest: Forest, extension: ModuleType | None) -> None:
        self._forest = forest
        self._width = width_of(forest.slots)
        self._tables = {place: _rows(slot) for place, slot in enumerate(forest.slots) if isinstance(slot, Table)}
        self._nodes, self._leaves = nodes_of(forest), leaves_of(forest)
        self._sets = [_members(words) for words in forest.sets]
        plain = all(isinstance(slot, Number) and not slot.ops for slot in forest.slots)
        columns = [slot.column for slot in forest.slots] if plain else list(range(self._width))
        self._native = _native(forest, columns, extension) if extension else None
        walk: Callable[[Sequence[Any]], float] = self._native.sum if self._native else self._walking(columns)
        self.one: Callable[[Sequence[Any]], float] = walk if plain else lambda values: walk(self._encode(values))
        """The sum of one row of values; raises or gives NaN when the row is not taken."""

    def many(self, rows: Inputs) -> npt.NDArray[np.float64]:
        """The sums of many rows, shape ``(n,)``: NaN where a row is not taken."""
        with np.errstate(all="ignore"):
            matrix, refused = self._matrix(rows)
            if self._forest.single:
                matrix = matrix.astype(np.float32).astype(np.float64)
            if not self._forest.nan:
                refused |= np.isnan(matrix).any(axis=1)
            if not self._forest.infinite:
                refused |= np.isinf(matrix).any(axis=1)
        sums = np.empty(len(rows), dtype=np.float64)
        if self._native is not None:
            self._native.sums(matrix, sums)
        else:
            for start in range(0, len(rows), _CHUNK):
                sums[start : start + _CHUNK] = self._walk_many(matrix[start : start + _CHUNK])
        sums[refused] = math.nan
        return sums

    def _encode(self, values: Sequence[Any]) -> list[float]:
        made: list[float] = []
        for place, slot in enumerate(self._forest.slots):
            value = values[slot.column]
            if isinstance(slot, Table):
                rows, unknown = self._tables[place]
                found = rows.get(value if value == value else None, unknown)
                if found is None:
                    raise ValueError("an unknown category")
                made += found
            else:
                made.append(_worked(slot, _number(value)))
        return made

    def _matrix(self, rows: Inputs) -> tuple[npt.NDArray[np.float64], npt.NDArray[np.bool_]]:
        """What the trees look at, shape ``(n, width)``, and the rows whose category a table refuses."""
        matrix = np.empty((len(rows), self._width), dtype=np.float64)
        refused = np.zeros(len(rows), dtype=np.bool_)
        at = 0
        for place, slot in enumerate(self._forest.slots):
            if isinstance(slot, Table):
                table, unknown = self._tables[place]
                size = width_of([slot])
                for row, value in enumerate(rows.values(slot.column)):
                    found = table.get(value, unknown)
                    refused[row] |= found is None
                    matrix[row, at : at + size] = 0.0 if found is None else found
                at += size
            else:
                matrix[:, at] = _worked_many(slot, rows.numbers(slot.column))
                at += 1
        return matrix, refused

    def _walking(self, columns: Sequence[int]) -> Callable[[Sequence[Any]], float]:
        """The walk of one row, in Python."""
        forest = self._forest
        threshold, feature, left, right, flags = (
            self._nodes[name].tolist() for name in ("threshold", "feature", "left", "right", "flags")
        )
        leaves, roots, base = self._leaves.tolist(), forest.roots, forest.base
        pick = _picking(columns)
        nan, infinite, single = forest.nan, forest.infinite, forest.single

        def walk(values: Sequence[Any]) -> float:
            row = [_number(value) for value in pick(values)]
            if single:
                row = [ctypes.c_float(x).value for x in row]
            for x in row:
                if x - x != 0.0 and not (nan if x != x else infinite):
                    raise ValueError("a number that the trees do not take")
            total = base
            for at in roots:
                while at >= 0:
                    x = row[feature[at]]
                    goes = self._special(flags[at], threshold[at], x) if flags[at] else x <= threshold[at]
                    at = left[at] if goes else right[at]
                total += leaves[~at]
            return float(total)

        return walk

    def _special(self, flags: int, threshold: float, x: float) -> bool:
        """Whether a number goes left at a node with flags."""
        missing_left = bool(flags & MISSING_LEFT)
        if flags & IN_SET:
            known = flags & KNOWN_SET
            if x != x:
                return missing_left
            if not -1.0 < x < _LARGEST or (known and x < 0):
                return missing_left if known else False
            at, whole = int(threshold), int(x)
            if whole in self._sets[at]:
                return True
            return missing_left if known and whole not in self._sets[at + 1] else False
        if x != x:
            if not flags & NAN_IS_ZERO:
                return missing_left
            x = 0.0
        if flags & ZERO_IS_MISSING and -ZERO <= x <= ZERO:
            return missing_left
        return x <= threshold

    def _special_many(
        self, flags: npt.NDArray[np.int32], threshold: npt.NDArray[np.float64], x: npt.NDArray[np.float64]
    ) -> npt.NDArray[np.bool_]:
        """The same of many numbers, each at a node of its own."""
        nan = np.isnan(x)
        if nan.any():
            x = np.where(nan & ((flags & NAN_IS_ZERO) != 0), 0.0, x)
        missing = np.isnan(x) | (((flags & ZERO_IS_MISSING) != 0) & (np.abs(x) <= ZERO))
        goes: npt.NDArray[np.bool_] = np.where(missing, (flags & MISSING_LEFT) != 0, x <= threshold)
        for place in np.flatnonzero(flags & IN_SET):
            goes[place] = self._special(int(flags[place]), float(threshold[place]), float(x[place]))
        return goes

    def _walk_many(self, matrix: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
        """The walks of many rows, level by level, with NumPy."""
        nodes, leaves, n = self._nodes, self._leaves, len(matrix)
        threshold, feature, flags = nodes["threshold"], nodes["feature"], nodes["flags"]
        left, right, special = nodes["left"], nodes["right"], bool(flags.any())
        total = np.full(n, self._forest.base)
        for root in self._forest.roots:
            at = np.full(n, root, dtype=np.int32)
            live = np.arange(n) if root >= 0 else np.arange(0)
            while live.size:
                here = at[live]
                x = matrix[live, feature[here]]
                goes = self._special_many(flags[here], threshold[here], x) if special else x <= threshold[here]
                after = np.where(goes, left[here], right[here])
                at[live] = after
                live = live[after >= 0]
            total += leaves[~at]
        return total


def _rows(table: Table) -> tuple[dict[Any, Any], Any]:
    rows: dict[Any, Any] = dict(zip(table.keys, table.rows, strict=True))
    rows[None] = table.missing
    return rows, table.unknown


def _members(words: Sequence[int]) -> frozenset[int]:
    return frozenset(32 * place + bit for place, word in enumerate(words) for bit in range(32) if word >> bit & 1)


def _number(value: Any) -> float:
    if type(value) is float:
        return value
    if value is None:
        return math.nan
    if isinstance(value, int | float):
        return float(value)
    raise TypeError("not a number")


def _worked(slot: Number, x: float) -> float:
    for op, constant in slot.ops:
        if op != "fill":
            x = _OPS[op](x, constant)
        elif x != x:
            x = constant
    return x


def _worked_many(slot: Number, x: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    for op, constant in slot.ops:
        x = np.where(np.isnan(x), constant, x) if op == "fill" else _OPS[op](x, constant)
    return x


def _native(forest: Forest, columns: Sequence[int], extension: ModuleType) -> Any:
    spans, words = array("i"), array("I")
    for one in forest.sets:
        spans.extend((len(words), len(one)))
        words.extend(one)
    return extension.Forest(
        forest.base,
        array("i", columns),
        forest.nodes,
        array("i", forest.roots),
        forest.leaves,
        spans,
        words,
        forest.single,
        forest.nan,
        forest.infinite,
    )


def _picking(columns: Sequence[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    if len(columns) < 2:
        return lambda values: [values[column] for column in columns]
    return itemgetter(*columns)

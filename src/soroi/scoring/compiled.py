"""Compiled scorers: a model's scores without its estimator, for one row of plain values or for a frame."""

from __future__ import annotations

import math
from array import array
from collections.abc import Callable, Sequence
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi import _native
from soroi.base.errors import CorruptError, DataError
from soroi.scoring.inputs import Inputs
from soroi.scoring.links import Function, function_of
from soroi.scoring.program import Linear, Part, Program, Table, decode_program
from soroi.scoring.run_forest import ForestSum
from soroi.scoring.run_linear import LinearSum

_REFUSED = (TypeError, ValueError, OverflowError, LookupError, ArithmeticError)


class CompiledScorer:
    """Scores with a :class:`~soroi.scoring.program.Program`. A :class:`~soroi.scoring.rowwise.RowScorer`.

    One row and many rows, with and without the extension, give the same bits: the same additions in the same order.
    """

    def __init__(self, program: Program, *, what: str, extension: ModuleType | None) -> None:
        """Make a program ready to run.

        Args:
            program: A checked program.
            what: Name of the model version, for messages.
            extension: The extension in C, or ``None`` to do without.

        Raises:
            ValueError: A text's rules cannot be followed.
        """
        self.program = program
        self.what = what
        self.columns: tuple[str, ...] = tuple(column.name for column in program.columns)
        """Names of the input columns, in the order in which :meth:`one` takes them."""
        self._parts = [(_sum_of(part, len(self.columns), extension), function_of(part.links)) for part in program.parts]
        single = [place for place, column in enumerate(program.columns) if column.dtype == "Float32"]
        self._single = tuple(single)
        self._row = _one_part(*self._parts[0]) if len(self._parts) == 1 else _mean(self._parts)

    def one(self, values: Sequence[Any]) -> float:
        """The score of one row; see :meth:`soroi.scoring.rowwise.RowScorer.one`."""
        if self._single:
            values = self._rounded(values)
        try:
            made = self._row(values)
        except _REFUSED:
            made = math.nan
        if made - made != 0.0:  # NaN or infinite
            raise self._refused(values, 0, made)
        return made

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        """One finite float64 per row; see :meth:`soroi.scoring.scorer.Scorer.score`."""
        if rows.height == 0:
            return np.empty(0, dtype=np.float64)
        inputs = Inputs(rows, self.columns, what=self.what)
        parts = [_apply(function, total.many(inputs)) for total, function in self._parts]
        made = parts[0]
        if len(parts) > 1:
            for part in parts[1:]:
                made = made + part
            made = made / len(parts)
        finite = np.isfinite(made)
        if not finite.all():
            row = int(np.flatnonzero(~finite)[0])
            missing = [name for name in self.columns if name not in rows.columns]
            values = rows.select(pl.lit(None).alias(n) if n in missing else n for n in self.columns).row(row)
            raise self._refused(values, row, float(made[row]))
        return made

    def _rounded(self, values: Sequence[Any]) -> Sequence[Any]:
        made = list(values)
        for place in self._single:
            if isinstance(made[place], float):
                made[place] = array("f", (made[place],))[0]
        return made

    def _refused(self, values: Sequence[Any], row: int, made: float) -> DataError:
        """Why a row has no score, as an error that names the column."""
        present, finite = _demands(self.program)
        told = f"{self.what}: column '{{}}' is {{}} in row {row}, which the model does not take"
        for place, (name, value) in enumerate(zip(self.columns, values, strict=False)):
            if place in present and (value is None or value != value):
                return DataError(told.format(name, "missing"), column=name, row=row)
            if place in finite and isinstance(value, float) and math.isinf(value):
                return DataError(told.format(name, "infinite"), column=name, row=row)
        looked_up = _looked_up(self.program)
        for place, (name, value) in enumerate(zip(self.columns, values, strict=False)):
            if place in looked_up and value is not None and value not in looked_up[place]:
                reason = f"holds {value!r}, which never happened in training"
                return DataError(f"{self.what}: column '{name}' {reason}, in row {row}", column=name, row=row)
        return DataError(f"{self.what}: the score of row {row} is {made}, not a finite number", row=row)


def load_compiled(data: bytes, *, what: str, extension: ModuleType | str | None = "auto") -> CompiledScorer:
    """The scorer of an encoded program. Imports no package that trained it.

    Args:
        data: The encoded program.
        what: Name of the model version, for messages.
        extension: The extension in C; ``None`` does without; by default it is used where it was compiled.

    Raises:
        CorruptError: The program is not sound.
        RefusedError: A newer soroi wrote it.
    """
    program = decode_program(data, what=what)
    chosen = _native.extension() if isinstance(extension, str) else extension
    try:
        return CompiledScorer(program, what=what, extension=chosen)
    except ValueError as error:
        raise CorruptError(f"{what}: its compiled scorer is not sound: {error}") from error


Sum = LinearSum | ForestSum


def _sum_of(part: Part, width: int, extension: ModuleType | None) -> Sum:
    if isinstance(part.of, Linear):
        return LinearSum(part.of, width, extension)
    return ForestSum(part.of, extension)


def _one_part(total: Sum, function: Function) -> Callable[[Sequence[Any]], float]:
    add = total.one

    def row(values: Sequence[Any]) -> float:
        made = add(values)
        return function(made) if made - made == 0.0 else math.nan

    return row


def _mean(parts: Sequence[tuple[Sum, Function]]) -> Callable[[Sequence[Any]], float]:
    rows, count = [_one_part(total, function) for total, function in parts], len(parts)

    def row(values: Sequence[Any]) -> float:
        made = rows[0](values)
        for one in rows[1:]:
            made += one(values)
        return made / count

    return row


def _apply(function: Function, sums: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """A function of every finite sum; NaN for the others."""
    return np.array([function(x) if x - x == 0.0 else math.nan for x in sums.tolist()], dtype=np.float64)


def _demands(program: Program) -> tuple[set[int], set[int]]:
    """Places of the columns that must not be missing, and of those that must not be infinite."""
    present: set[int] = set()
    finite: set[int] = set()
    for of in (part.of for part in program.parts):
        if isinstance(of, Linear):
            present.update(one.column for one in of.terms if one.fill is None)
            present.update(one.column for one in of.tables if one.missing is None)
            present.update(one.column for one in of.words)
            finite.update(one.column for one in of.terms)
            continue
        for slot in of.slots:
            if isinstance(slot, Table):
                present.update([slot.column] if slot.missing is None else [])
                continue
            present.update([slot.column] if not of.nan and all(op != "fill" for op, _ in slot.ops) else [])
            finite.update([] if of.infinite else [slot.column])
    return present, finite


def _looked_up(program: Program) -> dict[int, set[Any]]:
    """The known categories of the columns whose other categories are refused, by place."""
    found: dict[int, set[Any]] = {}
    for of in (part.of for part in program.parts):
        slots = of.tables if isinstance(of, Linear) else [slot for slot in of.slots if isinstance(slot, Table)]
        for table in slots:
            if table.unknown is None:
                found[table.column] = set(table.keys)
    return found

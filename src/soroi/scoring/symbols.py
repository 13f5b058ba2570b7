"""What a preprocessing step makes of an input column, kept as a recipe instead of numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from soroi.scoring.program import Analyzer, Key

NOT_FILLED = object()
"""Stands for: nothing was put in the place of missing values."""


class NotCompiled(Exception):  # noqa: N818  (no error: the estimator is used)
    """A model, or a step of it, that the compiler does not know; the text says which."""


@dataclass(frozen=True)
class Raw:
    """A column as it comes."""

    column: int
    """Place of the input column."""

    numeric: bool
    """Whether it holds numbers or Booleans."""

    fill: Any = NOT_FILLED
    """What stands for a missing category."""


@dataclass(frozen=True)
class Worked:
    """A number, worked on."""

    column: int
    ops: tuple[tuple[str, float], ...] = ()
    """See :attr:`soroi.scoring.program.Number.ops`."""


@dataclass(frozen=True)
class Cell:
    """One of the numbers that stand for a category."""

    column: int
    values: dict[Key, float]
    """The number of each category."""

    missing: float | None
    """The number of a missing category; ``None`` refuses it."""

    unknown: float | None
    """The number of any other category; ``None`` refuses it."""


@dataclass(frozen=True)
class Corpus:
    """How a column of texts becomes counts of terms."""

    column: int
    analyzer: Analyzer
    terms: list[str]
    binary: bool
    sublinear: bool = False
    idf: list[float] | None = None
    norm: str | None = None
    weighed: bool = False
    """Whether weights and norm were applied, after which they cannot be again."""


@dataclass(frozen=True)
class Term:
    """One term of a corpus."""

    corpus: Corpus = field(compare=False)
    place: int
    factor: float = 1.0
    """Factor after the norm."""


Symbol = Raw | Worked | Cell | Term


def as_number(symbol: Symbol) -> Worked | Cell | Term:
    """A symbol that is a number.

    Raises:
        NotCompiled: It is a column of text.
    """
    if isinstance(symbol, Raw):
        if not symbol.numeric or symbol.fill is not NOT_FILLED:
            raise NotCompiled("a column that holds no numbers is used as one")
        return Worked(symbol.column)
    return symbol


def worked(symbol: Symbol, op: str, constant: float) -> Symbol:
    """A symbol after an operation with a constant.

    Raises:
        NotCompiled: It cannot be followed there.
    """
    symbol = as_number(symbol)
    if op == "/" and constant == 0:
        raise NotCompiled("a division by zero")
    if isinstance(symbol, Worked):
        return replace(symbol, ops=(*symbol.ops, (op, constant)))
    if isinstance(symbol, Term):
        if op not in "*/":
            raise NotCompiled("counts of terms are shifted")
        return replace(symbol, factor=_apply(symbol.factor, op, constant))
    values = {key: _apply(value, op, constant) for key, value in symbol.values.items()}
    missing, unknown = (None if one is None else _apply(one, op, constant) for one in (symbol.missing, symbol.unknown))
    return replace(symbol, values=values, missing=missing, unknown=unknown)


def _apply(x: float, op: str, constant: float) -> float:
    if op == "+":
        return x + constant
    if op == "-":
        return x - constant
    return x * constant if op == "*" else x / constant


def affine(ops: Sequence[tuple[str, float]]) -> tuple[float | None, float, float]:
    """Operations as ``(x - centre) / scale``, after a missing value was filled.

    Returns:
        What stands for a missing value, centre, scale.

    Raises:
        NotCompiled: A value is filled in after it was worked on, or scaled by zero.
    """
    fill: float | None = None
    centre, scale = 0.0, 1.0
    for place, (op, constant) in enumerate(ops):
        if op == "fill":
            if place:
                raise NotCompiled("a missing value is filled in after scaling")
            fill = constant
        elif op in "+-":
            centre += (constant if op == "-" else -constant) * scale
        else:
            scale = scale * constant if op == "/" else scale / constant if constant else 0.0
    if scale == 0:
        raise NotCompiled("a column is multiplied by zero")
    return fill, centre, scale

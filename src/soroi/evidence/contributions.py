"""Contributions: how much each input moved one score away from the scores of other rows."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.base.errors import DataError

Score = Callable[[pl.DataFrame], npt.NDArray[np.float64]]


@dataclass(frozen=True)
class Contribution:
    """What one input did to a score."""

    name: str
    """Name of the column."""

    value: Any
    """Its value in the row."""

    effect: float
    """How far it moved the score, in the score's own unit."""

    error: float
    """Standard error of ``effect``: it is estimated from a sample."""


@dataclass(frozen=True)
class Contributions:
    """What all inputs did to a score. The effects and :attr:`start` add up to :attr:`score`."""

    score: float
    """The score of the row."""

    start: float
    """Mean score of the background rows that were drawn."""

    parts: tuple[Contribution, ...]
    """The inputs, those with the largest effect first."""


def contributions(
    score: Score, row: pl.DataFrame, background: pl.DataFrame, *, seed: int, pairs: int = 32
) -> Contributions:
    """Shapley values of the inputs of one row, estimated from random orders.

    In each order the inputs of a background row are replaced one by one by those of the row; what the score then does
    is the input's doing. Each order is also gone backwards, with the same background row, which lowers the variance.
    Source: Štrumbelj and Kononenko, "Explaining prediction models and individual predictions with feature
    contributions", Knowledge and Information Systems 41 (2014); Mitchell et al., "Sampling Permutations for Shapley
    Value Estimation", Journal of Machine Learning Research 23 (2022), for going both ways.

    Args:
        score: Scores rows of the model's columns; called once with ``2 · pairs · (columns + 1)`` rows.
        row: The row, shape ``(1, columns)``.
        background: Rows to compare with, shape ``(n, columns)``, the same columns and types.
        seed: Of the draws; the same seed gives the same figures.
        pairs: How many orders are drawn, at least 2.

    Raises:
        DataError: There is not exactly one row, or no background.
    """
    if row.height != 1 or background.height == 0 or pairs < 2:
        raise DataError(f"{row.height} rows, {background.height} background rows, {pairs} pairs: needs 1, ≥ 1 and ≥ 2")
    random = np.random.default_rng(seed)
    width = row.width
    orders = np.array([random.permutation(width) for _ in range(pairs)])
    both = np.stack([orders, orders[:, ::-1]], axis=1)
    drawn = random.integers(1, background.height + 1, size=pairs)
    scores = score(_frame(row, background, _chains(both, drawn))).reshape(pairs, 2, width + 1)
    effects = np.empty((pairs, 2, width))
    np.put_along_axis(effects, both, np.diff(scores, axis=2), axis=2)
    each = effects.mean(axis=1)
    mean, error = each.mean(axis=0), each.std(axis=0, ddof=1) / np.sqrt(pairs)
    values = row.row(0)
    largest = sorted(range(width), key=lambda place: -abs(mean[place]))
    parts = [Contribution(row.columns[one], values[one], float(mean[one]), float(error[one])) for one in largest]
    return Contributions(float(scores[0, 0, -1]), float(scores[:, 0, 0].mean()), tuple(parts))


def _chains(both: npt.NDArray[np.intp], drawn: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """For each link of each chain and each column: 0 for the row, else the place of the background row."""
    pairs, _, width = both.shape
    chosen = np.broadcast_to(drawn[:, None, None, None], (pairs, 2, width + 1, width)).copy()
    rank = np.argsort(both, axis=2)
    taken = np.arange(width + 1)[:, None] > rank[:, :, None, :]
    chosen[taken] = 0
    return chosen.reshape(-1, width)


def _frame(row: pl.DataFrame, background: pl.DataFrame, chosen: npt.NDArray[np.int64]) -> pl.DataFrame:
    rows = pl.concat([row, background.select(row.columns)])
    return pl.DataFrame([rows.get_column(name).gather(chosen[:, at]) for at, name in enumerate(row.columns)])

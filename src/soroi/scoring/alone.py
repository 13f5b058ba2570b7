"""Scoring row by row, where a library gives a row other last bits among others than alone."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.scoring.rowwise import row_scorer
from soroi.scoring.scorer import Scorer


@dataclass(frozen=True)
class OneByOne:
    """Asks a scorer for each row alone, so that what it gives does not rest on the rows beside it."""

    scorer: Scorer
    """What is asked."""

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        """One finite float64 per row; see :meth:`soroi.scoring.scorer.Scorer.score`."""
        if rows.height <= 1:
            return self.scorer.score(rows)
        return np.concatenate([self.scorer.score(rows[place : place + 1]) for place in range(rows.height)])


def steadied(scorer: Scorer, rows: pl.DataFrame) -> Scorer:
    """A scorer whose scores of a row are the same to the last bit, whatever rows are scored with it.

    Matrix products of some libraries add up in another order for many rows than for one. A compiled scorer never does;
    of others some rows are tried, together and alone.

    Args:
        scorer: The scorer.
        rows: Some of its rows.
    """
    if row_scorer(scorer) is not None or rows.height < 2:
        return scorer
    alone = OneByOne(scorer)
    return scorer if np.array_equal(scorer.score(rows), alone.score(rows)) else alone

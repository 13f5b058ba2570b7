"""Scorers that take one row as plain Python values, without a frame around it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, runtime_checkable

import numpy as np
import numpy.typing as npt
import polars as pl


@runtime_checkable
class RowScorer(Protocol):
    """A :class:`soroi.scoring.scorer.Scorer` that also scores one row at a time.

    Both ways give the same number to the last bit: ``scorer.one(frame.row(i))`` is ``scorer.score(frame)[i]``.
    Scorers are safe to use from several threads.
    """

    columns: tuple[str, ...]
    """Names of the input columns, in the order in which :meth:`one` takes their values."""

    def one(self, values: Sequence[Any]) -> float:
        """The score of one row.

        Args:
            values: A value for each of :attr:`columns`, as ``frame.row(i)`` of a frame with the model's column types
                gives it: ``None`` for null, ``float`` (also NaN), ``int``, ``bool`` or ``str``. A whole number is
                taken for a column of floats. Values of ``Float32`` columns need not be rounded before.

        Raises:
            DataError: The model cannot take these values, or makes something that is not finite of them: where
                ``score`` of a frame of this one row raises it too, with the same message.
        """
        ...

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        """One finite float64 per row, in the order of the rows; see :meth:`soroi.scoring.scorer.Scorer.score`."""
        ...


def row_scorer(scorer: object) -> RowScorer | None:
    """The scorer itself when it takes single rows, else ``None``."""
    return scorer if isinstance(scorer, RowScorer) else None

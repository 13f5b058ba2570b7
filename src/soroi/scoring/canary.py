"""Canary rows: a model version carries some input rows and their scores, replayed wherever it is loaded."""

from __future__ import annotations

import io

import msgspec
import numpy as np
import polars as pl

from soroi.base.errors import CorruptError, DataError, RefusedError
from soroi.scoring.scorer import Scorer

TOLERANCE = 1e-9
"""Largest absolute difference between a score and its replay. Parallel sums may differ in the last bits."""

_MOST_VALUES = 64
_DISCRETE = (pl.String, pl.Categorical, pl.Enum, pl.Boolean)


class Canary(msgspec.Struct, frozen=True):
    """Input rows and the scores they gave when the model was built."""

    rows: bytes
    """The rows as uncompressed Parquet; the same rows give the same bytes."""

    scores: list[float]
    """One score per row."""

    def frame(self, *, what: str) -> pl.DataFrame:
        """The rows.

        Raises:
            CorruptError: The bytes are not Parquet of as many rows as there are scores.
        """
        try:
            frame = pl.read_parquet(io.BytesIO(self.rows))
        except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError, ValueError) as error:
            raise CorruptError(f"{what}: the canary rows cannot be read: {error}") from error
        if frame.height != len(self.scores):
            raise CorruptError(f"{what}: {frame.height} canary rows but {len(self.scores)} scores")
        return frame

    def replay(self, scorer: Scorer, *, what: str) -> None:
        """Score the rows again and compare.

        Raises:
            RefusedError: A score is off by more than :data:`TOLERANCE`, or the rows cannot be scored.
            CorruptError: The rows cannot be read.
        """
        frame = self.frame(what=what)
        hint = "rebuild the model with the packages installed here, or install those it was built with"
        try:
            again = scorer.score(frame)
        except DataError as error:
            raise RefusedError(f"{what}: the canary rows cannot be scored: {error.message}", hint=hint) from error
        off = np.abs(again - np.asarray(self.scores, dtype=np.float64))
        bad = np.flatnonzero(~(off <= TOLERANCE))
        if bad.size:
            row = int(bad[0])
            raise RefusedError(
                f"{what}: canary row {row} scores {again[row]!r} here, {self.scores[row]!r} when it was built"
                f" ({bad.size} of {len(off)} rows differ)",
                hint=hint,
                row=row,
                expected=self.scores[row],
                found=float(again[row]),
            )


def make_canary(scorer: Scorer, X: pl.DataFrame, n: int = 32) -> Canary:  # noqa: N803  the usual name of inputs
    """Choose up to ``n`` rows that cover nulls, categories and extremes, and score them.

    The choice is deterministic: per column the first row with a null, the first of each value (text,
    categories, Booleans) or the smallest and largest (numbers, times), taken round robin over the columns;
    then evenly spaced rows.

    Args:
        scorer: The loaded model.
        X: Its input rows, as given at training.
        n: How many rows, at least 1.

    Raises:
        DataError: ``X`` has no rows, or they cannot be scored.
    """
    if X.height == 0:
        raise DataError("no rows to choose canary rows from")
    rows = X[choose_rows(X, n)]
    buffer = io.BytesIO()
    rows.write_parquet(buffer, compression="uncompressed", statistics=False)
    return Canary(buffer.getvalue(), [float(one) for one in scorer.score(rows)])


def choose_rows(frame: pl.DataFrame, n: int) -> list[int]:
    """Indices of up to ``n`` rows, ascending: those that cover most first, then evenly spaced ones."""
    wishes = [_wishes(frame.get_column(name)) for name in frame.columns]
    chosen: dict[int, None] = {}
    for turn in range(max((len(one) for one in wishes), default=0)):
        for wish in wishes:
            if turn < len(wish) and len(chosen) < n:
                chosen.setdefault(wish[turn])
    for step in range(n):
        if len(chosen) < n:
            chosen.setdefault(step * frame.height // n)
    return sorted(chosen)


def _wishes(column: pl.Series) -> list[int]:
    """Row indices that show what a column can hold, most telling first."""
    found: list[int | None] = []
    if column.null_count():
        found.append(column.is_null().arg_max())
    if isinstance(column.dtype, _DISCRETE):
        firsts = column.is_first_distinct() & column.is_not_null()
        found += firsts.arg_true()[:_MOST_VALUES].to_list()
    elif column.dtype.is_numeric() or column.dtype.is_temporal():
        if column.dtype.is_float():
            nan = column.is_nan().fill_null(False)
            found.append(nan.arg_max() if nan.any() else None)
        found += [column.arg_min(), column.arg_max()]
    return [one for one in found if one is not None]

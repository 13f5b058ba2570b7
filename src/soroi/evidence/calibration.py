"""From a score to a probability: isotonic regression, kept as a short list of knots."""

from __future__ import annotations

from bisect import bisect_right
from typing import overload

import msgspec
import numpy as np
import numpy.typing as npt
from scipy.optimize import isotonic_regression

from soroi.base.errors import DataError
from soroi.evidence.sample import Floats, paired

MAX_KNOTS = 200
"""Most knots a calibration map keeps."""


class CalibrationMap(msgspec.Struct, frozen=True):
    """A monotone map from score to probability: straight lines between knots, level outside them."""

    xs: tuple[float, ...]
    """Scores of the knots, strictly rising. At least one."""

    ys: tuple[float, ...]
    """Probabilities at the knots, never falling, inside [1/(n+2), 1 - 1/(n+2)] for n fitting rows."""

    @overload
    def probability(self, score: float) -> float: ...
    @overload
    def probability(self, score: Floats) -> Floats: ...
    def probability(self, score: float | Floats) -> float | Floats:
        """Probability of a positive at a score, or at each of an array of scores (n,)."""
        if isinstance(score, np.ndarray):
            return np.interp(score, self.xs, self.ys)
        xs, ys = self.xs, self.ys
        place = bisect_right(xs, score)
        if place == 0 or place == len(xs):
            return ys[0] if place == 0 else ys[-1]
        low = xs[place - 1]
        if low == score:
            return ys[place - 1]
        return (ys[place] - ys[place - 1]) / (xs[place] - low) * (score - low) + ys[place - 1]


def fit_calibration(y: npt.ArrayLike, score: npt.ArrayLike, *, what: str) -> CalibrationMap:
    """Fit the map by isotonic regression (Zadrozny and Elkan 2002) on rows the model did not see.

    Each level stretch of the fit becomes one knot at its mean score; neighbours are pooled, by rows, when there
    are more than :data:`MAX_KNOTS`.

    Args:
        y: What turned out, bool (n,).
        score: Scores, float (n,).
        what: What is calibrated, for messages.

    Raises:
        DataError: No rows, or labels or scores that are not what they should be.
    """
    labels, scores = paired(y, score, what=what)
    if not labels.size:
        raise DataError(f"{what} has no rows to calibrate on", hint="widen the calibration part of the split")
    at, where, rows = np.unique(scores, return_inverse=True, return_counts=True)
    hits = np.bincount(where, weights=labels)
    blocks = np.asarray(isotonic_regression(hits / rows, weights=rows).blocks)[:-1]
    weight = np.add.reduceat(rows, blocks)
    group = _pooling(weight)
    rows_in = np.add.reduceat(weight, group)
    ys = np.add.reduceat(np.add.reduceat(hits, blocks), group) / rows_in
    xs = np.add.reduceat(np.add.reduceat(at * rows, blocks), group) / rows_in
    edge = 1.0 / (labels.size + 2)
    rising = np.append(True, np.diff(xs) > 0)
    ys = np.clip(np.maximum.accumulate(ys), edge, 1.0 - edge)
    return CalibrationMap(xs=tuple(xs[rising].tolist()), ys=tuple(ys[rising].tolist()))


def _pooling(weight: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """Where each pooled block starts: all blocks when few, else about equal numbers of rows."""
    if weight.size <= MAX_KNOTS:
        return np.arange(weight.size)
    middle = np.cumsum(weight) - weight / 2.0
    bin_of = np.minimum((middle / weight.sum() * MAX_KNOTS).astype(np.int64), MAX_KNOTS - 1)
    return np.unique(bin_of, return_index=True)[1]

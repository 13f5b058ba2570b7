"""Two decisions on the same rows: the difference of a figure with an interval that knows they are paired."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import special

from soroi.base.errors import DataError
from soroi.evidence.figure import Figure
from soroi.evidence.sample import Booleans, as_booleans, as_confidence

COMPARABLE = ("recall", "precision", "accuracy", "f1", "false_positive_rate")
"""Metrics that can be compared. Of the last one, less is better."""

LEAST = 30
"""Fewer rows than this under a figure say nothing about a difference."""

_DRAWS = 4000


def paired_difference(
    y: npt.ArrayLike,
    act: npt.ArrayLike,
    other: npt.ArrayLike,
    metric: str,
    *,
    confidence: float = 0.95,
    part: str = "test",
) -> Figure:
    """How much better one decision does than another on the same independent rows.

    Shares of the same rows (recall, accuracy, false positive rate) have the interval of Newcombe (1998), method 10:
    Wilson intervals squared and added, less the part that the pairing explains. Precision and f1, whose rows differ,
    have a percentile bootstrap over the eight kinds of rows, seeded, so that the same rows give the same interval.
    The false positive rate is turned round: above zero is better for every metric.

    Args:
        y: What turned out, bool (n,).
        act: Whether the one acted, bool (n,).
        other: Whether the other acted, bool (n,).
        metric: One of :data:`COMPARABLE`.
        confidence: Of the two-sided interval, in (0, 1).
        part: Which part of the data the rows are of.

    Returns:
        The figure ``<metric> difference``, in [-1, 1]; its value is ``None`` and its interval the whole of [-1, 1] when
        fewer than :data:`LEAST` rows are under it.

    Raises:
        DataError: The metric has no better and worse; labels or actions are not true or false, or lengths differ.
    """
    if metric not in COMPARABLE:
        raise DataError(f"'{metric}' cannot be compared", hint="one of " + ", ".join(COMPARABLE))
    as_confidence(confidence, what=f"the difference of {metric}")
    labels = as_booleans(y, name="labels", what=f"the {part} part")
    mine = as_booleans(act, name="actions", what=f"the {part} part")
    theirs = as_booleans(other, name="other actions", what=f"the {part} part")
    if not labels.size == mine.size == theirs.size:
        raise DataError(f"the {part} part has {labels.size} labels, {mine.size} and {theirs.size} actions")
    if metric in ("precision", "f1"):
        value, low, high, n = _bootstrap(labels, mine, theirs, metric, confidence)
        method = "paired-bootstrap"
    else:
        value, low, high, n = _newcombe(*_hits(labels, mine, theirs, metric), confidence)
        method = "newcombe-10"
    return Figure(
        name=f"{metric} difference", value=value, low=low, high=high, confidence=confidence, n=n,
        positives=int(labels.sum()), method=method, part=part,
    )  # fmt: skip


def _hits(labels: Booleans, mine: Booleans, theirs: Booleans, metric: str) -> tuple[Booleans, Booleans]:
    """Where each did right, among the rows that count."""
    if metric == "recall":
        return mine[labels], theirs[labels]
    if metric == "false_positive_rate":
        return ~mine[~labels], ~theirs[~labels]
    return mine == labels, theirs == labels


def _newcombe(mine: Booleans, theirs: Booleans, confidence: float) -> tuple[float | None, float, float, int]:
    n = mine.size
    if n < LEAST:
        return None, -1.0, 1.0, n
    both, one = int((mine & theirs).sum()), int((mine & ~theirs).sum())
    two = int((~mine & theirs).sum())
    neither = n - both - one - two
    first, second = (both + one) / n, (both + two) / n
    low1, high1 = _wilson(first, n, confidence)
    low2, high2 = _wilson(second, n, confidence)
    margins = (both + one) * (two + neither) * (both + two) * (one + neither)
    together = float(both * neither - one * two)
    if together > 0:  # a correction for continuity, as in the paper
        together = max(together - n / 2, 0.0)
    phi = together / math.sqrt(margins) if margins else 0.0
    down = _side(first - low1, high2 - second, phi)
    up = _side(high1 - first, second - low2, phi)
    value = first - second
    return value, max(value - down, -1.0), min(value + up, 1.0), n


def _side(a: float, b: float, phi: float) -> float:
    return math.sqrt(max(a * a - 2 * phi * a * b + b * b, 0.0))


def _wilson(share: float, n: int, confidence: float) -> tuple[float, float]:
    z = float(special.ndtri(0.5 + confidence / 2.0))
    middle = share + z * z / (2 * n)
    wide = z * math.sqrt(share * (1.0 - share) / n + z * z / (4 * n * n))
    return (middle - wide) / (1 + z * z / n), (middle + wide) / (1 + z * z / n)


def _bootstrap(
    labels: Booleans, mine: Booleans, theirs: Booleans, metric: str, confidence: float
) -> tuple[float | None, float, float, int]:
    kinds = labels * 4 + mine * 2 + theirs * 1
    counts = np.bincount(kinds, minlength=8).astype(np.int64)
    under = min(int(mine.sum()), int(theirs.sum())) if metric == "precision" else int(labels.sum())
    if under < LEAST:
        return None, -1.0, 1.0, under
    draws = np.random.default_rng(0).multinomial(labels.size, counts / labels.size, size=_DRAWS)
    found = _difference(draws, metric)
    error = (1.0 - confidence) / 2.0
    low, high = np.quantile(found[~np.isnan(found)], [error, 1.0 - error])
    return float(_difference(counts[None, :], metric)[0]), float(low), float(high), under


def _difference(counts: npt.NDArray[np.int64], metric: str) -> npt.NDArray[np.float64]:
    """The difference for counts (k, 8) of the kinds of rows ``4 y + 2 mine + theirs``."""
    positives = counts[:, 4:].sum(axis=1)
    sides = []
    for acted in ((2, 3, 6, 7), (1, 3, 5, 7)):
        alerts = counts[:, acted].sum(axis=1)
        hits = counts[:, [one for one in acted if one >= 4]].sum(axis=1)
        of = alerts if metric == "precision" else (alerts + positives) / 2.0
        with np.errstate(invalid="ignore", divide="ignore"):
            sides.append(hits / of)
    return np.asarray(sides[0] - sides[1], dtype=np.float64)

"""Figures of a decision at its operating point: what was acted on against what turned out."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from soroi.base.errors import DataError
from soroi.evidence.binomial import share_figure
from soroi.evidence.figure import Figure
from soroi.evidence.sample import as_booleans, as_confidence


def action_figures(
    y: npt.ArrayLike, act: npt.ArrayLike, *, confidence: float = 0.95, part: str = "test"
) -> list[Figure]:
    """Recall, precision, false positive rate, accuracy and alert rate, each with its exact interval.

    Each interval is that of Clopper and Pearson (1934), given the denominator. It holds for independent rows;
    rows that come in clusters (many of one customer) need fewer, one per cluster.

    Args:
        y: What turned out, bool (n,).
        act: Whether the decision acted, bool (n,).
        confidence: Of each two-sided interval alone, in (0, 1).
        part: Which part of the data the rows are of.

    Returns:
        Five figures in the order above. A share of nothing has value ``None`` and the interval [0, 1].

    Raises:
        DataError: Labels or actions are neither true nor false, or their lengths differ.
    """
    what = f"the {part} part"
    labels = as_booleans(y, name="labels", what=what)
    acted = as_booleans(act, name="actions", what=what)
    as_confidence(confidence, what=what)
    if labels.size != acted.size:
        raise DataError(f"{what} has {labels.size} labels and {acted.size} actions")
    tp = int(np.count_nonzero(labels & acted))
    alerts, positives, n = int(acted.sum()), int(labels.sum()), labels.size
    return count_figures(tp, alerts, positives, n, confidence=confidence, part=part)


def count_figures(
    tp: int, alerts: int, positives: int, n: int, *, confidence: float = 0.95, part: str = "test"
) -> list[Figure]:
    """The figures of :func:`action_figures` from counts: true positives, alerts, positives, rows."""
    fp = alerts - tp
    negatives = n - positives
    shares = [
        ("recall", tp, positives),
        ("precision", tp, alerts),
        ("false_positive_rate", fp, negatives),
        ("accuracy", tp + negatives - fp, n),
        ("alert_rate", alerts, n),
    ]
    return [
        share_figure(name, hits, trials, confidence=confidence, positives=positives, part=part)
        for name, hits, trials in shares
    ]

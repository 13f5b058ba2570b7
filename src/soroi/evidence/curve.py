"""The operating curve: what every threshold would have done on the rows it was fitted on."""

from __future__ import annotations

from dataclasses import dataclass

import msgspec
import numpy as np

from soroi.evidence.figure import ALWAYS, NEVER
from soroi.evidence.sample import Booleans, Floats, Integers

MAX_POINTS = 1000
"""Most points an operating curve keeps."""


class OperatingPoint(msgspec.Struct, frozen=True):
    """Counts at one threshold, where a row is acted on when its score is at or above it."""

    threshold: float
    """The threshold; :data:`~soroi.evidence.figure.NEVER` and ``ALWAYS`` are the two ends."""

    tp: int
    """Positives acted on."""

    fp: int
    """Negatives acted on."""

    fn: int
    """Positives let go."""

    tn: int
    """Negatives let go."""

    @property
    def recall(self) -> float | None:
        """Share of the positives that are acted on. ``None`` without positives."""
        return _share(self.tp, self.tp + self.fn)

    @property
    def precision(self) -> float | None:
        """Share of the alerts that are positives. ``None`` without alerts."""
        return _share(self.tp, self.tp + self.fp)

    @property
    def false_positive_rate(self) -> float | None:
        """Share of the negatives that are acted on. ``None`` without negatives."""
        return _share(self.fp, self.fp + self.tn)

    @property
    def alert_rate(self) -> float | None:
        """Share of all rows that are acted on. ``None`` without rows."""
        return _share(self.tp + self.fp, self.tp + self.fp + self.fn + self.tn)


def _share(hits: int, of: int) -> float | None:
    return hits / of if of else None


class OperatingCurve(msgspec.Struct, frozen=True):
    """At most 1000 thresholds, rising from ``ALWAYS`` to ``NEVER``, with the exact counts at each."""

    thresholds: tuple[float, ...]
    """Thresholds kept, strictly rising."""

    tp: tuple[int, ...]
    """Positives acted on at each."""

    fp: tuple[int, ...]
    """Negatives acted on at each."""

    fn: tuple[int, ...]
    """Positives let go at each."""

    tn: tuple[int, ...]
    """Negatives let go at each."""

    def at(self, threshold: float) -> OperatingPoint:
        """The kept point at a threshold or, when it was not kept, at the next one above."""
        i = min(int(np.searchsorted(self.thresholds, threshold)), len(self.thresholds) - 1)
        return OperatingPoint(self.thresholds[i], self.tp[i], self.fp[i], self.fn[i], self.tn[i])


@dataclass(frozen=True)
class Candidates:
    """Every distinct way to cut the rows by a threshold, from no alerts to all; each array has shape (k,).

    A cut between two neighbouring scores is put halfway, so that a score that differs in its last bits stays
    on its side.
    """

    alerts: Integers
    """Rows acted on, strictly rising from 0 to n."""

    tp: Integers
    """Positives among them."""

    thresholds: Floats
    """The thresholds, strictly falling from ``NEVER`` to ``ALWAYS``."""

    n: int
    """Rows."""

    positives: int
    """Positives among all rows."""

    @property
    def fp(self) -> Integers:
        """Negatives acted on."""
        return self.alerts - self.tp

    def curve(self, keep: int) -> OperatingCurve:
        """The curve, thinned to 1000 points: both ends, ``keep``, evenly over counts and over their logs."""
        size = self.alerts.size
        chosen = np.arange(size)
        if size > MAX_POINTS:
            half = (MAX_POINTS - 3) // 2
            even = np.linspace(0, size - 1, half).astype(np.int64)
            dense = np.searchsorted(self.alerts, np.geomspace(1, self.n, half))
            chosen = np.unique(np.concatenate([even, dense, [0, size - 1, keep]]))
        chosen = chosen[::-1]
        tp, fp = self.tp[chosen], self.fp[chosen]
        negatives = self.n - self.positives
        return OperatingCurve(
            thresholds=tuple(self.thresholds[chosen].tolist()),
            tp=tuple(tp.tolist()),
            fp=tuple(fp.tolist()),
            fn=tuple((self.positives - tp).tolist()),
            tn=tuple((negatives - fp).tolist()),
        )


def candidates(labels: Booleans, scores: Floats) -> Candidates:
    """All cuts of the rows, labels bool (n,) and scores float (n,), n ≥ 1."""
    order = np.argsort(-scores, kind="stable")
    down = scores[order]
    ends = np.flatnonzero(np.append(down[:-1] > down[1:], True))
    above, below = down[ends[:-1]], down[ends[:-1] + 1]
    middle = below / 2.0 + above / 2.0
    middle = np.where((middle > below) & (middle <= above), middle, above)
    hits = np.cumsum(labels[order])[ends]
    return Candidates(
        alerts=np.append(0, ends + 1).astype(np.int64),
        tp=np.append(0, hits).astype(np.int64),
        thresholds=np.concatenate([[NEVER], middle, [ALWAYS]]),
        n=int(labels.size),
        positives=int(labels.sum()),
    )

"""Made-up populations whose true figures are known, to measure how often a promise is kept.

Used by the tests, by ``bench/statistics.py``, and by anybody who adds a method here.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Protocol

import numpy as np
from scipy import special

from soroi.evidence.sample import Booleans, Floats


class World(Protocol):
    """A population of independent rows with known truth."""

    def draw(self, rng: np.random.Generator) -> tuple[Booleans, Floats]:
        """Labels and scores of a fresh sample."""
        ...

    def truth(self, metric: str, threshold: Floats) -> Floats:
        """The true recall, precision, false_positive_rate or alert_rate at thresholds (k,)."""
        ...


@dataclass(frozen=True)
class Binormal:
    """Scores are normal in either class, with equal spread."""

    rows: int
    """Rows of a sample."""

    base_rate: float
    """Share of positives."""

    auc: float
    """True area under the ROC curve."""

    @property
    def shift(self) -> float:
        """Distance of the two means, in standard deviations."""
        return float(special.ndtri(self.auc)) * math.sqrt(2.0)

    def draw(self, rng: np.random.Generator) -> tuple[Booleans, Floats]:
        """Labels and scores of a fresh sample."""
        labels = rng.random(self.rows) < self.base_rate
        return labels, rng.normal(size=self.rows) + labels * self.shift

    def probability(self, score: Floats) -> Floats:
        """The true probability of a positive at scores (n,)."""
        odds = special.logit(self.base_rate) + self.shift * score - self.shift**2 / 2.0
        return np.asarray(special.expit(odds), dtype=np.float64)

    def truth(self, metric: str, threshold: Floats) -> Floats:
        """The true metric at thresholds (k,)."""
        at = np.clip(threshold, -30.0, 30.0)
        hits = special.ndtr(self.shift - at)
        false_hits = special.ndtr(-at)
        alerts = self.base_rate * hits + (1.0 - self.base_rate) * false_hits
        if metric == "precision":
            return np.asarray(self.base_rate * hits / np.maximum(alerts, 1e-300))
        found = {"recall": hits, "false_positive_rate": false_hits, "alert_rate": alerts}
        return np.asarray(found[metric])


@dataclass(frozen=True)
class Hovering:
    """The true precision swings about a level just where a walk begins: the hardest case for its guarantee."""

    rows: int
    """Rows of a sample."""

    level: float
    """The level it swings about; exact above the swings, missed by 2 % far below them."""

    alerts: int
    """Number of alerts around which it swings."""

    width: float
    """Width of a swing, in square roots of ``alerts``."""

    def _bands(self) -> tuple[Floats, Floats]:
        """Edges of bands of the rank from the top in [0, 1], and the share of positives in each."""
        root = math.sqrt(self.alerts)
        at = max(self.alerts - 3.0 * root, 1.0) / self.rows
        edges, shares, good, part = [0.0, at], [self.level], True, 0.5
        while at < (self.alerts + 6.0 * root) / self.rows:
            # Positives for a stretch and negatives for a stretch change the precision by as much, up and down.
            at += part * self.width * root / self.rows * (self.level if good else 1.0 - self.level)
            edges.append(at)
            shares.append(1.0 if good else 0.0)
            good, part = not good, 1.0
        return np.asarray([*edges, 1.0]), np.asarray([*shares, 0.98 * self.level])

    def draw(self, rng: np.random.Generator) -> tuple[Booleans, Floats]:
        """Labels and scores of a fresh sample."""
        edges, shares = self._bands()
        rank = rng.random(self.rows)
        share = shares[np.clip(np.searchsorted(edges, rank, side="right") - 1, 0, shares.size - 1)]
        return rng.random(self.rows) < share, 1.0 - rank

    def truth(self, metric: str, threshold: Floats) -> Floats:
        """The true precision at thresholds (k,); other metrics are not known here."""
        if metric != "precision":
            raise KeyError(metric)
        edges, shares = self._bands()
        rank = np.clip(1.0 - threshold, 1e-12, 1.0)
        total = np.append(0.0, np.cumsum(np.diff(edges) * shares))
        return np.asarray(np.interp(rank, edges, total) / rank)

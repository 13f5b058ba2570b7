"""Figures of a score, before any threshold: how well it ranks and how well it is calibrated."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
from scipy import optimize, special, stats

from soroi.evidence.binomial import lower_bound, share_figure
from soroi.evidence.figure import Figure
from soroi.evidence.sample import Booleans, Floats, Integers, as_confidence, paired

_LOWEST = 1e-15
"""Probabilities are kept this far from 0 and 1 in the log loss, so that one sure error is not infinite."""

_WORST_LOG_LOSS = -math.log(_LOWEST)

_BOOTSTRAP_GROUPS = 2000
"""Distinct scores the bootstrap looks at; more are pooled. The point estimate is always exact."""


def score_figures(
    y: npt.ArrayLike,
    score: npt.ArrayLike,
    *,
    confidence: float = 0.95,
    seed: int = 0,
    bootstrap: int = 500,
    part: str = "test",
) -> list[Figure]:
    """Area under the ROC curve, average precision, base rate and, for probabilities, Brier score and log loss.

    Args:
        y: What turned out, bool (n,).
        score: Scores, higher is likelier, float (n,). The Brier score and the log loss are given only when
            all scores are in [0, 1].
        confidence: Of each two-sided interval alone, in (0, 1).
        seed: Of the bootstrap's random numbers. The same seed gives the same figures.
        bootstrap: Resamples for the average precision.
        part: Which part of the data the rows are of.

    Returns:
        ``roc_auc``, ``average_precision``, [``brier``, ``log_loss``,] ``base_rate``.

    Raises:
        DataError: Labels that are neither true nor false, scores that are not finite, unequal lengths.
    """
    labels, scores = paired(y, score, what=f"the {part} part")
    as_confidence(confidence, what=f"the {part} part")
    positives = int(labels.sum())
    figures = [
        _roc_auc(labels, scores, confidence, part),
        _average_precision(labels, scores, confidence, seed, bootstrap, part),
    ]
    if scores.size and float(scores.min()) >= 0.0 and float(scores.max()) <= 1.0:
        outcome = labels.astype(np.float64)
        likely = np.clip(np.where(labels, scores, 1.0 - scores), _LOWEST, 1.0)
        figures.append(_mean("brier", (scores - outcome) ** 2, 1.0, confidence, positives, part))
        figures.append(_mean("log_loss", -np.log(likely), _WORST_LOG_LOSS, confidence, positives, part))
    n = labels.size
    figures.append(share_figure("base_rate", positives, n, confidence=confidence, positives=positives, part=part))
    return figures


def delong(labels: Booleans, scores: Floats) -> tuple[float, float]:
    """Area under the ROC curve and its variance (DeLong, DeLong and Clarke-Pearson 1988).

    By midranks (Sun and Xu 2014), so O(n log n). Needs a positive and a negative; the variance is ``nan``
    with fewer than two of either.
    """
    inside, outside = scores[labels], scores[~labels]
    m, n = inside.size, outside.size
    pooled = stats.rankdata(np.concatenate([inside, outside]))
    by_positive = (pooled[:m] - stats.rankdata(inside)) / n
    by_negative = 1.0 - (pooled[m:] - stats.rankdata(outside)) / m
    area = float(by_positive.mean())
    if m < 2 or n < 2:
        return area, math.nan
    return area, float(by_positive.var(ddof=1) / m + by_negative.var(ddof=1) / n)


def _roc_auc(labels: Booleans, scores: Floats, confidence: float, part: str) -> Figure:
    """The area with an interval that spans DeLong's, on the logit scale, and Newcombe's.

    Either alone is too short somewhere: DeLong's covers 67 to 88 % instead of 95 with 50 positives and an area of
    0.98 or more, where few ranks carry the spread; Newcombe's when the two classes differ in spread.
    """
    positives, n = int(labels.sum()), labels.size
    value: float | None = None
    low, high, method = 0.0, 1.0, "delong-newcombe"
    if 0 < positives < n:
        value, variance = delong(labels, scores)
        error = (1.0 - confidence) / 2.0
        if value in (0.0, 1.0):
            # No spread is left to estimate. Disjoint pairs are independent trials: bound their share of wins.
            method = "binomial-pairs"
            edge = float(lower_bound(min(positives, n - positives), min(positives, n - positives), error))
            low, high = (edge, 1.0) if value == 1.0 else (0.0, 1.0 - edge)
        elif not math.isnan(variance):
            z = float(special.ndtri(1.0 - error))
            delong_low, delong_high = _around_logit(value, z * math.sqrt(variance) / (value * (1.0 - value)))
            low, high = newcombe(value, positives, n - positives, z)
            low, high = min(low, delong_low), max(high, delong_high)
    return Figure(
        name="roc_auc", value=value, low=low, high=high, confidence=confidence, n=n, positives=positives,
        method=method, part=part,
    )  # fmt: skip


def newcombe(area: float, positives: int, negatives: int, z: float) -> tuple[float, float]:
    """Interval for an area strictly inside (0, 1), by the variance at its ends (Newcombe 2006, method 5)."""
    pooled = (positives + negatives) / 2.0 - 1.0

    def excess(at: float) -> float:
        spread = at * (1.0 - at) * (1.0 + pooled * ((1.0 - at) / (2.0 - at) + at / (1.0 + at)))
        return abs(area - at) - z * math.sqrt(max(spread, 0.0) / (positives * negatives))

    return float(optimize.brentq(excess, 0.0, area)), float(optimize.brentq(excess, area, 1.0))


def _around_logit(value: float, spread: float) -> tuple[float, float]:
    centre = float(special.logit(value))
    return float(special.expit(centre - spread)), float(special.expit(centre + spread))


def _average_precision(
    labels: Booleans, scores: Floats, confidence: float, seed: int, bootstrap: int, part: str
) -> Figure:
    positives, n = int(labels.sum()), labels.size
    value: float | None = None
    low, high = 0.0, 1.0
    if positives:
        hits, misses, rest = _groups(labels, scores)
        value = float(_average(hits[None, :], misses[None, :])[0])
        if positives > 1 and n > positives and bootstrap > 1:
            low, high = _bootstrap_interval(value, _pool(hits), _pool(misses), rest, confidence, seed, bootstrap)
    return Figure(
        name="average_precision", value=value, low=low, high=high, confidence=confidence, n=n,
        positives=positives, method="bootstrap-logit", part=part,
    )  # fmt: skip


def _groups(labels: Booleans, scores: Floats) -> tuple[Integers, Integers, int]:
    """Positives at each distinct positive score, from the top; negatives since the one before; negatives below all.

    Average precision depends on nothing else, so resampling these counts is resampling the rows.
    """
    at, hits = np.unique(scores[labels], return_counts=True)
    outside = np.sort(scores[~labels])
    above = outside.size - np.searchsorted(outside, at[::-1], side="left")
    return hits[::-1].astype(np.int64), np.diff(above, prepend=0).astype(np.int64), int(outside.size - above[-1])


def _pool(counts: Integers) -> Integers:
    if counts.size <= _BOOTSTRAP_GROUPS:
        return counts
    edges = np.linspace(0, counts.size, _BOOTSTRAP_GROUPS + 1).astype(np.int64)[:-1]
    return np.add.reduceat(counts, edges)


def _average(hits: Integers, misses: Integers) -> Floats:
    """Average precision of each row of counts (replicates, groups): the sum of recall gained × precision there."""
    tp, fp = np.cumsum(hits, axis=1), np.cumsum(misses, axis=1)
    precision = tp / np.maximum(tp + fp, 1)
    average: Floats = (hits * precision).sum(axis=1) / np.maximum(tp[:, -1], 1)
    return average


def _bootstrap_interval(
    value: float, hits: Integers, misses: Integers, rest: int, confidence: float, seed: int, bootstrap: int
) -> tuple[float, float]:
    """Bootstrap spread on the logit scale, where the average precision is nearly normal (Boyd et al. 2013)."""
    rng = np.random.default_rng(seed)
    positives, negatives = int(hits.sum()), int(misses.sum()) + rest
    inside = hits / positives
    outside = np.append(misses, rest) / negatives
    drawn = np.clip(rng.binomial(positives + negatives, positives / (positives + negatives), bootstrap), 1, None)
    new_hits = rng.multinomial(drawn, inside)
    new_misses = rng.multinomial(positives + negatives - drawn, outside)[:, :-1]
    edge = 0.5 / (positives + negatives)
    averages = np.clip(_average(new_hits, new_misses), edge, 1.0 - edge)
    spread = float(special.logit(averages).std(ddof=1)) * float(stats.t.ppf((1.0 + confidence) / 2.0, positives - 1))
    low, high = _around_logit(min(max(value, edge), 1.0 - edge), spread)
    return min(low, value), max(high, value)


def _mean(name: str, losses: Floats, worst: float, confidence: float, positives: int, part: str) -> Figure:
    """Mean of bounded losses with Student's interval, within what is possible."""
    n = losses.size
    value = float(losses.mean())
    low, high = 0.0, worst
    if n > 1:
        spread = float(losses.std(ddof=1)) / math.sqrt(n) * float(stats.t.ppf((1.0 + confidence) / 2.0, n - 1))
        low, high = max(0.0, value - spread), min(worst, value + spread)
    return Figure(
        name=name, value=value, low=low, high=high, confidence=confidence, n=n, positives=positives,
        method="student", part=part,
    )  # fmt: skip

"""Figures of the demo: how good the answers were, which inputs moved, and how two releases compare.

Flights of one day share their weather and their jams, so they are not independent facts. Differences therefore get
their intervals from whole days drawn anew (the bootstrap of blocks), not from single flights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from soroi.evidence import Figure, action_figures, score_figures

CONFIDENCE = 0.95
"""Of every interval; where several are looked at together, of all of them together."""

RESAMPLES = 1000
"""How often days are drawn anew for an interval."""

SHARES = ("precision", "recall", "alert_rate")
"""Figures of what was done."""

Floats = npt.NDArray[np.float64]


@dataclass(frozen=True)
class Span:
    """An estimate with its interval."""

    value: float
    low: float
    high: float

    @property
    def is_clear(self) -> bool:
        """Whether the interval leaves zero out."""
        return self.low > 0 or self.high < 0

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"value": self.value, "low": self.low, "high": self.high, "clear": self.is_clear}


def figures(rows: pl.DataFrame, scores: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What the answers were worth, each figure with its interval for single rows.

    Args:
        rows: One per answer: ``turned_out``, ``positive`` (bool) and the columns of scores (null: not asked).
        scores: Names of the columns of scores.

    Returns:
        Precision, recall, share of alerts; and for each score the area under its ROC curve.
    """
    acted = action_figures(rows["turned_out"].to_numpy(), rows["positive"].to_numpy(), confidence=CONFIDENCE)
    found = {one.name: _plain(one) for one in acted if one.name in SHARES}
    for name in scores:
        asked = rows.filter(pl.col(name).is_not_null())
        made = score_figures(asked["turned_out"].to_numpy(), asked[name].to_numpy(), bootstrap=20)
        found[name] = _plain(next(one for one in made if one.name == "roc_auc"))
    return found


def _plain(figure: Figure) -> dict[str, Any]:
    return {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n}


def differences(
    before: pl.DataFrame, after: pl.DataFrame, scores: Sequence[str], *, paired: bool, seed: int = 0
) -> dict[str, dict[str, Any]]:
    """How much the figures of one set of answers differ from those of another.

    Args:
        before: Answers as for :func:`figures`, with a column ``day``.
        after: The others.
        scores: Names of the columns of scores.
        paired: Whether both are about the same flights; then the same days are drawn for both.
        seed: Of the drawing.

    Returns:
        By figure, ``after`` less ``before``: ``value``, ``low``, ``high``, and whether it is ``clear`` of zero.
    """
    a, b = _Days.of(before, scores), _Days.of(after, scores)
    drawn = np.random.default_rng(seed)
    first = _draw(drawn, a.count)
    second = first if paired else _draw(drawn, b.count)
    tail = 100 * (1 - CONFIDENCE) / 2
    found: dict[str, dict[str, Any]] = {}
    for name in (*SHARES, *scores):
        value = float((b.measure(name, b.once) - a.measure(name, a.once))[0])
        resampled = b.measure(name, second) - a.measure(name, first)
        finite = resampled[np.isfinite(resampled)]
        if np.isfinite(value) and finite.size:
            low, high = np.percentile(finite, [tail, 100 - tail])
            found[name] = Span(value, float(low), float(high)).to_dict()
    return found


def is_apart(before: Mapping[str, Any], after: Mapping[str, Any]) -> bool:
    """Whether two figures of different rows differ by more than chance among rows.

    The interval of the difference is put together from those of both (Newcombe 1998, method 10).
    """
    if before["value"] is None or after["value"] is None:
        return False
    value = after["value"] - before["value"]
    down = np.hypot(after["value"] - after["low"], before["high"] - before["value"])
    up = np.hypot(after["high"] - after["value"], before["value"] - before["low"])
    return bool(value - down > 0 or value + up < 0)


def _draw(drawn: np.random.Generator, days: int) -> Floats:
    """How often each day was drawn: one row for each time that all are drawn anew."""
    return drawn.multinomial(days, np.full(days, 1 / days), RESAMPLES).astype(np.float64)


@dataclass(frozen=True)
class _Days:
    """Answers by day, ready to be counted with each day taken any number of times."""

    count: int
    sums: dict[str, Floats]
    ranked: dict[str, tuple[Floats, Floats]]

    @classmethod
    def of(cls, rows: pl.DataFrame, scores: Sequence[str]) -> _Days:
        rows = rows.with_columns(_day=pl.col("day").rank("dense") - 1)
        count = int(rows["_day"].n_unique())
        y, acted = pl.col("turned_out"), pl.col("positive")
        summed = (
            rows.group_by("_day")
            .agg(rows=pl.len(), positives=y.sum(), alerts=acted.sum(), hits=(y & acted).sum())
            .sort("_day")
        )
        sums = {name: summed[name].to_numpy().astype(np.float64) for name in ("rows", "positives", "alerts", "hits")}
        return cls(count, sums, {name: _ranked(rows, name, count) for name in scores})

    @property
    def once(self) -> Floats:
        """Each day once."""
        return np.ones((1, self.count))

    def measure(self, name: str, times: Floats) -> Floats:
        """A figure, for each row of ``times``: how often each day is taken."""
        with np.errstate(divide="ignore", invalid="ignore"):
            if name in self.ranked:
                return _area(*self.ranked[name], times)
            over = {"precision": "alerts", "recall": "positives", "alert_rate": "rows"}[name]
            part = "alerts" if name == "alert_rate" else "hits"
            shares: Floats = (times @ self.sums[part]) / (times @ self.sums[over])
            return shares


def _ranked(rows: pl.DataFrame, score: str, days: int) -> tuple[Floats, Floats]:
    """For each pair of days, how many pairs of a late and a punctual flight the score puts in the right order."""
    asked = rows.filter(pl.col(score).is_not_null()).sort(score)
    day, y = asked["_day"].to_numpy(), asked["turned_out"].to_numpy()
    level = asked[score].rank("dense").to_numpy()
    negatives = np.zeros((asked.height, days))
    negatives[np.flatnonzero(~y), day[~y]] = 1.0
    below = np.vstack([np.zeros((1, days)), np.cumsum(negatives, axis=0)])
    starts = np.searchsorted(level, level, side="left")
    ends = np.searchsorted(level, level, side="right")
    beaten = (below[starts] + below[ends]) / 2
    right = np.zeros((days, days))
    np.add.at(right, day[y], beaten[y])
    pairs = np.outer(np.bincount(day[y], minlength=days), np.bincount(day[~y], minlength=days)).astype(np.float64)
    return right, pairs


def _area(right: Floats, pairs: Floats, times: Floats) -> Floats:
    """Area under the ROC curve, with each day taken so many times."""
    area: Floats = np.einsum("ri,ij,rj->r", times, right, times) / np.einsum("ri,ij,rj->r", times, pairs, times)
    return area


def moved(before: pl.DataFrame, after: pl.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Which inputs moved: the means of days before against those after.

    Days are counted, not rows: Welch's interval for the difference of the mean of days, at a confidence that holds
    for all columns together (Bonferroni).

    Args:
        before: Rows with a column ``day`` and the inputs.
        after: The same, later.
        columns: Numeric inputs to look at; null values are left out.

    Returns:
        One entry per input, the clearest move first: ``name``, means ``before`` and ``after``, ``difference`` with
        its interval, and ``effect``: the difference in standard deviations of days.
    """
    confidence = 1 - (1 - CONFIDENCE) / max(len(columns), 1)
    found: list[dict[str, Any]] = []
    for name in columns:
        a, b = _means(before, name), _means(after, name)
        if min(a.size, b.size) < 2:
            continue
        span = _welch(a, b, confidence)
        spread = float(np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
        effect = span.value / spread if spread > 0 else 0.0
        means = {"before": float(a.mean()), "after": float(b.mean())}
        found.append({"name": name, **means, "difference": span.to_dict(), "effect": effect})
    return sorted(found, key=lambda one: (not one["difference"]["clear"], -abs(one["effect"])))


def _means(rows: pl.DataFrame, name: str) -> Floats:
    means = rows.group_by("day").agg(pl.col(name).cast(pl.Float64).mean()).sort("day")[name].drop_nulls()
    return means.to_numpy()


def _welch(a: Floats, b: Floats, confidence: float) -> Span:
    """Welch (1947): the difference of two means, their variances not taken to be equal."""
    difference = float(b.mean() - a.mean())
    left, right = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    if left + right == 0:
        return Span(difference, difference, difference)
    freedom = (left + right) ** 2 / (left**2 / (a.size - 1) + right**2 / (b.size - 1))
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom) * np.sqrt(left + right))
    return Span(difference, difference - reach, difference + reach)

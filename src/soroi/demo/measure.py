"""Figures of the demo: how good the answers were, which inputs moved, and how two releases compare."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from scipy import stats

from soroi.evidence import Figure, action_figures, score_figures

CONFIDENCE = 0.95
"""Of every interval; where several are looked at together, of all of them together."""

RESAMPLES = 2000
"""How often days are drawn anew for an interval."""

MEASURES = ("recall", "precision", "alert_rate")
"""Figures of a decision that two releases are compared by."""

Bools = npt.NDArray[np.bool_]


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

    def to_dict(self) -> dict[str, float]:
        """Plain data."""
        return {"value": self.value, "low": self.low, "high": self.high}


def figure_dict(figure: Figure) -> dict[str, Any]:
    """A figure as plain data."""
    return {"value": figure.value, "low": figure.low, "high": figure.high, "n": figure.n}


def auc(turned_out: Bools, score: npt.NDArray[np.float64]) -> dict[str, Any]:
    """Area under the ROC curve, with DeLong's interval."""
    figures = score_figures(turned_out, score, confidence=CONFIDENCE, bootstrap=20)
    return figure_dict(next(one for one in figures if one.name == "roc_auc"))


def acts(turned_out: Bools, acted: Bools) -> dict[str, dict[str, Any]]:
    """Recall, precision and share of alerts, with exact intervals."""
    figures = action_figures(turned_out, acted, confidence=CONFIDENCE)
    return {one.name: figure_dict(one) for one in figures if one.name in MEASURES}


def moved(before: pl.DataFrame, after: pl.DataFrame, columns: Sequence[str]) -> list[dict[str, Any]]:
    """Which inputs moved: the means of days before against those after.

    Rows of one day are much alike, so days are counted, not rows: Welch's interval for the difference of the mean
    of days, at a confidence that holds for all columns together (Bonferroni).

    Args:
        before: Rows with a column ``day`` and the inputs.
        after: The same, later.
        columns: Numeric inputs to look at; null values are left out.

    Returns:
        One entry per input, the clearest move first: ``name``, means ``before`` and ``after``, ``difference`` with
        its interval, ``effect`` (difference in standard deviations of days), ``clear``.
    """
    confidence = 1 - (1 - CONFIDENCE) / max(len(columns), 1)
    found: list[dict[str, Any]] = []
    for name in columns:
        a, b = _days(before, name), _days(after, name)
        if min(a.size, b.size) < 2:
            continue
        span = _welch(a, b, confidence)
        spread = float(np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
        effect = span.value / spread if spread > 0 else 0.0
        means = {"before": float(a.mean()), "after": float(b.mean())}
        found.append({"name": name, **means, "difference": span.to_dict(), "effect": effect, "clear": span.is_clear})
    return sorted(found, key=lambda one: (not one["clear"], -abs(one["effect"])))


def _days(rows: pl.DataFrame, name: str) -> npt.NDArray[np.float64]:
    means = rows.group_by("day").agg(pl.col(name).cast(pl.Float64).mean()).sort("day")[name].drop_nulls()
    return means.to_numpy()


def _welch(a: npt.NDArray[np.float64], b: npt.NDArray[np.float64], confidence: float) -> Span:
    difference = float(b.mean() - a.mean())
    left, right = a.var(ddof=1) / a.size, b.var(ddof=1) / b.size
    if left + right == 0:
        return Span(difference, difference, difference)
    freedom = (left + right) ** 2 / (left**2 / (a.size - 1) + right**2 / (b.size - 1))
    reach = float(stats.t.ppf((1 + confidence) / 2, freedom) * np.sqrt(left + right))
    return Span(difference, difference - reach, difference + reach)


def compare(rows: pl.DataFrame, seed: int = 0) -> dict[str, Any]:
    """Two releases on the same flights.

    The difference is paired: both answered about the very same flights. Its interval comes from drawing whole days
    anew, since flights of one day share their weather and their jams.

    Args:
        rows: One per flight: ``day``, ``turned_out``, ``first`` and ``second`` (whether each release acted).
        seed: Of the drawing.

    Returns:
        By figure: ``first``, ``second`` with exact intervals, ``difference`` with its paired interval, ``clear``.
    """
    turned_out = rows["turned_out"].to_numpy()
    first = acts(turned_out, rows["first"].to_numpy())
    second = acts(turned_out, rows["second"].to_numpy())
    spans = _paired(_day_counts(rows), seed)
    return {
        name: {
            "first": first[name],
            "second": second[name],
            "difference": spans[name].to_dict(),
            "clear": spans[name].is_clear,
        }
        for name in MEASURES
        if name in spans
    }


def _day_counts(rows: pl.DataFrame) -> dict[str, npt.NDArray[np.float64]]:
    """Counts of each day: rows, positives, and for each release its alerts and its hits."""
    y = pl.col("turned_out")
    counted = (
        rows.group_by("day")
        .agg(
            rows=pl.len(),
            positives=y.sum(),
            first_alerts=pl.col("first").sum(),
            second_alerts=pl.col("second").sum(),
            first_hits=(y & pl.col("first")).sum(),
            second_hits=(y & pl.col("second")).sum(),
        )
        .sort("day")
    )
    return {name: counted[name].to_numpy().astype(np.float64) for name in counted.columns if name != "day"}


def _paired(counts: dict[str, npt.NDArray[np.float64]], seed: int) -> dict[str, Span]:
    days = counts["rows"].size
    drawn = np.random.default_rng(seed).integers(0, days, (RESAMPLES, days))
    sums = {name: values[drawn].sum(axis=1) for name, values in counts.items()}
    whole = {name: values.sum(keepdims=True) for name, values in counts.items()}
    tail = 100 * (1 - CONFIDENCE) / 2
    spans: dict[str, Span] = {}
    for name, resampled in _differences(sums).items():
        value = float(_differences(whole)[name][0])
        finite = resampled[np.isfinite(resampled)]
        if finite.size and np.isfinite(value):
            low, high = np.percentile(finite, [tail, 100 - tail])
            spans[name] = Span(value, float(low), float(high))
    return spans


def _differences(sums: dict[str, npt.NDArray[np.float64]]) -> dict[str, npt.NDArray[np.float64]]:
    with np.errstate(divide="ignore", invalid="ignore"):
        shares = {
            which: {
                "recall": sums[f"{which}_hits"] / sums["positives"],
                "precision": sums[f"{which}_hits"] / sums[f"{which}_alerts"],
                "alert_rate": sums[f"{which}_alerts"] / sums["rows"],
            }
            for which in ("first", "second")
        }
    return {name: shares["second"][name] - shares["first"][name] for name in MEASURES}

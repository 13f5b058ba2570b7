"""A figure: an estimate that never travels without its interval and what it rests on."""

from __future__ import annotations

import sys

import msgspec

NEVER: float = sys.float_info.max
"""Threshold that no score reaches: nothing is acted on.

JSON has no infinity (msgspec writes one as ``null``, which does not read back as a float), so the largest
finite float stands for it. Scores are finite and smaller, so ``score >= NEVER`` needs no special case.
"""

ALWAYS: float = -sys.float_info.max
"""Threshold that every score reaches: everything is acted on. The counterpart of :data:`NEVER`."""


class Figure(msgspec.Struct, frozen=True, kw_only=True):
    """An estimate with its confidence interval. All floats are finite, so it encodes as JSON as it is."""

    name: str
    """What is estimated: ``roc_auc``, ``recall``, ``precision``…"""

    value: float | None
    """The estimate. ``None`` when the data cannot give one (a share of nothing)."""

    low: float
    """Lower end of the two-sided interval. The lowest possible value when nothing is known."""

    high: float
    """Upper end of the two-sided interval. The highest possible value when nothing is known."""

    confidence: float = 0.95
    """Probability with which such an interval holds the true value, for independent rows."""

    n: int
    """Rows the figure rests on: the denominator of a share, else all rows."""

    positives: int | None = None
    """Positives among all rows that were looked at. ``None`` when it does not apply."""

    method: str
    """How the interval was made, such as ``clopper-pearson``."""

    part: str = "test"
    """Which part of the data the rows are of: ``test``, ``calibration``…"""

    def __str__(self) -> str:
        shown = "undefined" if self.value is None else f"{self.value:.4g}"
        return f"{self.name} {shown} [{self.low:.4g}, {self.high:.4g}]"

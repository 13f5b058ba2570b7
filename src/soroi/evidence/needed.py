"""How many more rows it would take to show that a constraint holds."""

from __future__ import annotations

import math

import numpy as np
from scipy import special

from soroi.declare.objective import Constraint
from soroi.evidence.curve import Candidates
from soroi.evidence.sequence import STARTS, fewest

_POWER = 0.8
"""Probability with which the advised number of rows should be enough."""

_FEWEST_ALERTS = 5
"""Cuts with fewer alerts are not believed when looking for one that would do."""

_SCEPTICISM = 5.0
"""Rows at the base rate that are added to each cut: the cut that looks best was also lucky."""


def needed_more(cuts: Candidates, constraint: Constraint, error: float) -> int | None:
    """About how many more rows would be needed, of the kind that the constraint counts.

    For a recall, false positive rate or alert rate, some threshold always does once there are rows enough: exact.
    For a precision, the cut that looks easiest is taken nearly at its word and the rows are scaled up until the
    test would show it with probability 0.8: an estimate.

    Args:
        cuts: The candidate cuts.
        constraint: One that no cut was shown to keep.
        error: The error of the whole search, in (0, 1).

    Returns:
        Positives for recall and precision, negatives for false_positive_rate, rows for alert_rate, at least 1.
        ``None`` when more rows would not help.
    """
    if constraint.metric == "precision":
        return _for_precision(cuts, constraint, error)
    have = {
        "recall": cuts.positives,
        "false_positive_rate": cuts.n - cuts.positives,
        "alert_rate": cuts.n,
    }[constraint.metric]
    level = constraint.level if constraint.operator == ">=" else 1.0 - constraint.level
    enough = fewest(level, error)
    return None if enough is None else max(1, enough - have)


def _for_precision(cuts: Candidates, constraint: Constraint, error: float) -> int | None:
    sign = 1.0 if constraint.operator == ">=" else -1.0
    level = constraint.level
    usable = cuts.alerts >= min(_FEWEST_ALERTS, cuts.n)
    alerts = cuts.alerts[usable].astype(np.float64)
    seen = (cuts.tp[usable] + _SCEPTICISM * cuts.positives / cuts.n) / (alerts + _SCEPTICISM)
    gap = sign * (seen - level)
    if not (gap > 0.0).any() or level in (0.0, 1.0) or not cuts.positives:
        return None
    # The first start has a share of the error only; the walk must begin somewhere.
    z_error = float(special.ndtri(1.0 - error / len(STARTS)))
    z_power = float(special.ndtri(_POWER))
    spread = z_error * math.sqrt(level * (1.0 - level)) + z_power * np.sqrt(seen * (1.0 - seen))
    with np.errstate(divide="ignore"):
        enough = np.where(gap > 0.0, (spread / gap) ** 2, np.inf)
    least = STARTS[0] * (fewest(level if sign > 0 else 1.0 - level, error / len(STARTS)) or 1)
    growth = float((np.maximum(enough, least) / alerts).min())
    return max(1, math.ceil((growth - 1.0) * cuts.positives))

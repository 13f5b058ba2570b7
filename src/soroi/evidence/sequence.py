"""Learn then test: which thresholds keep a constraint, with the error of the whole search controlled.

The search is a fixed sequence of hypotheses "the constraint is broken at this threshold" (Angelopoulos et al.
2021, "Learn then test"), each tested by an exact binomial tail. With only one row of error to spend, it stops at
the first threshold that cannot be shown to be good, so looking at a thousand thresholds costs nothing.

*Recall, false positive rate, alert rate.* They only fall as the threshold rises, so the sequence starts at the
safe end and walks towards the other; no assumption is made but that rows are independent.

*Precision.* The denominator is random. For a threshold fixed beforehand, given the number of alerts, the true
positives among them are binomial, so the tail is exact given the alerts. The order is from the highest threshold
down, and is counted in alerts, which are known from the scores alone. The first few alerts can never show
anything, so there are several starts, at fixed numbers of alerts, and the error is shared among them
by the fallback procedure (Wiens 2003): a start's share is spent where it stands; as long as the walk goes on, its
error is carried along and joins that of the next start; when it stops, that much is lost and the walk begins
again at the next start with the share waiting there. The chance of a wrong acceptance is at most the sum of shares.

Where the walk begins depends on the scores, not on the labels. Given the score where the precision at last falls
below the level, and the number of alerts above it, those alerts are independent draws, and whatever comes below
is less precise; so the guarantee is exact when, below a start, the true precision crosses the level once. For a
curve that crosses back and forth within the noise of the start's position, the simulation in the tests bounds
the excess.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np

from soroi.declare.objective import Constraint
from soroi.evidence.binomial import lower_bound, lower_tail, upper_bound, upper_tail
from soroi.evidence.curve import Candidates
from soroi.evidence.sample import Floats, Integers

STARTS = (2, 8, 32)
"""Where walks for precision begin, in multiples of the fewest alerts that can show anything. Chosen, with the step,
by simulation: more starts lose more where rows are few, fewer lose more where the first alerts are unlucky."""

STEP = 0.5
"""Each step of a walk for precision adds about this many times the square root of the alerts so far, so that steps
are as fine as the noise lets them matter."""


def trials(cuts: Candidates, constraint: Constraint) -> tuple[Integers, Integers]:
    """Hits and trials, each (k,), of the share that a constraint is about, at each cut."""
    negatives = cuts.n - cuts.positives
    of = {
        "recall": (cuts.tp, np.full_like(cuts.tp, cuts.positives)),
        "precision": (cuts.tp, cuts.alerts),
        "false_positive_rate": (cuts.fp, np.full_like(cuts.tp, negatives)),
        "alert_rate": (cuts.alerts, np.full_like(cuts.tp, cuts.n)),
    }
    return of[constraint.metric]


def p_values(hits: Integers, of: Integers, constraint: Constraint) -> Floats:
    """Exact p-values (k,) against "the constraint is broken". A bound that nothing can break gives 0."""
    if constraint.operator == ">=":
        return np.zeros(hits.size) if constraint.level <= 0.0 else upper_tail(hits, of, constraint.level)
    return np.zeros(hits.size) if constraint.level >= 1.0 else lower_tail(hits, of, constraint.level)


def bounds(hits: Integers, of: Integers, constraint: Constraint, error: Floats) -> Floats:
    """One-sided exact bounds (k,) of the constrained share at the error each was tested with."""
    bound = lower_bound if constraint.operator == ">=" else upper_bound
    return bound(hits, of, error)


def accepted(cuts: Candidates, constraint: Constraint, error: float) -> tuple[Integers, Floats]:
    """Which cuts are shown to keep a constraint, wrongly for any of them with probability at most ``error``.

    Args:
        cuts: The candidate cuts, from no alerts to all.
        constraint: On recall, precision, false_positive_rate or alert_rate.
        error: In (0, 1).

    Returns:
        Indices into the cuts, rising; and the error each was tested with, of equal length.
    """
    few_first = np.arange(1, cuts.alerts.size)
    at_least = constraint.operator == ">="
    if constraint.metric == "precision" and at_least:
        order, spend = precision_walk(cuts.alerts, constraint.level, error)
    else:
        # Safe end first: many alerts for "recall at least", few alerts for "false positives at most".
        # "Precision at most" is tested from all alerts up, which conditions on everything below: exact too.
        many_first = at_least or constraint.metric == "precision"
        order = few_first[::-1] if many_first else few_first
        spend = np.zeros(order.size)
        spend[:1] = error
    hits, of = trials(cuts, constraint)
    p = p_values(hits[order], of[order], constraint)
    level = walk(p, spend)
    passed = p <= level
    passed &= level > 0.0
    found, at = order[passed], level[passed]
    rising = np.argsort(found)
    return found[rising], at[rising]


def precision_walk(alerts: Integers, level: float, error: float) -> tuple[Integers, Floats]:
    """The order of cuts for "precision at least ``level``", and the error that is spent at each.

    Depends on the numbers of alerts alone.

    Args:
        alerts: Alerts at each cut, rising from 0.
        level: The precision, in [0, 1].
        error: The error to share among the starts.

    Returns:
        Indices of the cuts in order, fewest alerts first; and the error spent at each, which sums to ``error``
        (or to 0 when there are too few rows to begin).
    """
    n = int(alerts[-1])
    first = fewest(level, error / len(STARTS))
    starts = [] if first is None else [first * times for times in STARTS if first * times <= n]
    if not starts:
        return np.zeros(0, dtype=np.int64), np.zeros(0)
    roots = np.arange(math.sqrt(starts[0]), math.sqrt(n), STEP / 2.0)
    counts = np.concatenate([roots**2, starts, [n]])
    order = np.unique(np.searchsorted(alerts, np.ceil(counts - 1e-9)))
    order = order[order < alerts.size]
    spend = np.zeros(order.size)
    for start in starts:
        spend[np.searchsorted(alerts[order], start)] += error / len(starts)
    return order, spend


def fewest(level: float, error: float) -> int | None:
    """Fewest trials, all hits, that show a share of at least ``level``. ``None`` when none ever do."""
    if level >= 1.0:
        return None
    if level <= 0.0:
        return 1
    return max(1, math.ceil(math.log(error) / math.log(level) - 1e-9))


def walk(p: Floats, spend: Floats) -> Floats:
    """The fallback procedure: the error each hypothesis is tested with, 0 where the walk has stopped.

    Args:
        p: p-values in the order of the sequence.
        spend: Error first available at each.
    """
    level = np.zeros(p.size)
    starts = np.flatnonzero(spend > 0.0)
    carried = 0.0
    for start, end in pairwise([*starts.tolist(), p.size]):
        carried += float(spend[start])
        good = p[start:end] <= carried
        length = int(good.size if good.all() else np.argmin(good))
        level[start : start + length] = carried
        if length < good.size:
            carried = 0.0
    return level

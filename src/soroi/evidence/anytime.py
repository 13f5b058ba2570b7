"""Evidence that may be looked at after every answer: is a challenger worse than what it runs beside?

Each function gives the logarithm of an e-value: a number that, while the challenger is no worse than tolerated,
exceeds ``log(1 / error)`` at any time at all with probability at most ``error`` (Ville's inequality). So guards may
be looked at after every answer and be stopped at any time, and errors of several guards add up.

*Events* (falls, late answers, positive actions) are rare and their rate changes with the hour, so arms are compared
at the same time: of units drawn into the challenger with probability ``share``, the next one to have an event is
the challenger's with probability ``share·r / (share·r + 1 − share)``, where ``r`` is the ratio of the rates (Lindon
and Malek 2022, "Anytime-valid inference for multinomial count data"). The likelihood ratio against the tolerated
ratio is mixed over ratios beyond it (Robbins 1970; Howard et al. 2021, "Time-uniform, nonparametric, nonasymptotic
confidence sequences"). It depends on counts alone, so counts of several servers may be added up.

*Bounded figures* are compared by betting (Waudby-Smith and Ramdas 2023, "Estimating means of bounded random
variables by betting"): a capital that grows only when the challenger's mean is lower, mixed over sizes of the bet.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from soroi.evidence.sample import Floats

_STEPS: Floats = np.geomspace(0.02, 8.0, 48)
"""Distances of the mixed ratios from the tolerated one, as logarithms: from 2 % more to 3,000 times as much."""

_RATIOS: Floats = np.linspace(-9.21, 9.21, 2001)
"""Logarithms of the ratios that an interval is made of: a step is 0.9 %."""

BETS: Floats = np.geomspace(0.004, 0.9, 24)
"""Sizes of the bets that are mixed, as shares of the largest that cannot lose everything."""


@dataclass(frozen=True, slots=True)
class Stratum:
    """Units that had an event while the challenger had one share."""

    share: float
    """Probability with which a unit was the challenger's, in (0, 1)."""

    challenger: int
    """Units of the challenger that had one."""

    base: int
    """Units of the base that had one."""


def more(strata: Sequence[Stratum], tolerance: float = 1.0) -> float:
    """Log e-value against "events are at most ``tolerance`` times as frequent with the challenger".

    Args:
        strata: The counts; 0 events give 0.
        tolerance: The ratio of rates that is tolerated, above 0.
    """
    return float(_mixed(strata, np.asarray([math.log(tolerance)]), 1.0)[0])


def less(strata: Sequence[Stratum], tolerance: float = 1.0) -> float:
    """Log e-value against "events are at least ``tolerance`` times as frequent with the challenger"."""
    return float(_mixed(strata, np.asarray([math.log(tolerance)]), -1.0)[0])


def other(strata: Sequence[Stratum], tolerance: float = 1.0) -> float:
    """Log e-value against "events are neither ``tolerance`` times more nor less frequent with the challenger".

    Args:
        strata: The counts.
        tolerance: The ratio that is tolerated in both directions, at least 1.
    """
    both = [more(strata, tolerance), less(strata, 1.0 / tolerance)]
    return float(logsumexp(both) - math.log(2.0))


def above(hits: int, trials: int, most: float) -> float:
    """Log e-value against "the share is at most ``most``", from independent trials.

    A trial is an event of the "challenger" where it is a hit and of the "base" where it is none, so the same mixture
    serves.

    Args:
        hits: Trials that hit.
        trials: All of them.
        most: The share that is tolerated, in (0, 1).
    """
    return more([Stratum(most, hits, trials - hits)])


def ratio_interval(strata: Sequence[Stratum], error: float = 0.05) -> tuple[float, float]:
    """A confidence sequence for the ratio of rates: holds at all times together with probability 1 − ``error``.

    Returns:
        Its lower and upper end; 0 and infinity while nothing is known.
    """
    needed = math.log(2.0 / error)
    too_small = _RATIOS[_mixed(strata, _RATIOS, 1.0) >= needed]
    too_large = _RATIOS[_mixed(strata, _RATIOS, -1.0) >= needed]
    low = float(np.exp(too_small.max())) if too_small.size else 0.0
    high = float(np.exp(too_large.min())) if too_large.size else math.inf
    return low, high


def stakes() -> Floats:
    """The log capital of each bet (:data:`BETS`) before the first outcome."""
    return np.zeros(BETS.size)


def bet(capital: Floats, value: float, challenger: bool, share: float) -> Floats:
    """The log capital of each bet after one outcome. Sums of it may be added up over servers.

    Args:
        capital: As it was, (24,).
        value: The outcome, scaled to [0, 1].
        challenger: Whether it is the challenger's.
        share: Probability with which it was, in (0, 1).
    """
    gain = -value / share if challenger else value / (1.0 - share)
    return capital + np.log1p(BETS * share * gain)


def lower_mean(capital: Floats) -> float:
    """Log e-value against "the mean is at least as large with the challenger", from the capital of the bets."""
    return float(logsumexp(capital) - math.log(BETS.size))


def _mixed(strata: Iterable[Stratum], tolerated: Floats, side: float) -> Floats:
    """Log of the mixed likelihood ratio against each tolerated ratio, (k,), given as logarithms."""
    ratios = tolerated[:, None] + side * _STEPS[None, :]
    total = np.zeros(ratios.shape)
    for one in strata:
        there, here = (one.share * np.exp(at) + 1.0 - one.share for at in (ratios, tolerated[:, None]))
        total += one.challenger * side * _STEPS - (one.challenger + one.base) * np.log(there / here)
    found: Floats = logsumexp(total, axis=1) - math.log(_STEPS.size)
    return found

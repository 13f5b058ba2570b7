"""Evidence under continuous looking: exact where it can be counted, by seeded simulation where it cannot."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from soroi.evidence.anytime import (
    BETS,
    Stratum,
    above,
    bet,
    less,
    lower_mean,
    more,
    other,
    ratio_interval,
    stakes,
)

NEEDED = math.log(1 / 0.05)


def chance(share: float, ratio: float) -> float:
    """With what probability the next unit to have an event is the challenger's."""
    return share * ratio / (share * ratio + 1.0 - share)


@pytest.mark.parametrize("share", [0.01, 0.25, 0.5])
@pytest.mark.parametrize("tolerance", [1.0, 1.5])
def test_the_mean_of_an_e_value_is_one_at_the_tolerated_ratio_and_less_below(share: float, tolerance: float) -> None:
    def mean(ratio: float) -> float:
        p = chance(share, ratio)
        found = 0.0
        for k in range(13):
            weight = math.comb(12, k) * p**k * (1 - p) ** (12 - k)
            found += weight * math.exp(more([Stratum(share, k, 12 - k)], tolerance))
        return found

    assert mean(tolerance) == pytest.approx(1.0)
    assert mean(tolerance * 0.7) < 1.0
    assert mean(tolerance * 1.5) > 1.0


def test_it_is_the_mixture_of_likelihood_ratios_over_strata() -> None:
    strata = [Stratum(0.1, 4, 20), Stratum(0.3, 9, 11)]
    total = 0.0
    for step in np.geomspace(0.02, 8.0, 48):
        ratio = math.exp(step)
        value = 1.0
        for one in strata:
            p, q = chance(one.share, ratio), one.share
            value *= (p / q) ** one.challenger * ((1 - p) / (1 - q)) ** one.base
        total += value / 48
    assert more(strata) == pytest.approx(math.log(total))


def test_less_mirrors_more_and_other_looks_both_ways() -> None:
    many, few = [Stratum(0.5, 90, 10)], [Stratum(0.5, 10, 90)]
    assert less(few) == pytest.approx(more(many))
    assert other(many) == pytest.approx(other(few))
    assert other(many) == pytest.approx(more(many) - math.log(2), abs=1e-6)
    assert more(few) < 0 < more(many)
    assert more([]) == less([]) == other([]) == pytest.approx(0.0)
    assert more(many, 20.0) < NEEDED


def test_a_share_above_the_limit_is_found_and_one_below_is_not() -> None:
    assert above(30, 100, 0.1) > NEEDED
    assert above(5, 100, 0.1) < 0.0
    assert above(0, 0, 0.1) == pytest.approx(0.0)


@pytest.mark.parametrize("shares", [(0.05, 0.25), (0.5, 0.5)])
def test_equal_arms_are_told_apart_in_at_most_five_percent_of_runs_looked_at_after_every_event(
    shares: tuple[float, float],
) -> None:
    rng = np.random.default_rng(11)
    wrong = 0
    for _ in range(200):
        mine = [int(n) for share in shares for n in rng.random(120) < share]
        highest = 0.0
        for seen in range(8, 241, 8):
            first, second = mine[: min(seen, 120)], mine[120:seen]
            strata = [
                Stratum(share, sum(part), len(part) - sum(part))
                for share, part in zip(shares, (first, second), strict=True)
            ]
            highest = max(highest, other(strata))
        wrong += highest >= NEEDED
    assert wrong <= 10


def test_the_interval_holds_the_true_ratio_at_all_times_and_shrinks() -> None:
    rng = np.random.default_rng(5)
    missed = 0
    for _ in range(60):
        mine = np.cumsum(rng.random(400) < chance(0.25, 3.0))
        ends = [ratio_interval([Stratum(0.25, int(mine[n - 1]), n - int(mine[n - 1]))]) for n in (20, 100, 400)]
        missed += any(not low <= 3.0 <= high for low, high in ends)
    assert missed <= 3
    assert ratio_interval([]) == (0.0, math.inf)
    (wide, _), (narrow, high) = (ratio_interval([Stratum(0.25, n, n)]) for n in (50, 2000))
    assert 1.0 < wide < narrow < 3.0 < high < 3.4


def test_capital_is_a_martingale_whose_mean_is_one_while_means_are_equal() -> None:
    share, outcomes = 0.2, [(0.0, 0.5), (1.0, 0.5)]
    mean = 0.0
    for drawn in itertools.product(((value, arm) for value in outcomes for arm in (True, False)), repeat=3):
        capital, weight = stakes(), 1.0
        for (value, chance_of_value), arm in drawn:
            capital = bet(capital, value, arm, share)
            weight *= chance_of_value * (share if arm else 1 - share)
        mean += weight * math.exp(lower_mean(capital))
    assert mean == pytest.approx(1.0)
    assert stakes().shape == BETS.shape


def test_a_lower_mean_is_found_and_a_higher_one_is_not() -> None:
    def evidence(theirs: float) -> float:
        rng = np.random.default_rng(3)
        capital = stakes()
        for _ in range(1500):
            arm = bool(rng.random() < 0.3)
            capital = bet(capital, float(rng.random() < (theirs if arm else 0.5)), arm, 0.3)
        return lower_mean(capital)

    assert evidence(0.3) > NEEDED
    assert evidence(0.7) < 0.0

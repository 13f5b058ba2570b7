from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.declare.objective import Constraint, alert_rate, false_positive_rate, precision, recall
from soroi.evidence.binomial import upper_tail
from soroi.evidence.curve import candidates
from soroi.evidence.sequence import STARTS, accepted, fewest, precision_walk, walk
from soroi.evidence.worlds import Binormal, Hovering, World

SAMPLES = 300
TOLERANCE = 0.05 + 3 * math.sqrt(0.05 * 0.95 / SAMPLES)
"""Nominal error and three standard errors of the simulation."""


def violations(world: World, constraint: Constraint) -> tuple[float, float]:
    """Share of samples in which any accepted threshold breaks the constraint, and in which one is accepted."""
    rng = np.random.default_rng(23)
    sign = 1.0 if constraint.operator == ">=" else -1.0
    broken = met = 0
    for _ in range(SAMPLES):
        cuts = candidates(*world.draw(rng))
        found, _ = accepted(cuts, constraint, 0.05)
        truth = world.truth(constraint.metric, cuts.thresholds[found])
        broken += bool((sign * (truth - constraint.level) < -1e-9).any())
        met += bool(found.size)
    return broken / SAMPLES, met / SAMPLES


@pytest.mark.parametrize(
    ("world", "constraint"),
    [
        (Binormal(200, 0.25, 0.9), precision >= 0.6),
        (Binormal(2000, 0.25, 0.75), precision >= 0.5),
        (Binormal(4000, 0.05, 0.95), precision >= 0.5),
        (Binormal(20_000, 0.25, 0.75), precision >= 0.5),
        (Binormal(200, 0.25, 0.75), recall >= 0.9),
        (Binormal(4000, 0.25, 0.75), recall >= 0.9),
        (Binormal(2000, 0.25, 0.75), recall <= 0.5),
        (Binormal(2000, 0.25, 0.75), false_positive_rate <= 0.05),
        (Binormal(2000, 0.25, 0.75), alert_rate <= 0.1),
        (Binormal(2000, 0.25, 0.75), alert_rate >= 0.1),
        (Binormal(2000, 0.25, 0.75), precision <= 0.4),
    ],
    ids=str,
)
def test_any_accepted_threshold_breaks_the_constraint_at_most_as_often_as_promised(
    world: Binormal, constraint: Constraint
) -> None:
    broken, met = violations(world, constraint)
    assert broken <= TOLERANCE
    assert met >= 0.6


def test_five_thousand_positives_keep_the_promise_too() -> None:
    world, rng, samples = Binormal(20_000, 0.25, 0.75), np.random.default_rng(1), 60
    for constraint in (precision >= 0.5, recall >= 0.9):
        broken = 0
        for _ in range(samples):
            cuts = candidates(*world.draw(rng))
            found, _ = accepted(cuts, constraint, 0.05)
            broken += bool((world.truth(constraint.metric, cuts.thresholds[found]) < constraint.level).any())
        assert broken / samples <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / samples)


@pytest.mark.parametrize("width", [0.1, 0.5, 2.0])
@pytest.mark.parametrize(("level", "alerts"), [(0.5, 12), (0.8, 38), (0.8, 150)])
def test_a_precision_that_hovers_about_the_level_does_not_break_the_promise(
    level: float, alerts: int, width: float
) -> None:
    broken, _ = violations(Hovering(1500, level, alerts, width), precision >= level)
    assert broken <= TOLERANCE


def test_the_plain_estimate_would_break_it_about_half_the_time() -> None:
    world, rng = Binormal(2000, 0.25, 0.75), np.random.default_rng(5)
    broken = 0
    for _ in range(100):
        cuts = candidates(*world.draw(rng))
        usable = np.flatnonzero((cuts.tp >= 0.5 * cuts.alerts) & (cuts.alerts > 30))
        broken += bool(world.truth("precision", cuts.thresholds[usable[-1:]])[0] < 0.5)
    assert broken >= 30


def test_a_walk_carries_its_error_while_it_lasts_and_loses_it_when_it_stops() -> None:
    spend = np.asarray([0.02, 0, 0.03, 0, 0])
    assert walk(np.asarray([0.01, 0.02, 0.05, 0.04, 0.05]), spend).tolist() == pytest.approx(
        [0.02, 0.02, 0.05, 0.05, 0.05]
    )
    assert walk(np.asarray([0.01, 0.03, 0.03, 0.04, 0.01]), spend).tolist() == pytest.approx([0.02, 0, 0.03, 0, 0])
    assert walk(np.asarray([0.5]), np.zeros(1)).tolist() == [0.0]


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30), st.integers(1, 3))
def test_the_fallback_accepts_a_first_bad_hypothesis_within_the_error_there(p: list[float], starts: int) -> None:
    spend = np.zeros(len(p))
    spend[:: max(1, len(p) // starts)] = 0.01
    level = walk(np.asarray(p), spend)
    assert (level <= np.cumsum(spend) + 1e-12).all()
    for i in np.flatnonzero(level[1:] > spend[1:] + 1e-12):
        assert p[i] <= level[i]


@given(st.floats(0.01, 0.99), st.floats(0.001, 0.2))
def test_the_fewest_trials_are_the_first_that_can_show_anything(level: float, error: float) -> None:
    m = fewest(level, error)
    assert m is not None
    assert float(upper_tail(m, m, level)) <= error * (1 + 1e-6)
    assert m == 1 or float(upper_tail(m - 1, m - 1, level)) > error * (1 - 1e-6)


def test_nothing_shows_certainty_and_anything_shows_nothing() -> None:
    assert fewest(1.0, 0.05) is None
    assert fewest(0.0, 0.05) == 1


@given(st.lists(st.integers(1, 9), min_size=1, max_size=300), st.floats(0.05, 0.95))
def test_the_order_and_the_error_spent_depend_on_numbers_of_alerts_alone(steps: list[int], level: float) -> None:
    alerts = np.append(0, np.cumsum(steps))
    order, spend = precision_walk(alerts, level, 0.05)
    first = fewest(level, 0.05 / len(STARTS))
    assert first is not None
    if alerts[-1] < first * STARTS[0]:
        assert order.size == 0
    else:
        assert (np.diff(order) > 0).all()
        assert float(spend.sum()) == pytest.approx(0.05)
        assert order[-1] == alerts.size - 1
        assert alerts[order[0]] >= first * STARTS[0]


@pytest.mark.parametrize("constraint", [precision >= 0.0, recall >= 0.0, false_positive_rate <= 1.0])
def test_a_bound_that_nothing_breaks_accepts_every_cut(constraint: Constraint) -> None:
    cuts = candidates(np.asarray([False, True, False]), np.asarray([0.1, 0.2, 0.3]))
    found, _ = accepted(cuts, constraint, 0.05)
    assert found.tolist() == ([2, 3] if constraint.metric == "precision" else [1, 2, 3])


@pytest.mark.parametrize("constraint", [precision >= 1.0, recall >= 1.0, false_positive_rate <= 0.0])
def test_certainty_is_never_shown(constraint: Constraint) -> None:
    cuts = candidates(np.arange(1000) >= 500, np.arange(1000.0))
    assert accepted(cuts, constraint, 0.05)[0].size == 0

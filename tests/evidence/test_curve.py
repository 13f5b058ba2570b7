from __future__ import annotations

import msgspec
import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from soroi.evidence.curve import MAX_POINTS, OperatingCurve, candidates
from soroi.evidence.figure import ALWAYS, NEVER

ROWS = st.lists(
    st.tuples(st.booleans(), st.one_of(st.integers(0, 4).map(float), st.floats(-1e308, 1e308))),
    min_size=1,
    max_size=50,
)


@given(ROWS)
def test_counts_at_every_cut_are_those_of_its_threshold(rows: list[tuple[bool, float]]) -> None:
    y, score = np.asarray([y for y, _ in rows]), np.asarray([s for _, s in rows])
    cuts = candidates(y, score)
    assert cuts.thresholds[0] == NEVER
    assert cuts.thresholds[-1] == ALWAYS
    assert (cuts.thresholds[1:] < cuts.thresholds[:-1]).all()
    assert cuts.alerts.size == np.unique(score).size + 1
    for alerts, tp, threshold in zip(cuts.alerts, cuts.tp, cuts.thresholds, strict=True):
        act = score >= threshold
        assert (alerts, tp) == (act.sum(), (act & y).sum())


@given(ROWS)
def test_the_curve_is_exact_at_kept_thresholds_and_careful_between(rows: list[tuple[bool, float]]) -> None:
    y, score = np.asarray([y for y, _ in rows]), np.asarray([s for _, s in rows])
    curve = candidates(y, score).curve(0)
    for threshold in [*curve.thresholds, *score.tolist()]:
        point = curve.at(threshold)
        act = score >= point.threshold
        assert point.threshold >= threshold
        assert (point.tp, point.fp) == ((act & y).sum(), (act & ~y).sum())
        assert (point.fn, point.tn) == ((~act & y).sum(), (~act & ~y).sum())


def test_a_long_curve_is_thinned_but_keeps_the_chosen_cut_and_the_ends() -> None:
    rng = np.random.default_rng(0)
    score = rng.random(50_000)
    cuts = candidates(rng.random(score.size) < score, score)
    curve = cuts.curve(12_345)
    assert 500 < len(curve.thresholds) <= MAX_POINTS
    assert curve.at(float(cuts.thresholds[12_345])).threshold == cuts.thresholds[12_345]
    assert (curve.thresholds[0], curve.thresholds[-1]) == (ALWAYS, NEVER)
    assert msgspec.json.decode(msgspec.json.encode(curve), type=OperatingCurve) == curve


def test_a_point_names_its_shares() -> None:
    curve = candidates(np.asarray([True, False, True, False]), np.asarray([0.9, 0.8, 0.7, 0.1])).curve(0)
    point = curve.at(0.75)
    assert (point.recall, point.precision, point.false_positive_rate, point.alert_rate) == (0.5, 0.5, 0.5, 0.5)
    assert curve.at(NEVER).precision is None

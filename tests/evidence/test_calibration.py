from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.isotonic import IsotonicRegression

from soroi.base.errors import DataError
from soroi.evidence.calibration import MAX_KNOTS, CalibrationMap, fit_calibration
from soroi.evidence.worlds import Binormal


@given(st.lists(st.tuples(st.booleans(), st.floats(-5, 5)), min_size=1, max_size=100))
def test_the_map_is_monotone_and_never_certain(rows: list[tuple[bool, float]]) -> None:
    fitted = fit_calibration([y for y, _ in rows], [score for _, score in rows], what="cut")
    assert all(a < b for a, b in zip(fitted.xs, fitted.xs[1:], strict=False))
    assert all(a <= b for a, b in zip(fitted.ys, fitted.ys[1:], strict=False))
    edge = 1 / (len(rows) + 2)
    assert min(fitted.ys) >= edge - 1e-15
    assert max(fitted.ys) <= 1 - edge + 1e-15
    assert msgspec.json.decode(msgspec.json.encode(fitted), type=CalibrationMap) == fitted


@given(
    st.lists(st.tuples(st.booleans(), st.floats(-5, 5)), min_size=1, max_size=60),
    st.lists(st.floats(-7, 7), min_size=1, max_size=30),
)
def test_one_score_and_many_give_the_same_probability(rows: list[tuple[bool, float]], scores: list[float]) -> None:
    fitted = fit_calibration([y for y, _ in rows], [score for _, score in rows], what="cut")
    many = fitted.probability(np.asarray([*scores, *fitted.xs]))
    one_by_one = [fitted.probability(score) for score in (*scores, *fitted.xs)]
    assert one_by_one == pytest.approx(many, abs=1e-15)


def test_level_stretches_are_those_of_isotonic_regression() -> None:
    y, score = Binormal(3000, 0.3, 0.8).draw(np.random.default_rng(0))
    fitted = fit_calibration(y, score, what="cut")
    peer = IsotonicRegression(y_min=1 / 3002, y_max=1 - 1 / 3002).fit(score, y)
    levels = np.unique(np.round(peer.predict(score), 9))
    assert np.unique(np.round(fitted.ys, 9)) == pytest.approx(levels, abs=1e-6)


def test_probabilities_come_close_to_the_truth() -> None:
    world = Binormal(200_000, 0.2, 0.8)
    fitted = fit_calibration(*world.draw(np.random.default_rng(1)), what="cut")
    scores = np.linspace(-1.5, 3.0, 50)
    assert np.abs(fitted.probability(scores) - world.probability(scores)).max() < 0.03
    assert isinstance(fitted.probability(0.3), float)


def test_many_stretches_are_pooled() -> None:
    rng = np.random.default_rng(2)
    score = np.sort(rng.random(400_000))
    fitted = fit_calibration(rng.random(score.size) < score, score, what="cut")
    assert len(fitted.xs) <= MAX_KNOTS
    assert np.abs(fitted.probability(score) - score).max() < 0.05


def test_no_rows_is_an_error_that_names_what() -> None:
    with pytest.raises(DataError, match="cut has no rows"):
        fit_calibration([], [], what="cut")

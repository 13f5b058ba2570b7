from __future__ import annotations

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import DataError
from soroi.evidence.figure import ALWAYS, NEVER
from soroi.evidence.sure import SureBand, sure_band
from soroi.evidence.worlds import Binormal


def test_answers_far_from_the_threshold_stand_and_those_near_it_do_not() -> None:
    y, score = Binormal(20_000, 0.25, 0.95).draw(np.random.default_rng(0))
    band = sure_band(y, score, 1.5, error=0.05, confidence=0.95)
    sure = band.sure(score)
    assert band.low < 1.5 < band.high
    assert ((score[sure] >= 1.5) != y[sure]).mean() <= 0.05
    assert band.coverage.value == pytest.approx(sure.mean())
    assert 0.5 < sure.mean() < 0.95
    assert band.error_bound is not None
    assert band.error_bound <= 0.05
    assert not band.sure(np.asarray([1.5]))[0]


def test_errors_among_standing_answers_stay_below_what_was_asked() -> None:
    world, rng, samples, broken = Binormal(1500, 0.25, 0.9), np.random.default_rng(2), 200, 0
    for _ in range(samples):
        band = sure_band(*world.draw(rng), threshold=1.0, error=0.1, confidence=0.95)
        ends = np.asarray([band.low, band.high])
        wrong_high = 1.0 - world.truth("precision", ends)[1]
        below = 1.0 - world.truth("alert_rate", ends)[0]
        missed = world.base_rate * (1.0 - world.truth("recall", ends)[0])
        broken += bool((band.high < NEVER and wrong_high > 0.1) or (below > 1e-9 and missed / below > 0.1))
    assert broken / samples <= 0.05 + 3 * (0.05 * 0.95 / samples) ** 0.5


def test_too_few_rows_let_no_answer_stand() -> None:
    band = sure_band([True, False], [0.9, 0.1], 0.5, error=0.05, confidence=0.95)
    assert (band.low, band.high, band.error_bound) == (ALWAYS, NEVER, None)
    assert band.coverage.value == 0.0
    assert not band.sure(np.asarray([0.0, 1.0, -1e300, 1e300])).any()


@pytest.mark.parametrize(("threshold", "positive"), [(NEVER, False), (ALWAYS, True)])
def test_a_threshold_at_an_end_has_one_side_only(threshold: float, positive: bool) -> None:
    y = np.full(500, positive)
    band = sure_band(y, np.linspace(0, 1, 500), threshold, error=0.1, confidence=0.95)
    assert band.coverage.value == 1.0
    assert (band.high < NEVER) is positive
    assert (band.low > ALWAYS) is not positive


@given(
    st.lists(st.tuples(st.booleans(), st.integers(0, 9)), min_size=1, max_size=200),
    st.integers(0, 9),
    st.sampled_from([0.1, 0.4]),
)
def test_a_band_never_crosses_its_threshold_and_survives_json(
    rows: list[tuple[bool, int]], threshold: int, error: float
) -> None:
    band = sure_band([y for y, _ in rows], [s for _, s in rows], threshold, error=error, confidence=0.9)
    assert band.low < threshold <= band.high
    assert msgspec.json.decode(msgspec.json.encode(band), type=SureBand) == band


def test_impossible_requests_are_refused() -> None:
    with pytest.raises(DataError, match="error of the sure band"):
        sure_band([True], [0.5], 0.5, error=0.0, confidence=0.95)
    with pytest.raises(DataError, match="no rows"):
        sure_band([], [], 0.5, error=0.1, confidence=0.95)

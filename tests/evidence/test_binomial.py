from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from soroi.evidence.binomial import lower_bound, lower_tail, share_figure, upper_bound, upper_tail

SHARES = st.floats(0.001, 0.999)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), SHARES)
def test_the_tails_are_those_of_scipy(pair: tuple[int, int], share: float) -> None:
    k, n = pair
    assert float(upper_tail(k, n, share)) == pytest.approx(float(stats.binom.sf(k - 1, n, share)), abs=1e-12)
    assert float(lower_tail(k, n, share)) == pytest.approx(float(stats.binom.cdf(k, n, share)), abs=1e-12)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_is_that_of_clopper_and_pearson(pair: tuple[int, int]) -> None:
    k, n = pair
    figure = share_figure("recall", k, n, confidence=0.9, positives=n, part="test")
    exact = stats.binomtest(k, n).proportion_ci(0.9, method="exact")
    assert (figure.low, figure.high) == pytest.approx((exact.low, exact.high), abs=1e-9)


@given(st.integers(1, 200).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))), SHARES)
def test_a_bound_and_its_tail_agree(pair: tuple[int, int], share: float) -> None:
    k, n = pair
    tail = float(upper_tail(k, n, share))
    if abs(tail - 0.05) > 1e-9:
        assert (float(lower_bound(k, n, 0.05)) >= share) == (tail <= 0.05)
    tail = float(lower_tail(k, n, share))
    if abs(tail - 0.05) > 1e-9:
        assert (float(upper_bound(k, n, 0.05)) <= share) == (tail <= 0.05)


def test_nothing_is_known_without_trials() -> None:
    assert float(upper_tail(0, 0, 0.5)) == 1.0
    assert float(lower_tail(0, 0, 0.5)) == 1.0
    figure = share_figure("precision", 0, 0, confidence=0.95, positives=3, part="test")
    assert (figure.value, figure.low, figure.high, figure.n) == (None, 0.0, 1.0, 0)


@pytest.mark.parametrize(("n", "share"), [(20, 0.1), (50, 0.5), (400, 0.98)])
def test_the_interval_covers_at_least_as_often_as_it_says(n: int, share: float) -> None:
    k = np.arange(n + 1)
    held = (lower_bound(k, n, 0.025) <= share) & (share <= upper_bound(k, n, 0.025))
    assert float(stats.binom.pmf(k, n, share)[held].sum()) >= 0.95

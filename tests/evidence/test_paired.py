from __future__ import annotations

import numpy as np
import pytest

from soroi.base.errors import DataError
from soroi.evidence.paired import COMPARABLE, LEAST, paired_difference

RUNS = 300


def draw(rng: np.random.Generator, rows: int, lift: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Labels, and two decisions on the same score, the first with ``lift`` more signal."""
    y = rng.random(rows) < 0.3
    common = rng.normal(size=rows) + 1.2 * y
    mine = common + lift * y + 0.5 * rng.normal(size=rows) > 0.8
    theirs = common + 0.5 * rng.normal(size=rows) > 0.8
    return y, mine, theirs


@pytest.mark.parametrize("metric", COMPARABLE)
def test_the_interval_holds_the_true_difference_as_often_as_it_says(metric: str) -> None:
    rng = np.random.default_rng(7)
    truth = paired_difference(*draw(rng, 1_000_000, 0.3), metric).value
    assert truth is not None
    held = [paired_difference(*draw(rng, 600, 0.3), metric) for _ in range(RUNS)]
    share = sum(one.low <= truth <= one.high for one in held) / RUNS
    assert share >= 0.92, f"{share:.3f} of the 95 % intervals hold it"


@pytest.mark.parametrize("metric", COMPARABLE)
def test_the_interval_of_pairs_is_narrower_than_that_of_strangers(metric: str) -> None:
    y, mine, theirs = draw(np.random.default_rng(1), 5000, 0.0)
    shuffled = theirs.copy()
    for side in (True, False):
        places = np.flatnonzero(y == side)
        shuffled[places] = theirs[np.random.default_rng(2).permutation(places)]
    pairs, strangers = paired_difference(y, mine, theirs, metric), paired_difference(y, mine, shuffled, metric)
    assert pairs.high - pairs.low < strangers.high - strangers.low


def test_a_difference_worked_by_hand() -> None:
    # 36 rows both, 12 the one, 2 the other, none neither. Wilson: 0.96 in [0.8654, 0.9890], 0.76 in [0.6259, 0.8570].
    # phi = (36 * 0 - 12 * 2) / sqrt(48 * 2 * 38 * 12) = -0.1147; sides sqrt(a² - 2 phi a b + b²) of 0.1431 and 0.1404.
    mine = np.asarray([True] * 48 + [False] * 2)
    theirs = np.asarray([True] * 36 + [False] * 12 + [True] * 2)
    figure = paired_difference(np.ones(50, dtype=bool), mine, theirs, "recall")
    assert figure.value == pytest.approx(0.2)
    assert (figure.low, figure.high) == pytest.approx((0.0569, 0.3404), abs=1e-4)


def test_more_false_alarms_are_worse() -> None:
    y = np.zeros(100, dtype=bool)
    none, all_of_them = np.zeros(100, dtype=bool), np.ones(100, dtype=bool)
    figure = paired_difference(y, none, all_of_them, "false_positive_rate")
    assert figure.value == 1.0
    assert figure.low > 0.9


def test_the_same_rows_give_the_same_interval() -> None:
    rows = draw(np.random.default_rng(3), 400, 0.2)
    assert paired_difference(*rows, "precision") == paired_difference(*rows, "precision")


@pytest.mark.parametrize("metric", COMPARABLE)
def test_few_rows_say_nothing(metric: str) -> None:
    rows = draw(np.random.default_rng(3), LEAST - 1, 0.2)
    figure = paired_difference(*rows, metric)
    assert (figure.value, figure.low, figure.high) == (None, -1.0, 1.0)


def test_what_cannot_be_compared_is_refused() -> None:
    y, mine, theirs = draw(np.random.default_rng(3), 40, 0.2)
    with pytest.raises(DataError, match="'alert_rate' cannot be compared"):
        paired_difference(y, mine, theirs, "alert_rate")
    with pytest.raises(DataError, match="40 labels, 39 and 40 actions"):
        paired_difference(y, mine[1:], theirs, "recall")

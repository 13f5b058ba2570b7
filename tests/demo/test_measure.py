from __future__ import annotations

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_auc_score

from soroi.demo.measure import SHARES, differences, figures, is_apart, moved


def answers(seed: int, days: int = 12, per_day: int = 60, skill: float = 1.0) -> pl.DataFrame:
    drawn = np.random.default_rng(seed)
    n = days * per_day
    turned_out = drawn.random(n) < 0.3
    score = drawn.normal(size=n) + skill * turned_out
    return pl.DataFrame(
        {
            "flight_id": [f"F{i}" for i in range(n)],
            "day": np.repeat(np.arange(days), per_day),
            "turned_out": turned_out,
            "positive": score > 0.8,
            "first": np.round(score, 1),
        }
    )


def test_figures_are_those_of_the_answers() -> None:
    rows = answers(1)
    found = figures(rows, ["first"])
    acted, y = rows["positive"].to_numpy(), rows["turned_out"].to_numpy()
    assert found["recall"]["value"] == pytest.approx(acted[y].mean())
    assert found["precision"]["value"] == pytest.approx(y[acted].mean())
    assert found["first"]["value"] == pytest.approx(roc_auc_score(y, rows["first"].to_numpy()))


@settings(max_examples=20, deadline=None)
@given(st.integers(0, 10_000), st.booleans())
def test_the_estimated_difference_is_that_of_the_figures(seed: int, paired: bool) -> None:
    a, b = answers(seed, days=5, per_day=30), answers(seed + 1, days=5, per_day=30)
    found = differences(a, b, ["first"], paired=paired)
    one, other = figures(a, ["first"]), figures(b, ["first"])
    for name in (*SHARES, "first"):
        if one[name]["value"] is not None and other[name]["value"] is not None:
            assert found[name]["value"] == pytest.approx(other[name]["value"] - one[name]["value"])


def test_scores_of_rows_that_were_not_asked_do_not_count() -> None:
    rows = answers(2)
    asked = rows.with_columns(first=pl.when(pl.col("day") < 6).then("first"))
    found = differences(asked, asked, ["first"], paired=True)
    expected = rows.filter(pl.col("day") < 6)
    area = roc_auc_score(expected["turned_out"].to_numpy(), expected["first"].to_numpy())
    assert figures(asked, ["first"])["first"]["value"] == pytest.approx(area)
    assert found["first"]["value"] == 0.0


def test_the_same_answers_differ_by_nothing() -> None:
    rows = answers(3)
    for one in differences(rows, rows, ["first"], paired=True).values():
        assert (one["value"], one["low"], one["high"], one["clear"]) == (0.0, 0.0, 0.0, False)


def test_a_gain_of_many_days_is_clear() -> None:
    found = differences(answers(4, days=30, skill=0.2), answers(5, days=30, skill=2.0), ["first"], paired=False)
    assert found["first"]["clear"]
    assert found["first"]["low"] > 0


def test_two_draws_of_the_same_truth_are_seldom_clear() -> None:
    false = sum(
        differences(answers(10 + i), answers(500 + i), ["first"], paired=False)["first"]["clear"] for i in range(40)
    )
    assert false <= 7  # 5 % of 40 is 2; twelve days are few, so the intervals are somewhat short


def test_inputs_that_moved_come_first_and_the_others_are_not_clear() -> None:
    drawn = np.random.default_rng(0)
    day = np.repeat(np.arange(40), 20)
    before = pl.DataFrame({"day": day, "still": drawn.normal(size=800), "shifted": drawn.normal(size=800)})
    after = pl.DataFrame({"day": day, "still": drawn.normal(size=800), "shifted": drawn.normal(size=800) + 1})
    found = moved(before, after, ["still", "shifted"])
    assert [one["name"] for one in found] == ["shifted", "still"]
    assert [one["difference"]["clear"] for one in found] == [True, False]


def test_a_column_without_values_is_left_out() -> None:
    empty = pl.DataFrame({"day": [1, 2], "gone": [None, None]}, schema={"day": pl.Int64, "gone": pl.Float64})
    assert moved(empty, empty, ["gone"]) == []


def test_figures_apart_leave_each_other_out() -> None:
    low = {"value": 0.2, "low": 0.18, "high": 0.22}
    high = {"value": 0.3, "low": 0.28, "high": 0.32}
    near = {"value": 0.21, "low": 0.19, "high": 0.23}
    assert is_apart(low, high)
    assert is_apart(high, low)
    assert not is_apart(low, near)
    assert not is_apart(low, {"value": None, "low": 0.0, "high": 1.0})

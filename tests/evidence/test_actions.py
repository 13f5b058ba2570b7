from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import DataError
from soroi.evidence.actions import action_figures


def test_the_shares_are_what_they_are_called() -> None:
    y = np.asarray([1, 1, 1, 0, 0, 0, 0, 0], dtype=bool)
    act = np.asarray([1, 1, 0, 1, 0, 0, 0, 0], dtype=bool)
    figures = {one.name: one for one in action_figures(y, act)}
    assert {name: one.value for name, one in figures.items()} == pytest.approx(
        {"recall": 2 / 3, "precision": 2 / 3, "false_positive_rate": 1 / 5, "accuracy": 6 / 8, "alert_rate": 3 / 8}
    )
    assert {name: one.n for name, one in figures.items()} == {
        "recall": 3,
        "precision": 3,
        "false_positive_rate": 5,
        "accuracy": 8,
        "alert_rate": 8,
    }
    assert all(one.positives == 3 and one.part == "test" for one in figures.values())


def test_a_share_of_nothing_is_undefined() -> None:
    figures = {one.name: one for one in action_figures([False, False], [False, False])}
    for name in ("recall", "precision"):
        assert (figures[name].value, figures[name].low, figures[name].high) == (None, 0.0, 1.0)
    assert figures["accuracy"].value == 1.0
    assert [one.value for one in action_figures([], [])] == [None] * 5


@given(st.lists(st.tuples(st.booleans(), st.booleans()), max_size=60))
def test_every_value_lies_in_its_interval(rows: list[tuple[bool, bool]]) -> None:
    for one in action_figures([y for y, _ in rows], [act for _, act in rows]):
        assert 0.0 <= one.low <= (one.low if one.value is None else one.value) <= one.high <= 1.0


def test_lengths_must_agree() -> None:
    with pytest.raises(DataError, match="2 labels and 1 actions"):
        action_figures([True, False], [True])

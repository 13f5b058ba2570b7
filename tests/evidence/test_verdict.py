from __future__ import annotations

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.errors import DeclarationError
from soroi.declare.objective import Constraint, recall
from soroi.evidence.binomial import share_figure
from soroi.evidence.figure import Figure
from soroi.evidence.verdict import Outcome, judge, judge_all, verdict_reason


def interval(low: float, high: float, value: float | None = 0.5) -> Figure:
    return Figure(name="recall", value=value, low=low, high=high, n=10, method="clopper-pearson")


@pytest.mark.parametrize(
    ("low", "high", "at_least", "at_most"),
    [
        (0.6, 0.8, Outcome.PASS, Outcome.FAIL),
        (0.2, 0.4, Outcome.FAIL, Outcome.PASS),
        (0.4, 0.6, Outcome.INCONCLUSIVE, Outcome.INCONCLUSIVE),
        (0.5, 0.6, Outcome.PASS, Outcome.INCONCLUSIVE),
        (0.4, 0.5, Outcome.INCONCLUSIVE, Outcome.PASS),
    ],
)
def test_the_whole_interval_decides(low: float, high: float, at_least: Outcome, at_most: Outcome) -> None:
    assert judge(interval(low, high), recall >= 0.5) is at_least
    assert judge(interval(low, high), recall <= 0.5) is at_most


def test_an_undefined_figure_is_inconclusive_even_for_a_bound_nothing_breaks() -> None:
    assert judge(interval(0.0, 1.0, None), recall >= 0.0) is Outcome.INCONCLUSIVE


@given(st.integers(0, 40), st.integers(0, 40), st.floats(0, 1))
def test_pass_and_fail_never_contradict_the_estimate(hits: int, misses: int, level: float) -> None:
    figure = share_figure("recall", hits, hits + misses, confidence=0.95, positives=hits, part="test")
    outcome = judge(figure, recall >= level)
    if figure.value is not None and outcome is not Outcome.INCONCLUSIVE:
        assert (figure.value >= level) == outcome.counts_as_pass
    assert outcome in (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE)


def test_only_a_pass_counts_as_one() -> None:
    assert [one for one in Outcome if one.counts_as_pass] == [Outcome.PASS]
    assert [one for one in Outcome if one.counts_as_fail] == [Outcome.FAIL]
    assert [one for one in Outcome if not one.blocks] == [Outcome.PASS, Outcome.NOT_APPLICABLE]
    assert [one for one in Outcome if one.needs_more] == [Outcome.INCONCLUSIVE, Outcome.ERROR]


def test_together_the_worst_counts() -> None:
    assert judge_all([Outcome.PASS, Outcome.NOT_APPLICABLE]) is Outcome.PASS
    assert judge_all([Outcome.PASS, Outcome.INCONCLUSIVE, Outcome.ERROR]) is Outcome.ERROR
    assert judge_all(Outcome) is Outcome.FAIL
    assert judge_all([]) is Outcome.NOT_APPLICABLE


def test_a_bound_on_another_metric_is_refused() -> None:
    with pytest.raises(DeclarationError, match=r"figure is recall and the bound is on precision"):
        judge(interval(0.1, 0.2), Constraint("precision", ">=", 0.5))


def test_the_reason_says_what_was_compared_and_encodes() -> None:
    reason = verdict_reason(interval(0.4, 0.6), recall >= 0.5)
    assert reason.text == "recall 0.5 [0.4, 0.6] on 10 rows of the test part cannot be told from recall >= 0.5"
    assert reason.kind == "inconclusive"
    assert msgspec.json.encode(reason.to_dict())
    assert msgspec.json.decode(msgspec.json.encode(Outcome.PASS), type=Outcome) is Outcome.PASS

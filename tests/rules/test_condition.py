from __future__ import annotations

from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from soroi.base.reason import Reason
from soroi.rules import Condition, Finding, passed

A, B, C = passed("a"), passed("b"), passed("c")


def findings(**outcomes: bool) -> dict[str, Finding]:
    return {name: Finding(good, Reason("gate", f"{name} is {good}", name)) for name, good in outcomes.items()}


def test_a_judgement_that_passed_holds() -> None:
    assert A.evaluate(findings(a=True)).holds
    assert not A.evaluate(findings(a=False)).holds


def test_no_verdict_is_not_a_pass() -> None:
    held = A.evaluate({})
    assert not held.holds
    assert held.reason.kind == "missing"
    assert held.reason.text == "'a' has not been judged"


@pytest.mark.parametrize(("one", "other"), list(product([True, False], repeat=2)))
def test_the_algebra_is_that_of_truth(one: bool, other: bool) -> None:
    known = findings(a=one, b=other)
    assert (A & B).evaluate(known).holds == (one and other)
    assert (A | B).evaluate(known).holds == (one or other)
    assert (~A).evaluate(known).holds == (not one)
    assert (~(A & B)).evaluate(known).holds == (~A | ~B).evaluate(known).holds


@given(st.booleans(), st.booleans(), st.booleans())
def test_operators_nest(a: bool, b: bool, c: bool) -> None:
    known = findings(a=a, b=b, c=c)
    assert ((A | B) & ~C).evaluate(known).holds == ((a or b) and not c)


def test_the_reasons_of_all_name_only_what_failed() -> None:
    held = (A & B & C).evaluate(findings(a=True, b=False, c=True))
    assert [one.text for one in held.reason.walk() if not one.because] == ["b is False"]


def test_the_reasons_of_all_name_everything_when_nothing_failed() -> None:
    held = (A & B).evaluate(findings(a=True, b=True))
    assert [one.text for one in held.reason.because] == ["a is True", "b is True"]


def test_the_reasons_of_any_name_what_held_or_all_that_did_not() -> None:
    assert [r.text for r in (A | B).evaluate(findings(a=False, b=True)).reason.because] == ["b is True"]
    assert [r.text for r in (A | B).evaluate(findings(a=False)).reason.because] == [
        "a is False",
        "'b' has not been judged",
    ]


def test_a_condition_is_plain_data() -> None:
    condition: Condition = (A & ~B) | C
    assert condition.to_dict() == {"any": [{"all": [{"passed": "a"}, {"not": {"passed": "b"}}]}, {"passed": "c"}]}

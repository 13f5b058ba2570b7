"""Outcomes: what a figure says about a bound. Small samples are inconclusive, and that is not a pass."""

from __future__ import annotations

from collections.abc import Iterable
from enum import Enum

from soroi.base.errors import DeclarationError
from soroi.base.reason import Reason
from soroi.declare.objective import Constraint
from soroi.evidence.figure import Figure


class Outcome(Enum):
    """What a judgement came to."""

    PASS = "pass"
    """The whole interval is on the good side."""

    FAIL = "fail"
    """The whole interval is on the bad side."""

    INCONCLUSIVE = "inconclusive"
    """The interval holds the bound: there are too few rows to say."""

    ERROR = "error"
    """The judgement could not be made: something raised."""

    NOT_APPLICABLE = "not_applicable"
    """The gate does not concern this subject."""

    @property
    def counts_as_pass(self) -> bool:
        """Whether it is evidence for the subject. Only a real pass is: no verdict is not a pass."""
        return self is Outcome.PASS

    @property
    def blocks(self) -> bool:
        """Whether a mandatory gate stops a plan with it: all do but a pass and one that does not apply."""
        return self not in (Outcome.PASS, Outcome.NOT_APPLICABLE)

    @property
    def counts_as_fail(self) -> bool:
        """Whether the evidence is against the subject. Only a real failure is."""
        return self is Outcome.FAIL

    @property
    def needs_more(self) -> bool:
        """Whether more data, or another try, could change the outcome."""
        return self in (Outcome.INCONCLUSIVE, Outcome.ERROR)


_WORST_FIRST = (Outcome.FAIL, Outcome.ERROR, Outcome.INCONCLUSIVE, Outcome.PASS)


def judge(figure: Figure, bound: Constraint) -> Outcome:
    """Compare a figure's interval with a bound; the estimate alone is never looked at.

    The bound itself is on the good side. A figure that is undefined rests on nothing and is inconclusive.

    Raises:
        DeclarationError: The bound is about another metric than the figure.
    """
    if figure.name != bound.metric:
        raise DeclarationError(
            f"the figure is {figure.name} and the bound is on {bound.metric}",
            hint=f"judge the figure named {bound.metric}",
        )
    if figure.value is None:
        return Outcome.INCONCLUSIVE
    at_least = bound.operator == ">="
    good = figure.low >= bound.level if at_least else figure.high <= bound.level
    bad = figure.high < bound.level if at_least else figure.low > bound.level
    if good:
        return Outcome.PASS
    return Outcome.FAIL if bad else Outcome.INCONCLUSIVE


def judge_all(outcomes: Iterable[Outcome]) -> Outcome:
    """The outcome of several together: the worst of fail, error, inconclusive, pass.

    Those not applicable are left out; nothing left is not applicable.
    """
    found = set(outcomes)
    return next((one for one in _WORST_FIRST if one in found), Outcome.NOT_APPLICABLE)


def verdict_reason(figure: Figure, bound: Constraint) -> Reason:
    """The outcome of :func:`judge` as a sentence for people, with its facts.

    Raises:
        DeclarationError: As :func:`judge`.
    """
    outcome = judge(figure, bound)
    verb = {
        Outcome.PASS: "keeps",
        Outcome.FAIL: "breaks",
        Outcome.INCONCLUSIVE: "cannot be told from",
    }[outcome]
    text = f"{figure} on {figure.n} rows of the {figure.part} part {verb} {bound}"
    facts = {"outcome": outcome.value, "low": figure.low, "high": figure.high, "bound": bound.to_dict()}
    return Reason(kind=outcome.value, text=text, subject=figure.name, facts=facts)

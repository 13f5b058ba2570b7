"""Facts: what conditions are about. Judgements by name, people's approvals, the time, and the traffic."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from soroi.base.reason import Reason
from soroi.rules.window import Window

PASS = "pass"
FAIL = "fail"
INCONCLUSIVE = "inconclusive"
ERROR = "error"
NOT_APPLICABLE = "not_applicable"
OUTCOMES = (PASS, FAIL, INCONCLUSIVE, ERROR, NOT_APPLICABLE)
"""What a judgement may come to; the values of :class:`soroi.evidence.Outcome`. Missing is none of them."""


@dataclass(frozen=True, slots=True)
class Finding:
    """The outcome of one judgement, by name."""

    passed: bool
    """Whether it passed. Inconclusive, failed and missing are all not passed."""

    reason: Reason
    """Why."""

    outcome: str = ""
    """One of :data:`OUTCOMES`; default: ``pass`` or ``fail``, by ``passed``."""

    figures: tuple[Mapping[str, Any], ...] = ()
    """Figures with their intervals, as data, where the judgement rests on some."""

    def __post_init__(self) -> None:
        if not self.outcome:
            object.__setattr__(self, "outcome", PASS if self.passed else FAIL)
        if self.outcome not in OUTCOMES or self.passed != (self.outcome == PASS):
            raise ValueError(f"a finding with passed={self.passed} cannot have the outcome '{self.outcome}'")

    @property
    def blocks(self) -> bool:
        """Whether it stands in the way: all do but a pass and one that does not apply."""
        return self.outcome not in (PASS, NOT_APPLICABLE)

    @classmethod
    def of(cls, outcome: str, reason: Reason, figures: tuple[Mapping[str, Any], ...] = ()) -> Finding:
        """A finding of an outcome.

        Args:
            outcome: One of :data:`OUTCOMES`.
            reason: Why.
            figures: What it rests on.
        """
        return cls(outcome == PASS, reason, outcome, figures)


Findings = Mapping[str, Finding]
"""What is known, by name of the judgement."""


@dataclass(frozen=True, slots=True)
class ApprovalFact:
    """One approval that counts: signature good, key known and not revoked, plan and verdicts unchanged, not expired."""

    by: str
    """Who approved."""

    roles: frozenset[str]
    """Roles that they hold where it counts."""

    kind: str
    """As what they approved: ``release``, ``owner``, ``audit``, ``security``, ``ethics`` or ``legal``."""

    at: datetime
    """When."""

    expires_at: datetime | None = None
    """When it ends to count; ``None``: never."""


@dataclass(frozen=True, slots=True)
class Facts:
    """What is known when a condition is evaluated."""

    findings: Findings = field(default_factory=dict)
    """Outcomes of judgements, by name of the gate. What is not in it has not been judged."""

    approvals: tuple[ApprovalFact, ...] = ()
    """Only those that count."""

    now: datetime | None = None
    """The time; ``None``: not known, and nothing about time holds."""

    windows: Mapping[str, Window] = field(default_factory=dict)
    """The named windows of the project."""

    author: str | None = None
    """Who built or staged what is judged."""

    traffic: Mapping[str, float] = field(default_factory=dict)
    """Figures of the answers given, such as ``answers`` or ``share``, by name."""

    not_counted: tuple[Reason, ...] = ()
    """Why other approvals do not count."""


Known = Facts | Findings
"""What conditions are evaluated against: facts, or findings alone."""


def as_facts(known: Known) -> Facts:
    """The facts; findings alone are facts without people, time and traffic."""
    return known if isinstance(known, Facts) else Facts(findings=known)

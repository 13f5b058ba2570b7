"""Conditions about people: who approved, as what, and how many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from soroi.base.reason import Reason
from soroi.rules.condition import Combinable, Holding
from soroi.rules.facts import ApprovalFact, Known, as_facts


@dataclass(frozen=True, slots=True)
class ApprovedBy(Combinable):
    """Holds when enough different people approved, in a role or as a kind of sign-off."""

    kind: str
    """The role that they hold, or the kind of sign-off that they gave: ``owner``, ``audit``, ``approver``…"""

    n: int = 1
    """How many different people."""

    not_author: bool = False
    """Whether the one who staged what is approved does not count."""

    signed: bool = False
    """Whether only that kind of sign-off counts, whatever role its giver has."""

    def evaluate(self, known: Known) -> Holding:
        """Whether enough did; the reasons name them, and those that do not count."""
        facts = as_facts(known)
        mine = [one for one in facts.approvals if self._is_mine(one)]
        alive = [one for one in mine if not _expired(one, facts.now)]
        people = dict.fromkeys(one.by for one in alive)
        author = facts.author if self.not_author else None
        counting = [who for who in people if who != author]
        because = [Reason("approval", f"{who} approved", who) for who in counting]
        if author in people:
            because.append(Reason("author", f"{author} staged it, and cannot approve their own work", author))
        holds = len(counting) >= self.n
        if not holds:
            because += [
                Reason("expired", f"the approval of {one.by} has expired", one.by) for one in mine if one not in alive
            ]
            because += facts.not_counted
        text = f"{len(counting)} of {self.n} approval{'s' if self.n != 1 else ''} by {self.kind}"
        facts_of = {} if holds else {"approve": self.kind}
        return Holding(holds, Reason("approval" if holds else "missing", text, self.kind, tuple(because), facts_of))

    def _is_mine(self, one: ApprovalFact) -> bool:
        return self.kind == one.kind or (not self.signed and self.kind in one.roles)

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        signed = {"signed": True} if self.signed else {}
        return {"approved_by": self.kind, "n": self.n, "not_author": self.not_author, **signed}


def approved_by(kind: str, n: int = 1, *, not_author: bool = False) -> ApprovedBy:
    """Holds when ``n`` different people approved, in a role or as a kind of sign-off.

    Args:
        kind: A role such as ``"approver"``, or a kind: ``"owner"``, ``"audit"``, ``"security"``, ``"ethics"``,
            ``"legal"``, ``"release"``.
        n: How many different people.
        not_author: Whether the one who staged the set does not count.

    Raises:
        ValueError: ``n`` is less than one.
    """
    if n < 1:
        raise ValueError(f"n={n}: at least one person must approve")
    return ApprovedBy(kind, n, not_author)


def _expired(one: ApprovalFact, now: Any) -> bool:
    return one.expires_at is not None and now is not None and now >= one.expires_at

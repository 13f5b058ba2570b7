"""What crosses from other projects: which version is used, which one they have now, whom to ask."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soroi.build.shares import Share, Shares
from soroi.build.status import NodeStatus
from soroi.declare.node import BETWEEN, NodeKind


@dataclass(frozen=True)
class Crossing:
    """One node of another project that this one uses."""

    node: str
    """Id of the node here."""

    kind: NodeKind
    """What it is."""

    project: str
    """Name of the other project."""

    used: str | None
    """The version that is used here: the staged one, else the live one, else the one taken over; by its id here."""

    now: str | None
    """The version that the other project has in production now, by its id here."""

    pinned: bool
    """Whether it is pinned, rather than following their production."""

    owner: str | None
    """Whom to ask there."""

    problem: str | None
    """What keeps it from being used; ``None`` when nothing does."""

    @property
    def differs(self) -> bool:
        """Whether the other project has another version in production than is used here."""
        return self.now is not None and self.now != self.used

    def __str__(self) -> str:
        how = "pinned" if self.pinned else "follows production"
        now = f"; production has {self.now}" if self.differs else ""
        owner = f"; ask {self.owner}" if self.owner else ""
        return f"{self.node} uses {self.used or 'nothing yet'} ({how}){now}{owner}"

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "node": self.node,
            "kind": self.kind.value,
            "project": self.project,
            "used": self.used,
            "now": self.now,
            "pinned": self.pinned,
            "owner": self.owner,
            "problem": self.problem,
        }


def crossings(shares: Shares, statuses: Mapping[str, NodeStatus]) -> tuple[Crossing, ...]:
    """What crosses into a project.

    Args:
        shares: What its nodes of other projects stand for.
        statuses: How each node stands.
    """
    return tuple(_crossing(share, statuses[share.spec.name]) for share in shares)


def _crossing(share: Share, status: NodeStatus) -> Crossing:
    return Crossing(
        node=share.spec.name,
        kind=status.kind,
        project=share.spec.project,
        used=status.version,
        now=None if share.now is None else f"{share.spec.project}{BETWEEN}{share.now}",
        pinned=share.spec.pin is not None,
        owner=share.group.owner if share.group else None,
        problem=share.problem.text if share.problem else None,
    )

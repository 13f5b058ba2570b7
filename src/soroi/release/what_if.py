"""The blast radius of a change that was not made yet: what would have to follow, whom it reaches, what it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soroi.base.display import Display, Shown
from soroi.build.status import NodeStatus
from soroi.build.work import build_edges
from soroi.declare.graph import Graph
from soroi.declare.node import NodeKind
from soroi.release.plan import Action


@dataclass(frozen=True)
class Affected:
    """One node that a change would reach."""

    node: str
    """Id of the node."""

    kind: NodeKind
    """What it is."""

    work: Action
    """The work it would need, unless an equal output stops the chain before it."""

    owner: str | None
    """Whom to tell."""

    live: bool
    """Whether production answers with it now."""

    seconds: float | None
    """How long its last build took."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "node": self.node,
            "kind": self.kind.value,
            "work": self.work.value,
            "owner": self.owner,
            "live": self.live,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, repr=False)
class WhatIf(Shown):
    """What would happen if a node changed."""

    node: str
    """The node that would change."""

    affected: tuple[Affected, ...]
    """It and everything it reaches, producers first."""

    def display(self) -> Display:
        """One row for each node that it would reach."""
        rows = [
            [one.node, one.kind.value, one.work.value, "live" if one.live else "", one.owner or ""]
            for one in self.affected
        ]
        return Display(f"If {self.node} changed", ("node", "kind", "would need", "", "owner"), rows)

    @property
    def decisions(self) -> tuple[str, ...]:
        """Ids of the decisions it reaches."""
        return tuple(one.node for one in self.affected if one.kind is NodeKind.DECISION)

    @property
    def owners(self) -> tuple[str, ...]:
        """Whom it concerns."""
        return tuple(sorted({one.owner for one in self.affected if one.owner is not None}))

    @property
    def seconds(self) -> float:
        """Time that all this work took when it was last done, one after the other."""
        return sum(one.seconds or 0.0 for one in self.affected if one.work.is_work)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "node": self.node,
            "affected": [one.to_dict() for one in self.affected],
            "decisions": list(self.decisions),
            "owners": list(self.owners),
            "seconds": self.seconds,
        }


def what_if(graph: Graph, statuses: Mapping[str, NodeStatus], node: str) -> WhatIf:
    """Settle what a change of one node would reach. Does no I/O, and changes nothing.

    Args:
        graph: The declarations.
        statuses: How each node stands.
        node: Id of the node that would change.

    Raises:
        UnknownNameError: There is no such node.
    """
    changed = {graph[node].name}
    rebuilt = set(changed)
    for name in graph.names:
        if any(edge.producer in rebuilt for edge in build_edges(graph[name])):
            rebuilt.add(name)
    affected = []
    for name in graph.sorted(graph.downstream(changed)):
        one = graph[name]
        work = Action.NOTHING
        if name in rebuilt:
            work = Action.REFIT if one.kind is NodeKind.THRESHOLD else Action.BUILD
        status = statuses.get(name)
        affected.append(
            Affected(
                name,
                one.kind,
                work,
                one.group.owner if one.group else None,
                status is not None and status.live is not None,
                status.seconds if status is not None else None,
            )
        )
    return WhatIf(node, tuple(affected))

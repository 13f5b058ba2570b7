"""Waivers: a person's signed word that a node may work with a version that it was not built against."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from soroi.base.digest import digest
from soroi.base.errors import RefusedError
from soroi.base.runtime import Runtime
from soroi.base.signing import sign
from soroi.build.claims import WAIVER, Claims
from soroi.build.reference import VersionIndex
from soroi.build.step import edge_step
from soroi.declare.graph import Graph
from soroi.release.roles import groups_of, require
from soroi.store import ClaimRecord, Store


@dataclass(frozen=True)
class Waived:
    """What was waived."""

    claims: tuple[ClaimRecord, ...]
    """One for each producer that the node was not built against."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "claims": [
                {"id": one.id, "node": one.node, "consumer": one.a, "producer": one.b, **one.evidence}
                for one in self.claims
            ]
        }


def waive(store: Store, graph: Graph, node: str, *, reason: str, runtime: Runtime) -> Waived:
    """Record that the staged version of a node may work with what is staged upstream of it.

    It holds for exactly these versions; another one on either side needs another waiver. Manifests that rely on it
    name it. Nothing is said about data that is too far apart: for that there is ``in_step=``.

    Args:
        store: The store.
        graph: The declarations.
        node: Id of the node.
        reason: Why this is right, for those who ask later.
        runtime: Clock and actor; the actor's key signs.

    Raises:
        UnknownNameError: There is no such node.
        RefusedError: No reason is given, nothing is staged for the node, or it is not behind.
        ForbiddenError: The actor may not.
    """
    graph[node]
    if not reason.strip():
        raise RefusedError("a waiver needs a reason", hint="--reason 'why these versions go together'")
    with store.catalogue.write() as tx:
        require(tx, runtime, "waive", groups=groups_of(graph, [node]))
        index = VersionIndex(tx)
        state = tx.staging.get()
        index.load(pick.version for name, pick in state.picks.items() if name in graph)
        picks = {name: index.head(pick.version) for name, pick in state.picks.items() if name in graph}
        if node not in picks:
            raise RefusedError(f"'{node}' has no version in staging", hint=f"soroi stage {node}")
        claims = Claims(tx.claims.all())
        consumer = picks[node]
        made: list[ClaimRecord] = []
        for edge in consumer.edges:
            picked = picks.get(edge.name)
            if picked is None or edge_step(consumer, index.head(edge.producer), picked, claims).reason is None:
                continue
            body = {"node": node, "consumer": consumer.id, "producer": picked.id, "reason": reason}
            signature = sign(runtime.actor, WAIVER, body)
            record = ClaimRecord(
                id=f"claim_{digest('claim', [WAIVER, consumer.id, picked.id, reason])[:16]}",
                kind=WAIVER,
                node=node,
                a=consumer.id,
                b=picked.id,
                evidence={"reason": reason, "built_against": edge.producer, "signature": signature.to_dict()},
                by=runtime.actor,
                at=runtime.clock.now(),
            )
            tx.claims.add(record)
            tx.events.append("claim.recorded", record.id, {"kind": WAIVER, **body}, record.by, record.at)
            made.append(record)
        if not made:
            raise RefusedError(
                f"'{node}' is not behind anything that is staged: there is nothing to waive",
                hint="soroi plan shows what is behind what",
            )
    return Waived(tuple(made))

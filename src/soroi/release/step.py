"""Whether a set of picked versions is in step: complete, each built against the others, on data close enough."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from soroi.base.reason import Reason
from soroi.build.claims import Claims
from soroi.build.reference import VersionIndex
from soroi.build.step import DataUse, allowed_spans, data_uses, edge_step
from soroi.declare.family import member
from soroi.declare.graph import Graph
from soroi.declare.node import BETWEEN, NodeKind, project_of
from soroi.store import VersionHead

ANSWERING = ("features", "model", "threshold", "decision")


@dataclass(frozen=True)
class StepReport:
    """What a set needs, has, and lacks."""

    needed: Mapping[str, VersionHead]
    """The picked version of each node that is needed to answer."""

    missing: tuple[Reason, ...]
    """Needed nodes without a pick."""

    behind: Mapping[str, tuple[Reason, ...]]
    """Nodes that are out of step, and why: whom each is behind."""

    data: Mapping[str, DataUse]
    """The versions of each source that the set rests on."""

    claims: tuple[str, ...]
    """Ids of the claims that it relies on."""

    @property
    def in_step(self) -> bool:
        """Whether the set may be sealed."""
        return not self.missing and not self.behind

    @property
    def reasons(self) -> tuple[Reason, ...]:
        """Everything that stands in the way."""
        return (*self.missing, *(reason for reasons in self.behind.values() for reason in reasons))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "in_step": self.in_step,
            "missing": [reason.to_dict() for reason in self.missing],
            "behind": {node: [reason.to_dict() for reason in reasons] for node, reasons in self.behind.items()},
        }


def check_step(graph: Graph, picks: Mapping[str, VersionHead], index: VersionIndex, claims: Claims) -> StepReport:
    """Judge a set.

    Args:
        graph: The declarations: which decisions there are, and how far apart data may be.
        picks: The picked version of each node.
        index: Access to version records.
        claims: The recorded claims.
    """
    index.facts(one.id for one in picks.values() if one.kind == "decision")  # all of them at once
    picks = {**_brought_along(picks, index), **picks}
    needed, missing = _needed(graph, picks, index)
    behind, used_claims = _behind_producers(needed, index, claims)
    rests = {
        node: [index.head(source) for source in index.sources(record.id)]
        for node, record in needed.items()
        if record.kind == "model"
    }
    data = data_uses(rests, allowed_spans(graph, (one for many in rests.values() for one in many), index))
    for use in data.values():
        for reason in use.behind():
            assert reason.subject is not None
            behind.setdefault(reason.subject, []).append(reason)
    _follow(needed, behind)
    ordered = {node: tuple(behind[node]) for node in needed if node in behind}
    return StepReport(needed, tuple(missing), ordered, data, tuple(sorted(used_claims)))


def _needed(
    graph: Graph, picks: Mapping[str, VersionHead], index: VersionIndex
) -> tuple[dict[str, VersionHead], list[Reason]]:
    """The picks that the declared decisions need to answer, producers first; and what has no pick."""
    found: dict[str, VersionHead] = {}
    missing: dict[str, Reason] = {}
    waiting = [(node.name, "the project") for node in graph.of_kind(NodeKind.DECISION)]
    if not waiting:
        return {}, [Reason("missing", "no decision is declared, so there is nothing to release")]
    while waiting:
        name, wanted_by = waiting.pop()
        if name in found or name in missing:
            continue
        record = picks.get(name)
        if record is None:
            text = f"'{name}' has no version in staging, and {wanted_by} needs it"
            missing[name] = Reason("missing", text, name)
        else:
            found[name] = record
            waiting += [(one, f"'{name}'") for one in _answering_producers(record, graph, picks, index)]
    ordered = graph.sorted({*found, *missing})
    undeclared = sorted(missing.keys() - set(ordered))
    theirs = _producers_first({name: one for name, one in found.items() if project_of(name) is not None})
    return (
        theirs | {name: found[name] for name in ordered if name in found},
        [missing[name] for name in (*ordered, *undeclared) if name in missing],
    )


def _answering_producers(
    record: VersionHead, graph: Graph, picks: Mapping[str, VersionHead], index: VersionIndex
) -> list[str]:
    if record.kind == "decision":
        return [name for step in index.facts([record.id])[record.id]["steps"] for name in _asked(step, graph, picks)]
    return [edge.name for edge in record.edges if _kind_of(edge.role) in ANSWERING]


def _asked(step: Mapping[str, Any], graph: Graph, picks: Mapping[str, VersionHead]) -> list[str]:
    """The thresholds that a step may ask: of a family those of all parts, but a part may fall back to its parent."""
    family = graph.families.get(step["threshold"])
    if family is None:
        return [step["threshold"]]
    parent = None if family.parent is None else member(family.name, family.parent)
    return [one for one in family.members if parent is None or one in picks or one == parent]


def _kind_of(role: str) -> str:
    return {"uses feature": "features", "scores with": "model", "cuts": "model", "sure by": "threshold"}.get(role, "")


def _behind_producers(
    needed: Mapping[str, VersionHead], index: VersionIndex, claims: Claims
) -> tuple[dict[str, list[Reason]], set[str]]:
    behind: dict[str, list[Reason]] = {}
    relied: set[str] = set()
    for node, record in needed.items():
        for edge in record.edges:
            picked = needed.get(edge.name)
            if picked is None:
                continue
            step = edge_step(record, index.head(edge.producer), picked, claims)
            if step.reason is not None:
                behind.setdefault(node, []).append(step.reason)
            if step.claim is not None:
                relied.add(step.claim.id)
    return behind, relied


def _follow(needed: Mapping[str, VersionHead], behind: dict[str, list[Reason]]) -> None:
    """What was built against a node that is behind will have to follow it."""
    for node, record in needed.items():
        for edge in record.edges:
            if edge.name in behind and edge.name in needed:
                text = f"{node} must follow {edge.name}, which is behind"
                reason = Reason("upstream", text, node, because=tuple(behind[edge.name]))
                behind.setdefault(node, []).append(reason)


def _brought_along(picks: Mapping[str, VersionHead], index: VersionIndex) -> dict[str, VersionHead]:
    """What the picks need of other projects and this one does not name itself: a model there brings its features.

    Nobody picks these. Each is the version that its consumers were built against; where they differ, the newest.
    """
    found: dict[str, VersionHead] = {}
    waiting, seen = list(picks.values()), set[str]()
    while waiting:
        for edge in waiting.pop().edges:
            if BETWEEN not in edge.name or project_of(edge.name) is None or edge.producer in seen:
                continue
            seen.add(edge.producer)
            head = index.head(edge.producer)
            if head.kind not in ANSWERING:
                continue
            waiting.append(head)
            known = found.get(head.node)
            if head.node not in picks and (known is None or (known.at, known.id) < (head.at, head.id)):
                found[head.node] = head
    return found


def _producers_first(heads: Mapping[str, VersionHead]) -> dict[str, VersionHead]:
    ordered: dict[str, VersionHead] = {}
    waiting = sorted(heads, reverse=True)
    while waiting:
        name = waiting[-1]
        above = sorted({edge.name for edge in heads[name].edges if edge.name in heads} - ordered.keys())
        if above:
            waiting.extend(above)
        else:
            waiting.pop()
            ordered[name] = heads[name]
    return ordered

"""The plan of work: which nodes a run visits, and from where each takes what it rests on. Pure data."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from soroi.base.digest import digest
from soroi.build.request import BuildRequest
from soroi.declare.edge import Edge, Role
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.declare.node import Node, NodeKind
from soroi.store import VersionHead, VersionRecord


@dataclass(frozen=True)
class WorkPlan:
    """The nodes a run visits, in order, and the versions it takes as they are."""

    scope: tuple[str, ...]
    """Ids of the nodes to visit, producers before consumers. A visited node whose inputs did not change is reused."""

    taken: Mapping[str, str]
    """Ids of the versions taken from elsewhere, by node."""

    wanted: frozenset[str]
    """Ids of the nodes that were asked for."""


def build_edges(node: Node) -> list[Edge]:
    """The edges that a build of a node needs a version for: all but those that a manifest settles."""
    return [edge for edge in node.edges if edge.role.is_fitted]


def plan_work(
    graph: Graph,
    request: BuildRequest,
    find: Callable[[str], VersionHead | None],
    named: Mapping[str, str],
) -> WorkPlan:
    """Settle which nodes a run visits.

    These are the nodes asked for, what lies between them (and between the versions that the caller named and them),
    what is nowhere and so must be built first, and, when the sources are looked at again, everything from the sources
    to the nodes asked for.

    Args:
        graph: The declarations.
        request: What was asked.
        find: The version that staging or production offers for a node, or ``None``.
        named: Ids of the versions that the caller named, by node.
    """
    wanted = set(request.nodes) or set(graph.names)
    scope = set(wanted)
    if request.upstream:
        scope |= _build_closure(graph, wanted)
    elif request.refresh or request.as_of is not None:
        scope |= _data_closure(graph, wanted)
    scope = (scope | _between(graph, wanted, set(named))) - set(named)
    taken: dict[str, str] = dict(named)
    for name in reversed(graph.names):
        if name in scope:
            _take_inputs(graph[name], scope, taken, find)
    return WorkPlan(tuple(graph.sorted(scope)), {n: v for n, v in taken.items() if n not in scope}, frozenset(wanted))


def _take_inputs(
    node: Node,
    scope: set[str],
    taken: dict[str, str],
    find: Callable[[str], VersionHead | None],
) -> None:
    for edge in build_edges(node):
        if edge.producer in scope or edge.producer in taken:
            continue
        offered = find(edge.producer)
        if offered is None:
            scope.add(edge.producer)
        else:
            taken[edge.producer] = offered.id


def _build_closure(graph: Graph, names: set[str]) -> set[str]:
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        one = waiting.pop()
        if one not in seen:
            seen.add(one)
            waiting.extend(edge.producer for edge in build_edges(graph[one]))
    return seen


def _data_closure(graph: Graph, names: set[str]) -> set[str]:
    """The sources, features and datasets upstream of the names, up to the nearest models."""
    seen: set[str] = set()
    waiting = list(names)
    while waiting:
        one = waiting.pop()
        for edge in build_edges(graph[one]):
            if graph[edge.producer].kind.makes_table and edge.producer not in seen:
                seen.add(edge.producer)
                waiting.append(edge.producer)
    return seen


def _between(graph: Graph, wanted: set[str], named: set[str]) -> set[str]:
    """Every node on a way from a node wanted, or from one whose version the caller named, to a node wanted."""
    below: set[str] = set()
    for name in graph.names:
        producers = {edge.producer for edge in build_edges(graph[name])}
        if producers & (below | wanted | named):
            below.add(name)
    return below & _build_closure(graph, wanted)


def recipe(
    node: Node, fingerprint: Fingerprint, overrides: Mapping[str, Any], inputs: Mapping[str, VersionRecord]
) -> str:
    """Digest of what a node is built from: its behaviour, its parameters, and the output of what it rests on.

    Two builds of one recipe give one result, so the second is not run. It goes by outputs, so that a producer that
    was built again with an equal output changes nothing.

    Args:
        node: The node.
        fingerprint: Its fingerprint as declared.
        overrides: Hyper-parameters that the caller named.
        inputs: The version taken for each producer.
    """
    made = fingerprint.with_parameters(overrides)
    upstream = {
        f"{edge.role.value}:{edge.producer}": inputs[edge.producer].output
        for edge in build_edges(node)
        if not (node.kind is NodeKind.MODEL and edge.role is Role.USES_FEATURE)
    }
    body: dict[str, Any] = {"node": node.name, "behaviour": made.behaviour, "upstream": upstream}
    if node.kind is NodeKind.MODEL:
        body["features"] = _origins(node, inputs)
    return digest("recipe", body)


def _origins(node: Node, inputs: Mapping[str, VersionRecord]) -> dict[str, str]:
    """Which features each column of a model's dataset comes from: these are computed when it answers.

    Another node may give an equal output, as when own features replace those of another project.
    """
    named = {edge.producer for edge in node.edges if edge.role is Role.USES_FEATURE}
    data = [inputs[edge.producer] for edge in node.edges if edge.role is Role.TRAINS_ON]
    origins = (item for one in data for item in one.facts.get("features", {}).items())
    return {column: origin for column, origin in origins if not named or origin in named}

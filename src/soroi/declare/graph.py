"""The graph of a project's nodes: resolved, checked, ordered."""

from __future__ import annotations

import dataclasses
import graphlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from soroi.base.errors import DeclarationError, UnknownNameError, did_you_mean
from soroi.declare.declaration import Declaration, Use, declaration_of
from soroi.declare.edge import Edge, Role
from soroi.declare.node import Access, Node, NodeId, NodeKind

_ROLES: dict[tuple[NodeKind, NodeKind], Role] = {
    (NodeKind.FEATURES, NodeKind.SOURCE): Role.READS,
    (NodeKind.DATASET, NodeKind.SOURCE): Role.READS,
    (NodeKind.DATASET, NodeKind.FEATURES): Role.USES_FEATURE,
    (NodeKind.MODEL, NodeKind.DATASET): Role.TRAINS_ON,
    (NodeKind.MODEL, NodeKind.FEATURES): Role.USES_FEATURE,
    (NodeKind.MODEL, NodeKind.MODEL): Role.SCORES_WITH,
    (NodeKind.THRESHOLD, NodeKind.MODEL): Role.CUTS,
    (NodeKind.DECISION, NodeKind.THRESHOLD): Role.ANSWERS_WITH,
}
_MAY: dict[NodeKind, str] = {
    NodeKind.SOURCE: "nothing",
    NodeKind.FEATURES: "sources",
    NodeKind.DATASET: "features and sources",
    NodeKind.MODEL: "one dataset, features and models",
    NodeKind.THRESHOLD: "one model",
    NodeKind.DECISION: "thresholds",
}


class Graph:
    """All nodes of a project, checked: names known, kinds fitting, no cycle."""

    def __init__(self, nodes: Mapping[str, Node]) -> None:
        self._nodes = dict(nodes)
        self._order = _ordered(self._nodes)
        self._consumers: dict[str, list[str]] = {name: [] for name in self._nodes}
        for name in self._order:
            for edge in self._nodes[name].edges:
                self._consumers[edge.producer].append(name)

    def __len__(self) -> int:
        return len(self._nodes)

    def __contains__(self, name: str) -> bool:
        return name in self._nodes

    def __iter__(self) -> Iterator[Node]:
        """The nodes, producers before consumers."""
        return (self._nodes[name] for name in self._order)

    def __getitem__(self, name: str) -> Node:
        """A node by id.

        Raises:
            UnknownNameError: No node has that id.
        """
        if name not in self._nodes:
            raise UnknownNameError(f"no node is called '{name}'", hint=did_you_mean(name, self._nodes))
        return self._nodes[name]

    @property
    def names(self) -> list[str]:
        """Ids of all nodes, producers before consumers."""
        return list(self._order)

    def of_kind(self, kind: NodeKind) -> list[Node]:
        """The nodes of one kind, producers before consumers."""
        return [node for node in self if node.kind is kind]

    def consumers(self, name: str) -> list[str]:
        """Ids of the nodes that depend directly on one."""
        return sorted(set(self._consumers[self[name].name]))

    def upstream(self, names: Iterable[str]) -> set[str]:
        """Ids of the nodes and of all that they rest on."""
        return self._closure(names, lambda one: [edge.producer for edge in self[one].edges])

    def downstream(self, names: Iterable[str]) -> set[str]:
        """Ids of the nodes and of all that rest on them."""
        return self._closure(names, self.consumers)

    def sorted(self, names: Iterable[str]) -> list[str]:
        """The ids, producers before consumers."""
        wanted = set(names)
        return [name for name in self._order if name in wanted]

    def _closure(self, names: Iterable[str], step: Any) -> set[str]:
        seen: set[str] = set()
        waiting = list(names)
        while waiting:
            one = waiting.pop()
            if one not in seen:
                seen.add(one)
                waiting.extend(step(one))
        return seen


def build_graph(declarations: Iterable[Declaration]) -> Graph:
    """Resolve declarations into a graph.

    Raises:
        DeclarationError: A name is missing, twice there or unknown; kinds do not fit; there is a cycle; a node
            is used where its access does not allow it. Names the place and the remedy.
    """
    named = _by_name(declarations)
    nodes = {name: _resolve(name, declared, named) for name, declared in named.items()}
    nodes |= {name: _in_models_group(node, nodes) for name, node in nodes.items() if node.kind is NodeKind.THRESHOLD}
    for node in nodes.values():
        _check_inputs(node)
        _check_access(node, nodes)
        _check_scores(node, nodes)
    return Graph(nodes)


def _by_name(declarations: Iterable[Declaration]) -> dict[str, Declaration]:
    named: dict[str, Declaration] = {}
    for declared in declarations:
        if declared.name is None:
            raise DeclarationError(
                f"a {declared.kind} has no name",
                hint="assign it to a variable of the module, or pass name=",
                where=declared.where,
            )
        other = named.get(declared.name)
        if other is not None and other is not declared:
            raise DeclarationError(
                f"two nodes are called '{declared.name}': {other.kind} at {other.where} and "
                f"{declared.kind} at {declared.where}",
                hint="rename one of them",
                where=declared.where,
            )
        named[declared.name] = declared
    return named


def _resolve(name: str, declared: Declaration, named: Mapping[str, Declaration]) -> Node:
    def reference(target: Any) -> str:
        return _target_name(target, declared, named)

    edges = tuple(_edge(declared, use, reference(use.target), named) for use in declared.uses)
    return Node(
        id=NodeId(name),
        kind=declared.kind,
        spec=declared.make_spec(reference),
        edges=edges,
        function=declared.function,
        where=declared.where,
        group=declared.group,
        access=declared.access,
        doc=declared.doc,
        parameters=declared.parameters,
        deprecation=declared.deprecation,
    )


def _in_models_group(node: Node, nodes: Mapping[str, Node]) -> Node:
    """A threshold that names no group is of the group of its model."""
    return node if node.group else dataclasses.replace(node, group=nodes[node.edges[0].producer].group)


def _target_name(target: Any, consumer: Declaration, named: Mapping[str, Declaration]) -> str:
    if isinstance(target, str):
        if target not in named:
            raise DeclarationError(
                f"{consumer.kind} '{consumer.name}' depends on '{target}', and no node is called that",
                hint=did_you_mean(target, named),
                where=consumer.where,
            )
        return target
    declared = declaration_of(target)
    if declared is None:
        shown = getattr(target, "__name__", repr(target))
        raise DeclarationError(
            f"{consumer.kind} '{consumer.name}' depends on {shown}, which is not declared",
            hint="put a decorator such as @so.source(...) or @so.features(...) on it, or name a node",
            where=consumer.where,
        )
    if declared.name is None or named.get(declared.name) is not declared:
        raise DeclarationError(
            f"{consumer.kind} '{consumer.name}' depends on a {declared.kind} that no variable of the project names",
            hint="assign it to a variable of the module, or pass name=",
            where=declared.where,
        )
    return declared.name


def _edge(consumer: Declaration, use: Use, producer: str, named: Mapping[str, Declaration]) -> Edge:
    kind = named[producer].kind
    natural = _ROLES.get((consumer.kind, kind))
    role = use.role or natural
    if natural is None or (role is not natural and role is not Role.SURE_BY):
        raise DeclarationError(
            f"{consumer.kind} '{consumer.name}' cannot depend on {kind} '{producer}'"
            + (f" as what it {role}" if use.role else ""),
            hint=f"a {consumer.kind} depends on {_MAY[consumer.kind]}",
            where=consumer.where,
        )
    return Edge(natural if role is None else role, producer, dict(use.options))


def _check_inputs(node: Node) -> None:
    seen: set[tuple[Role, str]] = set()
    for edge in node.edges:
        if (edge.role, edge.producer) in seen:
            raise DeclarationError(
                f"{node.label} names '{edge.producer}' twice", hint="name each input once", where=node.where
            )
        seen.add((edge.role, edge.producer))


def _check_access(node: Node, nodes: Mapping[str, Node]) -> None:
    for edge in node.edges:
        producer = nodes[edge.producer]
        if producer.access is Access.PRIVATE and producer.group != node.group:
            theirs = producer.group.name if producer.group else "no group"
            ours = node.group.name if node.group else "no group"
            owner = f"; ask {producer.group.owner}" if producer.group else ""
            raise DeclarationError(
                f"{node.label} ({ours}) may not use {producer.label} ({theirs}): it is private to its group",
                hint=f"make it access='protected', or move one of them to the other's group{owner}",
                where=node.where,
            )


def _check_scores(node: Node, nodes: Mapping[str, Node]) -> None:
    for edge in node.edges:
        if edge.role is Role.SCORES_WITH and not nodes[edge.producer].spec.out_of_fold:
            raise DeclarationError(
                f"{node.label} learns from the score of '{edge.producer}', which is too good on the rows that "
                f"'{edge.producer}' itself learned from",
                hint=f"declare out_of_fold=3 on '{edge.producer}', so that its training rows get honest scores",
                where=node.where,
            )


def _ordered(nodes: Mapping[str, Node]) -> list[str]:
    sorter: graphlib.TopologicalSorter[str] = graphlib.TopologicalSorter()
    for name, node in nodes.items():
        sorter.add(name, *(edge.producer for edge in node.edges))
    try:
        sorter.prepare()
    except graphlib.CycleError as error:
        circle = list(reversed(error.args[1]))
        raise DeclarationError(
            "the declarations go round in a circle: " + " → ".join(circle),
            hint="a node cannot rest on itself; break the circle at one of these",
            where=nodes[circle[0]].where,
        ) from None
    order: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        order.extend(ready)
        sorter.done(*ready)
    return order

"""Declarations resolved into a graph: names, kinds, parts and access checked, each fault with its place and remedy."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from soroi.base.errors import DeclarationError, did_you_mean
from soroi.declare.declaration import Declaration, Use, declaration_of
from soroi.declare.edge import Edge, Role
from soroi.declare.family import Family, Parts, families, member
from soroi.declare.graph import Graph
from soroi.declare.node import Access, Node, NodeId, NodeKind
from soroi.declare.spec import CascadeStep, ModelSpec

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


def no_parts(dataset: str, column: str) -> Sequence[str]:
    """The parts of open families when no dataset was built yet: none."""
    del dataset, column
    return ()


def build_graph(declarations: Iterable[Declaration], parts: Parts = no_parts) -> Graph:
    """Resolve declarations into a graph.

    Args:
        declarations: The declarations.
        parts: Gives the parts of families that do not declare them.

    Raises:
        DeclarationError: A name is missing, twice there or unknown; kinds do not fit; there is a cycle; a node
            is used where its access does not allow it. Names the place and the remedy.
    """
    named = _by_name(declarations)
    found = families(named, lambda target, declared: _target_name(target, declared, named), parts)
    nodes: dict[str, Node] = {}
    for name, declared in named.items():
        for node in _resolve(name, declared, named, found):
            nodes[node.name] = node
    nodes |= {name: _in_models_group(node, nodes) for name, node in nodes.items() if node.kind is NodeKind.THRESHOLD}
    for node in nodes.values():
        _check_inputs(node)
        _check_access(node, nodes)
        _check_scores(node, nodes)
    graph = Graph(nodes, found)
    for node in graph:
        _check_scores_below(node, graph)
    return graph


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
        if other is not None and other.means(declared):
            continue
        if other is not None:
            raise DeclarationError(
                f"two nodes are called '{declared.name}': {other.kind} at {other.where} and "
                f"{declared.kind} at {declared.where}",
                hint="rename one of them",
                where=declared.where,
            )
        named[declared.name] = declared
    return named


def _resolve(
    name: str, declared: Declaration, named: Mapping[str, Declaration], found: Mapping[str, Family]
) -> Iterator[Node]:
    """The node of a declaration, or the siblings of a family."""

    def reference(target: Any) -> str:
        return _target_name(target, declared, named)

    spec = declared.make_spec(reference)
    edges = [_edge(declared, use, reference(use.target), named) for use in declared.uses]
    family = found.get(name)
    if declared.kind is NodeKind.DECISION:
        spec = dataclasses.replace(spec, cascade=tuple(_routed(step, found) for step in spec.cascade))
    for part in (None,) if family is None else family.parts:
        yield Node(
            id=NodeId(name, part),
            kind=declared.kind,
            spec=_spec_of_part(spec, family, part),
            edges=tuple(one for edge in edges for one in _edges_of_part(declared, edge, family, part, found)),
            function=declared.function,
            where=declared.where,
            group=declared.group,
            access=declared.access,
            doc=declared.doc,
            parameters=declared.parameters,
            deprecation=declared.deprecation,
        )


def _routed(step: CascadeStep, found: Mapping[str, Family]) -> CascadeStep:
    family = found.get(step.threshold)
    return step if family is None else dataclasses.replace(step, per=family.per, parent=family.parent)


def _spec_of_part(spec: Any, family: Family | None, part: str | None) -> Any:
    if family is None or not isinstance(spec, ModelSpec):
        return spec
    return dataclasses.replace(spec, per=family.per, part=None if part == family.parent else part)


def _edges_of_part(
    declared: Declaration, edge: Edge, family: Family | None, part: str | None, found: Mapping[str, Family]
) -> list[Edge]:
    """An edge of one sibling: to the sibling of the same part, where the producer is a family too."""
    above = found.get(edge.producer)
    if above is None:
        return [edge]
    if declared.kind is NodeKind.DECISION:
        options = {"family": above.name}
        return [dataclasses.replace(edge, producer=one, options=options) for one in above.members]
    if family is None or part not in above.parts:
        raise DeclarationError(
            f"{declared.kind} '{declared.name}' depends on '{above.name}', which is a family of one node per "
            f"'{above.per}'",
            hint=f"make '{declared.name}' a family with the same per= and parts=",
            where=declared.where,
        )
    return [dataclasses.replace(edge, producer=member(above.name, str(part)))]


def _in_models_group(node: Node, nodes: Mapping[str, Node]) -> Node:
    """A threshold that names no group is of the group of its model."""
    if node.group or node.shared is not None:
        return node
    return dataclasses.replace(node, group=nodes[node.edges[0].producer].group)


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
    known = named.get(declared.name) if declared.name is not None else None
    if known is None or not known.means(declared):
        raise DeclarationError(
            f"{consumer.kind} '{consumer.name}' depends on a {declared.kind} that no variable of the project names",
            hint="assign it to a variable of the module, or pass name=",
            where=declared.where,
        )
    return str(declared.name)


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
        producer = nodes[edge.producer]
        if edge.role is not Role.SCORES_WITH or producer.shared is not None:  # of a shared one, its version tells
            continue
        if not producer.spec.out_of_fold:
            raise DeclarationError(
                f"{node.label} learns from the score of '{edge.producer}', which is too good on the rows that "
                f"'{edge.producer}' itself learned from",
                hint=f"declare out_of_fold=3 on '{edge.producer}', so that its training rows get honest scores",
                where=node.where,
            )


def _check_scores_below(node: Node, graph: Graph) -> None:
    """A model must name every model whose score it needs, also those below the ones that it takes the score of."""
    named = _scored(node)
    for name in named:
        lacking = [one for one in _scored(graph[name]) if one not in named]
        if lacking:
            whose = " and ".join(f"'{one}'" for one in lacking)
            raise DeclarationError(
                f"{node.label} takes the score of '{name}', which itself takes the score of {whose}: "
                f"{node.label} must take {'it' if len(lacking) == 1 else 'them'} as well",
                hint=f"write scores=[{', '.join(graph.sorted(_with_below(named, graph)))}]",
                where=node.where,
            )


def _with_below(names: Iterable[str], graph: Graph) -> set[str]:
    found: set[str] = set()
    waiting = list(names)
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += _scored(graph[one])
    return found


def _scored(node: Node) -> list[str]:
    return [edge.producer for edge in node.edges if edge.role is Role.SCORES_WITH]

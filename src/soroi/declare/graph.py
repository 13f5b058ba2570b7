"""The graph of a project's nodes: resolved, checked, ordered."""

from __future__ import annotations

import graphlib
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from soroi.base.errors import DeclarationError, UnknownNameError, did_you_mean
from soroi.declare.family import Family
from soroi.declare.gate import EnvironmentSpec
from soroi.declare.node import BETWEEN, Node, NodeKind


class Graph:
    """All nodes of a project, checked: names known, kinds fitting, no cycle.

    Args:
        nodes: The nodes, by id.
        families: The families, by name; their members are nodes.
        is_ordered: Whether the nodes are known to stand producers before consumers.
    """

    drawn: Callable[[Graph], Any] | None = None
    """Draws it for notebooks; set by what opens the project."""

    def __init__(
        self, nodes: Mapping[str, Node], families: Mapping[str, Family] | None = None, *, is_ordered: bool = False
    ) -> None:
        self._nodes = dict(nodes)
        self.families: Mapping[str, Family] = dict(families or {})
        """The families, by name; their members are nodes."""
        self.environments: Mapping[str, EnvironmentSpec] = {}
        """What environments ask for, by name, as the project declares it."""
        self._order = list(self._nodes) if is_ordered else _ordered(self._nodes)
        self._consumers: dict[str, list[str]] = {name: [] for name in self._nodes}
        for name in self._order:
            for edge in self._nodes[name].edges:
                self._consumers[edge.producer].append(name)

    def __repr__(self) -> str:
        return f"<Graph of {len(self)} nodes: {', '.join(self._order[:8])}{' …' if len(self) > 8 else ''}>"

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        if self.drawn is None:
            return {"text/plain": repr(self)}
        bundle: dict[str, Any] = self.drawn(self)._repr_mimebundle_(include, exclude)
        return bundle

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
            if name in self.families:
                raise UnknownNameError(
                    f"'{name}' is a family of {len(self.families[name].members)} nodes",
                    hint=f"name one of them: {', '.join(self.families[name].members[:5])} …",
                )
            known = [*(one for one in self._nodes if "[" not in one or "[" in name), *self.families]
            raise UnknownNameError(f"no node is called '{name}'", hint=did_you_mean(name, known))
        return self._nodes[name]

    def with_nodes(self, nodes: Mapping[str, Node]) -> Graph:
        """The same graph with some nodes in place of those of the same id and the same edges."""
        other = Graph.__new__(Graph)
        other.__dict__.update(self.__dict__, _nodes={**self._nodes, **nodes})
        return other

    @property
    def shared(self) -> list[Node]:
        """The nodes of other projects."""
        nodes = (self._nodes[name] for name in self._order if BETWEEN in name)
        return [node for node in nodes if node.shared is not None]

    @property
    def names(self) -> list[str]:
        """Ids of all nodes, producers before consumers."""
        return list(self._order)

    def expand(self, names: Iterable[str]) -> list[str]:
        """Ids of nodes, with the name of a family standing for all its members.

        Raises:
            UnknownNameError: A name is neither a node nor a family.
        """
        found: list[str] = []
        for name in names:
            family = self.families.get(name)
            found += family.members if family is not None else [self[name].name]
        return found

    def contract(self, names: Iterable[str]) -> list[str]:
        """The same nodes in fewer words: the name of a family where all its members are among them."""
        wanted = list(names)
        whole = {
            name: family.name
            for family in self.families.values()
            if len(family.members) > 1 and set(family.members) <= set(wanted)
            for name in family.members
        }
        return list(dict.fromkeys(whole.get(name, name) for name in wanted))

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

    def reached(self, kind: NodeKind) -> Mapping[str, tuple[str, ...]]:
        """For each node, ids of the nodes of one kind among itself and all that rest on it; read when asked for."""
        wanted = [node.name for node in self.of_kind(kind)]
        bit = {name: 1 << at for at, name in enumerate(wanted)}
        masks: dict[str, int] = {}
        for name in reversed(self._order):
            mask = bit.get(name, 0)
            for consumer in self._consumers[name]:
                mask |= masks[consumer]
            masks[name] = mask
        return _Reached(masks, wanted)

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


class _Reached(dict[str, tuple[str, ...]]):
    """Sets of nodes kept as bits until they are read: in a large graph each node may reach thousands."""

    def __init__(self, masks: Mapping[str, int], names: list[str]) -> None:
        super().__init__()
        self._masks = masks
        self._names = names

    def __missing__(self, name: str) -> tuple[str, ...]:
        mask, at, found = self._masks[name], 0, []
        while mask:
            step = (mask & -mask).bit_length()
            at += step
            found.append(self._names[at - 1])
            mask >>= step
        self[name] = tuple(found)
        return self[name]

"""What is drawn: nodes with kind, status and group, edges with roles, and which of them are highlighted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from soroi.declare.graph import Graph


@dataclass(frozen=True, slots=True)
class Box:
    """One node of the drawing."""

    name: str
    """Id of the node."""

    kind: str
    """Kind of the node."""

    state: str | None
    """Its status, or ``None`` when it is not shown."""

    group: str | None
    """The team it belongs to."""

    lit: bool
    """Whether it is highlighted: the node asked for, or one that it reaches."""


@dataclass(frozen=True, slots=True)
class Arrow:
    """One edge of the drawing."""

    start: str
    """Id of the producer."""

    end: str
    """Id of the consumer."""

    role: str
    """Why the consumer depends on the producer."""

    lit: bool
    """Whether both its ends are highlighted."""


@dataclass(frozen=True, slots=True)
class Scene:
    """Everything a drawing shows, producers before consumers."""

    boxes: tuple[Box, ...]
    """The nodes."""

    arrows: tuple[Arrow, ...]
    """The edges."""

    focus: str | None = None
    """The node whose impact is highlighted."""

    def layers(self) -> list[list[str]]:
        """Ids of the nodes in layers: each one below everything it depends on, few crossings."""
        above: dict[str, list[str]] = {box.name: [] for box in self.boxes}
        for arrow in self.arrows:
            above[arrow.end].append(arrow.start)
        depth: dict[str, int] = {}
        for box in self.boxes:
            depth[box.name] = 1 + max((depth[one] for one in above[box.name]), default=-1)
        layers: list[list[str]] = [[] for _ in range(1 + max(depth.values(), default=-1))]
        for name, level in depth.items():
            layers[level].append(name)
        return _uncrossed(layers, above)


@dataclass(frozen=True, slots=True)
class Routes:
    """Layers in which arrows over several layers have places of their own, so that they pass between the boxes."""

    layers: list[list[str]]
    """Ids of the nodes, and names of the places that arrows pass, layer by layer."""

    ways: Mapping[tuple[str, str], list[str]]
    """The places that an arrow passes, by its ends; only for arrows that pass any."""


def routes(scene: Scene) -> Routes:
    """Give each arrow that skips layers a place in every layer between. Arrows of one start share them.

    Args:
        scene: What is to be drawn.
    """
    layers = [list(layer) for layer in scene.layers()]
    level = {name: at for at, layer in enumerate(layers) for name in layer}
    above: dict[str, list[str]] = {name: [] for name in level}
    ways: dict[tuple[str, str], list[str]] = {}
    for arrow in scene.arrows:
        way = [f"{arrow.start} → {at}" for at in range(level[arrow.start] + 1, level[arrow.end])]
        last = arrow.start
        for at, place in enumerate(way, level[arrow.start] + 1):
            if place not in above:
                above[place] = [last]
                layers[at].append(place)
            last = place
        above[arrow.end].append(last)
        if way:
            ways[arrow.start, arrow.end] = way
    return Routes(_uncrossed(layers, above), ways)


def make_scene(
    graph: Graph, states: Mapping[str, str] | None = None, focus: str | None = None, only_impact: bool = False
) -> Scene:
    """Gather what is to be drawn.

    Args:
        graph: The declarations.
        states: Status of each node, by id; ``None``: not shown.
        focus: Id of a node whose impact is highlighted.
        only_impact: Leave out what the focus neither rests on nor reaches.

    Raises:
        UnknownNameError: There is no such node.
    """
    reached = graph.downstream([graph[focus].name]) if focus else set()
    shown = set(graph.names)
    if focus and only_impact:
        shown = reached | graph.upstream([focus])
    boxes = tuple(
        Box(
            node.name,
            node.kind.value,
            (states or {}).get(node.name),
            node.group.name if node.group else None,
            node.name in reached,
        )
        for node in graph
        if node.name in shown
    )
    arrows = tuple(
        Arrow(edge.producer, node.name, edge.role.value, edge.producer in reached and node.name in reached)
        for node in graph
        for edge in node.edges
        if node.name in shown and edge.producer in shown
    )
    return Scene(boxes, arrows, focus)


def _uncrossed(layers: list[list[str]], above: Mapping[str, list[str]]) -> list[list[str]]:
    """Order each layer by the mean place of its neighbours, down and up a few times (Sugiyama et al. 1981)."""
    below: dict[str, list[str]] = {name: [] for name in above}
    for name, producers in above.items():
        for one in producers:
            below[one].append(name)
    for neighbours in (above, below, above, below, above):
        place = {name: at / max(1, len(layer)) for layer in layers for at, name in enumerate(layer)}
        for layer in layers:
            layer.sort(key=lambda name: (_mean([place[one] for one in neighbours[name]], place[name]), name))
    return layers


def _mean(values: list[float], default: float) -> float:
    return sum(values) / len(values) if values else default

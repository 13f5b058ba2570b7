"""Drawings: every node once, every edge, in every form; the impact of a node highlighted."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from pathlib import Path

import pytest
from tests.projects import CODE

from soroi.base.errors import UnknownNameError
from soroi.codebase import load
from soroi.declare.graph import Graph
from soroi.drawing import make_scene, to_dot, to_mermaid, to_svg, to_text

SVG = "{http://www.w3.org/2000/svg}"


@pytest.fixture
def graph(tmp_path: Path) -> Graph:
    (tmp_path / "tiny.py").write_text(CODE)
    return load(tmp_path, "tiny").graph


def test_layers_put_every_node_below_all_that_it_rests_on(graph: Graph) -> None:
    layers = make_scene(graph).layers()
    depth = {name: level for level, layer in enumerate(layers) for name in layer}
    assert set(depth) == set(graph.names)
    assert all(depth[edge.producer] < depth[node.name] for node in graph for edge in node.edges)


def test_the_svg_is_well_formed_and_shows_every_node_and_edge(graph: Graph) -> None:
    states = dict.fromkeys(graph.names, "fresh") | {"quick": "stale", "second": "unknown", "other": "missing"}
    root = ET.fromstring(to_svg(make_scene(graph, states, focus="careful")))
    titles = [title.text or "" for title in root.iter(f"{SVG}title")]
    assert {f"{node.name}: {node.kind.value}" for node in graph} <= {one.split(" ·")[0] for one in titles}
    assert len(list(root.iter(f"{SVG}path"))) == 1 + sum(len(node.edges) for node in graph)


def test_names_that_mean_something_to_a_format_are_written_safely(graph: Graph) -> None:
    scene = make_scene(graph, dict.fromkeys(graph.names, "fresh"))
    assert to_mermaid(scene).startswith("flowchart LR")
    assert to_dot(scene).count("->") == len(scene.arrows)
    assert 'subgraph "cluster_' in to_dot(scene)
    assert "subgraph g" in to_mermaid(scene)


def test_the_text_tells_each_node_once_and_names_it_again_with_a_mark(graph: Graph) -> None:
    text = to_text(make_scene(graph))
    assert text.splitlines()[0].startswith("check (decision)")
    opened = [line for line in text.splitlines() if "careful (model)" in line]
    assert len(opened) == 2
    assert opened[1].endswith("↑")


def test_the_impact_of_a_node_is_highlighted_and_the_rest_can_be_left_out(graph: Graph) -> None:
    lit = {box.name for box in make_scene(graph, focus="careful").boxes if box.lit}
    assert lit == {"careful", "careful_cut", "second", "second_cut", "check", "other"}
    shown = {box.name for box in make_scene(graph, focus="careful", only_impact=True).boxes}
    assert "quick" not in shown
    assert {"items", "examples"} <= shown
    with pytest.raises(UnknownNameError):
        make_scene(graph, focus="nobody")


def test_a_graph_without_nodes_is_drawn_as_nothing() -> None:
    scene = make_scene(Graph({}))
    assert to_text(scene) == ""
    ET.fromstring(to_svg(scene))


def test_an_arrow_over_several_layers_passes_between_the_boxes(graph: Graph) -> None:
    """Along every arrow, no point lies inside a box that is not one of its ends."""
    root = ET.fromstring(to_svg(make_scene(graph)))
    boxes: dict[str, tuple[float, float]] = {}
    for group in root.iter(f"{SVG}g"):
        title, rect = group.find(f"{SVG}title"), group.find(f"{SVG}rect")
        assert title is not None
        assert rect is not None
        boxes[(title.text or "").split(":")[0]] = (float(rect.attrib["x"]), float(rect.attrib["y"]))
    for path in root.iter(f"{SVG}path"):
        title = path.find(f"{SVG}title")
        if title is None:
            continue
        ends = set((title.text or "").split())
        for x, y in points(path.attrib["d"]):
            inside = {name for name, (left, top) in boxes.items() if left < x < left + 168 and top < y < top + 44}
            assert inside <= ends, (title.text, inside)


def points(path: str) -> list[tuple[float, float]]:
    """Points along a path of the commands M, C and H."""
    found: list[tuple[float, float]] = []
    x = y = 0.0
    for command, text in re.findall(r"([MCH])([^MCH]*)", path):
        numbers = [float(one) for one in text.split()]
        if command == "M":
            x, y = numbers
        elif command == "H":
            found += [(x + (numbers[0] - x) * t / 20, y) for t in range(21)]
            x = numbers[0]
        else:
            (ax, ay), (bx, by), (cx, cy) = (numbers[at : at + 2] for at in (0, 2, 4))
            for t in (one / 20 for one in range(21)):
                u = 1 - t
                found.append(
                    (
                        u**3 * x + 3 * u * u * t * ax + 3 * u * t * t * bx + t**3 * cx,
                        u**3 * y + 3 * u * u * t * ay + 3 * u * t * t * by + t**3 * cy,
                    )
                )
            x, y = cx, cy
    return found

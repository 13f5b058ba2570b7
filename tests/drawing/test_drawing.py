"""Drawings: every node once, every edge, in every form; the impact of a node highlighted."""

from __future__ import annotations

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

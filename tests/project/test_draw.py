"""The graph in notebooks: what the command draws, as an object that shows and saves itself."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest
from tests.projects import Maker, Tiny

from soroi.base.errors import ConfigError, UnknownNameError
from soroi.drawing import Drawing
from soroi.project import Project

SVG = "{http://www.w3.org/2000/svg}"


def names(svg: str) -> set[str]:
    return {(one.text or "").split(":")[0] for one in ET.fromstring(svg).iter(f"{SVG}title") if ":" in (one.text or "")}


def test_a_drawing_gives_every_form_with_the_status_of_each_node(make: Maker) -> None:
    project = make().project
    drawing = project.draw()
    assert names(drawing.svg()) == set(project.graph.names)
    assert drawing.svg().count("· missing") == 2 * len(project.graph)
    assert drawing.mermaid().startswith("flowchart LR")
    assert drawing.dot().startswith("digraph")
    assert repr(drawing) == drawing.text()
    assert "careful (model · missing)" in drawing.text()


def test_the_impact_of_a_node_is_shown_alone_when_asked_for(make: Maker) -> None:
    project = make().project
    drawing = project.draw("careful", impact=True, status=False)
    assert names(drawing.svg()) == project.graph.downstream(["careful"]) | project.graph.upstream(["careful"])
    assert "missing" not in drawing.svg()
    with pytest.raises(UnknownNameError):
        project.draw("carefull")
    with pytest.raises(ConfigError, match="needs a node"):
        project.draw(impact=True)


@pytest.mark.parametrize(
    ("name", "begins"),
    [("g.svg", "<svg"), ("g.mmd", "flowchart"), ("g.dot", "digraph"), ("g.GV", "digraph"), ("g.txt", "check (")],
)
def test_a_drawing_is_saved_in_the_form_of_the_file_s_ending(
    make: Maker, tmp_path: Path, name: str, begins: str
) -> None:
    path = make().project.draw(status=False).save(tmp_path / name)
    text = path.read_text(encoding="utf-8")
    assert text.startswith(begins)
    assert text.endswith("\n")


def test_an_ending_that_stands_for_no_form_is_refused_unless_the_form_is_named(make: Maker, tmp_path: Path) -> None:
    drawing = make().project.draw(status=False)
    with pytest.raises(ConfigError, match=r"'g\.png' does not say"):
        drawing.save(tmp_path / "g.png")
    assert not (tmp_path / "g.png").exists()
    assert drawing.save(tmp_path / "g.text", "mermaid").read_text(encoding="utf-8").startswith("flowchart")


def shown(thing: Any) -> dict[str, Any]:
    """What a notebook shows of a thing."""
    formatters = pytest.importorskip("IPython.core.formatters")
    found: dict[str, Any] = formatters.DisplayFormatter().format(thing)[0]
    return found


def test_a_notebook_shows_the_picture_of_a_drawing_and_of_the_graph(make: Maker) -> None:
    project = make().project
    for thing in (project.draw(status=False), project.graph):
        bundle = shown(thing)
        assert names(bundle["image/svg+xml"]) == set(project.graph.names)
        assert bundle["text/html"].startswith("<div")
        assert "├─ " in bundle["text/plain"]


def test_a_face_may_ask_for_some_of_the_forms(make: Maker) -> None:
    drawing = make().project.draw(status=False)
    assert set(drawing._repr_mimebundle_(include={"text/plain"})) == {"text/plain"}
    assert set(drawing._repr_mimebundle_(exclude={"text/html"})) == {"text/plain", "image/svg+xml"}
    assert drawing._repr_svg_() == drawing.svg()


def test_a_graph_that_nobody_draws_says_what_is_in_it(tiny: Tiny) -> None:
    project: Project = tiny.project
    plain = project.code.graph
    assert repr(plain).startswith("<Graph of 12 nodes: ")
    assert isinstance(project.graph.drawn and project.graph.drawn(project.graph), Drawing)
    plain.drawn = None
    assert shown(plain) == {"text/plain": repr(plain)}

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path

from tests.cli.commands import Run


def test_the_graph_is_drawn_in_the_terminal_with_status_and_reach(run: Run, built: Path) -> None:
    done = run("graph", "risk", "--project", built)
    assert done.code == 0
    assert done.out.splitlines()[0].startswith("show_expert (decision · fresh) ◀")
    assert "cuts risk (model · fresh) ◀" in done.out
    assert "fresh" not in run("graph", "--no-status", "--project", built).out


def test_the_graph_as_data_names_nodes_edges_and_focus(run: Run, built: Path) -> None:
    data = run("graph", "form", "--project", built, "--json").data
    assert data["focus"] == "form"
    assert {"from": "form", "to": "examples", "role": "uses feature"} in data["edges"]
    assert {one["node"] for one in data["nodes"] if not one["reached"]} == {"tickets", "outcomes"}


def test_a_picture_is_written_in_the_form_that_its_name_says(run: Run, built: Path, tmp_path: Path) -> None:
    for name, start in (("g.svg", "<svg"), ("g.dot", "digraph"), ("g.mmd", "flowchart")):
        assert run("graph", "--output", tmp_path / name, "--project", built).code == 0
        assert (tmp_path / name).read_text().startswith(start)
    ET.parse(tmp_path / "g.svg")
    assert "flowchart" in run("graph", "--form", "mermaid", "--project", built).out


def test_what_it_cannot_draw_is_refused(run: Run, built: Path) -> None:
    assert run("graph", "nope", "--project", built).code == 2
    assert run("graph", "--only", "--project", built).code == 2


def test_the_blast_radius_is_told_before_anything_changes(run: Run, built: Path) -> None:
    data = run("plan", "--what-if", "form", "--project", built, "--json").data
    assert [one["node"] for one in data["affected"]] == ["form", "examples", "risk", "risk_cut", "show_expert"]
    assert "would reach 4 nodes and the decisions show_expert" in run("plan", "--what-if", "form", "-p", built).out


def test_a_waiver_is_told_and_one_without_need_is_refused(run: Run, built: Path, tmp_path: Path) -> None:
    done = run("waive", "risk_cut", "--reason", "because", "--project", built)
    assert done.code == 3
    assert "no version in staging" in done.err

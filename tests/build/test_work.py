from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from tests.projects import CODE

from soroi.build.request import BuildRequest
from soroi.build.work import plan_work
from soroi.codebase import load
from soroi.declare.graph import Graph

EVERYTHING = {
    "items", "outcomes", "basic", "examples", "quick", "careful", "second",
    "quick_cut", "careful_cut", "second_cut", "check", "other",
}  # fmt: skip


@dataclass
class Offer:
    """A version that staging offers."""

    id: str


@pytest.fixture(scope="module")
def graph(tmp_path_factory: pytest.TempPathFactory) -> Graph:
    folder: Path = tmp_path_factory.mktemp("work")
    (folder / "tiny.py").write_text(CODE)
    return load(folder, "tiny").graph


def plan(graph: Graph, *nodes: str, staged: set[str] = EVERYTHING, named: tuple[str, ...] = (), **options: Any) -> Any:
    return plan_work(
        graph,
        BuildRequest(nodes, **options),
        lambda name: Offer(f"{name}@staged") if name in staged else None,  # type: ignore[arg-type,return-value]
        {name: f"{name}@named" for name in named},
    )


@pytest.mark.parametrize(
    ("nodes", "options", "scope"),
    [
        ((), {}, EVERYTHING),
        (("careful",), {}, {"careful"}),
        (("careful", "second_cut"), {}, {"careful", "second", "second_cut"}),
        (("items", "careful"), {}, {"items", "basic", "examples", "careful"}),
        (("careful",), {"refresh": True}, {"items", "outcomes", "basic", "examples", "careful"}),
        (("second",), {"refresh": True}, {"items", "outcomes", "basic", "examples", "second"}),
        (("careful_cut",), {"refresh": True}, {"careful_cut"}),
        (("careful_cut",), {"upstream": True}, {"items", "outcomes", "basic", "examples", "careful", "careful_cut"}),
        (("other",), {"upstream": True}, {"other"}),
        (("check",), {"upstream": True}, {"items", "outcomes", "basic", "examples", "quick", "quick_cut", "check"}),
        (("careful",), {"staged": set()}, {"items", "outcomes", "basic", "examples", "careful"}),
        (("careful",), {"staged": {"examples"}}, {"careful"}),
        (("careful",), {"staged": {"basic"}}, {"items", "outcomes", "examples", "careful"} - {"items"}),
        (("careful",), {"named": ("items",)}, {"basic", "examples", "careful"}),
        (("careful_cut",), {"named": ("careful",)}, {"careful_cut"}),
        (("careful",), {"named": ("quick",)}, {"careful"}),
        (("careful",), {"named": ("careful",)}, set()),
    ],
)
def test_a_run_visits_what_was_asked_what_is_nowhere_and_what_lies_between(
    graph: Graph, nodes: tuple[str, ...], options: dict[str, Any], scope: set[str]
) -> None:
    work = plan(graph, *nodes, **options)
    assert set(work.scope) == scope
    assert list(work.scope) == graph.sorted(scope)


@pytest.mark.parametrize(
    "nodes", [("items", "careful"), ("basic", "second_cut"), ("quick", "check"), ("outcomes", "other")]
)
def test_every_input_of_a_visited_node_is_visited_or_taken(graph: Graph, nodes: tuple[str, ...]) -> None:
    work = plan(graph, *nodes)
    for name in work.scope:
        for edge in graph[name].edges:
            if edge.role.is_fitted:
                assert (edge.producer in work.scope) != (edge.producer in work.taken)


def test_what_is_named_comes_before_what_is_staged(graph: Graph) -> None:
    work = plan(graph, "careful_cut", named=("careful",))
    assert work.taken == {"careful": "careful@named"}

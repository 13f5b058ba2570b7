"""Nodes of other projects: how they are declared, named, and refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

import soroi as so
from soroi.base.errors import DeclarationError, RefusedError, UnknownNameError
from soroi.codebase import load
from soroi.declare.graph import Graph
from soroi.declare.lifecycle import OutsideUse, check_withdrawals
from soroi.declare.node import Access, NodeId, NodeKind, name_there, project_of
from soroi.declare.packed import Packed, pack
from soroi.declare.shared import SharedSpec, shared
from soroi.project.parts import code_fingerprints

CODE = """
import soroi as so
team = so.group("team", owner="team@example.com")
hourly = so.shared("weather", source="hourly")
conditions = so.shared("weather", features="conditions")
storm = so.shared("weather", model="storm@3f9a1c2b7d10")
storm_cut = so.shared("weather", threshold="storm_cut[JFK]")

@so.features(hourly)
def own(hourly): ...

@so.dataset(conditions, own, "weather:hourly")
def examples(conditions, own, hourly): ...

@so.model(examples, target="bad", split=so.by_time(test="7d"), scores=[storm])
def guess(train): ...

cut = so.threshold(storm, maximise=so.recall)
check = so.decision(cascade=[so.when_sure(storm_cut), cut], deadline="1s", positive="a", negative="b", fail_safe="a")
"""


def graph_of(folder: Path, code: str = CODE) -> Graph:
    (folder / "sharing.py").write_text(code)
    return load(folder, "sharing").graph


def test_a_shared_node_is_a_node_of_its_kind_without_edges_under_a_name_of_its_own(tmp_path: Path) -> None:
    graph = graph_of(tmp_path)
    kinds = {node.name: node.kind for node in graph.shared}
    assert kinds == {
        "weather:hourly": NodeKind.SOURCE,
        "weather:conditions": NodeKind.FEATURES,
        "weather:storm": NodeKind.MODEL,
        "weather:storm_cut[JFK]": NodeKind.THRESHOLD,
    }
    assert all(node.edges == () and node.function is None for node in graph.shared)
    assert all(node.access is Access.PUBLIC for node in graph.shared)
    assert graph["weather:storm"].shared == SharedSpec("weather", "storm", "3f9a1c2b7d10")
    assert graph["own"].shared is None
    assert [edge.producer for edge in graph["examples"].edges] == ["weather:conditions", "own", "weather:hourly"]
    assert graph.consumers("weather:storm") == ["cut", "guess"]


def test_its_behaviour_is_project_node_and_pin_and_reaches_its_consumers_upstream_only(tmp_path: Path) -> None:
    prints = []
    for folder, code in (("a", CODE), ("b", CODE.replace("@3f9a1c2b7d10", ""))):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "sharing.py").write_text(code)
        loaded = load(tmp_path / folder, "sharing")
        prints.append(code_fingerprints(loaded, loaded.graph))
    one, other = prints
    labels = {part.label for part in one["weather:storm"].components.values()}
    assert labels == {"project='weather'", "node='storm'", "pin='3f9a1c2b7d10'"}
    assert one["weather:storm"].behaviour != other["weather:storm"].behaviour
    assert one["weather:storm"].description_digest == other["weather:storm"].description_digest
    for name in ("guess", "cut"):
        assert one[name].behaviour == other[name].behaviour
        assert one[name].upstream_behaviour != other[name].upstream_behaviour


def test_it_is_plain_data_and_can_be_kept_between_processes(tmp_path: Path) -> None:
    (tmp_path / "sharing.py").write_text(CODE)
    loaded = load(tmp_path, "sharing")
    again = Packed(pack(loaded.graph, code_fingerprints(loaded, loaded.graph))).graph
    assert [node.spec for node in again.shared] == [node.spec for node in loaded.graph.shared]
    assert again.names == loaded.graph.names


def test_the_same_node_may_be_named_in_several_places_but_in_one_way(tmp_path: Path) -> None:
    twice = (
        'import soroi as so\na = so.shared("w", source="s")\n@so.features(so.shared("w", source="s"))\ndef f(s): ...\n'
    )
    assert graph_of(tmp_path, twice).names == ["w:s", "f"]
    with pytest.raises(DeclarationError, match="two nodes are called 'w:s'"):
        graph_of(tmp_path, twice + 'b = so.shared("w", source="s@3f9a1c2b7d10")\n')


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        ({}, "does not say which node"),
        ({"source": "a", "model": "b"}, "names 2 nodes"),
        ({"source": "a:b"}, "cannot name a node"),
        ({"source": "a b"}, "cannot name a node"),
        ({"source": "a@"}, "pins no version"),
        ({"source": "a@3f9"}, "pins no version"),
        ({"source": "a@3F9A1C2B7D10"}, "pins no version"),
        ({"model": "a[]"}, "is not a node id"),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_remedy(arguments: dict[str, str], text: str) -> None:
    with pytest.raises(DeclarationError, match=text) as caught:
        shared("weather", **arguments)
    assert caught.value.hint


def test_a_name_that_no_project_has_is_refused() -> None:
    for name in ("", "a:b", "1a", "a b"):
        with pytest.raises(DeclarationError, match="cannot name a project"):
            shared(name, source="hourly")


def test_a_colon_is_refused_in_ordinary_names() -> None:
    with pytest.raises(DeclarationError, match="'weather:cut' cannot name a node"):
        so.threshold("guess", maximise=so.recall, name="weather:cut")


def test_ids_are_read_with_the_project_in_front_and_parts_may_hold_a_colon() -> None:
    assert NodeId.parse("a-b:storm[x:y]") == NodeId("a-b:storm", "x:y")
    assert (project_of("a-b:storm[x:y]"), name_there("a-b:storm[x:y]")) == ("a-b", "storm[x:y]")
    assert (project_of("storm[x:y]"), name_there("storm[x:y]@1")) == (None, "storm[x:y]@1")
    for text in (":storm", "a:", "a:b:c", "1:b"):
        with pytest.raises(DeclarationError, match="is not a node id"):
            NodeId.parse(text)


def test_a_kind_that_does_not_fit_is_refused_as_for_own_nodes(tmp_path: Path) -> None:
    with pytest.raises(DeclarationError, match="features 'f' cannot depend on model 'w:m'"):
        graph_of(tmp_path, 'import soroi as so\n@so.features(so.shared("w", model="m"))\ndef f(m): ...\n')


def test_a_name_that_is_not_there_gets_the_nearest(tmp_path: Path) -> None:
    with pytest.raises(UnknownNameError) as caught:
        graph_of(tmp_path)["weather:condition"]
    assert "'weather:conditions'" in str(caught.value.hint)
    with pytest.raises(DeclarationError) as written:
        graph_of(tmp_path, CODE.replace('"weather:hourly")', '"weather:hour")'))
    assert "'weather:hourly'" in str(written.value.hint)


def test_a_family_cannot_find_its_parts_in_a_shared_dataset(tmp_path: Path) -> None:
    code = (
        'import soroi as so\ndata = so.shared("w", dataset="d")\n'
        '@so.model(data, target="bad", split=so.by_time(test="7d"), per="side"{})\ndef m(train): ...\n'
    )
    with pytest.raises(DeclarationError, match="would take its parts from 'w:d'"):
        graph_of(tmp_path, code.format(""))
    assert "m[up]" in graph_of(tmp_path, code.format(', parts=["up"]'))


def test_what_other_projects_use_must_stay_and_stay_public(tmp_path: Path) -> None:
    def graph(access: str) -> Graph:
        text = f'import soroi as so\n@so.source(key="id", access="{access}")\ndef hourly(): ...\n'
        return graph_of(tmp_path, text)

    def uses(name: str) -> list[OutsideUse]:
        return [OutsideUse(name, "shop", ("shop@example.com",)), OutsideUse(name, "port", ())]

    check_withdrawals(graph("public"), uses("hourly"))
    cases: list[tuple[str, str, Any]] = [
        ("protected", "hourly", "source 'hourly' must stay access='public'"),
        ("public", "daily", "'daily' may not be removed"),
    ]
    for access, name, text in cases:
        with pytest.raises(RefusedError, match=text) as caught:
            check_withdrawals(graph(access), uses(name))
        assert "'shop' (shop@example.com), 'port'" in caught.value.message
        assert caught.value.fields["projects"] == ["shop", "port"]

"""Graphs and fingerprints as bytes, and back."""

from __future__ import annotations

import collections
import enum
import math
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

import soroi as so
from soroi.base.errors import CorruptError, RefusedError
from soroi.base.reason import Reason
from soroi.codebase import library_version, load
from soroi.declare.fingerprint import Fingerprint, fingerprints
from soroi.declare.graph import Graph
from soroi.declare.node import Access, Node, NodeId, NodeKind
from soroi.declare.packed import CannotPackError, Packed, _Unpacker, pack
from soroi.declare.spec import FeaturesSpec

CODE = '''
import soroi as so

team = so.group("team", owner="team@example.com")

@so.source(key=["id", "town"], time="at", known_at="known", partition="1mo", files=so.file("items.csv"),
           in_step="20d", group=team, access="public")
def items():
    """Things."""

old = so.shared("weather", features="conditions")

@so.features(so.last(items, "3h"), deprecated=so.deprecated(since="2026-01-01", use_instead="basic"))
def former(items, n=1, share=0.5, name="x", on=True, none=None, many=(1, "a"), list=[1, [2]], table={"a": {"b": 1}}):
    return items

@so.features(items)
def basic(items):
    return items

@so.dataset(basic, items, join_rate=0.5)
def rows(basic, items):
    return basic

@so.model(rows, target="bad", split=so.by_time(test="7d"), per="town", parts=("a", "b"), parent="all")
def guess(train, strength=1.0):
    return train

@so.model(rows, target="bad", split=so.by_time(test="7d"), out_of_fold=2)
def other(train, strength=1.0):
    return open(strength), UNKNOWN

def rule(row):
    return None

cut = so.threshold(guess, maximise=so.recall, subject_to=so.precision >= 0.5)
other_cut = so.threshold(other, maximise=so.recall, subject_to=so.precision >= 0.5)
check = so.decision(cascade=[so.when_sure(other_cut, error=0.2), cut], deadline="100ms", positive="stop",
                    negative="go", fail_safe="go", fallbacks=[rule])
'''


@pytest.fixture
def loaded(tmp_path: Path) -> tuple[Graph, dict[str, Fingerprint]]:
    """A graph with a node of every kind, and its fingerprints."""
    (tmp_path / "main.py").write_text(CODE)
    code = load(tmp_path, "main")
    with code.visible():
        made = fingerprints(code.graph, in_project=code.owns, libraries=library_version, load=code.late)
    return code.graph, made


def one_node(**parameters: Any) -> tuple[Graph, dict[str, Fingerprint]]:
    """A graph of one node with some parameters."""
    node = Node(NodeId("one"), NodeKind.FEATURES, FeaturesSpec(), (), None, "main.py:1", parameters=parameters)
    return Graph({"one": node}), {"one": Fingerprint({}, {}, (), "", "")}


def again(**parameters: Any) -> Any:
    """Parameters, packed and read."""
    return Packed(pack(*one_node(**parameters))).graph["one"].parameters


def without_functions(node: Node) -> Node:
    """A node for comparison: functions are left behind."""
    spec: Any = node.spec
    if node.kind is NodeKind.DECISION:
        spec = replace(spec, fallbacks=tuple(one.__name__ for one in spec.fallbacks))
    return replace(node, function=None, spec=repr(spec))  # metrics compare by name: `recall >= 0.5` is a constraint


def test_a_graph_comes_back_as_it_was(loaded: tuple[Graph, dict[str, Fingerprint]]) -> None:
    graph, made = loaded
    back = Packed(pack(graph, made)).graph
    assert [node.name for node in back] == [node.name for node in graph]
    assert {node.kind for node in back} == set(NodeKind)
    for node in graph:
        assert without_functions(back[node.name]) == without_functions(node)
        assert (back[node.name].function is None) == (node.function is None)
        assert isinstance(back[node.name].access, Access)
    assert back.families == graph.families
    assert back["guess[a]"].id == NodeId("guess", "a")
    assert back["former"].deprecation is not None
    assert back["former"].deprecation.since == date(2026, 1, 1)
    assert back["weather:conditions"].shared is not None


def test_fingerprints_come_back_equal_in_every_part(loaded: tuple[Graph, dict[str, Fingerprint]]) -> None:
    graph, made = loaded
    back = Packed(pack(graph, made)).fingerprints
    assert back == made
    assert any(one.unknown for one in back.values())
    for name, one in made.items():
        assert back[name].to_dict() == one.to_dict()
        assert back[name].behaviour == one.behaviour
        assert back[name].description_digest == one.description_digest
        assert list(back[name].components) == list(one.components)
        assert repr(back[name].components) == repr(one.components)
        assert len(back[name].description) == len(one.description)
        assert back[name].with_parameters({"n": 2}).behaviour == one.with_parameters({"n": 2}).behaviour


def test_what_differences_are_made_of_is_read_only_when_asked_for(
    loaded: tuple[Graph, dict[str, Fingerprint]], monkeypatch: pytest.MonkeyPatch
) -> None:
    graph, made = loaded
    packed = Packed(pack(graph, made))
    asked: list[int] = []
    inner = packed.details

    def details(index: int) -> Any:
        asked.append(index)
        return inner(index)

    monkeypatch.setattr(packed, "details", details)
    found = packed.fingerprints
    assert [one.behaviour for one in found.values()] == [one.behaviour for one in made.values()]
    assert asked == []
    assert found["basic"].components
    assert found["basic"].description
    assert len(asked) == 1


VALUES: list[Any] = [
    None,
    True,
    False,
    0,
    1,
    -1,
    2**63,
    1.0,
    0.0,
    -0.0,
    math.inf,
    "",
    "é",
    (),
    (1, (2,)),
    [],
    [1, [None]],
]
VALUES += [
    [],
    [1, [None]],
    {},
    {"a": (1, {"b": [2]}), 1: "x", (1, 2): 3},
    timedelta(days=-1, microseconds=5),
    date(2026, 1, 31),
]


@pytest.mark.parametrize("value", VALUES, ids=repr)
def test_plain_values_come_back_with_their_types(value: Any) -> None:
    back = again(value=value, other=1)["value"]
    assert repr(back) == repr(value)
    assert type(back) is type(value)


def test_values_that_are_equal_and_differ_in_type_stay_apart() -> None:
    assert repr(dict(again(a=1, b=True, c=1.0, d="1"))) == "{'a': 1, 'b': True, 'c': 1.0, 'd': '1'}"


def test_a_metric_comes_back() -> None:
    back = again(metric=so.recall)["metric"]
    assert type(back) is type(so.recall)
    assert repr(back) == repr(so.recall)


def test_a_function_comes_back_as_its_name_and_cannot_be_run() -> None:
    back = again(function=len)["function"]
    assert back.__name__ == "len"
    with pytest.raises(RefusedError, match="was not loaded"):
        back([])


@dataclass(frozen=True)
class Theirs:
    """A class of a project."""

    x: int = 1


class Colour(enum.Enum):
    """Values of a project."""

    RED = 1


OTHERS: list[Any] = [Theirs(), Colour.RED, {1, 2}, b"x", 1j, object(), range(3), collections.deque()]


@pytest.mark.parametrize("value", OTHERS, ids=lambda value: type(value).__name__)
def test_what_is_not_plain_data_is_refused(value: Any) -> None:
    with pytest.raises(CannotPackError, match="is not plain data"):
        pack(*one_node(value=value))


@pytest.mark.parametrize("path", ["builtins:eval", "os:system", "tests.declare.test_packed:Theirs"])
def test_a_class_that_is_not_one_of_soroi_is_not_made(path: str) -> None:
    with pytest.raises(CorruptError, match=r"not one of soroi's own"):
        _Unpacker([["o", path, []]]).value(0)


def test_a_function_of_soroi_is_not_called() -> None:
    with pytest.raises((CorruptError, TypeError)):
        _Unpacker([["o", "soroi.declare.behaviour_source:module_file", ["os"]]]).value(0)


@pytest.mark.parametrize("place", [0, 45, -1])
def test_damaged_bytes_are_noticed(place: int) -> None:
    data = bytearray(pack(*one_node(a=1)))
    data[place] ^= 1
    with pytest.raises(CorruptError):
        Packed(bytes(data))


def test_bytes_that_were_checked_before_are_not_checked_again() -> None:
    data = bytearray(pack(*one_node(a=1)))
    data[0] ^= 1
    assert Packed(memoryview(data), checked=True).graph["one"].parameters == {"a": 1}


def test_reasons_come_back() -> None:
    graph, _ = one_node()
    why = (Reason("unknown", "it is not known", "one", facts={"hint": "none"}),)
    made = {"one": Fingerprint({}, {"doc": "x"}, why, "a", "b")}
    assert Packed(pack(graph, made)).fingerprints["one"].unknown == why

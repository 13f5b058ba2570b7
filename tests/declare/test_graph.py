from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import soroi as so
from soroi.base.errors import DeclarationError, UnknownNameError
from soroi.declare.declaration import Declaration, declaration_of
from soroi.declare.edge import Role
from soroi.declare.graph import Graph
from soroi.declare.node import NodeKind
from soroi.declare.resolve import build_graph

SPLIT = so.by_time(test="7d")


def declared(*things: Any, **named: Declaration) -> list[Declaration]:
    for name, one in named.items():
        one.name = name
    found = [declaration_of(one) for one in things]
    return [*(one for one in found if one is not None), *named.values()]


@so.source(key="id", time="at")
def items() -> None: ...


@so.source(key="airport")
def airports() -> None: ...


@so.features(items, so.last(airports, "3h"))
def basic(items: Any, airports: Any) -> None: ...


@so.features("items")
def more(items: Any) -> None: ...


@so.dataset(basic, more, items)
def examples(basic: Any, more: Any, items: Any) -> None: ...


@so.model(examples, target="bad", split=SPLIT, out_of_fold=3)
def careful(train: Any, depth: int = 3) -> None: ...


@so.model(examples, target="bad", split=SPLIT, features=[more], scores=["careful"])
def second(train: Any) -> None: ...


@pytest.fixture
def graph() -> Graph:
    cut = so.threshold(careful, maximise=so.recall)
    sure = so.threshold(second, maximise=so.recall)
    check = so.decision(
        cascade=[so.when_sure(sure), cut], deadline="1s", positive="a", negative="b", fail_safe="a", doc="Check."
    )
    things = (second, careful, examples, more, basic, airports, items)
    return build_graph(declared(*things, cut=cut, sure=sure, check=check))


def test_nodes_come_before_those_that_rest_on_them(graph: Graph) -> None:
    place = {name: number for number, name in enumerate(graph.names)}
    for node in graph:
        assert all(place[edge.producer] < place[node.name] for edge in node.edges)
    assert graph.sorted(["check", "items", "careful"]) == ["items", "careful", "check"]


def test_edges_say_why_in_the_order_of_the_arguments(graph: Graph) -> None:
    def edges(name: str) -> list[tuple[Role, str]]:
        return [(edge.role, edge.producer) for edge in graph[name].edges]

    assert edges("basic") == [(Role.READS, "items"), (Role.READS, "airports")]
    assert edges("examples") == [(Role.USES_FEATURE, "basic"), (Role.USES_FEATURE, "more"), (Role.READS, "items")]
    assert edges("second") == [
        (Role.TRAINS_ON, "examples"),
        (Role.USES_FEATURE, "more"),
        (Role.SCORES_WITH, "careful"),
    ]
    assert edges("cut") == [(Role.CUTS, "careful")]
    assert edges("check") == [(Role.SURE_BY, "sure"), (Role.ANSWERS_WITH, "cut")]
    assert graph["basic"].edges[1].options == {"last": 10800.0}


def test_only_the_plain_answer_of_a_decision_is_not_fitted() -> None:
    assert [role for role in Role if not role.is_fitted] == [Role.ANSWERS_WITH]


def test_a_node_knows_itself(graph: Graph) -> None:
    node = graph["careful"]
    assert (node.kind, node.label, node.parameters) == (NodeKind.MODEL, "model 'careful'", {"depth": 3})
    assert node.where.startswith("test_graph.py:")
    assert graph["check"].doc == "Check."
    assert graph["check"].spec.cascade[0].threshold == "sure"


def test_the_ways_up_and_down_are_known(graph: Graph) -> None:
    assert graph.consumers("careful") == ["cut", "second"]
    assert graph.upstream(["more"]) == {"more", "items"}
    assert graph.downstream(["careful"]) == {"careful", "cut", "second", "sure", "check"}
    assert [one.name for one in graph.of_kind(NodeKind.SOURCE)] == ["airports", "items"]
    assert len(graph) == len(list(graph)) == 10
    assert "careful" in graph
    assert "nothing" not in graph


def test_an_unknown_node_is_asked_for_with_the_nearest_name(graph: Graph) -> None:
    with pytest.raises(UnknownNameError, match="did you mean 'careful'"):
        graph["carful"]
    with pytest.raises(UnknownNameError):
        graph.consumers("nothing")


def test_a_threshold_is_of_the_group_of_its_model() -> None:
    team = so.group("team", owner="team@example.com")

    @so.model(examples, target="bad", split=SPLIT, group=team, access="private")
    def own(train: Any) -> None: ...

    graph = build_graph(
        declared(items, airports, basic, more, examples, own, cut=so.threshold(own, maximise=so.recall))
    )
    assert graph["cut"].group == team


def test_a_private_node_serves_its_own_group_only() -> None:
    team, others = so.group("team", owner="a@example.com"), so.group("others", owner="b@example.com")

    @so.source(key="id", group=team, access="private")
    def own() -> None: ...

    @so.features(own, group=team)
    def ours(own: Any) -> None: ...

    @so.features(own, group=others)
    def theirs(own: Any) -> None: ...

    assert build_graph(declared(own, ours)).names == ["own", "ours"]
    with pytest.raises(DeclarationError, match=r"'theirs' \(others\) may not use source 'own' \(team\)"):
        build_graph(declared(own, theirs))


def test_a_declaration_that_nobody_gathered_is_told_apart_from_another_of_its_name() -> None:
    @so.source(key="id")
    def airports() -> None: ...

    with pytest.raises(DeclarationError, match="depends on a source that no variable of the project names"):
        build_graph(declared(items, airports, basic))


def scoring(name: str, *scores: str) -> Any:
    """A model on models."""

    def train(rows: Any) -> None: ...

    train.__name__ = name
    return so.model(examples, target="bad", split=SPLIT, scores=scores, out_of_fold=2)(train)


@pytest.mark.parametrize(
    ("scores", "lacking", "wanted"),
    [
        (["m2"], "'m2', which itself takes the score of 'm0' and 'm1': model 'm3' must take them", "m0, m1, m2"),
        (["m2", "m0"], "'m2', which itself takes the score of 'm1'", "m0, m1, m2"),
        (["m1"], "'m1', which itself takes the score of 'm0': model 'm3' must take it as well", "m0, m1"),
    ],
)
def test_a_model_on_a_model_on_a_model_must_name_all_below_and_is_told_what_to_write(
    scores: list[str], lacking: str, wanted: str
) -> None:
    below = [items, airports, basic, more, examples, scoring("m0"), scoring("m1", "m0"), scoring("m2", "m0", "m1")]
    build_graph(declared(*below, scoring("m3", "m0", "m1", "m2")))
    with pytest.raises(DeclarationError, match=lacking) as refused:
        build_graph(declared(*below, scoring("m3", *scores)))
    assert refused.value.hint == f"write scores=[{wanted}]"
    assert refused.value.where is not None


@given(st.data())
def test_any_chain_of_models_has_an_order_and_any_circle_is_found(data: Any) -> None:
    count = data.draw(st.integers(1, 7))
    uses = [data.draw(st.sets(st.integers(0, count - 1), max_size=3)) for _ in range(count)]
    for _ in range(count):  # a model names all models below it
        uses = [one.union(*(uses[below] for below in one)) for one in uses]

    def model(number: int) -> Any:
        def train(rows: Any) -> None: ...

        train.__name__ = f"m{number}"
        scores = [f"m{one}" for one in sorted(uses[number])]
        return so.model(examples, target="bad", split=SPLIT, scores=scores, out_of_fold=2)(train)

    things = [items, airports, basic, more, examples, *(model(number) for number in range(count))]

    def circular(number: int, above: frozenset[int]) -> bool:
        return number in above or any(circular(one, above | {number}) for one in uses[number])

    if any(circular(number, frozenset()) for number in range(count)):
        with pytest.raises(DeclarationError, match="round in a circle: m"):
            build_graph(declared(*things))
    else:
        place = {name: at for at, name in enumerate(build_graph(declared(*things)).names)}
        assert all(place[f"m{one}"] < place[f"m{n}"] for n in range(count) for one in uses[n])

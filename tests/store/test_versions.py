"""Versions: added once, found by id, prefix, recipe and node."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store import Catalogue, EdgeRecord, Transaction, VersionLine, VersionRecord, Wanted

NOW = datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=UTC)


def version(name: str, number: int, **changes: Any) -> VersionRecord:
    digest = f"{number:012x}".ljust(40, "0")
    made = VersionRecord(
        id=f"{name}@{digest[:12]}",
        digest=digest,
        node=name,
        kind="model",
        recipe=f"recipe {number}",
        definition="definition",
        output="output",
        run="run_1",
        by="ann",
        at=NOW,
    )
    return msgspec.structs.replace(made, **changes)


def test_facts_are_read_without_the_rest(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        one, two = version("a", 1, facts={"rows": 10, "steps": [{"threshold": "t"}]}), version("b", 2)
        for record in (one, two):
            tx.versions.add(record)
        assert tx.versions.facts([one.id, two.id, "c@3", one.id]) == {one.id: one.facts, two.id: {}}
        assert tx.versions.facts([]) == {}


def test_what_is_added_is_given_back_whole(catalogue: Catalogue) -> None:
    source = version("flights", 1, kind="source", watermark=NOW)
    full = version(
        "careful",
        2,
        fingerprint={"code": "abc", "nested": {"é": [1, 2.5, None]}},
        edges=[EdgeRecord("trains on", "train", source.id), EdgeRecord("reads", "again", source.id)],
        outputs={"model": "f" * 40},
        overrides={"depth": 3},
        code="def careful(): ...",
        environment={"python": "3.11"},
        facts={"rows": 10},
    )
    with catalogue.write() as tx:
        assert tx.versions.add(source)
        assert tx.versions.add(full)
        assert tx.versions.get(full.id) == full
    with catalogue.read() as tx:
        assert tx.versions.get(source.id) == source
        assert tx.versions.get(full.id) == full
        assert tx.versions.all() == [full, source]


def test_a_known_version_is_not_added_again(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        assert tx.versions.add(version("a", 1))
        assert not tx.versions.add(version("a", 1, by="bob"))
        assert tx.versions.get("a@").by == "ann"


def test_one_id_for_two_digests_is_a_conflict(catalogue: Catalogue) -> None:
    first = version("a", 1)
    with catalogue.write() as tx:
        tx.versions.add(first)
        with pytest.raises(ConflictError, match="already stands for"):
            tx.versions.add(msgspec.structs.replace(first, digest="0" * 40))


def test_a_producer_that_is_not_there_is_named(catalogue: Catalogue) -> None:
    orphan = version("a", 1, edges=[EdgeRecord("reads", "x", "gone@000000000000")])
    with pytest.raises(UnknownNameError, match="gone@000000000000"), catalogue.write() as tx:
        tx.versions.add(orphan)
    with catalogue.read() as tx:
        assert tx.versions.all() == []


def test_a_prefix_finds_the_only_one_that_begins_so(catalogue: Catalogue) -> None:
    one, two = version("careful_cut", 0xAB0000000001), version("careful_cut", 0xAC0000000001)
    with catalogue.write() as tx:
        tx.versions.add(one)
        tx.versions.add(two)
        assert tx.versions.get("careful_cut@ab") == one
        with pytest.raises(UnknownNameError, match="begins several") as several:
            tx.versions.get("careful_cut@a")
        assert one.id in str(several.value)
        assert two.id in str(several.value)


@pytest.mark.parametrize("text", ["careful%cut@", "Careful", "carefulXcut", ""])
def test_a_prefix_is_taken_literally(catalogue: Catalogue, text: str) -> None:
    with catalogue.write() as tx:
        tx.versions.add(version("careful_cut", 1))
        with pytest.raises(UnknownNameError):
            tx.versions.get(text)


def test_a_misspelt_id_is_answered_with_the_nearest(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        tx.versions.add(version("careful", 1))
        with pytest.raises(UnknownNameError, match="did you mean 'careful@000000000001'"):
            tx.versions.get("carefull@000000000001")


@pytest.mark.parametrize(
    ("text", "meant", "others"),
    [
        ("a\ud7fe", "a\ud7fe", ["a", "a\ud7ff", "b"]),
        ("a\ud7ff", "a\ud7ff", ["a", "a\ue000", "b"]),  # the next character that text can hold is behind a gap
        ("a\U0010ffff", "a\U0010ffff", ["a", "a\U0010fffe", "b"]),  # there is no next character
        ("\U0010ffff", "\U0010ffff", ["a", "é", "\U0010fffe"]),
        ("B", "B", ["A", "C", "b", "bB"]),
        ("a_", "a_", ["a", "aa", "a1", "A_"]),
    ],
)
def test_a_prefix_ends_with_its_last_character(catalogue: Catalogue, text: str, meant: str, others: list[str]) -> None:
    with catalogue.write() as tx:
        for place, name in enumerate([*others, meant]):
            tx.versions.add(version(name, place))
        assert tx.versions.get(text).node == meant


def test_an_id_that_is_not_there_is_compared_with_those_of_its_node(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        for place, name in enumerate(["careful", "careful", "other"], start=0xAB0000000001):
            tx.versions.add(version(name, place))
        with pytest.raises(UnknownNameError) as no_version:
            tx.versions.get("careful@ab0000000009")
        with pytest.raises(UnknownNameError) as no_node:
            tx.versions.get("othr")
    assert no_version.value.hint == "did you mean 'careful@ab0000000002' or 'careful@ab0000000001'?"
    assert no_node.value.hint == "did you mean 'other'?"


def test_the_first_version_of_a_recipe_is_the_one_to_reuse(catalogue: Catalogue) -> None:
    first, second = version("a", 1, recipe="r"), version("a", 2, recipe="r")
    with catalogue.write() as tx:
        tx.versions.add(first)
        tx.versions.add(second)
        assert tx.versions.by_recipe("r") == first
        assert tx.versions.by_recipe("other") is None


def test_versions_of_a_node_come_newest_first(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        for number in (3, 1, 2):
            tx.versions.add(version("a", number))
        tx.versions.add(version("a[x]", 4))
        assert [one.digest[11] for one in tx.versions.of_node("a")] == ["2", "1", "3"]
        assert tx.versions.of_node("nobody") == []


def test_consumers_are_those_built_directly_from_a_version(catalogue: Catalogue) -> None:
    base = version("a", 1)
    middle = version("b", 2, edges=[EdgeRecord("reads", "a", base.id), EdgeRecord("reads", "twice", base.id)])
    last = version("c", 3, edges=[EdgeRecord("reads", "b", middle.id)])
    with catalogue.write() as tx:
        for one in (base, middle, last):
            tx.versions.add(one)
        assert tx.versions.consumers(base.id) == [middle.id]
        assert tx.versions.consumers(middle.id) == [last.id]
        assert tx.versions.consumers(last.id) == []


def test_many_versions_keep_their_edges(catalogue: Catalogue) -> None:
    base = version("base", 1)
    made = [version("m", n, edges=[EdgeRecord("reads", str(n), base.id)]) for n in range(2, 700)]
    with catalogue.write() as tx:
        for one in (base, *made):
            tx.versions.add(one)
        assert tx.versions.of_node("m") == made[::-1]


def chain(tx: Transaction) -> tuple[VersionRecord, VersionRecord, VersionRecord]:
    source = version("flights", 1, kind="source")
    data = version("examples", 2, edges=[EdgeRecord("reads", "flights", source.id)], definition="other")
    model = version("careful", 3, edges=[EdgeRecord("trains on", "examples", data.id)], overrides={"depth": 3})
    for one in (source, data, model):
        tx.versions.add(one)
    return source, data, model


def test_a_closure_holds_all_that_versions_rest_on_with_their_edges(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        source, data, model = chain(tx)
        found = tx.versions.closure([model.id])
        assert set(found) == {source.id, data.id, model.id}
        assert found[model.id].edges == model.edges
        assert found[model.id].overrides == {"depth": 3}
        assert set(tx.versions.closure([source.id, "nobody@000000000000"])) == {source.id}


def test_versions_are_found_by_definition_newest_first_and_counted(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        _, data, model = chain(tx)
        newer = version("careful", 9)
        tx.versions.add(newer)
        assert [one.id for one in tx.versions.built_as(["definition"])["careful"]] == [newer.id, model.id]
        assert tx.versions.newest(["careful", "nobody"])["careful"].id == newer.id
        assert tx.versions.counts() == {"flights": 1, "examples": 1, "careful": 2}
        assert tx.versions.get_many([data.id, "nobody"]) == {data.id: data}


def test_more_versions_than_one_query_may_name_are_read(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        made = [version("many", number, definition=f"d{number}") for number in range(1, 1203)]
        for one in made:
            tx.versions.add(one)
        assert len(tx.versions.heads(one.id for one in made)) == 1202
        assert len(tx.versions.built_as(one.definition for one in made)["many"]) == 1202


# ── finding ───────────────────────────────────────────────────────────────────────────────────────────────────────


def found(tx: Transaction, **wanted: Any) -> list[str]:
    return [one.id.partition("@")[0] for one in tx.versions.find(Wanted(**wanted))]


@pytest.fixture
def several(catalogue: Catalogue) -> Catalogue:
    with catalogue.write() as tx:
        for place, name in enumerate("abcdef"):
            more: dict[str, Any] = {"kind": "source", "by": "bob"} if place % 2 else {}
            own = {"run": f"run_{place // 3}", "output": f"out {place}", "definition": f"def {place // 2}"}
            tx.versions.add(version(name, place, at=NOW + timedelta(days=place), **own, **more))
    return catalogue


def test_versions_are_found_by_each_field_newest_first(several: Catalogue) -> None:
    with several.read() as tx:
        assert found(tx) == list("fedcba")
        assert found(tx, node="c") == ["c"]
        assert found(tx, kind="source") == found(tx, by="bob") == list("fdb")
        assert found(tx, run="run_1") == list("fed")
        assert found(tx, output="out 4") == found(tx, recipe="recipe 4") == ["e"]
        assert found(tx, definition="def 1") == list("dc")
        assert found(tx, digest=f"{3:012x}".ljust(40, "0")) == ["d"]
        assert found(tx, by="carl") == []


def test_versions_are_found_by_several_fields_and_times(several: Catalogue) -> None:
    with several.read() as tx:
        assert found(tx, by="bob", run="run_0") == ["b"]
        assert found(tx, since=NOW + timedelta(days=2), until=NOW + timedelta(days=4)) == list("dc")
        assert found(tx, since=NOW + timedelta(days=2), by="bob") == list("fd")


def test_a_page_begins_behind_the_last_of_the_one_before(several: Catalogue) -> None:
    with several.read() as tx:
        first = tx.versions.find(Wanted(limit=4))
        assert [one.node for one in first] == list("fedc")
        assert found(tx, limit=4, behind=first[-1].id) == list("ba")
        assert found(tx, by="bob", behind=version("d", 3).id) == ["b"]


def test_what_is_found_has_its_edges(catalogue: Catalogue) -> None:
    source = version("flights", 1, kind="source", watermark=NOW)
    model = version("careful", 2, edges=[EdgeRecord("trains on", "train", source.id)])
    with catalogue.write() as tx:
        tx.versions.add(source)
        tx.versions.add(model)
        assert [one.edges for one in tx.versions.find(Wanted())] == [model.edges, []]


def test_a_list_tells_of_the_same_versions_in_the_same_order(several: Catalogue) -> None:
    with several.read() as tx:
        for wanted in (
            Wanted(),
            Wanted(by="bob"),
            Wanted(limit=2),
            Wanted(since=NOW + timedelta(days=2), kind="model"),
        ):
            whole = [tx.versions.get(one.id) for one in tx.versions.find(wanted)]
            told = [{name: getattr(one, name) for name in VersionLine.__struct_fields__} for one in whole]
            assert [msgspec.structs.asdict(one) for one in tx.versions.lines(wanted)] == told


def test_another_project_finds_nothing_of_it(several: Catalogue, opening: Callable[..., Catalogue]) -> None:
    with opening("other").read() as tx:
        assert tx.versions.find(Wanted(by="bob")) == []

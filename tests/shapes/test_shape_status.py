"""Each behaviour of status and plan, on each shape of graph."""

from __future__ import annotations

import dataclasses
import os
import random
from collections.abc import Iterator

import pytest
from tests.shapes.conftest import History, Written, actions
from tests.shapes.generator import Declared, Shape
from tests.shapes.grooming import groomed

from soroi.base.errors import DeclarationError, RefusedError
from soroi.base.reason import Reason
from soroi.build.status import NodeStatus

FRESH = {"fresh"}


def leaves(reason: Reason) -> Iterator[Reason]:
    """What a tree of reasons ends in."""
    if not reason.because:
        yield reason
    for one in reason.because:
        yield from leaves(one)


def causes(status: NodeStatus) -> list[Reason]:
    return [leaf for reason in status.reasons for leaf in leaves(reason)]


def least_work(shape: Shape, stale: set[str]) -> dict[str, str]:
    """What the plan should say when these are stale."""
    refits = set(shape.of_kind("threshold"))
    return {name: "nothing" if name not in stale else "refit" if name in refits else "build" for name in shape.ids}


def test_all_is_missing_then_built_then_fresh(shape: Shape, history: History) -> None:
    assert set(history.before.values()) == {"missing"}
    assert set(history.planned.values()) == {"build"}
    assert sorted(history.ran) == sorted(shape.own_ids)
    assert history.first.ok
    assert set(history.first.nodes) == set(shape.ids)
    assert history.after == dict.fromkeys(shape.ids, "fresh")
    assert set(history.then.values()) <= {"nothing", "stage"}
    assert {name for name, action in history.then.items() if action == "stage"} == set(shape.of_kind("decision"))


def test_a_second_build_builds_nothing_and_the_whole_is_in_step(shape: Shape, history: History) -> None:
    assert {name: one.status for name, one in history.again.nodes.items()} == dict.fromkeys(shape.ids, "reused")
    assert {name: one.id for name, one in history.again.versions.items()} == {
        name: one.id for name, one in history.first.versions.items()
    }
    assert history.behind == ()


def test_once_released_all_is_fresh_and_there_is_nothing_to_do(shape: Shape, written: Written) -> None:
    assert written.statuses() == dict.fromkeys(shape.ids, "fresh")
    plan = written.project.plan()
    assert {one.action.value for one in plan.nodes} == {"nothing"}
    assert plan.commands == ()
    assert set(written.picks()) == set(shape.of_kind("features", "model", "threshold", "decision"))


def test_an_edit_two_modules_away_reaches_exactly_who_uses_it_and_is_named(shape: Shape, written: Written) -> None:
    for helper in shape.helpers:
        written.becomes(shape.with_helper(helper, op="+"))
        reached = shape.reached_by(helper)
        below = shape.below(reached)
        found = written.project.statuses()
        assert {name for name, one in found.items() if one.state.value == "stale"} == below, helper
        assert {found[name].state.value for name in shape.ids if name not in below} <= FRESH
        for name in below:
            texts = [one.text for one in causes(found[name])]
            assert any(f"{helper}()" in text and "deep.py" in text for text in texts), (name, texts)
        written.becomes(shape.with_helper(helper, scale="2.5"))
        assert written.stale() == below
        constant = shape.helpers[helper].constant
        for name in reached:
            assert any(constant in one.text for one in written.project.statuses()[name].reasons), name
            own = next(one for one in found[name].reasons if f"{helper}()" in one.text)
            assert "value + " in str(own.facts["difference"])


def test_the_plan_gives_the_least_work_and_what_if_foretold_it(shape: Shape, written: Written) -> None:
    owners = {one.name: None if one.group != "team" else "team@example.com" for one in shape.nodes}
    foretold = {name: written.project.what_if(name) for name in shape.ids}
    for helper in shape.helpers:
        reached = shape.reached_by(helper)
        written.becomes(shape.with_helper(helper, op="+"))
        plan = written.project.plan()
        assert {one.node: one.action.value for one in plan.nodes} == least_work(shape, shape.below(reached)), helper
        work = {one.node for name in reached for one in foretold[name].affected if one.work.is_work}
        assert work == written.stale()
        for one in plan.nodes:
            assert set(one.reaches) == (shape.decisions_below(one.node) if one.action.is_work else set())
            assert one.owner == owners[one.node.partition("[")[0]]
        assert plan.commands[0].startswith("soroi build")


def test_what_if_names_everything_below_with_its_decisions(shape: Shape, written: Written) -> None:
    for name in shape.ids:
        found = written.project.what_if(name)
        assert {one.node for one in found.affected} == shape.below([name], fitted=False)
        assert {one.node for one in found.affected if one.work.is_work} == shape.below([name])
        assert set(found.decisions) == shape.decisions_below(name)
        live = {one.node for one in found.affected if one.live}
        assert live == shape.below([name], fitted=False) - set(shape.of_kind("source", "dataset"))


def test_a_parameter_a_policy_and_data_each_name_their_kind(shape: Shape, written: Written) -> None:
    def reasons(changed: Shape, name: str) -> set[str]:
        written.becomes(changed)
        found = written.project.statuses()
        assert {one for one, status in found.items() if status.state.value == "stale"} == shape.below(shape[name].ids)
        return {one.kind for member in shape[name].ids for one in found[member].reasons}

    for one in shape.own:
        if one.kind == "model":
            assert "parameter" in reasons(shape.with_node(one.name, strength="1.5"), one.name)
        if one.kind == "threshold":
            assert "policy" in reasons(shape.with_node(one.name, bound="0.4"), one.name)
    written.becomes(shape)
    for name in shape.own_of_kind("source"):
        path = written.folder / f"{name}.csv"
        before = path.stat()
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns + 1))
        found = written.project.statuses()
        assert [reason.kind for reason in found[name].reasons] == ["data"]
        assert {one for one, status in found.items() if status.state.value == "stale"} == shape.below([name])
        assert all(any(cause.kind == "data" for cause in causes(found[one])) for one in shape.below([name]))
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert written.stale() == set()


def test_comments_format_docstrings_annotations_owners_and_order_make_nothing_stale(
    shape: Shape, written: Written
) -> None:
    before = written.digests()
    described = dataclasses.replace(shape, doc="Another one.", owner="new@example.com", order=lambda texts: texts[::-1])
    assert described.files() != shape.files()
    written.becomes(described)
    for name, text in groomed(described.files(), random.Random(0)).items():
        (written.folder / name).write_text(text)
    assert written.digests() == before
    assert written.statuses() == dict.fromkeys(shape.ids, "fresh")
    assert actions(written) == dict.fromkeys(shape.ids, "nothing") | dict.fromkeys(shape.own_ids, "describe")
    owners = {one.node: one.owner for one in written.project.plan().nodes}
    assert {owners[name] for name in shape.own_ids} == {"new@example.com"}
    assert {owners[name] for name in set(shape.ids) - set(shape.own_ids)} <= {"team@example.com"}
    assert {one.status for one in written.build().nodes.values()} == {"reused"}
    assert set(actions(written).values()) == {"nothing"}


def consumers(shape: Shape, one: Declared) -> list[Declared]:
    return [other for other in shape.nodes if one.name in other.inputs]


def _with_options(shape: Shape, one: Declared, options: str) -> Shape:
    """The same, with options given to one declaration, wherever it is."""
    if not one.shared:
        return shape.with_node(one.name, options=options)
    assert shape.other is not None
    already = shape.other[one.there].options
    return shape.with_other(shape.other.with_node(one.there, options=f"{already}, {options}"))


def test_a_deprecation_is_told_to_all_below_and_makes_nothing_stale(shape: Shape, written: Written) -> None:
    for one in shape.nodes:
        end = 'deprecated=so.deprecated(since="2200-01-01", use_instead="it")'
        written.becomes(_with_options(shape, one, end))
        found = written.project.statuses()
        assert {status.state.value for status in found.values()} == FRESH, one.name
        told = {name for name, status in found.items() if any(f"'{one.name}" in note for note in status.notes)}
        assert told == shape.below(one.ids, fitted=False) - set(one.ids), one.name
        for name in told:
            instead = f"use '{one.name.removesuffix(one.there)}it' instead"
            assert all("2200-01-01" in note and instead in note for note in found[name].notes)
            assert all("team@example.com" in note for note in found[name].notes)
    assert {status.status for status in written.build().nodes.values()} == {"reused"}


def test_a_new_consumer_of_what_is_deprecated_is_refused_and_named(shape: Shape, written: Written) -> None:
    for one in shape.own:
        if not consumers(shape, one):
            continue
        written.becomes(shape.with_node(one.name, options='deprecated=so.deprecated(since="2020-01-01")'))
        with pytest.raises(RefusedError, match="is new and may not use") as caught:
            written.attempt()
        assert f"'{one.name}" in caught.value.message
        assert any(f"'{other.name}" in caught.value.message for other in consumers(shape, one))


def test_a_private_node_is_refused_to_other_groups_naming_both_and_whom_to_ask(shape: Shape, written: Written) -> None:
    for one in shape.own:
        written.becomes(shape.with_node(one.name, options='access="private"'))
        assert written.stale() == set(), "within its group"
        written.becomes(shape.with_node(one.name, options='access="private"', group="others"))
        refused = [other for other in consumers(shape, one) if other.kind != "threshold"]
        if not refused:  # a threshold is of its model's group
            assert written.stale() == set()
            continue
        with pytest.raises(DeclarationError, match="it is private to its group") as caught:
            written.statuses()
        text = str(caught.value.message)
        assert any(f"'{name}' (others)" in text for name in one.ids)
        assert any(f"'{name}' (team)" in text for other in refused for name in other.ids)
        assert "ask others@example.com" in str(caught.value.hint)

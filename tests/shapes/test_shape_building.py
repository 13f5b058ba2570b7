"""Each behaviour of building, staging and releasing, on each shape of graph."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from tests.projects import InlineExecutor, states
from tests.shapes.conftest import Written, actions
from tests.shapes.generator import FORMS, PLAIN, Helper, Shape

from soroi.base.errors import OutOfStepError
from soroi.build.result import RunResult
from soroi.build.status import NodeStatus


def ran(written: Written) -> tuple[RunResult, set[str]]:
    """Build all; what came of it, and the nodes that were run."""
    executor = InlineExecutor()
    return written.build(executor=executor), set(executor.ran)


def swapped(shape: Shape, name: str) -> Shape:
    """The same outputs from other code: the factors of a product exchanged."""
    return shape.with_helper(f"{name}_core", form="swapped")


@pytest.fixture(autouse=True)
def _another_form(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FORMS, "swapped", FORMS[PLAIN].replace("value {op} {H}", "{H} {op} value"))


def test_features_refactored_to_an_equal_output_stop_the_chain_and_stay_in_step_by_a_claim(
    shape: Shape, written: Written
) -> None:
    for name in shape.own_of_kind("features"):
        shape = swapped(shape, name)
        written.becomes(shape)
        assert written.stale() == shape.below([name])
        result, work = ran(written)
        assert work == {name}
        assert written.stale() == {name}, "its code runs in serving, so what is staged is not what is declared"
        assert actions(written) == dict.fromkeys(shape.ids, "nothing") | {name: "stage"}
        staged = written.project.stage(name)
        assert staged.changed == {name: (staged.changed[name][0], result.versions[name].id)}
        assert staged.report.behind == {}
        assert staged.manifest is not None
        assert staged.manifest.claims
        assert written.project.release().moved
        assert written.stale() == set()


def test_other_nodes_refactored_to_an_equal_output_stop_the_chain_and_leave_nothing_to_do(
    shape: Shape, written: Written
) -> None:
    live = written.live()
    last = {one.kind: one for one in shape.nodes}
    for one in (last["source"], last["dataset"], last["model"]):
        shape = swapped(shape, one.name)
        written.becomes(shape)
        assert written.stale() == shape.below(one.ids)
        assert ran(written)[1] == set(one.ids)
        assert written.stale() == set(), one.name
        assert set(actions(written).values()) == {"nothing"}
    assert written.live() == live


def test_candidates_change_no_status_and_the_staged_one_puts_exactly_its_dependents_behind(
    shape: Shape, written: Written
) -> None:
    models = shape.own_of_kind("model")
    picked = dict.fromkeys((models[0], models[len(models) // 2], models[-1]))
    for at, name in enumerate(picked):
        before = {one: (status.state, status.version, status.staged, status.live) for one, status in found(written)}
        counts = {one: status.candidates for one, status in found(written)}
        strength = 0.01 * (at + 1)
        result = written.build(name, set={name: {"strength": strength}})
        assert set(result.versions) == {name}
        assert {one: (s.state, s.version, s.staged, s.live) for one, s in found(written)} == before
        assert {one: s.candidates for one, s in found(written)} == counts | {name: counts[name] + 1}
        assert set(actions(written).values()) == {"nothing"}
        live = written.live()
        report = written.project.stage(result.versions[name].id).report
        expected = shape.below([name]) - {name}
        assert set(report.behind) == expected
        assert report.missing == ()
        assert written.stale() == expected
        assert {one for one, action in actions(written).items() if action != "nothing"} == expected
        with pytest.raises(OutOfStepError) as caught:
            written.project.release()
        assert all(one in caught.value.message or len(expected) > 12 for one in expected)
        assert written.live() == live
        again = written.build(behind=True)
        assert set(again.nodes) == expected
        assert written.project.stage(behind=True).manifest is not None
        assert written.project.release().moved
        assert written.stale() == set()


def found(written: Written) -> list[tuple[str, NodeStatus]]:
    return list(written.project.statuses().items())


def test_a_failing_node_stops_only_what_rests_on_it(shape: Shape, written: Written) -> None:
    for one in shape.own:
        if one.kind in ("threshold", "decision"):
            continue
        written.becomes(shape.with_helper(f"{one.name}_core", op="* [][1] *"))
        result = written.attempt()
        stopped = shape.below(one.ids) - set(one.ids)
        told = states(result)
        assert {name for name, state in told.items() if state == "failed"} == set(one.ids), one.name
        assert {name for name, state in told.items() if state == "skipped"} == stopped
        assert {told[name] for name in shape.ids if name not in stopped | set(one.ids)} <= {"reused"}
        assert written.stale() == stopped | set(one.ids), "what was built before is still there, and stale"
    written.becomes(shape)
    assert {one.status for one in written.build().nodes.values()} == {"reused"}


def test_what_is_built_after_an_edit_was_stale_and_what_was_fresh_gives_the_same_again(
    shape: Shape, written: Written
) -> None:
    before = {name: status.version for name, status in written.project.statuses().items()}
    helper = "common" if "common" in shape.helpers else "basic_core"
    written.becomes(shape.with_helper(helper, op="+"))
    stale = written.stale()
    result = written.build(force=True)
    assert result.versions.keys() == before.keys()
    for name, version in before.items():
        assert version is not None
        old, new = written.project.version(version), result.versions[name]
        if name not in stale:
            assert (old.id, old.output) == (new.id, new.output)
    changed = {name for name, old in before.items() if old and result.versions[name].id != old}
    assert changed <= stale
    assert {name for name in stale if name in shape.reached_by(helper)} <= changed
    assert written.project.stage(everything=True).manifest is not None
    assert written.stale() == set()


def test_the_description_foretells_what_the_declarations_say(shape: Shape, written: Written) -> None:
    graph = written.project.graph
    assert set(graph.names) == set(shape.ids)
    assert {(node.name, edge.producer) for node in graph for edge in node.edges} == set(shape.edges(fitted=False))


def test_a_shape_writes_the_same_files_from_the_same_description(shape: Shape, tmp_path: Path) -> None:
    again = dataclasses.replace(shape, helpers={name: Helper(**vars(one)) for name, one in shape.helpers.items()})
    first, second = again.write(tmp_path / "a"), shape.write(tmp_path / "b")
    assert all((first / name).read_text() == (second / name).read_text() for name in shape.files())

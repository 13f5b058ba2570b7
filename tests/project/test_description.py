"""A new owner, text or access: recorded, shown by the plan, and built for never."""

from __future__ import annotations

from tests.projects import FEBRUARY, Tiny, edit


def test_a_new_description_is_planned_recorded_by_a_build_and_builds_nothing(tiny: Tiny) -> None:
    edit(tiny.folder, '"""A slower guess."""', '"""A slower and better guess."""')
    assert set(tiny.statuses().values()) == {"fresh"}
    plan = tiny.project.plan()
    assert {one.node: one.action.value for one in plan.nodes if one.action.is_work} == {"careful": "describe"}
    assert plan.commands == ("soroi build careful",)
    result = tiny.build(as_of=FEBRUARY)
    assert {one.status for one in result.nodes.values()} == {"reused"}
    assert not any(one.action.is_work for one in tiny.project.plan().nodes)
    with tiny.project.store.catalogue.read() as tx:
        told = tx.events.list(kind="node.described", subject="careful")
        assert [one.body["description"]["doc"] for one in told] == ["A slower guess.", "A slower and better guess."]
        assert tx.events.verify() == []

"""What a plan tells beside the work: who is live where, whom it concerns, what it costs, and every kind of cause."""

from __future__ import annotations

import msgspec
import pytest
from tests.projects import SMALL, Maker, Tiny, edit, write_data

from soroi.base.errors import RefusedError
from soroi.base.reason import Reason
from soroi.build.status import NodeStatus
from soroi.release import ReleasePlan
from soroi.release.plan import PlanNode
from soroi.rules import Finding


def plan(tiny: Tiny) -> ReleasePlan:
    tiny.project.reload()
    made = tiny.project.plan()
    body = made.to_dict()
    assert msgspec.json.decode(msgspec.json.encode(body)) == body
    return made


def node(tiny: Tiny, name: str) -> PlanNode:
    return next(one for one in plan(tiny).nodes if one.node == name)


def kinds(tiny: Tiny, name: str) -> set[str]:
    """Kinds of all causes in the tree of a node."""
    return {one.kind for reason in node(tiny, name).because for one in reason.walk()}


# ── who is live where ─────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_names_the_live_decisions_that_its_work_reaches_and_where(tiny: Tiny) -> None:
    tiny.project.release("test-bench")
    edit(tiny.folder, "strength: float = 2.0", "strength: float = 0.02")
    assert node(tiny, "careful").live_uses == {"production": ("check", "other"), "test-bench": ("check", "other")}
    assert node(tiny, "second").live_uses == {"production": ("other",), "test-bench": ("other",)}
    assert node(tiny, "quick").live_uses == {}, "there is nothing to do for it"


def test_a_decision_that_was_declared_since_is_reached_and_not_live(tiny: Tiny) -> None:
    code = tiny.folder / "tiny.py"
    late = 'new = so.decision(cascade=[careful_cut], deadline="1s", positive="stop", negative="go", fail_safe="go")\n'
    code.write_text(code.read_text().replace("strength: float = 2.0", "strength: float = 0.02") + late)
    assert set(node(tiny, "careful_cut").reaches) == {"check", "new"}
    assert node(tiny, "careful_cut").live_uses == {"production": ("check",)}


def test_what_is_only_staged_is_not_live(make: Maker) -> None:
    tiny = make(SMALL)
    tiny.build()
    tiny.project.stage(everything=True)
    edit(tiny.folder, "strength: float = 1.0", "strength: float = 0.5")
    assert node(tiny, "guess").reaches == ("check",)
    assert node(tiny, "guess").live_uses == {}


def test_a_plan_names_the_owners_of_a_node_and_of_the_decisions_it_reaches(make: Maker) -> None:
    groups = 'ours = so.group("ours", owner="a@example.com")\ntheirs = so.group("theirs", owner="b@example.com")\n'
    code = SMALL.replace("import soroi as so\n", "import soroi as so\n\n" + groups)
    code = code.replace('split=so.by_time(test="7d"))', 'split=so.by_time(test="7d"), group=ours)')
    tiny = make(code.replace('fail_safe="go")', 'fail_safe="go", group=theirs)'))
    assert node(tiny, "guess").owners == ("a@example.com", "b@example.com")
    assert node(tiny, "check").owners == ("b@example.com",)
    tiny.build()
    assert node(tiny, "basic").owners == (), "there is nothing to do for it"


# ── what it costs ─────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_plan_tells_what_its_builds_took_and_which_were_never_measured(make: Maker) -> None:
    tiny = make(SMALL)
    first = plan(tiny)
    assert (first.seconds, set(first.unmeasured)) == (0, set(tiny.project.graph.names))
    tiny.build()
    assert (plan(tiny).seconds, plan(tiny).unmeasured) == (0, ())
    edit(tiny.folder, "strength: float = 1.0", "strength: float = 0.5")
    made = plan(tiny)
    costly = [one for one in made.nodes if one.action.is_costly]
    assert {one.node for one in costly} == {"guess", "cut"}
    assert made.seconds == pytest.approx(sum(one.seconds or 0 for one in costly))
    assert made.seconds > 0
    assert made.to_dict()["seconds"] == round(made.seconds, 3)


# ── every kind of cause ───────────────────────────────────────────────────────────────────────────────────────────


def test_each_edit_shows_as_a_cause_of_its_kind(tiny: Tiny) -> None:
    code = tiny.folder / "tiny.py"
    code.write_text(code.read_text().replace("C=strength", "C=strength / 2", 1))
    edit(tiny.folder, "strength: float = 2.0", "strength: float = 0.02")
    edit(tiny.folder, 'deadline="100ms",\n', 'deadline="90ms",\n')
    assert kinds(tiny, "quick") == {"code"}
    assert kinds(tiny, "careful") == {"parameter"}
    assert {"policy", "upstream", "code"} <= kinds(tiny, "check")
    write_data(tiny.folder, 2450)
    assert "data" in kinds(tiny, "items")


def test_a_library_of_another_version_is_a_cause_of_the_environment(
    tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soroi.codebase.kept import KeptDeclarations
    from soroi.project import parts

    monkeypatch.setattr(parts, "library_version", lambda top: f"{top}==9999")
    monkeypatch.setattr(KeptDeclarations, "read", lambda self: None)
    assert kinds(tiny, "quick") >= {"environment"}
    assert "code" not in kinds(tiny, "quick")


def test_a_new_use_that_is_not_allowed_any_more_is_told_before_the_build_refuses_it(make: Maker) -> None:
    old = 'features(items, deprecated=so.deprecated(since="2026-03-01"))'
    tiny = make(SMALL.replace("features(items)", old))
    refused = [one for one in node(tiny, "examples").because if one.kind == "access"]
    assert [one.text for one in refused] == [
        "it is new and may not use features 'basic', which is deprecated since 2026-03-01"
    ]
    with pytest.raises(RefusedError, match="may not use features 'basic'"):
        tiny.build()


def test_a_deprecation_that_has_not_begun_refuses_nothing(make: Maker) -> None:
    old = 'features(items, deprecated=so.deprecated(since="2999-01-01"))'
    assert kinds(make(SMALL.replace("features(items)", old)), "examples") == {"missing"}


def test_a_gate_that_refused_the_set_is_told_until_it_is_live(make: Maker) -> None:
    tiny = make(SMALL)
    tiny.build()
    tiny.project.stage(everything=True)
    assert plan(tiny).held_up is None
    good, tiny.judge = tiny.judge, lambda manifest: Finding(False, Reason("loads", "the model file is damaged"))
    with pytest.raises(RefusedError):
        tiny.project.release()
    made = plan(tiny)
    assert made.held_up is not None
    assert made.held_up.kind == "gate"
    assert made.held_up.text.startswith(f"{made.manifest} was refused for production on ")
    assert any("the model file is damaged" in line for line in made.held_up.lines())
    assert "the model file is damaged" in repr(made)
    assert tiny.project.plan("elsewhere").held_up is None
    tiny.judge = good
    tiny.project.release()
    assert plan(tiny).held_up is None


def test_a_reason_read_back_is_the_reason_that_was_written() -> None:
    one = Reason("gate", "no", "m", because=(Reason("loads", "damaged", facts={"at": 1}),))
    assert Reason.from_dict(one.to_dict()) == one


def test_an_unknown_never_loses_its_reason(tiny: Tiny) -> None:
    (tiny.folder / "items.csv").unlink()
    found: NodeStatus = tiny.project.statuses()["items"]
    assert node(tiny, "items").because == found.reasons

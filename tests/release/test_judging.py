from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from tests.projects import Tiny, edit, names_of
from tests.release.test_gates import ask

from soroi.base.errors import OutOfStepError, RefusedError, UnknownNameError
from soroi.base.reason import Reason
from soroi.base.runtime import ManualClock, Runtime
from soroi.release.case import verdict_digest
from soroi.release.manifest import Manifest
from soroi.release.plan import Action
from soroi.release.verdicts import GateState
from soroi.rules import Finding

COUNTS = '''@so.gate(cost="{cost}", mandatory={mandatory})
def own(case):
    """Counts how often it is asked."""
    with open("asked.txt", "a") as file:
        file.write("x")
    return {said}'''


@pytest.fixture(autouse=True)
def _here(tiny: Tiny, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tiny.folder)


def asked(tiny: Tiny) -> int:
    """How often the gate ``own`` was asked."""
    path = tiny.folder / "asked.txt"
    return len(path.read_text()) if path.exists() else 0


def own(tiny: Tiny, said: str = "True", *, cost: str = "cheap", mandatory: bool = True, more: str = "") -> None:
    ask(tiny, f"judged_by=[own{more}]", before=COUNTS.format(said=said, cost=cost, mandatory=mandatory))


def another(tiny: Tiny, strength: float = 0.1) -> str:
    """Seal a manifest in which ``check`` rests on another model; gives its id."""
    result = tiny.build("quick", "quick_cut", "check", set={"quick": {"strength": strength}})
    manifest = tiny.project.stage(*(one.id for one in result.versions.values())).manifest
    assert manifest is not None
    return manifest.id


def state(tiny: Tiny, name: str) -> GateState:
    found = {one.gate.name: one for one in tiny.project.plan().gates}
    return found[name]


# ── verdicts ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_verdict_is_bound_to_its_gate_its_versions_and_its_figures(tiny: Tiny) -> None:
    ask(tiny, "judged_by=[so.at_least(so.precision, 0.3)]")
    made, standing = tiny.project.judge("precision")
    (verdict,) = made
    gate = next(one for one in standing.gates.gates if one.name == "precision:check")
    assert (verdict.gate, verdict.gate_digest, verdict.outcome) == ("precision:check", gate.digest, "pass")
    manifest = tiny.project.manifest()
    rests_on = {manifest.picks[name] for name in ("check", "quick_cut", "careful_cut", "quick", "careful", "basic")}
    assert set(verdict.subjects) == rests_on
    (figure,) = verdict.figures
    assert figure["name"] == "precision"
    assert figure["low"] <= figure["value"] <= figure["high"]
    assert verdict.judged_by == f"soroi for {tiny.project.runtime.actor}"
    assert verdict.data["manifest"] == manifest.id
    with tiny.project.store.catalogue.read() as tx:
        assert verdict_digest(tx.verdicts.get(verdict.id)) == verdict_digest(verdict), "it is recorded as it was made"


def test_what_was_judged_is_not_judged_again(tiny: Tiny) -> None:
    own(tiny)
    another(tiny)
    tiny.project.judge()
    assert asked(tiny) == 1
    tiny.project.judge()
    tiny.project.release()
    assert asked(tiny) == 1


def test_a_gate_that_is_named_or_asked_again_is_judged_again(tiny: Tiny) -> None:
    own(tiny)
    tiny.project.judge()
    tiny.project.judge("own")
    tiny.project.judge("own:check")
    tiny.project.judge(again=True)
    assert asked(tiny) == 4


def test_another_decision_may_change_without_judging_this_one_again(tiny: Tiny) -> None:
    own(tiny)
    tiny.project.judge()
    edit(tiny.folder, "    return LogisticRegression().fit(X, y)", "    return LogisticRegression(C=0.5).fit(X, y)")
    result = tiny.build("second", "second_cut", "other")
    assert tiny.project.stage(*(one.id for one in result.versions.values())).manifest is not None
    assert tiny.project.plan().releasable
    tiny.project.release()
    assert asked(tiny) == 1


def test_other_versions_are_judged_anew(tiny: Tiny) -> None:
    own(tiny)
    tiny.project.judge()
    another(tiny)
    assert state(tiny, "own:check").state == "missing"
    tiny.project.release()
    assert asked(tiny) == 2


def test_a_failure_is_judged_again_by_the_next_release(tiny: Tiny) -> None:
    own(tiny, "False")
    another(tiny)
    for _ in range(2):
        with pytest.raises(RefusedError, match="own says no"):
            tiny.project.release()
    assert asked(tiny) == 2


def test_a_changed_gate_is_judged_again_and_the_plan_says_so_with_its_cause(tiny: Tiny) -> None:
    own(tiny)
    another(tiny)
    tiny.project.judge()
    assert state(tiny, "own:check").state == "satisfied"
    edit(tiny.folder, "return True", "return 1 < 2")
    tiny.project.reload()
    plan = tiny.project.plan()
    node = next(one for one in plan.nodes if one.node == "check")
    assert node.action is Action.JUDGE
    assert [one.kind for one in node.because] == ["gate"]
    assert "the gate's definition changed" in node.because[0].text
    assert plan.commands == ("soroi release",)
    tiny.project.release()
    assert asked(tiny) == 2


def test_a_changed_gate_of_what_is_live_asks_for_judging_and_builds_nothing(tiny: Tiny) -> None:
    own(tiny)
    plan = tiny.project.plan()
    assert plan.commands == ("soroi judge",)
    assert {one.node: one.action for one in plan.nodes if one.action.is_work} == {"check": Action.JUDGE}
    assert not Action.JUDGE.is_build
    assert not Action.JUDGE.is_costly


def test_a_verdict_on_the_machine_does_not_hold_for_ever(tiny: Tiny) -> None:
    clock = ManualClock(datetime(2099, 1, 1, tzinfo=UTC))
    aging = Tiny(tiny.folder, runtime=Runtime(clock=clock))
    aging.project.judge()
    found = {one.gate.name: one.state for one in aging.project.plan().gates}
    assert found["loads and answers"] == "satisfied"
    clock.advance(timedelta(days=8))
    late = {one.gate.name: one for one in aging.project.plan().gates}
    assert late["loads and answers"].state == "missing"
    assert "too old" in late["loads and answers"].reason.text
    assert late["in step"].state == "satisfied"
    aging.close()


# ── the order of cost ─────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(("mandatory", "dear"), [(True, 0), (False, 1)])
def test_a_dear_gate_is_spared_when_a_cheap_mandatory_one_fails(tiny: Tiny, mandatory: bool, dear: int) -> None:
    ask(
        tiny,
        "judged_by=[cheap, own]",
        before=f'@so.gate(cost="cheap", mandatory={mandatory})\ndef cheap(case):\n    return False\n\n\n'
        + COUNTS.format(cost="dear", mandatory=True, said="True"),
    )
    seen: list[str] = []

    def judge(manifest: Manifest) -> Finding:
        seen.append(manifest.id)
        return Finding(True, Reason("loads", "it loads"))

    tiny.judge = judge
    made, standing = tiny.project.judge(again=True)
    assert (asked(tiny), len(seen)) == (dear, dear)
    assert {one.gate: one.outcome for one in made}["cheap:check"] == "fail"
    assert standing.holds is not mandatory


def test_gates_of_one_cost_are_all_judged_so_that_all_faults_are_told(tiny: Tiny) -> None:
    own(tiny, "False", more=", so.data_checks(positives=10_000)")
    made, _ = tiny.project.judge()
    outcomes = {one.gate: one.outcome for one in made}
    assert (outcomes["own:check"], outcomes["data:check"]) == ("fail", "fail")


# ── outcomes ──────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.mark.parametrize(
    ("said", "outcome", "holds"),
    [
        ("True", "pass", True),
        ("False", "fail", False),
        ('so.Judgement("not_applicable", "nothing to do")', "not_applicable", True),
        ('so.Judgement("inconclusive", "too few rows")', "inconclusive", False),
        ("1 / 0", "error", False),
        ("None", "error", False),
        ('so.Judgement("fine", "a slip of the pen")', "error", False),
        ('so.Judgement("pass", "it says so", figures=[3])', "error", False),
    ],
)
def test_whatever_a_gate_says_or_raises_comes_to_an_outcome(tiny: Tiny, said: str, outcome: str, holds: bool) -> None:
    own(tiny, said)
    made, _ = tiny.project.judge("own")
    assert made[0].outcome == outcome
    assert state(tiny, "own:check").stands_in_the_way is not holds


def test_a_gate_that_is_not_mandatory_is_shown_and_stops_nothing(tiny: Tiny) -> None:
    own(tiny, "False", mandatory=False)
    new = another(tiny)
    assert tiny.project.release().head.manifest == new
    assert state(tiny, "own:check").state == "failed"


def test_a_refusal_names_the_gates_and_records_the_verdicts(tiny: Tiny) -> None:
    own(tiny, 'so.Judgement("fail", "not on a Friday")')
    new = another(tiny)
    with pytest.raises(RefusedError, match="not on a Friday") as told:
        tiny.project.release()
    assert [one["gate"] for one in told.value.fields["gates"]] == ["own:check", "loads and answers"]
    with tiny.project.store.catalogue.read() as tx:
        (refused,) = tx.events.list(kind="release.refused", subject=new)
    assert refused.body["environment"] == "production"


def test_judging_needs_a_sealed_set_and_gates_that_are_there(tiny: Tiny) -> None:
    own(tiny)
    with pytest.raises(UnknownNameError, match="no gate is called 'owm'") as told:
        tiny.project.judge("owm")
    assert "own" in (told.value.hint or "")
    tiny.project.stage(remove=["check"])
    with pytest.raises(OutOfStepError, match="nothing to judge"):
        tiny.project.judge()


# ── conditions of the environment ─────────────────────────────────────────────────────────────────────────────────


def require(tiny: Tiny, condition: str) -> None:
    edit(
        tiny.folder, "check = so.decision(", f'so.environment("production", requires={condition})\ncheck = so.decision('
    )
    tiny.project.reload()


def test_a_name_without_a_decision_stands_for_the_worst_of_all_decisions(tiny: Tiny) -> None:
    own(tiny)
    require(tiny, 'so.passed("own")')
    another(tiny)
    assert tiny.project.release().moved
    edit(tiny.folder, "return True", "return False")
    tiny.project.reload()
    another(tiny, 0.2)
    with pytest.raises(RefusedError, match="own says no"):
        tiny.project.release()


def test_a_gate_that_is_required_and_that_nobody_declared_stops_a_release(tiny: Tiny) -> None:
    require(tiny, 'so.passed("latency")')
    another(tiny)
    with pytest.raises(RefusedError, match="'latency' has not been judged"):
        tiny.project.release()


def test_nothing_is_released_in_a_freeze(tiny: Tiny) -> None:
    toml = tiny.folder / "soroi.toml"
    said = "\n[environments.production]\nrequires = 'not_during(\"freeze\")'\n"
    toml.write_text(toml.read_text() + said + "\n[windows.freeze]\nfrom = 2026-01-10\nuntil = 2026-01-20\n")
    clock = ManualClock()
    frozen = Tiny(tiny.folder, runtime=Runtime(clock=clock))
    new = another(frozen)
    clock.advance(timedelta(days=12))
    with pytest.raises(RefusedError, match="it is in the window 'freeze'"):
        frozen.project.release()
    clock.advance(timedelta(days=12))
    assert frozen.project.release().head.manifest == new
    frozen.close()


# ── people ────────────────────────────────────────────────────────────────────────────────────────────────────────


@pytest.fixture
def _keys(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOROI_KEYS", str(tmp_path / "keys"))


@pytest.mark.usefixtures("_keys")
def test_a_sign_off_is_asked_for_after_judging_and_lets_the_release_pass(tiny: Tiny) -> None:
    own(tiny, more=', so.signed_off("audit")')
    new = another(tiny)
    assert tiny.project.plan().commands == ("soroi judge", "soroi approve --kind audit", "soroi release")
    tiny.project.judge()
    assert tiny.project.plan().commands == ("soroi approve --kind audit", "soroi release")
    with pytest.raises(RefusedError, match="0 of 1 approval by audit") as told:
        tiny.project.release()
    assert "soroi approve --kind audit" in (told.value.hint or "")
    tiny.project.approve(kind="audit")
    assert tiny.project.plan().commands == ("soroi release",)
    assert tiny.project.release().head.manifest == new


@pytest.mark.usefixtures("_keys")
def test_an_approval_does_not_survive_another_verdict_or_another_gate(tiny: Tiny) -> None:
    own(tiny, more=', so.signed_off("audit")')
    another(tiny)
    tiny.project.judge()
    tiny.project.approve(kind="audit")
    tiny.project.judge("own")
    assert state(tiny, "signed off: audit:check").state == "missing"
    tiny.project.approve(kind="audit")
    assert state(tiny, "signed off: audit:check").state == "satisfied"
    edit(tiny.folder, "return True", "return 1 < 2")
    tiny.project.reload()
    lines = list(state(tiny, "signed off: audit:check").reason.lines())
    assert any("no longer counts" in line for line in lines)


# ── breaking the glass ────────────────────────────────────────────────────────────────────────────────────────────


def test_the_glass_is_broken_with_a_reason_and_stays_visible(tiny: Tiny) -> None:
    own(tiny, "False")
    require(tiny, 'so.approved_by("owner")')
    new = another(tiny)
    with pytest.raises(RefusedError, match="needs a reason"):
        tiny.project.release(break_glass=True)
    done = tiny.project.release(break_glass=True, reason="the old one is on fire")
    assert done.head.manifest == new
    assert set(done.broken) == {"own:check", "what production requires"}
    with tiny.project.store.catalogue.read() as tx:
        (event,) = tx.events.list(kind="release.broke_glass")
        assert tx.heads.history("production")[0].reason == "BROKE THE GLASS: the old one is on fire"
    assert set(event.body["gates"]) == set(done.broken)
    plan = tiny.project.plan()
    assert plan.broke_glass is not None
    assert "broke the glass" in plan.broke_glass.text
    assert done.to_dict()["broke_glass"] == list(done.broken)


def test_what_does_not_load_cannot_be_forced(tiny: Tiny) -> None:
    before = tiny.live()
    another(tiny)
    tiny.judge = lambda manifest: Finding(False, Reason("loads", "the model file is damaged", manifest.id))
    with pytest.raises(RefusedError, match="the model file is damaged"):
        tiny.project.release(break_glass=True, reason="never mind")
    assert tiny.live() == before
    with tiny.project.store.catalogue.read() as tx:
        assert not names_of(tx.events.list(), "release.broke_glass")


def test_nothing_is_broken_when_all_gates_hold(tiny: Tiny) -> None:
    another(tiny)
    done = tiny.project.release(break_glass=True, reason="in a hurry")
    assert (done.moved, done.broken) == (True, ())
    assert tiny.project.plan().broke_glass is None


def test_the_way_back_asks_only_that_the_set_is_in_step_and_loads(tiny: Tiny) -> None:
    old = tiny.live()
    another(tiny)
    tiny.project.release()
    own(tiny, "False")
    require(tiny, 'so.approved_by("owner", n=3)')
    assert tiny.project.rollback().head.manifest == old
    assert asked(tiny) == 0

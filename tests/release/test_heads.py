from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

import pytest
from tests.projects import SMALL, Maker, Tiny, loads, names_of

from soroi.base.errors import ConflictError, ForbiddenError, OutOfStepError, RefusedError, UnknownNameError
from soroi.base.reason import Reason
from soroi.release.gates import GateSet
from soroi.release.heads import LOADS, Judge, promote, release, rollback
from soroi.release.manifest import Manifest, read_manifest
from soroi.release.staging import stage
from soroi.release.waiver import waive
from soroi.rules import Finding


def another(tiny: Tiny, strength: float = 0.1) -> str:
    """Seal a manifest that differs from the live one; gives its id."""
    result = tiny.build("quick", "quick_cut", "check", set={"quick": {"strength": strength}})
    manifest = tiny.project.stage(*(one.id for one in result.versions.values())).manifest
    assert manifest is not None
    return manifest.id


def test_a_release_makes_the_sealed_set_live(tiny: Tiny) -> None:
    before, new = tiny.live(), another(tiny)
    assert tiny.live() == before
    outcome = tiny.project.release(reason="better")
    assert (tiny.live(), outcome.before, outcome.moved) == (new, before, True)
    assert outcome.to_dict() == {
        "environment": "production",
        "manifest": new,
        "before": before,
        "revision": 2,
        "moved": True,
        "verdicts": {"in step": "pass", "loads and answers": "pass"},
    }
    with tiny.project.store.catalogue.read() as tx:
        assert [one.reason for one in tx.heads.history("production")] == ["better", "release"]
        moved = [one for one in names_of(tx.events.list(), "head.moved") if one["environment"] == "production"]
        verdicts = tx.verdicts.of(new)
    plan = moved[-1].pop("plan")
    assert len(plan) == 40
    assert moved[-1].pop("verdicts") == {one.gate: one.id for one in verdicts}
    assert moved[-1] == {"environment": "production", "from": before, "to": new, "revision": 2, "reason": "better"}
    assert {one.gate for one in verdicts} == {"in step", "loads and answers"}


def test_releasing_what_is_live_moves_nothing(tiny: Tiny) -> None:
    outcome = tiny.project.release()
    assert (outcome.moved, outcome.head.revision) == (False, 1)


def test_environments_have_heads_of_their_own(tiny: Tiny) -> None:
    new = another(tiny)
    tiny.project.release("trial")
    assert tiny.project.manifest(environment="trial").id == new
    assert tiny.live() != new


def test_with_nothing_staged_there_is_nothing_to_release(make: Maker) -> None:
    with pytest.raises(OutOfStepError, match="staging is empty") as told:
        make(SMALL).project.release()
    assert "soroi build, then soroi stage --all" in str(told.value)


def test_a_set_with_a_missing_node_is_refused_and_it_is_named(tiny: Tiny) -> None:
    tiny.project.stage(remove=["second_cut"])
    with pytest.raises(OutOfStepError, match="'second_cut' has no version in staging, and 'other' needs it"):
        tiny.project.release()


# ── gates ─────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_gate_that_does_not_hold_refuses_and_the_refusal_is_recorded(tiny: Tiny) -> None:
    before, new = tiny.live(), another(tiny)
    tiny.judge = lambda manifest: Finding(False, Reason("loads", "the model file is damaged", manifest.id))
    with pytest.raises(RefusedError, match="the model file is damaged") as told:
        tiny.project.release()
    assert "nothing was changed" in str(told.value)
    assert tiny.live() == before
    with tiny.project.store.catalogue.read() as tx:
        (verdict,) = [one for one in tx.verdicts.of(new) if one.gate == "loads and answers"]
        (refused,) = tx.events.list(kind="release.refused")
    assert verdict.outcome == "fail"
    assert refused.subject == new
    assert refused.body["environment"] == "production"


def test_no_verdict_is_not_a_pass(tiny: Tiny) -> None:
    another(tiny)
    before = tiny.live()
    tiny.project._judges = dict  # type: ignore[method-assign]
    with pytest.raises(RefusedError, match="'loads and answers' has not been judged"):
        tiny.project.release()
    assert tiny.live() == before


def test_after_a_refusal_the_mended_set_is_released(tiny: Tiny) -> None:
    new = another(tiny)
    good, tiny.judge = tiny.judge, lambda manifest: Finding(False, Reason("loads", "not now"))
    with pytest.raises(RefusedError):
        tiny.project.release()
    tiny.judge = good
    assert tiny.project.release().head.manifest == new


def test_a_judge_is_given_the_manifest_that_would_go_live(tiny: Tiny) -> None:
    new, seen = another(tiny), []

    def judge(manifest: Manifest) -> Finding:
        seen.append(manifest.id)
        return Finding(True, Reason("loads", "it loads"))

    tiny.judge = judge
    tiny.project.release()
    assert seen == [new]


# ── compare and swap ──────────────────────────────────────────────────────────────────────────────────────────────


def test_of_two_who_release_at_once_one_wins_and_the_other_is_told_who(tiny: Tiny) -> None:
    other, new = Tiny(tiny.folder), another(tiny)

    def first_the_other(manifest: Manifest) -> Finding:
        other.project.release(reason="I was first")
        return Finding(True, Reason("loads", "it loads"))

    tiny.judge = first_the_other
    with pytest.raises(ConflictError) as told:
        tiny.project.release()
    assert new in str(told.value)
    assert other.project.runtime.actor in str(told.value)
    assert tiny.live() == new
    with tiny.project.store.catalogue.read() as tx:
        assert [one.reason for one in tx.heads.history("production")] == ["I was first", "release"]
    other.close()


def test_a_release_stops_when_staging_changed_while_it_was_judged(tiny: Tiny) -> None:
    before = tiny.live()
    another(tiny)

    def change(manifest: Manifest) -> Finding:
        tiny.project.stage(remove=["check"])
        return Finding(True, Reason("loads", "it loads"))

    tiny.judge = change
    with pytest.raises(ConflictError, match="staging changed while the release was judged") as caught:
        tiny.project.release()
    assert caught.value.fields["by"] == tiny.project.runtime.actor
    assert "with check = (taken out)" in str(caught.value)
    assert tiny.live() == before


# ── rollback ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_a_rollback_goes_back_and_another_goes_forward_again(tiny: Tiny) -> None:
    old, new = tiny.live(), another(tiny)
    tiny.project.release()
    assert tiny.project.rollback(reason="it flickers").head.manifest == old
    assert tiny.live() == old
    assert tiny.project.rollback().head.manifest == new
    with tiny.project.store.catalogue.read() as tx:
        history = tx.heads.history("production")
    assert [one.reason for one in history] == ["rollback", "it flickers", "release", "release"]
    assert [one.revision for one in history] == [4, 3, 2, 1]


def test_a_rollback_leaves_staging_as_it_is(tiny: Tiny) -> None:
    another(tiny)
    tiny.project.release()
    picks = tiny.picks()
    tiny.project.rollback()
    assert tiny.picks() == picks


def test_a_rollback_goes_to_any_manifest_of_the_history(tiny: Tiny) -> None:
    old = tiny.live()
    assert old is not None
    for strength in (0.1, 0.2):
        another(tiny, strength)
        tiny.project.release()
    assert tiny.project.rollback(to=old[:10]).head.manifest == old


def test_a_rollback_passes_the_gates_too(tiny: Tiny) -> None:
    new = another(tiny)
    tiny.project.release()
    tiny.judge = lambda manifest: Finding(False, Reason("loads", "its model is damaged"))
    with pytest.raises(RefusedError, match="its model is damaged"):
        tiny.project.rollback()
    assert tiny.live() == new


def test_a_rollback_to_what_was_never_live_is_refused(tiny: Tiny) -> None:
    with pytest.raises(RefusedError, match="was never live in 'production'"):
        tiny.project.rollback(to=another(tiny))


def test_a_rollback_to_an_unknown_manifest_is_refused(tiny: Tiny) -> None:
    with pytest.raises(UnknownNameError, match="m000"):
        tiny.project.rollback(to="m000")


def test_there_may_be_nothing_to_go_back_to(tiny: Tiny, make: Maker) -> None:
    with pytest.raises(RefusedError, match="there is nothing to go back to"):
        tiny.project.rollback()
    with pytest.raises(RefusedError, match="nothing was ever released to 'production'"):
        make(SMALL).project.rollback()
    with pytest.raises(RefusedError, match="nothing was ever released to 'production'"):
        make(SMALL, name="more").project.manifest()


def test_a_rollback_to_what_is_live_moves_nothing(tiny: Tiny) -> None:
    assert not tiny.project.rollback(to=tiny.live()).moved


def test_below_the_project_too_nothing_moves_without_the_role(tiny: Tiny) -> None:
    p, new = tiny.project, another(tiny)
    before = tiny.live()
    p.roles.grant("bob", "reviewer")
    bob = replace(p.runtime, actor="bob")
    with p.store.catalogue.read() as tx:
        goal, head = read_manifest(tx, new), tx.heads.get("production")
    assert head is not None
    moves: dict[str, Callable[[], object]] = {
        "release": lambda: release(p.store, environment="production", judges=judges, runtime=bob),
        "roll back": lambda: rollback(p.store, environment="production", judges=judges, runtime=bob),
        "release in": lambda: promote(p.store, goal, head, judges=judges, runtime=bob, reason="because"),
        "stage": lambda: stage(p.store, p.graph, p.fingerprints, ["second"], runtime=bob),
        "waive what is behind": lambda: waive(p.store, p.graph, "quick", reason="because", runtime=bob),
    }
    for name, move in moves.items():
        with pytest.raises(ForbiddenError, match=f"bob may not {name}"):
            move()
    assert tiny.live() == before
    p.roles.grant("bob", "operator")
    assert release(p.store, environment="production", judges=judges, runtime=bob).moved


def test_a_role_that_is_taken_while_it_is_judged_no_longer_counts(tiny: Tiny) -> None:
    p, before = tiny.project, tiny.live()
    another(tiny)
    given = p.roles.grant("bob", "operator")[-1]

    def judge(manifest: Manifest) -> Finding:
        p.roles.revoke(given.id)
        return loads(manifest)

    with pytest.raises(ForbiddenError, match="bob may not release"):
        release(
            p.store,
            environment="production",
            judges=lambda _live, _gates: {LOADS: judge},
            runtime=replace(p.runtime, actor="bob"),
        )
    assert tiny.live() == before


def judges(_live: Manifest | None, _gates: GateSet) -> Mapping[str, Judge]:
    return {LOADS: loads}

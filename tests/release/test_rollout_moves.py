"""Moving a rollout: the head stays until the end, every move is a compare-and-swap, nothing is kept elsewhere."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from tests.release.rollouts import ASKED, NOW, Rolling

from soroi.base.errors import ConfigError, ConflictError, ForbiddenError, RefusedError, UnknownNameError
from soroi.release.granting import Reach, grant
from soroi.release.rollout import EACH_ANSWER, RolloutPlan, step_of
from soroi.release.rollout_guards import Reading
from soroi.release.rollout_moves import (
    Asked,
    Begun,
    abort_broken,
    abort_rollout,
    advance_rollout,
    find_rollout,
    pause_rollout,
    resume_rollout,
    settle,
    start_rollout,
)

BROKEN = Reading("check", "errors", True, 9.0, 3.0, 2.0, None, 30, 1, "'check', errors: many")


@pytest.fixture
def rolling(database: str, tmp_path: Path) -> Iterator[Rolling]:
    made = Rolling(tmp_path / "store", database)
    yield made
    made.close()


def kinds(rolling: Rolling) -> list[str]:
    with rolling.store.catalogue.read() as tx:
        assert tx.events.verify() == []
        return [one.kind for one in tx.events.list() if one.kind.startswith(("rollout", "incident"))]


def test_a_rollout_goes_step_by_step_and_moves_the_head_at_its_end_only(rolling: Rolling) -> None:
    first = rolling.start(steps=[0.1, 0.5])
    assert (first.base, first.challenger, first.by) == (rolling.base, rolling.challenger, "ann")
    second = advance_rollout(rolling.store, first, rolling.runtime, rolling.promote)
    assert (step_of(second), second.status) == (1, "running")
    assert rolling.live == rolling.base
    done = advance_rollout(rolling.store, second, rolling.runtime, rolling.promote)
    assert (done.status, rolling.live) == ("done", rolling.challenger)
    assert done.ended_at is not None
    assert kinds(rolling) == ["rollout.started", "rollout.advanced", "rollout.finished"]
    with pytest.raises(RefusedError, match="is done"):
        advance_rollout(rolling.store, done, rolling.runtime, rolling.promote)


def test_a_shadow_ends_without_moving_the_head(rolling: Rolling) -> None:
    done = advance_rollout(rolling.store, rolling.start(mode="shadow"), rolling.runtime, rolling.promote)
    assert (done.status, rolling.live, rolling.promoted) == ("done", rolling.base, [])


def test_who_comes_second_changes_nothing(rolling: Rolling) -> None:
    seen = rolling.start(steps=[0.1, 0.2])
    advance_rollout(rolling.store, seen, rolling.runtime, rolling.promote)
    tries: tuple[Callable[[], object], ...] = (
        lambda: advance_rollout(rolling.store, seen, rolling.runtime, rolling.promote),
        lambda: abort_rollout(rolling.store, seen, rolling.runtime),
        lambda: pause_rollout(rolling.store, seen, rolling.runtime),
        lambda: abort_broken(rolling.store, seen, [BROKEN], {}, rolling.runtime),
    )
    for late in tries:
        with pytest.raises(ConflictError):
            late()
    assert kinds(rolling) == ["rollout.started", "rollout.advanced"]
    with rolling.store.catalogue.read() as tx:
        assert tx.incidents.all() == []


def test_the_last_step_of_who_comes_second_does_not_move_the_head(rolling: Rolling) -> None:
    seen = rolling.start(steps=[0.1])
    pause_rollout(rolling.store, seen, rolling.runtime)
    with pytest.raises(ConflictError, match="moved meanwhile"):
        advance_rollout(rolling.store, seen, rolling.runtime, rolling.promote)
    assert rolling.live == rolling.base


def test_pausing_keeps_the_share_and_resuming_begins_the_step_anew(rolling: Rolling) -> None:
    first = rolling.start()
    paused = pause_rollout(rolling.store, first, rolling.runtime, reason="lunch")
    assert paused.is_open
    assert (paused.status, paused.state["reason"], step_of(paused)) == ("paused", "lunch", 0)
    tries: tuple[Callable[[], object], ...] = (
        lambda: advance_rollout(rolling.store, paused, rolling.runtime, rolling.promote),
        lambda: pause_rollout(rolling.store, paused, rolling.runtime),
        lambda: resume_rollout(rolling.store, first, rolling.runtime),
    )
    for refused in tries:
        with pytest.raises(RefusedError):
            refused()
    rolling.clock.at = NOW.replace(hour=5)
    resumed = resume_rollout(rolling.store, paused, rolling.runtime)
    assert (resumed.status, resumed.state) == ("running", {"step": 0, "since": NOW.replace(hour=5).isoformat()})


def test_a_broken_guard_ends_it_with_an_incident_and_the_evidence(rolling: Rolling) -> None:
    first = rolling.start()
    ended = abort_broken(rolling.store, first, [BROKEN], {"answers": {"base": 3}}, rolling.runtime)
    assert (ended.status, rolling.live) == ("aborted", rolling.base)
    with rolling.store.catalogue.read() as tx:
        (incident,) = tx.incidents.all(is_open=True)
    assert ended.state["incident"] == incident.id
    assert incident.body["guards"] == [BROKEN.to_dict()]
    assert incident.body["challenger"] == rolling.challenger
    assert incident.body["answers"] == {"base": 3}
    assert "errors of 'check'" in incident.title
    assert kinds(rolling) == ["rollout.started", "rollout.aborted", "incident.opened"]
    with pytest.raises(RefusedError, match="ended already"):
        abort_rollout(rolling.store, ended, rolling.runtime)


def test_a_head_that_moved_ends_its_rollout(rolling: Rolling) -> None:
    first = rolling.start()
    assert settle(rolling.store, first, rolling.runtime) == first
    rolling.move(rolling.third, by="bob")
    ended = settle(rolling.store, first, rolling.runtime)
    assert ended.status == "aborted"
    assert "bob moved 'production'" in ended.state["reason"]
    assert kinds(rolling) == ["rollout.started", "rollout.overtaken"]
    assert settle(rolling.store, ended, rolling.runtime) == ended


def test_a_kill_between_the_head_and_the_end_is_made_up_for(rolling: Rolling) -> None:
    seen = rolling.start(steps=[0.1])

    def killed(record: object, head: object) -> None:
        rolling.promote(record, head)  # type: ignore[arg-type]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        advance_rollout(rolling.store, seen, rolling.runtime, killed)
    assert (rolling.get(seen.id).status, rolling.live) == ("running", rolling.challenger)
    assert settle(rolling.store, rolling.get(seen.id), rolling.runtime).status == "done"
    assert rolling.promoted == [rolling.challenger]


def test_a_gate_that_does_not_hold_leaves_everything_as_it_was(rolling: Rolling) -> None:
    seen = rolling.start(steps=[0.1])

    def refused(record: object, head: object) -> None:
        raise RefusedError("a gate does not hold")

    with pytest.raises(RefusedError, match="a gate"):
        advance_rollout(rolling.store, seen, rolling.runtime, refused)
    assert rolling.get(seen.id) == seen


def test_what_cannot_begin_is_said(rolling: Rolling) -> None:
    plan = RolloutPlan.of("who")

    def begin(**changes: object) -> None:
        begun = replace(Begun("production", rolling.challenger, plan, ASKED), **changes)  # type: ignore[arg-type]
        start_rollout(rolling.store, begun, rolling.runtime)

    with pytest.raises(RefusedError, match="nothing was ever released"):
        begin(environment="elsewhere")
    with pytest.raises(RefusedError, match="is live in 'production' already"):
        begin(challenger=rolling.base)
    with pytest.raises(UnknownNameError, match="no manifest"):
        begin(challenger="mnone")
    with pytest.raises(RefusedError, match="nothing to compare"):
        begin(asked={})
    with pytest.raises(ConfigError, match="have no column 'nobody'") as raised:
        begin(plan=RolloutPlan.of("nobody"))
    assert raised.value.hint == "one of id, who, x; or 'answer id' when every request is drawn by itself"
    begin(plan=RolloutPlan.of(EACH_ANSWER), asked={"check": Asked(("x",), 1.0)})
    with pytest.raises(ConflictError, match="has a rollout already"):
        begin()


def test_the_open_rollout_is_found_by_its_environment(rolling: Rolling) -> None:
    with rolling.store.catalogue.read() as tx, pytest.raises(UnknownNameError, match="no rollout is open"):
        find_rollout(tx, "production")
    first = rolling.start()
    with rolling.store.catalogue.read() as tx:
        assert find_rollout(tx, "production") == find_rollout(tx, "elsewhere", first.id[:12]) == first


def test_who_is_operator_of_a_group_moves_the_rollouts_of_that_group_only(rolling: Rolling) -> None:
    grant(rolling.store, "bob", "operator", runtime=rolling.runtime, reach=Reach(group="team"))
    bob = replace(rolling.runtime, actor="bob")
    begun = Begun("production", rolling.challenger, RolloutPlan.of("who", steps=[0.1, 0.5]), ASKED, "", ["team"])
    for groups in (["team", None], ["team", "other"], []):
        with pytest.raises(ForbiddenError, match="bob may not roll out by steps in 'production'"):
            start_rollout(rolling.store, replace(begun, groups=groups), bob)
    first = start_rollout(rolling.store, begun, bob)
    second = advance_rollout(rolling.store, first, bob, rolling.promote)
    abort_rollout(rolling.store, pause_rollout(rolling.store, second, bob), bob)
    wider = start_rollout(rolling.store, replace(begun, groups=["team", None]), rolling.runtime)
    for move in (pause_rollout, abort_rollout):
        with pytest.raises(ForbiddenError, match="for the group 'team' only"):
            move(rolling.store, wider, bob)

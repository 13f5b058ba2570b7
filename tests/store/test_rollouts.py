"""Rollouts: one open at a time in an environment, moved by compare-and-swap, every move kept."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from tests.store.conftest import Opening

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store import Catalogue, ManifestRecord, RolloutRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
LATER = NOW + timedelta(hours=1)
FIRST = RolloutRecord(
    id="rollout_1",
    environment="production",
    base="m1",
    challenger="m2",
    mode="canary",
    status="running",
    revision=1,
    body={"key": "passenger", "steps": [[0.01, 60.0, 100]]},
    state={"step": 0},
    by="ann",
    at=NOW,
)


@pytest.fixture
def catalogue(opening: Opening) -> Catalogue:
    made = opening()
    with made.write() as tx:
        for name in ("m1", "m2", "m3"):
            tx.manifests.add(ManifestRecord(name, {"name": name}, NOW, "ann"))
    return made


def test_a_rollout_moves_and_remembers(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        assert tx.rollouts.open("production") is None
        tx.rollouts.start(FIRST)
        assert tx.rollouts.open("production") == tx.rollouts.get("rollout_1") == FIRST
        second = tx.rollouts.move(FIRST, "advanced", by="bob", at=LATER, state={"step": 1}, body={"share": 0.05})
        paused = tx.rollouts.move(second, "paused", by="bob", at=LATER, status="paused")
    assert (second.revision, second.state, second.status) == (2, {"step": 1}, "running")
    assert paused.is_open
    assert paused.state == {"step": 1}
    assert paused.ended_at is None
    with catalogue.write() as tx:
        assert tx.rollouts.open("production") == paused
        done = tx.rollouts.move(paused, "aborted", by="watch", at=LATER, status="aborted", body={"why": "errors"})
    with catalogue.read() as tx:
        assert tx.rollouts.open("production") is None
        assert tx.rollouts.all() == tx.rollouts.all("production") == [done]
        assert tx.rollouts.all(is_open=True) == tx.rollouts.all("elsewhere") == []
        moves = tx.rollouts.moves("rollout_1")
    assert done.ended_at == LATER
    assert not done.is_open
    assert [(one.revision, one.kind, one.by) for one in moves] == [
        (1, "started", "ann"),
        (2, "advanced", "bob"),
        (3, "paused", "bob"),
        (4, "aborted", "watch"),
    ]
    assert moves[0].body == FIRST.body
    assert moves[1].body == {"share": 0.05}


def test_the_loser_of_a_move_is_told_who_was_first_and_changes_nothing(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        tx.rollouts.start(FIRST)
        won = tx.rollouts.move(FIRST, "advanced", by="bob", at=LATER, state={"step": 1})
    told = r"revision 2, not 1: bob was first.*advanced"
    with pytest.raises(ConflictError, match=told) as raised, catalogue.write() as tx:
        tx.rollouts.move(FIRST, "aborted", by="eve", at=LATER, status="aborted")
    assert raised.value.fields["revision"] == 2
    with catalogue.read() as tx:
        assert tx.rollouts.open("production") == won
        assert [one.kind for one in tx.rollouts.moves("rollout_1")] == ["started", "advanced"]


def test_an_environment_has_one_open_rollout_and_others_have_their_own(catalogue: Catalogue) -> None:
    second = msgspec.structs.replace(FIRST, id="rollout_2", challenger="m3")
    with catalogue.write() as tx:
        tx.rollouts.start(FIRST)
        tx.rollouts.start(msgspec.structs.replace(FIRST, id="rollout_9", environment="staging"))
    with pytest.raises(ConflictError, match="rollout_1 of m2, begun by ann"), catalogue.write() as tx:
        tx.rollouts.start(second)
    with catalogue.write() as tx:
        tx.rollouts.move(FIRST, "finished", by="ann", at=LATER, status="done")
        tx.rollouts.start(second)
    with catalogue.read() as tx:
        assert tx.rollouts.open("production") == second
        assert [one.id for one in tx.rollouts.all("production")] == ["rollout_2", "rollout_1"]
        assert [one.id for one in tx.rollouts.all(is_open=True)] == ["rollout_2", "rollout_9"]


def test_a_rollout_is_of_manifests_that_are_there(catalogue: Catalogue) -> None:
    with catalogue.write() as tx, pytest.raises(UnknownNameError, match="no manifest 'm7'"):
        tx.rollouts.start(msgspec.structs.replace(FIRST, challenger="m7"))
    with catalogue.read() as tx, pytest.raises(UnknownNameError, match="no rollout 'rollout_1'"):
        tx.rollouts.get("rollout_1")


def test_a_rollout_of_another_project_is_not_seen(catalogue: Catalogue, opening: Opening) -> None:
    with catalogue.write() as tx:
        tx.rollouts.start(FIRST)
    with opening("other").read() as tx:
        assert tx.rollouts.all() == []
        assert tx.rollouts.open("production") is None

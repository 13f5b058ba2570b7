"""Following a rollout: its challenger is loaded and warmed before it takes part, and leaves when the rollout ends."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest
from tests.projects import InlineExecutor
from tests.serve.conftest import Shop
from tests.serve.serving_project import visit
from tests.serve.test_follower import follower

from soroi.base.errors import CorruptError
from soroi.base.runtime import ManualClock
from soroi.release.rollout import RolloutPlan
from soroi.release.rollout_moves import Asked, Begun, abort_rollout, advance_rollout, start_rollout
from soroi.serve import Follower
from soroi.serve import follower as following
from soroi.store import RolloutRecord

__all__ = ["follower"]

ASKED = {"check": Asked(("shop",), 100.0), "hold": Asked(("shop",), 100.0)}


def never(record: object, head: object) -> None:
    raise AssertionError("no head may move")


class Second:
    """Another manifest, staged and sealed beside the one that is live."""

    def __init__(self, shop: Shop) -> None:
        project = shop.tiny.project
        built = project.build("careful", set={"careful": {"rate": 0.3}}, executor=InlineExecutor())
        project.stage(built.versions["careful"].id)
        behind = project.build(behind=True, executor=InlineExecutor())
        staged = project.stage(*(one.id for one in behind.versions.values() if one.kind != "dataset"))
        assert staged.manifest is not None, staged.report.reasons
        self.manifest = staged.manifest.id
        self._project = project

    def start(self, *steps: float) -> RolloutRecord:
        """Begin a canary."""
        begun = Begun("production", self.manifest, RolloutPlan.of("shop", steps=steps, guards=[]), ASKED)
        return start_rollout(self._project.store, begun, self._project.runtime)


@pytest.fixture
def second(shop: Shop) -> Second:
    return Second(shop)


def share(follower: Follower) -> float | None:
    trial = follower._engine.trial
    return trial.trying.share if trial else None


def test_it_follows_a_rollout_from_its_beginning_to_its_end(shop: Shop, follower: Follower, second: Second) -> None:
    store, runtime = shop.tiny.project.store, shop.tiny.project.runtime
    follower.look()
    assert share(follower) is None
    record = second.start(0.3, 0.6)
    assert follower.look()
    assert share(follower) == 0.3
    assert follower._engine.trial.challenger.snapshot.manifest == second.manifest  # type: ignore[union-attr]
    assert not follower.look()
    record = advance_rollout(store, record, runtime, never)
    assert follower.look()
    assert share(follower) == 0.6
    abort_rollout(store, record, runtime)
    assert follower.look()
    assert share(follower) is None
    assert not follower.look()
    assert {follower._engine.decide("check", [visit(visit=f"{n}", shop=f"x{n}")])[0].arm for n in range(9)} == {"base"}


def test_a_rollout_that_is_there_already_is_taken_up_with_the_head(
    shop: Shop, follower: Follower, second: Second
) -> None:
    second.start(0.9)
    assert follower.look()
    assert share(follower) == 0.9


def test_a_head_that_moves_ends_it_here_before_anybody_noted_it(shop: Shop, follower: Follower, second: Second) -> None:
    second.start(0.9)
    follower.look()
    with shop.tiny.project.store.catalogue.write() as tx:
        now = shop.tiny.project.runtime.clock.now()
        tx.heads.move("production", second.manifest, expected_revision=1, by="bob", at=now, reason="at once")
    assert follower.look()
    assert share(follower) is None
    (answer,) = follower._engine.decide("check", [visit()])
    assert (answer.manifest, answer.arm, answer.revision) == (second.manifest, "base", 2)


def test_a_challenger_that_does_not_load_takes_no_part_and_is_tried_again(
    shop: Shop, follower: Follower, second: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.look()
    second.start(0.9)
    tries: list[str] = []

    def broken(store: Any, manifest: Any, **options: Any) -> Any:
        tries.append(manifest.id)
        raise CorruptError("a part is damaged")

    with monkeypatch.context() as patched:
        patched.setattr(following, "load_snapshot", broken)
        assert not follower.look()
        assert not follower.look()
    assert tries == [second.manifest]
    assert not follower.look(), "it is not tried again at once"
    assert any("takes no part" in one and "a part is damaged" in one for one in follower.problems())
    assert follower._engine.decide("check", [visit()])[0].arm == "base"
    clock = follower._engine.runtime.clock
    assert isinstance(clock, ManualClock)
    clock.advance(timedelta(seconds=2))
    assert follower.look()
    assert share(follower) == 0.9
    assert follower.problems() == []


def test_while_nobody_could_end_it_the_challenger_leaves_after_some_seconds(
    shop: Shop, follower: Follower, second: Second, monkeypatch: pytest.MonkeyPatch
) -> None:
    second.start(0.9)
    follower.look()
    clock = follower._engine.runtime.clock
    assert isinstance(clock, ManualClock)
    with monkeypatch.context() as patched:
        patched.setattr(shop.tiny.project.store.catalogue, "read", lambda: 1 / 0)
        clock.advance(timedelta(seconds=9))
        assert not follower.look()
        assert share(follower) == 0.9
        clock.advance(timedelta(seconds=2))
        assert follower.look()
        assert share(follower) is None
        assert not follower.look()
    assert follower.look()
    assert share(follower) == 0.9

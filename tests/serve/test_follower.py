from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest
from tests.projects import flip, object_path
from tests.serve.conftest import Shop
from tests.serve.serving_project import visit

from soroi.base.errors import StoreError
from soroi.base.runtime import ManualClock, Runtime
from soroi.serve import Answer, Engine, Follower, loading
from soroi.store import AnswerLog, RowLog


@pytest.fixture
def follower(shop: Shop) -> Iterator[Follower]:
    engine = Engine(AnswerLog(shop.root), RowLog(shop.root), runtime=Runtime(clock=ManualClock()))
    made = Follower(
        shop.tiny.project.store, engine, module="shops", home=shop.tiny.folder, environment="production", poll=0.01
    )
    yield made
    made.stop()
    engine.close()


def release_another(shop: Shop, rate: float = 0.3) -> str:
    """Train, stage and release another 'careful'; gives the manifest."""
    result = shop.tiny.build("careful", set={"careful": {"rate": rate}})
    shop.tiny.project.stage(result.versions["careful"].id)
    behind = shop.tiny.build(behind=True)
    outcome = shop.tiny.project.stage(*(one.id for one in behind.versions.values() if one.kind != "dataset"))
    assert outcome.manifest is not None, outcome.report.reasons
    shop.tiny.project.release()
    return outcome.manifest.id


def manifest_of(follower: Follower) -> str | None:
    serving = follower._engine.serving
    return serving.snapshot.manifest if serving else None


def test_it_loads_what_the_head_points_at_and_then_has_nothing_to_do(shop: Shop, follower: Follower) -> None:
    assert follower.look()
    assert manifest_of(follower) == shop.manifest.id
    assert not follower.look()
    assert follower.problems() == []


def test_it_follows_a_release_and_a_rollback(shop: Shop, follower: Follower) -> None:
    follower.look()
    other = release_another(shop)
    assert follower.look()
    assert manifest_of(follower) == other
    shop.tiny.project.rollback()
    assert follower.look()
    serving = follower._engine.serving
    assert serving is not None
    assert (serving.snapshot.manifest, serving.revision) == (shop.manifest.id, 3)


def test_nothing_released_is_said(shop: Shop, follower: Follower) -> None:
    follower.environment = "elsewhere"
    assert not follower.look()
    assert follower.problems() == ["nothing was ever released to 'elsewhere'"]


def test_what_does_not_load_leaves_what_answers_and_is_tried_again(
    shop: Shop, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.look()
    other = release_another(shop)
    monkeypatch.setattr(loading, "_SHARED", loading._Shared())
    version = shop.tiny.project.version(shop.tiny.project.manifest().picks["careful"])
    path = object_path(shop.tiny.project, version.outputs["scorer"])
    flip(path)
    assert not follower.look()
    assert manifest_of(follower) == shop.manifest.id
    (problem,) = follower.problems()
    assert other in problem
    assert version.id in problem
    assert f"{shop.manifest.id} goes on answering" in problem
    flip(path)
    assert not follower.look()  # not yet: it just failed
    clock: Any = follower._engine.runtime.clock
    clock.advance(timedelta(seconds=1))
    assert follower.look()
    assert manifest_of(follower) == other
    assert follower.problems() == []


def test_without_the_catalogue_it_goes_on_and_says_so(
    shop: Shop, follower: Follower, monkeypatch: pytest.MonkeyPatch
) -> None:
    follower.look()

    def away() -> None:
        raise StoreError("the catalogue is away")

    with monkeypatch.context() as patched:
        patched.setattr(shop.tiny.project.store.catalogue, "read", away)
        assert not follower.look()
        assert follower.problems() == ["the catalogue cannot be read: the catalogue is away"]
        assert len(follower._engine.decide("check", [visit()])) == 1
    follower.look()
    assert follower.problems() == []


def wait_for(what: Callable[[], bool]) -> None:
    until = time.monotonic() + 20
    while not what():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_a_thousand_requests_while_the_head_moves_fail_nowhere_and_mix_nothing(shop: Shop, follower: Follower) -> None:
    other = release_another(shop)
    first = shop.tiny.project.manifest(shop.manifest.id)
    picks = {one.id: one.picks for one in (first, shop.tiny.project.manifest(other))}
    follower.start()
    engine = follower._engine
    wait_for(lambda: engine.serving is not None)
    answers: list[Answer] = []
    errors: list[BaseException] = []

    def ask(worker: int) -> None:
        for n in range(250):
            row = visit(visit=f"{worker}-{n}", amount=-4.0 if n % 3 else 0.4)
            try:
                answers.extend(engine.decide("hold" if n % 5 == 0 else "check", [row]))
            except BaseException as error:
                errors.append(error)

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in range(4)]
    for one in threads:
        one.start()
    moves = 0
    while any(one.is_alive() for one in threads) or moves < 3:
        target = other if shop.tiny.live() != other else first.id
        shop.tiny.project.rollback(to=target)
        wait_for(lambda target=target: manifest_of(follower) == target)  # type: ignore[misc]
        moves += 1
    for one in threads:
        one.join()
    assert errors == []
    assert len(answers) == 1000
    assert {one.manifest for one in answers} == set(picks)
    for answer in answers:
        for step in answer.path:
            assert step.versions.items() <= picks[answer.manifest].items()
        assert answer.path[-1].kind == "model"

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from tests.projects import Tiny
from tests.serve.hanging_project import ORDERS, write

from soroi.base.errors import RefusedError
from soroi.serve import Answer, Engine, Snapshot, load_snapshot
from soroi.serve.pool import WorkerPool
from soroi.serve.snapshot import Origin
from soroi.store import AnswerLog, RowLog

pytestmark = pytest.mark.e2e

DEADLINE = 0.3
LATEST = 1.5
"""Far later than any deadline, far sooner than what hangs: machines that run tests are busy."""


@pytest.fixture(scope="module")
def loaded(tmp_path_factory: pytest.TempPathFactory, few_threads: None) -> Iterator[tuple[Tiny, Snapshot]]:
    tiny = Tiny(write(tmp_path_factory.mktemp("hanging") / "tiny"))
    tiny.build()
    outcome = tiny.project.stage(everything=True)
    assert outcome.manifest is not None
    manifest = outcome.manifest
    yield tiny, load_snapshot(tiny.project.store, manifest, module="tiny", home=tiny.folder)
    tiny.close()


@pytest.fixture(scope="module")
def _engine(loaded: tuple[Tiny, Snapshot]) -> Iterator[Engine]:
    tiny, snapshot = loaded
    root = tiny.project.config.store
    engine = Engine(AnswerLog(root), RowLog(root), step_workers=2)
    engine.switch(snapshot, environment="production", revision=1)
    yield engine
    engine.close()


@pytest.fixture
def hanging(_engine: Engine) -> Engine:
    """An engine with two worker processes, on the project that does as rows say; no step rests."""
    _engine.breakers.keep(set())
    patient(_engine, 0.5)
    return _engine


def pool_of(engine: Engine) -> WorkerPool:
    assert engine.serving is not None
    assert engine.serving.pool is not None
    return engine.serving.pool


def ask(engine: Engine, x: float | None, decision: str = "check") -> Answer:
    row = {"id": f"q{x}", "x": x, "bad": None, "at": "2026-02-01T00:00:00Z"}
    return engine.decide(decision, [row])[0]


def told(answer: Answer) -> list[tuple[str, str]]:
    return [(step.name, step.outcome.value) for step in answer.path]


def until(true: Any, seconds: float = 60.0) -> None:
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end, "it did not come to be"
        time.sleep(0.02)


def patient(engine: Engine, x: float) -> Answer:
    """Ask until a model answers: a worker on a busy machine needs its time to start."""
    end = time.monotonic() + 60.0
    while True:
        answer = ask(engine, x)
        if answer.score is not None or time.monotonic() > end:
            return answer
        time.sleep(0.1)


def test_steps_in_processes_give_the_answers_that_threads_give(
    hanging: Engine, loaded: tuple[Tiny, Snapshot], tmp_path: Path
) -> None:
    threads = Engine(AnswerLog(tmp_path), RowLog(tmp_path))
    threads.switch(loaded[1], environment="production", revision=1)
    for x in (-1.0, 0.2, 0.7, 3.0):
        there, here = patient(hanging, x), ask(threads, x)
        assert (there.action, there.score, there.confidence, told(there)) == (
            here.action, here.score, here.confidence, told(here),
        )  # fmt: skip
        mine, theirs = hanging.answers.find(there.id), threads.answers.find(here.id)
        assert mine is not None
        assert theirs is not None
        assert (mine["features"], mine["scores"]) == (theirs["features"], theirs["scores"])
    threads.close()


@pytest.mark.parametrize("order", ["sleep", "spin", "allocate"])
def test_a_step_that_hangs_is_late_in_time_and_its_process_replaced(hanging: Engine, order: str) -> None:
    pool = pool_of(hanging)
    replaced = pool.replaced
    begun = time.perf_counter()
    answer = ask(hanging, ORDERS[order])
    assert time.perf_counter() - begun < LATEST
    assert told(answer) == [("cut", "late"), ("fail_safe", "answered")]
    until(lambda: pool.replaced == replaced + 1)
    assert patient(hanging, 0.5).score is not None
    until(lambda: len(pool.pids()) == 2)


def test_what_a_step_raises_is_told_and_one_that_ends_its_process_raises(hanging: Engine) -> None:
    raised = ask(hanging, ORDERS["raise"])
    assert told(raised) == [("cut", "raised"), ("fail_safe", "answered")]
    assert "told to" in str(raised.path[0].reason)
    gone = ask(hanging, ORDERS["leave"])
    assert told(gone)[0] == ("cut", "raised")
    assert "ended its process" in str(gone.path[0].reason)
    assert patient(hanging, 0.5).score is not None


def test_a_rule_that_hangs_is_cut_off_too(hanging: Engine) -> None:
    begun = time.perf_counter()
    answer = ask(hanging, ORDERS["sleep"], "ruled")
    assert time.perf_counter() - begun < LATEST
    assert told(answer)[0] == ("cut", "late")
    assert told(answer)[1][0] == "moody"
    assert told(answer)[1][1] in ("late", "overloaded")
    assert told(answer)[-1] == ("fail_safe", "answered")


def test_a_step_that_is_late_again_and_again_is_left_alone_and_tried_again(hanging: Engine) -> None:
    seen: set[str] = set()
    end = time.monotonic() + 60.0
    while "resting" not in seen and time.monotonic() < end:
        seen.add(told(ask(hanging, ORDERS["sleep"]))[0][1])
        time.sleep(0.05)
    assert "resting" in seen
    assert any("left alone" in one for one in hanging.problems())
    begun = time.perf_counter()
    assert told(ask(hanging, ORDERS["sleep"]))[0][1] == "resting"
    assert time.perf_counter() - begun < DEADLINE / 2
    assert patient(hanging, 0.5).score is not None
    assert not any("left alone" in one for one in hanging.problems())


def test_others_are_answered_in_time_while_a_step_hangs(hanging: Engine) -> None:
    kinds = ["sleep", "spin", "raise", "allocate"]

    def one(n: int) -> float:
        begun = time.perf_counter()
        ask(hanging, ORDERS[kinds[n % 4]] if n % 8 == 0 else n / 100)
        return time.perf_counter() - begun

    with ThreadPoolExecutor(16) as callers:
        taken = sorted(callers.map(one, range(200)))
    assert taken[-1] < DEADLINE + LATEST
    assert taken[len(taken) // 2] < DEADLINE + 0.2


def test_processes_end_with_the_engine_and_with_the_manifest(loaded: tuple[Tiny, Snapshot], tmp_path: Path) -> None:
    engine = Engine(AnswerLog(tmp_path), RowLog(tmp_path), step_workers=1)
    engine.switch(loaded[1], environment="production", revision=1)
    (pid,) = pool_of(engine).pids()
    engine.close()

    def gone() -> bool:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        return False

    until(gone)


def test_a_manifest_that_no_process_can_load_does_not_answer(tmp_path: Path) -> None:
    pool = WorkerPool(Origin(str(tmp_path), "none", None, None, "m-none", "tiny", str(tmp_path)), 1)
    with pytest.raises(RefusedError, match="no worker process could load m-none"):
        pool.wait_ready()
    pool.close()

"""Watching: guards end what is worse, steps are taken when due, and a kill or a second watcher changes nothing."""

from __future__ import annotations

import logging
import random
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.release.rollouts import Rolling

from soroi.base.errors import RefusedError, StoreError
from soroi.release.rollout import BASE, CHALLENGER, step_of
from soroi.release.rollout_moves import pause_rollout
from soroi.release.rollout_tally import Known
from soroi.release.rollout_watch import Counter, RolloutReport, Watcher
from soroi.store import RolloutRecord
from soroi.store.tail import AnswerTail


@pytest.fixture
def rolling(tmp_path: Path) -> Iterator[Rolling]:
    made = Rolling(tmp_path / "store")
    yield made
    made.close()


def watcher(rolling: Rolling, **options: Any) -> Watcher:
    return Watcher(
        rolling.store, "production", runtime=rolling.runtime, promote=options.pop("promote", rolling.promote), **options
    )


def answers(rolling: Rolling, record: RolloutRecord, count: int, *, begin: int = 0, worse: float = 0.0) -> None:
    rng = random.Random(begin)
    rows = [rolling.row(record, who=n) for n in range(begin, begin + count)]
    for row in rows:
        row["fell"] = rng.random() < (worse if row["arm"] == CHALLENGER else 0.01)
    rolling.log.append(rows)


def status(rolling: Rolling, record: RolloutRecord) -> str:
    return rolling.get(record.id).status


def test_nothing_open_is_nothing_to_watch(rolling: Rolling) -> None:
    assert watcher(rolling).look() is None
    assert watcher(rolling).run() is None


def test_a_challenger_that_falls_more_often_is_ended_with_an_incident(rolling: Rolling) -> None:
    record = rolling.start(steps=[0.5], guards=["errors", "actions"])
    looking = watcher(rolling)
    answers(rolling, record, 40, worse=0.01)
    first = looking.look()
    assert first is not None
    assert first.record.status == "running"
    assert sum(first.answers.values()) == 40
    answers(rolling, record, 400, begin=1000, worse=0.4)
    report = looking.look()
    assert report is not None
    assert report.record.status == "aborted"
    assert [(one.decision, one.guard) for one in report.broken] == [("check", "errors")]
    assert rolling.live == rolling.base
    with rolling.store.catalogue.read() as tx:
        (incident,) = tx.incidents.all()
        assert [one.kind for one in tx.rollouts.moves(record.id)] == ["started", "aborted"]
    assert incident.body["guards"][0]["challenger"] > incident.body["guards"][0]["base"]
    assert looking.look() is None


def test_one_that_is_as_good_goes_through_all_steps_by_itself_and_becomes_the_head(rolling: Rolling) -> None:
    steps = [(0.1, "1m", 10), (0.5, "1h", 100)]
    record = rolling.start(steps=steps, guards=["errors"], advance="auto")
    looking = watcher(rolling)
    seen = []
    for n in range(6):
        answers(rolling, rolling.get(record.id), 150, begin=n * 1000, worse=0.01)
        rolling.clock.advance(timedelta(minutes=30))
        report = looking.look()
        assert report is not None
        seen.append((report.record.status, step_of(report.record)))
        if not report.record.is_open:
            break
    assert seen == [("running", 1), ("running", 1), ("done", 1)]
    assert rolling.live == rolling.challenger
    assert rolling.promoted == [rolling.challenger]


def test_a_step_waits_for_its_time_and_its_answers(rolling: Rolling) -> None:
    record = rolling.start(steps=[(0.5, "1h", 50), 0.6], guards=[], advance="auto")
    looking = watcher(rolling)
    answers(rolling, record, 20)
    report = looking.look()
    assert report is not None
    assert "waits for" in report.due
    assert "more answers of the challenger" in report.due
    rolling.clock.advance(timedelta(hours=2))
    report = looking.look()
    assert report is not None
    assert report.due.startswith("waits for")
    answers(rolling, record, 200, begin=100)
    report = looking.look()
    assert report is not None
    assert step_of(report.record) == 1


def test_without_auto_a_step_that_is_due_is_left_to_people(rolling: Rolling) -> None:
    rolling.start(steps=[0.5, 0.6], guards=[])
    report = watcher(rolling).look()
    assert report is not None
    assert (report.due, step_of(report.record)) == ("", 0)
    assert "next step due" in report.display().text()


def test_a_paused_rollout_takes_no_step_but_is_ended_when_it_is_worse(rolling: Rolling) -> None:
    record = rolling.start(steps=[0.5, 0.6], guards=["errors"], advance="auto")
    paused = pause_rollout(rolling.store, record, rolling.runtime)
    assert watcher(rolling).look().record == paused  # type: ignore[union-attr]
    answers(rolling, record, 400, worse=0.5)
    watcher(rolling).look()
    assert status(rolling, record) == "aborted"


def test_a_challenger_that_no_gate_lets_through_is_paused_and_says_why(rolling: Rolling) -> None:
    record = rolling.start(steps=[0.5], guards=[], advance="auto")

    def refused(record: object, head: object) -> None:
        raise RefusedError("it does not load")

    looking = watcher(rolling, promote=refused)
    looking.look()
    looking.look()
    paused = rolling.get(record.id)
    assert (paused.status, paused.state["reason"]) == ("paused", "it does not load")
    with rolling.store.catalogue.read() as tx:
        assert [(one.kind, one.by) for one in tx.rollouts.moves(record.id)][1:] == [("paused", "gates")]


def test_another_watcher_or_the_same_after_a_kill_comes_to_the_same(rolling: Rolling) -> None:
    record = rolling.start(steps=[0.3, 0.5], guards=["errors", "actions"])
    looking = watcher(rolling)
    for n in range(3):
        answers(rolling, record, 60, begin=n * 100, worse=0.05)
        found = looking.look()
    again = watcher(rolling).look()
    assert found is not None
    assert again is not None
    assert again.to_dict() == found.to_dict()
    rolling.log.close()
    rolling.log.compact()
    assert looking.look().to_dict() == found.to_dict()  # type: ignore[union-attr]


def test_many_watchers_end_it_once(rolling: Rolling) -> None:
    record = rolling.start(steps=[0.5], guards=["errors"])
    answers(rolling, record, 400, worse=0.5)
    rolling.log.flush()
    several = [watcher(rolling) for _ in range(4)]
    threads = [threading.Thread(target=one.look) for one in several]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with rolling.store.catalogue.read() as tx:
        assert len(tx.incidents.all()) == 1
        assert [one.kind for one in tx.rollouts.moves(record.id)] == ["started", "aborted"]
        assert tx.events.verify() == []


def test_a_watcher_that_comes_second_reports_what_the_first_did(rolling: Rolling) -> None:
    record = rolling.start(steps=[0.5, 0.6], guards=[], advance="auto")
    second = watcher(rolling)
    first = watcher(rolling)
    true_settle = rolling.store.catalogue.write

    def late(*args: Any, **kwargs: Any) -> Any:
        rolling.store.catalogue.__dict__.pop("write")
        first.look()
        return true_settle(*args, **kwargs)

    rolling.store.catalogue.write = late  # type: ignore[method-assign]
    report = second.look()
    assert report is not None
    assert step_of(report.record) == 1
    assert len(rolling.get(record.id).state) == 2


def test_a_head_that_moved_ends_what_is_watched(rolling: Rolling) -> None:
    record = rolling.start()
    rolling.move(rolling.third, by="bob")
    assert watcher(rolling).look().record.status == "aborted"  # type: ignore[union-attr]
    assert status(rolling, record) == "aborted"


def test_outcomes_that_come_later_end_it_too(rolling: Rolling) -> None:
    record = rolling.start(steps=[0.5], guards=["quality:wrong", "business:revenue:0:1"])
    answers(rolling, record, 600)
    rolling.log.flush()
    rows = AnswerTail(Path(rolling.store.config.root), record.at).look().answers

    def outcomes(_: RolloutRecord) -> list[Known]:
        return [
            Known("check", one["unit"], 0, one["arm"], one["at"], "revenue", float(one["arm"] == BASE)) for one in rows
        ]

    report = watcher(rolling, outcomes=outcomes).look()
    assert report is not None
    assert [one.guard for one in report.broken] == ["business (revenue)"]
    assert report.record.status == "aborted"


def test_running_ends_with_the_rollout_and_tells_each_look(rolling: Rolling) -> None:
    rolling.start(steps=[0.5, 0.6], guards=[], advance="auto")
    told: list[RolloutReport] = []
    last = watcher(rolling, every=0.001).run(told.append)
    assert last is not None
    assert [step_of(one.record) for one in told] == [1, 1]
    assert last.record.status == "done"
    assert last.to_dict()["status"] == "done"


def test_in_the_background_a_catalogue_that_is_away_is_said_once(
    rolling: Rolling, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = 0

    def away() -> Any:
        nonlocal looks
        looks += 1
        raise StoreError("nobody is at home")

    looking = watcher(rolling, every=0.001)
    with caplog.at_level(logging.ERROR, "soroi.rollout"):
        monkeypatch.setattr(looking, "look", away)
        looking.start()
        while looks < 5:
            time.sleep(0.001)
        looking.stop()
    assert [one.message for one in caplog.records] == [
        "the rollout of 'production' cannot be watched: nobody is at home"
    ]


def test_a_report_changes_nothing_and_shows_itself(rolling: Rolling) -> None:
    record = rolling.start(steps=[0.5], guards=["errors", "errors:0.9", "latency:40ms"])
    answers(rolling, record, 400, worse=0.5)
    report = Counter(rolling.store, record).report(record, rolling.clock.now())
    assert report.broken
    assert status(rolling, record) == "running"
    shown = report.display().text()
    assert "broken" in shown
    assert "canary of" in shown
    assert report.to_dict()["guards"][0]["broken"] is True

"""Rollouts on a real server: a worse challenger is ended, an equal one becomes the head, whatever is killed."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import msgspec
import pytest
from tests.e2e.test_release_under_load import Reply, prepare_second, serving, until
from tests.projects import InlineExecutor, edit
from tests.serve.serving_project import visit

from soroi.project import Project, open_project
from soroi.serve import Answer
from soroi.store import AnswerLog, RolloutRecord

pytestmark = pytest.mark.e2e

CLIENTS = 3
VISITS = 600
"""Visits that are asked about, each again and again."""


@dataclass
class Askers:
    """Clients that ask about visits until they are stopped. A third have a basket that the worse set refuses."""

    address: str
    stop: threading.Event = field(default_factory=threading.Event)
    given: list[tuple[str, str, Answer]] = field(default_factory=list)
    """Visit, manifest by the header, and answer."""
    faults: list[str] = field(default_factory=list)
    may_be_away: bool = False
    """Whether the server may be killed meanwhile."""

    def __enter__(self) -> Askers:
        self._threads = [threading.Thread(target=self._run, args=(n,)) for n in range(CLIENTS)]
        for one in self._threads:
            one.start()
        return self

    def __exit__(self, *_error: object) -> None:
        self.stop.set()
        for one in self._threads:
            one.join()

    def _run(self, client_number: int) -> None:
        turn = client_number
        with httpx.Client(timeout=60, trust_env=False) as client:
            while not self.stop.is_set():
                turn += CLIENTS
                try:
                    self._ask(client, turn)
                except httpx.HTTPError as error:
                    if not self.may_be_away:
                        self.faults.append(repr(error))
                    time.sleep(0.05)

    def _ask(self, client: httpx.Client, turn: int) -> None:
        name = f"v{turn * 7 % VISITS}"
        row = visit(visit=name, items=667 if turn % 3 == 0 else 3, amount=0.4)
        response = client.post(f"{self.address}/decisions/check", json={"row": row})
        if response.status_code != 200:
            self.faults.append(response.text[:300])
            return
        answer = msgspec.json.decode(response.content, type=Reply).answer
        assert answer is not None
        self.given.append((name, response.headers["soroi-manifest"], answer))


def worse_set(project: Project) -> str:
    """Build and stage a set whose basket refuses what a third of the visits have; gives its manifest."""
    edit(project.config.root, "if items == 666:", "if items in (666, 667):", name="shops.py")
    project.reload()
    built = project.build(executor=InlineExecutor())
    assert built.ok, [one.error for one in built.failed]
    staged = project.stage(everything=True)
    assert staged.manifest is not None, staged.report.reasons
    return staged.manifest.id


def record_of(project: Project, rollout: str) -> RolloutRecord:
    with project.store.catalogue.read() as tx:
        return tx.rollouts.get(rollout)


def takes_part(address: str) -> bool:
    return httpx.get(f"{address}/ready", trust_env=False).json()["rollout"] is not None


def test_a_canary_at_half_with_a_worse_challenger_is_ended_and_nobody_notices(
    shop_folder: Path, tmp_path: Path
) -> None:
    with open_project(shop_folder) as project:
        live = project.manifest()
        worse = worse_set(project)
        assert worse != live.id
        picks = {one: project.manifest(one).picks for one in (live.id, worse)}
        with serving(shop_folder, tmp_path / "server.log") as (_, address):
            rollout = project.rollout(key="visit", steps=[(0.5, "1h", 10_000)]).id
            until(lambda: takes_part(address), "the challenger takes no part")
            with Askers(address) as askers:
                until(lambda: record_of(project, rollout).status != "running", "the rollout is not ended")
                until(lambda: not takes_part(address), "the challenger still takes part")
                ended = len(askers.given)
                until(lambda: len(askers.given) > ended + 100, "nobody answers any more")
        assert askers.faults == []
        assert project.manifest().id == live.id
        record = record_of(project, rollout)
        with project.store.catalogue.read() as tx:
            (incident,) = tx.incidents.all(is_open=True)
            assert tx.events.verify() == []
        report = project.rollouts()[0]

    assert record.status == report.status == "aborted"
    assert [one["guard"] for one in incident.body["guards"]] == ["errors"]
    assert incident.body["guards"][0]["challenger"] > incident.body["guards"][0]["base"]
    arms: dict[str, set[str]] = defaultdict(set)
    for name, header, answer in askers.given:
        assert header == answer.manifest
        assert answer.manifest == (worse if answer.arm == "challenger" else live.id)
        assert all(step.versions.items() <= picks[answer.manifest].items() for step in answer.path)
        arms[name].add(answer.arm)
    assert {answer.arm for _, _, answer in askers.given[-50:]} == {"base"}
    recorded = {one["id"]: one for one in AnswerLog(shop_folder / ".soroi").scan("check")}
    stuck: dict[str, set[str]] = defaultdict(set)
    for name, _, answer in askers.given:
        found = recorded[answer.id]
        assert (found["arm"], found["manifest"]) == (answer.arm, answer.manifest)
        if found.get("rollout") == rollout:
            stuck[name].add(answer.arm)
    assert {len(one) for one in stuck.values()} == {1}
    both = [next(iter(one)) for one in stuck.values()]
    assert min(both.count("base"), both.count("challenger")) > len(both) // 4


def test_an_equal_challenger_becomes_the_head_though_its_servers_are_killed(shop_folder: Path, tmp_path: Path) -> None:
    with open_project(shop_folder) as project:
        before = project.manifest().id
        prepare_second(project)
        steps = [(0.1, "1s", 20), (0.3, "1s", 40), (0.6, "1s", 60)]
        rollout = project.rollout(key="visit", steps=steps, guards=["errors:5"], advance="auto")
        challenger = rollout.record.challenger
        kills = 0
        while rollout.record.status == "running":
            assert kills < 20, rollout.display().text()
            with serving(shop_folder, tmp_path / f"server-{kills}.log") as (process, address):
                with Askers(address, may_be_away=True) as askers:
                    end = time.monotonic() + 1.5 + kills
                    while time.monotonic() < end and rollout.record.status == "running":
                        time.sleep(0.05)
                    os.kill(process.pid, signal.SIGKILL)
                assert askers.faults == []
            kills += 1
        assert rollout.record.status == "done", rollout.display().text()
        assert project.manifest().id == challenger != before
        with project.store.catalogue.read() as tx:
            assert [one.kind for one in tx.rollouts.moves(rollout.id)] == [
                "started",
                "advanced",
                "advanced",
                "finished",
            ]
            head = tx.heads.get("production")
            assert tx.events.verify() == []
        assert head is not None
        assert (head.revision, rollout.id in head.reason) == (2, True)
        assert kills >= 2
        tried = project.rehearse()
        assert (tried.manifest, tried.passed) == (before, True)
        assert project.manifest().id == challenger

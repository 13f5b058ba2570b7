"""Releases and rollbacks under load: no request fails, no answer mixes two manifests, no answer is lost."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from itertools import takewhile
from pathlib import Path
from random import Random
from typing import Any

import httpx
import msgspec
import pytest
from tests.projects import InlineExecutor
from tests.serve.serving_project import END, visit

from soroi.project import Project, open_project
from soroi.serve import Answer, Engine, load_snapshot
from soroi.serve.cascade import Budget
from soroi.store import AnswerLog, RowLog
from soroi.store.journal import read_segment

pytestmark = pytest.mark.e2e

CLIENTS = 4
REQUESTS = 1_200
"""Requests for decisions sent at least, by all clients together."""

SWITCHES = 6
"""Switches of which each is waited for; two more follow at once."""

VISITS = [
    visit(shop=shop, amount=amount, items=items)
    for shop in ("s1", "s2", "s3")
    for amount, items in ((-1.5, 2), (0.4, 3), (0.9, 9), (2.5, 5))
]
DECISIONS = ("check", "hold")
LATER = END + timedelta(days=5)
"""After all rows of the project: what is known in the hours before it was told while serving."""

Expected = dict[tuple[str, str, int], float | None]
"""Score by manifest, decision and place in :data:`VISITS`; ``None`` where no model answers."""


class Reply(msgspec.Struct):
    """The body of a reply."""

    answer: Answer | None = None
    answers: list[Answer] = []


@dataclass
class Asker:
    """A client that asks one thing after another on a connection of its own."""

    address: str
    seed: int
    stop: threading.Event
    statuses: Counter[int] = field(default_factory=Counter)
    given: list[tuple[int, Answer]] = field(default_factory=list)
    """Answers in the order of receipt, each with the place of its visit in :data:`VISITS`."""
    faults: list[str] = field(default_factory=list)
    revision: int = 0

    def run(self) -> None:
        random = Random(self.seed)
        with httpx.Client(base_url=self.address, timeout=60, trust_env=False) as client:
            while not self.stop.is_set():
                try:
                    self._ask(client, random)
                except Exception as error:  # whatever goes wrong is a failed request
                    self.faults.append(repr(error))

    def _ask(self, client: httpx.Client, random: Random) -> None:
        decision = random.choice(DECISIONS)
        places = random.sample(range(len(VISITS)), random.choice((1, 1, 3)))
        rows = [{**VISITS[place], "visit": f"{self.seed}-{place}"} for place in places]
        body = {"row": rows[0]} if len(rows) == 1 else {"rows": rows}
        response = client.post(f"/decisions/{decision}", json=body)
        self.statuses[response.status_code] += 1
        if response.status_code != 200:
            self.faults.append(response.text[:300])
            return
        reply = msgspec.json.decode(response.content, type=Reply)
        answers = reply.answers if reply.answer is None else [reply.answer]
        if len(answers) != len(rows) or {one.decision for one in answers} != {decision}:
            self.faults.append(f"{len(answers)} answers to {len(rows)} rows of '{decision}'")
        if {one.manifest for one in answers} != {response.headers["soroi-manifest"]}:
            self.faults.append("the answers to one request name several manifests")
        self.given += zip(places, answers, strict=True)
        self.revision = answers[0].revision


@dataclass
class Teller:
    """Tells results of a shop that nobody else asks about, one at a time; each counts as soon as it is taken."""

    address: str
    quiet: threading.Event
    told: int = 0
    given: list[Answer] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        with httpx.Client(base_url=self.address, timeout=60, trust_env=False) as client:
            while not self.quiet.wait(0.01) and not self.faults:
                self._tell(client)
                self.check(client)

    def _tell(self, client: httpx.Client) -> None:
        at = (LATER - timedelta(hours=1)).isoformat()
        row = {"visit": f"told-{self.told}", "at": at, "known": at, "shop": "s0", "loss": 1.0, "bad": True}
        response = client.post("/sources/results/rows", json={"rows": [row]})
        if response.status_code != 200 or response.json() != {"accepted": 1, "known": 0}:
            self.faults.append(response.text[:300])
        self.told += 1

    def check(self, client: httpx.Client) -> None:
        """Ask about the shop: every row that was taken must be counted, whichever manifest answers."""
        row = visit(visit="later", at=LATER.isoformat(), shop="s0")
        response = client.post("/decisions/hold", json={"row": row})
        if response.status_code != 200:
            self.faults.append(response.text[:300])
            return
        answer = msgspec.json.decode(response.content, type=Reply).answer
        assert answer is not None
        self.given.append(answer)
        found = client.get(f"/answers/{answer.id}").json()["answer"]
        if answer.score is None:  # the step was late on a busy machine
            return
        if found["features"]["seen"] != self.told:
            self.faults.append(f"{self.told} rows were taken, and {found['features']['seen']} count")


@contextlib.contextmanager
def serving(folder: Path, log: Path) -> Iterator[tuple[subprocess.Popen[str], str]]:
    """``soroi serve`` in a process of its own, ready to answer; gives its address."""
    command = [sys.executable, "-m", "soroi.cli.main", "serve", "--port", "0", "--project", str(folder), "--json"]
    with log.open("w") as errors:
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True, env=os.environ)
    assert process.stdout is not None
    try:
        said = "".join(takewhile(lambda line: line != "}\n", process.stdout)) + "}"
        assert process.poll() is None, log.read_text()
        address = str(msgspec.json.decode(said)["address"])
        until(lambda: httpx.get(f"{address}/ready", trust_env=False).status_code == 200, "the server is not ready")
        yield process, address
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def until(what: Callable[[], bool], otherwise: str) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 60
    while not what():
        assert time.monotonic() < end, otherwise
        time.sleep(0.02)


def prepare_second(project: Project) -> None:
    """Build and stage a second set, in step with itself: another careful model, and what rests on it."""
    built = project.build("careful", set={"careful": {"rate": 0.3}}, executor=InlineExecutor())
    project.stage(built.versions["careful"].id)
    behind = project.build(behind=True, executor=InlineExecutor())
    staged = project.stage(*(one.id for one in behind.versions.values() if one.kind != "dataset"))
    assert staged.manifest is not None, staged.report.reasons


def scores_of(project: Project, manifest: str, root: Path) -> Expected:
    """The scores that a manifest gives, computed in this process with all the time it takes."""
    snapshot = load_snapshot(project.store, project.manifest(manifest), module="shops", home=project.config.root)
    engine = Engine(AnswerLog(root), RowLog(root))
    with contextlib.closing(engine):
        loaded = engine.switch(snapshot, environment="production", revision=0)
        found: Expected = {}
        for decision in DECISIONS:
            part = snapshot.decisions[decision]
            for place, row in enumerate(VISITS):
                rows = part.spine.check([row], defaults={}, required=part.spine.key)
                given = engine.answer(loaded, part, rows, END, Budget(120.0, time.perf_counter()))
                found[manifest, decision, place] = given.answers[0].score
    return found


def switch(project: Project, askers: list[Asker], quiet: threading.Event) -> list[str]:
    """Release and roll back in turn while the askers ask; gives the manifests in the order of the head.

    Rows are told during the first switches only: they must outlive the later ones too.
    """
    moved = []

    def asked(count: int) -> bool:
        return sum(one.statuses.total() for one in askers) >= count

    def followed(revision: int) -> bool:
        return any(one.revision >= revision for one in askers)

    for turn in range(SWITCHES):
        if turn == SWITCHES - 2:
            quiet.set()
        until(partial(asked, REQUESTS * (turn + 1) // (SWITCHES + 2)), "the clients stand still")
        head = (project.rollback() if turn % 2 else project.release()).head
        moved.append(head.manifest)
        until(partial(followed, head.revision), f"no client sees revision {head.revision}")
    moved.append(project.release().head.manifest)
    last = project.rollback().head
    moved.append(last.manifest)
    until(partial(followed, last.revision), "no client sees the last revision")
    until(partial(asked, REQUESTS), "the clients stand still")
    return moved


def logged(root: Path) -> dict[str, Answer]:
    """The answers in the log, by id, from the bytes of its segments: each is there once, and nothing is damaged."""
    found: dict[str, Answer] = {}
    for path in sorted((root / "answers").glob("*/*")):
        if path.suffix != ".log":
            assert path.name.startswith("."), path
            continue
        segment = read_segment(path)
        assert segment.damage == []
        for payload in segment.payloads:
            record: dict[str, Any] = msgspec.msgpack.decode(payload)
            assert record["id"] not in found, "an answer is in the log twice"
            found[record["id"]] = recorded(record)
    return found


def recorded(record: dict[str, Any]) -> Answer:
    """The answer within a record."""
    return msgspec.convert({name: record[name] for name in Answer.__struct_fields__}, Answer)


def test_no_request_fails_mixes_or_loses_anything_while_releases_and_rollbacks_happen(
    shop_folder: Path, tmp_path: Path
) -> None:
    with open_project(shop_folder) as project:
        first = project.manifest().id
        prepare_second(project)
        with serving(shop_folder, tmp_path / "server.log") as (process, address):
            stop, quiet = threading.Event(), threading.Event()
            askers = [Asker(address, seed, stop) for seed in range(CLIENTS)]
            teller = Teller(address, quiet)
            with ThreadPoolExecutor(CLIENTS + 1) as pool:
                busy = [pool.submit(run) for run in (teller.run, *(one.run for one in askers))]
                try:
                    moved = switch(project, askers, quiet)
                finally:
                    stop.set()
                    quiet.set()
            for future in busy:
                future.result()
            with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
                teller.check(client)
            nothing_failed(askers, teller)
            found_by_id(address, askers)
            process.send_signal(signal.SIGTERM)
            assert process.wait(30) == 0
        second = moved[0]
        assert moved == [second, first] * (len(moved) // 2)
        assert second != first
        nobody_went_backwards(askers)
        every_answer_comes_from_one_manifest(project, askers, {first, second}, tmp_path)
    acknowledged = [*teller.given, *(answer for asker in askers for _, answer in asker.given)]
    found = logged(shop_folder / ".soroi")
    assert found == {one.id: one for one in acknowledged}
    assert len(found) == len(acknowledged)


def nothing_failed(askers: list[Asker], teller: Teller) -> None:
    assert teller.faults + [fault for one in askers for fault in one.faults] == []
    statuses = sum((one.statuses for one in askers), Counter[int]())
    assert statuses.keys() == {200}
    assert statuses.total() >= REQUESTS >= 1_000
    assert all(one.statuses.total() > 50 for one in askers)
    assert teller.told > 20


def found_by_id(address: str, askers: list[Asker]) -> None:
    """A server finds answers that it gave, by their ids."""
    with httpx.Client(base_url=address, timeout=60, trust_env=False) as client:
        for asker in askers:
            for _, answer in asker.given[:: max(len(asker.given) // 5, 1)]:
                assert recorded(client.get(f"/answers/{answer.id}").json()["answer"]) == answer


def nobody_went_backwards(askers: list[Asker]) -> None:
    """The revision never falls for one client, and every switch that was waited for was seen."""
    for asker in askers:
        revisions = [answer.revision for _, answer in asker.given]
        assert revisions == sorted(revisions)
    seen = {answer.revision for asker in askers for _, answer in asker.given}
    assert len(seen) >= SWITCHES + 1


def every_answer_comes_from_one_manifest(
    project: Project, askers: list[Asker], manifests: set[str], tmp_path: Path
) -> None:
    """Path, head and score of every answer are those of the manifest that it names."""
    picks = {one: project.manifest(one).picks for one in manifests}
    with project.store.catalogue.read() as tx:
        heads = {head.revision: head.manifest for head in tx.heads.history("production")}
    expected: Expected = {}
    for one in manifests:
        expected |= scores_of(project, one, tmp_path / one)
    by_model: Counter[tuple[str, str]] = Counter()
    for place, answer in (pair for asker in askers for pair in asker.given):
        assert heads[answer.revision] == answer.manifest
        for step in answer.path:
            assert step.versions.items() <= picks[answer.manifest].items()
        if answer.score is not None:  # else a step was late on a busy machine, and a rule answered
            assert answer.score == expected[answer.manifest, answer.decision, place]
            by_model[answer.manifest, answer.decision] += 1
    assert by_model.keys() == {(one, decision) for one in manifests for decision in DECISIONS}
    assert min(by_model.values()) > 50
    one, other = sorted(manifests)
    assert all(expected[one, "hold", place] != expected[other, "hold", place] for place in range(len(VISITS)))

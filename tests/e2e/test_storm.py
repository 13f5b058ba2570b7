"""Many processes release, stage, roll back, build, read and collect at once: the history is that of one after another.

In full: ``python bench/storm.py --operations 10000 --back-end sqlite|postgresql``.
"""

from __future__ import annotations

import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from tests.projects import object_path

from soroi.store import EventRecord

if TYPE_CHECKING:
    from bench.storming.checker import Verdict
    from bench.storming.model import Recorded
    from bench.storming.world import World

ROOT = Path(__file__).parents[2]
OPERATIONS, PROCESSES = 240, 16

pytestmark = pytest.mark.e2e


@pytest.mark.parametrize("back_end", ["sqlite", "postgresql"])
def test_sixteen_processes_at_once_do_what_one_after_another_would(back_end: str, tmp_path: Path) -> None:
    figures = tmp_path / "figures.json"
    command = [sys.executable, "bench/storm.py", "--back-end", back_end, "--json", str(figures)]
    amount = ["--operations", str(OPERATIONS), "--processes", str(PROCESSES)]
    done = subprocess.run([*command, *amount], cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    verdict = json.loads(figures.read_text())["verdict"]
    assert verdict["legal"]
    assert verdict["counts"]["operations"] == OPERATIONS
    assert verdict["counts"]["conflicts"] > PROCESSES, "hardly anything was contended"
    assert verdict["counts"]["collections"] > 0
    assert all(verdict["outcomes"][kind]["ok"] > 0 for kind in ("stage", "release", "rollback", "collect", "build"))


# ── the checker finds what it is there to find ────────────────────────────────────────────────────────────────────


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, few_threads: None) -> Iterator[World]:
    """A project on which one has worked for a while."""
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(ROOT))
        from bench.storming.work import Work, Worker
        from bench.storming.world import World, prepare

        made = World(tmp_path_factory.mktemp("storm") / "tiny")
        prepare(made)
        kinds = ("stage", "release", "rollback", "read")
        Worker(made, Work("ann", 1, 60, kinds)).go()
        yield made


Change = Callable[[list[dict[str, Any]]], None]


def judged(world: World, change: Change = lambda done: None) -> Verdict:
    """What the checker says when the logs are changed before."""
    from bench.storming.checker import Checker, read_logs

    done = read_logs(world)
    change(done)
    with world.open("checker") as project:
        return Checker(project, done).check()


def first(done: list[dict[str, Any]], kind: str, **told: Any) -> dict[str, Any]:
    """The first operation of a kind that succeeded."""
    return next(
        one for one in done if one["kind"] == kind and one["outcome"] == "ok" and told.items() <= one["told"].items()
    )


def test_the_work_of_one_is_legal(world: World) -> None:
    verdict = judged(world)
    assert verdict.legal, verdict.problems
    assert verdict.counts["operations"] == 60


def later(one: dict[str, Any]) -> None:
    for name in ("begin", "end"):
        one[name] = (datetime.fromisoformat(one[name]) + timedelta(seconds=30)).isoformat()


LOST = {"message": "'production' is at revision 2, not 1: bob was first", "by": "bob", "revision": 2, "expected": 1}
LIES: dict[str, tuple[Change, str]] = {
    "a change that nobody acknowledged": (lambda done: done.remove(first(done, "release", moved=True)), "not acknowl"),
    "an acknowledged change that is not there": (
        lambda done: first(done, "release", moved=True)["told"].update(revision=9_999),
        "which is somebody else's",
    ),
    "a change outside the time of its operation": (lambda done: later(first(done, "stage", changed=True)), "was done"),
    "another manifest than went live": (
        lambda done: first(done, "rollback", moved=True)["told"].update(manifest="m1"),
        "another manifest went live",
    ),
    "a reading of two moments": (lambda done: first(done, "read")["told"].update(staging=0), "two moments"),
    "a reading of the past": (lambda done: first(done[30:], "read")["told"].update(events=20), "but there were"),
    "a loser who is told the wrong winner": (
        lambda done: done[-1].update(outcome="conflict", told=dict(LOST)),
        "was not told who won",
    ),
    "an operation that failed": (lambda done: done[-1].update(outcome="error", told={"message": "x"}), "failed"),
}


@pytest.mark.parametrize("name", LIES)
def test_the_checker_finds(name: str, world: World) -> None:
    change, text = LIES[name]
    assert any(text in one for one in judged(world, change).problems)


def test_the_checker_finds_bytes_that_are_gone(world: World) -> None:
    with world.open("thief") as project:
        manifest = project.manifest()
        path = object_path(project, project.version(manifest.picks["quick"]).outputs["file:model.skops"])
    held = path.read_bytes()
    path.unlink()
    try:
        assert any("is needed, but" in one for one in judged(world).problems)
    finally:
        path.write_bytes(held)


def test_the_checker_believes_no_one_who_did_not_find_retained_bytes(world: World) -> None:
    def lose(done: list[dict[str, Any]]) -> None:
        read = first(done, "read")
        seen = read["told"]
        read["missing"] = [{"manifest": seen["manifest"], "before": seen, "after": seen, "lost": ["x"]}]

    assert any("which was retained" in one for one in judged(world, lose).problems)


def from_nowhere(event: EventRecord) -> EventRecord:
    """An event; if it is a move, then one from a manifest that never was."""
    moves = event.kind == "head.moved"
    return msgspec.structs.replace(event, body={**event.body, "from": "m0"}) if moves else event


TAMPERED: dict[str, Callable[[Recorded], dict[str, Any]]] = {
    "event": lambda held: {"events": [one for one in held.events if one.kind != "head.moved"]},
    "went from": lambda held: {"events": [from_nowhere(one) for one in held.events]},
    "not what its history says": lambda held: {"picks": {**held.picks, "quick": "quick@0"}},
    "is sealed as": lambda held: {"sealed": None if held.sealed else next(iter(held.manifests))},
    "the history of production": lambda held: {"moves": {**held.moves, "production": held.moves["production"][:-1]}},
    "the revisions of staging": lambda held: {"changes": [one for one in held.changes if one.revision != 3]},
}


@pytest.mark.parametrize("text", TAMPERED)
def test_the_model_finds_a_history_that_cannot_have_been(text: str, world: World) -> None:
    from bench.storming.model import Model, Recorded

    with world.open("checker") as project, project.store.catalogue.read() as tx:
        held = Recorded.read(tx)
    assert Model(held).replay().problems == []
    problems = Model(dataclasses.replace(held, **TAMPERED[text](held))).replay().problems
    assert any(text in one for one in problems), problems

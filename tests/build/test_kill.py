"""Kill -9 at random moments of building, staging, releasing and rolling back: nothing is half-written or lost."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil  # type: ignore[import-untyped]
import pytest
from tests.projects import SMALL, Tiny, built, write_project

from soroi.release.manifest import read_manifest
from soroi.store import Transaction

pytestmark = pytest.mark.e2e

KILLS = 60
KILLS_WITH_PROCESSES = 4
STEPS = 4
"""A walker is killed within the step that follows up to so many finished ones."""

STEP = 0.25
"""Longest part of a step that it may do, in seconds."""


class Zygote:
    """The process that forks walkers."""

    def __init__(self, folder: Path) -> None:
        self.told = folder / "done"
        self.process = subprocess.Popen(
            [sys.executable, "-m", "tests.build.walker", str(folder)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            cwd=Path(__file__).parents[2],
            env={**os.environ, "OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1", "POLARS_MAX_THREADS": "1"},
        )

    def walk_and_kill(self, seed: str, steps: int, seconds: float) -> None:
        """Let one walk so many steps and a while."""
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(f"{seed}\n")
        self.process.stdin.flush()
        walker = int(self.process.stdout.readline())
        goal, deadline = self.done() + steps, time.monotonic() + 20
        while self.done() < goal and time.monotonic() < deadline:
            time.sleep(0.002)
        time.sleep(seconds)
        os.kill(walker, signal.SIGKILL)
        assert self.process.stdout.readline() == "killed\n"

    def done(self) -> int:
        """How many steps were told to be done."""
        return self.told.read_bytes().count(b"\n")

    def close(self) -> None:
        """End it."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        assert self.process.wait(20) == 0
        assert self.process.stdout is not None
        self.process.stdout.close()


class Watcher:
    """Looks at the project after each kill."""

    def __init__(self, tiny: Tiny) -> None:
        self.tiny = tiny
        self.whole: set[str] = set()

    def look(self) -> None:
        """Check that the state is one of the legal ones."""
        with self.tiny.project.store.catalogue.read() as tx:
            assert tx.events.verify() == []
            self.look_at_heads(tx)
            self.look_at_staging(tx)
            self.look_at_versions(tx)

    def look_at_heads(self, tx: Transaction) -> None:
        for head in tx.heads.all():
            manifest = read_manifest(tx, head.manifest)
            for node, version in manifest.picks.items():
                assert tx.versions.get(version).node == node
            moves = [
                one.subject for one in tx.events.list(kind="head.moved") if one.body["environment"] == head.environment
            ]
            history = [one.manifest for one in reversed(tx.heads.history(head.environment))]
            assert moves == history
            assert history[-1] == head.manifest
        done = [line.split() for line in (self.tiny.folder / "done").read_text().splitlines()]
        told = [which for what, which in done if what == "live"]
        if told:
            moved = [one.manifest for one in tx.heads.history("production")]
            assert told[-1] in moved[:2], "a release that was told is live, or one more was made and not yet told"
        for what, which in done:
            if what == "version":
                tx.versions.get(which)

    def look_at_staging(self, tx: Transaction) -> None:
        state = tx.staging.get()
        picks = {node: pick.version for node, pick in state.picks.items()}
        for node, version in picks.items():
            assert tx.versions.get(version).node == node
        if state.manifest is not None:
            assert read_manifest(tx, state.manifest).picks == picks
            staging = tx.heads.get("staging")
            assert staging is not None
            assert staging.manifest == state.manifest

    def look_at_versions(self, tx: Transaction) -> None:
        store = self.tiny.project.store
        for record in tx.versions.all():
            if record.id in self.whole:
                continue
            store.objects.verify(record.code, f"the code of {record.id}")
            tables = {record.outputs.get("table"), *(d for n, d in record.outputs.items() if n.startswith("scores:"))}
            for root in tables - {None}:
                store.tables.verify(str(root))
            for name, digest in record.outputs.items():
                if digest not in tables:
                    store.objects.verify(digest, f"{name} of {record.id}")
            self.whole.add(record.id)

    def build_on(self) -> None:
        """The next build completes, and the one after it runs nothing."""
        self.tiny.build()
        assert built(self.tiny.build()) == set()
        with self.tiny.project.store.catalogue.read() as tx:
            assert tx.runs.open() == []


@pytest.fixture
def watcher(tmp_path: Path, few_threads: None) -> Iterator[Watcher]:
    tiny = Tiny(write_project(tmp_path / "tiny", SMALL, rows=1600))
    (tiny.folder / "done").touch()
    tiny.build()
    tiny.project.stage(everything=True)
    tiny.project.release()
    yield Watcher(tiny)
    tiny.close()


def kill_often(watcher: Watcher, kills: int, how: str = "") -> None:
    chance = random.Random(11)
    zygote = Zygote(watcher.tiny.folder)
    try:
        for turn in range(kills):
            zygote.walk_and_kill(f"{turn}{how}", chance.randrange(STEPS), chance.uniform(0.0, STEP))
            watcher.look()
            watcher.build_on()
    finally:
        zygote.close()
    watcher.whole.clear()
    watcher.look()


def test_a_process_killed_at_any_moment_leaves_a_legal_state_and_work_goes_on(watcher: Watcher) -> None:
    kill_often(watcher, KILLS)
    with watcher.tiny.project.store.catalogue.read() as tx:
        assert len(tx.heads.history("production")) > KILLS / 4, "the walkers came as far as a release"
        assert sum(one.status == "interrupted" for one in tx.runs.recent(10_000)) > KILLS / 10, (
            "and were killed in builds"
        )


def test_the_processes_of_a_killed_build_die_with_it(watcher: Watcher) -> None:
    kill_often(watcher, KILLS_WITH_PROCESSES, " pool")
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        left = [one for one in psutil.process_iter(["cmdline"]) if belongs(one, watcher.tiny.folder)]
        if not left:
            return
        time.sleep(0.1)
    raise AssertionError(f"left behind: {left}")


def belongs(process: psutil.Process, folder: Path) -> bool:
    """Whether a process works in the project's folder."""
    try:
        return Path(process.cwd()) == folder
    except (psutil.Error, OSError):
        return False

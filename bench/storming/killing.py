"""Kills at random moments: of those who work, of PostgreSQL, or of the object server; the rest goes on meanwhile.

A round kills a few times, waiting after each until whoever was hit has done something again. Then everybody is killed
at once and everything is checked, as nobody left it.
"""

from __future__ import annotations

import json
import os
import random
import signal
import time
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext, suppress
from pathlib import Path
from typing import Any

from tests.backends import SECRETS, Postgres, SeaweedFS, Server

from bench.storming.hands import Hands
from bench.storming.work import SHARES, Work, let_pass
from bench.storming.world import CLOCK, STRENGTHS, World, build, prepare

KILLED = ("processes", "postgresql", "objects")
"""What can be killed."""

ROUND = 12
"""Kills of a round, before all that is left is killed."""

SOON = 0.4
"""Within so many seconds of its last success, something is killed."""

TOO_LATE = 120.0
"""Seconds within which whoever was killed must have done something again."""


class Keeping(SeaweedFS):
    """The object server, which comes back where it was."""

    _command: list[str] | None = None

    def command(self) -> list[str]:
        """How it is started: always the same."""
        self._command = self._command or [*super().command(), "-master.electionTimeout=1s"]  # it elects itself: 10 s
        return self._command

    def restart(self) -> None:
        """Start it again; returns when it finds all that it holds. Until then it says that things are not there."""
        Server.start(self, {"WEED_MASTER_VOLUME_GROWTH_COPY_1": "1", **dict.fromkeys(SECRETS, "")})
        until = time.monotonic() + TOO_LATE
        while not self._finds_all():
            if time.monotonic() > until:
                raise RuntimeError("the object server lost something that it had acknowledged")
            time.sleep(0.1)

    def _finds_all(self) -> bool:
        client = self.client()
        try:
            for bucket in client.list_buckets()["Buckets"]:
                for one in client.list_objects_v2(Bucket=bucket["Name"]).get("Contents", ()):
                    client.get_object(Bucket=bucket["Name"], Key=one["Key"])["Body"].read()
        except Exception:  # whatever it says while it warms up
            return False
        return True


class Killer:
    """Kills, restarts and checks.

    Args:
        world: The project.
        server: The server that is killed, one that can be restarted; ``None``: the processes are.
        seed: Of the choices.
    """

    def __init__(self, world: World, server: Postgres | Keeping | None, seed: int) -> None:
        self._hands = Hands(world)
        self._world = world
        self._server = server
        self._chance = random.Random(seed)
        self._seed = seed
        self.killed = 0
        self.problems: list[str] = []
        self._since = ""
        self.verdict: dict[str, Any] = {}
        self._hands.run(prepare)

    def go(self, kills: int) -> None:
        """Kill so many times, checking everything between; then see that all can be done.

        Args:
            kills: How many times.
        """
        while self.killed < kills and not self.problems:
            self._round(min(ROUND, kills - self.killed))
            self._check()
        self.problems += self._hands.run(finish)
        self._check()

    def _round(self, kills: int) -> None:
        for kind in SHARES:
            self._begin(kind)
        for _ in range(kills):
            kind = self._chance.choice(list(SHARES))
            if self._chance.random() < 0.8:
                self._wait_for([kind])
            time.sleep(self._chance.random() * SOON)
            if self._server is None:
                self._kill(kind)
                self._begin(kind)
            else:
                began = CLOCK.now().isoformat()
                crash(self._server)
                time.sleep(self._chance.random() * SOON)
                self._server.restart()
                self._since = CLOCK.now().isoformat()
                with self._world.warming.open("a", encoding="utf-8") as file:
                    file.write(f"{began} {self._since}\n")
            self.killed += 1
        self._wait_for(list(SHARES))  # what was killed goes on
        time.sleep(self._chance.random() * SOON)
        for kind in SHARES:
            self._kill(kind)
        self.killed += self._server is None

    def _begin(self, kind: str) -> None:
        seed = self._chance.randrange(1 << 30)
        self._hands.begin(Work(kind, seed, kinds=(kind,), patient=self._server is not None))

    def _kill(self, kind: str) -> None:
        process = self._hands.running.pop(kind)
        process.kill()
        process.join()
        if process.exitcode != -signal.SIGKILL:
            self.problems.append(f"who does nothing but {kind} ended by itself, with {process.exitcode}")

    def _wait_for(self, kinds: list[str]) -> None:
        """Wait until each of some has succeeded since it, or the server, was begun."""
        until = time.monotonic() + TOO_LATE
        for kind in kinds:
            pid = self._hands.running[kind].pid
            while not succeeded(self._world, kind, pid, self._since):
                if time.monotonic() > until or not self._hands.running[kind].is_alive():
                    self.problems.append(f"who does nothing but {kind} did not go on: {last(self._world, kind)}")
                    return
                time.sleep(0.02)

    def _check(self) -> None:
        self.verdict = self._hands.check(interrupted=True)
        self.problems += self.verdict["problems"]


def succeeded(world: World, kind: str, pid: int | None, since: str) -> bool:
    """Whether a process has done what it does.

    Args:
        world: The project.
        kind: What it does.
        pid: The process.
        since: From which moment on; ISO.
    """
    path = world.logs / f"{kind}.jsonl"
    if not path.is_file():
        return False
    mine = f'"id": "{kind}-{pid}-'
    for line in path.read_text("utf-8").split("\n")[-200:]:
        if mine in line and '"outcome": "ok"' in line and line.endswith("}") and json.loads(line)["begin"] >= since:
            return True
    return False


def last(world: World, kind: str) -> str:
    """The last that a process wrote down."""
    path = world.logs / f"{kind}.jsonl"
    return path.read_text("utf-8").strip().split("\n")[-1] if path.is_file() else "nothing at all"


def crash(server: Server) -> None:
    """Kill a server and all that it has started."""
    assert server.process is not None
    several = [server.process.pid, *_children(server.process.pid)]
    for pid in several:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    server.process.wait()
    while any(_is_running(pid) for pid in several):
        time.sleep(0.005)


def _children(pid: int) -> Iterator[int]:
    for path in Path("/proc").glob("[0-9]*/stat"):
        try:
            parent = int(path.read_text().rpartition(")")[2].split()[1])
        except (OSError, IndexError):
            continue
        if parent == pid:
            yield int(path.parent.name)
            yield from _children(int(path.parent.name))


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def finish(world: World) -> list[str]:
    """After all kills: do everything once more. Gives what is wrong."""
    wrong: list[str] = []
    with world.open("finisher") as project:
        let_pass(project)
        build(project, "quick", STRENGTHS["quick"][0])
        build(project, "careful", STRENGTHS["careful"][0])
        for quick in STRENGTHS["quick"][:2]:
            build(project, "quick", quick)
            project.stage(*world.picks(quick, STRENGTHS["careful"][0]))
            project.release(reason="at last")
        project.rollback(reason="at last")
        project.collect(apply=True)
        with project.store.catalogue.read() as tx:
            wrong += [f"{one.object} is still being removed" for one in tx.tombstones.going()]
            wrong += [f"{one.id} is still open" for one in tx.runs.open()]
        if project.collect().objects:
            wrong.append("a second collection finds more")
    return wrong


def kill_many(folder: Path, of: str, kills: int, seed: int, back_end: str) -> dict[str, Any]:
    """Kill, and tell what came of it.

    Args:
        folder: Where the project is made.
        of: One of :data:`KILLED`.
        kills: How many times.
        seed: Of the choices.
        back_end: Database of the catalogue, where processes or the object server are killed.
    """
    began = time.perf_counter()
    with _database(of, back_end) as database, _bucket(of) as bucket:
        world = World(
            folder, database.fresh() if database is not None else None, bucket.fresh() if bucket is not None else None
        )
        victim: Postgres | Keeping | None = {"processes": None, "postgresql": database, "objects": bucket}[of]
        killer = Killer(world, victim, seed)
        killer.go(kills)
    verdict = {**killer.verdict, "problems": killer.problems, "legal": not killer.problems}
    took = round(time.perf_counter() - began, 1)
    back_end = "postgresql" if database is not None else "sqlite"
    return {"killed": of, "kills": killer.killed, "back end": back_end, "seconds": took, "verdict": verdict}


def _database(of: str, back_end: str) -> AbstractContextManager[Postgres | None]:
    return Postgres() if of == "postgresql" or back_end == "postgresql" else nullcontext()


def _bucket(of: str) -> AbstractContextManager[Keeping | None]:
    return Keeping() if of == "objects" else nullcontext()

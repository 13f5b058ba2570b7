"""Collecting beside processes that build, stage and release, and killed at any moment."""

from __future__ import annotations

import dataclasses
import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pytest
from tests.release.keeping import SHORT, House

from soroi.base.errors import CollectedError, ConflictError, CorruptError
from soroi.base.runtime import SystemClock
from soroi.store.present import whole

NOTHING = timedelta(0)
AT_ONCE = dataclasses.replace(SHORT, history=NOTHING, candidates=NOTHING, answers=NOTHING, grace=NOTHING)
"""Nothing is kept that is not needed: what a build has put and not recorded yet goes as well."""

NODES = ("a", "b", "c")


def opened(folder: Path, catalogue: str | None, actor: str) -> House:
    """A house that keeps nothing for its age, in this process."""
    house = House(folder, catalogue=catalogue, retention=AT_ONCE, actor=actor)
    house.clock = SystemClock()  # type: ignore[assignment]
    house.runtime = dataclasses.replace(house.runtime, clock=house.clock)
    return house


def work(folder: Path, catalogue: str | None, seed: int, steps: int) -> None:
    """What one process does: builds of few contents, so that all put the same bytes; each must be there when staged."""
    rng, house = random.Random(seed), opened(folder, catalogue, f"p{seed}")
    house.made = seed * 1_000_000
    for _ in range(steps):
        step = rng.choice(["build", "build", "build", "stage", "go", "collect"])
        try:
            if step == "build":
                _build(house, rng)
            elif step == "stage":
                with house.store.catalogue.read() as tx:
                    known = [one.id for one in tx.versions.all()[:20]]
                if known:
                    house.stage(rng.choice(known))
            elif step == "go":
                with house.store.catalogue.read() as tx:
                    picks = [one.version for one in tx.staging.get().picks.values()]
                if picks:
                    house.go(house.manifest(*picks), rng.choice(["production", "test"]))
            else:
                house.collect()
        except (ConflictError, CollectedError):
            continue  # somebody was first, or it is gone: a legal end
        check(house)
    house.close()


def _build(house: House, rng: random.Random) -> None:
    """Put and record, as a run does: again when what was put is gone; then stage it in the same breath."""
    node, text = rng.choice(NODES), f"content {rng.randrange(4)}".encode()
    for _ in range(200):
        outputs, code = {"file:model": house.store.objects.put(text)}, house.store.objects.put(b"the code")
        try:
            with house.store.catalogue.write() as tx:
                there = whole(tx, house.store.objects, outputs, code, runtime=house.runtime)
        except ConflictError:
            time.sleep(0.01)
            continue
        if not there:
            continue
        house.made += 1
        try:
            made = house.record(node, (), outputs, code)
        except (AssertionError, ConflictError):
            continue
        house.stage(made)
        return


def check(house: House) -> None:
    """Every version that is staged or live can be read, as long as it is."""
    for version in needed(house):
        if not house.there(version) and version in needed(house):
            raise CorruptError(f"{version} is needed, and its bytes are gone")


def needed(house: House) -> set[str]:
    """Ids of the versions that are staged or live at this moment."""
    with house.store.catalogue.read() as tx:
        found = {pick.version for pick in tx.staging.get().picks.values()}
        for head in tx.heads.all():
            found |= set(tx.manifests.get(head.manifest).body["picks"].values())
    return found


def start(folder: Path, catalogue: str | None, seed: int, steps: int) -> subprocess.Popen[bytes]:
    """A process that works."""
    code = (
        "import sys; from pathlib import Path; from tests.release.test_collect_processes import work; "
        f"work(Path({str(folder)!r}), {catalogue!r}, {seed}, {steps})"
    )
    root = Path(__file__).parents[2]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(root), *sys.path[1:]])}
    return subprocess.Popen([sys.executable, "-c", code], cwd=root, env=environment, stderr=subprocess.PIPE)


@pytest.mark.timeout(240)
def test_processes_that_build_stage_release_and_collect_at_once_lose_nothing_needed(
    database: str, tmp_path: Path
) -> None:
    opened(tmp_path, database, "first").close()
    running = [start(tmp_path, database, seed, 40) for seed in range(4)]
    for one in running:
        _, told = one.communicate(timeout=220)
        assert one.returncode == 0, told.decode()
    house = opened(tmp_path, database, "last")
    house.collect()
    check(house)
    with house.store.catalogue.read() as tx:
        assert tx.tombstones.going() == []
        assert tx.events.verify() == []
        records = tx.versions.get_many(needed(house)).values()
        collections = tx.events.list(kind="collection.began")
    assert len(collections) > 2
    stored = {one.name for one in house.store.objects.entries("objects")}
    assert stored >= {digest for one in records for digest in (*one.outputs.values(), one.code)}
    house.close()


@pytest.mark.timeout(240)
def test_processes_killed_at_any_moment_leave_a_state_that_the_next_collection_finishes(tmp_path: Path) -> None:
    rng = random.Random(1)
    house = opened(tmp_path, None, "first")
    for seed in range(6):
        worker = start(tmp_path, None, 10 + seed, 10_000)
        time.sleep(1.5 + rng.random())
        worker.send_signal(signal.SIGKILL)
        worker.communicate()
        check(house)
        house.collect()
        check(house)
        with house.store.catalogue.read() as tx:
            assert tx.tombstones.going() == []
            assert tx.events.verify() == []
    house.close()

"""Several processes at one socket: killed, switched and ended under load."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import psutil  # type: ignore[import-untyped]
import pytest
from tests.projects import Tiny
from tests.serve.serving_project import visit

from soroi.store import AnswerLog

pytestmark = pytest.mark.e2e

SERVE = """
import sys
from pathlib import Path
from soroi.codebase import read_config
from soroi.http import run_server
run_server(
    read_config(Path(sys.argv[1])), port=0, workers=2, ready=lambda address: print(address, flush=True),
    protocol=sys.argv[2],
)
"""


@contextlib.contextmanager
def serving(folder: Path, protocol: str = "native") -> Iterator[tuple[subprocess.Popen[str], str]]:
    """Two processes behind one address, both ready."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder), protocol], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        until(lambda: workers_of(address) == 2)
        yield process, address
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def workers_of(address: str) -> int:
    """How many processes say that they answer with a manifest."""
    told = httpx.get(f"{address}/metrics").text
    return sum(int(float(line.rsplit(" ", 1)[1])) for line in told.splitlines() if line.startswith("soroi_manifest{"))


def until(what: Any, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end
        time.sleep(0.05)


@dataclass
class Asker:
    """A client on a connection of its own, which it opens anew now and then; keeps what it saw."""

    address: str
    stop: threading.Event
    names: bool = False
    """Whether it says what it has seen."""
    revisions: list[int] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    broken: int = 0
    """Connections that ended under a request."""
    faults: list[str] = field(default_factory=list)

    def run(self) -> None:
        seen: str | None = None
        while not self.stop.is_set():
            with httpx.Client(base_url=self.address, timeout=60, trust_env=False) as client:
                for _ in range(5):
                    headers = {"soroi-manifest": seen} if seen is not None and self.names else {}
                    try:
                        reply = client.post("/decisions/hold", json={"row": visit()}, headers=headers)
                    except httpx.TransportError:
                        self.broken += 1
                        break
                    if reply.status_code != 200:
                        self.faults.append(reply.text)
                        return
                    answer = reply.json()["answer"]
                    assert reply.headers["soroi-revision"] == str(answer["revision"])
                    seen = f"{answer['manifest']};{answer['revision']}"
                    self.revisions.append(answer["revision"])
                    self.ids.append(answer["id"])


@contextlib.contextmanager
def asking(address: str, count: int, *, names: bool = False) -> Iterator[list[Asker]]:
    stop = threading.Event()
    askers = [Asker(address, stop, names) for _ in range(count)]
    threads = [threading.Thread(target=one.run) for one in askers]
    for thread in threads:
        thread.start()
    try:
        yield askers
    finally:
        stop.set()
        for thread in threads:
            thread.join()


def test_a_killed_process_takes_only_its_own_requests_with_it_and_is_replaced(shop_folder: Path) -> None:
    with serving(shop_folder) as (process, address):
        children = psutil.Process(process.pid).children()
        assert len(children) == 2
        with asking(address, 3) as askers:
            until(lambda: all(len(one.ids) > 5 for one in askers))
            children[0].kill()
            until(lambda: len(psutil.Process(process.pid).children()) == 2 and not children[0].is_running())
            before = [len(one.ids) for one in askers]
            until(lambda: all(len(one.ids) > count + 5 for one, count in zip(askers, before, strict=True)))
            until(lambda: workers_of(address) == 2)
        assert [one.faults for one in askers] == [[], [], []]
        assert all(one.broken <= 1 for one in askers)
        given = [one for asker in askers for one in asker.ids]
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 0
    assert not list((shop_folder / ".soroi").glob("serve-*"))
    assert not list((shop_folder / ".soroi" / "run").glob("serve-*"))
    logged = {one["id"] for one in AnswerLog(shop_folder / ".soroi").scan()}
    assert set(given) <= logged
    assert len(given) == len(set(given))


def test_a_client_that_says_what_it_saw_never_goes_back(shop_folder: Path) -> None:
    tiny = Tiny(shop_folder)
    built = tiny.build("careful", set={"careful": {"rate": 0.3}})
    tiny.project.stage(built.versions["careful"].id)
    behind = tiny.build(behind=True)
    tiny.project.stage(*(one.id for one in behind.versions.values() if one.kind != "dataset"))
    with serving(shop_folder) as (_, address), asking(address, 3, names=True) as askers:
        for turn in range(4):
            head = (tiny.project.rollback() if turn % 2 else tiny.project.release()).head
            until(lambda wanted=head.revision: all(one.revisions[-1:] == [wanted] for one in askers))
    for one in askers:
        assert one.faults == []
        assert one.broken == 0
        assert one.revisions == sorted(one.revisions)
        assert one.revisions[-1] == 5
    tiny.close()


def test_rows_that_came_in_at_one_count_at_all(shop_folder: Path) -> None:
    at = "2026-02-16T11:00:00Z"
    with serving(shop_folder) as (_, address):
        for count in range(1, 16):
            row = {"visit": f"told-{count}", "at": at, "known": at, "shop": "s0", "loss": 1.0, "bad": True}
            with httpx.Client(base_url=address) as one:
                assert one.post("/sources/results/rows", json={"rows": [row]}).json() == {"accepted": 1, "known": 0}
            with httpx.Client(base_url=address) as other:
                asked = visit(visit="later", at="2026-02-16T12:00:00Z", shop="s0")
                answer = other.post("/decisions/hold", json={"row": asked}).json()["answer"]
                recorded = other.get(f"/answers/{answer['id']}").json()["answer"]
            if answer["score"] is not None:  # else a step was late on a busy machine
                assert recorded["features"]["seen"] == count


def test_when_the_one_that_looks_after_them_is_killed_they_end(shop_folder: Path) -> None:
    with serving(shop_folder, "asgi") as (process, _):
        children = psutil.Process(process.pid).children()
        process.kill()
        process.wait()
        gone, alive = psutil.wait_procs(children, timeout=30)
        assert (len(gone), alive) == (2, [])

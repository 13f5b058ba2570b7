from __future__ import annotations

import contextlib
import os
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.projects import Tiny
from tests.serve.serving_project import visit

from soroi.base.errors import StoreError
from soroi.http.server import listen
from soroi.store import AnswerLog

SERVE = """
import sys
from pathlib import Path
from soroi.codebase import read_config
from soroi.http import run_server
run_server(read_config(Path(sys.argv[1])), port=0, ready=lambda address: print(address, flush=True))
"""


@contextlib.contextmanager
def running(folder: Path) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """A server process of its own, ready to answer."""
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder)], stdout=subprocess.PIPE, text=True, env=os.environ
    )
    assert process.stdout is not None
    try:
        address = process.stdout.readline().strip()
        assert address.startswith("http://127.0.0.1:")
        with httpx.Client(base_url=address, timeout=30) as client:
            until = time.monotonic() + 60
            while client.get("/ready").status_code != 200:
                assert time.monotonic() < until
                time.sleep(0.05)
            yield process, client
    finally:
        if process.poll() is None:
            process.kill()
        process.wait()
        process.stdout.close()


def result(name: str) -> dict[str, Any]:
    at = "2026-02-05T11:00:00Z"
    return {"visit": name, "at": at, "known": at, "shop": "s1", "loss": 1.0, "bad": True}


def test_a_taken_address_is_named_with_the_remedy() -> None:
    with contextlib.closing(listen("127.0.0.1", 0)) as one:
        port = one.getsockname()[1]
        with pytest.raises(StoreError, match=f"cannot listen at 127.0.0.1:{port}") as caught:
            listen("127.0.0.1", port)
        assert "--port" in (caught.value.hint or "")
    with pytest.raises(StoreError):
        listen("127.0.0.1", 99_999)


@pytest.mark.e2e
def test_it_says_where_it_answers_drains_on_sigterm_and_leaves_nothing_behind(shop_folder: Path) -> None:
    with running(shop_folder) as (process, client):
        note = shop_folder / ".soroi" / f"serve-{process.pid}.json"
        address = str(client.base_url).rstrip("/")
        assert address in note.read_text()
        stop, statuses, refused = threading.Event(), [], []

        def ask() -> None:
            with httpx.Client(base_url=address, timeout=30) as mine:
                while not stop.is_set():
                    try:
                        statuses.append(mine.post("/decisions/hold", json={"row": visit()}).status_code)
                    except httpx.ConnectError:
                        return
                    except httpx.TransportError as error:  # an idle connection may be closed under a new request
                        refused.append(error)
                        return

        threads = [threading.Thread(target=ask) for _ in range(3)]
        for one in threads:
            one.start()
        time.sleep(0.5)
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=30) == 0
        stop.set()
        for one in threads:
            one.join()
        assert set(statuses) == {200}
        assert not note.exists()
    assert len(list(AnswerLog(shop_folder / ".soroi").scan())) >= len(statuses)


@pytest.mark.e2e
def test_what_was_acknowledged_survives_kill_9(shop_folder: Path) -> None:
    with running(shop_folder) as (process, client):
        for n in range(20):
            taken = client.post("/sources/results/rows", json={"rows": [result(f"x{n}")]})
            assert taken.json() == {"accepted": 1, "known": 0}
        asked = client.post("/decisions/hold", json={"row": visit()}).json()["answer"]
        process.send_signal(signal.SIGKILL)
        process.wait()
    with running(shop_folder) as (_, client):
        rows = [result(f"x{n}") for n in range(21)]
        assert client.post("/sources/results/rows", json={"rows": rows}).json() == {"accepted": 1, "known": 20}
        found = client.get(f"/answers/{asked['id']}").json()["answer"]
        again = client.post("/decisions/hold", json={"row": visit()}).json()["answer"]
        repeated = client.get(f"/answers/{again['id']}").json()["answer"]
        assert found["score"] == asked["score"]
        assert repeated["features"]["seen"] == found["features"]["seen"] + 1


@pytest.mark.e2e
def test_a_release_reaches_a_running_server_and_no_request_fails(shop_folder: Path) -> None:
    tiny = Tiny(shop_folder)
    first = tiny.live()
    built = tiny.build("careful", set={"careful": {"rate": 0.3}})
    tiny.project.stage(built.versions["careful"].id)
    behind = tiny.build(behind=True)
    tiny.project.stage(*(one.id for one in behind.versions.values() if one.kind != "dataset"))
    with running(shop_folder) as (_, client):
        manifests: list[str] = []

        def ask_until(manifest: str | None) -> None:
            until = time.monotonic() + 60
            while not manifests or manifests[-1] != manifest:
                assert time.monotonic() < until
                response = client.post("/decisions/check", json={"row": visit()})
                assert response.status_code == 200
                answer = response.json()["answer"]
                manifests.append(answer["manifest"])
                picks = tiny.project.manifest(answer["manifest"]).picks
                for step in answer["path"]:
                    assert step["versions"].items() <= picks.items()

        ask_until(first)
        tiny.project.release()
        ask_until(tiny.live())
        tiny.project.rollback()
        ask_until(first)
        changes = [one for place, one in enumerate(manifests) if place == 0 or manifests[place - 1] != one]
        assert len(changes) == 3
    tiny.close()


@pytest.mark.e2e
def test_hostile_connections_do_not_end_it(shop_folder: Path) -> None:
    with running(shop_folder) as (process, client):
        port = client.base_url.port
        assert port is not None
        for data in (
            b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
            b"GET / HTTP/9.9\r\n\r\n",
            b"POST /decisions/check HTTP/1.1\r\nhost: x\r\ncontent-length: -5\r\n\r\n",
            b"POST /decisions/check HTTP/1.1\r\nhost: x\r\ncontent-length: 99\r\n\r\n{",
            b"POST /decisions/check HTTP/1.1\r\nhost: x\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n",
            b"GET /" + b"a" * 200_000 + b" HTTP/1.1\r\n\r\n",
            b"GET / HTTP/1.1\r\nx: " + b"b" * 500_000 + b"\r\n\r\n",
        ):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as raw, contextlib.suppress(OSError):
                raw.sendall(data)
                raw.shutdown(socket.SHUT_WR)
                answer = raw.recv(65536)
                assert not answer.startswith(b"HTTP/1.1 5"), answer[:200]
        assert client.get("/health").status_code == 200
        assert process.poll() is None

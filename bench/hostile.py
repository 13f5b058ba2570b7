"""Hostile requests by the hundred thousand against a server in a process of its own: no 5xx, no end, no growth.

python -m bench.hostile --requests 100000
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from random import Random

import httpx
import psutil  # type: ignore[import-untyped]
from tests.http.hostility import request
from tests.projects import Tiny
from tests.serve.serving_project import visit, write

SERVE = """
import sys
from pathlib import Path
from soroi.codebase import read_config
from soroi.http import run_server
run_server(read_config(Path(sys.argv[1])), port=0, ready=lambda address: print(address, flush=True))
"""
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")
CLIENTS = 8


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--requests", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        tiny = Tiny(write(Path(folder) / "shops"))
        tiny.build()
        tiny.project.stage(everything=True)
        tiny.project.release()
        tiny.close()
        run(tiny.folder, options.requests, options.seed)


def run(folder: Path, requests: int, seed: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", SERVE, str(folder)],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
        env=os.environ,
    )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    port = int(address.rsplit(":", 1)[1])
    while httpx.get(f"{address}/ready").status_code != 200:
        time.sleep(0.1)
    memory, found, begun = psutil.Process(process.pid), Counter[int](), time.monotonic()
    warm = 0
    for first in range(0, requests, max(requests // 10, 1)):
        last = min(first + max(requests // 10, 1), requests)
        with ThreadPoolExecutor(CLIENTS) as pool:
            for statuses in pool.map(lambda one: send(port, request(Random(seed + one))), range(first, last)):
                found.update(statuses)
        held = memory.memory_info().rss >> 20
        warm = warm or held
        print(f"{last:>8} requests, {time.monotonic() - begun:6.0f} s, {held} MiB, {dict(sorted(found.items()))}")
        assert process.poll() is None, "the process ended"
    assert not any(one >= 500 for one in found), "a status of 500 or more"
    assert httpx.post(f"{address}/decisions/hold", json={"row": visit()}, timeout=60).status_code == 200
    print(f"memory grew by {held - warm} MiB since the first tenth")
    process.send_signal(signal.SIGTERM)
    assert process.wait(30) == 0


def send(port: int, data: bytes) -> list[int]:
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as raw, contextlib.suppress(OSError):
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        while part := raw.recv(65536):
            said += part
    return [int(one) for one in STATUS.findall(said)]


if __name__ == "__main__":
    main()

from __future__ import annotations

import json
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest
from tests.cli.commands import Run

ROW = {"ticket_id": "T1", "channel": "phone", "words": 390, "waiting": 59}


def test_a_project_that_is_none_cannot_be_served(run: Run, tmp_path: Path) -> None:
    assert run("serve", "--project", tmp_path).code == 2


@pytest.mark.e2e
def test_a_release_is_served_and_its_answer_traced(run: Run, released: Path) -> None:
    command = [sys.executable, "-m", "soroi.cli.main", "serve", "--port", "0", "--json", "--project", str(released)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            said = json.loads("".join(iter(server.stdout.readline, "}\n")) + "}")
            request = urllib.request.Request(
                f"{said['address']}/decisions/show_expert",
                data=json.dumps({"row": ROW}).encode(),
                headers={"content-type": "application/json"},
            )
            _await_ready(said["address"])
            with urllib.request.urlopen(request, timeout=30) as reply:
                answer = json.loads(reply.read())["answer"]
        finally:
            server.send_signal(signal.SIGTERM)
        assert server.wait(30) == 0
    assert answer["action"] == "show an expert"
    traced = run("trace", answer["id"], "--project", released)
    assert traced.code == 0, traced.err
    assert "show_expert answered" in traced.out


def _await_ready(address: str) -> None:
    import time
    from urllib.error import HTTPError

    for _ in range(300):
        try:
            with urllib.request.urlopen(f"{address}/ready", timeout=30):
                return
        except HTTPError:
            time.sleep(0.1)
    raise AssertionError("the server did not become ready")

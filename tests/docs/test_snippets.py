"""The documentation's snippets, run as they stand: commands in a shell, Python in one namespace, page by page."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.backends import SECRETS, Servers

DOCS = Path(__file__).parents[2] / "docs"
FENCE = re.compile(r"^```(\w+)(?: (\w+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Page:
    """Runs the snippets of one page, in order, in one folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.names: dict[str, Any] = {"__name__": "snippet"}
        self.background: list[subprocess.Popen[bytes]] = []
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self.environment = {**os.environ, "PATH": path, "SOROI_KEYS": str(folder / "keys"), "NO_COLOR": "1"}

    def console(self, text: str, how: str | None) -> None:
        """Commands, one per line that begins with ``$``; they must succeed."""
        for line in text.splitlines():
            command = line.removeprefix("$ ")
            if command.startswith("cd "):
                self.folder = self.folder / command[3:]
                os.chdir(self.folder)
            elif how == "background":
                self._start(command)
            else:
                done = subprocess.run(
                    command,
                    shell=True,
                    cwd=self.folder,
                    env=self.environment,
                    capture_output=True,
                    text=True,
                    timeout=120,
                )
                assert done.returncode == 0, f"$ {command}\n{done.stdout}\n{done.stderr}"

    def python(self, text: str, where: str) -> None:
        """Python, in the page's namespace."""
        exec(compile(text, where, "exec"), self.names)

    def toml(self, text: str) -> None:
        """Settings, put behind those of the project."""
        with (self.folder / "soroi.toml").open("a") as file:
            file.write(f"\n{text}")

    def _start(self, command: str) -> None:
        process = subprocess.Popen(["/bin/sh", "-c", f"exec {command}"], cwd=self.folder, env=self.environment)
        self.background.append(process)
        port = int(command.split("--port ")[1].split()[0])
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            with contextlib.suppress(httpx.HTTPError):
                if httpx.get(f"http://127.0.0.1:{port}/ready").status_code == 200:
                    return
            time.sleep(0.1)
        raise AssertionError(f"$ {command} did not start")

    def close(self) -> None:
        """End what was started."""
        for process in self.background:
            process.send_signal(signal.SIGTERM)
            process.wait(30)


@pytest.fixture
def page(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Page]:
    monkeypatch.chdir(tmp_path)
    made = Page(tmp_path)
    yield made
    made.close()


@pytest.mark.e2e
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "name",
    [
        "tutorial.md",
        "what-makes-stale.md",
        "how-to.md",
        "rollouts.md",
        "approvals.md",
        "collection.md",
        "http.md",
        "serving.md",
    ],
)
def test_the_snippets_of_a_page_run_as_they_stand(name: str, page: Page) -> None:
    run((DOCS / name).read_text("utf-8"), name, page)


@pytest.mark.e2e
@pytest.mark.timeout(900)
def test_the_page_on_sharing_runs_as_it_stands_but_for_the_servers_addresses(
    page: Page, servers: Servers, postgres: Callable[[], str]
) -> None:
    server = servers.bucket("seaweedfs")
    server.client().create_bucket(Bucket="soroi")
    text = (DOCS / "sharing.md").read_text("utf-8")
    for ours, theirs in {
        "postgresql+psycopg://soroi@db.example/soroi": postgres(),
        "?endpoint=https://s3.example": f"?endpoint={server.endpoint}&allow_http=true",
        '"https://s3.example"': f'"{server.endpoint}"\nallow_http = true',
    }.items():
        assert ours in text
        text = text.replace(ours, theirs)
    page.environment |= SECRETS
    run(text, "sharing.md", page)
    assert page.folder.name == "colleague"
    assert "example" not in (page.folder / "soroi.toml").read_text()
    assert not (page.folder / ".soroi" / "catalogue.sqlite").exists()
    done = subprocess.run(
        ["soroi", "build", "--json"], cwd=page.folder, env=page.environment, capture_output=True, check=True
    )
    assert {one["status"] for one in json.loads(done.stdout)["nodes"].values()} == {"reused"}


def run(text: str, name: str, page: Page) -> None:
    """Run the snippets of a page in order."""
    for match in FENCE.finditer(text):
        kind, how, body = match.groups()
        if kind == "console":
            page.console(body, how)
        elif kind == "toml" and how == "append":
            page.toml(body)
        elif kind == "python":
            page.python(body, f"{name}:{text[: match.start()].count(chr(10)) + 1}")

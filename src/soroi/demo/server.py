"""The server of the demo: ``soroi serve`` in a process of its own."""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

import msgspec

from soroi.base.errors import RefusedError

START_SECONDS = 60.0
"""How long it may take until it says where it listens."""

STOP_SECONDS = 15.0
"""How long it may take to finish what it has begun."""


class Server:
    """``soroi serve`` on a free port of this machine, stopped at the end of the block.

    Args:
        folder: Folder of the project.
        store: Folder of its store, where the server writes its address.
        log: File that takes what it prints.
    """

    def __init__(self, folder: Path, store: Path, log: Path) -> None:
        self._folder = folder
        self._store = store
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None
        self.address = ""

    def __enter__(self) -> Self:
        command = [sys.executable, "-m", "soroi.cli.main", "serve", "--port", "0", "--project", str(self._folder)]
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        try:
            self.address = self._await_address(self._process)
        except BaseException:
            self._stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stop()

    def _await_address(self, process: subprocess.Popen[bytes]) -> str:
        note = self._store / f"serve-{process.pid}.json"
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end:
            if process.poll() is not None:
                break
            try:
                return str(msgspec.json.decode(note.read_bytes())["address"])
            except (FileNotFoundError, msgspec.DecodeError):
                time.sleep(0.05)
        lines = self._log.read_text("utf-8", "replace").strip().splitlines()
        raise RefusedError(
            f"soroi serve did not start: {' / '.join(lines[-3:]) or 'it said nothing'}", hint=f"see {self._log}"
        )

    def _stop(self) -> None:
        process = self._process
        if process is None or process.poll() is not None:
            return
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()

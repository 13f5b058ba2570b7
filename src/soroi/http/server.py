"""Running the server: an address, a clean start, a clean end."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import Any

import msgspec
import uvicorn

from soroi.base.errors import StoreError
from soroi.codebase import ProjectConfig
from soroi.http.app import make_app
from soroi.http.service import open_service

DRAIN_SECONDS = 10
"""How long requests on their way may take once the server is told to end."""

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 65
_SWITCH_SECONDS = 0.001  # a step that spins holds the interpreter this long before the others get a turn
_LOG = logging.getLogger("soroi.http")


def run_server(
    config: ProjectConfig,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    environment: str = "production",
    ready: Callable[[str], None] | None = None,
) -> None:
    """Serve a project over HTTP until the process is told to end (SIGTERM, SIGINT), then drain.

    The address is also written to ``serve-<pid>.json`` in the store's folder while the server runs.

    Args:
        config: What ``soroi.toml`` says.
        host: Address to listen at.
        port: Port to listen at; 0: a free one.
        environment: Name of the head to follow.
        ready: Called with the address (``http://host:port``) once requests are taken; default: prints it.

    Raises:
        StoreError: The address is taken, or the store cannot be opened.
    """
    sys.setswitchinterval(_SWITCH_SECONDS)
    os.environ.setdefault("OMP_NUM_THREADS", "1")  # requests run side by side; threads that spin for each other do harm
    listening = listen(host, port)
    with contextlib.closing(listening):
        service = open_service(config, environment=environment)
        address = _address(host, listening)
        note = config.store / f"serve-{os.getpid()}.json"
        app = make_app(service, on_close=lambda: note.unlink(missing_ok=True))

        def announce() -> None:
            body = {"address": address, "pid": os.getpid(), "environment": environment, "project": config.name}
            _write(note, body)
            (ready or _print)(address)

        make_server(app, announce).run(sockets=[listening])


def listen(host: str, port: int) -> socket.socket:
    """A socket that takes connections at an address.

    Raises:
        StoreError: It is taken, or not one of this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    made = socket.socket(family, socket.SOCK_STREAM)
    try:
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((host, port))
        made.listen(_BACKLOG)
        made.set_inheritable(False)
    except (OSError, OverflowError) as error:
        made.close()
        raise StoreError(
            f"cannot listen at {host}:{port}: {error}", hint="name another with --port; 0 takes a free one"
        ) from None
    return made


class _Server(uvicorn.Server):
    """Uvicorn, telling when it takes requests, and ending cleanly on a signal instead of dying of it."""

    def __init__(self, config: uvicorn.Config, announce: Callable[[], None]) -> None:
        super().__init__(config)
        self._announce = announce

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests."""
        await super().startup(sockets)
        if self.started:
            self._announce()

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """End in order on SIGTERM and SIGINT; give the handlers back afterwards."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        before = {one: signal.signal(one, self._stop) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _stop(self, number: int, frame: FrameType | None) -> None:
        self.handle_exit(number, frame)


def make_server(app: Any, announce: Callable[[], None]) -> uvicorn.Server:
    """A server of an application.

    Args:
        app: The ASGI application.
        announce: Called once requests are taken.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
    )
    return _Server(config, announce)


def _address(host: str, listening: socket.socket) -> str:
    port = listening.getsockname()[1]
    shown = f"[{host}]" if ":" in host else host
    return f"http://{shown}:{port}"


def _write(path: Path, body: dict[str, Any]) -> None:
    fresh = path.with_name(f".{path.name}")
    fresh.write_bytes(msgspec.json.encode(body))
    fresh.replace(path)


def _print(address: str) -> None:
    print(f"answering at {address}", file=sys.stderr, flush=True)

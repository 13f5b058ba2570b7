"""Running the server: an address, a clean start, a clean end."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from types import FrameType
from typing import Any, Literal

import msgspec
import uvicorn

from soroi.base.errors import StoreError
from soroi.codebase import ProjectConfig
from soroi.http.access import Access, is_loopback
from soroi.http.app import make_app
from soroi.http.desk import Desk
from soroi.http.protocol import NativeProtocol
from soroi.http.service import Service, open_service

DRAIN_SECONDS = 10
"""How long requests on their way may take once the server is told to end."""

Wire = Literal["native", "asgi"]
"""What speaks HTTP: a protocol of our own, or the portable one that runs any ASGI application."""

_BACKLOG = 2048
_KEEP_ALIVE_SECONDS = 65
_SWITCH_SECONDS = 0.001  # a step that spins holds the interpreter this long before the others get a turn
_LOADING_SECONDS = 60.0  # then connections are taken all the same, so that somebody says what is wrong
_LOOK_SECONDS = 0.02
_CROWDED_SECONDS = 0.1  # how long no connection is taken when no file descriptor is left
_LOG = logging.getLogger("soroi.http")


def run_server(
    config: ProjectConfig,
    *,
    host: str = "127.0.0.1",
    port: int = 8000,
    environment: str = "production",
    ready: Callable[[str], None] | None = None,
    protocol: Wire = "native",
    workers: int = 1,
) -> None:
    """Serve a project over HTTP until the process is told to end (SIGTERM, SIGINT), then drain.

    The address is also written to ``serve-<pid>.json`` in the store's folder while the server runs.

    Args:
        config: What ``soroi.toml`` says.
        host: Address to listen at.
        port: Port to listen at; 0: a free one.
        environment: Name of the head to follow.
        ready: Called with the address (``http://host:port``) once requests are taken; default: prints it.
        protocol: What speaks HTTP.
        workers: Number of processes that answer; with several, this one looks after them.

    Raises:
        StoreError: The address is taken, or the store cannot be opened.
    """
    with contextlib.closing(listen(host, port)) as listening:
        address = _address(host, listening)
        note = config.store / f"serve-{os.getpid()}.json"
        body = {"address": address, "pid": os.getpid(), "environment": environment, "project": config.name}

        def announce() -> None:
            _write(note, body)
            (ready or _print)(address)

        try:
            if workers > 1:
                from soroi.http.workers import Supervisor, Terms

                terms = Terms(str(config.root), host, environment, protocol, f"serve-{os.getpid()}")
                Supervisor(terms, listening, workers).run(announce)
            else:
                _run_alone(config, host, environment, protocol, listening, announce)
        finally:
            note.unlink(missing_ok=True)


def serve_on(
    service: Service,
    listening: socket.socket,
    announce: Callable[[], None],
    *,
    desk: Desk,
    protocol: Wire,
    loaded: bool = False,
) -> None:
    """Answer at a socket, in this process, until it is told to end.

    Args:
        service: What answers.
        listening: The socket.
        announce: Called once requests are taken.
        desk: What answers requests for decisions.
        protocol: What speaks HTTP.
        loaded: Whether to take no request before there is something to answer with, as others answer meanwhile.
    """

    def loading() -> bool:
        return loaded and service.engine.serving is None and not service.follower.problems()

    sys.setswitchinterval(_SWITCH_SECONDS)
    app = make_app(service, desk=desk)
    make_server(app, announce, desk=desk if protocol == "native" else None, loading=loading).run(sockets=[listening])


def make_access(config: ProjectConfig, service: Service, host: str) -> Access:
    """Who may ask a server at an address. On this machine's own, an embedded project without roles is open."""
    is_open = is_loopback(host) and config.catalogue is None
    access = Access(service.store, service.follower.environment, service.engine.runtime, is_open=is_open)
    access.refresh()
    return access


def settle_threads() -> None:
    """Keep libraries from starting threads: requests run side by side; threads that spin for each other do harm."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")


def _run_alone(
    config: ProjectConfig,
    host: str,
    environment: str,
    protocol: Wire,
    listening: socket.socket,
    announce: Callable[[], None],
) -> None:
    settle_threads()
    service = open_service(config, environment=environment)
    access = make_access(config, service, host)
    desk = Desk(service, access=access)
    _LOG.info("%s", told_of(access))
    serve_on(service, listening, announce, desk=desk, protocol=protocol)


def told_of(access: Access) -> str:
    """Whether tokens are needed, in a sentence."""
    if access.needed:
        return "requests need a token: 'Authorization: Bearer …'; soroi token create makes one"
    return "requests need no token: only this machine can ask, and no role was given in the project"


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
    """Uvicorn, telling when it takes requests, and ending cleanly on a signal instead of dying of it.

    Connections are taken one at a time, so that several processes at one socket share them: whoever is busy comes
    back to it later than whoever is not.
    """

    def __init__(
        self, config: uvicorn.Config, announce: Callable[[], None], loading: Callable[[], bool] = lambda: False
    ) -> None:
        super().__init__(config)
        self._announce = announce
        self._loading = loading
        self._taking: set[asyncio.Task[Any]] = set()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begin to take requests."""
        await super().startup([])
        until = time.monotonic() + _LOADING_SECONDS
        while self._loading() and time.monotonic() < until and not self.should_exit:
            await asyncio.sleep(_LOOK_SECONDS)
        for one in sockets or []:
            one.setblocking(False)
            asyncio.get_running_loop().add_reader(one, self._accept, one)
        if self.started:
            self._announce()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Take the connections that were made already, then no more; answer what was asked; end."""
        loop = asyncio.get_running_loop()
        for one in sockets or []:
            loop.remove_reader(one)
            while self._accept(one):
                pass
        if self._taking:
            await asyncio.wait(self._taking)
        await super().shutdown(sockets)
        for connection in list(self.server_state.connections):
            if isinstance(connection, NativeProtocol):
                connection.abort()
        await asyncio.sleep(0)

    def _accept(self, listening: socket.socket) -> bool:
        """Take one connection, if there is one."""
        loop = asyncio.get_running_loop()
        try:
            taken, _ = listening.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return False
        except OSError as error:
            _LOG.error("no connection can be taken: %s", error)
            loop.remove_reader(listening)
            loop.call_later(_CROWDED_SECONDS, self._resume, listening)
            return False
        taken.setblocking(False)
        with contextlib.suppress(OSError):
            taken.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        task = loop.create_task(self._connect(taken))
        self._taking.add(task)
        task.add_done_callback(self._taking.discard)
        return True

    async def _connect(self, taken: socket.socket) -> None:
        loop = asyncio.get_running_loop()
        make: Callable[[], asyncio.Protocol] = partial(  # type: ignore[call-arg]
            self.config.http_protocol_class,
            config=self.config,
            server_state=self.server_state,
            app_state=self.lifespan.state,
        )
        try:
            await loop.connect_accepted_socket(make, taken)
        except OSError:
            taken.close()

    def _resume(self, listening: socket.socket) -> None:
        if listening.fileno() >= 0 and not self.should_exit:
            asyncio.get_running_loop().add_reader(listening, self._accept, listening)

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


def make_server(
    app: Any,
    announce: Callable[[], None],
    *,
    desk: Desk | None = None,
    loading: Callable[[], bool] = lambda: False,
) -> uvicorn.Server:
    """A server of an application.

    Args:
        app: The ASGI application.
        announce: Called once requests are taken.
        desk: What answers requests for decisions past the application, by our own protocol; ``None``: nothing does.
        loading: Whether it is too early to take connections.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        lifespan="on",
        ws="none",
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=DRAIN_SECONDS,
        http="httptools" if desk is None else partial(NativeProtocol, desk),  # type: ignore[arg-type]
    )
    return _Server(config, announce, loading)


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

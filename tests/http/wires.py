"""A server that speaks our protocol before an application and answers of the tests' own, and raw connections to it."""

from __future__ import annotations

import asyncio
import contextlib
import socket
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import uvicorn

from soroi.http.ask import Ask, Route
from soroi.http.limits import Limits
from soroi.http.parsing import Heard, Store
from soroi.http.protocol import NativeProtocol
from soroi.http.reply import Reply, Replying
from soroi.http.server import _Server, listen

Send = Callable[[dict[str, Any]], Awaitable[None]]
LIMITS = Limits(head_bytes=4096, headers=20, head_seconds=0.3, body_seconds=0.6, idle_seconds=30.0, linger_seconds=0.5)


class TestFront:
    """Answers ``POST /now`` at once, ``POST /later`` when it is let; both give the body back."""

    __test__ = False

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.limits = limits
        self.store = Store(limits.held_bytes)
        self.let = threading.Event()
        self.let.set()
        self.answered: list[bytes] = []
        self.connections: set[NativeProtocol] = set()

    def recognise(self, heard: Heard) -> Ask | None:
        if heard.method == b"POST" and heard.url in (b"/now", b"/later", b"/fault"):
            return Ask(Route(heard.url.decode(), oip=False), heard.body, heard.since, heard.header)
        return None

    def at_once(self, ask: Ask) -> Replying | None:
        if ask.route.decision == "/fault":
            raise ZeroDivisionError
        return self._reply(ask) if ask.route.decision == "/now" else None

    async def answer(self, ask: Ask) -> Replying:
        while not self.let.is_set():
            await asyncio.sleep(0.005)
        return self._reply(ask)

    def watch(self, connection: NativeProtocol) -> None:
        self.connections.add(connection)

    def forget(self, connection: NativeProtocol) -> None:
        self.connections.discard(connection)

    def _reply(self, ask: Ask) -> Reply:
        self.answered.append(ask.body)
        return Reply(200, ((b"content-type", b"text/plain"),), ask.body)


@dataclass
class TestApp:
    """An ASGI application with a path for each thing that can happen."""

    __test__ = False

    scopes: list[dict[str, Any]] = field(default_factory=list)
    gone: threading.Event = field(default_factory=threading.Event)

    async def __call__(self, scope: dict[str, Any], receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._live(receive, send)
            return
        self.scopes.append(scope)
        path = scope["path"]
        if path == "/raise":
            raise ZeroDivisionError
        if path == "/nothing":
            return
        if path == "/smuggle":
            await send({"type": "http.response.start", "status": 200, "headers": [(b"x", b"a\r\nset: b")]})
            await send({"type": "http.response.body", "body": b""})
        if path == "/stream":
            await self._stream(send, raises=scope["query_string"] == b"raise")
            return
        if path == "/wait":
            await receive()
            assert (await receive())["type"] == "http.disconnect"
            self.gone.set()
            return
        if path == "/large":
            await self._reply(send, b"x" * 5_000_000)
            return
        message = await receive()
        await self._reply(send, scope["method"].encode() + b" " + scope["raw_path"] + b" " + message["body"])

    async def _live(self, receive: Callable[[], Awaitable[Any]], send: Send) -> None:
        for what in ("startup", "shutdown"):
            assert (await receive())["type"] == f"lifespan.{what}"
            await send({"type": f"lifespan.{what}.complete"})

    async def _reply(self, send: Send, body: bytes) -> None:
        headers = [(b"content-type", b"text/plain"), (b"content-length", b"%d" % len(body))]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def _stream(self, send: Send, *, raises: bool) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-type", b"text/plain")]})
        for part in (b"one ", b"", b"two"):
            await send({"type": "http.response.body", "body": part, "more_body": True})
        if raises:
            raise ZeroDivisionError
        await send({"type": "http.response.body", "body": b""})


@dataclass
class Wire:
    """A running server."""

    port: int
    front: TestFront
    app: TestApp
    server: uvicorn.Server

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), timeout=10)

    def talk(self, data: bytes, *, until_closed: bool = True) -> bytes:
        """Send some bytes, then no more; everything that is said to them."""
        with self.connect() as raw:
            raw.sendall(data)
            if until_closed:
                raw.shutdown(socket.SHUT_WR)
            return drained(raw)


@contextlib.contextmanager
def running(front: TestFront | None = None) -> Iterator[Wire]:
    """A server in a thread of this process, swept often."""
    front, app = front or TestFront(), TestApp()
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        date_header=False,
        server_header=False,
        timeout_graceful_shutdown=5,
        http=partial(NativeProtocol, front),  # type: ignore[arg-type]
    )
    begun = threading.Event()
    with contextlib.closing(listen("127.0.0.1", 0)) as listening:
        server = _Sweeping(config, begun.set, front)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert begun.wait(30)
            yield Wire(listening.getsockname()[1], front, app, server)
        finally:
            front.let.set()
            server.should_exit = True
            thread.join()


class _Sweeping(_Server):
    def __init__(self, config: uvicorn.Config, announce: Callable[[], None], front: TestFront) -> None:
        super().__init__(config, announce)
        self._front = front

    async def on_tick(self, counter: int) -> bool:
        for one in list(self._front.connections):
            one.sweep(time.perf_counter())
        return await super().on_tick(counter)


def post(path: str, body: bytes = b"", *headers: str, version: str = "1.1") -> bytes:
    """A request as bytes."""
    lines = [f"POST {path} HTTP/{version}", "host: x", *headers]
    if not any(one.lower().startswith(("content-length", "transfer-encoding")) for one in headers):
        lines.append(f"content-length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def get(path: str, *headers: str, method: str = "GET", version: str = "1.1") -> bytes:
    """A request without a body as bytes."""
    return ("\r\n".join([f"{method} {path} HTTP/{version}", "host: x", *headers]) + "\r\n\r\n").encode()


def drained(raw: socket.socket) -> bytes:
    """What comes until the other side ends."""
    found = b""
    with contextlib.suppress(ConnectionResetError):
        while data := raw.recv(65536):
            found += data
    return found


def flooded(raw: socket.socket, data: bytes) -> int:
    """Send the same again and again until nobody takes it any more; how often it was sent."""
    for count in range(1000):
        try:
            raw.sendall(data)
        except TimeoutError:
            return count
    raise AssertionError("everything was taken")


def statuses(data: bytes) -> list[int]:
    """The statuses of replies."""
    return [int(one.split(b" ", 1)[0]) for one in data.split(b"HTTP/1.1 ")[1:]]


def until(what: Callable[[], bool]) -> None:
    """Wait until something is so."""
    end = time.monotonic() + 20
    while not what():
        assert time.monotonic() < end
        time.sleep(0.005)

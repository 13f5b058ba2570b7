"""One connection of HTTP/1.1: requests in, replies out in their order. Decisions are answered here, the rest by ASGI.

Requests are read as fast as they are answered: while replies wait to be read by the client, or too many requests wait
for the one before them, nothing more is read, so that no client can make the server hold much for it.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import deque
from collections.abc import Coroutine
from functools import lru_cache
from typing import Any, Protocol, cast

from uvicorn import Config
from uvicorn.server import ServerState

from soroi.http.ask import Ask
from soroi.http.bridge import Bridge
from soroi.http.limits import Limits
from soroi.http.parsing import HEAD, IDLE, Heard, Listener, Store
from soroi.http.reply import Headers, Reply, Replying, header_lines, refusal, wire

CONTINUE = b"HTTP/1.1 100 Continue\r\n\r\n"
"""Asks a client for the body that it announced."""

_AT_ONCE = 256 << 10  # bytes of replies that are gathered before they are handed to the transport
_GRACE_SECONDS = 0.5  # how long an idle connection may still begin a request once the server ends
_FAULT = refusal(500, "internal", "this is a fault of soroi's", "the server's log has the details; please report it")
_LATE = refusal(408, "too-slow", "the request was not complete in time", "send it faster, or in smaller parts")
_CROWDED = refusal(503, "overloaded", "too many connections", "try again in a second", ((b"retry-after", b"1"),))
_LOG = logging.getLogger("soroi.http")


class Front(Protocol):
    """What answers behind connections."""

    @property
    def limits(self) -> Limits:
        """What a client may take."""
        ...

    @property
    def store(self) -> Store:
        """Counts what is held of large bodies."""
        ...

    def recognise(self, heard: Heard) -> Ask | None:
        """What a request asks of the engine; ``None``: it is for the ASGI application."""
        ...

    def at_once(self, ask: Ask) -> Replying | None:
        """The reply, when it can be given without waiting."""
        ...

    async def answer(self, ask: Ask) -> Replying:
        """The reply, however long it takes. Errors are replies too."""
        ...

    def watch(self, connection: NativeProtocol) -> None:
        """Call the connection's :meth:`NativeProtocol.sweep` now and then."""
        ...

    def forget(self, connection: NativeProtocol) -> None:
        """Call it no more."""
        ...


class NativeProtocol(asyncio.Protocol):
    """One connection. Made by uvicorn for each that comes in, with its usual arguments."""

    def __init__(
        self,
        front: Front,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        self._front = front
        self._limits = front.limits
        self._app = config.loaded_app
        self._app_state = app_state
        self._server = server_state
        self._loop = _loop or asyncio.get_event_loop()
        self._listener = Listener(front.limits, self._take, self._go_on, front.store)
        self._line: deque[Heard | Reply] = deque()
        self._current: Heard | None = None
        self._bridge: Bridge | None = None
        self._task: asyncio.Task[None] | None = None
        self._out: list[bytes] = []
        self._out_size = 0
        self._feeding = False
        self._reading = True
        self._writable: asyncio.Event | None = None
        self._last = time.perf_counter()
        self._ended = False
        self._closing = False
        self._eof = False
        self._asked_on = False
        self._unread = 0
        self._transport: asyncio.Transport = None  # type: ignore[assignment]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """The connection stands."""
        self._transport = cast(asyncio.Transport, transport)
        self._server.connections.add(self)  # type: ignore[arg-type]
        self._front.watch(self)
        if len(self._server.connections) > self._limits.connections:
            self._refuse(_CROWDED)

    def connection_lost(self, _exc: Exception | None) -> None:
        """The connection is gone: nobody waits for what is still being answered."""
        self._server.connections.discard(self)
        self._front.forget(self)
        self._ended = True
        self._line.clear()
        self._listener.close()
        if self._writable is not None:
            self._writable.set()
        if self._bridge is not None:
            self._bridge.disconnect()
        elif self._task is not None:
            self._task.cancel()

    def data_received(self, data: bytes) -> None:
        """Some bytes came in."""
        if self._ended:
            return
        self._last = now = time.perf_counter()
        self._feeding = True
        try:
            refused = self._listener.feed(data, now)
        finally:
            self._feeding = False
        if refused is not None:
            self._refuse(refused)
        self._flush()
        self._pace()

    def eof_received(self) -> bool:
        """The client sends nothing more. What it asked for is answered first."""
        self._eof = True
        if self._ended:
            return False
        refused = self._listener.end()
        if refused is not None:
            self._refuse(refused)
        return self._current is not None or bool(self._line)

    def pause_writing(self) -> None:
        """The client does not read its replies."""
        self._writable = asyncio.Event()
        self._last = time.perf_counter()

    def resume_writing(self) -> None:
        """It does again."""
        if self._writable is not None:
            self._writable.set()
            self._writable = None
        self._last = time.perf_counter()
        self._advance()

    def shutdown(self) -> None:
        """Answer what was begun, say with each reply that it is the last, then end."""
        self._closing = True
        if self._is_idle():
            self._loop.call_later(_GRACE_SECONDS, self._end_idle)

    def abort(self) -> None:
        """End at once, whatever is on its way."""
        self._transport.abort()

    def sweep(self, now: float) -> None:
        """End what takes too long.

        Args:
            now: The time, by ``time.perf_counter``.
        """
        limits = self._limits
        unread = self._transport.get_write_buffer_size()
        if unread < self._unread:
            self._last = now  # slow, but reading
        self._unread = unread
        waited = now - self._last
        if unread:
            if waited > limits.write_seconds:
                self._transport.abort()
        elif self._ended:
            if waited > limits.linger_seconds:
                self._transport.abort()
        elif self._current is None and not self._line:
            state = self._listener.state
            if state == IDLE:
                if waited > limits.idle_seconds:
                    self._transport.close()
            elif now - self._listener.since > (limits.head_seconds if state == HEAD else limits.body_seconds):
                self._refuse(_LATE)

    async def writable(self) -> None:
        """Wait until the client has read enough to be sent more."""
        if self._writable is not None:
            await self._writable.wait()

    def write(self, data: bytes) -> None:
        """Send bytes of a reply."""
        if not self._ended:
            self._transport.write(data)

    def wants_close(self, heard: Heard) -> bool:
        """Whether the reply to a request is the connection's last."""
        ending = self._eof or (self._closing and self._listener.state == IDLE)
        return not heard.keep or (ending and not self._line)

    @property
    def common(self) -> bytes:
        """Header lines that all replies have."""
        return _lines(tuple(self._server.default_headers))

    def addresses(self) -> tuple[Any, Any]:
        """Our address and the client's, as ASGI writes them."""
        found = [self._transport.get_extra_info(name) for name in ("sockname", "peername")]
        return tuple((str(one[0]), int(one[1])) if isinstance(one, tuple) else None for one in found)  # type: ignore[return-value]

    def _take(self, heard: Heard) -> None:
        self._asked_on = False
        if self._ended:
            return
        if self._current is not None or self._line or self._writable is not None:
            self._line.append(heard)
        else:
            self._begin(heard)

    def _go_on(self) -> None:
        """Ask for a body, once all replies before it are sent."""
        if self._current is None and not self._line:
            self._flush()
            self.write(CONTINUE)
        else:
            self._asked_on = True

    def _begin(self, heard: Heard) -> None:
        """Answer a request that is first in line."""
        ask = self._front.recognise(heard)
        if ask is not None:
            try:
                reply = self._front.at_once(ask)
            except Exception:
                _LOG.exception("%r failed", heard.url[:200])
                reply = _FAULT
            if reply is not None:
                self._reply(heard, reply)
            else:
                self._start(heard, self._answer(heard, ask))
            return
        self._bridge = Bridge(self, heard, self._app_state)
        self._start(heard, self._bridge.run(self._app))

    def _start(self, heard: Heard, work: Coroutine[Any, Any, None]) -> None:
        self._current = heard
        self._task = task = self._loop.create_task(work)
        self._server.tasks.add(task)
        task.add_done_callback(self._done)

    async def _answer(self, heard: Heard, ask: Ask) -> None:
        try:
            reply = await self._front.answer(ask)
        except Exception:
            _LOG.exception("%r failed", heard.url[:200])
            reply = _FAULT
        self._reply(heard, reply)

    def _done(self, task: asyncio.Task[None]) -> None:
        self._server.tasks.discard(task)
        bridge, heard = self._bridge, self._current
        self._current = self._bridge = self._task = None
        if task.cancelled() or (bridge is not None and not bridge.complete):
            self._transport.abort()
        elif bridge is not None and heard is not None and bridge.last:
            self._end()
        self._last = time.perf_counter()
        self._advance()

    def _advance(self) -> None:
        """Answer what waits, as far as that can be done at once."""
        while self._line and self._current is None and self._writable is None and not self._ended:
            first = self._line.popleft()
            if isinstance(first, Reply):
                self._refuse(first)
            else:
                self._begin(first)
        if self._current is None and not self._line and not self._ended:
            if self._asked_on:
                self._asked_on = False
                self.write(CONTINUE)
            if self._eof or (self._closing and self._listener.state == IDLE):
                self._end()
        self._pace()

    def _reply(self, heard: Heard, reply: Replying) -> None:
        last = self.wants_close(heard)
        data = wire(reply, common=self.common, keep=not last, head=heard.method == b"HEAD", old=heard.old)
        if self._feeding and not last:
            self._out.append(data)
            self._out_size += len(data)
            if self._out_size > _AT_ONCE:
                self._flush()
            return
        self._flush()
        self.write(data)
        if last:
            self._end()

    def _refuse(self, reply: Reply) -> None:
        """Say why nothing more is answered, behind the replies that are due, and end."""
        if self._current is not None or self._line:
            self._line.append(reply)
            return
        self._flush()
        self.write(wire(reply, common=self.common, keep=False))
        self._end()

    def _flush(self) -> None:
        if self._out:
            data = self._out[0] if len(self._out) == 1 else b"".join(self._out)
            self._out, self._out_size = [], 0
            self.write(data)

    def _pace(self) -> None:
        """Read only as fast as answers are given."""
        if self._transport.is_closing():
            return
        full = not self._ended and (self._writable is not None or len(self._line) >= self._limits.pipelined)
        if full and self._reading:
            self._reading = False
            self._transport.pause_reading()
        elif not full and not self._reading:
            self._reading = True
            self._last = time.perf_counter()
            self._transport.resume_reading()

    def _is_idle(self) -> bool:
        return self._current is None and not self._line and self._listener.state == IDLE

    def _end_idle(self) -> None:
        if self._is_idle() and not self._ended:
            self._end()

    def _end(self) -> None:
        """Send nothing more; listen for a while, so that the client can read what was sent before it is cut off."""
        self._ended = True
        self._line.clear()
        self._last = time.perf_counter()
        if self._transport.is_closing():
            return
        if self._eof or not self._transport.can_write_eof():
            self._transport.close()
        else:
            self._transport.write_eof()


@lru_cache(maxsize=4)
def _lines(headers: Headers) -> bytes:
    return header_lines(headers)

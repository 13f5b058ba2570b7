"""One request answered by an ASGI application."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any, Protocol
from urllib.parse import unquote

import httptools

from soroi.http.parsing import Heard
from soroi.http.reply import Reply, header_lines, refusal, status_line, wire

Message = MutableMapping[str, Any]
App = Callable[..., Awaitable[None]]
_FAULT = refusal(500, "internal", "this is a fault of soroi's", "the server's log has the details; please report it")
_LOG = logging.getLogger("soroi.http")


class Line(Protocol):
    """The connection that a request came by."""

    @property
    def common(self) -> bytes:
        """Header lines that all replies have."""
        ...

    def write(self, data: bytes) -> None:
        """Send bytes."""
        ...

    async def writable(self) -> None:
        """Wait until more may be sent."""
        ...

    def wants_close(self, heard: Heard) -> bool:
        """Whether the reply is the connection's last."""
        ...

    def addresses(self) -> tuple[Any, Any]:
        """Our address and the client's."""
        ...


class Bridge:
    """Lets an ASGI application answer a request.

    Args:
        line: The connection.
        heard: The request.
        state: What the application keeps over its life.
    """

    def __init__(self, line: Line, heard: Heard, state: dict[str, Any]) -> None:
        self._line = line
        self._heard = heard
        self._state = state
        self._given = False
        self._gone = asyncio.Event()
        self._start: Message | None = None
        self._begun = False
        self._chunked = False
        self._left: int | None = None
        self.complete = False
        """Whether the whole reply was handed to the connection."""

        self.last = False
        """Whether it is the connection's last."""

    async def run(self, app: App) -> None:
        """Answer."""
        try:
            scope = self._scope()
        except (httptools.HttpParserInvalidURLError, UnicodeDecodeError, ValueError):
            self._whole(refusal(400, "malformed-request", "the path cannot be read", "GET / lists what can be asked"))
            return
        try:
            await app(scope, self._receive, self._send)
        except Exception as error:
            if not self.complete:
                _LOG.error("%s %s failed", scope["method"], scope["path"][:200], exc_info=error)
        if not self._begun and not self.complete and not self._gone.is_set():
            self._whole(_FAULT)

    def disconnect(self) -> None:
        """Tell the application that the client is gone."""
        self._gone.set()

    def _scope(self) -> dict[str, Any]:
        heard = self._heard
        if heard.url == b"*":
            raw, query = b"*", b""
        else:
            parsed = httptools.parse_url(heard.url)
            raw, query = parsed.path or b"/", parsed.query or b""
        server, client = self._line.addresses()
        return {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.0" if heard.old else "1.1",
            "server": server,
            "client": client,
            "scheme": "http",
            "method": heard.method.decode("ascii"),
            "root_path": "",
            "path": unquote(raw.decode("ascii")),
            "raw_path": raw,
            "query_string": query,
            "headers": heard.headers,
            "state": self._state.copy(),
        }

    async def _receive(self) -> Message:
        if not self._given:
            self._given = True
            return {"type": "http.request", "body": self._heard.body, "more_body": False}
        await self._gone.wait()
        return {"type": "http.disconnect"}

    async def _send(self, message: Message) -> None:
        if self._gone.is_set():
            self.complete = True
            return
        if message["type"] == "http.response.start":
            if self._start is not None:
                raise RuntimeError("a reply was begun twice")
            self._start = message
            return
        if self._start is None or self.complete:
            raise RuntimeError(f"'{message['type']}' comes before a reply or behind it")
        body, more = bytes(message.get("body", b"")), bool(message.get("more_body", False))
        if not self._begun and not more:
            self._whole(self._reply(body))
            return
        await self._line.writable()
        if not self._begun:
            self._line.write(self._head())
        self._part(body, more)

    def _reply(self, body: bytes) -> Reply:
        start = self._start
        assert start is not None
        headers = tuple((name.lower(), value) for name, value in _sound(start.get("headers", ())))
        if self._heard.method == b"HEAD":  # the length is of what GET would give, which the application knows
            length = next((int(value) for name, value in headers if name == b"content-length"), 0)
            body = body or bytes(length)
        return Reply(start["status"], tuple(one for one in headers if one[0] not in _OURS), body)

    def _whole(self, reply: Reply) -> None:
        line, heard = self._line, self._heard
        self._begun = self.complete = True
        self.last = line.wants_close(heard) or _closes(self._start)
        head = heard.method == b"HEAD"
        line.write(wire(reply, common=line.common, keep=not self.last, head=head, old=heard.old))
        self._gone.set()

    def _head(self) -> bytes:
        """Status and headers of a reply that comes bit by bit."""
        start, heard = self._start, self._heard
        assert start is not None
        self._begun = True
        headers = [(name.lower(), value) for name, value in _sound(start.get("headers", ()))]
        length = next((int(value) for name, value in headers if name == b"content-length"), None)
        self._left = length
        self._chunked = length is None and not heard.old
        self.last = self._line.wants_close(heard) or _closes(start) or (length is None and heard.old)
        kept = [(name, value) for name, value in headers if name not in _OURS]
        if length is not None:
            kept.append((b"content-length", b"%d" % length))
        if self._chunked:
            kept.append((b"transfer-encoding", b"chunked"))
        if self.last or heard.old:
            kept.append((b"connection", b"close" if self.last else b"keep-alive"))
        return status_line(start["status"]) + self._line.common + header_lines(kept) + b"\r\n"

    def _part(self, body: bytes, more: bool) -> None:
        if self._left is not None and self._heard.method != b"HEAD":
            self._left -= len(body)
            if self._left < 0 or (self._left and not more):
                raise RuntimeError("a reply is not as long as it was said to be")
        if self._heard.method != b"HEAD":
            if self._chunked:
                body = (b"%x\r\n%s\r\n" % (len(body), body) if body else b"") + (b"" if more else b"0\r\n\r\n")
            self._line.write(body)
        if not more:
            self.complete = True
            self._gone.set()


_OURS = frozenset({b"content-length", b"connection", b"transfer-encoding", b"keep-alive"})


def _closes(start: Message | None) -> bool:
    headers = start.get("headers", ()) if start is not None else ()
    return any(name.lower() == b"connection" and b"close" in value.lower() for name, value in headers)


def _sound(headers: Any) -> list[tuple[bytes, bytes]]:
    """Headers, none of which can be taken for two."""
    found = [(bytes(name), bytes(value)) for name, value in headers]
    if any(letter in part for one in found for part in one for letter in (b"\r", b"\n", b"\0")):
        raise RuntimeError("a header of a reply holds a line end")
    return found

"""Requests read off the bytes of a connection, within limits. What is malformed is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable

import httptools

from soroi.http import body as bodies
from soroi.http.limits import Limits
from soroi.http.reply import Reply, refusal

IDLE = 0
"""No request has begun."""

HEAD = 1
"""A request has begun; its headers are not complete."""

BODY = 2
"""Its headers are complete; its body is not."""


_SMALL = 64 << 10  # bodies of this size are not counted
_FULL = refusal(503, "overloaded", "too many large bodies at once", "try again in a second", ((b"retry-after", b"1"),))


class Heard:
    """One request, complete."""

    __slots__ = ("body", "headers", "keep", "method", "old", "share", "since", "url")

    def __init__(self, method: bytes, url: bytes, headers: list[tuple[bytes, bytes]], keep: bool, old: bool) -> None:
        self.method = method
        """The method, in capitals."""

        self.url = url
        """What was asked for, as it was sent."""

        self.headers = headers
        """Names in lower case, and values."""

        self.keep = keep
        """Whether the client wants to go on with the connection."""

        self.old = old
        """Whether it speaks HTTP/1.0."""

        self.body = b""
        """The body."""

        self.since = 0.0
        """When its last byte was read, by ``time.perf_counter``."""

        self.share: Share | None = None
        """What its body takes of what may be held, when it is large."""

    def header(self, name: bytes) -> bytes | None:
        """The value of a header; of several with one name, the first."""
        for one, value in self.headers:
            if one == name:
                return value
        return None


class Store:
    """Counts what one process holds of large bodies.

    Args:
        most: How many bytes it may be.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self.used = 0


class Share:
    """What one body takes of it; given back when nothing refers to the body's request any more."""

    __slots__ = ("_size", "_store")

    def __init__(self, store: Store) -> None:
        self._store = store
        self._size = 0

    def take(self, size: int) -> bool:
        """Take more. Tells whether there is room."""
        if self._store.used + size > self._store.most:
            return False
        self._store.used += size
        self._size += size
        return True

    def __del__(self) -> None:
        self._store.used -= self._size


class _Stop(Exception):  # noqa: N818 (it unwinds the parser, which asks for an exception)
    """Nothing more is read of this connection."""


class Listener:
    """Reads the requests of one connection.

    Args:
        limits: What a request may take.
        take: Called with each request once it is complete.
        go_on: Called when a client waits to be asked for its body.
        store: Counts what is held of large bodies, over all connections.
    """

    def __init__(
        self, limits: Limits, take: Callable[[Heard], None], go_on: Callable[[], None], store: Store | None = None
    ) -> None:
        self._limits = limits
        self._store = store or Store(limits.held_bytes)
        self._take = take
        self._go_on = go_on
        self._parser = httptools.HttpRequestParser(self)
        self._now = 0.0
        self._url = b""
        self._headers: list[tuple[bytes, bytes]] = []
        self._head_size = 0
        self._unseen = 0
        self._parts: list[bytes] = []
        self._size = 0
        self._heard: Heard | None = None
        self._refusal: Reply | None = None
        self._over = False
        self.state = IDLE
        """:data:`IDLE`, :data:`HEAD` or :data:`BODY`."""

        self.since = 0.0
        """When the request that is being read began."""

    def feed(self, data: bytes, now: float) -> Reply | None:
        """Read some bytes.

        Args:
            data: The bytes.
            now: The time, by ``time.perf_counter``.

        Returns:
            Why nothing more is read of this connection; ``None``: all is well.
        """
        if self._over:
            return None
        self._now = now
        going = self.state == HEAD
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._over = True  # what follows is not HTTP as we speak it
        except httptools.HttpParserError as error:
            if self._refusal is not None or not self._over:
                self._over = True
                return self._refusal or refusal(400, "malformed-request", f"this is not HTTP/1.1: {_told(error)}")
        if self.state == HEAD:
            self._unseen = self._unseen + len(data) if going else 0
            if self._unseen > self._limits.head_bytes:
                self._over = True
                return _large_head(self._limits)
        return None

    def end(self) -> Reply | None:
        """Note that nothing more comes. Gives what is to be said about a request that is not complete."""
        if self._over or self.state == IDLE:
            return None
        self._over = True
        return refusal(400, "malformed-body", "the connection was closed before the request was complete")

    def close(self) -> None:
        """Let go of what was read of a request that is not complete."""
        self._over = True
        self._heard = None
        self._parts = []

    def on_message_begin(self) -> None:
        """A request begins."""
        self.state = HEAD
        self.since = self._now
        self._url = b""
        self._headers = []
        self._head_size = self._unseen = self._size = 0
        self._parts = []

    def on_url(self, url: bytes) -> None:
        """A part of what is asked for."""
        self._url += url
        self._head_size += len(url)
        if self._head_size > self._limits.head_bytes:
            self._stop(_large_head(self._limits))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is read and left out."""
        self._head_size += len(name) + len(value)
        if self._head_size > self._limits.head_bytes or len(self._headers) >= self._limits.headers:
            self._stop(_large_head(self._limits))
        if self.state == HEAD:
            self._headers.append((name.lower(), value))

    def on_headers_complete(self) -> None:
        """The headers are complete."""
        self.state = BODY
        parser = self._parser
        version = parser.get_http_version()
        keep = parser.should_keep_alive() and not parser.should_upgrade()
        heard = self._heard = Heard(parser.get_method(), self._url, self._headers, keep, version == "1.0")
        if version not in ("1.1", "1.0"):
            self._stop(refusal(400, "malformed-request", f"HTTP/{version} is not spoken here", "send HTTP/1.1"))
        expected = hosted = False
        for name, value in self._headers:
            if name == b"content-length":
                if int(value) > bodies.MAX_BYTES:
                    self._stop(_large_body())
            elif name == b"host":
                hosted = True
            elif name == b"expect":
                if value.lower() != b"100-continue":
                    self._stop(refusal(417, "expectation", "the only expectation that is met is 100-continue"))
                expected = True
        if not hosted and not heard.old:
            self._stop(refusal(400, "malformed-request", "the request names no host", "add a Host header"))
        if expected and not heard.old:
            self._go_on()

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self._size += len(part)
        if self._size > bodies.MAX_BYTES:
            self._stop(_large_body())
        if self._size > _SMALL:
            self._hold(len(part))
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """A request is complete."""
        heard = self._heard
        assert heard is not None
        parts = self._parts
        heard.body = parts[0] if len(parts) == 1 else b"".join(parts)
        heard.since = self._now
        self._heard = None
        self._parts = []
        self.state = IDLE
        if not heard.keep:
            self._over = True
        self._take(heard)

    def _hold(self, more: int) -> None:
        """Take room for a large body."""
        heard = self._heard
        assert heard is not None
        if heard.share is None:
            heard.share = Share(self._store)
            more = self._size
        if not heard.share.take(more):
            self._stop(_FULL)

    def _stop(self, reply: Reply) -> None:
        self._refusal = reply
        self._heard = None
        self._parts = []
        raise _Stop


def _told(error: Exception) -> str:
    return str(error)[:120] or type(error).__name__


def _large_head(limits: Limits) -> Reply:
    told = f"path and headers are larger than {limits.head_bytes >> 10} KiB, or more than {limits.headers} headers"
    return refusal(431, "too-large", told, "send fewer, shorter headers")


def _large_body() -> Reply:
    return refusal(413, "too-large", bodies.too_large().message, bodies.too_large().hint)

"""Replies as bytes: a status, headers, a body, and how they go over the wire."""

from __future__ import annotations

import http
from collections.abc import Iterable
from typing import Any, Protocol

import msgspec

from soroi.base.errors import SoroiError

Headers = tuple[tuple[bytes, bytes], ...]
"""Names in lower case, and values."""

JSON: Headers = ((b"content-type", b"application/json"),)
"""Header of every reply of ours that has a body in JSON."""


class Replying(Protocol):
    """What can be sent: a :class:`Reply`, or the engine's own."""

    @property
    def status(self) -> int:
        """Status code."""
        ...

    @property
    def headers(self) -> Headers:
        """Headers but for the length of the body."""
        ...

    @property
    def body(self) -> bytes:
        """The body."""
        ...


class Reply(msgspec.Struct, frozen=True, gc=False):
    """A reply that is complete."""

    status: int
    """Status code."""

    headers: Headers
    """Headers but for the length of the body."""

    body: bytes
    """The body."""

    told: bytes = b""
    """The answers in it as a decision's own reply has them, where the body is of another form."""


def json_reply(body: Any, status: int = 200, headers: Headers = ()) -> Reply:
    """A reply in JSON."""
    return Reply(status, JSON + headers, msgspec.json.encode(body))


def refusal(status: int, code: str, message: str, hint: str | None = None, headers: Headers = ()) -> Reply:
    """An error that no exception stands for, in the form of all errors."""
    body = {"code": code, "message": message, "hint": hint, "where": None}
    return json_reply({"error": body}, status, headers)


def error_reply(error: SoroiError, status: int, headers: Headers = ()) -> Reply:
    """An error as a reply."""
    return json_reply({"error": error.to_dict()}, status, headers)


def wire(reply: Replying, *, common: bytes, keep: bool, head: bool = False, old: bool = False) -> bytes:
    """A whole reply as it goes over the wire.

    Args:
        reply: The reply.
        common: Header lines that all replies have, each with its line end.
        keep: Whether the connection stays open.
        head: Whether the method was HEAD, to which no body is sent.
        old: Whether the client speaks HTTP/1.0, in which connections that stay open must say so.
    """
    status, body = reply.status, reply.body
    parts = [status_line(status), common]
    for name, value in reply.headers:
        parts += (name, b": ", value, b"\r\n")
    bare = status < 200 or status in (204, 304)
    if not bare:
        parts.append(b"content-length: %d\r\n" % len(body))
    parts.append(_NOTHING if keep and not old else _STAYS if keep else _CLOSES)
    parts.append(b"\r\n")
    if not (head or bare):
        parts.append(body)
    return b"".join(parts)


def header_lines(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Headers as lines."""
    return b"".join(b"%s: %s\r\n" % (name, value) for name, value in headers)


def status_line(status: int) -> bytes:
    """The first line of a reply."""
    return _LINES.get(status) or b"HTTP/1.1 %d \r\n" % status


_NOTHING = b""
_STAYS = b"connection: keep-alive\r\n"
_CLOSES = b"connection: close\r\n"
_LINES = {one.value: f"HTTP/1.1 {one.value} {one.phrase}\r\n".encode() for one in http.HTTPStatus}

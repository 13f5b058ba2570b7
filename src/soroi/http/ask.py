"""What a request asks of the engine, whichever way it came."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple
from urllib.parse import unquote

import httptools

from soroi.http.reply import Reply

_HOT = re.compile(r"/decisions/(?P<name>[^/]+)|/v2/models/(?P<model>[^/]+)(?:/versions/(?P<version>[^/]+))?/infer")
_REMEMBERED = 1024


class Route(NamedTuple):
    """Where a request for decisions goes."""

    decision: str
    """The decision's name, as it was asked for."""

    oip: bool
    """Whether it speaks the Open Inference Protocol."""

    version: str | None = None
    """The version that was asked for, if any."""


class Ask:
    """A request for decisions."""

    __slots__ = ("body", "encoding", "rest", "route", "seen", "started", "token")

    def __init__(self, route: Route, body: bytes, started: float, header: Callable[[bytes], bytes | None]) -> None:
        self.route = route
        """Where it goes."""

        self.body = body
        """The body."""

        self.started = started
        """When it was complete, by ``time.perf_counter``; deadlines count from there."""

        self.token = header(b"authorization")
        """What it says to be allowed by."""

        self.seen = header(b"soroi-manifest")
        """The manifest that its client has seen, if it says so."""

        self.encoding = header(b"content-encoding")
        """How its body is compressed, if it is."""

        self.rest: Callable[[], Reply] | None = None
        """What is left to do for it, by a thread that may wait."""


class Routes:
    """Recognises requests for decisions by what they ask for; remembers those that were recognised."""

    def __init__(self) -> None:
        self._known: dict[bytes, Route | None] = {}

    def find(self, url: bytes) -> Route | None:
        """The route of a POST request; ``None``: it is for another place."""
        try:
            return self._known[url]
        except KeyError:
            pass
        found = route_of(url)
        if len(self._known) >= _REMEMBERED:
            self._known.clear()
        self._known[url] = found
        return found


def route_of(url: bytes) -> Route | None:
    """The route that a URL, whole or only its path, names."""
    try:
        path = httptools.parse_url(url).path
        text = unquote(path.decode("ascii")) if path else ""
    except (httptools.HttpParserInvalidURLError, UnicodeDecodeError):
        return None
    found = _HOT.fullmatch(text)
    if found is None:
        return None
    name, model, version = found.group("name", "model", "version")
    return Route(name, False) if name is not None else Route(model, True, version)

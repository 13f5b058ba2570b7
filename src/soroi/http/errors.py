"""Errors as replies: a status that means something, and a body for machines and people."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match, Route

from soroi.base.errors import ForbiddenError, RequestError, SoroiError, StoreError, UnknownNameError
from soroi.http.access import UnauthorizedError
from soroi.http.body import BodyError, EncodingError, TooLargeError
from soroi.http.gate import OverloadedError
from soroi.http.reply import Headers, Reply, Replying, error_reply, json_reply
from soroi.http.seen import BehindError, HeaderError, UnknownManifestError
from soroi.serve import NotReadyError

_LOG = logging.getLogger("soroi.http")
_STATUS: tuple[tuple[type[SoroiError], int], ...] = (
    (UnauthorizedError, 401),
    (ForbiddenError, 403),
    (TooLargeError, 413),
    (EncodingError, 415),
    (BodyError, 400),
    (HeaderError, 400),
    (UnknownManifestError, 409),
    (RequestError, 422),
    (UnknownNameError, 404),
    (NotReadyError, 503),
    (OverloadedError, 503),
    (BehindError, 503),
    (StoreError, 503),
)
_CALM = (NotReadyError, OverloadedError, BehindError)


def respond(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def response_of(reply: Replying) -> Response:
    """A reply as a response of the application."""
    made = Response(reply.body, reply.status)
    made.raw_headers = [*reply.headers, (b"content-length", b"%d" % len(reply.body))]
    return made


def status_of(error: SoroiError) -> int:
    """The status of an error: of the nearest kind that has one, else 500."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def refuse(error: SoroiError) -> Reply:
    """The reply to an error raised on purpose."""
    status = status_of(error)
    headers: Headers = ()
    if status >= 500:
        _LOG.log(logging.DEBUG if isinstance(error, _CALM) else logging.ERROR, "%s", error)
    if status == 503:
        headers = ((b"retry-after", b"%d" % int(error.fields.get("retry_after", 1))),)
    elif status == 401:
        headers = ((b"www-authenticate", b'Bearer realm="soroi"'),)
    return error_reply(error, status, headers)


def unexpected(error: Exception) -> Reply:
    """The reply to a fault of soroi's own, which whoever calls has logged."""
    body = {
        "code": "internal",
        "message": f"this is a fault of soroi's: {type(error).__name__}",
        "hint": "the server's log has the details; please report it",
        "where": None,
    }
    return json_reply({"error": body}, 500)


def soroi_error(_request: Request, error: Exception) -> Response:
    """The response to an error raised on purpose."""
    assert isinstance(error, SoroiError)
    return response_of(refuse(error))


def http_error(request: Request, error: Exception) -> Response:
    """The response to an unknown path or method, and to the question which methods there are."""
    assert isinstance(error, HTTPException)
    headers = {name.lower(): value for name, value in (error.headers or {}).items()}
    if error.status_code == 405:
        headers["allow"] = ", ".join(allowed(request))
        if request.method == "OPTIONS":
            return Response(status_code=204, headers=headers)
    code = {404: "unknown-path", 405: "unknown-method"}.get(error.status_code, "http")
    text = {
        404: f"there is nothing at {request.url.path[:200]}",
        405: f"{request.method[:20]} is not understood at {request.url.path[:200]}",
    }.get(error.status_code, error.detail)
    body = {"code": code, "message": text, "hint": "GET / lists what can be asked", "where": None}
    return respond({"error": body}, error.status_code, headers)


def unexpected_error(request: Request, error: Exception) -> Response:
    """The response to a fault of soroi's own."""
    _LOG.error("%s %s failed", request.method, request.url.path[:200], exc_info=error)
    return response_of(unexpected(error))


def allowed(request: Request) -> list[str]:
    """The methods that are understood at a path."""
    found = {"OPTIONS"}
    for route in request.app.routes:
        if isinstance(route, Route) and route.matches(request.scope)[0] is not Match.NONE:
            found |= route.methods or set()
    return sorted(found)

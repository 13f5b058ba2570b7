"""Errors as responses: a status that means something, and a body for machines and people."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from soroi.base.errors import RequestError, SoroiError, StoreError, UnknownNameError
from soroi.http.body import BodyError, EncodingError, TooLargeError
from soroi.serve import NotReadyError

_LOG = logging.getLogger("soroi.http")
_STATUS: tuple[tuple[type[SoroiError], int], ...] = (
    (TooLargeError, 413),
    (EncodingError, 415),
    (BodyError, 400),
    (RequestError, 422),
    (UnknownNameError, 404),
    (NotReadyError, 503),
    (StoreError, 503),
)


def respond(body: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """A JSON response."""
    return Response(msgspec.json.encode(body), status, headers, "application/json")


def status_of(error: SoroiError) -> int:
    """The status of an error: of the nearest kind that has one, else 500."""
    return next((status for kind, status in _STATUS if isinstance(error, kind)), 500)


def soroi_error(_request: Request, error: Exception) -> Response:
    """The response to an error raised on purpose."""
    assert isinstance(error, SoroiError)
    status = status_of(error)
    if status >= 500:
        _LOG.error("%s", error)
    headers = {"retry-after": "1"} if status == 503 else None
    return respond({"error": error.to_dict()}, status, headers)


def http_error(request: Request, error: Exception) -> Response:
    """The response to an unknown path or method."""
    assert isinstance(error, HTTPException)
    code = {404: "unknown-path", 405: "unknown-method"}.get(error.status_code, "http")
    text = {
        404: f"there is nothing at {request.url.path[:200]}",
        405: f"{request.method[:20]} is not understood at {request.url.path[:200]}",
    }.get(error.status_code, error.detail)
    body = {"code": code, "message": text, "hint": "GET / lists what can be asked", "where": None}
    return respond({"error": body}, error.status_code, dict(error.headers or {}))


def unexpected_error(request: Request, error: Exception) -> Response:
    """The response to a fault of soroi's own."""
    _LOG.error("%s %s failed", request.method, request.url.path[:200], exc_info=error)
    body = {
        "code": "internal",
        "message": f"this is a fault of soroi's: {type(error).__name__}",
        "hint": "the server's log has the details; please report it",
        "where": None,
    }
    return respond({"error": body}, 500)

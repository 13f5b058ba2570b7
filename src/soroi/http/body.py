"""Bodies of requests: read within limits, decoded without guessing."""

from __future__ import annotations

from typing import Any

import msgspec
from starlette.requests import ClientDisconnect, Request

from soroi.base.errors import RequestError, did_you_mean
from soroi.serve.values import shown

MAX_BYTES = 16 * 2**20
"""Largest body, in bytes."""


class BodyError(RequestError):
    """A body that cannot be read as a JSON document."""

    code = "malformed-body"


class TooLargeError(RequestError):
    """A body larger than :data:`MAX_BYTES`."""

    code = "too-large"


class EncodingError(RequestError):
    """A body that is compressed."""

    code = "unsupported-encoding"


async def read_body(request: Request) -> bytes:
    """The bytes of a request's body.

    Raises:
        TooLargeError: There are more than :data:`MAX_BYTES`.
        EncodingError: They are compressed.
        BodyError: The client went away before they were all sent.
    """
    encoding = request.headers.get("content-encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise EncodingError("the body is compressed, which is not understood here", hint="send plain JSON")
    announced = request.headers.get("content-length", "")
    if announced.isascii() and announced.isdigit() and (len(announced) > 12 or int(announced) > MAX_BYTES):
        raise _too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BYTES:
                raise _too_large()
            chunks.append(chunk)
    except ClientDisconnect:
        raise BodyError("the connection was closed before the body was complete") from None
    return b"".join(chunks)


def decode_rows(body: bytes, *, single: bool) -> tuple[list[Any], bool]:
    """The rows of a body ``{"row": {…}}`` or ``{"rows": [{…}, …]}``.

    Args:
        body: The bytes.
        single: Whether ``row`` may be used.

    Returns:
        The rows, and whether it was a single one.

    Raises:
        BodyError: It is not JSON.
        RequestError: It is JSON of another form.
    """
    try:
        document = msgspec.json.decode(body)
    except RecursionError:
        raise BodyError("the body is nested too deeply") from None
    except (msgspec.DecodeError, UnicodeDecodeError, ValueError) as error:
        raise BodyError(f"the body is not valid JSON: {error}") from None
    form = 'send {"row": {…}} or {"rows": [{…}, …]}' if single else 'send {"rows": [{…}, …]}'
    if not isinstance(document, dict):
        raise RequestError(f"the body is {shown(document)}, not an object", hint=form)
    known = ("row", "rows") if single else ("rows",)
    for name in document:
        if name not in known:
            told, hint = name[:80], did_you_mean(name[:80], known)
            raise RequestError(f"the body has an unknown field {told!a}", hint=hint or form, field=told)
    if len(document) != 1:
        problem = "both 'row' and 'rows'" if document else "no rows"
        raise RequestError(f"the body holds {problem}", hint=form)
    if "row" in document:
        return [document["row"]], True
    rows = document["rows"]
    if not isinstance(rows, list):
        raise RequestError(f"'rows' is {shown(rows)}, not a list", hint=form, field="rows")
    return rows, False


def _too_large() -> TooLargeError:
    return TooLargeError(f"the body is larger than {MAX_BYTES // 2**20} MiB", hint="send fewer rows at a time")

"""Bodies of requests: read within limits, decoded without guessing."""

from __future__ import annotations

from starlette.requests import ClientDisconnect, Request

from soroi.base.errors import RequestError
from soroi.serve.body import BodyError, decode_rows

__all__ = ["MAX_BYTES", "BodyError", "EncodingError", "TooLargeError", "decode_rows", "read_body", "too_large"]

MAX_BYTES = 16 * 2**20
"""Largest body, in bytes."""


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
        raise too_large()
    chunks: list[bytes] = []
    size = 0
    try:
        async for chunk in request.stream():
            size += len(chunk)
            if size > MAX_BYTES:
                raise too_large()
            chunks.append(chunk)
    except ClientDisconnect:
        raise BodyError("the connection was closed before the body was complete") from None
    return b"".join(chunks)


def too_large() -> TooLargeError:
    """The error for a body of more than :data:`MAX_BYTES`."""
    return TooLargeError(f"the body is larger than {MAX_BYTES // 2**20} MiB", hint="send fewer rows at a time")

"""Requests that no honest client sends, from a seed: bytes that are almost HTTP, JSON that is almost a row."""

from __future__ import annotations

from random import Random
from typing import Any

import msgspec

PATHS = (
    "/decisions/check", "/decisions/hold", "/decisions/%00", "/decisions/%ff", "/decisions/a%2Fb", "/decisions/",
    "/decisions/" + "a" * 3000, "/v2/models/check/infer", "/v2/models/%00/infer", "/v2/models/check/versions/9/infer",
    "/sources/results/rows", "/sources/%F0%9F/rows", "/answers/%ff", "/answers/../../x", "/", "//", "/metrics", "*",
    "/%", "http://x/decisions/check", "http://[/decisions/check", "/v2/models/check", "/openapi.json",
    "/decisions/check?x=%ff",
)  # fmt: skip
METHODS = ("POST",) * 8 + ("GET", "PUT", "HEAD", "OPTIONS", "DELETE", "TRACE", "CONNECT", "PRI", "post", "\x00")
HEADERS = (
    "content-encoding: gzip", "transfer-encoding: chunked", "transfer-encoding: gzip, chunked", "expect: 100-continue",
    "expect: x", "connection: close", "connection: upgrade\r\nupgrade: websocket", "content-length: 5",
    "content-length: -1", "content-length: 99999999999999999999", "soroi-manifest: x", "soroi-manifest: ;;;",
    "soroi-manifest: \xff\xfe", "authorization: Bearer x", "authorization: " + "y" * 2000, "x: " + "z" * 70_000,
    " folded: yes", "no colon", "x\x00y: z", "content-type: application/x-protobuf", "host: y",
)  # fmt: skip
SCALARS: tuple[Any, ...] = (
    None, True, False, 0, -1, 2**63, 2**64, -(2**63), 10**40, 0.5, 1e308, -0.0, "", "a", "\x00", "é", "\U0001f600",
    "2026-02-05T12:00:00Z", "0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", "2026-02-30", "x" * 5000, "rude", "s1",
)  # fmt: skip
FIELDS = ("visit", "at", "shop", "amount", "items", "day", "known", "loss", "bad", "row", "rows", "?", "", "\x00")
RAW = (
    b"", b"{", b"[" * 50_000, b'{"row":' * 5000, b"\xff\xfe", b"null", b'{"row":{"amount":NaN}}',
    b'{"row":{"amount":1e999}}',
    b'{"rows":[' + b"{}," * 10_001 + b"{}]}", b'{"row":{"visit":"\\ud800"}}', b'{"row":{},"row":{}}', b" " * 70_000,
    b'{"inputs":[{"name":"visit","shape":[999999999999],"datatype":"BYTES","data":[]}]}',
)  # fmt: skip


def value(random: Random, depth: int = 0) -> Any:
    """Something that JSON can say."""
    kind = random.randrange(10)
    if kind < 7 or depth > 3:
        return random.choice(SCALARS)
    if kind < 9:
        return [value(random, depth + 1) for _ in range(random.randrange(4))]
    return {random.choice(FIELDS): value(random, depth + 1) for _ in range(random.randrange(4))}


def body(random: Random) -> bytes:
    """A body."""
    kind = random.randrange(12)
    if kind == 0:
        return random.choice(RAW)
    if kind == 1:
        return random.randbytes(random.randrange(200))
    if kind == 2:
        tensor = {"name": random.choice(FIELDS), "shape": value(random), "datatype": "FP64", "data": value(random)}
        return msgspec.json.encode({"inputs": [tensor, value(random)][: random.randrange(3)]})
    row = {random.choice(FIELDS): value(random) for _ in range(random.randrange(8))}
    found = msgspec.json.encode(random.choice(({"row": row}, {"rows": [row, row]}, {"rows": row}, row)))
    if kind == 3:
        place = random.randrange(len(found))
        return found[:place] + random.randbytes(1) + found[place + 1 :]
    return found[: random.randrange(len(found))] if kind == 4 else found


def request(random: Random) -> bytes:
    """A request, or what could be taken for the beginning of one."""
    if random.randrange(25) == 0:
        return random.randbytes(random.randrange(300))
    content = body(random)
    lines = [f"{random.choice(METHODS)} {random.choice(PATHS)} HTTP/1.{random.choice('111110')}", "host: x"]
    if random.randrange(3) == 0:
        lines.append(random.choice(HEADERS))
    if random.randrange(20):
        lines.append(f"content-length: {len(content)}")
    found = "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + content
    if random.randrange(15) == 0:
        return found[: random.randrange(len(found))]
    if random.randrange(15) == 0:
        place = random.randrange(len(found))
        return found[:place] + random.randbytes(2) + found[place:]
    return found

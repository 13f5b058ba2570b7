"""The floor: uvloop and httptools answer the same bytes to every request, and do nothing else.

What a server of this kind costs before it decodes a row; whatever else is measured stands beside it.
"""

from __future__ import annotations

import asyncio
import importlib
import json
from typing import Any

from bench.peers.serving_common import Asked, Task, run
from bench.served.examples import COLUMNS, TEXT, asked, is_text

BODY = json.dumps({"answer": {"score": 0.5, "path": "x" * 480}}).encode()
"""About as long as soroi's own replies."""

REPLY = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(BODY) + BODY


class Echo(asyncio.Protocol):
    """One connection."""

    def __init__(self, parser: Any) -> None:
        self._parser = parser(self)
        self._parts: list[bytes] = []

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def data_received(self, data: bytes) -> None:
        self._parser.feed_data(data)

    def on_body(self, part: bytes) -> None:
        """A part of the body."""
        self._parts.append(part)

    def on_message_complete(self) -> None:
        """A request is complete."""
        self._parts = []
        self._transport.write(REPLY)


def save(task: Task) -> Asked:
    """Nothing to save."""
    rows = [{TEXT: one} if is_text(task.model) else dict(zip(COLUMNS, one, strict=True)) for one in asked(task.model)]
    bodies = [json.dumps({"row": {"id": f"n{place}", **row}}) for place, row in enumerate(rows)]
    return Asked("uvloop + httptools, no work", "/decisions/answer", bodies, (), ())


def serve(task: Task) -> None:
    """Answer until the process is told to end."""
    parser = importlib.import_module("httptools").HttpRequestParser

    async def answer() -> None:
        server = await asyncio.get_running_loop().create_server(lambda: Echo(parser), "127.0.0.1", task.port)
        await server.serve_forever()

    importlib.import_module("uvloop").run(answer())


if __name__ == "__main__":
    run(save, serve)

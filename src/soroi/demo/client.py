"""The client of the demo: asks for decisions and tells what became known, over HTTP."""

from __future__ import annotations

import time
from collections.abc import Sequence
from types import TracebackType
from typing import Any, Self

import httpx
import msgspec

from soroi.base.errors import RefusedError

FOLLOW_SECONDS = 60.0
"""How long the server may take to follow a head."""


class Client:
    """Talks to one server.

    Args:
        address: Such as ``http://127.0.0.1:8000``.
    """

    def __init__(self, address: str) -> None:
        self._http = httpx.Client(base_url=address, timeout=60.0, trust_env=False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._http.close()

    def decide(self, decision: str, rows: Sequence[dict[str, Any]]) -> tuple[list[dict[str, Any]], float]:
        """Ask for decisions. Safe between threads.

        Args:
            decision: Which.
            rows: What is decided on.

        Returns:
            The answers, in the order of the rows; and how many seconds it took.

        Raises:
            RefusedError: The server did not answer with success.
        """
        began = time.perf_counter()
        body = self._post(f"/decisions/{decision}", rows)
        answers: list[dict[str, Any]] = body["answers"]
        return answers, time.perf_counter() - began

    def tell(self, source: str, rows: Sequence[dict[str, Any]]) -> None:
        """Tell rows of a source that became known.

        Raises:
            RefusedError: The server did not take them.
        """
        if rows:
            self._post(f"/sources/{source}/rows", rows)

    def follow(self, manifest: str) -> float:
        """Wait until the server answers with a manifest; gives how many seconds it took.

        Raises:
            RefusedError: It does not, for a minute.
        """
        began = time.monotonic()
        said: Any = None
        while time.monotonic() < began + FOLLOW_SECONDS:
            reply = self._http.get("/ready")
            said = msgspec.json.decode(reply.content)
            if reply.status_code == httpx.codes.OK and said.get("manifest") == manifest:
                return time.monotonic() - began
            time.sleep(0.05)
        raise RefusedError(f"the server does not follow the head to {manifest}; it says {said}")

    def _post(self, path: str, rows: Sequence[dict[str, Any]]) -> dict[str, Any]:
        content = msgspec.json.encode({"rows": rows})
        reply = self._http.post(path, content=content, headers={"content-type": "application/json"})
        body = msgspec.json.decode(reply.content)
        if reply.status_code != httpx.codes.OK:
            raise RefusedError(f"POST {path} gave {reply.status_code}: {body}")
        assert isinstance(body, dict)
        return body

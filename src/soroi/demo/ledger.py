"""The ledger: what the demo has done, so that it redoes nothing that did not change."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from soroi.base.digest import digest

FORMAT = 1


class Ledger:
    """Results of chapters, each under a key of what it rests on.

    Args:
        path: The file; made at the first entry. One that cannot be read counts as empty.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._entries: dict[str, dict[str, Any]] = {}
        try:
            body = msgspec.json.decode(path.read_bytes())
        except (FileNotFoundError, msgspec.DecodeError):
            return
        if isinstance(body, dict) and body.get("format") == FORMAT:
            self._entries = body["chapters"]

    def find(self, chapter: str, key: str) -> dict[str, Any] | None:
        """The result of a chapter, if it was done on the same grounds.

        Args:
            chapter: Its name.
            key: As given to :meth:`put`.
        """
        entry = self._entries.get(chapter)
        return entry["result"] if entry is not None and entry["key"] == key else None

    def put(self, chapter: str, key: str, result: Mapping[str, Any]) -> None:
        """Keep the result of a chapter, in place of an older one."""
        self._entries[chapter] = {"key": key, "result": dict(result)}
        body = msgspec.json.encode({"format": FORMAT, "chapters": self._entries})
        self._path.parent.mkdir(parents=True, exist_ok=True)
        fresh = self._path.with_suffix(f".{os.getpid()}")
        fresh.write_bytes(msgspec.json.format(body, indent=1))
        fresh.replace(self._path)


def grounds(chapter: str, *parts: Any) -> str:
    """The key of what a chapter rests on."""
    return digest("demo-chapter", [FORMAT, chapter, *parts])

"""Progress of a build, on standard error: what runs, and a line for each node that ended."""

from __future__ import annotations

import sys
import time
from types import TracebackType
from typing import Self

from soroi.cli.output import console, styled

_MARKS = {"built": ("✓", "green"), "reused": ("=", "dim"), "failed": ("✗", "bold red"), "skipped": ("-", "yellow")}


class BuildProgress:
    """Told of each change by a build; shows it. Use as a context manager around the build."""

    def __init__(self) -> None:
        self._out = console(sys.stderr)
        self._running: dict[str, float] = {}
        self._live = self._out.status("…") if self._out.is_terminal else None

    def __enter__(self) -> Self:
        if self._live is not None:
            self._live.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._live is not None:
            self._live.stop()

    def __call__(self, node: str, status: str, note: str) -> None:
        """A node changed.

        Args:
            node: Id of the node.
            status: ``running``, ``built``, ``reused``, ``failed`` or ``skipped``.
            note: A few words about it.
        """
        if status == "running":
            self._running[node] = time.monotonic()
            if self._live is None:
                self._out.print("…", node)
        else:
            self._tell(node, status, note.partition("\n")[0])
        if self._live is not None:
            self._live.update("building " + ", ".join(self._running) if self._running else "…")

    def _tell(self, node: str, status: str, note: str) -> None:
        mark, style = _MARKS.get(status, (" ", ""))
        began = self._running.pop(node, None)
        took = f" in {time.monotonic() - began:.1f} s" if began is not None else ""
        self._out.print(styled(mark, style), node, styled(f"{status}{took}", "dim"), note)

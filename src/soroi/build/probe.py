"""A cheap look at the files behind a source: enough to tell that there is new data, without reading it."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterable
from pathlib import Path
from typing import TypeAlias

from soroi.base.errors import MissingFileError
from soroi.declare.node import Node
from soroi.declare.spec import FileRef
from soroi.store import Transaction

Files: TypeAlias = list[list[str | int]]
"""Name, size in bytes and time of change in nanoseconds of each file."""

SOURCE_READ = "source.read"
"""Kind of the event that a source was read: the version found, and its files as they were."""


class Looks:
    """How the files behind sources were when they were read.

    Args:
        tx: A transaction that reads.
    """

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._newest: dict[str, Files] = {
            str(one.body["version"]): one.body["files"] for one in tx.events.newest(SOURCE_READ)
        }

    def get(self, version: str, node: str) -> Files | None:
        """The files as they were when a version was last read; ``None``: that is not known.

        Args:
            version: Id of the version.
            node: Id of its source. What was read last of it is known already; anything older is looked up.
        """
        if version in self._newest:
            return self._newest[version]
        older = reversed(self._tx.events.list(kind=SOURCE_READ, subject=node))
        found: Files | None = next((one.body["files"] for one in older if one.body["version"] == version), None)
        return found


def probe_files(refs: Iterable[FileRef], root: Path, node: Node) -> Files:
    """Name, size in bytes and time of change in nanoseconds of each file behind some references.

    Files below ``root`` are named relative to it, so that a project may be moved.

    Args:
        refs: The references, with paths relative to ``root`` or absolute.
        root: Folder of the project.
        node: The node that declares them, for the message.

    Raises:
        MissingFileError: A reference names no file.
    """
    found: Files = []
    for ref in refs:
        paths = sorted(glob.glob(str(root / ref.pattern), recursive=True))  # noqa: PTH207 (takes absolute patterns)
        if not paths:
            raise MissingFileError(
                f"{node.label} rests on '{ref.pattern}', and no such file is there",
                hint="bring the file, or correct so.file(...) in the declaration",
                where=node.where,
            )
        for path in paths:
            stat = os.stat(path)  # noqa: PTH116 (thousands of times: a Path takes longer to make than the look)
            found.append([_name(path, root), stat.st_size, stat.st_mtime_ns])
    return found


def _name(path: str, root: Path) -> str:
    below = path.removeprefix(f"{str(root).rstrip(os.sep)}{os.sep}")
    return below.replace(os.sep, "/") if below != path else path

"""A cheap look at the files behind a source: enough to tell that there is new data, without reading it."""

from __future__ import annotations

import glob
from collections.abc import Iterable
from pathlib import Path

from soroi.base.errors import MissingFileError
from soroi.declare.node import Node
from soroi.declare.spec import FileRef

SOURCE_READ = "source.read"
"""Kind of the event that a source was read: the version found, and its files as they were."""


def probe_files(refs: Iterable[FileRef], root: Path, node: Node) -> list[list[str | int]]:
    """Name, size in bytes and time of change in nanoseconds of each file behind some references.

    Files below ``root`` are named relative to it, so that a project may be moved.

    Args:
        refs: The references, with paths relative to ``root`` or absolute.
        root: Folder of the project.
        node: The node that declares them, for the message.

    Raises:
        MissingFileError: A reference names no file.
    """
    found: list[list[str | int]] = []
    for ref in refs:
        paths = sorted(glob.glob(str(root / ref.pattern), recursive=True))  # noqa: PTH207 (takes absolute patterns)
        if not paths:
            raise MissingFileError(
                f"{node.label} rests on '{ref.pattern}', and no such file is there",
                hint="bring the file, or correct so.file(...) in the declaration",
                where=node.where,
            )
        for path in paths:
            stat = Path(path).stat()
            found.append([_name(path, root), stat.st_size, stat.st_mtime_ns])
    return found


def _name(path: str, root: Path) -> str:
    return Path(path).relative_to(root).as_posix() if Path(path).is_relative_to(root) else path

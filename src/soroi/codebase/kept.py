"""Declarations kept between processes: read instead of loading the project, when that must come to the same.

They are kept only when loading follows from the texts of the modules alone (:mod:`soroi.codebase.plain`), and read only
while all that they follow from is as it was: the texts, where the modules are found, the declared files, Python, soroi
and the installed distributions.
"""

from __future__ import annotations

import contextlib
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

import msgspec

from soroi.base.errors import SoroiError
from soroi.base.memory import collecting_later
from soroi.codebase.loader import Codebase, find_module
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.declare.packed import CannotPackError, Packed, pack

FORMAT = 3
"""Version of what is written."""

_DIGEST = 32
_LENGTH = 8
_ROOMS = ("base", "declare", "codebase", "frames", "rules")
PartValues = Mapping[str, Mapping[str, Sequence[str]]]

FileContents: TypeAlias = list[tuple[str, str]]
"""Names and digests of files."""


class Kept(msgspec.Struct, frozen=True, array_like=True):
    """What the declarations follow from, as it is written in front of them."""

    format: int
    """Version of what is written."""
    surroundings: str
    """Digest over Python, soroi, and the installed distributions."""
    modules: dict[str, tuple[str, str, str]]
    """Path, the same without links, and digest of the text, of each module."""
    outside: list[str]
    """Names of modules that the project does not have, and that would be taken if it had them."""
    files: list[tuple[str, list[tuple[str, str]]]]
    """Patterns of declared files, with the names and digests of what was there."""
    found: dict[str, list[str]]
    """Places of the distributions that the modules look for while they are loaded."""
    parts: dict[str, dict[str, list[str]]]
    """The parts that open families were given."""


@dataclass(frozen=True)
class Declared:
    """Declarations as they were kept."""

    graph: Graph
    """The graph; its functions cannot be run."""

    fingerprints: Mapping[str, Fingerprint]
    """What each node would be built from."""

    parts: PartValues
    """The values that parted the open families."""


class KeptDeclarations:
    """Keeps the declarations of one project.

    Args:
        root: Folder of the project.
        module: Module with the declarations.
        folder: Folder of the store, beside whose data they are kept.
    """

    def __init__(self, root: Path, module: str, folder: Path) -> None:
        self._root = root.resolve()
        self._module = module
        place = hashlib.sha256(f"{self._root}\0{module}".encode()).hexdigest()[:16]
        self._before: str | None = None
        self._taken: Kept | None = None
        self._path = folder / "declared" / f"{place}.kept"

    def read(self) -> Declared | None:
        """What was kept, when loading the project now would come to the same; else ``None``."""
        self._before = surroundings()
        try:
            data = memoryview(self._path.read_bytes())
            if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
                return None
            kept, declared = _split(data)
            if kept.format != FORMAT or kept.surroundings != self._before or not self._holds(kept):
                return None
        except (OSError, msgspec.MsgspecError):
            return None
        try:
            with collecting_later():
                packed = Packed(declared, checked=True)
                self._taken = kept
                return Declared(packed.graph, packed.fingerprints, kept.parts)
        except (SoroiError, msgspec.MsgspecError, AttributeError, ImportError, TypeError, ValueError, LookupError):
            return None  # written by another soroi, or damaged: load the project

    def holds(self, files: Mapping[str, str]) -> bool:
        """Whether what was read last still follows from what is on disk; true when nothing was read.

        Args:
            files: Besides, the digest that each pattern of declared files had.
        """
        from soroi.declare.behaviour_explorer import file_digest

        if self._taken is not None and not self._holds(self._taken):
            return False
        return all(file_digest(self._contents(pattern)) == digest for pattern, digest in files.items())

    def _holds(self, kept: Kept) -> bool:
        for name, (path, real, content) in kept.modules.items():
            found = find_module(self._root, name)
            if found is None or str(found) != path or os.path.realpath(found) != real:
                return False
            if _text_digest(found) != content:
                return False
        if any(find_module(self._root, name) is not None for name in kept.outside):
            return False
        if any(where(name) != places for name, places in kept.found.items()):
            return False
        return all(self._contents(pattern) == [tuple(one) for one in found] for pattern, found in kept.files)

    def _contents(self, pattern: str) -> FileContents:
        from soroi.declare.behaviour_explorer import file_contents

        return file_contents(pattern, {f"project {self._module}": str(self._root)})

    def write(
        self, code: Codebase, graph: Graph, fingerprints: Mapping[str, Fingerprint], parts: PartValues
    ) -> str | None:
        """Keep what was loaded, when that is sound.

        Args:
            code: The loaded project.
            graph: Its graph.
            fingerprints: What each node would be built from.
            parts: The values that parted the open families.

        Returns:
            ``None``, or why it was not kept.
        """
        from soroi.codebase.keeping import gather

        try:
            with collecting_later():
                kept = gather(code, fingerprints, parts, self._before, self._contents)
                declared = pack(graph, fingerprints)
        except (SoroiError, CannotPackError, OSError, SyntaxError, ValueError, OverflowError) as error:
            return self._not_kept(str(error))
        except RecursionError:
            return self._not_kept("an expression is nested too deeply")
        head = msgspec.msgpack.encode(kept)
        return self._put(len(head).to_bytes(_LENGTH, "big") + head + declared)

    def _not_kept(self, why: str) -> str:
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        return why

    def _put(self, data: bytes) -> str | None:
        """Replace the file in one step: who reads meanwhile finds the old one or the new one."""
        fresh: Path | None = None
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            with tempfile.NamedTemporaryFile(dir=self._path.parent, suffix=".fresh", delete=False) as file:
                fresh = Path(file.name)
                file.write(hashlib.sha256(data).digest() + data)
            fresh.replace(self._path)
        except OSError as error:  # a full disk, or a folder one may not write
            with contextlib.suppress(OSError):
                if fresh is not None:
                    fresh.unlink(missing_ok=True)
            return f"{self._path} cannot be written: {error.strerror or error}"
        return None


def is_orphan(path: Path) -> bool:
    """Whether a file holds declarations of a project whose folder is gone, or cannot be read at all."""
    try:
        kept, _ = _split(memoryview(path.read_bytes()))
    except OSError:
        return False
    except msgspec.MsgspecError:
        return True
    return not any(Path(place).exists() for place, _, _ in kept.modules.values())


def _split(data: memoryview) -> tuple[Kept, memoryview]:
    """What the declarations follow from, and they themselves, which are read in place.

    Raises:
        MsgspecError: That is not what was written.
    """
    begin = _DIGEST + _LENGTH
    end = begin + int.from_bytes(data[_DIGEST:begin], "big")
    return msgspec.msgpack.decode(data[begin:end], type=Kept), data[end:]


def _text_digest(path: Path) -> str:
    """Digest of a module's text as it is on disk; of a folder without one, nothing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except IsADirectoryError:
        return ""


def where(name: str) -> list[str]:
    """Where a module of another distribution is found, without importing it; empty: nowhere."""
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return []
    return [] if spec is None else [str(spec.origin), *(spec.submodule_search_locations or ())]


def surroundings() -> str:
    """Digest over what else the declarations follow from: Python, soroi, and the installed distributions."""
    here = Path(__file__).parents[1]
    own = [_stamp(path) for room in _ROOMS for path in sorted((here / room).rglob("*.py"))]
    installed = [sorted(found) for folder in sys.path if (found := _distributions(folder))]  # the first one counts
    said: list[Any] = [sys.version, sys.platform, list(sys.flags), sys.warnoptions, own, installed]
    return hashlib.sha256(msgspec.json.encode(said)).hexdigest()


def _stamp(path: Path | os.DirEntry[str]) -> tuple[str, int, int]:
    found = path.stat()
    return os.fspath(path), found.st_size, found.st_mtime_ns


def _distributions(folder: str) -> list[tuple[str, int, int]]:
    try:
        with os.scandir(folder) as entries:
            ends = (".dist-info", ".egg-info", ".egg-link", ".pth")
            return [_stamp(one) for one in entries if one.name.endswith(ends)]
    except OSError:
        return []


__all__ = ["Declared", "Kept", "KeptDeclarations", "is_orphan", "surroundings", "where"]

"""Declarations kept between processes: read instead of loading the project, when that must come to the same.

They are kept only when loading follows from the texts of the modules alone (:mod:`soroi.codebase.plain`), and read only
while all that they follow from is as it was: the texts, where the modules are found, the declared files, Python, soroi
and the installed distributions.
"""

from __future__ import annotations

import ast
import contextlib
import hashlib
import importlib.util
import os
import sys
import tempfile
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec

from soroi.base.errors import SoroiError
from soroi.base.memory import collecting_later
from soroi.codebase.environment import library_version
from soroi.codebase.loader import Codebase, find_module
from soroi.codebase.plain import ModuleText, NotPlainError, PlainCheck
from soroi.codebase.plain_scope import absolute
from soroi.declare.behaviour_explorer import file_contents, file_digest
from soroi.declare.behaviour_source import module_file
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.declare.packed import CannotPackError, Packed, pack

FORMAT = 2
_DIGEST = 32
_ROOMS = ("base", "declare", "codebase", "frames", "rules")
PartValues = Mapping[str, Mapping[str, Sequence[str]]]


class _Kept(msgspec.Struct, frozen=True, array_like=True):
    """What is written."""

    format: int
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
    declared: bytes
    """The graph and its fingerprints."""


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
        self._path = folder / "declared" / f"{place}.kept"

    def read(self) -> Declared | None:
        """What was kept, when loading the project now would come to the same; else ``None``."""
        self._before = _surroundings()
        try:
            data = self._path.read_bytes()
            if hashlib.sha256(data[_DIGEST:]).digest() != data[:_DIGEST]:
                return None
            kept = msgspec.msgpack.decode(data[_DIGEST:], type=_Kept)
            if kept.format != FORMAT or kept.surroundings != self._before or not self._holds(kept):
                return None
        except (OSError, msgspec.MsgspecError):
            return None
        try:
            with collecting_later():
                packed = Packed(kept.declared)
                return Declared(packed.graph, packed.fingerprints, kept.parts)
        except (SoroiError, msgspec.MsgspecError, AttributeError, ImportError, TypeError, ValueError, LookupError):
            return None  # written by another soroi, or damaged: load the project

    def _holds(self, kept: _Kept) -> bool:
        for name, (path, real, content) in kept.modules.items():
            found = find_module(self._root, name)
            if found is None or str(found) != path or os.path.realpath(found) != real:
                return False
            if _text_digest(found) != content:
                return False
        if any(find_module(self._root, name) is not None for name in kept.outside):
            return False
        if any(_where(name) != places for name, places in kept.found.items()):
            return False
        return all(self._contents(pattern) == [tuple(one) for one in found] for pattern, found in kept.files)

    def _contents(self, pattern: str) -> list[tuple[str, str]]:
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
        try:
            with collecting_later():
                kept = self._gathered(code, graph, fingerprints, parts)
        except (SoroiError, CannotPackError, OSError, SyntaxError, ValueError, OverflowError) as error:
            return self._not_kept(str(error))
        except RecursionError:
            return self._not_kept("an expression is nested too deeply")
        return self._put(msgspec.msgpack.encode(kept))

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

    def _gathered(
        self, code: Codebase, graph: Graph, fingerprints: Mapping[str, Fingerprint], parts: PartValues
    ) -> _Kept:
        if not code.is_whole:
            raise NotPlainError("a module could not be loaded")
        with code.visible():
            texts = [one for name in code.modules if (one := _module_text(code, name)) is not None]
        check = PlainCheck(texts, code.owns)
        check.run()
        outside = {name for one in texts for name in _imported(one, code)} - code.modules.keys()
        tops = {name.partition(".")[0] for name in outside if not code.owns(name)}
        _refuse_unversioned(tops)
        if self._before is not None and self._before != _surroundings():
            raise NotPlainError("something was installed while the project was loaded")
        parts_of = (part for one in fingerprints.values() for part in one.components.values())
        files = {part.label: part.digest for part in parts_of if part.kind == "file"}
        contents = {pattern: self._contents(pattern) for pattern in sorted(files)}
        for pattern, found in contents.items():
            if file_digest(found) != files[pattern]:
                raise NotPlainError(f"a file at {pattern} changed while the project was loaded")
        return _Kept(
            format=FORMAT,
            surroundings=_surroundings(),
            modules={name: _place(code, name) for name in code.modules},
            outside=sorted({*(name for name in outside if code.owns(name)), *tops, *code.outside}),
            files=list(contents.items()),
            found={name: _where(name) for name in sorted({*check.looked_for, *tops})},
            parts={name: {column: list(values) for column, values in held.items()} for name, held in parts.items()},
            declared=pack(graph, fingerprints),
        )


def is_orphan(path: Path) -> bool:
    """Whether a file holds declarations of a project whose folder is gone, or cannot be read at all."""
    try:
        kept = msgspec.msgpack.decode(path.read_bytes()[_DIGEST:], type=_Kept)
    except OSError:
        return False
    except msgspec.MsgspecError:
        return True
    return not any(Path(place).exists() for place, _, _ in kept.modules.values())


def _place(code: Codebase, name: str) -> tuple[str, str, str]:
    path = find_module(code.root, name)
    ran = code.texts.get(name)
    return str(path), os.path.realpath(str(path)), hashlib.sha256(ran).hexdigest() if ran is not None else ""


def _text_digest(path: Path) -> str:
    """Digest of a module's text as it is on disk; of a folder without one, nothing."""
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except IsADirectoryError:
        return ""


def _module_text(code: Codebase, name: str) -> ModuleText | None:
    ran = code.texts.get(name)
    if ran is None:
        return None
    path = find_module(code.root, name)
    if path is None or path.read_bytes() != ran:
        raise NotPlainError(f"the text of {name} changed while the project was loaded")
    label = path.relative_to(code.root).as_posix()
    known = module_file(name)
    tree = known.tree if known is not None and known.text.encode() == ran else ast.parse(ran)
    return ModuleText(name, label, tree, path.name == "__init__.py", vars(code.modules[name]))


def _imported(text: ModuleText, code: Codebase) -> Iterable[str]:
    """The full name of everything that a module imports, anywhere in it, and that may be a module."""
    for one in text.nodes:
        if isinstance(one, ast.Import):
            yield from (name.name for name in one.names)
        elif isinstance(one, ast.ImportFrom):
            base = absolute(one, text)
            yield base
            if code.owns(base):
                yield from (f"{base}.{name.name}" for name in one.names)


def _refuse_unversioned(tops: Iterable[str]) -> None:
    """Refuse libraries of which nobody can tell whether they changed."""
    for top in sorted(tops):
        if top and top not in sys.stdlib_module_names and library_version(top) is None and _where(top):
            raise NotPlainError(f"{top} is imported, and its version is not known")


def _where(name: str) -> list[str]:
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):
        return []
    return [] if spec is None else [str(spec.origin), *(spec.submodule_search_locations or ())]


def _surroundings() -> str:
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


__all__ = ["Declared", "KeptDeclarations"]

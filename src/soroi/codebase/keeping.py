"""What is kept of the declarations of a loaded project, gathered when loading it again must come to the same."""

from __future__ import annotations

import ast
import hashlib
import os
import sys
from collections.abc import Callable, Iterable, Mapping

from soroi.codebase.environment import library_version
from soroi.codebase.kept import FORMAT, FileContents, Kept, PartValues, surroundings, where
from soroi.codebase.loader import Codebase, find_module
from soroi.codebase.plain import ModuleText, NotPlainError, PlainCheck
from soroi.codebase.plain_scope import absolute
from soroi.declare.behaviour_explorer import file_digest
from soroi.declare.behaviour_source import module_file
from soroi.declare.fingerprint import Fingerprint


def gather(
    code: Codebase,
    fingerprints: Mapping[str, Fingerprint],
    parts: PartValues,
    before: str | None,
    contents: Callable[[str], FileContents],
) -> Kept:
    """What the declarations of a loaded project follow from.

    Args:
        code: The loaded project.
        fingerprints: What each node would be built from.
        parts: The values that parted the open families.
        before: The surroundings before it was loaded; ``None``: nobody looked.
        contents: Names and digests of the files that a pattern stands for now.

    Raises:
        NotPlainError: They may follow from more than the texts of the modules, or something changed meanwhile.
    """
    if not code.is_whole:
        raise NotPlainError("a module could not be loaded")
    with code.visible():
        texts = [one for name in code.modules if (one := _module_text(code, name)) is not None]
    check = PlainCheck(texts, code.owns)
    check.run()
    outside = {name for one in texts for name in _imported(one, code)} - code.modules.keys()
    tops = {name.partition(".")[0] for name in outside if not code.owns(name)}
    _refuse_unversioned(tops)
    if before is not None and before != surroundings():
        raise NotPlainError("something was installed while the project was loaded")
    parts_of = (part for one in fingerprints.values() for part in one.components.values())
    files = {part.label: part.digest for part in parts_of if part.kind == "file"}
    there = {pattern: contents(pattern) for pattern in sorted(files)}
    for pattern, found in there.items():
        if file_digest(found) != files[pattern]:
            raise NotPlainError(f"a file at {pattern} changed while the project was loaded")
    return Kept(
        format=FORMAT,
        surroundings=surroundings(),
        modules={name: _place(code, name) for name in code.modules},
        outside=sorted({*(name for name in outside if code.owns(name)), *tops, *code.outside}),
        files=list(there.items()),
        found={name: where(name) for name in sorted({*check.looked_for, *tops})},
        parts={name: {column: list(values) for column, values in held.items()} for name, held in parts.items()},
    )


def _place(code: Codebase, name: str) -> tuple[str, str, str]:
    path = find_module(code.root, name)
    ran = code.texts.get(name)
    return str(path), os.path.realpath(str(path)), hashlib.sha256(ran).hexdigest() if ran is not None else ""


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
        if top and top not in sys.stdlib_module_names and library_version(top) is None and where(top):
            raise NotPlainError(f"{top} is imported, and its version is not known")


__all__ = ["gather"]

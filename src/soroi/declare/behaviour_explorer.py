"""What things are: functions, classes, modules, library parts and constants, each given a link to its component."""

from __future__ import annotations

import inspect
import sys
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from soroi.base.digest import digest, digest_bytes
from soroi.declare.behaviour_classes import process_class, process_module
from soroi.declare.behaviour_component import ComponentKind
from soroi.declare.behaviour_functions import process_function
from soroi.declare.behaviour_reach import Unit, Walk
from soroi.declare.behaviour_resolver import DYNAMIC, Resolver
from soroi.declare.behaviour_source import SourceFile, module_file
from soroi.declare.behaviour_value import UnencodableError, ValueEncoder, module_root, shown, wrapped_parts
from soroi.declare.declaration import Declaration
from soroi.declare.spec import FileRef

_METHOD_TYPES = (types.BuiltinFunctionType, types.MethodWrapperType)
_DESCRIPTORS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)


class Explorer:
    """Gives each thing that is reached a link, and sees to it that what is behind the link is reached as well."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self._files: dict[str, SourceFile | None] = {}
        self._libraries: set[str] = set()
        self.resolver = Resolver(self)

    def ours(self, module: types.ModuleType) -> bool:
        """Whether a module belongs to the project."""
        return self.walk.in_project(module.__name__)

    def file(self, module: str) -> SourceFile | None:
        """The source file of a module of the project."""
        if module not in self._files:
            self._files[module] = module_file(module)
        return self._files[module]

    def link(self, value: Any, via: str, kind: ComponentKind = "helper") -> str | None:
        """What a function, class, module or declared file is; ``None`` for any other value."""
        if isinstance(value, types.FunctionType):
            return self.function(value, via, kind)
        if inspect.isclass(value):
            return self.klass(value, via)
        if isinstance(value, types.ModuleType):
            if self.ours(value):
                return self.module(value, None, via)
            self.library(value.__name__, None)
            return f"foreign {value.__name__}"
        if isinstance(value, FileRef):
            return self.declared_file(value, via)
        parts = wrapped_parts(value)
        if parts is not None:
            links = [self.link(one, via) for one in parts.inner]
            return " ".join([parts.kind, *map(str, links)]) if None not in links else None
        return self._native(value, via)

    def _native(self, value: Any, via: str) -> str | None:
        if isinstance(value, _DESCRIPTORS):
            return f"{self.link(value.__objclass__, via)}.{value.__name__}"
        if isinstance(value, _METHOD_TYPES):
            owner = value.__self__
            if owner is None or isinstance(owner, types.ModuleType):
                module = getattr(value, "__module__", None) or getattr(owner, "__name__", "builtins")
                return self.outside(str(module), value.__name__)
        if type(value).__module__ == "numpy" and type(value).__name__ in ("ufunc", "_ArrayFunctionDispatcher"):
            return self.outside("numpy", value.__name__)
        return None

    def outside(self, module: str, name: str) -> str:
        """The link of something that is not of the project, by its name; its library is noted."""
        self.library(module, None)
        return f"foreign {module}.{name}"

    def function(self, value: types.FunctionType, via: str | None, kind: ComponentKind = "helper") -> str:
        """The link of a function; a function of the project is reached."""
        module = str(value.__globals__.get("__name__", "?"))
        name = value.__code__.co_qualname
        if not self.walk.in_project(module) and not self._wraps_ours(value):
            return self.outside(module, value.__qualname__)
        key, new = self.walk.key("function", f"{module}:{name}", value)
        if new:
            self._root(module)
            file = value.__code__.co_filename.rpartition("/")[2]
            short = name.replace("<locals>.", "").replace("<lambda>", "lambda")
            label = f"{short}() in {file}"
            unit = self.walk.units[key] = Unit(key, kind, label, via, short, module)
            self.walk.waiting.append(lambda: process_function(self, unit, value))
        return key

    def _wraps_ours(self, value: types.FunctionType) -> bool:
        named = getattr(sys.modules.get(value.__module__ or ""), value.__qualname__, None)
        if named is value and not self.walk.in_project(value.__module__ or ""):
            return False
        return bool(value.__closure__ or value.__defaults__ or value.__kwdefaults__)

    def klass(self, value: type, via: str) -> str:
        """The link of a class; a class of the project is reached."""
        module = value.__module__
        if not self.walk.in_project(module):
            return self.outside(module, value.__qualname__)
        key, new = self.walk.key("class", f"{module}:{value.__qualname__}", value)
        if new:
            self._root(module)
            file = self.file(module)
            short = value.__qualname__.replace("<locals>.", "")
            label = f"{short} in {file.label if file else module}"
            unit = self.walk.units[key] = Unit(key, "class", label, via, short, module)
            self.walk.waiting.append(lambda: process_class(self, unit, value))
        return key

    def module(self, value: types.ModuleType, unit: Unit | None, via: str) -> str:
        """The link of a whole module of the project, which is reached with all that it holds."""
        name = value.__name__
        key, new = self.walk.key("module", name, value)
        if new:
            self._root(name)
            made = self.walk.units[key] = Unit(key, "helper", f"all of {name}", via, name, name)
            self.walk.waiting.append(lambda: process_module(self, made, value))
            if unit is not None:
                made.via = f"{via}, which does not say which part"
        return key

    def constant(self, home: str | None, name: str, value: Any, unit: Unit, via: str, line: int | None) -> str:
        """The link of a value, which is a component of its own."""
        held = home is None
        key = f"closure {unit.key}<{name}>" if held else f"constant {home}:{name}"
        if key not in self.walk.units:
            file = self.file(home) if home else (unit.found.file if unit.found else None)
            label = f"{name} in {file.label if file else home or unit.module}"
            made = Unit(key, "closure" if held else "constant", label, via, name, home or unit.module)
            self.walk.units[key] = made
            self.value(made, value, unit, line)
        return key

    def value(self, made: Unit, value: Any, unit: Unit, line: int | None) -> None:
        """Make a unit of a value; when that has no encoding it is in doubt."""
        self.walk.keep.append(value)
        if isinstance(value, Declaration):
            made.extra.append(b"node")
            what = f"`{made.name}` is a declared {value.kind} and is used as a value"
            self.walk.doubt(unit, what, "make it an input of the node, or leave it out", line)
            return
        self._root(made.module)
        try:
            made.extra.append(self.encoder(f"held by `{made.name}`").encode(value))
        except UnencodableError as error:
            made.extra.append(b"unknown")
            hint = "make it plain data or a frozen dataclass, or make it inside the function"
            self.walk.doubt(unit, f"`{made.name}` cannot be compared: it holds {error}", hint, line)
        made.source = shown(made.name, value)

    def encoder(self, via: str) -> ValueEncoder:
        """An encoder of values that reaches the functions and classes in them."""

        def link(value: Any) -> str | None:
            found = self.link(value, via)
            if found is not None and found.removeprefix("foreign ") in DYNAMIC:
                raise UnencodableError(f"{found.removeprefix('foreign ')}, whose code cannot be followed")
            return found

        return ValueEncoder(link, self.walk.roots)

    def _root(self, module: str) -> None:
        top = module.partition(".")[0]
        if f"project {top}" not in self.walk.roots:
            file = getattr(sys.modules.get(module), "__file__", None)
            root = module_root(module, file)
            if root is not None:
                self.walk.roots[f"project {top}"] = root

    def library(self, module: str, unit: Unit | None) -> None:
        """Note that something of a distribution is used; the standard library does not count."""
        top = module.partition(".")[0]
        if top in sys.stdlib_module_names or top in self._libraries:
            return
        self._libraries.add(top)
        key = f"library {top}"
        version = self.walk.libraries(top)
        via = f"used by `{unit.name}`" if unit else None
        made = self.walk.units[key] = Unit(key, "library", top, via, top, top)
        made.source = f"{top} {version or '(version not known)'}"
        if version is None:
            hint = "lock its version, or install it as a distribution"
            self.walk.doubt(made, f"the version of `{top}` is not known", hint)

    def declared_file(self, value: FileRef, via: str) -> str:
        """The link of files that were declared with ``so.file``."""
        key = f"file {value.pattern}"
        if key not in self.walk.units:
            made = self.walk.units[key] = Unit(key, "file", value.pattern, via, value.pattern, "")
            contents = file_contents(value.pattern, self.walk.roots)
            made.source = _counted(contents)
            made.extra = _lines(contents)
            if not contents:
                self.walk.doubt(made, f"no file is at `{value.pattern}`", "correct the pattern, or put the file there")
        return key


def file_contents(pattern: str, roots: Mapping[str, str]) -> list[tuple[str, str]]:
    """Names and digests of the files that a pattern of ``so.file`` stands for.

    Args:
        pattern: Path or glob pattern; a relative one is looked for below the folders of the project's modules.
        roots: Folders by name; those of the project's modules are called ``project …``.
    """
    if Path(pattern).is_absolute():
        folder, inner = Path(Path(pattern).anchor), str(Path(pattern).relative_to(Path(pattern).anchor))
        return _digests(folder, inner)
    for name, root in sorted(roots.items()):
        if name.startswith("project "):
            found = _digests(Path(root), pattern)
            if found:
                return found
    return []


def file_digest(contents: list[tuple[str, str]]) -> str:
    """Digest of the component of files with these names and digests."""
    return digest("file", {"parts": _lines(contents) or [_counted(contents).encode()], "links": {}})


def _lines(contents: list[tuple[str, str]]) -> list[bytes]:
    return [f"{name}={found}".encode() for name, found in contents]


def _counted(contents: list[tuple[str, str]]) -> str:
    return f"{len(contents)} files" if len(contents) != 1 else "1 file"


def _digests(folder: Path, pattern: str) -> list[tuple[str, str]]:
    files = sorted(one for one in folder.glob(pattern) if one.is_file())
    return [(one.name, digest_bytes("file", one.read_bytes())) for one in files]

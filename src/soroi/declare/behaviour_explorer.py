"""What things are: functions, classes, modules, library parts and constants, each given a link to its component."""

from __future__ import annotations

import builtins
import functools
import importlib
import importlib.util
import inspect
import sys
import types
from pathlib import Path
from typing import Any

from soroi.base.digest import digest_bytes
from soroi.declare.behaviour_classes import process_class, process_module
from soroi.declare.behaviour_component import ComponentKind
from soroi.declare.behaviour_functions import process_function
from soroi.declare.behaviour_names import ImportReference, Names, Reference
from soroi.declare.behaviour_reach import MISSING, Scope, Unit, Walk
from soroi.declare.behaviour_source import SourceFile, module_file
from soroi.declare.behaviour_value import UnencodableError, ValueEncoder, module_root, shown
from soroi.declare.declaration import Declaration, declaration_of
from soroi.declare.spec import FileRef

DYNAMIC = frozenset(
    {
        "builtins.eval",
        "builtins.exec",
        "builtins.globals",
        "builtins.__import__",
        "importlib.import_module",
        "importlib.reload",
        "importlib.__import__",
        "importlib.util.module_from_spec",
        "importlib.util.spec_from_file_location",
        "sys.modules",
        "sys._getframe",
        "runpy.run_path",
        "runpy.run_module",
        "pkgutil.resolve_name",
        "inspect.currentframe",
        "gc.get_objects",
        "gc.get_referrers",
        "types.FunctionType",
        "types.CodeType",
    }
)
"""What runs or finds code in a way that cannot be followed."""

_IMPORTERS = frozenset({"importlib.import_module", "importlib.__import__", "builtins.__import__"})
_BUILTIN_DYNAMIC = {name.partition(".")[2] for name in DYNAMIC if name.startswith("builtins.")}
_OPAQUE_ATTRIBUTES = frozenset({"__subclasses__", "__globals__", "__builtins__"})
_WRAPPERS = (staticmethod, classmethod)
_CACHED: type = functools._lru_cache_wrapper
_METHOD_TYPES = (types.BuiltinFunctionType, types.MethodWrapperType)
_DESCRIPTORS = (types.MethodDescriptorType, types.WrapperDescriptorType, types.ClassMethodDescriptorType)


class Explorer:
    """Gives each thing that is reached a link, and sees to it that what is behind the link is reached as well."""

    def __init__(self, walk: Walk) -> None:
        self.walk = walk
        self._files: dict[str, SourceFile | None] = {}
        self._libraries: set[str] = set()

    # Names ------------------------------------------------------------------------------------------------

    def names(self, names: Names, unit: Unit, scope: Scope) -> None:
        """Reach everything that names stand for."""
        for one in names.references:
            self._reference(one, unit, scope)
        for imported in names.imports:
            self._imported(imported, unit, scope)
        self._accessors(names.attributes, unit)
        self.walk.docs = self.walk.docs or names.reads_docs
        self.walk.annotations = self.walk.annotations or names.reads_annotations

    def lookup(self, name: str, scope: Scope) -> tuple[Any, str | None]:
        """The value of a name and the module in which it stands (``None``: in the closure)."""
        if name in scope.cells:
            return scope.cells[name], None
        if name in scope.globals:
            return scope.globals[name], str(scope.globals.get("__name__", "?"))
        return getattr(builtins, name, MISSING), "builtins"

    def _reference(self, one: Reference, unit: Unit, scope: Scope) -> None:
        value, home = self.lookup(one.name, scope)
        if value is MISSING:
            unit.links[one.text] = "missing"
            if not (one.soft or scope.soft):
                hint = "define or import it before the project is loaded"
                self.walk.doubt(unit, f"the name `{one.name}` is not defined", hint, one.line)
            return
        if home == "builtins" and getattr(builtins, one.name, MISSING) is value:
            if one.name in _BUILTIN_DYNAMIC:
                self._dynamic(f"builtins.{one.name}", one, unit, scope)
                return
            if getattr(type(value), "__module__", "builtins") == "builtins":
                return
        if home is not None and one.name.startswith("__") and one.name.endswith("__"):
            unit.links[one.text] = f"name of module {home}" if one.name == "__name__" else "of the module"
            return
        unit.links[one.text] = self.follow(value, one, unit, scope, home)

    def follow(self, value: Any, one: Reference, unit: Unit, scope: Scope, home: str | None) -> str:
        """Follow a chain of attributes as far as it leads through modules, and link what is at its end."""
        rest = list(one.attributes)
        name = one.name
        via = _via(one, unit, scope)
        while True:
            foreign = self._imported_name(home, name, value)
            if foreign is not None or (isinstance(value, types.ModuleType) and not self._ours(value)):
                full = ".".join([foreign or value.__name__, *rest])
                return self._foreign_name(full, one, unit, scope)
            if isinstance(value, types.ModuleType):
                if one.dynamic and not rest:
                    what = f"an attribute of the module `{one.text}` is asked by a name known only when it runs"
                    self.walk.doubt(unit, what, "name the attribute, or use a dictionary", one.line)
                if not rest:
                    return self.module(value, unit, via)
                home, name = value.__name__, rest.pop(0)
                value = self._attribute(value, name)
                if value is MISSING:
                    return self._missing(one, unit, scope)
                continue
            if isinstance(value, types.FunctionType) and rest and rest[0] in vars(value):
                self.link(value, via)
                inner = rest.pop(0)
                name, value = f"{name}.{inner}", vars(value)[inner]
                continue
            break
        if scope.decorator:
            declared = declaration_of(value)
            if declared is not None:
                return f"node {declared.name}"
        link = self.link(value, via)
        return self.constant(home, name, value, unit, via, one.line) if link is None else link

    def _missing(self, one: Reference, unit: Unit, scope: Scope) -> str:
        if not (one.soft or scope.soft):
            hint = "define it in the module, or import the submodule"
            self.walk.doubt(unit, f"`{one.text}` is not there", hint, one.line)
        return "missing"

    def _ours(self, module: types.ModuleType) -> bool:
        return self.walk.in_project(module.__name__)

    def _attribute(self, module: types.ModuleType, name: str) -> Any:
        if name in vars(module):
            return vars(module)[name]
        return self._load(f"{module.__name__}.{name}") if hasattr(module, "__path__") else MISSING

    def _load(self, name: str) -> Any:
        if name in sys.modules:
            return sys.modules[name]
        try:
            return importlib.import_module(name)
        except Exception:
            return MISSING

    def file(self, module: str) -> SourceFile | None:
        """The source file of a module of the project."""
        if module not in self._files:
            self._files[module] = module_file(module)
        return self._files[module]

    def _imported_name(self, home: str | None, name: str, value: Any) -> str | None:
        """Where a name was imported from, as written, when that is outside the project."""
        if home is None or not self.walk.in_project(home):
            return None
        file = self.file(home)
        found = set(file.imports.get(name, ())) if file else set()
        origin = found.pop() if len(found) == 1 else None
        if origin is None or self.walk.in_project(origin[0]):
            return None
        module = sys.modules.get(origin[0])
        if origin[1] is None:
            return origin[0] if module is value else None
        full = f"{origin[0]}.{origin[1]}"
        same = getattr(module, origin[1], MISSING) is value or sys.modules.get(full) is value
        return full if same else None

    def _foreign_name(self, full: str, one: Reference, unit: Unit, scope: Scope) -> str:
        for end in range(full.count(".") + 1):
            part = full.rsplit(".", end)[0]
            if part in DYNAMIC:
                return self._dynamic(part, one, unit, scope)
        self.library(full, unit)
        return f"foreign {full}"

    def _dynamic(self, what: str, one: Reference, unit: Unit, scope: Scope) -> str:
        text = one.argument
        if what in _IMPORTERS and one.called and text and not text.startswith("."):
            self._imported(ImportReference(text, 0, None, line=one.line), unit, scope)
        else:
            hint = "import or call what is meant by its name"
            self.walk.doubt(unit, f"`{one.text}` runs or finds code that cannot be followed", hint, one.line)
        return f"foreign {what}"

    def _imported(self, one: ImportReference, unit: Unit, scope: Scope) -> None:
        package = str(scope.globals.get("__package__") or scope.globals.get("__name__", ""))
        try:
            name = importlib.util.resolve_name("." * one.level + one.module, package) if one.level else one.module
        except ImportError:
            name = one.module
        if not self.walk.in_project(name):
            full = ".".join([name, *([one.name] if one.name else []), *one.attributes])
            reference = Reference(name, called=True, line=one.line)
            unit.links[f"import {one.text}"] = self._foreign_name(full, reference, unit, scope)
            return
        module = self._load(name)
        if module is MISSING:
            hint = "correct the import, or see why the module cannot be loaded"
            self.walk.doubt(unit, f"the module `{name}` that it imports cannot be loaded", hint, one.line)
            unit.links[f"import {one.text}"] = "missing"
            return
        attributes = (*([one.name] if one.name else []), *one.attributes)
        reference = Reference(name, attributes, line=one.line)
        unit.links[f"import {one.text}"] = self.follow(module, reference, unit, scope, None)

    def _accessors(self, attributes: frozenset[str], unit: Unit) -> None:
        opaque = sorted(attributes & _OPAQUE_ATTRIBUTES)
        for name in opaque:
            what = f"`{name}` finds code that cannot be followed"
            self.walk.doubt(unit, what, "name what is meant")
        for kind in _extended_classes():
            for name in attributes & vars(kind).keys():
                inner = vars(kind)[name]
                inner = getattr(inner, "_ns", None) or getattr(inner, "_accessor", None) or inner
                module = getattr(inner, "__module__", None)
                if isinstance(inner, type | types.FunctionType) and self.walk.in_project(module or ""):
                    link = self.link(inner, f"used as .{name} by `{unit.name}`")
                    unit.links[f"{kind.__name__}.{name}"] = str(link)

    # Things -----------------------------------------------------------------------------------------------

    def link(self, value: Any, via: str, kind: ComponentKind = "helper") -> str | None:
        """What a function, class, module or declared file is; ``None`` for any other value."""
        if isinstance(value, types.FunctionType):
            return self.function(value, via, kind)
        if inspect.isclass(value):
            return self.klass(value, via)
        if isinstance(value, types.ModuleType):
            if self._ours(value):
                return self.module(value, None, via)
            self.library(value.__name__, None)
            return f"foreign {value.__name__}"
        if isinstance(value, types.MethodType):
            return f"{self.link(value.__func__, via)} bound to {self._held(value.__self__, via)}"
        if isinstance(value, _WRAPPERS):
            return f"{type(value).__name__} {self._held(value.__func__, via)}"
        if isinstance(value, property):
            return " ".join(["property", *(self._held(one, via) for one in (value.fget, value.fset, value.fdel))])
        if isinstance(value, functools.cached_property):
            return f"cached property {self._held(value.func, via)}"
        if isinstance(value, _CACHED):
            parameters = sorted(value.cache_parameters().items())  # type: ignore[attr-defined]
            return f"cached {parameters} {self._held(value.__wrapped__, via)}"  # type: ignore[attr-defined]
        if isinstance(value, FileRef):
            return self.declared_file(value, via)
        return self._native(value, via)

    def _held(self, value: Any, via: str) -> str:
        """A link, or the encoding of a value as text."""
        return self.link(value, via) or self.encoder(via).encode(value).hex()

    def _native(self, value: Any, via: str) -> str | None:
        if isinstance(value, _DESCRIPTORS):
            return f"{self.link(value.__objclass__, via)}.{value.__name__}"
        if isinstance(value, _METHOD_TYPES):
            owner = value.__self__
            if owner is None or isinstance(owner, types.ModuleType):
                module = getattr(value, "__module__", None) or getattr(owner, "__name__", "builtins")
                return self._outside(str(module), value.__name__)
            return f"{self._held(owner, via)}.{value.__name__}"
        if type(value).__module__ == "numpy" and type(value).__name__ in ("ufunc", "_ArrayFunctionDispatcher"):
            return self._outside("numpy", value.__name__)
        return None

    def _outside(self, module: str, name: str) -> str:
        self.library(module, None)
        return f"foreign {module}.{name}"

    def function(self, value: types.FunctionType, via: str, kind: ComponentKind = "helper") -> str:
        """The link of a function; a function of the project is reached."""
        module = str(value.__globals__.get("__name__", "?"))
        name = value.__code__.co_qualname
        if not self.walk.in_project(module) and not self._wraps_ours(value):
            return self._outside(module, value.__qualname__)
        key, new = self.walk.key("function", f"{module}:{name}", value)
        if new:
            self._root(module)
            file = Path(value.__code__.co_filename).name
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
            return self._outside(module, value.__qualname__)
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
        return ValueEncoder(lambda value: self.link(value, via), self.walk.roots)

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
            contents = _contents(value.pattern, self.walk.roots)
            made.source = f"{len(contents)} files" if len(contents) != 1 else "1 file"
            made.extra = [f"{name}={found}".encode() for name, found in contents]
            if not contents:
                self.walk.doubt(
                    made, f"no file is at `{value.pattern}`", "correct the pattern, or put the file there"
                )
        return key


def _contents(pattern: str, roots: dict[str, str]) -> list[tuple[str, str]]:
    if Path(pattern).is_absolute():
        folder, inner = Path(Path(pattern).anchor), str(Path(pattern).relative_to(Path(pattern).anchor))
        return _digests(folder, inner)
    for name, root in sorted(roots.items()):
        if name.startswith("project "):
            found = _digests(Path(root), pattern)
            if found:
                return found
    return []


def _digests(folder: Path, pattern: str) -> list[tuple[str, str]]:
    files = sorted(one for one in folder.glob(pattern) if one.is_file())
    return [(one.name, digest_bytes("file", one.read_bytes())) for one in files]


def _via(one: Reference, unit: Unit, scope: Scope) -> str:
    if scope.decorator:
        return f"decorates `{unit.name}`"
    return f"{'called' if one.called else 'used'} by `{unit.name}`"


def _extended_classes() -> list[type]:
    found: list[type] = []
    polars, pandas = sys.modules.get("polars"), sys.modules.get("pandas")
    for module, names in ((polars, "Expr DataFrame LazyFrame Series"), (pandas, "DataFrame Series Index")):
        found += [getattr(module, name) for name in names.split() if hasattr(module, name)]
    return found

"""What names stand for: looked up where they stand, followed through modules, and reached."""

from __future__ import annotations

import builtins
import importlib.util
import sys
import types
from typing import TYPE_CHECKING, Any

from soroi.base.errors import SoroiError
from soroi.declare.behaviour_reach import MISSING, Scope, Unit
from soroi.declare.behaviour_reference import ImportReference, Names, Reference
from soroi.declare.declaration import declaration_of

if TYPE_CHECKING:
    from soroi.declare.behaviour_explorer import Explorer

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


class Resolver:
    """Finds what the names of a unit stand for, and has it reached.

    Args:
        explorer: Gives what is found its link.
    """

    def __init__(self, explorer: Explorer) -> None:
        self.explorer = explorer
        self.walk = explorer.walk
        self._errors: dict[str, str] = {}

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
            if type(value).__module__ in ("builtins", "_sitebuiltins"):
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
            if foreign is not None or (isinstance(value, types.ModuleType) and not self.explorer.ours(value)):
                full = ".".join([foreign or value.__name__, *rest])
                return self._foreign_name(full, one, unit, scope)
            if isinstance(value, types.ModuleType):
                if one.dynamic and not rest:
                    what = f"an attribute of the module `{one.text}` is asked by a name known only when it runs"
                    self.walk.doubt(unit, what, "name the attribute, or use a dictionary", one.line)
                if not rest:
                    return self.explorer.module(value, unit, via)
                home, name = value.__name__, rest.pop(0)
                value = self._attribute(value, name)
                if value is MISSING:
                    return self._missing(one, unit, scope, f"{home}.{name}")
                continue
            dispatches = isinstance(getattr(value, "registry", None), types.MappingProxyType)
            if isinstance(value, types.FunctionType) and not dispatches and rest and rest[0] in vars(value):
                self.explorer.link(value, via)
                inner = rest.pop(0)
                name, value = f"{name}.{inner}", vars(value)[inner]
                continue
            break
        if scope.decorator:
            declared = declaration_of(value)
            if declared is not None:
                return f"node {declared.name}"
        link = self.explorer.link(value, via)
        if link is not None and link.removeprefix("foreign ") in DYNAMIC:
            return self._dynamic(link.removeprefix("foreign "), one, unit, scope)
        return self.explorer.constant(home, name, value, unit, via, one.line) if link is None else link

    def _missing(self, one: Reference, unit: Unit, scope: Scope, full: str) -> str:
        if not (one.soft or scope.soft):
            hint = "define it in the module, or import the submodule"
            self.walk.doubt(unit, f"`{one.text}` is not there{self._errors.get(full, '')}", hint, one.line)
        return "missing"

    def _attribute(self, module: types.ModuleType, name: str) -> Any:
        if name in vars(module):
            return vars(module)[name]
        if "__getattr__" in vars(module):
            self.explorer.link(vars(module)["__getattr__"], f"asked for `{name}`")
            return getattr(module, name, MISSING)
        return self._load(f"{module.__name__}.{name}") if hasattr(module, "__path__") else MISSING

    def _load(self, name: str) -> Any:
        if name in sys.modules:
            return sys.modules[name]
        try:
            return self.walk.load(name)
        except Exception as error:
            self._errors[name] = _cause(name, error)
            return MISSING

    def _imported_name(self, home: str | None, name: str, value: Any) -> str | None:
        """Where a name was imported from, as written, when that is outside the project."""
        if home is None or not self.walk.in_project(home):
            return None
        file = self.explorer.file(home)
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
        self.explorer.library(full, unit)
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
            full = ".".join([name, *one.inner])
            reference = Reference(name, one.inner, one.called, one.argument, line=one.line)
            unit.links[f"import {one.text}"] = self._foreign_name(full, reference, unit, scope)
            return
        module = self._load(name)
        if module is MISSING:
            hint = "correct the import, or see why the module cannot be loaded"
            what = f"the module `{name}` that it imports cannot be loaded{self._errors.get(name, '')}"
            self.walk.doubt(unit, what, hint, one.line)
            unit.links[f"import {one.text}"] = "missing"
            return
        reference = Reference(name, one.inner, one.called, dynamic=one.dynamic, line=one.line)
        unit.links[f"import {one.text}"] = self.follow(module, reference, unit, scope, None)

    def _accessors(self, attributes: frozenset[str], unit: Unit) -> None:
        opaque = sorted(attributes & _OPAQUE_ATTRIBUTES)
        for name in opaque:
            what = f"`{name}` finds code that cannot be followed"
            self.walk.doubt(unit, what, "name what is meant")
        for kind in _extended_classes():
            for name in sorted(attributes & vars(kind).keys()):
                inner = vars(kind)[name]
                inner = getattr(inner, "_ns", None) or getattr(inner, "_accessor", None) or inner
                module = getattr(inner, "__module__", None)
                if isinstance(inner, type | types.FunctionType) and self.walk.in_project(module or ""):
                    link = self.explorer.link(inner, f"used as .{name} by `{unit.name}`")
                    unit.links[f"{kind.__name__}.{name}"] = str(link)


def _cause(name: str, error: Exception) -> str:
    """Why a module could not be loaded, in words; nothing more to say when there is none of that name."""
    if isinstance(error, ModuleNotFoundError) and error.name == name:
        return ""
    return f": {error.message if isinstance(error, SoroiError) else error}"


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

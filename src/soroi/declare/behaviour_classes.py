"""How a class or a whole module is reached: its text, its bases, its members and the values it holds."""

from __future__ import annotations

import enum
import functools
import inspect
import pkgutil
import sys
import types
from typing import TYPE_CHECKING, Any

from soroi.declare.behaviour_functions import cells_of, closure_links, default_units
from soroi.declare.behaviour_reach import MISSING, Scope, Unit
from soroi.declare.behaviour_reference import Reference
from soroi.declare.behaviour_source import Found, find_function, first_line
from soroi.declare.behaviour_value import UnencodableError

if TYPE_CHECKING:
    from soroi.declare.behaviour_explorer import Explorer

_MEMBERS = (types.FunctionType, staticmethod, classmethod, property, functools.cached_property)


def process_class(explorer: Explorer, unit: Unit, value: type) -> None:
    """Reach all that a class consists of."""
    file = explorer.file(value.__module__)
    unit.found = file.classes(value.__qualname__) if file else None
    for number, base in enumerate(value.__bases__):
        unit.links[f"base {number}"] = str(explorer.link(base, f"base of `{unit.name}`"))
    if type(value) is not type:
        unit.links["metaclass"] = str(explorer.link(type(value), f"metaclass of `{unit.name}`"))
    if unit.found is None and not _made_by_call(explorer, unit, value):
        unit.extra.append(b"unknown")
        hint = "write the class with a class statement in a file of the project"
        explorer.walk.doubt(unit, f"the source of the class `{unit.name}` is not available", hint)
    if unit.found is not None:
        cells: dict[str, Any] = {}
        for _, function in _functions(value):
            cells |= {name: inner for name, inner in cells_of(function) if inner is not MISSING}
        cells.pop("__class__", None)
        module = vars(sys.modules[value.__module__]) if value.__module__ in sys.modules else {}
        explorer.resolver.names(unit.found.names, unit, Scope(module, cells, soft="<locals>" in value.__qualname__))
    _members(explorer, unit, value)


def _made_by_call(explorer: Explorer, unit: Unit, value: type) -> bool:
    """Whether a class without a class statement says itself what it is: a named tuple, an enumeration, a struct."""
    fields: Any
    if issubclass(value, tuple) and hasattr(value, "_fields"):
        fields = [list(value._fields), getattr(value, "_field_defaults", {})]
    elif issubclass(value, enum.Enum):
        fields = [(one.name, one._value_) for one in value]
    else:
        return False
    try:
        unit.extra.append(explorer.encoder(f"held by `{unit.name}`").encode(fields))
    except UnencodableError:
        return False
    unit.source = f"{unit.name}: {fields}"
    return True


def _functions(value: type) -> list[tuple[str, types.FunctionType]]:
    found: list[tuple[str, types.FunctionType]] = []
    for name, member in vars(value).items():
        inner: list[Any] = [member]
        if isinstance(member, staticmethod | classmethod):
            inner = [member.__func__]
        elif isinstance(member, property):
            inner = [member.fget, member.fset, member.fdel]
        elif isinstance(member, functools.cached_property):
            inner = [member.func]
        found += [(name, one) for one in inner if isinstance(one, types.FunctionType)]
    return found


def _members(explorer: Explorer, unit: Unit, value: type) -> None:
    for name, function in _functions(value):
        _method(explorer, unit, name, function)
    for name, member in vars(value).items():
        if isinstance(member, _MEMBERS) or (name.startswith("__") and name.endswith("__")):
            continue
        if isinstance(member, enum.Enum) or name.startswith("_abc") or type(member).__name__ in _INTERNAL:
            continue
        if issubclass(value, enum.Enum) and name.startswith("_"):
            continue
        _class_value(explorer, unit, name, member)
    if issubclass(value, enum.Enum):
        for one in value.__members__.items():
            _class_value(explorer, unit, one[0], one[1]._value_)


_MAKERS = frozenset({"collections", "dataclasses", "enum", "functools", "typing"})
_NAMED_TUPLE = frozenset({"_make", "_replace", "_asdict"})
_INTERNAL = frozenset({"member_descriptor", "getset_descriptor", "_tuplegetter", "_abc_data"})


def _class_value(explorer: Explorer, unit: Unit, name: str, member: Any) -> None:
    via = f"member of `{unit.name}`"
    try:
        link = explorer.link(member, via)
        encoded = link.encode() if link is not None else explorer.encoder(via).encode(member)
        explorer.walk.keep.append(member)
    except UnencodableError as error:
        module = type(member).__module__
        if explorer.walk.in_project(module) or unit.found is None:
            hint = "make it plain data or a frozen dataclass"
            explorer.walk.doubt(unit, f"`{unit.name}.{name}` cannot be compared: it holds {error}", hint)
        encoded = b"of its class body"
    unit.links[f"member {name}"] = encoded.hex()


def _method(explorer: Explorer, unit: Unit, name: str, function: types.FunctionType) -> None:
    module = str(function.__globals__.get("__name__", "?"))
    code = function.__code__
    if _is_generated(name, function):
        return
    if not explorer.walk.in_project(module):
        made = unit.found is not None and name.startswith("__")
        link = None if made else explorer.link(function, f"member of `{unit.name}`")
        unit.links[f"member {name}"] = link or explorer.outside(module, code.co_qualname)
        return
    found = find_function(code, module)
    if unit.found is None or not isinstance(found, Found) or not _inside(found, unit.found):
        unit.links[f"member {name}"] = str(explorer.link(function, f"member of `{unit.name}`"))
        return
    inner = Unit(f"{unit.key}.{name}", "helper", f"{unit.name}.{name}() in {found.file.label}", None,
                 f"{unit.name}.{name}", unit.module, found)  # fmt: skip
    default_units(explorer, inner, function)
    closure_links(explorer, inner, function)
    unit.links |= {f"{name} {key}": link for key, link in inner.links.items()}


def _is_generated(name: str, function: types.FunctionType) -> bool:
    """Whether a method was made by a library from the class body, as those of data classes and named tuples are."""
    code = inspect.unwrap(function).__code__
    dunder = name.startswith("__") and name.endswith("__")
    if dunder and code.co_filename.startswith("<"):
        return True
    maker = function.__globals__.get("__name__")
    return (dunder or name in _NAMED_TUPLE) and maker in _MAKERS


def _inside(found: Found, owner: Found) -> bool:
    if found.file is not owner.file:
        return False
    line = found.line
    return any(first_line(one) <= line <= (getattr(one, "end_lineno", 0) or 0) for one in owner.nodes)


def process_module(explorer: Explorer, unit: Unit, value: types.ModuleType) -> None:
    """Reach a whole module with all that it holds."""
    file = explorer.file(value.__name__)
    path = getattr(value, "__path__", None)
    if path is not None and any(pkgutil.iter_modules(path)):
        what = f"the package `{value.__name__}` is used as a whole, and has modules in it"
        explorer.walk.doubt(unit, what, "name the attribute that is meant: package.module.attribute")
    if file is None:
        unit.extra.append(b"unknown")
        what = f"the source of the module `{value.__name__}` is not available"
        explorer.walk.doubt(unit, what, "keep modules of the project as Python files")
        return
    unit.found = file.module
    scope = Scope(vars(value), {}, decorator=True, soft=True)
    explorer.resolver.names(file.module.names, unit, Scope(vars(value), {}, soft=True))
    bound = {name for name in file.imports if name in vars(value)}
    bound |= {name for name, one in vars(value).items() if not isinstance(one, types.ModuleType)}
    for name in sorted(bound):
        if not (name.startswith("__") and name.endswith("__")):
            inner = vars(value)[name]
            link = explorer.resolver.follow(inner, Reference(name, soft=True), unit, scope, value.__name__)
            unit.links[f"holds {name}"] = link

"""How a function is reached: its code, its decorators, its defaults, what its closure holds."""

from __future__ import annotations

import ast
import types
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from soroi.declare.behaviour_names import chain_of, names_of_annotations
from soroi.declare.behaviour_reach import MISSING, Scope, Unit
from soroi.declare.behaviour_source import Found, find_function
from soroi.declare.behaviour_value import UnencodableError, shown
from soroi.declare.normal_form import reads_annotations

if TYPE_CHECKING:
    from soroi.declare.behaviour_explorer import Explorer


def process_function(explorer: Explorer, unit: Unit, function: types.FunctionType) -> None:
    """Reach all that a function consists of."""
    scope = function_scope(function)
    ours = explorer.walk.in_project(unit.module)
    found = find_function(function.__code__, unit.module) if ours else None
    if isinstance(found, Found):
        unit.found = found
        node = found.nodes[0]
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            _decorators(explorer, unit, node, scope)
        explorer.resolver.names(found.names, unit, scope)
    elif found is not None:
        unit.extra.append(b"unknown")
        hint = "load the project again; write the function with def in a file of the project"
        line = function.__code__.co_firstlineno
        explorer.walk.doubt(unit, f"`{unit.name}` cannot be read: {found}", hint, line)
    else:
        unit.extra.append(f"{unit.module}.{function.__qualname__}".encode())
        explorer.library(unit.module, None)
    _registry(explorer, unit, function)
    closure_links(explorer, unit, function, lenient=_is_decorated(explorer, function) and not ours)
    default_units(explorer, unit, function)


def function_scope(function: types.FunctionType) -> Scope:
    """Where the names of a function are looked up."""
    return Scope(function.__globals__, dict(cells_of(function)))


def cells_of(function: types.FunctionType) -> Iterator[tuple[str, Any]]:
    """Names and contents of a closure; an empty cell holds :data:`MISSING`."""
    for name, cell in zip(function.__code__.co_freevars, function.__closure__ or (), strict=True):
        try:
            yield name, cell.cell_contents
        except ValueError:
            yield name, MISSING


def _decorators(explorer: Explorer, unit: Unit, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: Scope) -> None:
    assert unit.found is not None
    counting = [one for one in node.decorator_list if not is_declaring(explorer, one, scope)]
    unit.decorators = tuple(unit.found.part(one) for one in counting)
    unit.annotated = reads_annotations(counting)
    local = "." in unit.name  # in the body of a class or function, whose names cannot be looked up afterwards
    for one in unit.decorators:
        explorer.resolver.names(one.names, unit, Scope(scope.globals, scope.cells, decorator=True, soft=local))
    if unit.annotated:
        explorer.resolver.names(names_of_annotations(node), unit, Scope(scope.globals, scope.cells, soft=True))


def is_declaring(explorer: Explorer, decorator: ast.expr, scope: Scope) -> bool:
    """Whether a decorator is one of soroi's own, which leave the function as it is."""
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    chain = chain_of(inner)
    if chain is None:
        return False
    value, _ = explorer.resolver.lookup(chain[0], scope)
    for name in chain[1:]:
        value = getattr(value, name, MISSING) if isinstance(value, types.ModuleType) else MISSING
    module = value.__name__ if isinstance(value, types.ModuleType) else getattr(value, "__module__", None)
    top = str(module).partition(".")[0]
    return top == "soroi" and callable(value) and not explorer.walk.in_project(str(module))


def _is_decorated(explorer: Explorer, wrapper: Any) -> bool:
    """Whether what a foreign wrapper wraps was decorated where it is defined: then the decorator is seen there."""
    inner = getattr(wrapper, "__wrapped__", None)
    if not isinstance(inner, types.FunctionType):
        return False
    module = str(inner.__globals__.get("__name__", "?"))
    found = find_function(inner.__code__, module) if explorer.walk.in_project(module) else None
    if not isinstance(found, Found) or not getattr(found.nodes[0], "decorator_list", ()):
        return False
    name = inner.__qualname__
    if "." in name:
        return "<locals>" not in name
    outer: Any = inner.__globals__.get(name)
    while outer is not None and outer is not wrapper:
        outer = getattr(outer, "__wrapped__", None)
    return outer is wrapper and found.file.imports.get(name) == [None]


def _registry(explorer: Explorer, unit: Unit, function: types.FunctionType) -> None:
    registry = getattr(function, "registry", None)
    if not isinstance(registry, types.MappingProxyType):
        return
    via = f"registered with `{unit.name}`"
    for kind, handler in sorted(registry.items(), key=lambda one: f"{one[0].__module__}.{one[0].__qualname__}"):
        unit.links[f"for {kind.__module__}.{kind.__qualname__}"] = str(explorer.link(handler, via))


def closure_links(explorer: Explorer, unit: Unit, function: types.FunctionType, *, lenient: bool = False) -> None:
    """Reach what a closure holds.

    Args:
        explorer: The walk.
        unit: The function's unit.
        function: The function.
        lenient: Whether a value without an encoding is passed over, since it is seen elsewhere.
    """
    via = f"held by `{unit.name}`"
    for name, value in cells_of(function):
        if isinstance(getattr(function, "registry", None), types.MappingProxyType) and name != "func":
            continue
        if value is MISSING:
            unit.links[f"closure {name}"] = "empty"
            continue
        link = explorer.link(value, via) if not isinstance(value, types.ModuleType) else "module"
        if link is None and lenient:
            try:
                explorer.encoder(via).encode(value)
            except UnencodableError:
                continue
        if link is None:
            link = explorer.constant(None, name, value, unit, via, None)
        unit.links[f"closure {name}"] = link
    inner = getattr(function, "__wrapped__", None)
    if inner is not None:
        link = explorer.link(inner, f"wrapped by `{unit.name}`")
        unit.links["wraps"] = link or "?"


def default_units(explorer: Explorer, unit: Unit, function: types.FunctionType) -> None:
    """Reach the values of the defaults."""
    code = function.__code__
    positional = code.co_varnames[: code.co_argcount]
    given = function.__defaults__ or ()
    values = dict(zip(positional[len(positional) - len(given) :], given, strict=True))
    values |= function.__kwdefaults__ or {}
    for name, value in values.items():
        key = f"default {unit.key}({name})"
        label = f"default of {name} of {unit.label}"
        via = f"default of `{unit.name}`"
        made = explorer.walk.units[key] = Unit(key, "default", label, via, name, unit.module)
        explorer.value(made, value, unit, code.co_firstlineno)
        made.source = shown(name, value)

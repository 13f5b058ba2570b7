"""Names in the text of a module: where they are bound, and what the imported ones stand for."""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

Function = ast.FunctionDef | ast.AsyncFunctionDef
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef
Comprehension = ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp


@dataclass(frozen=True, eq=False)
class ModuleText:
    """A loaded module and its text."""

    name: str
    """Dotted name."""

    label: str
    """Its file, for messages."""

    tree: ast.Module
    """Its text, parsed."""

    is_package: bool
    """Whether it is a package, whose relative imports begin at itself."""

    values: Mapping[str, Any]
    """Its names as they are after loading."""

    @cached_property
    def nodes(self) -> tuple[ast.AST, ...]:
        """Its definitions, imports and calls, wherever they stand in it."""
        found = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Import, ast.ImportFrom, ast.Call)
        return tuple(one for one in self.everything if isinstance(one, found))

    @cached_property
    def everything(self) -> tuple[ast.AST, ...]:
        """All nodes of its tree."""
        return tuple(ast.walk(self.tree))

    @cached_property
    def times(self) -> Counter[str]:
        """How often each name is bound at the top, imports counted as well."""
        return Counter([*bindings(self.tree.body), *imported_names(self.tree.body)])

    @cached_property
    def settled(self) -> frozenset[str]:
        """Names bound once, in a statement that runs once: while the module runs they are what they are afterwards."""
        named: set[str] = set()
        for one in self.tree.body:
            if isinstance(one, ast.Assign | ast.AnnAssign | Definition):
                named.update(bindings([one]))
        return frozenset(name for name in named if self.times[name] == 1)

    @cached_property
    def definitions(self) -> Mapping[str, Definition]:
        """The functions and classes at the top whose names stand for nothing else."""
        body = (one for one in self.tree.body if isinstance(one, Definition))
        return {one.name: one for one in body if self.times[one.name] == 1}


@dataclass
class Scope:
    """What names mean where an expression stands."""

    module: ModuleText
    local: set[str] = field(default_factory=set)
    imports: dict[str, str] = field(default_factory=dict)
    nested: set[str] = field(default_factory=set)
    """Names bound further in than at the top of the module."""

    body: tuple[ast.stmt, ...] = ()
    """The body of the function, when it is one."""

    given: frozenset[str] = frozenset()
    """The arguments of the function, and of those around it."""

    own: str | None = None
    """The first argument of the method, when it is one: the object itself."""

    def inner(self, names: Iterable[str], imports: Mapping[str, str] | None = None) -> Scope:
        """The scope of something within this one."""
        bound = set(names)
        kept = {name: full for name, full in self.imports.items() if name not in bound}
        found = {**kept, **(imports or {})}
        nested = self.nested | bound | set(imports or {})
        return Scope(self.module, self.local | bound, found, nested, self.body, self.given)


def module_scope(text: ModuleText) -> Scope:
    """The scope of the top of a module. A name that is bound in several ways is known, and stands for nothing."""
    imports = imports_of(text.tree.body, text)
    return Scope(text, set(bindings(text.tree.body)) | {name for name in text.times if name not in imports}, imports)


def same_level(body: Iterable[ast.stmt]) -> Iterable[ast.stmt]:
    """The statements of a body, with those of branches and loops, and without those of functions and classes."""
    waiting = [*body][::-1]
    while waiting:
        one = waiting.pop()
        yield one
        if not isinstance(one, Definition):
            inner = [part for part in ast.iter_child_nodes(one) if isinstance(part, ast.stmt)]
            handlers = [part for part in ast.iter_child_nodes(one) if isinstance(part, ast.ExceptHandler)]
            waiting += [*inner, *(part for handler in handlers for part in handler.body)][::-1]


def own_parts(statement: ast.stmt) -> Iterable[ast.expr]:
    """The expressions that a statement itself is made of, without those of the statements within it."""
    for one in ast.iter_child_nodes(statement):
        if isinstance(one, ast.expr):
            yield one
        elif isinstance(one, ast.arguments):
            yield from [*one.defaults, *(part for part in one.kw_defaults if part is not None)]
        elif isinstance(one, ast.keyword):
            yield one.value
        elif isinstance(one, ast.ExceptHandler) and one.type is not None:
            yield one.type


def imports_of(body: Iterable[ast.stmt], text: ModuleText) -> dict[str, str]:
    """The full names behind imported names; those that are bound in several ways are left out."""
    found: dict[str, str] = {}
    unclear = set(bindings(body := list(body)))
    for one in same_level(body):
        for name, full in _imported(one, text):
            if found.setdefault(name, full) != full:
                unclear.add(name)
    return {name: full for name, full in found.items() if name not in unclear}


def imported_names(body: Iterable[ast.stmt]) -> Iterable[str]:
    """Each name each time that an import binds it."""
    for one in same_level(body):
        if isinstance(one, ast.Import | ast.ImportFrom):
            yield from (name.asname or name.name.partition(".")[0] for name in one.names)


def _imported(node: ast.stmt, text: ModuleText) -> Iterable[tuple[str, str]]:
    if isinstance(node, ast.Import):
        for name in node.names:
            top = name.name.partition(".")[0]
            yield (name.asname, name.name) if name.asname else (top, top)
    elif isinstance(node, ast.ImportFrom):
        base = absolute(node, text)
        yield from ((name.asname or name.name, f"{base}.{name.name}") for name in node.names)


def absolute(node: ast.ImportFrom, text: ModuleText) -> str:
    """Full name of the module from which something is imported."""
    if not node.level:
        return node.module or ""
    parts = text.name.split(".")
    up = node.level - 1 if text.is_package else node.level
    kept = parts[: len(parts) - up] if up else parts
    return ".".join([*kept, *([node.module] if node.module else [])])


def bindings(body: Iterable[ast.stmt]) -> Iterable[str]:
    """Each name each time that statements bind it, imports aside."""
    for one in same_level(body):
        if isinstance(one, Definition):
            yield one.name
        elif isinstance(one, ast.Assign):
            yield from (name for target in one.targets for name in stored(target))
        elif isinstance(one, ast.AnnAssign | ast.AugAssign | ast.For):
            yield from stored(one.target)
        elif isinstance(one, ast.Try):
            yield from (handler.name for handler in one.handlers if handler.name)
        for expression in own_parts(one):
            yield from (part.target.id for part in ast.walk(expression) if isinstance(part, ast.NamedExpr))


def stored(target: ast.expr) -> set[str]:
    """The names that a target binds."""
    found = (one for one in ast.walk(target) if isinstance(one, ast.Name))
    return {one.id for one in found if isinstance(one.ctx, ast.Store)}


def root_of(node: ast.expr) -> ast.expr:
    """What a chain of attributes and items begins with."""
    while isinstance(node, ast.Attribute | ast.Subscript):
        node = node.value
    return node


def arguments_of(node: Function | ast.Lambda) -> set[str]:
    """Names of the arguments of a function."""
    given = node.args
    found = [*given.posonlyargs, *given.args, *given.kwonlyargs, given.vararg, given.kwarg]
    return {one.arg for one in found if one is not None}


def bound_in(node: Comprehension) -> set[str]:
    """The names that a comprehension binds for itself."""
    return {name for one in node.generators for name in stored(one.target)}

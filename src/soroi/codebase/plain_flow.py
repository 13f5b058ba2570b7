"""Which names may stand for code or for objects, and which for plain data only, while a project is loaded.

The text of an object may hold its address, and a method of it may do anything; those of data are always the same.
Names are taken together over all modules, whatever their scope: that errs on the side of code.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from soroi.codebase.plain_names import CONSTANTS, DATA_CALLS

_TELLS = frozenset(
    {"len", "isinstance", "issubclass", "bool", "int", "float", "complex", "str", "ord", "chr", "abs", "round", "pow",
     "divmod", "any", "all", "range", "bytes"}
)  # fmt: skip
_GATHERS = frozenset({"sorted", "list", "tuple", "dict", "min", "max", "sum", "set", "frozenset"})
_PASSES = frozenset({"zip", "enumerate", "reversed", "slice"})
_NAMES = frozenset({"__name__", "__doc__", "__qualname__", "__module__"})

Names = Callable[[ast.expr], str | None]
"""The full name behind an expression, when it was imported from outside the project."""

Defined = Callable[[ast.expr], str | None]
"""The name of the function of the project that an expression is, where its results are collected."""


@dataclass
class Flow:
    """What flows into which name."""

    opaque: set[str] = field(default_factory=set)
    """Names that may stand for code or objects."""

    shared: set[str] = field(default_factory=set)
    """Names of containers into which something is put: what they hold, whatever else they are called holds."""

    flows: list[tuple[frozenset[str], ast.expr, bool, Where]] = field(default_factory=list)
    """Names, what is given to them, and whether they are given its items one by one."""

    def give(self, names: Iterable[str], value: ast.expr, where: Where, *, items: bool = False) -> None:
        """Note that names are given a value."""
        self.flows.append((frozenset(names), value, items, where))

    def settle(self) -> None:
        """Follow what was given until nothing new comes of it."""
        waiting = self.flows
        while True:
            later = []
            moved = False
            for one in waiting:
                names, value, items, where = one
                if names <= self.opaque and not names & self.shared:
                    continue
                if names & self.shared & self.opaque:
                    behind = {part.id for part in ast.walk(value) if isinstance(part, ast.Name)}
                    moved = moved or not behind <= self.opaque
                    self.opaque |= names | behind
                    continue
                if self.items_are_opaque(value, where) if items else self.is_opaque(value, where):
                    self.opaque |= names
                    moved = True
                else:
                    later.append(one)
            if not moved:
                return
            waiting = later

    def is_opaque(self, node: ast.expr, where: Where) -> bool:
        """Whether a value may be, or hold, code or an object."""
        match node:
            case ast.Constant() | ast.JoinedStr() | ast.Compare():
                return False
            case ast.Name():
                foreign = where.foreign(node)
                if foreign is not None:
                    return foreign not in CONSTANTS and not foreign.startswith("math.")
                return node.id in self.opaque and not where.is_data(node)
            case ast.Attribute():
                if where.foreign(node) in CONSTANTS or node.attr in _NAMES:
                    return False
                ours = where.ours(node)
                return not where.is_data(node) and (
                    ours in self.opaque if ours is not None else self.is_opaque(node.value, where)
                )
            case ast.Call():
                return self._call(node, where)
            case ast.ListComp() | ast.SetComp():
                return self.is_opaque(node.elt, where)
            case ast.DictComp():
                return self.is_opaque(node.key, where) or self.is_opaque(node.value, where)
            case ast.Lambda() | ast.GeneratorExp():
                return True
            case ast.Subscript():
                return self.is_opaque(node.value, where)
        return any(self.is_opaque(one, where) for one in ast.iter_child_nodes(node) if isinstance(one, ast.expr))

    def items_are_opaque(self, node: ast.expr, where: Where) -> bool:
        """Whether what one goes through may hold code or objects."""
        if isinstance(node, ast.GeneratorExp):
            return self.is_opaque(node.elt, where)
        if isinstance(node, ast.Call):
            passes = isinstance(node.func, ast.Name) and node.func.id in _PASSES
            if passes or str(where.foreign(node.func)).startswith("itertools."):
                return any(self.items_are_opaque(one, where) for one in node.args)
        return self.is_opaque(node, where)

    def _call(self, node: ast.Call, where: Where) -> bool:
        given = [*node.args, *(word.value for word in node.keywords)]
        foreign = where.foreign(node.func)
        if foreign is not None:
            return foreign not in DATA_CALLS or any(self.is_opaque(one, where) for one in given)
        result = where.result(node.func)
        if result is not None:
            return result in self.opaque
        if isinstance(node.func, ast.Name):
            if node.func.id in _TELLS:
                return False
            return node.func.id not in _GATHERS or any(self.items_are_opaque(one, where) for one in given)
        if isinstance(node.func, ast.Attribute):
            return any(self.is_opaque(one, where) for one in [node.func.value, *given])
        return True


@dataclass(frozen=True)
class Where:
    """What an expression means at its place."""

    foreign: Names
    """The full name behind an expression from outside the project."""

    result: Defined
    """The name under which the results of a function of the project are collected."""

    is_data: Callable[[ast.expr], bool]
    """Whether an expression stands for a value that is known after loading, and is plain data."""

    ours: Defined
    """The name in a module of the project that an expression stands for, when it is written with the module's."""


__all__ = ["Flow", "Where"]

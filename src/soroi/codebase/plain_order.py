"""Whether sets come up while a project is loaded: going through one gives another order in another process."""

from __future__ import annotations

import ast
from collections.abc import Iterable

from soroi.codebase.plain_names import SETS
from soroi.codebase.plain_scope import Comprehension, Definition, Function, own_parts, same_level

_TAKES = frozenset({"sorted", "list", "tuple", "dict", "len", "enumerate", "zip", "max", "min", "sum", "any", "all"})
_VIEWS = frozenset({"keys", "items"})


def makes_sets(parts: Iterable[ast.AST]) -> bool:
    """Whether some code makes sets, or keeps views of keys, whose differences are sets."""
    taken: set[int] = set()
    views: list[ast.Call] = []
    for part in parts:
        for one in ast.walk(part):
            if isinstance(one, ast.Set | ast.SetComp) or (isinstance(one, ast.Name) and one.id in SETS):
                return True
            if isinstance(one, Comprehension):
                taken.update(id(made.iter) for made in one.generators)
            elif isinstance(one, ast.For):
                taken.add(id(one.iter))
            elif isinstance(one, ast.Call):
                if isinstance(one.func, ast.Name) and one.func.id in _TAKES:
                    taken.update(id(given) for given in one.args)
                if isinstance(one.func, ast.Attribute) and one.func.attr in _VIEWS:
                    views.append(one)
    return any(id(one) not in taken for one in views)


def run_at_once(body: Iterable[ast.stmt]) -> Iterable[ast.AST]:
    """What runs when a module is loaded: all but the bodies of functions."""
    for one in same_level(body):
        if isinstance(one, Function):
            yield from [*one.decorator_list, *own_parts(one)]
        elif isinstance(one, ast.ClassDef):
            yield from own_parts(one)
            yield from run_at_once(one.body)
        elif isinstance(one, ast.For):
            yield ast.For(one.target, one.iter, [], [])
        else:
            yield from own_parts(one)


__all__ = ["Definition", "makes_sets", "run_at_once"]

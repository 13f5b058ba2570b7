"""The behaviour of a declared function: everything that decides what it does, as digested components.

Comments, formatting, docstrings and annotations do not count. What the function reaches in the project does:
helpers, classes, constants, closures, decorators, defaults, imports in its body; and the locked versions of the
libraries that all this uses. Values are taken as they are now. What cannot be found out is named as unknown and
never passed over: stale when in doubt.
"""

from __future__ import annotations

import importlib
import sys
import types
from collections.abc import Callable
from typing import Any

from soroi.declare.behaviour_component import FORMAT, Behaviour, Component, ComponentKind
from soroi.declare.behaviour_difference import difference
from soroi.declare.behaviour_explorer import Explorer
from soroi.declare.behaviour_reach import Unit, Walk

__all__ = ["FORMAT", "Behaviour", "Component", "ComponentKind", "difference", "function_behaviour"]


DEPTH = 20_000
"""How deeply source code may be nested; a chain of calls is nested as deeply as it is long."""


def function_behaviour(
    function: Callable[..., Any],
    *,
    in_project: Callable[[str], bool],
    libraries: Callable[[str], str | None],
    load: Callable[[str], types.ModuleType] = importlib.import_module,
) -> Behaviour:
    """Find out what decides what a function does.

    Args:
        function: A function, method, lambda, partial, class or other callable.
        in_project: Whether a module (by its full name) belongs to the project, so that its code is looked at.
        libraries: The locked version behind a top-level module that is neither of the project nor of the standard
            library; ``None`` when it is not known.
        load: Gives a module of the project that is not in ``sys.modules``, because it is imported only inside
            functions. What it raises is a reason for being unknown.

    Returns:
        The components by key, and what could not be found out.
    """
    walk = Walk(in_project, libraries, load)
    explorer = Explorer(walk)
    if isinstance(function, types.FunctionType):
        explorer.function(function, None, "code")
    else:
        _other_callable(explorer, function)
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(max(limit, DEPTH))
    try:
        walk.run()
        return walk.behaviour()
    finally:
        sys.setrecursionlimit(limit)


def _other_callable(explorer: Explorer, function: Callable[..., Any]) -> None:
    name = str(getattr(function, "__name__", type(function).__name__))
    unit = Unit("callable", "code", name, None, name, str(getattr(function, "__module__", "") or ""))
    explorer.walk.units[unit.key] = unit
    explorer.value(unit, function, unit, None)

"""What of libraries is plain: told by full names, and by what is behind them."""

from __future__ import annotations

import functools
import sys
import types
from typing import Any

from soroi.codebase.plain_names import CONSTANTS, POLARS, SELECTORS

_CODE = (type, types.FunctionType, types.BuiltinFunctionType)
_OWN_VALUES = ("soroi.declare.", "soroi.rules.", "soroi.frames.")


def _object(full: str) -> Any:
    """What a full name stands for among the loaded modules; ``None`` when it is not loaded."""
    parts = full.split(".")
    for end in range(len(parts), 0, -1):
        module = sys.modules.get(".".join(parts[:end]))
        if module is not None:
            value: Any = module
            for name in parts[end:]:
                value = getattr(value, name, None)
            return value
    return None


@functools.cache
def is_declaring(full: str) -> bool:
    """Whether a name is one that soroi offers for declaring, which does nothing but declare."""
    top, _, name = full.partition(".")
    if top != "soroi" or name in ("", "open", "Project"):
        return False
    soroi = sys.modules["soroi"]
    module, _, last = full.rpartition(".")
    offered = name in soroi.__all__ or (module, last) in soroi._WHERE.values()
    found = _object(full)
    return offered and str(getattr(found, "__module__", "")).startswith(_OWN_VALUES)


def is_polars(full: str) -> bool:
    """Whether a name is one of Polars that makes expressions, types and small tables."""
    top, _, name = full.partition(".")
    return top == "polars" and (name in POLARS or name in SELECTORS)


def is_fixed(full: str) -> bool:
    """Whether a name from outside stands for code, or for a value that is the same everywhere."""
    if full in CONSTANTS:
        return True
    found = _object(full)
    if isinstance(found, _CODE) or type(found).__name__ in ("ufunc", "_ArrayFunctionDispatcher"):
        return True
    if type(found).__module__ == "typing":
        return True
    if full.partition(".")[0] == "math":
        return isinstance(found, float)
    return full.partition(".")[0] == "soroi" and type(found).__module__.startswith(_OWN_VALUES)

"""Conditions written as text, for ``soroi.toml``: ``approved_by("owner", n=2) & not_during("freeze")``.

Only the functions of this room, their arguments as literals, and ``&``, ``|``, ``~`` are understood; nothing is run.
"""

from __future__ import annotations

import ast
from collections.abc import Callable, Mapping
from typing import Any

from soroi.rules.condition import Condition, Not, passed
from soroi.rules.people import approved_by
from soroi.rules.times import during, not_during, since
from soroi.rules.traffic import traffic

_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "passed": passed,
    "approved_by": approved_by,
    "during": during,
    "not_during": not_during,
    "since": since,
    "traffic": traffic,
}
_FORM = """such as approved_by("owner", n=2) & not_during("freeze")"""


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Args:
        text: The condition; ``so.`` may stand before a name.

    Raises:
        ValueError: The text is not a condition; says what of it is not understood.
    """
    try:
        tree = ast.parse(text.strip(), mode="eval")
    except (SyntaxError, ValueError, MemoryError, RecursionError):
        raise ValueError(f"'{text}' is not a condition; write {_FORM}") from None
    return _read(tree.body, text)


def _read(node: ast.expr, text: str) -> Condition:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.BitAnd | ast.BitOr):
        left: Any = _read(node.left, text)
        right: Any = _read(node.right, text)
        joined: Condition = left & right if isinstance(node.op, ast.BitAnd) else left | right
        return joined
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        return Not(_read(node.operand, text))
    if isinstance(node, ast.Call):
        return _call(node, text)
    raise ValueError(f"`{ast.unparse(node)}` in '{text}' is not understood; write {_FORM}")


def _call(node: ast.Call, text: str) -> Condition:
    name = node.func
    if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name) and name.value.id == "so":
        name = ast.Name(name.attr)
    if not isinstance(name, ast.Name) or name.id not in _FUNCTIONS:
        known = ", ".join(_FUNCTIONS)
        raise ValueError(f"`{ast.unparse(node.func)}` in '{text}' is not a condition; known: {known}")
    try:
        values = [ast.literal_eval(one) for one in node.args]
        options = {str(one.arg): ast.literal_eval(one.value) for one in node.keywords}
        made: Condition = _FUNCTIONS[name.id](*values, **options)
    except (TypeError, ValueError) as error:
        raise ValueError(f"`{ast.unparse(node)}` is not a condition: {error}") from None
    return made

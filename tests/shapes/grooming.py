"""The same code, written otherwise."""

from __future__ import annotations

import ast
import random
from collections.abc import Mapping


class _Grooming(ast.NodeTransformer):
    """Other docstrings and annotations."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        self.generic_visit(node)
        if ast.get_docstring(node) is not None:
            node.body = node.body[1:]
        elif self._chance.random() < 0.5:
            node.body.insert(0, ast.Expr(ast.Constant(f"What {node.name} does.")))
        if node.decorator_list and not ast.unparse(node.decorator_list[0]).startswith("so."):
            return node  # a decorator may read annotations
        node.returns = None if node.returns else ast.parse("'float'", mode="eval").body
        for argument in node.args.args:
            argument.annotation = None
        return node


def groomed(texts: Mapping[str, str], chance: random.Random) -> dict[str, str]:
    """The same files, formatted otherwise: comments and blank lines, other docstrings, without annotations.

    Args:
        texts: The text of each file.
        chance: Where its choices come from.
    """
    made: dict[str, str] = {}
    for name, text in texts.items():
        tree = ast.fix_missing_locations(_Grooming(chance).visit(ast.parse(text)))
        lines: list[str] = ["# Groomed."]
        for at, line in enumerate(ast.unparse(tree).splitlines()):
            if chance.random() < 0.3:
                lines += ["", " " * chance.randint(0, 8) + f"# before {at}", ""]
            lines.append(line + (f"  # {chance.random()}" if chance.random() < 0.3 else ""))
        made[name] = "\n".join(lines) + "\n"
    return made

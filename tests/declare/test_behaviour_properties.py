"""Random programs and random edits: whatever changes an output changes the digest, and nothing else need."""

from __future__ import annotations

import ast
import random
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

HELPERS = 4
RELAXED = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])


def expression(chance: random.Random, level: int, depth: int = 0) -> str:
    """An expression over ``x``; helpers call only those after them."""
    leaves = ["x", str(chance.randint(0, 9)), f"C{chance.randint(0, 2)}", "TABLE[x % 3]", "conf.N", "LIMITS.low"]
    if depth > 3:
        return chance.choice(leaves)
    one = expression(chance, level, depth + 1)
    two = expression(chance, level, depth + 1)
    after = chance.randint(level + 1, HELPERS)
    forms = [
        *leaves,
        f"({one} {chance.choice('+-*')} {two})",
        f"({one} if {two} {chance.choice(['<', '>=', '=='])} 3 else x)",
        f"h{after}({one})",
        f"STEPS[{chance.randint(0, 1)}]({one})",
        f"Tool({one}).go({two})",
        f"closed({one})",
        f"sum(({one}) for y in range({chance.randint(1, 3)}))",
        f"(lambda x, k={chance.randint(0, 5)}: {one} + k)({two})",
        f"part({one})",
        f"kept({one})",
    ]
    return chance.choice(forms)


def program(seed: int) -> dict[str, str]:
    """Two modules with helpers, a class, closures, partials, a decorator, constants."""
    chance = random.Random(seed)
    lines = [
        "import functools",
        "import dataclasses",
        "import conf",
        "from conf import twice",
        *(
            f"def h{n}(x, d={chance.randint(0, 3)}):\n    y = {expression(chance, n)}\n    return y + d"
            for n in range(HELPERS)
        ),
        f"def h{HELPERS}(x):\n    return x * {chance.randint(1, 5)}",
        f"class Tool:\n    scale = {chance.randint(1, 5)}\n    def __init__(self, x):\n        self.x = x\n"
        f"    def go(self, x):\n        return self.x * self.scale - x",
        f"@twice\ndef kept(x):\n    return x - {chance.randint(1, 5)}",
        "def make(n):\n    def inner(x):\n        return x - n\n    return inner",
        "def power(n, x):\n    return x * n",
        "@dataclasses.dataclass(frozen=True)\nclass Limits:\n    low: int",
        f"closed = make({chance.randint(1, 5)})",
        f"part = functools.partial(power, {chance.randint(1, 5)})",
        f"LIMITS = Limits({chance.randint(1, 5)})",
        *(f"C{n} = {chance.randint(0, 5)}" for n in range(3)),
        f"TABLE = {{0: {chance.randint(0, 5)}, 1: {chance.randint(0, 5)}, 2: 3}}",
        f"STEPS = [h{HELPERS}, lambda x: x + {chance.randint(1, 5)}]",
        "def wording(x):\n    return " + expression(chance, -1),
    ]
    conf = (
        f"import functools\nN = {chance.randint(0, 5)}\ndef twice(f):\n    @functools.wraps(f)\n    def inner(x):\n"
        f"        return f(x) * {chance.randint(2, 4)}\n    return inner\n"
    )
    return {"nodes.py": "\n".join(lines) + "\n", "conf.py": conf}


def outputs(function: Any) -> list[Any]:
    found: list[Any] = []
    for x in range(-2, 6):
        try:
            found.append(function(x))
        except (RecursionError, ArithmeticError, LookupError) as error:
            found.append(type(error).__name__)
    return found


class Edit(ast.NodeTransformer):
    """Changes the one place whose number comes up."""

    def __init__(self, at: int, chance: random.Random) -> None:
        self.at, self.seen, self.chance = at, -1, chance

    def _turn(self) -> bool:
        self.seen += 1
        return self.seen == self.at

    def visit_Constant(self, node: ast.Constant) -> ast.AST:
        if isinstance(node.value, int) and self._turn():
            return ast.Constant(node.value + self.chance.randint(1, 3))
        return node

    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        if self._turn():
            node.op = self.chance.choice([ast.Add(), ast.Sub(), ast.Mult()])
        return node

    def visit_Name(self, node: ast.Name) -> ast.AST:
        helpers = [f"h{n}" for n in range(HELPERS + 1)]
        if isinstance(node.ctx, ast.Load) and node.id in helpers and self._turn():
            later = helpers[helpers.index(node.id) :]
            return ast.Name(self.chance.choice(later), ast.Load())
        if isinstance(node.ctx, ast.Load) and node.id in ("C0", "C1", "C2") and self._turn():
            return ast.Name(self.chance.choice(["C0", "C1", "C2"]), ast.Load())
        return node


def edited(files: dict[str, str], chance: random.Random) -> dict[str, str]:
    name = chance.choice(["nodes.py", "nodes.py", "nodes.py", "conf.py"])
    tree = ast.parse(files[name])
    counter = Edit(-2, chance)
    counter.visit(ast.parse(files[name]))
    changed = Edit(chance.randint(0, counter.seen), chance).visit(tree)
    return {**files, name: ast.unparse(ast.fix_missing_locations(changed))}


def groomed(files: dict[str, str], chance: random.Random) -> dict[str, str]:
    """The same program with other formatting, comments, docstrings, annotations and order of definitions."""
    tree = ast.parse(files["nodes.py"])
    helpers = [one for one in tree.body if isinstance(one, ast.FunctionDef)]
    for one in helpers:
        if chance.random() < 0.5:
            one.body.insert(0, ast.Expr(ast.Constant(f"Doc {chance.random()}")))
        if chance.random() < 0.5 and not one.decorator_list:
            one.args.args[0].annotation = ast.parse("'int | None'", mode="eval").body
            one.returns = ast.Name("int", ast.Load())
    imports, rest = tree.body[:4], [one for one in tree.body[4:] if one not in helpers]
    chance.shuffle(helpers)
    tree.body = [*imports, *helpers, *rest]
    lines: list[str] = []
    for line in ast.unparse(ast.fix_missing_locations(tree)).split("\n"):
        if chance.random() < 0.2:
            lines.append(" " * chance.randint(0, 8) + f"# {chance.random()}")
        lines.append(line + " " * chance.randint(0, 3) + ("  # why" if chance.random() < 0.2 else ""))
    return {**files, "nodes.py": "\n".join(lines) + "\n", "conf.py": "# conf\n\n\n" + files["conf.py"]}


@RELAXED
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_no_edit_that_changes_an_output_keeps_the_digest(projects: Any, seed: int, edit: int) -> None:
    files = program(seed)
    old = projects.load(projects.write(files))
    before, first = outputs(old.wording), projects.of(old.wording)
    new = projects.load(projects.write(edited(files, random.Random(edit))))
    after, second = outputs(new.wording), projects.of(new.wording)
    assert first.unknown == second.unknown == ()
    if before != after:
        assert first.digest != second.digest


@RELAXED
@given(st.integers(0, 2**32), st.integers(0, 2**32))
def test_no_reformatting_changes_the_digest(projects: Any, seed: int, edit: int) -> None:
    files = program(seed)
    old, new = projects.behaviour(files), projects.behaviour(groomed(files, random.Random(edit)))
    assert {key: one.digest for key, one in old.components.items()} == {
        key: one.digest for key, one in new.components.items()
    }


def test_the_random_edits_do_change_outputs_often_enough_to_mean_something(projects: Any) -> None:
    changed = 0
    for seed in range(40):
        files = program(seed)
        before = outputs(projects.load(projects.write(files)).wording)
        changed += before != outputs(projects.load(projects.write(edited(files, random.Random(seed)))).wording)
    assert changed >= 5, pytest.fail(f"only {changed} of 40")

"""The names that a piece of code takes from outside: free names, chains of attributes, imports in its body."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from soroi.declare.behaviour_reference import ImportReference, Names, Reference
from soroi.declare.normal_form import children, class_reads_annotations, reads_annotations

DOC_WORDS = frozenset({"__doc__", "getdoc"})
"""Names whose use makes docstrings behaviour."""

ANNOTATION_WORDS = frozenset(
    {
        "__annotations__",
        "__annotate__",
        "get_type_hints",
        "get_annotations",
        "signature",
        "getfullargspec",
        "__signature__",
    }
)
"""Names whose use makes annotations behaviour."""


def names_of(nodes: Iterable[ast.AST], *, soft: bool = False) -> Names:
    """The names that the nodes take from outside.

    Args:
        nodes: Expressions, functions, classes or a module. A function's own decorators and defaults are not
            looked at when it is given itself; give them as nodes of their own.
        soft: Whether missing names are harmless.
    """
    scanner = _Scanner(soft)
    scope = _Scope("module", None)
    for node in nodes:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            scanner.function(node, scope)
        elif isinstance(node, ast.Module):
            scanner.all(node.body, scope)
            scope.bound.clear()
        else:
            scanner.visit(node, scope)
    scope.bound.clear()
    return scanner.result()


def names_of_annotations(node: ast.FunctionDef | ast.AsyncFunctionDef) -> Names:
    """The names in the annotations of a function. All of them may be missing without harm."""
    scanner = _Scanner(soft=True)
    scope = _Scope("module", None)
    scanner.function_annotations(node, scope)
    return scanner.result()


@dataclass(eq=False)
class _Scope:
    kind: str
    parent: _Scope | None
    bound: set[str] = field(default_factory=set)
    free: set[str] = field(default_factory=set)
    outer: set[str] = field(default_factory=set)
    imports: dict[str, list[ImportReference]] = field(default_factory=dict)


def chain_of(node: ast.AST) -> tuple[str, ...] | None:
    """``a.b.c`` as its names, or ``None`` when the node is something else."""
    names: list[str] = []
    while isinstance(node, ast.Attribute):
        names.append(node.attr)
        node = node.value
    if not isinstance(node, ast.Name):
        return None
    return (node.id, *reversed(names))


_VISITS: dict[type[ast.AST], Callable[[_Scanner, Any, _Scope], None] | None] = {}


class _Scanner:
    def __init__(self, soft: bool) -> None:
        self.soft = soft
        self.loads: list[tuple[_Scope, Reference]] = []
        self.imported: list[tuple[ImportReference, ImportReference]] = []
        self.attributes: set[str] = set()
        self.words: set[str] = set()

    def all(self, nodes: Iterable[ast.AST | None], scope: _Scope) -> None:
        for node in nodes:
            if node is not None:
                self.visit(node, scope)

    def visit(self, node: ast.AST, scope: _Scope) -> None:
        kind = type(node)
        if kind not in _VISITS:
            _VISITS[kind] = getattr(_Scanner, "visit_" + kind.__name__, None)
        special = _VISITS[kind]
        if special is None:
            for one in children(node):
                self.visit(one, scope)
        else:
            special(self, node, scope)

    def load(
        self,
        chain: tuple[str, ...],
        scope: _Scope,
        line: int,
        called: bool = False,
        argument: str | None = None,
        dynamic: bool = False,
    ) -> None:
        self.attributes.update(chain[1:])
        self.words.update(chain)
        one = Reference(chain[0], chain[1:], called, argument, dynamic, self.soft, line)
        self.loads.append((scope, one))

    def visit_Name(self, node: ast.Name, scope: _Scope) -> None:  # noqa: N802
        if isinstance(node.ctx, ast.Load):
            self.load((node.id,), scope, node.lineno)
        else:
            _target_scope(scope).bound.add(node.id) if scope.kind != "comprehension" else scope.bound.add(node.id)

    def visit_Attribute(self, node: ast.Attribute, scope: _Scope) -> None:  # noqa: N802
        chain = chain_of(node)
        if chain is None:
            self.attributes.add(node.attr)
            self.words.add(node.attr)
            self.visit(node.value, scope)
        else:
            self.load(chain, scope, node.lineno)

    def visit_Constant(self, node: ast.Constant, scope: _Scope) -> None:  # noqa: N802, ARG002
        if isinstance(node.value, str) and (node.value in DOC_WORDS or node.value in ANNOTATION_WORDS):
            self.words.add(node.value)

    def visit_Call(self, node: ast.Call, scope: _Scope) -> None:  # noqa: N802
        chain = chain_of(node.func)
        if chain is None:
            self.visit(node.func, scope)
        elif chain == ("getattr",) and len(node.args) >= 2 and self._getattr(node, scope):
            self.all(node.args[2:], scope)
            return
        else:
            first = node.args[0] if node.args else None
            text = first.value if isinstance(first, ast.Constant) and isinstance(first.value, str) else None
            self.load(chain, scope, node.lineno, called=True, argument=text)
        self.all(node.args, scope)
        self.all(node.keywords, scope)

    def _getattr(self, node: ast.Call, scope: _Scope) -> bool:
        chain, name = chain_of(node.args[0]), node.args[1]
        if chain is None:
            return False
        self.load(("getattr",), scope, node.lineno)
        if isinstance(name, ast.Constant) and isinstance(name.value, str):
            self.load((*chain, name.value), scope, node.lineno)
        else:
            self.load(chain, scope, node.lineno, dynamic=True)
            self.visit(name, scope)
        return True

    def visit_AugAssign(self, node: ast.AugAssign, scope: _Scope) -> None:  # noqa: N802
        if isinstance(node.target, ast.Name):
            self.load((node.target.id,), scope, node.lineno)
        self.visit(node.target, scope)
        self.visit(node.value, scope)

    def visit_NamedExpr(self, node: ast.NamedExpr, scope: _Scope) -> None:  # noqa: N802
        _target_scope(scope).bound.add(node.target.id)
        self.visit(node.value, scope)

    def visit_AnnAssign(self, node: ast.AnnAssign, scope: _Scope) -> None:  # noqa: N802
        if scope.kind == "annotated class":
            self.annotation(node.annotation, scope)
        self.visit(node.target, scope)
        if node.value is not None:
            self.visit(node.value, scope)

    def annotation(self, node: ast.expr | None, scope: _Scope) -> None:
        if node is None:
            return
        before, self.soft = self.soft, True
        for one in ast.walk(node):
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                try:
                    parsed = ast.parse(one.value, mode="eval")
                except (SyntaxError, ValueError):
                    continue
                self.visit(parsed.body, scope)
        self.visit(node, scope)
        self.soft = before

    def visit_FunctionDef(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _Scope) -> None:  # noqa: N802
        scope.bound.add(node.name)
        self.all(node.decorator_list, scope)
        self.all([*node.args.defaults, *node.args.kw_defaults], scope)
        if reads_annotations(node.decorator_list):
            self.function_annotations(node, scope)
        self.function(node, scope)

    visit_AsyncFunctionDef = visit_FunctionDef  # noqa: N815

    def function_annotations(self, node: ast.FunctionDef | ast.AsyncFunctionDef, scope: _Scope) -> None:
        for one in ast.walk(node.args):
            if isinstance(one, ast.arg):
                self.annotation(one.annotation, scope)
        self.annotation(node.returns, scope)

    def visit_Lambda(self, node: ast.Lambda, scope: _Scope) -> None:  # noqa: N802
        self.all([*node.args.defaults, *node.args.kw_defaults], scope)
        self.function(node, scope)

    def function(self, node: ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda, scope: _Scope) -> None:
        inner = _Scope("function", scope)
        inner.bound |= {one.arg for one in ast.walk(node.args) if isinstance(one, ast.arg)}
        inner.bound |= {one.name for one in getattr(node, "type_params", ())}
        self.all(node.body if isinstance(node.body, list) else [node.body], inner)

    def visit_ClassDef(self, node: ast.ClassDef, scope: _Scope) -> None:  # noqa: N802
        scope.bound.add(node.name)
        self.all(node.decorator_list, scope)
        if getattr(node, "type_params", ()):
            scope = _Scope("function", scope, {one.name for one in node.type_params})  # type: ignore[attr-defined]
        self.all([*node.bases, *node.keywords], scope)
        inner = _Scope("annotated class" if class_reads_annotations(node) else "class", scope)
        self.all(node.body, inner)

    def visit_ListComp(  # noqa: N802
        self, node: ast.ListComp | ast.SetComp | ast.GeneratorExp | ast.DictComp, scope: _Scope
    ) -> None:
        inner = _Scope("comprehension", scope)
        self.visit(node.generators[0].iter, scope)
        for index, one in enumerate(node.generators):
            self.visit(one.target, inner)
            self.all(one.ifs, inner)
            if index:
                self.visit(one.iter, inner)
        self.all([node.key, node.value] if isinstance(node, ast.DictComp) else [node.elt], inner)

    visit_SetComp = visit_GeneratorExp = visit_DictComp = visit_ListComp  # noqa: N815

    def visit_ExceptHandler(self, node: ast.ExceptHandler, scope: _Scope) -> None:  # noqa: N802
        if node.name:
            scope.bound.add(node.name)
        self.all([node.type, *node.body], scope)

    def visit_MatchAs(self, node: ast.MatchAs | ast.MatchStar, scope: _Scope) -> None:  # noqa: N802
        if node.name:
            scope.bound.add(node.name)
        self.all(children(node), scope)

    visit_MatchStar = visit_MatchAs  # noqa: N815

    def visit_MatchMapping(self, node: ast.MatchMapping, scope: _Scope) -> None:  # noqa: N802
        if node.rest:
            scope.bound.add(node.rest)
        self.all(children(node), scope)

    def visit_Global(self, node: ast.Global, scope: _Scope) -> None:  # noqa: N802
        scope.free.update(node.names)

    def visit_Nonlocal(self, node: ast.Nonlocal, scope: _Scope) -> None:  # noqa: N802
        scope.outer.update(node.names)

    def visit_Import(self, node: ast.Import, scope: _Scope) -> None:  # noqa: N802
        for one in node.names:
            whole = one.asname is not None
            bound = one.asname or one.name.partition(".")[0]
            target = ImportReference(one.name if whole else bound, 0, None, line=node.lineno)
            self._import(scope, bound, target, ImportReference(one.name, 0, None, line=node.lineno))

    def visit_ImportFrom(self, node: ast.ImportFrom, scope: _Scope) -> None:  # noqa: N802
        for one in node.names:
            target = ImportReference(node.module or "", node.level, one.name, line=node.lineno)
            self._import(scope, one.asname or one.name, target, target)

    def _import(self, scope: _Scope, bound: str, target: ImportReference, unused: ImportReference) -> None:
        if scope.kind != "module":
            scope.imports.setdefault(bound, []).append(target)
            self.imported.append((target, unused))
        scope.bound.add(bound)

    def result(self) -> Names:
        references: dict[Reference, None] = {}
        imports: dict[ImportReference, None] = {}
        used: set[ImportReference] = set()
        for scope, one in self.loads:
            free, found = _resolve(scope, one)
            if free is not None:
                references.setdefault(free)
            for target in found:
                used.add(target)
                how = (one.attributes, one.called, one.argument, one.dynamic)
                imports.setdefault(ImportReference(target.module, target.level, target.name, *how, target.line))
        for target, unused in self.imported:
            if target not in used:
                imports.setdefault(unused)
        return Names(
            tuple(references),
            tuple(imports),
            frozenset(self.attributes),
            not DOC_WORDS.isdisjoint(self.words),
            not ANNOTATION_WORDS.isdisjoint(self.words),
        )


def _target_scope(scope: _Scope) -> _Scope:
    while scope.kind == "comprehension" and scope.parent is not None:
        scope = scope.parent
    return scope


def _resolve(scope: _Scope, one: Reference) -> tuple[Reference | None, list[ImportReference]]:
    current: _Scope | None = scope
    soft = one.soft
    imports: list[ImportReference] = []
    while current is not None:
        if one.name in current.free:
            soft = soft or one.name in current.bound
            break
        is_class = current.kind.endswith("class")
        if one.name in current.bound and one.name not in current.outer and (not is_class or current is scope):
            imports += current.imports.get(one.name, [])
            if not is_class:
                return None, imports
            soft = True
        current = current.parent
    return (
        Reference(one.name, one.attributes, one.called, one.argument, one.dynamic, soft, one.line),
        imports,
    )

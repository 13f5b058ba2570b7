"""The normal form of a syntax tree: the same bytes for the same behaviour, whatever the formatting.

Written here and not left to :func:`ast.dump`, whose output changes between minor versions of Python. Comments,
formatting, docstrings and annotations do not appear; so do not statements without effect (``pass``, a bare
constant). A node is written as its name and its fields in alphabetical order; fields that are ``None`` or empty
are left out, so that a field added by a later Python changes nothing while it is not used. All text carries its
length, so two different trees never share a form.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import Any

FORMAT = "normal-form/1"
"""Version of the form."""

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda

_SKIPPED = frozenset({"ctx", "kind", "type_comment", "type_ignores", "type_params", "returns", "annotation"})
_BODIES = frozenset({"body", "orelse", "finalbody"})
_LEAVES = frozenset({"ctx", "id", "attr", "arg", "op", "ops", "kind", "type_comment", "type_ignores"})
_CHILD_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}
_FIELDS: dict[type[ast.AST], tuple[str, ...]] = {}

HARMLESS_DECORATORS = frozenset(
    {
        "staticmethod",
        "classmethod",
        "property",
        "cached_property",
        "setter",
        "getter",
        "deleter",
        "lru_cache",
        "cache",
        "wraps",
        "contextmanager",
        "asynccontextmanager",
        "abstractmethod",
        "override",
        "final",
    }
)
"""Last names of decorators known not to read annotations."""


def normal_form(node: ast.AST, *, annotations: bool = False, docs: bool = False) -> bytes:
    """The normal form of a node and all below it.

    Args:
        node: An expression, a statement or a module.
        annotations: Whether all annotations count, and not only those that are behaviour by themselves.
        docs: Whether docstrings count.
    """
    writer = _Writer(annotations, docs)
    writer.write(node)
    return writer.bytes()


def function_form(node: FunctionNode, *, annotations: bool = False, docs: bool = False) -> bytes:
    """The normal form of a function without its decorators and without the values of its defaults.

    Args:
        node: The function.
        annotations: Whether annotations count.
        docs: Whether docstrings count.
    """
    writer = _Writer(annotations, docs)
    writer.write_function(node, annotations)
    return writer.bytes()


def last_name(decorator: ast.expr) -> str | None:
    """The last name of a decorator: ``cache`` of ``@functools.cache`` and of ``@cache(...)``."""
    inner = decorator.func if isinstance(decorator, ast.Call) else decorator
    if isinstance(inner, ast.Attribute):
        return inner.attr
    return inner.id if isinstance(inner, ast.Name) else None


def reads_annotations(decorators: Sequence[ast.expr]) -> bool:
    """Whether one of the decorators might read the annotations of what it decorates."""
    return any(last_name(one) not in HARMLESS_DECORATORS for one in decorators)


def class_reads_annotations(node: ast.ClassDef) -> bool:
    """Whether annotations in a class body may be behaviour: a dataclass, a NamedTuple, a Struct, a model…"""
    return bool(node.decorator_list or node.bases or node.keywords)


def has_effect(statement: ast.stmt) -> bool:
    """Whether a statement does anything at all."""
    if isinstance(statement, ast.Pass):
        return False
    return not (isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant))


def docstring_of(node: ast.AST) -> str | None:
    """The docstring of a function, class or module."""
    body = getattr(node, "body", None)
    if isinstance(body, list) and body and isinstance(body[0], ast.Expr):
        value = body[0].value
        if isinstance(value, ast.Constant) and isinstance(value.value, str):
            return value.value
    return None


def children(node: ast.AST) -> list[ast.AST]:
    """The nodes directly below one, in their order; like :func:`ast.iter_child_nodes`, only faster."""
    kind = type(node)
    fields = _CHILD_FIELDS.get(kind)
    if fields is None:
        fields = _CHILD_FIELDS[kind] = tuple(name for name in kind._fields if name not in _LEAVES)
    found: list[ast.AST] = []
    for name in fields:
        value = getattr(node, name, None)
        if isinstance(value, ast.AST):
            found.append(value)
        elif isinstance(value, list):
            found += [one for one in value if isinstance(one, ast.AST)]
    return found


def scope_nodes(body: Sequence[ast.AST]) -> Iterator[ast.AST]:
    """All nodes of one scope, without the insides of nested functions and classes."""
    waiting = list(body)
    while waiting:
        node = waiting.pop()
        yield node
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda | ast.ClassDef):
            waiting.extend(children(node))


def _bound_names(node: FunctionNode) -> set[str]:
    arguments = node.args
    names = {one.arg for one in [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs]}
    names |= {one.arg for one in (arguments.vararg, arguments.kwarg) if one is not None}
    body = node.body if isinstance(node.body, list) else [node.body]
    declared = {id(one.target) for one in scope_nodes(body) if isinstance(one, ast.AnnAssign) and one.value is None}
    for one in scope_nodes(body):
        if isinstance(one, ast.Name) and isinstance(one.ctx, ast.Store) and id(one) not in declared:
            names.add(one.id)
    return names


class _Writer:
    def __init__(self, annotations: bool, docs: bool) -> None:
        self.annotations = annotations
        self.docs = docs
        self.out: list[str] = [FORMAT]
        self.scopes: list[ast.AST] = []
        self.class_annotations = annotations

    def bytes(self) -> bytes:
        return "".join(self.out).encode("utf-8", "surrogatepass")

    def write(self, node: Any) -> None:
        if isinstance(node, ast.AST):
            special = _SPECIAL.get(type(node))
            if special is None:
                self._generic(node)
            else:
                special(self, node)
        elif isinstance(node, list):
            self.out.append("[")
            for one in node:
                self.write(one)
            self.out.append("]")
        else:
            self._constant(node)

    def _generic(self, node: ast.AST) -> None:
        kind = type(node)
        fields = _FIELDS.get(kind)
        if fields is None:
            fields = _FIELDS[kind] = tuple(sorted(set(kind._fields) - _SKIPPED))
        out = self.out
        out.append("(" + kind.__name__)
        for name in fields:
            value = getattr(node, name, None)
            if value is None or value == []:
                continue
            out.append("." + name + "=")
            if type(value) is str:
                out.append(f"s{len(value)}:{value}")
            elif name in _BODIES and isinstance(value, list):
                self._body(value)
            else:
                self.write(value)
        out.append(")")

    def _constant(self, value: Any) -> None:
        if value is None or value is True or value is False or value is ...:
            text = repr(value)
        elif isinstance(value, str):
            text = f"s{len(value)}:{value}"
        elif isinstance(value, bytes):
            text = f"y{len(value)}:{value.hex()}"
        elif isinstance(value, int):
            text = f"i{value:x};"
        elif isinstance(value, float):
            text = f"f{value.hex()};"
        elif isinstance(value, complex):
            text = f"c{value.real.hex()},{value.imag.hex()};"
        else:
            raise TypeError(f"a constant of type {type(value).__name__} in a syntax tree")
        self.out.append(text)

    def write_constant(self, node: ast.Constant) -> None:
        self.out.append("(Constant=")
        self._constant(node.value)
        self.out.append(")")

    def _body(self, statements: Sequence[ast.stmt]) -> None:
        self.out.append("[")
        for one in statements:
            if has_effect(one):
                self.write(one)
        self.out.append("]")

    def _doc(self, node: ast.AST) -> None:
        text = docstring_of(node) if self.docs else None
        if text is not None:
            self.out.append(".doc=")
            self._constant(text)

    def write_function(self, node: FunctionNode, annotations: bool, defaults: bool = False) -> None:
        self.out.append("(" + type(node).__name__)
        if not isinstance(node, ast.Lambda):
            self.out.append(".name=")
            self._constant(node.name)
            self._doc(node)
        outer, self.annotations = self.annotations, annotations
        self._arguments(node.args, defaults)
        if annotations and not isinstance(node, ast.Lambda) and node.returns is not None:
            self.out.append(".returns=")
            self.write(node.returns)
        self.annotations = outer
        self.scopes.append(node)
        if isinstance(node, ast.Lambda):
            self.write(node.body)
        else:
            self._body(node.body)
        self.scopes.pop()
        self.out.append(")")

    def _arguments(self, node: ast.arguments, defaults: bool) -> None:
        groups = (("posonly", node.posonlyargs), ("args", node.args), ("kwonly", node.kwonlyargs))
        for label, group in groups:
            self.out.append(f".{label}=")
            self.write(group)
        for label, one in (("vararg", node.vararg), ("kwarg", node.kwarg)):
            if one is not None:
                self.out.append(f".{label}=")
                self.write(one)
        if defaults:
            self.write(node.defaults)
            self.write(node.kw_defaults)
        else:
            given = "".join("-" if one is None else "+" for one in node.kw_defaults)
            self.out.append(f".defaults={len(node.defaults)}{given};")

    def write_arg(self, node: ast.arg) -> None:
        self._constant(node.arg)
        if self.annotations and node.annotation is not None:
            self.out.append(".annotation=")
            self.write(node.annotation)

    def write_nested_function(self, node: FunctionNode) -> None:
        decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
        self.write(decorators)
        self.write_function(node, self.annotations or reads_annotations(decorators), defaults=True)

    def write_class(self, node: ast.ClassDef) -> None:
        outer = self.class_annotations
        self.class_annotations = self.annotations or class_reads_annotations(node)
        self.out.append("(ClassDef")
        self._constant(node.name)
        self._doc(node)
        for group in (node.decorator_list, node.bases, node.keywords):
            self.write(list(group))
        if self.class_annotations:
            self.write(list(getattr(node, "type_params", [])))
        self.scopes.append(node)
        self._body(node.body)
        self.scopes.pop()
        self.class_annotations = outer
        self.out.append(")")

    def write_module(self, node: ast.Module) -> None:
        self.out.append("(Module")
        self._doc(node)
        self._body(node.body)
        self.out.append(")")

    def write_annotated(self, node: ast.AnnAssign) -> None:
        scope = self.scopes[-1] if self.scopes else None
        in_class = isinstance(scope, ast.ClassDef)
        counts = self.class_annotations if in_class else self.annotations
        if counts:
            self.out.append("(Annotated=")
            self.write(node.annotation)
            self.out.append(")")
        if node.value is not None:
            self.write(ast.Assign(targets=[node.target], value=node.value))
        elif not isinstance(node.target, ast.Name):
            self.write(ast.Expr(value=node.target))
        elif in_class or counts:
            self.write(node.target) if counts else None
        elif isinstance(scope, FunctionNode) and node.target.id not in _bound_names(scope):
            self.out.append("(Local=")
            self._constant(node.target.id)
            self.out.append(")")

    def write_import(self, node: ast.Import | ast.ImportFrom) -> None:
        for one in node.names:
            self.out.append("(Import")
            if isinstance(node, ast.ImportFrom):
                self._constant(node.level)
                self._constant(node.module)
            self._constant(one.name)
            self._constant(one.asname)
            self.out.append(")")

    def write_names(self, node: ast.Global | ast.Nonlocal) -> None:
        self.out.append("(" + type(node).__name__)
        for name in sorted(node.names):
            self._constant(name)
        self.out.append(")")

    def write_delete(self, node: ast.Delete) -> None:
        waiting: list[ast.expr] = list(reversed(node.targets))
        while waiting:
            one = waiting.pop()
            if isinstance(one, ast.Tuple | ast.List):
                waiting.extend(reversed(one.elts))
            else:
                self.out.append("(Delete")
                self.write(one)
                self.out.append(")")

    def write_joined(self, node: ast.JoinedStr) -> None:
        pieces: list[str | ast.expr] = []
        for one in node.values:
            if isinstance(one, ast.Constant) and isinstance(one.value, str):
                if pieces and isinstance(pieces[-1], str):
                    pieces[-1] += one.value
                elif one.value:
                    pieces.append(one.value)
            else:
                pieces.append(one)
        if not any(isinstance(one, ast.expr) for one in pieces):
            text = "".join(one for one in pieces if isinstance(one, str))
            self.write_constant(ast.Constant(value=text))
            return
        self.out.append("(Joined")
        for piece in pieces:
            self.write(piece)
        self.out.append(")")

    def write_formatted(self, node: ast.FormattedValue) -> None:
        self.out.append(f"(Formatted{node.conversion};")
        self.write(node.value)
        spec = node.format_spec
        if isinstance(spec, ast.JoinedStr) and spec.values:
            self.write(spec)
        self.out.append(")")


_SPECIAL: dict[type[ast.AST], Any] = {
    ast.Constant: _Writer.write_constant,
    ast.FunctionDef: _Writer.write_nested_function,
    ast.AsyncFunctionDef: _Writer.write_nested_function,
    ast.Lambda: _Writer.write_nested_function,
    ast.arg: _Writer.write_arg,
    ast.ClassDef: _Writer.write_class,
    ast.Module: _Writer.write_module,
    ast.AnnAssign: _Writer.write_annotated,
    ast.Import: _Writer.write_import,
    ast.ImportFrom: _Writer.write_import,
    ast.Global: _Writer.write_names,
    ast.Nonlocal: _Writer.write_names,
    ast.Delete: _Writer.write_delete,
    ast.JoinedStr: _Writer.write_joined,
    ast.FormattedValue: _Writer.write_formatted,
}

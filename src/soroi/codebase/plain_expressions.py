"""Whether an expression at the top level of a module follows from the text alone."""

from __future__ import annotations

import ast
import dataclasses
import datetime
import enum
import inspect
import string
import types
from collections.abc import Callable, Iterable
from importlib.machinery import ModuleSpec
from pathlib import PurePath
from typing import Any

from soroi.base.errors import SoroiError
from soroi.codebase.plain_flow import Flow, Where
from soroi.codebase.plain_library import is_declaring, is_fixed, is_polars
from soroi.codebase.plain_names import (
    BUILTINS,
    CALLS,
    CLASS_METHODS,
    EXPRESSIONS,
    ITERATORS,
    METHODS,
    NAMESPACES,
    ORDERLESS,
)
from soroi.codebase.plain_scope import (
    Comprehension,
    Definition,
    ModuleText,
    Scope,
    arguments_of,
    bound_in,
    module_scope,
    root_of,
    stored,
)

FIND = "importlib.util.find_spec"
"""Tells where a distribution is installed; what it told is compared when declarations are read."""

_PATH_PARTS = ("parent", "parents", "name", "stem", "suffix")
_SPEC_PARTS = ("origin", "submodule_search_locations", "name", "parent")
_TEXTS = ("__name__", "__doc__", "__qualname__")
_CONTAINERS = (list, dict, tuple, set, frozenset, str)
_DATA = (type(None), bool, int, float, complex, str, bytes, datetime.date, datetime.timedelta, PurePath, range)
_TABLES = ("polars.Series", "polars.DataFrame", "polars.lit")
_PARTS = (
    ast.Tuple, ast.List, ast.Set, ast.Dict, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp,
    ast.Subscript, ast.Slice, ast.Starred, ast.NamedExpr,
)  # fmt: skip
_RANKING = ("sorted", "min", "max")
_UNSET = object()


class NotPlainError(SoroiError):
    """Something at the top level of a module may depend on more than its text."""

    code = "not_plain"


def refusal(module: ModuleText, node: ast.AST, what: str) -> NotPlainError:
    """Says what is not plain, and where."""
    place = f"{module.label}:{getattr(node, 'lineno', '?')}"
    return NotPlainError(f"{what} while the project is loaded", where=place)


class ExpressionCheck:
    """Checks expressions. What has to be data is noted, and asked when all that flows is known.

    Args:
        texts: All loaded modules of the project.
        owns: Whether a module of that name belongs to the project.
    """

    def __init__(self, texts: Iterable[ModuleText], owns: Callable[[str], bool]) -> None:
        self.texts = {one.name: one for one in texts}
        self.owns = owns
        self.scopes = {name: module_scope(one) for name, one in self.texts.items()}
        self.has_sets = False
        self.looked_for: set[str] = set()
        self.flow = Flow()
        self._data: list[tuple[ast.expr, Scope, ast.AST, str, bool]] = []
        self.methods = {
            part.name
            for text in self.texts.values()
            for one in text.everything
            if isinstance(one, ast.ClassDef)
            for part in ast.walk(one)
            if isinstance(part, Definition)
        }

    # ── what flows ────────────────────────────────────────────────────────────────────────────────────────────

    def where(self, scope: Scope) -> Where:
        """What expressions mean in a scope, for :class:`Flow`."""
        return Where(
            lambda node: self.foreign(node, scope),
            lambda node: self._result(node, scope),
            lambda node: _is_data(self.held(node, scope)),
            lambda node: self._ours(node, scope),
        )

    def _ours(self, node: ast.expr, scope: Scope) -> str | None:
        full = self.dotted(node, scope)
        return full.rpartition(".")[2] if full is not None and self._is_bound(full) else None

    def _result(self, func: ast.expr, scope: Scope) -> str | None:
        found = self.defined(func, scope)
        return f"{found[0].name}:{found[1].name}" if found is not None else None

    def need_data(self, value: ast.expr, scope: Scope, node: ast.AST, what: str, *, items: bool = False) -> None:
        """Refuse later on, unless a value (or each of its items) is plain data."""
        self._data.append((value, scope, node, what, items))

    def settle(self) -> None:
        """Ask what had to be data.

        Raises:
            NotPlainError: Something may be code, or an object.
        """
        self.flow.settle()
        for value, scope, node, what, items in self._data:
            opaque = self.flow.items_are_opaque if items else self.flow.is_opaque
            if opaque(value, self.where(scope)):
                raise refusal(scope.module, node, what)

    # ── expressions ───────────────────────────────────────────────────────────────────────────────────────────

    def expression(self, node: ast.expr, scope: Scope) -> None:
        """Check an expression."""
        match node:
            case ast.Constant():
                return
            case ast.Name() | ast.Attribute():
                self._value(node, scope)
            case ast.Call():
                self.call(node, scope)
            case ast.Lambda():
                for one in [*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)]:
                    self.expression(one, scope)
            case ast.ListComp() | ast.SetComp() | ast.GeneratorExp() | ast.DictComp():
                self._comprehension(node, scope)
            case ast.JoinedStr():
                self._text(node, scope)
            case ast.Starred() if self.has_sets:
                raise refusal(scope.module, node, "values are gone through while sets, which have no order, are about")
            case _ if isinstance(node, _PARTS):
                self._parts(node, scope)
            case _:
                raise refusal(scope.module, node, f"`{short(node)}` is computed")

    def _parts(self, node: ast.expr, scope: Scope) -> None:
        if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mod) and not self._is_expr(node.left, scope):
            self.made_text(node, node.right, scope)
        if isinstance(node, ast.NamedExpr):
            self.flow.give([node.target.id], node.value, self.where(scope))
            self.expression(node.value, scope)
            return
        for part in ast.iter_child_nodes(node):
            if isinstance(part, ast.expr):
                self.expression(part, scope)

    def made_text(self, node: ast.AST, value: ast.expr, scope: Scope) -> None:
        """A value is made a text: that of an object may hold its address, that of a set has no order."""
        if self.has_sets:
            raise refusal(scope.module, node, "a text is made while sets, which have no order, are about")
        self.need_data(value, scope, node, f"`{short(value)}`, which may be more than plain data, is made a text")

    def _text(self, node: ast.JoinedStr, scope: Scope) -> None:
        for one in node.values:
            if isinstance(one, ast.FormattedValue):
                self.expression(one.value, scope)
                self.made_text(node, one.value, scope)
                if one.format_spec is not None:
                    self.expression(one.format_spec, scope)
                    _check_format(ast.unparse(one.format_spec), node, scope)

    def _comprehension(self, node: Comprehension, scope: Scope) -> None:
        inner = scope.inner(bound_in(node))
        for one in node.generators:
            self.iterated(one.target, one.iter, inner)
            for test in one.ifs:
                self.expression(test, inner)
        for part in (node.key, node.value) if isinstance(node, ast.DictComp) else (node.elt,):
            self.expression(part, inner)

    def iterated(self, target: ast.expr, node: ast.expr, scope: Scope) -> None:
        """Check what is gone through."""
        if self.has_sets:
            raise refusal(scope.module, node, "it goes through values while sets, which have no order, are about")
        self.expression(node, scope)
        self.flow.give(stored(target), node, self.where(scope), items=True)

    def _value(self, node: ast.Name | ast.Attribute, scope: Scope) -> None:
        full = self.dotted(node, scope)
        if full is not None and not self.owns(full):
            if not is_fixed(full):
                raise refusal(scope.module, node, f"the value of `{full}` is read")
            return
        if full is not None and full in self.texts:
            raise refusal(scope.module, node, f"the module `{full}` is used as a value")
        if isinstance(node, ast.Name):
            if not (full is not None and self._is_bound(full)) and not self._known(node.id, scope):
                raise refusal(scope.module, node, f"`{node.id}` is used")
            return
        if self.held(node, scope) is not _UNSET or (full is not None and self._is_bound(full)):
            return
        self._attribute(node, scope)

    def _attribute(self, node: ast.Attribute, scope: Scope) -> None:
        told = node.attr in _TEXTS and isinstance(node.value, ast.Name)
        if told or (node.attr in _SPEC_PARTS and self._is_spec(node.value, scope)):
            self.expression(node.value, scope)
        elif node.attr in _PATH_PARTS:
            self.expression(node.value, scope)
            self.need_data(node.value, scope, node, f"`{short(node)}` is read")
        elif not (_is_own(node.value, scope) and node.attr not in self.methods and not node.attr.startswith("__")):
            raise refusal(scope.module, node, f"`{short(node)}` is read")

    def _is_spec(self, node: ast.expr, scope: Scope) -> bool:
        """Whether something is what was told of the place of a distribution."""
        made = _only_value(node, scope) or node
        return isinstance(made, ast.Call) and self.foreign(made.func, scope) == FIND

    def _known(self, name: str, scope: Scope) -> bool:
        return name in scope.local or name in BUILTINS or name in ("__file__", "__name__")

    def _is_bound(self, full: str) -> bool:
        """Whether a name of the project is one that its module binds itself."""
        module, _, name = full.rpartition(".")
        return module in self.texts and name in self.texts[module].times

    # ── calls ─────────────────────────────────────────────────────────────────────────────────────────────────

    def call(self, node: ast.Call, scope: Scope) -> None:
        """Check a call: what is given, and what is called."""
        foreign = self.foreign(node.func, scope)
        for word in node.keywords:
            if word.arg in ("key", "default_factory") and not (foreign is not None and is_declaring(foreign)):
                self._called_back(word.value, node, scope)
        for one in [*node.args, *(word.value for word in node.keywords)]:
            self.expression(one, scope)
            if self.has_sets and foreign is not None and is_declaring(foreign):
                self._ordered(one, scope)
        if foreign == FIND:
            self._find(node, scope)
        elif isinstance(node.func, ast.Name) and node.func.id == "str" and "str" not in scope.local:
            for one in node.args:
                self.made_text(node, one, scope)
        elif isinstance(node.func, ast.Attribute) and node.func.attr in ("format", "format_map") and foreign is None:
            for one in [*node.args, *(word.value for word in node.keywords)]:
                self.made_text(node, one, scope)
        elif foreign is not None and (foreign in _TABLES or foreign.startswith(("numpy.", "datetime."))):
            for one in [*node.args, *(word.value for word in node.keywords)]:
                self.need_data(one, scope, node, f"`{short(one)}`, which may be more than plain data, is computed with")
        self.callee(node.func, scope, node)

    def _find(self, node: ast.Call, scope: Scope) -> None:
        given = node.args[0] if len(node.args) == 1 and not node.keywords else None
        name = given.value if isinstance(given, ast.Constant) else None
        if not isinstance(name, str) or name.startswith("."):
            raise refusal(scope.module, node, f"`{FIND}` is called with a name known only when it runs")
        self.looked_for.add(name)

    def _called_back(self, func: ast.expr, node: ast.Call, scope: Scope) -> None:
        if self.has_sets:
            raise refusal(scope.module, func, "values are put in order while sets, which have none, are about")
        if isinstance(func, ast.Lambda):
            names = arguments_of(func)
            for one in node.args:
                self.flow.give(names, one, self.where(scope), items=True)
            self.expression(func.body, scope.inner(names))
        elif isinstance(func, ast.Name) and func.id in BUILTINS and func.id not in scope.local:
            for one in node.args:
                self.need_data(one, scope, func, f"`{func.id}` is called", items=True)
        elif not isinstance(func, ast.Constant):
            self.callee(func, scope, node)

    def _ordered(self, node: ast.expr, scope: Scope) -> None:
        """What is given to a declaration may hold no set."""
        if isinstance(node, ast.Tuple | ast.List):
            for one in node.elts:
                self._ordered(one, scope)
            return
        if isinstance(node, ast.Compare):  # of a metric with a number
            return
        if isinstance(node, ast.Call):
            foreign = self.foreign(node.func, scope)
            if foreign is not None and (is_declaring(foreign) or foreign in CALLS & ORDERLESS):
                return
        foreign = self.foreign(node, scope)
        if isinstance(node, ast.Constant | ast.Lambda) or (foreign is not None and is_fixed(foreign)):
            return
        if _has_no_set(self.held(node, scope)):
            return
        raise refusal(scope.module, node, f"`{short(node)}` is declared while sets, which have no order, are about")

    def callee(self, func: ast.expr, scope: Scope, node: ast.Call | None = None) -> None:
        """Check what is called.

        Args:
            func: What is called.
            scope: What names mean there.
            node: The call; ``None``: it is called with a function or class, as a decorator.
        """
        foreign = self.foreign(func, scope)
        if foreign is not None:
            self._foreign_callee(foreign, func, scope)
            return
        found = self.defined(func, scope)
        if found is not None:
            self.called_definition(*found, func, scope, node)
        elif isinstance(func, ast.Name) and func.id not in scope.local and func.id in BUILTINS:
            bare = func.id in _RANKING and not all(self._is_ranked(one, scope) for one in (node.args if node else ()))
            if self.has_sets and (func.id not in ORDERLESS or bare):
                raise refusal(scope.module, func, f"`{func.id}` is called while sets, which have no order, are about")
        elif not (isinstance(func, ast.Attribute) and self._method(func, scope)):
            raise refusal(scope.module, func, f"`{short(func)}` is called")

    def _is_ranked(self, node: ast.expr, scope: Scope) -> bool:
        """Whether the members of a value have one order: all are texts, or all are numbers."""
        held = self.held(node, scope)
        if isinstance(node, ast.Set | ast.List | ast.Tuple):
            held = [one.value if isinstance(one, ast.Constant) else _UNSET for one in node.elts]
        if type(held) not in (set, frozenset, list, tuple):
            return False
        return any(all(type(one) in kinds for one in held) for kinds in ((str,), (int, bool)))

    def called_definition(
        self, module: ModuleText, found: Definition, func: ast.expr, scope: Scope, node: ast.Call | None
    ) -> None:
        """Check a function or class of the project that is called."""
        raise NotImplementedError

    def _foreign_callee(self, foreign: str, func: ast.expr, scope: Scope) -> None:
        if foreign == FIND and not self.has_sets:
            return
        allowed = CALLS & ORDERLESS if self.has_sets else CALLS
        if foreign in allowed or is_declaring(foreign) or (is_polars(foreign) and not self.has_sets):
            return
        raise refusal(scope.module, func, f"`{foreign}` is called")

    def _method(self, func: ast.Attribute, scope: Scope) -> bool:
        """Whether a method is one that looks at nothing but the value it belongs to."""
        owner = func.value
        if func.attr in EXPRESSIONS and self._is_expr(owner, scope):
            inner = owner.value if isinstance(owner, ast.Attribute) and owner.attr in NAMESPACES else owner
            self.expression(inner if self._is_expr(inner, scope) else owner, scope)
            return True
        if isinstance(owner, ast.Name) and owner.id not in scope.local and (owner.id, func.attr) in CLASS_METHODS:
            return not self.has_sets
        if func.attr in ("resolve", "absolute"):
            return self._is_here(owner, scope)
        if func.attr not in METHODS or (self.has_sets and func.attr in ITERATORS):
            return False
        self.expression(owner, scope)
        if func.attr in ("format", "format_map"):
            self._template(owner, scope)
        if not self.is_container(owner, scope):
            self.need_data(owner, scope, func, f"`{short(func)}` is called")
        return True

    def _template(self, node: ast.expr, scope: Scope) -> None:
        text = node.value if isinstance(node, ast.Constant) else self.held(node, scope)
        if not isinstance(text, str):
            raise refusal(scope.module, node, "a text known only when it runs is used as a template")
        _check_format(text, node, scope)
        try:
            names = [name for _, name, _, _ in string.Formatter().parse(text) if name]
        except ValueError:
            names = ["?."]
        if any("." in name for name in names):
            raise refusal(scope.module, node, "a template asks for attributes")

    def is_container(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a value surely is a plain container, whatever it holds."""
        if isinstance(node, ast.Dict | ast.List | ast.Tuple | ast.Constant | ast.ListComp | ast.DictComp):
            return True
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            return node.func.id in ("dict", "list", "tuple", "sorted") and node.func.id not in scope.local
        made = _only_value(node, scope)
        if made is not None:
            return self.is_container(made, Scope(scope.module))
        return type(self.held(node, scope)) in _CONTAINERS

    def _is_here(self, node: ast.expr, scope: Scope) -> bool:
        """Whether a path is that of the module's own file, or of a folder above it."""
        while isinstance(node, ast.Attribute) and node.attr == "parent":
            node = node.value
        made = isinstance(node, ast.Call) and self.foreign(node.func, scope) == "pathlib.Path" and len(node.args) == 1
        return made and isinstance(node, ast.Call) and ast.unparse(node.args[0]) == "__file__"

    def _is_expr(self, node: ast.expr, scope: Scope) -> bool:
        """Whether something surely is an expression of Polars."""
        while True:
            if isinstance(node, ast.BinOp | ast.Compare):
                sides = [node.left, node.right] if isinstance(node, ast.BinOp) else [node.left, *node.comparators]
                return any(self._is_expr(one, scope) for one in sides)
            if isinstance(node, ast.UnaryOp):
                node = node.operand
            elif isinstance(node, ast.Attribute) and node.attr in NAMESPACES:
                node = node.value
            elif isinstance(node, ast.Call) and self.foreign(node.func, scope) is not None:
                foreign = str(self.foreign(node.func, scope))
                return is_polars(foreign) and not foreign[len("polars.") :][:1].isupper()
            elif isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute):
                if node.func.attr not in EXPRESSIONS:
                    return False
                node = node.func.value
            else:
                kind = type(self.held(node, scope))
                return kind.__module__.startswith("polars.") and kind.__name__ in (
                    "Expr",
                    "When",
                    "Then",
                    "ChainedThen",
                )

    # ── names ─────────────────────────────────────────────────────────────────────────────────────────────────

    def defined(self, node: ast.expr, scope: Scope) -> tuple[ModuleText, Definition] | None:
        """The function or class of the project that is called, when it is defined once at the top of a module."""
        full = self.dotted(node, scope)
        if full is None and isinstance(node, ast.Name) and node.id not in scope.nested:
            full = f"{scope.module.name}.{node.id}"
        module, _, name = (full or "").rpartition(".")
        text = self.texts.get(module)
        made = text.definitions.get(name) if text is not None else None
        return (text, made) if text is not None and made is not None else None

    def held(self, node: ast.expr, scope: Scope) -> Any:
        """The value of a name, or of an attribute, when it is the same while the project is loaded and afterwards."""
        full = self.dotted(node, scope)
        if full is not None:
            module, _, name = full.rpartition(".")
            text = self.texts.get(module)
            if text is not None:
                return text.values.get(name, _UNSET) if name in text.settled else _UNSET
        if isinstance(node, ast.Name):
            settled = node.id not in scope.nested and node.id in scope.module.settled
            return scope.module.values.get(node.id, _UNSET) if settled else _UNSET
        if isinstance(node, ast.Attribute) and not node.attr.startswith("__"):
            return self._held_attribute(self.held(node.value, scope), node.attr)
        return _UNSET

    def _held_attribute(self, value: Any, name: str) -> Any:
        if isinstance(value, enum.EnumMeta):
            return value.__members__.get(name, _UNSET)
        if isinstance(value, enum.Enum) and name in ("name", "value"):
            return value._name_ if name == "name" else value._value_
        kind = value if isinstance(value, type) else type(value)
        if value is _UNSET or not (self.owns(kind.__module__) or kind in (types.SimpleNamespace, ModuleSpec)):
            return _UNSET
        found = inspect.getattr_static(value, name, _UNSET)
        field = not isinstance(value, type) and isinstance(found, types.MemberDescriptorType | _TUPLE_FIELD)
        if field:
            return getattr(value, name)
        runs = hasattr(type(found), "__get__") and not isinstance(found, types.FunctionType)
        return _UNSET if runs else found

    def dotted(self, node: ast.expr, scope: Scope) -> str | None:
        """The full name of something imported, as far as it is written as names and dots."""
        rest: list[str] = []
        while isinstance(node, ast.Attribute):
            rest.insert(0, node.attr)
            node = node.value
        if not isinstance(node, ast.Name) or node.id not in scope.imports:
            return None
        return self._followed(".".join([scope.imports[node.id], *rest]))

    def _followed(self, full: str) -> str:
        """The full name of something that modules of the project hand on, as it is called where it comes from."""
        parts = full.split(".")
        for end in range(1, len(parts)):
            text = self.texts.get(".".join(parts[:end]))
            if text is None:
                continue
            name = ".".join(parts[: end + 1])
            origin = self.scopes[text.name].imports.get(parts[end])
            if name in self.texts and origin in (None, name) and parts[end] not in self.scopes[text.name].local:
                continue
            if origin is None or origin == name or name in self.texts:
                return full if name not in self.texts else f"{text.name}.?"  # a module, or something else of its name
            return self._followed(".".join([origin, *parts[end + 1 :]]))
        return full

    def foreign(self, node: ast.expr, scope: Scope) -> str | None:
        """The full name of something that was imported from outside the project, else ``None``."""
        full = self.dotted(node, scope)
        return full if full is not None and not self.owns(full) else None


_TUPLE_FIELD = type(inspect.getattr_static(inspect.FullArgSpec, "args"))


def _is_own(node: ast.expr, scope: Scope) -> bool:
    return isinstance(node, ast.Name) and node.id == scope.own


def _is_data(value: Any) -> bool:
    return type(value) in _DATA or isinstance(value, PurePath)


def _has_no_set(value: Any) -> bool:
    if value is _UNSET or isinstance(value, set | frozenset | types.GeneratorType):
        return False
    if type(value) in (list, tuple):
        return all(_has_no_set(one) for one in value)
    plain = _is_data(value) or isinstance(value, types.FunctionType | type)
    return plain or (type(value).__module__.startswith("soroi.") and dataclasses.is_dataclass(value))


def _only_value(node: ast.expr, scope: Scope) -> ast.expr | None:
    """What a name within a function is given, when that is one thing only."""
    if not isinstance(node, ast.Name) or node.id not in scope.nested or node.id in scope.given:
        return None
    kinds = (ast.stmt, ast.comprehension, ast.ExceptHandler, ast.NamedExpr)
    parts = (part for one in scope.body for part in ast.walk(one))
    found = [one for one in parts if isinstance(one, kinds) and _binds(one, node.id)]
    only = found[0] if len(found) == 1 else None
    if not isinstance(only, ast.Assign) or len(only.targets) != 1 or not isinstance(only.targets[0], ast.Name):
        return None
    return only.value


def _binds(node: ast.AST, name: str) -> bool:
    if isinstance(node, ast.ExceptHandler):
        return node.name == name
    if isinstance(node, Definition):
        return node.name == name
    targets = getattr(node, "targets", None) or [getattr(node, "target", None)]
    return any(isinstance(one, ast.expr) and name in stored(one) for one in targets)


def _check_format(text: str, node: ast.AST, scope: Scope) -> None:
    if "%s" in text:  # the seconds of a moment, in the time zone of this machine
        raise refusal(scope.module, node, "a moment is formatted as seconds")


def short(node: ast.AST) -> str:
    """The beginning of a text, for messages."""
    text = ast.unparse(node)
    return text if len(text) <= 60 else text[:60] + "…"


__all__ = ["FIND", "ExpressionCheck", "NotPlainError", "refusal", "root_of", "short"]

"""Whether what a project declares follows from its text alone, and from nothing else of the world.

Loading a module runs its top level. When that does nothing but import, define, and compute with literals, two loadings
of the same text on the same libraries give the same declarations. Then, and only then, they can be kept between
processes. What is not known to be plain is taken not to be.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable

from soroi.codebase.plain_expressions import ExpressionCheck, NotPlainError, refusal, short
from soroi.codebase.plain_library import is_declaring
from soroi.codebase.plain_names import (
    BASES,
    BUILTINS,
    CLASS_DECORATORS,
    DUNDERS,
    FUNCTION_DECORATORS,
    HOOKS,
    MUTATORS,
    NOT_RUN,
)
from soroi.codebase.plain_order import makes_sets, run_at_once
from soroi.codebase.plain_scope import (
    Definition,
    Function,
    ModuleText,
    Scope,
    arguments_of,
    bindings,
    imports_of,
    root_of,
    same_level,
    stored,
)

_CHAINED = ("setter", "getter", "deleter")
_IN_NOTES = (
    ast.Name, ast.Attribute, ast.Subscript, ast.Constant, ast.BinOp, ast.BitOr, ast.Tuple, ast.List, ast.UnaryOp,
    ast.USub, ast.Starred, ast.Load,
)  # fmt: skip


class PlainCheck(ExpressionCheck):
    """Checks modules of a project.

    Args:
        texts: All loaded modules of the project.
        owns: Whether a module of that name belongs to the project.
    """

    _called: set[tuple[str, int]]

    def run(self) -> None:
        """Check all modules.

        Raises:
            NotPlainError: A module's top level may depend on more than its text; names the file and the line.
        """
        self._called = set()
        self.has_sets = any(makes_sets(run_at_once(one.tree.body)) for one in self.texts.values())
        for name, one in self.texts.items():
            self._hidden(one)
            scope = self.scopes[name]
            for bound, full in scope.imports.items():
                if self.owns(full):
                    self.flow.give([bound], ast.Name(full.rpartition(".")[2], ast.Load()), self.where(Scope(one)))
            self.flow.opaque |= self.texts.keys() & scope.imports.keys()
            self._body(one.tree.body, scope)
        self.settle()

    def _hidden(self, text: ModuleText) -> None:
        """Refuse names under which code runs without being called, or by which modules are other than they look."""
        for one in text.everything:
            names: Iterable[str | None] = ()
            if isinstance(one, Definition):
                names = [one.name] if one.name in HOOKS or isinstance(one, ast.ClassDef) else []
            elif isinstance(one, ast.Name) and not isinstance(one.ctx, ast.Load):
                names = [one.id]
            elif isinstance(one, ast.alias):
                names = [one.asname or one.name]
            for name in names:
                if name and name.startswith("__") and name.endswith("__") and name not in DUNDERS:
                    raise refusal(text, one, f"`{name}` is run or read")

    # ── statements ────────────────────────────────────────────────────────────────────────────────────────────

    def _body(self, body: Iterable[ast.stmt], scope: Scope) -> None:
        for one in body:
            self._statement(one, scope)

    def _statement(self, node: ast.stmt, scope: Scope) -> None:
        match node:
            case ast.Pass() | ast.Import() | ast.Break() | ast.Continue():
                return
            case ast.ImportFrom():
                if any(one.name == "*" for one in node.names):
                    raise refusal(scope.module, node, "`import *`, which does not say what it brings, is run")
            case ast.FunctionDef() | ast.AsyncFunctionDef():
                self._definition(node, scope)
            case ast.ClassDef():
                self._class(node, scope)
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign():
                self._assignment(node, scope)
            case ast.Expr():
                self._action(node.value, scope)
            case ast.If():
                self._if(node, scope)
            case ast.For():
                self.iterated(node.target, node.iter, scope)
                self._target(node.target, scope)
                self._body([*node.body, *node.orelse], scope)
            case ast.Try():
                self._try(node, scope)
            case ast.Assert() | ast.Return() | ast.Raise():
                for part in ast.iter_child_nodes(node):
                    if isinstance(part, ast.expr):
                        self.expression(part, scope)
            case ast.Delete() if all(isinstance(one, ast.Name) for one in node.targets):
                return
            case _:
                raise refusal(scope.module, node, f"a `{type(node).__name__.lower()}` statement is run")

    def _assignment(self, node: ast.Assign | ast.AnnAssign | ast.AugAssign, scope: Scope) -> None:
        targets = node.targets if isinstance(node, ast.Assign) else [node.target]
        if isinstance(node, ast.AnnAssign):
            self._note(node.annotation, scope)
        if isinstance(node, ast.AugAssign):
            if self.has_sets and not isinstance(node.value, ast.Constant):
                raise refusal(scope.module, node, "something is added while sets, which have no order, are about")
            if isinstance(node.op, ast.Mod):
                self.made_text(node, node.value, scope)
        if node.value is not None:
            self.expression(node.value, scope)
        for target in targets:
            self._target(target, scope)
            if node.value is not None:
                self._given(target, node.value, scope)

    def _given(self, target: ast.expr, value: ast.expr, scope: Scope) -> None:
        where = self.where(scope)
        if isinstance(target, ast.Subscript | ast.Attribute):
            root = root_of(target)
            if isinstance(root, ast.Name):
                self._put_into(root.id, value, scope)
        else:
            self.flow.give(stored(target), value, where, items=isinstance(target, ast.Tuple | ast.List))

    def _put_into(self, name: str, value: ast.expr, scope: Scope) -> None:
        """Something is put into a container, and so into whatever else it is called."""
        self.flow.give([name], value, self.where(scope))
        self.flow.shared.add(name)

    def _try(self, node: ast.Try, scope: Scope) -> None:
        for one in node.handlers:
            if one.type is not None:
                self.expression(one.type, scope)
            self.flow.opaque |= {one.name} if one.name else set()
            self._body(one.body, scope)
        self._body([*node.body, *node.orelse, *node.finalbody], scope)

    def _if(self, node: ast.If, scope: Scope) -> None:
        never = ast.unparse(node.test) if isinstance(node.test, ast.Compare) else ""
        if self.foreign(node.test, scope) != "typing.TYPE_CHECKING" and never != "__name__ == '__main__'":
            self.expression(node.test, scope)
            self._body(node.body, scope)
        self._body(node.orelse, scope)

    def _target(self, node: ast.expr, scope: Scope) -> None:
        match node:
            case ast.Name():
                return
            case ast.Tuple() | ast.List() if not self.has_sets:
                for one in node.elts:
                    self._target(one, scope)
            case ast.Starred() if not self.has_sets:
                self._target(node.value, scope)
            case ast.Subscript() if not self.has_sets:
                self._changed(node.value, scope)
                self.expression(node.slice, scope)
            case ast.Attribute():
                self._attribute_target(node, scope)
            case _:
                raise refusal(scope.module, node, "values are taken apart while sets, which have no order, are about")

    def _changed(self, node: ast.expr, scope: Scope) -> None:
        """Check what is changed: plain data of this module."""
        root = root_of(node)
        if not isinstance(root, ast.Name) or root.id in scope.imports or root.id not in scope.local:
            raise refusal(scope.module, node, "something that was imported is changed")
        if not self.is_container(node, scope):
            self.need_data(node, scope, node, f"`{short(node)}`, which may be more than plain data, is changed")

    def _attribute_target(self, node: ast.Attribute, scope: Scope) -> None:
        """An attribute is set: of the object itself, or as a note on a function just defined."""
        name = node.value.id if isinstance(node.value, ast.Name) else ""
        noted = [one for one in same_level(scope.body) if isinstance(one, Function) and one.name == name]
        noted = noted or [one for one in [scope.module.definitions.get(name)] if isinstance(one, Function)]
        good = name == scope.own or (noted and [*bindings(scope.body)].count(name) <= 1)
        if not name or not good or node.attr in self.methods or node.attr.startswith("__"):
            raise refusal(scope.module, node, f"the attribute `{short(node)}` is set")

    def _action(self, node: ast.expr, scope: Scope) -> None:
        """An expression whose value nobody keeps: a change of something of this module."""
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in MUTATORS:
            if self.has_sets or any(word.arg == "key" for word in node.keywords):
                raise refusal(scope.module, node, f"`{short(node)}` is run")
            self._changed(node.func.value, scope)
            root = root_of(node.func)
            for one in [*node.args, *(word.value for word in node.keywords)]:
                self.expression(one, scope)
                if isinstance(root, ast.Name):
                    self._put_into(root.id, one, scope)
            return
        self.expression(node, scope)

    # ── definitions ───────────────────────────────────────────────────────────────────────────────────────────

    def _definition(self, node: Function, scope: Scope) -> None:
        self.flow.opaque.add(node.name)
        for one in [*node.args.defaults, *(one for one in node.args.kw_defaults if one is not None)]:
            self.expression(one, scope)
        for one in node.decorator_list:
            self._decorator(one, node, scope)
        given = [*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs, node.args.vararg, node.args.kwarg]
        for note in [*(one.annotation for one in given if one is not None), node.returns]:
            self._note(note, scope)

    def _note(self, node: ast.expr | None, scope: Scope) -> None:
        for one in ast.walk(node) if node is not None else ():
            if not isinstance(one, _IN_NOTES):
                raise refusal(scope.module, one, "an annotation computes something, which is run")

    def _class(self, node: ast.ClassDef, scope: Scope) -> None:
        self.flow.opaque.add(node.name)
        for word in node.keywords:
            self.expression(word.value, scope)
            if word.arg == "metaclass" and self.foreign(word.value, scope) != "abc.ABCMeta":
                raise refusal(scope.module, node, f"the class `{node.name}` is made by another class")
        if any(self._is_enum(one) for one in self._bases(node, scope)):
            self._constructed(scope.module, node, scope)
        for one in node.decorator_list:
            self._decorator(one, node, scope)
        inner = scope.inner(set(bindings(node.body)), imports_of(node.body, scope.module))
        inner.body, inner.own = tuple(node.body), None
        self._body(node.body, inner)

    def _bases(self, node: ast.ClassDef, scope: Scope) -> list[str | tuple[ModuleText, ast.ClassDef]]:
        """Full names of the classes of libraries, and the classes of the project, that a class is based on.

        Raises:
            NotPlainError: One of them may do something when it is extended.
        """
        found: list[str | tuple[ModuleText, ast.ClassDef]] = []
        for one in node.bases:
            base = one
            if isinstance(one, ast.Subscript):
                self.expression(one.slice, scope)
                base = one.value
            if isinstance(base, ast.Call) and self.foreign(base.func, scope) == "collections.namedtuple":
                self.expression(base, scope)
                continue
            full, ours = self.foreign(base, scope), self.defined(base, scope)
            if full is not None and (full in BASES or full.startswith("sklearn.")):
                found.append(full)
            elif ours is not None and isinstance(ours[1], ast.ClassDef):
                found.append((ours[0], ours[1]))
            elif not (isinstance(base, ast.Name) and base.id in BUILTINS and base.id not in scope.local):
                raise refusal(scope.module, one, f"the class `{short(one)}` is extended")
        return found

    def _is_enum(self, base: str | tuple[ModuleText, ast.ClassDef]) -> bool:
        if isinstance(base, str):
            return base.startswith("enum.")
        return any(self._is_enum(one) for one in self._bases(base[1], self.scopes[base[0].name]))

    def _decorator(self, node: ast.expr, decorated: Definition, scope: Scope) -> None:
        if isinstance(node, ast.Call):
            foreign = self.foreign(node.func, scope)
            if foreign is not None and foreign not in FUNCTION_DECORATORS and not is_declaring(foreign):
                raise refusal(scope.module, node, f"`{short(node)}` decorates something")
            self.call(node, scope)
            self._factory(node, scope)
        elif not self._chained(node, decorated, scope):
            self.callee(node, scope)

    def _chained(self, node: ast.expr, decorated: Definition, scope: Scope) -> bool:
        """``name.setter`` of a property of this class, ``name.register`` of a dispatched function of this module."""
        if not isinstance(node, ast.Attribute) or not isinstance(node.value, ast.Name):
            return False
        name = node.value.id
        if node.attr in _CHAINED:
            made = [one for one in scope.body if isinstance(one, Function) and one.name == name]
            only = len(made) == [*bindings(scope.body)].count(name)
            first = made[0].decorator_list if made else []
            return only and len(first) == 1 and ast.unparse(first[0]) == "property" and "property" not in scope.local
        found = scope.module.definitions.get(name) if name not in scope.nested else None
        if node.attr != "register" or not isinstance(found, Function) or not isinstance(decorated, Function):
            return False
        notes = [one.annotation for one in decorated.args.args if one.annotation is not None]
        texts = [one for note in notes for one in ast.walk(note) if isinstance(one, ast.Constant)]
        plain = [self.foreign(one, self.scopes[scope.module.name]) for one in found.decorator_list]
        return plain == ["functools.singledispatch"] and not any(isinstance(one.value, str) for one in texts)

    def _factory(self, node: ast.Call, scope: Scope) -> None:
        """A function of the project that makes a decorator: what it makes is called as well."""
        found = self.defined(node.func, scope)
        if found is None:
            if self.foreign(node.func, scope) is None:
                raise refusal(scope.module, node, f"`{short(node)}` decorates something")
            return
        text, made = found
        if not isinstance(made, Function):
            raise refusal(scope.module, node, f"an object of `{made.name}` decorates something")
        outer = self._function_scope(text, made)
        inner = {one.name: one for one in made.body if isinstance(one, Function)}
        for one in same_level(made.body):
            if isinstance(one, ast.Return):
                name = one.value.id if isinstance(one.value, ast.Name) else ""
                if name not in inner or [*bindings(made.body)].count(name) != 1 or inner[name].decorator_list:
                    raise refusal(text, one, f"what `{made.name}` gives decorates something")
                self._called_function(text, inner[name], outer, None)

    # ── what is called of the project ─────────────────────────────────────────────────────────────────────────

    def called_definition(
        self, module: ModuleText, found: Definition, func: ast.expr, scope: Scope, node: ast.Call | None
    ) -> None:
        """Check a function or class of the project that is called."""
        known = FUNCTION_DECORATORS if isinstance(found, Function) else CLASS_DECORATORS
        for one in found.decorator_list:
            full = self.foreign(one.func if isinstance(one, ast.Call) else one, self.scopes[module.name])
            if full is None or (full not in known and not is_declaring(full)):
                raise refusal(scope.module, func, f"`{found.name}`, which is decorated, is called")
        if isinstance(found, Function):
            self._called_function(module, found, self.scopes[module.name], node, scope)
            return
        self.flow.opaque.add(f"{module.name}:{found.name}")
        self._constructed(module, found, scope)

    def _constructed(self, module: ModuleText, found: ast.ClassDef, scope: Scope) -> None:
        """Objects of a class are made: its own ways to make, compare and hold them are run."""
        outer = self.scopes[module.name]
        for base in self._bases(found, outer):
            if isinstance(base, tuple):
                self._constructed(*base, scope)
            elif base not in BASES:
                raise refusal(scope.module, found, f"an object of `{found.name}`, which extends `{base}`, is made")
        for one in same_level(found.body):
            special = isinstance(one, Definition) and one.name.startswith("_") and one.name.endswith("_")
            if not special or not isinstance(one, Function) or one.name in NOT_RUN:
                continue
            if any(ast.unparse(part) not in ("classmethod", "staticmethod") for part in one.decorator_list):
                raise refusal(module, one, f"`{one.name}`, which is decorated, is called")
            self._called_function(module, one, outer, None)

    def _called_function(
        self, module: ModuleText, found: Function, outer: Scope, node: ast.Call | None, caller: Scope | None = None
    ) -> None:
        names = arguments_of(found)
        if node is None or caller is None:
            self.flow.opaque |= names
        else:
            given = [*node.args, *(word.value for word in node.keywords)]
            for one in given:
                self.flow.give(names, one, self.where(caller))
                for other in given:
                    if isinstance(root := root_of(other), ast.Name) and other is not one:
                        self._put_into(root.id, one, caller)
        if (module.name, found.lineno) in self._called:
            return
        self._called.add((module.name, found.lineno))
        if makes_sets(found.body):
            raise refusal(module, found, f"`{found.name}`, which uses sets, is called")
        if any(isinstance(one, ast.Yield | ast.YieldFrom | ast.Await | ast.Global) for one in ast.walk(found)):
            raise refusal(module, found, f"`{found.name}` is called")
        scope = self._function_scope(module, found, outer)
        result = f"{module.name}:{found.name}"
        for default in [*found.args.defaults, *(one for one in found.args.kw_defaults if one is not None)]:
            self.flow.give(names, default, self.where(outer))
        for part in same_level(found.body):
            if isinstance(part, ast.Return) and part.value is not None:
                self.flow.give([result], part.value, self.where(scope))
        self._body(found.body, scope)

    def _function_scope(self, module: ModuleText, found: Function, outer: Scope | None = None) -> Scope:
        imports = imports_of(found.body, module)
        names = (arguments_of(found) | set(bindings(found.body))) - imports.keys()
        scope = (outer or self.scopes[module.name]).inner(names, imports)
        scope.body = tuple(found.body)
        scope.given = scope.given | arguments_of(found)
        first = [one.arg for one in [*found.args.posonlyargs, *found.args.args][:1]]
        scope.own = first[0] if first and found.name.startswith("__") and first[0] == "self" else None
        return scope


__all__ = ["ModuleText", "NotPlainError", "PlainCheck"]

"""Source files of the project: read and parsed once per content, and asked for the code of a function or class.

What is found is checked against what runs: the statement is compiled again and must give the very code object
that was asked for. So a file changed on disk since it was loaded, a stale byte-code file, or code rewritten on
import is noticed, and two lambdas on one line are told apart by their columns.
"""

from __future__ import annotations

import ast
import bisect
import importlib.util
import linecache
import os
import sys
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType
from typing import Any

from soroi.declare.behaviour_code import code_shape, nested_codes
from soroi.declare.behaviour_names import names_of
from soroi.declare.behaviour_reference import Names
from soroi.declare.normal_form import FunctionNode, children, function_form, normal_form

_DEFINITIONS = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
_COMPOUND = ast.If | ast.Try | ast.TryStar | ast.With | ast.For | ast.While | ast.Match | ast.AsyncWith | ast.AsyncFor


@dataclass(eq=False)
class Found:
    """A piece of source code: its nodes, its names, its normal form."""

    nodes: tuple[ast.AST, ...]
    """The nodes that define it; several when it cannot be told which of them ran."""

    file: SourceFile
    """The file that it is in."""

    _forms: dict[tuple[bool, bool], bytes] = field(default_factory=dict)
    _names: Names | None = None
    _source: str | None = None
    _parts: dict[int, Found] = field(default_factory=dict)

    def part(self, node: ast.AST) -> Found:
        """A node of it, as a piece of its own."""
        kept = self._parts.get(id(node))
        if kept is None:
            kept = self._parts[id(node)] = Found((node,), self.file)
        return kept

    def form(self, *, annotations: bool, docs: bool) -> bytes:
        """Its normal form. A function's is without decorators and values of defaults."""
        key = (annotations, docs)
        if key not in self._forms:
            self._forms[key] = b"".join(_form(node, annotations, docs) for node in self.nodes)
        return self._forms[key]

    @property
    def names(self) -> Names:
        """The names that it takes from outside."""
        if self._names is None:
            self._names = names_of(self.nodes)
        return self._names

    @property
    def source(self) -> str:
        """Its text, without indentation in front."""
        if self._source is None:
            self._source = "\n".join(self.file.text_of(node) for node in self.nodes)
        return self._source

    @property
    def line(self) -> int:
        """Line at which it begins."""
        return first_line(self.nodes[0])


def _form(node: ast.AST, annotations: bool, docs: bool) -> bytes:
    if isinstance(node, FunctionNode):
        return function_form(node, annotations=annotations, docs=docs)
    return normal_form(node, annotations=annotations, docs=docs)


@dataclass(eq=False)
class _Block:
    """One statement of a module, with all that is defined in it."""

    statement: ast.stmt
    functions: dict[tuple[str, int], list[FunctionNode]] = field(default_factory=dict)
    classes: dict[str, list[ast.ClassDef]] = field(default_factory=dict)
    codes: list[CodeType] | None = None
    indexed: bool = False

    def index(self) -> None:
        if not self.indexed:
            self.indexed = True
            self._walk(self.statement, "")

    def _walk(self, node: ast.AST, prefix: str) -> None:
        if isinstance(node, ast.ClassDef):
            self.classes.setdefault(prefix + node.name, []).append(node)
            prefix += node.name + "."
        elif isinstance(node, _DEFINITIONS):
            name = "<lambda>" if isinstance(node, ast.Lambda) else node.name
            self.functions.setdefault((name, first_line(node)), []).append(node)
            prefix += name + ".<locals>."
        for child in children(node):
            self._walk(child, prefix)


_RUN: dict[str, str] = {}


def remember_run(name: str, text: str) -> None:
    """Note that the functions that name a file were compiled from exactly this text.

    Where that is known, a definition is found by its name and line; elsewhere it is compiled again and compared with
    the code that runs.

    Args:
        name: The file, as functions name it.
        text: What was compiled.
    """
    _RUN[name] = text


class SourceFile:
    """One file, parsed."""

    def __init__(self, name: str, text: str) -> None:
        self.name = name
        self.text = text
        self.lines = text.split("\n")
        self.tree = ast.parse(text)
        self.blocks = [_Block(one) for one in self.tree.body]
        self.starts = [first_line(one) for one in self.tree.body]
        self.futures = _futures(self.tree)
        scope = list(_module_scope(self.tree))
        self.imports = _imports(scope)
        self.import_nodes = [one for one in scope if isinstance(one, ast.Import | ast.ImportFrom)]
        self._top: dict[str, list[_Block]] | None = None
        self._found: dict[int, tuple[CodeType, Found | str]] = {}
        self._classes: dict[str, Found | None] = {}
        self._module: Found | None = None
        self._is_run = _RUN.get(name) == text

    @property
    def label(self) -> str:
        """Its name for people, without folders."""
        return Path(self.name).name

    @property
    def module(self) -> Found:
        """The whole module."""
        if self._module is None:
            self._module = Found((self.tree,), self)
        return self._module

    def text_of(self, node: ast.AST) -> str:
        """The text of a node: whole lines for definitions, the exact piece for expressions."""
        if isinstance(node, ast.Module):
            return self.text
        if isinstance(node, ast.expr):
            return ast.get_source_segment(self.text, node) or ""
        end = getattr(node, "end_lineno", None) or first_line(node)
        return textwrap.dedent("\n".join(self.lines[first_line(node) - 1 : end]))

    def function(self, code: CodeType) -> Found | str:
        """The definition of a function, or why it cannot be told."""
        kept = self._found.get(id(code))
        if kept is None:
            kept = self._found[id(code)] = (code, self._function(code))
        return kept[1]

    def classes(self, qualname: str) -> Found | None:
        """The definition of a class (all of them when there are several of that name), or ``None``."""
        if qualname not in self._classes:
            nodes: list[ast.AST] = []
            for block in self._blocks_named(qualname.split(".")[0]):
                block.index()
                nodes += block.classes.get(qualname, ())
            self._classes[qualname] = Found(tuple(nodes), self) if nodes else None
        return self._classes[qualname]

    def _function(self, code: CodeType) -> Found | str:
        for block in self._candidates(code):
            node = self._in_block(block, code)
            if isinstance(node, str):
                return node
            if node is not None:
                return Found((node,), self)
        return "its source has changed since it was loaded, or is not what runs"

    def _candidates(self, code: CodeType) -> Iterator[_Block]:
        at = bisect.bisect_right(self.starts, code.co_firstlineno) - 1
        here = self.blocks[at] if at >= 0 else None
        if here is not None:
            yield here
        name = code.co_qualname.split(".")[0]
        others = self.blocks if name.startswith("<") and len(self.blocks) < 200 else self._blocks_named(name)
        yield from (one for one in others if one is not here)

    def _blocks_named(self, name: str) -> list[_Block]:
        if self._top is None:
            self._top = {}
            for block in self.blocks:
                for one in _defined_names(block.statement):
                    self._top.setdefault(one, []).append(block)
        return self._top.get(name, [])

    def _in_block(self, block: _Block, code: CodeType) -> FunctionNode | str | None:
        block.index()
        if self._is_run:
            here = block.functions.get((code.co_name, code.co_firstlineno), [])
            if len(here) == 1:
                return here[0]
        if block.codes is None:
            block.codes = list(nested_codes(self._compiled(block.statement)))
        shape = code_shape(code)
        same = [one for one in block.codes if one.co_qualname == code.co_qualname and code_shape(one) == shape]
        nodes: list[FunctionNode] = []
        exact = [one for one in same if one.co_firstlineno == code.co_firstlineno]
        columns = [one for one in exact if list(one.co_positions()) == list(code.co_positions())]
        for one in columns or exact or same:
            nodes += _nodes_of(one, block.functions.get((one.co_name, one.co_firstlineno), []))
        nodes = list({id(one): one for one in nodes}.values())
        if len(nodes) > 1 and len({normal_form(one, annotations=True, docs=True) for one in nodes}) > 1:
            return "it cannot be told from another one on the same line"
        return nodes[0] if nodes else None

    def _compiled(self, statement: ast.stmt) -> CodeType:
        """The code of a statement. The imports go with it: calls of what is imported compile differently."""
        module = ast.Module(body=[*self.import_nodes, statement], type_ignores=[])
        code: CodeType = compile(module, self.name, "exec", dont_inherit=True)
        return code


def first_line(node: ast.AST) -> int:
    """The first line of a node, decorators included."""
    decorators = getattr(node, "decorator_list", ())
    lines: list[int] = [getattr(node, "lineno", 1), *(one.lineno for one in decorators)]
    return min(lines)


def _nodes_of(code: CodeType, nodes: Sequence[FunctionNode]) -> list[FunctionNode]:
    if len(nodes) < 2:
        return list(nodes)
    positions = {(one[0], one[2], one[1], one[3]) for one in code.co_positions()}
    fitting = []
    for node in nodes:
        body = node.body if isinstance(node, ast.Lambda) else node.body[-1]
        if (body.lineno, body.col_offset, body.end_lineno, body.end_col_offset) in positions:
            fitting.append(node)
    return fitting or list(nodes)


def _futures(tree: ast.Module) -> tuple[str, ...]:
    names: set[str] = set()
    for one in tree.body:
        if isinstance(one, ast.ImportFrom) and one.module == "__future__" and not one.level:
            names |= {alias.name for alias in one.names}
    return tuple(sorted(names))


def _imports(scope: Sequence[ast.AST]) -> dict[str, list[tuple[str, str | None] | None]]:
    """What binds each name of a module: ``(module, name in it)`` for imports, ``None`` for anything else."""
    bindings: dict[str, list[tuple[str, str | None] | None]] = {}
    for node in scope:
        if isinstance(node, ast.Import):
            for one in node.names:
                whole = one.name if one.asname else one.name.partition(".")[0]
                bindings.setdefault(one.asname or whole, []).append((whole, None))
        elif isinstance(node, ast.ImportFrom) and not node.level:
            for one in node.names:
                bindings.setdefault(one.asname or one.name, []).append((node.module or "", one.name))
        elif isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            bindings.setdefault(node.name, []).append(None)
        elif isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
            bindings.setdefault(node.id, []).append(None)
    return bindings


def _module_scope(tree: ast.Module) -> Iterator[ast.AST]:
    for statement in tree.body:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef | ast.Import | ast.ImportFrom):
            yield statement
        else:
            waiting: list[ast.AST] = [statement]
            while waiting:
                node = waiting.pop()
                yield node
                if not isinstance(node, _DEFINITIONS | ast.ClassDef):
                    waiting.extend(children(node))


def _defined_names(statement: ast.stmt) -> set[str]:
    if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        return {statement.name}
    if not isinstance(statement, _COMPOUND):
        return set()
    return {
        one.name
        for one in ast.walk(statement)
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef)
    }


# Reading ----------------------------------------------------------------------------------------------------

_FILES: dict[str, tuple[Any, SourceFile]] = {}


def _stamp(name: str) -> Any:
    try:
        stat = os.stat(name)  # noqa: PTH116 — several times as fast, and asked for every function
    except (OSError, ValueError):
        return None
    return (stat.st_mtime_ns, stat.st_size, stat.st_ino)


def source_file(name: str, module: str, *, again: bool = False) -> SourceFile | None:
    """A source file, parsed; ``None`` when there is no source or it is not Python.

    Args:
        name: Name of the file, as code objects carry it.
        module: Name of the module in it, to ask its loader when there is no such file.
        again: Read it even if it looks unchanged.
    """
    stamp = _stamp(name)
    kept = _FILES.get(name)
    if kept is not None and kept[0] == stamp and not again and stamp is not None:
        return kept[1]
    text = _read(name, module, stamp is not None)
    if text is None:
        return None
    if kept is not None and kept[1].text == text:
        _FILES[name] = (stamp, kept[1])
        return kept[1]
    try:
        parsed = SourceFile(name, text)
    except (SyntaxError, ValueError, RecursionError):
        return None
    _FILES[name] = (stamp, parsed)
    return parsed


def _read(name: str, module: str, on_disk: bool) -> str | None:
    if on_disk:
        try:
            return importlib.util.decode_source(Path(name).read_bytes())
        except (OSError, SyntaxError, UnicodeDecodeError):
            return None
    get_source = getattr(getattr(sys.modules.get(module), "__loader__", None), "get_source", None)
    if get_source is not None and not name.startswith("<"):
        try:
            text = get_source(module)
        except (ImportError, OSError):
            text = None
        if isinstance(text, str):
            return text
    lines = linecache.getlines(name, vars(sys.modules[module]) if module in sys.modules else None)
    return "".join(lines) or None


def find_function(code: CodeType, module: str) -> Found | str:
    """The definition behind a code object, or why it cannot be told.

    Args:
        code: The code object that runs.
        module: Name of the module that it belongs to.
    """
    file = source_file(code.co_filename, module)
    if file is None:
        return "its source is not available"
    found = file.function(code)
    if isinstance(found, str):
        fresh = source_file(code.co_filename, module, again=True)
        if fresh is not None and fresh is not file:
            found = fresh.function(code)
    return found


def module_file(module: str) -> SourceFile | None:
    """The source file of a loaded module, or ``None``. It is the one that was loaded, wherever ``__file__`` points."""
    loaded = sys.modules.get(module)
    names = (getattr(getattr(loaded, "__spec__", None), "origin", None), getattr(loaded, "__file__", None))
    found = (source_file(name, module) for name in names if isinstance(name, str))
    return next((one for one in found if one is not None), None)

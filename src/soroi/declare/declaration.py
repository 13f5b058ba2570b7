"""What a decorator leaves behind: a declaration, not yet resolved against the others."""

from __future__ import annotations

import contextlib
import inspect
import sys
from collections.abc import Callable, Iterator, Mapping
from contextvars import ContextVar
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soroi.base.errors import DeclarationError
from soroi.declare.edge import Role
from soroi.declare.node import Access, Group, NodeKind

if TYPE_CHECKING:
    from soroi.declare.lifecycle import Deprecation
    from soroi.declare.shared import SharedSpec

MARK = "__soroi__"
"""Attribute under which a declared function carries its declaration."""


@dataclass(frozen=True, slots=True)
class Use:
    """A dependency as it was written: by object or by name."""

    target: Any
    """The declared function, the declaration, or the name of a node."""

    role: Role | None = None
    """Why; ``None``: follows from the kinds of the two nodes."""

    options: Mapping[str, Any] = field(default_factory=dict)
    """Details of the dependency."""


@dataclass(frozen=True, slots=True)
class FamilySpec:
    """That one declaration stands for many siblings: one per part."""

    per: str
    """Column whose value says which part a row belongs to."""

    parts: tuple[str, ...] | None = None
    """The parts; ``None``: the values found in the dataset."""

    parent: str | None = None
    """A further part that learns from all rows, and answers for rows of a part that has no version."""


@dataclass(eq=False)
class Declaration:
    """One declaration as written. Thresholds and decisions are used as these objects."""

    kind: NodeKind
    """What it is."""

    make_spec: Callable[[Callable[[Any], str]], Any]
    """Makes the spec, given a way to turn a reference into the id of a node."""

    uses: tuple[Use, ...]
    """Its dependencies, as written."""

    where: str
    """Place, ``file:line``."""

    module: str
    """Name of the module it was written in."""

    name: str | None = None
    """Name; for thresholds and decisions the variable's, found when the project is loaded."""

    function: Callable[..., Any] | None = None
    """The plain function, where there is one."""

    group: Group | None = None
    """The team it belongs to."""

    access: Access = Access.PROTECTED
    """Who may use it."""

    doc: str = ""
    """Its description."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the function's keyword parameters."""

    deprecation: Deprecation | None = None
    """That it should no longer be used, if it should not."""

    family: FamilySpec | None = None
    """The family it stands for, if it stands for one."""

    shared: SharedSpec | None = None
    """The node of another project that it stands for, if it stands for one."""

    def __post_init__(self) -> None:
        made = _MADE.get()
        if made is not None:
            made.append(self)

    def means(self, other: Declaration) -> bool:
        """Whether another declaration is this one, or one of the same node of another project, written again."""
        return self is other or (self.shared is not None and (self.kind, self.shared) == (other.kind, other.shared))

    def __repr__(self) -> str:
        return f"<soroi {self.kind} {self.name or 'without a name yet'} at {self.where}>"


_MADE: ContextVar[list[Declaration] | None] = ContextVar("soroi_declarations", default=None)


@contextlib.contextmanager
def collecting() -> Iterator[list[Declaration]]:
    """Gather every declaration made while the block runs, also those that no variable keeps."""
    made: list[Declaration] = []
    token = _MADE.set(made)
    try:
        yield made
    finally:
        _MADE.reset(token)


def declaration_of(thing: Any) -> Declaration | None:
    """The declaration behind a declared function or object, or ``None``."""
    if isinstance(thing, Declaration):
        return thing
    found = getattr(thing, MARK, None) if callable(thing) else None
    return found if isinstance(found, Declaration) else None


def calling_place(depth: int) -> tuple[str, str]:
    """Place (``file:line``) and module name of the caller ``depth`` frames up."""
    frame = sys._getframe(depth + 1)
    return f"{Path(frame.f_code.co_filename).name}:{frame.f_lineno}", str(frame.f_globals.get("__name__", "?"))


def function_place(function: Callable[..., Any]) -> str:
    """Place of a function's definition, ``file:line``."""
    code = getattr(inspect.unwrap(function), "__code__", None)
    if code is None:
        return "?"
    return f"{Path(code.co_filename).name}:{code.co_firstlineno}"


def input_names(function: Callable[..., Any]) -> list[str]:
    """Names of the parameters that have no default."""
    packed = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    parameters = inspect.signature(function).parameters.values()
    return [p.name for p in parameters if p.kind not in packed and p.default is inspect.Parameter.empty]


def keyword_defaults(function: Callable[..., Any]) -> dict[str, Any]:
    """Names and defaults of the parameters that have one: the hyper-parameters."""
    parameters = inspect.signature(function).parameters.values()
    return {p.name: p.default for p in parameters if p.default is not inspect.Parameter.empty}


def check_arity(function: Callable[..., Any], inputs: int, what: str) -> None:
    """Check that a function takes as many arguments as it has inputs.

    Raises:
        DeclarationError: It does not.
    """
    names = input_names(function)
    parameters = inspect.signature(function).parameters
    named_only = [name for name in names if parameters[name].kind is inspect.Parameter.KEYWORD_ONLY]
    if named_only:
        raise DeclarationError(
            f"{what} '{function.__name__}' has the option {', '.join(named_only)} without a default",
            hint="give options a default; inputs come by position",
            where=function_place(function),
        )
    if len(names) != inputs:
        raise DeclarationError(
            f"{what} '{function.__name__}' has {inputs} inputs but its function takes {len(names)} "
            f"({', '.join(names) or 'none'})",
            hint="give the function one argument per input, in the same order; options need defaults",
            where=function_place(function),
        )

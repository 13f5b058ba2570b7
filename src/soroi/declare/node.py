"""What a project declares: nodes, their identity, their owners."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from soroi.base.errors import DeclarationError
from soroi.declare.edge import Edge

if TYPE_CHECKING:
    from soroi.declare.lifecycle import Deprecation
    from soroi.declare.shared import SharedSpec

NAME = re.compile(r"^[a-z][a-z0-9_]{0,79}$", re.IGNORECASE)
PROJECT = re.compile(r"^[a-z][a-z0-9_-]{0,79}$", re.IGNORECASE)
"""What a project may be called."""

BETWEEN = ":"
"""Stands between the name of another project and that of its node: ``weather:conditions``."""


def project_of(name: str) -> str | None:
    """Name of the other project that a node, or a version, belongs to; ``None``: it is one of this project's own."""
    project, between, _ = name.partition("[")[0].partition(BETWEEN)
    return project if between else None


def name_there(name: str) -> str:
    """What the project that a node, or a version, belongs to calls it."""
    project = project_of(name)
    return name if project is None else name[len(project) + 1 :]


class NodeKind(enum.StrEnum):
    """What a node is."""

    SOURCE = "source"
    FEATURES = "features"
    DATASET = "dataset"
    MODEL = "model"
    THRESHOLD = "threshold"
    DECISION = "decision"

    @property
    def is_data(self) -> bool:
        """Whether a version of it is rows: a source or a dataset."""
        return self in (NodeKind.SOURCE, NodeKind.DATASET)

    @property
    def makes_table(self) -> bool:
        """Whether building it writes a table."""
        return self in (NodeKind.SOURCE, NodeKind.FEATURES, NodeKind.DATASET)

    @property
    def answers(self) -> bool:
        """Whether a manifest needs a version of it in order to answer."""
        return not self.is_data


class Access(enum.StrEnum):
    """Who may use a node."""

    PRIVATE = "private"
    """Nodes of its own group."""

    PROTECTED = "protected"
    """Nodes of its own project."""

    PUBLIC = "public"
    """Everybody."""


@dataclass(frozen=True, slots=True)
class Group:
    """A team: nodes belong to it, people answer for it."""

    name: str
    """Name of the group, unique in the project."""

    owner: str
    """Whom to ask; an address people can write to."""


@dataclass(frozen=True, slots=True, order=True)
class NodeId:
    """Identity of a node: its name, and the part when it is one of a family."""

    name: str
    """Name, unique in the project."""

    part: str | None = None
    """Part of a family, such as a topic or a city."""

    def __str__(self) -> str:
        return self.name if self.part is None else f"{self.name}[{self.part}]"

    @classmethod
    def parse(cls, text: str) -> NodeId:
        """Read ``name``, ``name[part]``, or either of another project: ``project:name``.

        Raises:
            DeclarationError: The text is neither.
        """
        name, bracket, rest = text.partition("[")
        part = rest[:-1] if bracket and rest.endswith("]") else None
        project = project_of(name)
        good = NAME.match(name_there(name)) and (project is None or PROJECT.match(project))
        if not good or (bracket and not part):
            raise DeclarationError(
                f"'{text}' is not a node id", hint="letters, digits and _, beginning with a letter; a part in [ ]"
            )
        return cls(name, part)


@dataclass(frozen=True)
class Node:
    """One declaration, resolved: its identity, what it is made with, and what it depends on."""

    id: NodeId
    """Identity."""

    kind: NodeKind
    """What it is."""

    spec: Any
    """The options of its kind, one of the classes in :mod:`soroi.declare.spec`; of another project's node a
    :class:`~soroi.declare.shared.SharedSpec`."""

    edges: tuple[Edge, ...]
    """Its typed dependencies, in the order of declaration (for functions: the order of the arguments)."""

    function: Callable[..., Any] | None
    """The plain function that makes it; ``None`` for thresholds and decisions."""

    where: str
    """Place of the declaration, ``file:line``."""

    group: Group | None = None
    """The team it belongs to."""

    access: Access = Access.PROTECTED
    """Who may use it."""

    doc: str = ""
    """Its description: the function's docstring, or what was given."""

    parameters: Mapping[str, Any] = field(default_factory=dict)
    """Defaults of the function's keyword parameters (hyper-parameters)."""

    deprecation: Deprecation | None = None
    """That it should no longer be used, if it should not."""

    @cached_property
    def name(self) -> str:
        """The id as text."""
        return str(self.id)

    @property
    def shared(self) -> SharedSpec | None:
        """Which node of which other project it stands for; ``None``: it is one of this project's own."""
        from soroi.declare.shared import SharedSpec

        return self.spec if isinstance(self.spec, SharedSpec) else None

    @property
    def label(self) -> str:
        """Kind and id, for messages."""
        return f"{self.kind} '{self.id}'"

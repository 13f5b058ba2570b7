"""Nodes of other projects in the same store: used as they are there, followed or pinned."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

from soroi.base.errors import DeclarationError
from soroi.declare.declaration import Declaration, calling_place
from soroi.declare.node import BETWEEN, NAME, PROJECT, Access, NodeId, NodeKind

PIN = re.compile(r"^[0-9a-f]{12}$")


@dataclass(frozen=True, slots=True)
class SharedSpec:
    """Which node of which other project a node stands for."""

    project: str
    """Name of the other project."""

    node: str
    """Id of the node there."""

    pin: str | None = None
    """The version it is pinned to: the 12 characters after the ``@``. ``None``: it follows their production."""

    @property
    def name(self) -> str:
        """What this project calls it."""
        return f"{self.project}{BETWEEN}{self.node}"

    @property
    def version(self) -> str | None:
        """Id that the version has there, when it is pinned."""
        return None if self.pin is None else f"{self.node}@{self.pin}"

    def behaviour(self) -> dict[str, Any]:
        """What of the options decides the output."""
        return {"project": self.project, "node": self.node, "pin": self.pin}

    def description(self) -> dict[str, Any]:
        """What of the options is about it without deciding the output."""
        return {}

    def __str__(self) -> str:
        how = "follows its production" if self.pin is None else f"is pinned to {self.version}"
        return f"of project '{self.project}'; {how}"


def shared(
    project: str,
    *,
    source: str | None = None,
    features: str | None = None,
    dataset: str | None = None,
    model: str | None = None,
    threshold: str | None = None,
) -> Declaration:
    """Use a public node of another project in the same store: ``so.shared("weather", features="conditions")``.

    It follows what that project answers with in production; ``"conditions@3f9a1c2b7d10"`` pins a version. It is used
    like an own node of its kind, and is called ``weather:conditions`` here. A build takes a version over with all
    that it rests on, and runs nothing.

    Args:
        project: Name of the other project.
        source: Id of a source there. Give exactly one kind.
        features: Id of features there.
        dataset: Id of a dataset there.
        model: Id of a model there.
        threshold: Id of a threshold there.

    Raises:
        DeclarationError: Not exactly one kind is given, or a name cannot be one.
    """
    place, module = calling_place(1)
    given = {
        kind: text
        for kind, text in (
            (NodeKind.SOURCE, source),
            (NodeKind.FEATURES, features),
            (NodeKind.DATASET, dataset),
            (NodeKind.MODEL, model),
            (NodeKind.THRESHOLD, threshold),
        )
        if text is not None
    }
    if len(given) != 1:
        raise DeclarationError(
            f"so.shared names {len(given)} nodes" if given else "so.shared does not say which node it means",
            hint=f"name exactly one, by its kind: so.shared('{project}', features='…')",
            where=place,
        )
    ((kind, text),) = given.items()
    spec = _spec(project, text, place)
    return Declaration(
        kind=kind,
        make_spec=lambda _: spec,
        uses=(),
        where=place,
        module=module,
        name=spec.name,
        access=Access.PUBLIC,
        shared=spec,
    )


def _spec(project: str, text: str, place: str) -> SharedSpec:
    if not isinstance(project, str) or not PROJECT.match(project):
        raise DeclarationError(
            f"'{project}' cannot name a project",
            hint="what its soroi.toml says as name: letters, digits, _ and -, beginning with a letter",
            where=place,
        )
    node, at, pin = text.partition("@")
    name = node.partition("[")[0]
    if not NAME.match(name):
        raise DeclarationError(
            f"'{text}' cannot name a node of project '{project}'",
            hint="letters, digits and _, beginning with a letter; to pin a version, add @ and its 12 characters",
            where=place,
        )
    if at and not PIN.match(pin):
        raise DeclarationError(
            f"'{text}' pins no version: '{pin}' is not the end of a version's id",
            hint=f"the 12 characters after the @ of a version: soroi status {node} --versions, in project '{project}'",
            where=place,
        )
    NodeId.parse(node)
    return SharedSpec(project, node, pin if at else None)

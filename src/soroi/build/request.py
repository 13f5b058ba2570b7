"""What a caller asks of a build."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from soroi.base.errors import DeclarationError, did_you_mean
from soroi.declare.graph import Graph


@dataclass(frozen=True, slots=True)
class BuildRequest:
    """What to build, from what."""

    nodes: tuple[str, ...] = ()
    """Ids of the nodes wanted; empty: all."""

    as_of: datetime | None = None
    """Use only what was known before this moment, and look at the sources again. ``None``: no limit."""

    refresh: bool = False
    """Look at the sources again, though an earlier data version would do."""

    upstream: bool = False
    """Bring everything upstream of the nodes up to date as well."""

    overrides: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    """Hyper-parameters by node: ``{"careful": {"learning_rate": 0.05}}``."""

    inputs: Mapping[str, str] = field(default_factory=dict)
    """Versions named by the caller, by node: ``{"careful": "careful@3f9a1c2b7d10"}``."""

    force: bool = False
    """Run again what has been built from the same inputs before."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as recorded with the run."""
        return {
            "nodes": list(self.nodes),
            "as_of": self.as_of.isoformat() if self.as_of else None,
            "refresh": self.refresh,
            "upstream": self.upstream,
            "overrides": {node: dict(values) for node, values in self.overrides.items()},
            "inputs": dict(self.inputs),
            "force": self.force,
        }


def check_request(request: BuildRequest, graph: Graph) -> None:
    """Check a request against the declarations.

    Raises:
        UnknownNameError: It names a node that is not there.
        DeclarationError: It sets a parameter that the node's function does not have, or of another type.
    """
    for name in (*request.nodes, *request.inputs):
        graph[name]
    for name, values in request.overrides.items():
        node = graph[name]
        for parameter, value in values.items():
            if parameter not in node.parameters:
                raise DeclarationError(
                    f"{node.label} has no parameter '{parameter}'",
                    hint=did_you_mean(parameter, node.parameters)
                    or "give its function a keyword parameter with a default",
                    where=node.where,
                )
            _check_type(node.label, parameter, node.parameters[parameter], value, node.where)


def _check_type(label: str, parameter: str, default: Any, value: Any, where: str) -> None:
    if default is None or isinstance(value, type(default)):
        if isinstance(value, bool) == isinstance(default, bool) or default is None:
            return
    elif isinstance(default, float) and isinstance(value, int) and not isinstance(value, bool):
        return
    raise DeclarationError(
        f"{label}: {parameter}={value!r} is of another type than its default {default!r}",
        hint=f"give a {type(default).__name__}",
        where=where,
    )

"""The end of a node's life, announced beforehand: since when not to use it, what instead, when it may go."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any

from soroi.base.errors import DeclarationError, RefusedError
from soroi.base.reason import Reason
from soroi.declare.graph import Graph
from soroi.declare.node import Access, Node, project_of


@dataclass(frozen=True, slots=True)
class Deprecation:
    """That a node should no longer be used."""

    since: date
    """From this day on no new consumer may use it."""

    remove_after: date | None = None
    """After this day it may be removed, when nothing live uses it. ``None``: not settled, so it stays."""

    use_instead: str | None = None
    """Id of the node to use instead."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data, as recorded with a version."""
        return {
            "since": self.since.isoformat(),
            "remove_after": self.remove_after.isoformat() if self.remove_after else None,
            "use_instead": self.use_instead,
        }

    @classmethod
    def from_dict(cls, body: dict[str, Any]) -> Deprecation:
        """Read what :meth:`to_dict` wrote."""
        end = body.get("remove_after")
        return cls(date.fromisoformat(body["since"]), date.fromisoformat(end) if end else None, body.get("use_instead"))

    def __str__(self) -> str:
        instead = f"; use '{self.use_instead}' instead" if self.use_instead else ""
        end = f", to be removed after {self.remove_after}" if self.remove_after else ""
        return f"deprecated since {self.since}{end}{instead}"


def deprecated(
    *, since: str | date, remove_after: str | date | None = None, use_instead: str | None = None
) -> Deprecation:
    """Announce that a node should no longer be used: ``@so.features(…, deprecated=so.deprecated(since=…))``.

    Args:
        since: From this day on no new consumer may use it. An ISO date.
        remove_after: After this day it may be removed, when nothing live uses it.
        use_instead: Id of the node to use instead.

    Raises:
        DeclarationError: A date is not one, or the end lies before the beginning.
    """
    first, end = _day(since, "since"), _day(remove_after, "remove_after")
    assert first is not None
    if end is not None and end < first:
        raise DeclarationError(f"remove_after={end} lies before since={first}", hint="give a later day")
    return Deprecation(first, end, use_instead)


def _day(text: str | date | None, name: str) -> date | None:
    if text is None or isinstance(text, date):
        return text
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise DeclarationError(f"{name}='{text}' is not a day", hint="such as 2026-01-31") from None


def deprecation_notes(graph: Graph) -> dict[str, tuple[Reason, ...]]:
    """For each consumer, direct or not, of a deprecated node: what it should know, and whom it concerns.

    Args:
        graph: The declarations.
    """
    notes: dict[str, list[Reason]] = {}
    for node in graph:
        if node.deprecation is None:
            continue
        for name in graph.sorted(graph.downstream([node.name]) - {node.name}):
            consumer = graph[name]
            direct = any(edge.producer == node.name for edge in consumer.edges)
            how = "uses" if direct else "rests on"
            whom = f" ({consumer.group.owner})" if consumer.group else ""
            text = f"{name}{whom} {how} '{node.name}', which is {node.deprecation}"
            notes.setdefault(name, []).append(Reason("access", text, name, facts=node.deprecation.to_dict()))
    return {name: tuple(found) for name, found in notes.items()}


def refused_uses(node: Node, graph: Graph, today: date) -> list[Reason]:
    """What a node that was never built may not use any more, so that its build will be refused.

    Args:
        node: The node.
        graph: The declarations.
        today: The day.
    """
    producers = [graph[edge.producer] for edge in node.edges]
    return [
        Reason(
            "access",
            f"it is new and may not use {one.label}, which is {one.deprecation}",
            node.name,
            facts={**one.deprecation.to_dict(), "producer": one.name},
        )
        for one in producers
        if one.deprecation is not None and today >= one.deprecation.since
    ]


def check_consumers(graph: Graph, today: date, was_built_before: Callable[[str, date], bool]) -> None:
    """Refuse new consumers of deprecated nodes.

    Args:
        graph: The declarations.
        today: The day.
        was_built_before: Whether a node had a version before a day: then it is not new.

    Raises:
        RefusedError: A node that is new uses one that is deprecated.
    """
    for node in graph:
        for edge in node.edges:
            producer = graph[edge.producer]
            end = producer.deprecation
            if end is None or today < end.since or was_built_before(node.name, end.since):
                continue
            raise RefusedError(
                f"{node.label} is new and may not use {producer.label}, which is {end}",
                hint=_instead(producer),
                where=node.where,
            )


def check_removals(
    graph: Graph, today: date, described: Iterable[tuple[str, dict[str, Any]]], live: Iterable[str]
) -> None:
    """Refuse to let go of a deprecated node too early.

    Args:
        graph: The declarations.
        today: The day.
        described: Nodes that once were built, with the description recorded last.
        live: Nodes that production needs.

    Raises:
        RefusedError: A deprecated node is gone from the declarations before its day, or while it is live.
    """
    needed = set(live)
    for name, description in described:
        recorded = description.get("deprecated")
        if name in graph or not recorded or project_of(name) is not None:  # a node of another project stays there
            continue
        end = Deprecation.from_dict(recorded)
        if end.remove_after is None or today <= end.remove_after:
            until = f"until {end.remove_after} has passed" if end.remove_after else "before remove_after= is settled"
            raise RefusedError(
                f"'{name}' is {end}, and may not be removed {until}", hint="put its declaration back until then"
            )
        if name in needed:
            raise RefusedError(
                f"'{name}' is {end}, and is still live in production",
                hint="release a set without it first: take it out of what uses it, then build, stage and release",
            )


@dataclass(frozen=True, slots=True)
class OutsideUse:
    """That another project answers, in production, with what rests on a node of this one."""

    node: str
    """Id of the node here."""

    project: str
    """Name of the other project."""

    owners: tuple[str, ...]
    """Whom to ask there: owners of the nodes that use it."""

    def __str__(self) -> str:
        return f"'{self.project}'" + (f" ({', '.join(self.owners)})" if self.owners else "")


def check_withdrawals(graph: Graph, uses: Iterable[OutsideUse]) -> None:
    """Refuse to take back what other projects answer with: a node that is gone, or public no more.

    Args:
        graph: The declarations.
        uses: What other projects use.

    Raises:
        RefusedError: A node in use there is not declared any more, or not as public; names the projects and their
            owners.
    """
    using: dict[str, list[OutsideUse]] = {}
    for one in uses:
        using.setdefault(one.node, []).append(one)
    for name, found in sorted(using.items()):
        gone = name not in graph
        if not gone and graph[name].access is Access.PUBLIC:
            continue
        what = f"'{name}' may not be removed" if gone else f"{graph[name].label} must stay access='public'"
        raise RefusedError(
            f"{what}: it is live in the production of {', '.join(map(str, found))}",
            hint="put it back as it was and deprecate it; once these projects have released without it, it may go",
            where=None if gone else graph[name].where,
            projects=[one.project for one in found],
        )


def _instead(producer: Node) -> str:
    end = producer.deprecation
    if end is not None and end.use_instead:
        return f"use '{end.use_instead}'"
    return f"ask {producer.group.owner}" if producer.group else "use another node"

"""The plan: what is declared against what is built, staged and live, and what to do next. Pure data."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soroi.base.display import Display, Shown
from soroi.base.reason import Reason
from soroi.build.status import NodeStatus, State
from soroi.declare.graph import Graph
from soroi.declare.node import NodeKind
from soroi.release.step import StepReport


class Action(enum.StrEnum):
    """The least work that a node needs."""

    NOTHING = "nothing"
    DESCRIBE = "describe"
    BUILD = "build"
    REFIT = "refit"
    LOOK = "look"
    STAGE = "stage"

    @property
    def is_work(self) -> bool:
        """Whether there is something to do."""
        return self is not Action.NOTHING

    @property
    def is_build(self) -> bool:
        """Whether ``soroi build`` does it."""
        return self in (Action.DESCRIBE, Action.BUILD, Action.REFIT, Action.LOOK)


@dataclass(frozen=True)
class PlanNode:
    """What a plan says of one node."""

    node: str
    """Id of the node."""

    kind: NodeKind
    """What it is."""

    action: Action
    """The least work it needs."""

    because: tuple[Reason, ...]
    """Why."""

    live: str | None
    """The version in production."""

    staged: str | None
    """The version in staging."""

    reaches: tuple[str, ...]
    """Ids of the decisions that its work reaches; empty when there is nothing to do."""

    owner: str | None
    """Whom to ask."""

    seconds: float | None
    """How long its last build took."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "node": self.node,
            "kind": self.kind.value,
            "action": self.action.value,
            "because": [reason.to_dict() for reason in self.because],
            "live": self.live,
            "staged": self.staged,
            "reaches": list(self.reaches),
            "owner": self.owner,
            "seconds": self.seconds,
        }


@dataclass(frozen=True, repr=False)
class ReleasePlan(Shown):
    """What a release would do, and what stands in its way."""

    environment: str
    """Which head it is about."""

    nodes: tuple[PlanNode, ...]
    """Every node, producers first."""

    report: StepReport
    """Whether staging is in step."""

    manifest: str | None
    """The sealed manifest of staging, when it is in step."""

    live: str | None
    """The manifest that is live."""

    changes: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    """What a release would change, by node: the live version and the staged one."""

    commands: tuple[str, ...] = ()
    """What to do next, in order."""

    def display(self) -> Display:
        """What each node needs, and what to do next."""
        work = [one for one in self.nodes if one.action.is_work]
        rows = [
            [one.node, one.action.value, ", ".join(one.reaches), "; ".join(r.text for r in one.because)] for one in work
        ]
        state = f"{self.manifest} is sealed" if self.manifest else "staging is not sealed"
        notes = [f"next: {command}" for command in self.commands]
        return Display(f"Plan for {self.environment}: {state}", ("node", "needs", "reaches", "because"), rows, notes)

    @property
    def behind(self) -> tuple[str, ...]:
        """Ids of the nodes that are out of step in staging."""
        return tuple(self.report.behind)

    @property
    def releasable(self) -> bool:
        """Whether staging is sealed and differs from what is live."""
        return self.manifest is not None and self.manifest != self.live

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "environment": self.environment,
            "live": self.live,
            "manifest": self.manifest,
            "releasable": self.releasable,
            **self.report.to_dict(),
            "changes": {node: {"live": old, "staged": new} for node, (old, new) in self.changes.items()},
            "nodes": [node.to_dict() for node in self.nodes],
            "commands": list(self.commands),
        }


@dataclass(frozen=True)
class PlanInputs:
    """What a plan is derived from."""

    graph: Graph
    statuses: Mapping[str, NodeStatus]
    report: StepReport
    environment: str
    manifest: str | None
    live: str | None
    live_picks: Mapping[str, str]
    staged_picks: Mapping[str, str]


def make_plan(inputs: PlanInputs) -> ReleasePlan:
    """Derive the plan. Does no I/O."""
    reached = inputs.graph.reached(NodeKind.DECISION)
    nodes = tuple(_plan_node(name, inputs, reached) for name in inputs.graph.names)
    answering = sorted({*inputs.live_picks, *inputs.staged_picks})
    changes = {
        name: (inputs.live_picks.get(name), inputs.staged_picks.get(name))
        for name in answering
        if inputs.live_picks.get(name) != inputs.staged_picks.get(name)
    }
    return ReleasePlan(
        environment=inputs.environment,
        nodes=nodes,
        report=inputs.report,
        manifest=inputs.manifest,
        live=inputs.live,
        changes=changes,
        commands=_commands(nodes, inputs),
    )


def _plan_node(name: str, inputs: PlanInputs, reached: Mapping[str, tuple[str, ...]]) -> PlanNode:
    status = inputs.statuses[name]
    node = inputs.graph[name]
    action, because = _action(status, inputs)
    return PlanNode(
        node=name,
        kind=status.kind,
        action=action,
        because=because,
        live=status.live,
        staged=status.staged,
        reaches=reached[name] if action.is_work else (),
        owner=node.group.owner if node.group else None,
        seconds=status.seconds,
    )


def _action(status: NodeStatus, inputs: PlanInputs) -> tuple[Action, tuple[Reason, ...]]:
    behind = inputs.report.behind.get(status.node, ())
    if status.state is State.UNKNOWN:
        return Action.LOOK, status.reasons
    if status.state in (State.MISSING, State.STALE) or behind:
        if status.ready is not None and not behind and not _is_upstream(status):
            return Action.STAGE, (*status.reasons, Reason("ready", f"{status.ready} was built so", status.node))
        work = Action.REFIT if status.kind is NodeKind.THRESHOLD and status.version else Action.BUILD
        return work, status.reasons or behind
    if status.kind.answers and status.staged is None and any(r.subject == status.node for r in inputs.report.missing):
        return Action.STAGE, (Reason("missing", "built, and not in staging", status.node),)
    if not status.described:
        return Action.DESCRIBE, (Reason("description", "its description changed; nothing is built", status.node),)
    return Action.NOTHING, ()


def _is_upstream(status: NodeStatus) -> bool:
    return any(reason.kind in ("upstream", "behind") for reason in status.reasons)


def _commands(nodes: tuple[PlanNode, ...], inputs: PlanInputs) -> tuple[str, ...]:
    build = [one.node for one in nodes if one.action.is_build]
    ready = [one.node for one in nodes if one.action is Action.STAGE]
    rebuilt = [one.node for one in nodes if one.action.is_build and one.action is not Action.DESCRIBE]
    answering = [one for one in rebuilt if inputs.statuses[one].kind.answers]
    commands: list[str] = []
    if build:
        names = "" if len(build) == len(nodes) else " " + " ".join(inputs.graph.contract(build))
        commands.append(f"soroi build{names}")
    if answering or ready:
        everything = not inputs.staged_picks
        commands.append(
            "soroi stage " + ("--all" if everything else " ".join(inputs.graph.contract([*ready, *answering])))
        )
    if not commands and inputs.manifest is not None and inputs.manifest != inputs.live:
        commands.append("soroi release")
    return tuple(commands)

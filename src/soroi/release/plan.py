"""The plan: what is declared against what is built, staged and live, and what to do next. Pure data."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from soroi.base.display import Display, Shown
from soroi.base.reason import Reason
from soroi.build.reference import PRODUCTION
from soroi.build.shares import Shares
from soroi.build.status import NodeStatus, State
from soroi.declare.gating import SIGN_OFFS
from soroi.declare.graph import Graph
from soroi.declare.node import NodeKind
from soroi.release.crossing import Crossing, crossings
from soroi.release.step import StepReport
from soroi.release.verdicts import MISSING, GateState, Standing, approve_command


class Action(enum.StrEnum):
    """The least work that a node needs."""

    NOTHING = "nothing"
    DESCRIBE = "describe"
    BUILD = "build"
    REFIT = "refit"
    LOOK = "look"
    STAGE = "stage"
    JUDGE = "judge"

    @property
    def is_work(self) -> bool:
        """Whether there is something to do."""
        return self is not Action.NOTHING

    @property
    def is_costly(self) -> bool:
        """Whether code of the node runs for it."""
        return self in (Action.BUILD, Action.REFIT)

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

    live_uses: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    """Which of the decisions that its work reaches are live, by environment."""

    owners: tuple[str, ...] = ()
    """Whom its work concerns: who owns it and the decisions that it reaches."""

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
            "live_uses": {environment: list(names) for environment, names in self.live_uses.items()},
            "owners": list(self.owners),
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

    crossing: tuple[Crossing, ...] = ()
    """What crosses from other projects."""

    held_up: Reason | None = None
    """Why the gates refused the sealed manifest when it was to be released before; it would be judged again."""

    standing: Standing | None = None
    """How the sealed manifest stands before its gates; ``None``: staging is not sealed."""

    broke_glass: Reason | None = None
    """That what is live went live by overriding gates, with who, why and which."""

    def display(self) -> Display:
        """What each node needs, and what to do next."""
        work = [one for one in self.nodes if one.action.is_work]
        rows = [
            [one.node, one.action.value, ", ".join(one.reaches), "; ".join(r.text for r in one.because)] for one in work
        ]
        state = f"{self.manifest} is sealed" if self.manifest else "staging is not sealed"
        notes = [str(one) for one in self.crossing]
        notes += list(self.held_up.lines()) if self.held_up else []
        notes += [f"{one.gate.name}: {one.state}" for one in self.gates]
        notes += list(self.broke_glass.lines()) if self.broke_glass else []
        notes += [f"next: {command}" for command in self.commands]
        return Display(f"Plan for {self.environment}: {state}", ("node", "needs", "reaches", "because"), rows, notes)

    @property
    def gates(self) -> tuple[GateState, ...]:
        """How each gate of the sealed manifest stands, in the order in which they are judged."""
        return self.standing.states if self.standing is not None else ()

    @property
    def behind(self) -> tuple[str, ...]:
        """Ids of the nodes that are out of step in staging."""
        return tuple(self.report.behind)

    @property
    def seconds(self) -> float:
        """Time that the builds it asks for took when they were last done, one after the other. An equal output stops
        the chain earlier; what was never built is not in it: see :attr:`unmeasured`."""
        return sum(one.seconds or 0.0 for one in self.nodes if one.action.is_costly)

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Ids of the nodes to be built of which nobody knows how long they take."""
        return tuple(one.node for one in self.nodes if one.action.is_costly and one.seconds is None)

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
            "seconds": round(self.seconds, 3),
            "unmeasured": list(self.unmeasured),
            "held_up": self.held_up.to_dict() if self.held_up else None,
            "gates": [one.to_dict() for one in self.gates],
            **_standing_dict(self.standing),
            "broke_glass": self.broke_glass.to_dict() if self.broke_glass else None,
            "crossing": [one.to_dict() for one in self.crossing],
        }


def _standing_dict(standing: Standing | None) -> dict[str, Any]:
    """What an approval would sign, and what of the gates is left out or not declared."""
    if standing is None:
        return {"plan": None, "requires": None, "left_out": [], "without_risk": []}
    gates, requires = standing.gates, standing.requires
    return {
        "plan": standing.case.digest,
        "requires": {"holds": requires.holds, "reason": requires.reason.to_dict()} if requires is not None else None,
        "left_out": [{"gate": one.name, "why": one.asks} for one in gates.left_out],
        "without_risk": list(gates.undeclared),
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
    shares: Shares = field(default_factory=Shares.none)
    live_nodes: Mapping[str, frozenset[str]] = field(default_factory=dict)
    held_up: Reason | None = None
    standing: Standing | None = None
    broke_glass: Reason | None = None


def make_plan(inputs: PlanInputs) -> ReleasePlan:
    """Derive the plan. Does no I/O."""
    reached = inputs.graph.reached(NodeKind.DECISION)
    nodes = tuple(_plan_node(name, inputs, reached) for name in inputs.graph.names)
    sealed = {name: head.id for name, head in inputs.report.needed.items()}
    changes = {
        name: (inputs.live_picks.get(name), sealed.get(name))
        for name in sorted({*inputs.live_picks, *sealed})
        if inputs.live_picks.get(name) != sealed.get(name)
    }
    return ReleasePlan(
        environment=inputs.environment,
        nodes=nodes,
        report=inputs.report,
        manifest=inputs.manifest,
        live=inputs.live,
        changes=changes,
        commands=_commands(nodes, inputs),
        crossing=crossings(inputs.shares, inputs.statuses),
        held_up=inputs.held_up if inputs.manifest != inputs.live else None,
        standing=inputs.standing,
        broke_glass=inputs.broke_glass,
    )


def _plan_node(name: str, inputs: PlanInputs, reached: Mapping[str, tuple[str, ...]]) -> PlanNode:
    status = inputs.statuses[name]
    node = inputs.graph[name]
    action, because = _action(status, inputs)
    owner = node.group.owner if node.group else None
    if not action.is_work:
        return PlanNode(name, status.kind, action, because, status.live, status.staged, (), owner, status.seconds)
    reaches = reached[name]
    live = {where: tuple(one for one in reaches if one in held) for where, held in inputs.live_nodes.items()}
    groups = (inputs.graph[one].group for one in (name, *reaches))
    return PlanNode(
        node=name,
        kind=status.kind,
        action=action,
        because=because,
        live=status.live,
        staged=status.staged,
        reaches=reaches,
        owner=owner,
        seconds=status.seconds,
        live_uses={where: names for where, names in live.items() if names},
        owners=tuple(sorted({group.owner for group in groups if group and group.owner})),
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
    unjudged = _unjudged(status.node, inputs.standing) if status.kind is NodeKind.DECISION else ()
    return (Action.JUDGE, unjudged) if unjudged else (Action.NOTHING, ())


def _unjudged(decision: str, standing: Standing | None) -> tuple[Reason, ...]:
    """Why a decision must be judged, or judged again: a verdict is missing, or a gate's definition changed."""
    states = standing.states if standing is not None else ()
    lacking = (one for one in states if one.gate.decision == decision and one.gate.spec.is_judged)
    return tuple(one.reason for one in lacking if one.state == MISSING)


def _is_upstream(status: NodeStatus) -> bool:
    return any(reason.kind in ("upstream", "behind") for reason in status.reasons)


def _commands(nodes: tuple[PlanNode, ...], inputs: PlanInputs) -> tuple[str, ...]:
    unusable = {share.spec.name for share in inputs.shares if share.problem is not None}
    nodes = tuple(one for one in nodes if one.node not in unusable)  # their own project must act first
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
    if commands or inputs.manifest is None:
        return tuple(commands)
    if inputs.manifest != inputs.live:
        return (*_before_release(inputs.standing), "soroi release")
    return ("soroi judge",) if any(one.action is Action.JUDGE for one in nodes) else ()


def _before_release(standing: Standing | None) -> tuple[str, ...]:
    """What must be done before a release can pass: people approve what was judged, so judging comes first."""
    if standing is None:
        return ()
    reasons = [one.reason for one in standing.states if one.stands_in_the_way and not one.gate.spec.is_judged]
    reasons += [standing.requires.reason] if standing.requires is not None and not standing.requires.holds else []
    asked = [str(one.facts["approve"]) for reason in reasons for one in reason.walk() if "approve" in one.facts]
    where = standing.case.environment
    approve = [approve_command(where, kind if kind in SIGN_OFFS else None) for kind in dict.fromkeys(asked)]
    unjudged = any(one.is_unjudged for one in standing.states)
    judge = "soroi judge" if where == PRODUCTION else f"soroi judge {where}"
    return (*([judge] if approve and unjudged else []), *dict.fromkeys(approve))

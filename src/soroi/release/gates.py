"""The gates of a release: those of every release, of the risk profiles, of the decisions, and of the environment."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

from soroi.base.digest import digest
from soroi.declare.gate import EnvironmentSpec, GateSpec
from soroi.declare.graph import Graph
from soroi.declare.node import NodeKind
from soroi.release.profiles import ALWAYS, PROFILES, asked
from soroi.rules import All, ApprovedBy, Condition, passed

if TYPE_CHECKING:
    from soroi.release.subject import Subject

IN_STEP = "in step"
LOADS = "loads and answers"
ESSENTIAL = (IN_STEP, LOADS)
"""Names of the gates that nothing overrides."""


@dataclass(frozen=True)
class Gate:
    """One gate of one release."""

    spec: GateSpec
    """What is asked."""

    decision: str | None
    """Id of the decision that asks it; ``None``: it is asked of the whole set."""

    code: str | None = None
    """Digest of the code behind its function, if it has one."""

    origin: str = ""
    """Where it comes from: ``every release``, ``standard``, ``judged_by``."""

    overridden: str | None = None
    """What of the profile it replaces, in words."""

    settled: Mapping[str, Any] = field(default_factory=dict)
    """Options that the gate leaves open and the decision settles."""

    @property
    def name(self) -> str:
        """Its name, with that of the decision: ``latency:check``."""
        return f"{self.spec.name}:{self.decision}" if self.decision is not None else self.spec.name

    @cached_property
    def options(self) -> dict[str, Any]:
        """What it asks for, with what the decision settles."""
        return {**self.spec.options, **self.settled}

    @cached_property
    def digest(self) -> str:
        """Digest of its definition: what it asks, of which decision, by which code."""
        body = {**self.spec.to_dict(), "options": self.options, "decision": self.decision, "code": self.code}
        return digest("gate", body)

    @property
    def asks(self) -> str:
        """What it asks for, in words."""
        return asked(replace(self.spec, options=self.options))

    @property
    def is_essential(self) -> bool:
        """Whether nothing overrides it."""
        return self.decision is None and self.spec.name in ESSENTIAL

    @property
    def condition(self) -> Condition:
        """What must hold."""
        options = self.spec.options
        if self.spec.kind == "sign-off":
            return ApprovedBy(options["sign_off"], options["n"], options["not_author"], signed=True)
        return passed(self.name)


@dataclass(frozen=True)
class GateSet:
    """All gates of the releases of one set to one environment."""

    environment: str
    """Name of the environment."""

    gates: tuple[Gate, ...]
    """The gates, in the order in which they are judged: cheap ones first."""

    requires: Condition | None = None
    """What the environment asks for besides."""

    left_out: tuple[Gate, ...] = ()
    """Gates of profiles that a decision leaves out, each with the reason."""

    undeclared: tuple[str, ...] = ()
    """Decisions that declare neither a risk nor gates."""

    @cached_property
    def digest(self) -> str:
        """Digest of all definitions: what an approval rests on."""
        asks = self.requires.to_dict() if self.requires is not None else None
        gates = sorted([one.digest, one.spec.mandatory] for one in self.gates)
        return digest("gates", {"environment": self.environment, "gates": gates, "requires": asks})

    @property
    def judged(self) -> tuple[Gate, ...]:
        """Those on which there are verdicts."""
        return tuple(one for one in self.gates if one.spec.is_judged)

    @property
    def mandatory(self) -> tuple[Gate, ...]:
        """Those that must be satisfied."""
        return tuple(one for one in self.gates if one.spec.mandatory)

    @property
    def condition(self) -> Condition:
        """What must hold for a release."""
        parts = [one.condition for one in self.mandatory]
        return All((*parts, *([self.requires] if self.requires is not None else [])))

    @property
    def essential(self) -> GateSet:
        """Only what is asked of every release: what a rollback must satisfy."""
        return GateSet(self.environment, tuple(one for one in self.gates if one.is_essential))

    def named(self, names: Iterable[str]) -> tuple[Gate, ...]:
        """The judged gates of some names, with or without that of the decision."""
        wanted = set(names)
        return tuple(one for one in self.judged if one.name in wanted or one.spec.name in wanted)


def essential_gates(environment: str) -> GateSet:
    """Only what is asked of every release.

    Args:
        environment: Name of the environment.
    """
    return GateSet(environment, tuple(Gate(one, None, origin="every release") for one in ALWAYS))


def gates_of_release(
    graph: Graph,
    decisions: Iterable[str],
    environment: str,
    *,
    code: Mapping[str, Mapping[str, str]],
    declared: EnvironmentSpec | None = None,
    configured: Condition | None = None,
) -> GateSet:
    """The gates of the releases of some decisions to an environment. Does no I/O.

    Args:
        graph: The declarations.
        decisions: Ids of the decisions in the set.
        environment: Name of the environment.
        code: Digests of the code behind gates: by decision, then by name of the gate.
        declared: What the project's code says of the environment.
        configured: What ``soroi.toml`` says of it.
    """
    gates = list(essential_gates(environment).gates)
    left_out: list[Gate] = []
    undeclared: list[str] = []
    for name in sorted(decisions):
        if name not in graph or graph[name].kind is not NodeKind.DECISION:
            continue
        spec = graph[name].spec
        if spec.risk is None and not spec.judged_by:
            undeclared.append(name)
        found = _gates_of_decision(graph, name, code.get(name, {}))
        gates += [one for one in found if one.spec.kind != "without"]
        left_out += [one for one in found if one.spec.kind == "without"]
    parts = [one for one in (declared.requires if declared is not None else None, configured) if one is not None]
    requires = None if not parts else parts[0] if len(parts) == 1 else All(tuple(parts))
    gates.sort(key=lambda one: (one.spec.cost.order, not one.is_essential))
    return GateSet(environment, tuple(gates), requires, tuple(left_out), tuple(undeclared))


def _gates_of_decision(graph: Graph, name: str, code: Mapping[str, str]) -> list[Gate]:
    spec = graph[name].spec
    base = {one.name: one for one in PROFILES[spec.risk].gates} if spec.risk is not None else {}
    own = {one.name: one for one in spec.judged_by if one.kind not in ("in step", "loads")}
    found: list[Gate] = []
    for gate_name, gate in {**base, **own}.items():
        before = base.get(gate_name) if gate_name in own else None
        over = f"{spec.risk} asks for {asked(before)}{_force(before)}" if before is not None else None
        origin = "judged_by" if gate_name in own else str(spec.risk)
        found.append(Gate(gate, name, code.get(gate_name), origin, over, _settled(graph, name, gate)))
    return found


def _force(gate: GateSpec) -> str:
    return "" if gate.mandatory else " (not mandatory)"


def _settled(graph: Graph, name: str, gate: GateSpec) -> dict[str, Any]:
    """What the gate leaves to the decision: its deadline, or what its last threshold maximises."""
    spec = graph[name].spec
    if gate.kind == "latency" and gate.options["p99"] is None:
        return {"p99": spec.deadline.total_seconds()}
    if gate.kind == "beats" and gate.options["metric"] is None:
        return {"metric": _objective(graph, spec.cascade[-1].threshold)}
    return {}


def settled_for(spec: GateSpec, subject: Subject) -> dict[str, Any]:
    """What a gate leaves to the decision, read from its version instead of the declarations: for a gate on its own.

    Args:
        spec: The gate.
        subject: The decision.
    """
    facts = subject.version.facts
    if spec.kind == "latency" and spec.options["p99"] is None:
        return {"p99": facts["deadline"]}
    if spec.kind == "beats" and spec.options["metric"] is None:
        last = facts["steps"][-1]["threshold"]
        cuts = [one for one in subject.of_kind("threshold") if one.node.partition("[")[0] == last]
        metric = str(cuts[0].facts["objective"]["maximise"]) if cuts else "recall"
        return {"metric": metric if metric != "alert_rate" else "accuracy"}
    return {}


def _objective(graph: Graph, threshold: str) -> str:
    members = graph.families[threshold].members if threshold in graph.families else [threshold]
    known = [one for one in members if one in graph]
    metric = str(graph[known[0]].spec.objective.maximise.name) if known else "recall"
    return metric if metric != "alert_rate" else "accuracy"

"""Verdicts: which there are on a manifest, what each is bound to, and how its gates stand by them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from soroi.base.digest import digest
from soroi.base.reason import Reason
from soroi.build.reference import PRODUCTION
from soroi.codebase import environment_record
from soroi.release.case import Case
from soroi.release.gates import Gate, GateSet
from soroi.release.manifest import Manifest
from soroi.release.subject import resting_on
from soroi.rules import ApprovalFact, Facts, Finding, Holding, Window
from soroi.store import HeadRecord, Transaction, VerdictRecord

SATISFIED = "satisfied"
MISSING = "missing"
NOT_APPLICABLE = "not applicable"
_SHOWN = {"pass": SATISFIED, "fail": "failed", "inconclusive": "inconclusive", "error": "error"}


@dataclass(frozen=True)
class GateState:
    """How one gate stands."""

    gate: Gate
    """The gate."""

    state: str
    """``satisfied``, ``not applicable``, ``missing``, ``failed``, ``inconclusive`` or ``error``."""

    reason: Reason
    """Why."""

    verdict: VerdictRecord | None = None
    """The verdict that says so."""

    changed: bool = False
    """Whether it was judged before by another definition of the gate."""

    command: str | None = None
    """What would supply what is missing."""

    @property
    def stands_in_the_way(self) -> bool:
        """Whether a release must wait for it."""
        return self.gate.spec.mandatory and self.state not in (SATISFIED, NOT_APPLICABLE)

    @property
    def is_unjudged(self) -> bool:
        """Whether it has no verdict that holds, and gets one when it is judged."""
        return self.state == MISSING and self.gate.spec.is_judged

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        gate = self.gate
        return {
            "gate": gate.name,
            "decision": gate.decision,
            "state": self.state,
            "mandatory": gate.spec.mandatory,
            "cost": gate.spec.cost.value,
            "asks": gate.asks,
            "why": gate.spec.why,
            "from": gate.origin,
            "overridden": gate.overridden,
            "digest": gate.digest,
            "verdict": self.verdict.id if self.verdict is not None else None,
            "figures": list(self.verdict.figures) if self.verdict is not None else [],
            "reason": self.reason.to_dict(),
            "command": self.command,
        }


@dataclass(frozen=True)
class Surroundings:
    """What conditions ask for besides verdicts."""

    now: datetime
    """The time."""

    windows: Mapping[str, Window] = field(default_factory=dict)
    """The windows of ``soroi.toml``."""

    author: str | None = None
    """Who put the last of the set in staging."""

    approvals: Sequence[ApprovalFact] = ()
    """Approvals that count."""

    not_counted: Sequence[Reason] = ()
    """Why others do not."""


@dataclass(frozen=True)
class Binding:
    """What a verdict is bound to, besides the definition of its gate."""

    subjects: tuple[str, ...]
    """Ids of what is judged."""

    data: Mapping[str, Any]
    """What else the verdict rests on."""


def bindings(tx: Transaction, gates: GateSet, manifest: Manifest, live: Manifest | None) -> dict[str, Binding]:
    """What the verdict of each gate is bound to, by name of the gate.

    A gate of a decision is bound to the versions that the decision rests on, so that another decision of the set may
    change without judging this one again.

    Args:
        tx: A transaction that reads.
        gates: The gates.
        manifest: What is judged.
        live: What is live where it is to go.
    """
    mine: dict[str, tuple[str, ...]] = {}
    theirs: dict[str, tuple[str, ...] | None] = {}
    found: dict[str, Binding] = {}
    for gate in gates.judged:
        data: dict[str, Any] = {}
        if gate.spec.kind in ("loads", "latency"):
            data["environment"] = digest("environment", environment_record())
        if gate.decision is None:
            found[gate.name] = Binding((manifest.id,), data)
            continue
        if gate.decision not in mine:
            mine[gate.decision] = _versions(tx, manifest, gate.decision)
            has = live is not None and gate.decision in live.picks
            theirs[gate.decision] = _versions(tx, live, gate.decision) if live and has else None
        compares = gate.options.get("other") == "live" or gate.spec.kind == "function"
        other = theirs[gate.decision]
        if compares and other != mine[gate.decision]:  # of what is live already, what it replaced does not matter
            data["live"] = digest("live", other) if other is not None else None
        found[gate.name] = Binding(mine[gate.decision], data)
    return found


def _versions(tx: Transaction, manifest: Manifest, decision: str) -> tuple[str, ...]:
    records = resting_on(tx, manifest, decision)
    return (records[decision].id, *sorted(one.id for node, one in records.items() if node != decision))


def recorded(
    tx: Transaction, gates: GateSet, bound: Mapping[str, Binding], now: datetime
) -> dict[str, tuple[VerdictRecord | None, str | None]]:
    """The newest verdict that holds for each gate; or why there is none, when there was one.

    Args:
        tx: A transaction that reads.
        gates: The gates.
        bound: What their verdicts are bound to.
        now: The time.
    """
    held: dict[str, list[VerdictRecord]] = {}
    found: dict[str, tuple[VerdictRecord | None, str | None]] = {}
    for gate in gates.judged:
        first = bound[gate.name].subjects[0]
        if first not in held:
            held[first] = tx.verdicts.of(first)
        found[gate.name] = _newest(gate, bound[gate.name], held[first], now)
    return found


def _newest(
    gate: Gate, bound: Binding, verdicts: Sequence[VerdictRecord], now: datetime
) -> tuple[VerdictRecord | None, str | None]:
    mine = [one for one in verdicts if one.gate == gate.name]
    why = None
    for one in mine:
        if (
            sorted(one.subjects) != sorted(bound.subjects)
            or not _same_data(one, bound)
            or one.gate_digest != gate.digest
        ):
            continue
        if gate.spec.lasts is not None and now - one.at > gate.spec.lasts:
            why = f"its verdict of {one.at:%Y-%m-%d %H:%M} UTC is too old to hold"
            break
        return one, None
    if why is None and any(one.gate_digest != gate.digest for one in mine):
        why = f"the gate's definition changed since it was judged on {mine[0].at:%Y-%m-%d %H:%M} UTC"
    elif why is None and mine:
        why = "what it was judged against changed since"
    return None, why


def _same_data(verdict: VerdictRecord, bound: Binding) -> bool:
    """Whether a verdict rests on the same data. Of what is live already, it does not matter what it replaced."""
    then = dict(verdict.data.get("bound", {}))
    if "live" not in bound.data:
        then.pop("live", None)
    return then == bound.data


def states(
    gates: GateSet, verdicts: Mapping[str, tuple[VerdictRecord | None, str | None]], facts: Facts
) -> tuple[GateState, ...]:
    """How each gate stands, in their order. Does no I/O.

    Args:
        gates: The gates.
        verdicts: What :func:`recorded` found.
        facts: Approvals, time and windows, for those that are conditions.
    """
    return tuple(_state(gate, verdicts.get(gate.name, (None, None)), facts, gates.environment) for gate in gates.gates)


def _state(gate: Gate, found: tuple[VerdictRecord | None, str | None], facts: Facts, environment: str) -> GateState:
    if not gate.spec.is_judged:
        held = gate.condition.evaluate(facts)
        command = None if held.holds else approve_command(environment, str(gate.options["sign_off"]))
        return GateState(gate, SATISFIED if held.holds else MISSING, held.reason, command=command)
    verdict, why = found
    place = "" if environment == PRODUCTION else f" {environment}"
    name = f"'{gate.name}'" if " " in gate.name else gate.name
    command = f"soroi judge{place} --gate {name}"
    if verdict is None:
        text = f"'{gate.name}' must be judged again: {why}" if why else f"'{gate.name}' has not been judged"
        return GateState(gate, MISSING, Reason("gate", text, gate.decision), changed=why is not None, command=command)
    state = _SHOWN.get(verdict.outcome, NOT_APPLICABLE)
    settled = state in (SATISFIED, NOT_APPLICABLE)
    return GateState(gate, state, reason_of(verdict), verdict, command=None if settled else command)


def approve_command(environment: str, kind: str | None) -> str:
    """The command that gives an approval.

    Args:
        environment: Where it counts.
        kind: As what; ``None``: the usual one.
    """
    place = "" if environment == PRODUCTION else f" --environment {environment}"
    return f"soroi approve{place}{f' --kind {kind}' if kind not in (None, 'release') else ''}"


def reason_of(verdict: VerdictRecord) -> Reason:
    """Why a verdict says what it says."""
    body = verdict.data.get("reason")
    return Reason.from_dict(body) if body else Reason("gate", f"{verdict.gate}: {verdict.outcome}", verdict.subjects[0])


def facts_of(verdicts: Collection[VerdictRecord], around: Surroundings) -> Facts:
    """The facts that conditions are about. A name without a decision stands for the worst of all decisions.

    Args:
        verdicts: The verdicts that hold.
        around: Approvals, time and windows.
    """
    findings: dict[str, Finding] = {}
    plain: dict[str, list[Finding]] = {}
    for one in verdicts:
        found = Finding.of(outcome_of(one), reason_of(one))
        findings[one.gate] = found
        name, mark, _ = one.gate.rpartition(":")
        if mark and one.data.get("decision"):
            plain.setdefault(name, []).append(found)
    together = {name: _worst(found) for name, found in plain.items() if name not in findings}
    return Facts(
        findings={**findings, **together},
        approvals=tuple(around.approvals),
        now=around.now,
        windows=around.windows,
        author=around.author,
        not_counted=tuple(around.not_counted),
    )


def outcome_of(verdict: VerdictRecord) -> str:
    """The outcome of a verdict, as :data:`soroi.declare.gate.OUTCOMES` has it."""
    return verdict.outcome.replace(" ", "_")


def _worst(found: Sequence[Finding]) -> Finding:
    blocking = [one for one in found if one.blocks]
    passing = [one for one in found if one.passed]
    return (blocking or passing or list(found))[0]


def author_of(tx: Transaction) -> str | None:
    """Who put the last of the staged set there."""
    return tx.staging.author()


@dataclass(frozen=True)
class Standing:
    """A manifest before its gates, as the catalogue has it."""

    gates: GateSet
    """The gates."""

    case: Case
    """What an approval would sign."""

    states: tuple[GateState, ...]
    """How each gate stands."""

    requires: Holding | None
    """Whether what the environment asks for holds; ``None``: it asks for nothing."""

    holds: bool
    """Whether all that is mandatory holds."""

    reason: Reason
    """Why."""


def stand(
    gates: GateSet,
    manifest: Manifest,
    head: HeadRecord | None,
    verdicts: Mapping[str, tuple[VerdictRecord | None, str | None]],
    around: Callable[[Case], Surroundings],
    author: str | None = None,
) -> Standing:
    """How a manifest stands before its gates, with the verdicts there are.

    Args:
        gates: The gates.
        manifest: The manifest.
        head: Where the head stands.
        verdicts: What :func:`recorded` found.
        around: Gives approvals, time and windows for the case.
        author: Who put the last of it in staging.
    """
    known = [one for one, _ in verdicts.values() if one is not None]
    case = Case(gates.environment, manifest, head, gates.digest, tuple(known), author)
    facts = facts_of(known, around(case))
    held = gates.condition.evaluate(facts)
    requires = gates.requires.evaluate(facts) if gates.requires is not None else None
    return Standing(gates, case, states(gates, verdicts, facts), requires, held.holds, held.reason)


def held_verdicts(
    found: Mapping[str, tuple[VerdictRecord | None, str | None]], again: Collection[str] = ()
) -> dict[str, VerdictRecord]:
    """The verdicts that need not be made again: those that pass or do not apply.

    Args:
        found: What :func:`recorded` found.
        again: Names of gates to judge again whatever there is.
    """
    kept = {name: one for name, (one, _) in found.items() if one is not None and name not in again}
    return {name: one for name, one in kept.items() if outcome_of(one) in ("pass", "not_applicable")}

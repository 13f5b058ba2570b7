"""Judging: the gates of a manifest run in the order of their cost, and their verdicts recorded."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from typing import Any

from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.release.gates import IN_STEP, Gate, GateSet
from soroi.release.manifest import Manifest
from soroi.release.verdicts import Binding, bindings, held_verdicts, outcome_of, reason_of, recorded
from soroi.rules import Finding
from soroi.store import Store, VerdictRecord

Judge = Callable[[Manifest], Finding]
"""Judges a manifest, for a gate."""


def run_gates(
    gates: GateSet,
    judges: Mapping[str, Judge],
    manifest: Manifest,
    held: Mapping[str, VerdictRecord],
    bound: Mapping[str, Binding],
    runtime: Runtime,
    *,
    only: Collection[str] | None = None,
    spare: bool = True,
) -> list[VerdictRecord]:
    """Judge what is missing, cheap gates first. A dearer gate is spared when a cheaper mandatory one does not hold.

    Args:
        gates: The gates.
        judges: What judges each gate, by name.
        manifest: What is judged.
        held: Verdicts that need not be made again, by name of the gate.
        bound: What verdicts are bound to.
        runtime: Clock, ids and actor.
        only: Names of the gates to judge; ``None``: all.
        spare: Whether dear gates are spared so; not where what does not hold is to be overridden, all of it in sight.

    Returns:
        The new verdicts, in the order of judging.
    """
    made: list[VerdictRecord] = []
    blocked: int | None = None
    for gate in gates.judged:
        verdict = held.get(gate.name)
        if verdict is None:
            spared = spare and blocked is not None and gate.spec.cost.order > blocked
            if spared or (only is not None and gate.name not in only):
                continue
            judge = _in_step if gate.name == IN_STEP else judges.get(gate.name)
            if judge is None:
                if gate.spec.mandatory and only is None:
                    blocked = gate.spec.cost.order if blocked is None else min(blocked, gate.spec.cost.order)
                continue
            verdict = _verdict(gate, judge(manifest), bound[gate.name], manifest, runtime)
            made.append(verdict)
        if gate.spec.mandatory and Finding.of(outcome_of(verdict), reason_of(verdict)).blocks:
            blocked = gate.spec.cost.order if blocked is None else min(blocked, gate.spec.cost.order)
    return made


def _in_step(manifest: Manifest) -> Finding:
    return Finding(True, Reason("in step", f"{manifest.id} was sealed in step", manifest.id))


def _verdict(gate: Gate, found: Finding, bound: Binding, manifest: Manifest, runtime: Runtime) -> VerdictRecord:
    data: dict[str, Any] = {"reason": found.reason.to_dict(), "manifest": manifest.id, "bound": dict(bound.data)}
    data |= {"decision": gate.decision} if gate.decision is not None else {}
    return VerdictRecord(
        id=runtime.ids.new("verdict"),
        gate=gate.name,
        gate_digest=gate.digest,
        subjects=list(bound.subjects),
        outcome=found.outcome,
        figures=[dict(one) for one in found.figures],
        data=data,
        judged_by=f"soroi for {runtime.actor}",
        at=runtime.clock.now(),
    )


def judge_manifest(
    store: Store,
    gates: GateSet,
    manifest: Manifest,
    live: Manifest | None,
    judges: Mapping[str, Judge],
    runtime: Runtime,
    *,
    only: Collection[str] | None = None,
    again: bool = False,
) -> list[VerdictRecord]:
    """Judge a manifest without releasing it: what is missing, or some gates by name. Records the verdicts.

    Args:
        store: The store.
        gates: The gates.
        manifest: The manifest.
        live: What is live where it is to go.
        judges: What judges each gate, by name.
        runtime: Clock, ids and actor.
        only: Names of the gates to judge; ``None``: all.
        again: Judge also what has a verdict that holds.

    Returns:
        The new verdicts.
    """
    with store.catalogue.read() as tx:
        bound = bindings(tx, gates, manifest, live)
        found = recorded(tx, gates, bound, runtime.clock.now())
    repeated = [one.name for one in gates.judged] if again else []
    repeated = [name for name in repeated if only is None or name in only]
    made = run_gates(gates, judges, manifest, held_verdicts(found, repeated), bound, runtime, only=only)
    if made:
        with store.catalogue.write() as tx:
            for one in made:
                tx.verdicts.add(one)
    return made

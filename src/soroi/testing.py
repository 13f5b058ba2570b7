"""What a project needs to test what it adds to soroi: a conformance suite that any gate can be run through."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from soroi.base.digest import canonical
from soroi.base.errors import SoroiError
from soroi.declare.gate import OUTCOMES, Cost, GateSpec
from soroi.declare.gating import gate_of

if TYPE_CHECKING:
    from soroi.release.subject import Subject

__all__ = ["GateError", "check_gate", "gate_problems"]


class GateError(SoroiError, AssertionError):
    """A gate breaks the contract of gates; names every rule that it breaks."""

    code = "gate"


def check_gate(gate: Any, *subjects: Subject) -> GateSpec:
    """Check that a gate keeps the contract: run it in the tests of a project that adds one.

    Its declaration is whole and is plain data; its name and cost are known; a verdict that also rests on something
    outside the store does not hold for ever. With subjects: it comes to one of the outcomes with a reason, its figures
    have intervals, the same subject gives the same outcome twice, and what it raises is an error, never a pass.

    Args:
        gate: The gate: what ``so.latency(…)`` and the like give, or a function under ``@so.gate(…)``.
        *subjects: Decisions to judge, such as ``project.subject("check")`` of a project made for the test.

    Returns:
        The gate as declared.

    Raises:
        GateError: It does not; names every rule that it breaks.
        DeclarationError: It is no gate.
    """
    spec = gate_of(gate)
    problems = gate_problems(spec, subjects)
    if problems:
        raise GateError(f"the gate '{spec.name}' breaks the contract: " + "; ".join(problems))
    return spec


def gate_problems(spec: GateSpec, subjects: Iterable[Subject] = ()) -> list[str]:
    """What of the contract a gate breaks, in sentences; see :func:`check_gate`.

    Args:
        spec: The gate.
        subjects: Decisions to judge.
    """
    problems = _declared(spec)
    for subject in subjects if spec.is_judged and not problems else ():
        problems += _judged(spec, subject)
    return problems


def _declared(spec: GateSpec) -> list[str]:
    problems: list[str] = []
    if not spec.name.strip() or ":" in spec.name.replace("signed off: ", ""):
        problems.append(f"its name '{spec.name}' is empty, or has a colon, which stands before the decision")
    if spec.cost not in list(Cost):
        problems.append(f"its cost '{spec.cost}' is none")
    try:
        canonical(spec.to_dict())
    except TypeError as error:
        problems.append(f"its options are not plain data: {error}")
    if spec.lasts is not None and spec.lasts <= timedelta(0):
        problems.append("its verdicts hold for no time at all")
    if spec.cost is Cost.DEAR and spec.kind != "function" and spec.lasts is None:
        problems.append("it asks a process of this machine, and its verdicts hold for ever")
    return problems


def _judged(spec: GateSpec, subject: Subject) -> list[str]:
    from soroi.release.checks import judge_gate
    from soroi.release.gates import Gate, settled_for

    gate = Gate(spec, subject.decision, settled=settled_for(spec, subject))
    found = judge_gate(gate, subject)
    problems: list[str] = []
    if found.outcome not in OUTCOMES:
        problems.append(f"its outcome '{found.outcome}' is none")
    if found.outcome == "error":
        problems.append(f"it cannot judge '{subject.decision}': {found.reason.text}")
    for figure in found.figures:
        problems += _figure(figure)
    if spec.cost is not Cost.DEAR and judge_gate(gate, subject).outcome != found.outcome:
        problems.append("judging the same subject twice comes to two outcomes")
    return problems


def _figure(figure: Any) -> list[str]:
    name = figure.get("name", "?")
    if not {"value", "low", "high"} <= figure.keys():
        return [f"its figure '{name}' has no interval"]
    value, low, high = figure["value"], figure["low"], figure["high"]
    if not low <= high or (value is not None and not low <= value <= high):
        return [f"its figure '{name}' lies outside its own interval"]
    return []

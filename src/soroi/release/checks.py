"""How the built-in gates of decisions are judged, and those that a project writes itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec

from soroi.base.duration import brief
from soroi.base.errors import SoroiError
from soroi.base.reason import Reason
from soroi.declare.gate import Judgement
from soroi.declare.objective import Constraint
from soroi.release.gates import Gate
from soroi.release.subject import Subject
from soroi.rules import Finding

Check = Callable[[Gate, Subject], Finding]
"""Judges a subject for a gate."""

_PERCENTILE = 0.99


def judge_gate(gate: Gate, subject: Subject) -> Finding:
    """Judge a subject for a gate. What raises is the outcome ``error``, never an exception.

    Args:
        gate: The gate.
        subject: The decision that is judged.
    """
    try:
        return _CHECKS[gate.spec.kind](gate, subject)
    except SoroiError as error:
        return Finding.of("error", _reason(gate, "error", error.message, facts=_plain_facts(error)))
    except Exception as error:  # a gate of the project may raise anything
        said = str(error).strip().splitlines()[0] if str(error).strip() else "no message"
        return Finding.of("error", _reason(gate, "error", f"it raised {type(error).__name__}: {said}"))


def _plain_facts(error: SoroiError) -> dict[str, Any]:
    return {"code": error.code, "hint": error.hint}


def _reason(gate: Gate, kind: str, text: str, **more: Any) -> Reason:
    return Reason(kind, f"{gate.name}: {text}", gate.decision, **more)


def _found(gate: Gate, outcome: str, text: str, figures: Sequence[Any] = ()) -> Finding:
    return Finding.of(outcome, _reason(gate, outcome, text), tuple(_figure(one) for one in figures))


def _figure(one: Any) -> dict[str, Any]:
    body = msgspec.to_builtins(one)
    if not isinstance(body, dict) or "name" not in body:
        raise TypeError(f"{one!r} is not a figure: it has no name")
    return body


def _worst(outcomes: Sequence[str]) -> str:
    for one in ("fail", "error", "inconclusive", "pass"):
        if one in outcomes:
            return one
    return "not_applicable"


# ── data ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def _data(gate: Gate, subject: Subject) -> Finding:
    """Rows joined, positive rows to judge by, and the age of the newest row."""
    options = gate.options
    said: list[tuple[str, str]] = []
    if options["join_rate"] is not None:
        said += _join_rates(subject, options["join_rate"])
    if options["positives"] is not None:
        said += _positives(subject, options["positives"])
    if options["fresh_within"] is not None:
        said += _fresh(subject, options["fresh_within"])
    if not said:
        return _found(gate, "not_applicable", "it asks for nothing that the data have")
    outcome = _worst([one for one, _ in said])
    telling = [text for one, text in said if one == outcome]
    because = tuple(Reason(one, text, gate.decision) for one, text in said)
    return Finding.of(outcome, _reason(gate, outcome, "; ".join(telling), because=because))


def _join_rates(subject: Subject, floor: float) -> list[tuple[str, str]]:
    said = []
    for one in subject.behind("dataset"):
        rate = one.facts.get("join_rate")
        if rate is None:
            said.append(("inconclusive", f"{one.id} was built before join rates were recorded"))
        else:
            side = "" if rate >= floor else f", below {floor:g},"
            said.append(("pass" if rate >= floor else "fail", f"{one.id} holds {rate:.3f}{side} of its first input"))
    return said


def _positives(subject: Subject, least: int) -> list[tuple[str, str]]:
    said = []
    for one in subject.of_kind("model"):
        count = one.facts["parts"]["test"]["positives"]
        enough = count >= least
        text = f"{one.id} has {count} positive test rows{'' if enough else f', fewer than {least}'}"
        said.append(("pass" if enough else "fail", text))
    return said


def _fresh(subject: Subject, within: float) -> list[tuple[str, str]]:
    said = []
    for one in subject.behind("source"):
        if one.watermark is None:
            continue
        age = (subject.now - one.watermark).total_seconds()
        old = age > within
        text = f"the newest row of {one.id} is {brief(age)} old{f', more than {brief(within)}' if old else ''}"
        said.append(("fail" if old else "pass", text))
    return said


# ── figures ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _bound(gate: Gate, subject: Subject) -> Finding:
    """A figure on the test rows against a bound."""
    from soroi.evidence import judge, verdict_reason

    options = gate.options
    bound = Constraint(options["metric"], options["operator"], options["level"])
    figure = subject.figure(bound.metric, options["confidence"])
    return _found(gate, judge(figure, bound).value, verdict_reason(figure, bound).text, [figure])


def _beats(gate: Gate, subject: Subject) -> Finding:
    """A paired difference on the same rows."""
    other = gate.options["other"]
    if other == "constant":
        return _beats_constant(gate, subject)
    from soroi.release.judged_rows import against_live, against_rule, spine_of

    if other == "live":
        if not subject.live_versions:
            return _found(
                gate, "not_applicable", f"nothing answers '{subject.decision}' in '{subject.environment}' yet"
            )
        if subject.is_live:
            return _found(gate, "not_applicable", "the very same versions answer already")
        compared = against_live(subject.store, subject.versions, subject.live_versions, subject.decision)
        return _difference(gate, compared, "the live one")
    rule = gate.spec.function
    assert rule is not None
    spine = spine_of(subject.versions, subject.behind("source"))
    facts = subject.version.facts
    compared = against_rule(subject.store, subject.rows, spine, rule, facts["fail_safe"] == facts["positive"])
    return _difference(gate, compared, f"the rule {rule.__name__}")


def _beats_constant(gate: Gate, subject: Subject) -> Finding:
    """Against the better of always and never acting. Where nothing is acted on, no precision is known."""
    import numpy as np

    from soroi.release.judged_rows import Compared

    frame = subject.rows.frame
    target, acted = frame["target"].to_numpy(), frame["acted"].to_numpy()
    always = gate.options["metric"] == "precision" or bool(target.mean() >= 0.5)
    constant = np.full(target.shape, always)
    return _difference(gate, Compared(target, acted, constant), "always acting" if always else "never acting")


def _difference(gate: Gate, compared: Any, rival: str) -> Finding:
    from soroi.evidence.paired import paired_difference

    options = gate.options
    by, metric = options["by"], options["metric"]
    figure = paired_difference(
        compared.target, compared.acted, compared.other, metric, confidence=options["confidence"]
    )
    asked = f"more than {by:g}" if by >= 0 else f"no more than {-by:g} below"
    rest = f" ({compared.note})" if compared.note else ""
    if figure.value is None:
        return _found(gate, "inconclusive", f"only {figure.n} rows to compare {metric} with {rival} on{rest}", [figure])
    outcome = "pass" if figure.low >= by else "fail" if figure.high < by else "inconclusive"
    verb = {"pass": "is", "fail": "is not", "inconclusive": "cannot be told to be"}[outcome]
    shown = f"{figure.value:+.3f} [{figure.low:+.3f}, {figure.high:+.3f}]"
    text = f"its {metric} against {rival} is {shown} on {figure.n} rows, which {verb} {asked}{rest}"
    return _found(gate, outcome, text, [figure])


# ── latency ───────────────────────────────────────────────────────────────────────────────────────────────────────


def _latency(gate: Gate, subject: Subject) -> Finding:
    """The 99th percentile in a real serving process, with a distribution-free interval."""
    if subject.tried is None:
        return _found(gate, "error", "there is no serving process to ask")
    trial = subject.tried(subject.decision)
    times, promise = sorted(trial.milliseconds), gate.options["p99"] * 1000.0
    n = len(times)
    if trial.problem is not None:
        told = "the serving process could not be timed"
        return Finding.of("error", _reason(gate, "error", told, because=(trial.problem,)))
    if n == 0:
        return _found(gate, "error", "the serving process gave no answers")
    value, low, high = percentile(times)
    figure = {
        "name": "latency p99", "value": value, "low": low, "high": high, "confidence": 0.95, "n": n,
        "unit": "ms", "method": "order-statistics",
    }  # fmt: skip
    shown = f"99 of 100 answers within {value:.3g} ms, measured on {n}; asked for {promise:g} ms"
    if trial.late > n * (1.0 - _PERCENTILE):
        return _found(gate, "fail", f"{trial.late} of {n} answers were fallbacks: a model was late; {shown}", [figure])
    enough = n >= math.ceil(math.log(0.05) / math.log(_PERCENTILE))
    outcome = (
        "inconclusive" if not enough else "pass" if high <= promise else "fail" if low > promise else "inconclusive"
    )
    return _found(gate, outcome, shown, [figure])


def percentile(times: Sequence[float], share: float = _PERCENTILE) -> tuple[float, float, float]:
    """The estimate of a percentile and its two-sided 90 % interval, from order statistics (Conover 1999).

    Each end errs with probability 5 % whatever the distribution; with too few values the upper end is the greatest.

    Args:
        times: Values in ascending order, at least one.
        share: Which percentile, in (0, 1).
    """
    n = len(times)
    middle = n * share
    wide = 1.6449 * math.sqrt(n * share * (1.0 - share))
    low, high = max(math.floor(middle - wide) - 1, 0), min(math.ceil(middle + wide), n - 1)
    return times[min(math.ceil(middle), n) - 1], times[low], times[high]


# ── the project's own ─────────────────────────────────────────────────────────────────────────────────────────────


def _function(gate: Gate, subject: Subject) -> Finding:
    """What a function of the project says."""
    function = gate.spec.function
    assert function is not None
    said = function(subject)
    if isinstance(said, bool):
        text = f"{function.__name__} says {'yes' if said else 'no'}"
        return _found(gate, "pass" if said else "fail", text)
    if isinstance(said, Judgement):
        return _found(gate, said.outcome, said.reason, said.figures)
    kind = type(said).__name__
    return _found(gate, "error", f"{function.__name__} returned {kind}, not True, False or a so.Judgement")


_CHECKS: Mapping[str, Check] = {
    "data": _data,
    "bound": _bound,
    "beats": _beats,
    "latency": _latency,
    "function": _function,
}

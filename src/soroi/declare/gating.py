"""The public way to declare gates and what environments ask for: calls that make plain data."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from datetime import timedelta
from typing import Any, TypeVar, overload

from soroi.base.duration import duration
from soroi.base.errors import DeclarationError
from soroi.declare.declaration import calling_place, function_place, input_names
from soroi.declare.decorators import at_least as share_floor
from soroi.declare.gate import Cost, EnvironmentSpec, GateSpec
from soroi.declare.node import NAME
from soroi.declare.objective import CONSTRAINABLE, Constraint, Metric

F = TypeVar("F", bound=Callable[..., Any])
GATE_MARK = "__soroi_gate__"
"""Attribute under which a function carries the gate that it is."""

SIGN_OFFS = ("owner", "audit", "security", "ethics", "legal", "release")
"""Kinds of sign-off."""

HIGHER_IS_BETTER = ("recall", "precision", "accuracy", "f1")
LOWER_IS_BETTER = ("false_positive_rate",)

_ENVIRONMENTS: ContextVar[list[tuple[str, EnvironmentSpec]] | None] = ContextVar("soroi_environments", default=None)


@contextmanager
def collecting_environments() -> Iterator[list[tuple[str, EnvironmentSpec]]]:
    """Gather every environment declared while the block runs, with the module that declared it."""
    made: list[tuple[str, EnvironmentSpec]] = []
    token = _ENVIRONMENTS.set(made)
    try:
        yield made
    finally:
        _ENVIRONMENTS.reset(token)


def environment(name: str, *, requires: Any) -> EnvironmentSpec:
    """Say what an environment asks for, besides the gates of the decisions in it.

    Args:
        name: Name of the environment, such as ``"production"``.
        requires: A condition, such as
            ``so.passed("latency") & so.approved_by("owner", n=2) & so.not_during("freeze")``.

    Raises:
        DeclarationError: The name is not one, or the condition is not a condition.
    """
    place, module = calling_place(1)
    if not NAME.match(name.replace("-", "_")):
        raise DeclarationError(f"'{name}' cannot name an environment", hint="such as 'production'", where=place)
    if not callable(getattr(requires, "evaluate", None)) or not callable(getattr(requires, "to_dict", None)):
        hint = "such as requires=so.approved_by('owner', n=2) & so.not_during('freeze')"
        raise DeclarationError(f"requires={requires!r} is not a condition", hint=hint, where=place)
    made = EnvironmentSpec(name, requires, place)
    known = _ENVIRONMENTS.get()
    if known is not None:
        known.append((module, made))
    return made


# ── gates that are built in ───────────────────────────────────────────────────────────────────────────────────────


def in_step(*, name: str = "in step") -> GateSpec:
    """The set is in step. It is asked of every release and cannot be overridden; naming it changes nothing."""
    return GateSpec("in step", name, Cost.CHEAP)


def loads(p99: str | timedelta | None = None, *, name: str | None = None, mandatory: bool = True) -> GateSpec:
    """The manifest loads and answers in a real serving process; that is asked of every release.

    With ``p99`` it is the gate :func:`latency`: the answers must be quick as well.

    Args:
        p99: Time within which 99 of 100 answers come; ``None``: that it answers is enough.
        name: Its name.
        mandatory: Whether it must be satisfied.
    """
    if p99 is not None:
        return latency(p99, name=name or "latency", mandatory=mandatory)
    return GateSpec("loads", name or "loads and answers", Cost.DEAR, lasts=timedelta(days=7))


def latency(
    p99: str | timedelta | None = None, *, requests: int = 1000, name: str = "latency", mandatory: bool = True
) -> GateSpec:
    """Answers come in time, measured one by one in a real serving process of this machine.

    Args:
        p99: Time within which 99 of 100 answers come; ``None``: the deadline of the decision.
        requests: How many are asked, at most. Fewer than 299 cannot say anything about the 99th percentile.
        name: Its name.
        mandatory: Whether it must be satisfied.

    Raises:
        DeclarationError: The time is not a duration, or too few are asked.
    """
    if requests < 299:
        raise DeclarationError(
            f"requests={requests} are too few for the 99th percentile",
            hint="299 or more: 0.99 to the power of 299 is below 5 %",
        )
    seconds = None if p99 is None else _span(p99, "p99").total_seconds()
    options = {"p99": seconds, "requests": requests}
    return GateSpec("latency", name, Cost.DEAR, options, mandatory=mandatory, lasts=timedelta(days=7))


def beats(
    other: str | Callable[..., Any],
    *,
    metric: Metric | None = None,
    by: float = 0.0,
    confidence: float = 0.95,
    name: str | None = None,
    mandatory: bool = True,
) -> GateSpec:
    """The decision does better than another, on the same rows that neither learned from, shown by an interval.

    Args:
        other: ``"live"``: what answers now; ``"constant"``: the better of always and never acting; or a plain rule: a
            row of the spine as a mapping in; True, False or None (cannot say, which takes the fail-safe action) out.
        metric: What is compared. Default: what the decision's last threshold maximises; against ``"constant"``,
            ``so.precision``.
        by: How much better at least. Below zero: how much worse at most, which is what to ask for of a retrained
            model: an equal one can never be shown to be better.
        confidence: Of the two-sided interval of the difference.
        name: Its name. Default: ``beats live``, ``beats constant``, ``beats <rule>``.
        mandatory: Whether it must be satisfied.

    Raises:
        DeclarationError: There is no such thing to beat, or the metric has no better and worse.
    """
    what = other if isinstance(other, str) else "rule"
    if what not in ("live", "constant", "rule") or not (isinstance(other, str) or callable(other)):
        raise DeclarationError(f"there is no '{other}' to beat", hint="'live', 'constant', or a function: a plain rule")
    rule = None if isinstance(other, str) else _rule(other)
    metric_name = _compared(metric, what)
    if not -1.0 < by < 1.0:
        raise DeclarationError(f"by={by} is not a difference of shares", hint="such as by=0.02, or by=-0.02")
    options = {"other": what, "metric": metric_name, "by": float(by), "confidence": _confidence(confidence)}
    told = name or f"beats {rule.__name__ if rule is not None else what}"
    return GateSpec("beats", told, Cost.MODERATE, options, rule, mandatory)


@overload
def at_least(metric: float) -> float: ...
@overload
def at_least(
    metric: Metric, level: float, *, confidence: float = ..., name: str | None = ..., mandatory: bool = ...
) -> GateSpec: ...
def at_least(
    metric: Metric | float,
    level: float | None = None,
    *,
    confidence: float = 0.95,
    name: str | None = None,
    mandatory: bool = True,
) -> GateSpec | float:
    """A floor: of a figure as a gate, ``so.at_least(so.recall, 0.6)``; or plain, ``join_rate=so.at_least(0.98)``.

    Args:
        metric: The figure of the decision on its test rows; or the floor itself.
        level: The floor of the figure, from 0 to 1. The whole interval must be at or above it.
        confidence: Of the two-sided interval.
        name: Name of the gate. Default: the metric's.
        mandatory: Whether it must be satisfied.

    Raises:
        DeclarationError: The level is not a share, or the metric cannot be bounded.
    """
    if not isinstance(metric, Metric):
        return share_floor(metric)
    if level is None:
        raise DeclarationError(f"at_least({metric.name}) has no level", hint=f"so.at_least(so.{metric.name}, 0.6)")
    return keeps(metric >= level, confidence=confidence, name=name, mandatory=mandatory)


def at_most(
    metric: Metric, level: float, *, confidence: float = 0.95, name: str | None = None, mandatory: bool = True
) -> GateSpec:
    """A ceiling of a figure, as a gate: ``so.at_most(so.alert_rate, 0.1)``.

    Args:
        metric: The figure of the decision on its test rows.
        level: The ceiling, from 0 to 1. The whole interval must be at or below it.
        confidence: Of the two-sided interval.
        name: Name of the gate. Default: the metric's.
        mandatory: Whether it must be satisfied.

    Raises:
        DeclarationError: The level is not a share, or the metric cannot be bounded.
    """
    return keeps(metric <= level, confidence=confidence, name=name, mandatory=mandatory)


def keeps(bound: Constraint, *, confidence: float = 0.95, name: str | None = None, mandatory: bool = True) -> GateSpec:
    """A figure of the decision keeps a bound on its test rows: ``so.keeps(so.precision >= 0.9)``.

    Args:
        bound: The bound.
        confidence: Of the two-sided interval, the whole of which must keep it.
        name: Name of the gate. Default: the metric's.
        mandatory: Whether it must be satisfied.

    Raises:
        DeclarationError: It is not a bound, or the metric cannot be bounded.
    """
    if not isinstance(bound, Constraint):
        raise DeclarationError(f"{bound!r} is not a bound", hint="such as so.keeps(so.precision >= 0.9)")
    known = (*CONSTRAINABLE, "accuracy")
    if bound.metric not in known:
        raise DeclarationError(f"{bound.metric} has no interval to judge by", hint="bound one of " + ", ".join(known))
    options = {**bound.to_dict(), "confidence": _confidence(confidence)}
    return GateSpec("bound", name or bound.metric, Cost.MODERATE, options, mandatory=mandatory)


def data_checks(
    *,
    join_rate: float | None = None,
    positives: int | None = None,
    fresh_within: str | timedelta | None = None,
    name: str = "data",
    mandatory: bool = True,
) -> GateSpec:
    """What the decision learned from is whole, enough, and not too old.

    Args:
        join_rate: Least share of the first input's rows that each dataset must hold.
        positives: Least number of positive rows in the test part of each model.
        fresh_within: How old the newest row of each source that has a time may be.
        name: Its name.
        mandatory: Whether it must be satisfied.

    Raises:
        DeclarationError: A number is not what it should be.
    """
    if positives is not None and positives < 1:
        raise DeclarationError(f"positives={positives} asks for nothing", hint="1 or more")
    fresh = None if fresh_within is None else _span(fresh_within, "fresh_within").total_seconds()
    rate = None if join_rate is None else share_floor(join_rate)
    options = {"join_rate": rate, "positives": positives, "fresh_within": fresh}
    lasts = timedelta(days=1) if fresh is not None else None
    return GateSpec("data", name, Cost.CHEAP, options, mandatory=mandatory, lasts=lasts)


def signed_off(
    kind: str, n: int = 1, *, not_author: bool = False, name: str | None = None, mandatory: bool = True
) -> GateSpec:
    """People approved, as a kind of sign-off: ``soroi approve --kind audit``.

    Args:
        kind: ``owner``, ``audit``, ``security``, ``ethics``, ``legal`` or ``release``.
        n: How many different people.
        not_author: Whether the one who staged the set does not count.
        name: Its name. Default: ``signed off: <kind>``.
        mandatory: Whether it must be satisfied.

    Raises:
        DeclarationError: There is no such kind, or nobody is asked.
    """
    if kind not in SIGN_OFFS:
        raise DeclarationError(f"'{kind}' is not a kind of sign-off", hint="one of " + ", ".join(SIGN_OFFS))
    if n < 1:
        raise DeclarationError(f"n={n} asks nobody", hint="1 or more")
    options = {"sign_off": kind, "n": n, "not_author": not_author}
    return GateSpec("sign-off", name or f"signed off: {kind}", Cost.CHEAP, options, mandatory=mandatory)


def without(gate: str, *, reason: str) -> GateSpec:
    """Leave out a gate of the risk profile. The plan shows that it is left out, and why.

    Args:
        gate: Name of the gate.
        reason: Why.

    Raises:
        DeclarationError: No reason is given.
    """
    if not reason.strip():
        raise DeclarationError(f"'{gate}' is left out without a reason", hint="so.without(gate, reason='…')")
    return GateSpec("without", gate, Cost.CHEAP, {"reason": reason}, mandatory=False)


def gate(
    *,
    cost: str = "moderate",
    name: str | None = None,
    mandatory: bool = True,
    lasts: str | timedelta | None = None,
) -> Callable[[F], F]:
    """Make a gate of a plain function: the case in; a bool or a :class:`Judgement` out.

    The function stays a plain function. What it raises is the outcome ``error``. Its code is part of the gate's
    definition: when it changes, the gate is judged again.

    Args:
        cost: ``cheap`` (reads the catalogue), ``moderate`` (reads rows), ``dear`` (runs models or processes).
        name: Its name. Default: the function's.
        mandatory: Whether it must be satisfied.
        lasts: How long a verdict holds, if it also rests on something outside the store. Default: for ever.

    Raises:
        DeclarationError: The function does not take exactly the case, or an option is wrong.
    """
    if cost not in list(Cost):
        raise DeclarationError(f"cost='{cost}' is not known", hint="one of " + ", ".join(Cost))
    span = None if lasts is None else _span(lasts, "lasts")

    def mark(function: F) -> F:
        if len(input_names(function)) != 1:
            raise DeclarationError(
                f"the gate '{function.__name__}' takes {len(input_names(function))} arguments",
                hint="a gate takes one: the case",
                where=function_place(function),
            )
        made = GateSpec("function", name or function.__name__, Cost(cost), {}, function, mandatory, span)
        setattr(function, GATE_MARK, made)
        return function

    return mark


def gate_of(thing: Any, place: str = "") -> GateSpec:
    """The gate behind what somebody listed in ``judged_by=``.

    Raises:
        DeclarationError: It is none.
    """
    found = thing if isinstance(thing, GateSpec) else getattr(thing, GATE_MARK, None)
    if not isinstance(found, GateSpec):
        raise DeclarationError(
            f"judged_by={thing!r} is not a gate",
            hint="such as so.latency(p99='40ms'), or a function under @so.gate(cost='cheap')",
            where=place,
        )
    return found


def gates_of(given: Iterable[Any], place: str) -> tuple[GateSpec, ...]:
    """The gates of ``judged_by=``, each name once.

    Raises:
        DeclarationError: One is no gate, or a name is there twice.
    """
    found = [gate_of(one, place) for one in given]
    names = [one.name for one in found]
    for one in names:
        if names.count(one) > 1:
            raise DeclarationError(f"two gates are called '{one}'", hint="give one of them name=", where=place)
    return tuple(found)


def _rule(rule: Callable[..., Any]) -> Callable[..., Any]:
    if not NAME.match(getattr(rule, "__name__", "")):
        raise DeclarationError(f"the rule {rule!r} is not a named function", hint="write it with def")
    return rule


def _compared(metric: Metric | None, other: str) -> str | None:
    if metric is None:
        return "precision" if other == "constant" else None
    if not isinstance(metric, Metric) or metric.name not in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER):
        known = ", ".join(f"so.{one}" for one in (*HIGHER_IS_BETTER, *LOWER_IS_BETTER))
        raise DeclarationError(f"metric={metric!r} has no better and worse", hint=f"one of {known}")
    if other == "constant" and metric.name not in ("precision", "accuracy"):
        raise DeclarationError(
            f"no decision beats the {metric.name} of a constant: always or never acting has the best there is",
            hint="compare so.precision or so.accuracy",
        )
    return metric.name


def _confidence(value: float) -> float:
    if not 0.5 <= value < 1.0:
        raise DeclarationError(f"confidence={value} is not in [0.5, 1)", hint="such as confidence=0.95")
    return float(value)


def _span(text: str | timedelta, what: str) -> timedelta:
    try:
        found = duration(text)
    except ValueError as error:
        raise DeclarationError(f"{what}: {error}") from None
    if found <= timedelta(0):
        raise DeclarationError(f"{what}={text} is no time at all", hint=f"such as {what}='40ms'")
    return found

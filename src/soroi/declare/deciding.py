"""Thresholds and decisions: declared by calls that make objects, named by the variables they are assigned to."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from typing import Any

from soroi.base.duration import duration
from soroi.base.errors import DeclarationError
from soroi.declare.declaration import Declaration, Use, calling_place
from soroi.declare.domain import Domain, valid_domain
from soroi.declare.edge import Role
from soroi.declare.gate import RISKS
from soroi.declare.gating import gates_of
from soroi.declare.lifecycle import Deprecation
from soroi.declare.node import NAME, Group, NodeKind
from soroi.declare.objective import CONSTRAINABLE, MAXIMISABLE, Constraint, Metric, Objective
from soroi.declare.spec import CascadeStep, DecisionSpec, Rule, ThresholdSpec
from soroi.declare.valid import valid_access, valid_name


def threshold(
    model: Any,
    *,
    maximise: Metric,
    subject_to: Constraint | None = None,
    confidence: float = 0.95,
    name: str | None = None,
    group: Group | None = None,
    access: str = "protected",
    deprecated: Deprecation | None = None,
    doc: str = "",
) -> Declaration:
    """Declare a threshold: where the scores of one model are cut.

    It is fitted on rows that the model did not learn from, and belongs to exactly one version of the model.

    Args:
        model: The model whose scores it cuts; exactly one.
        maximise: The metric to make as large as possible, such as ``so.recall``.
        subject_to: A constraint such as ``so.precision >= 0.9``.
        confidence: With what probability the constraint holds on future rows like the fitting ones.
        name: Its name. Default: that of the variable it is assigned to.
        group: The team it belongs to. Default: the model's.
        access: ``private``, ``protected`` or ``public``.
        deprecated: That it should no longer be used; see :func:`deprecated`.
        doc: Its description.
    """
    place, module = calling_place(1)
    _check_threshold(model, maximise, subject_to, confidence, place)
    spec = ThresholdSpec(Objective(maximise, subject_to, confidence))
    return Declaration(
        kind=NodeKind.THRESHOLD,
        make_spec=lambda _: spec,
        uses=(Use(model, Role.CUTS),),
        where=place,
        module=module,
        name=valid_name(name, place),
        group=group,
        access=valid_access(access, place),
        deprecation=deprecated,
        doc=doc,
    )


def _check_threshold(model: Any, maximise: Any, subject_to: Any, confidence: float, place: str) -> None:
    if isinstance(model, list | tuple | set):
        raise DeclarationError(
            f"a threshold cuts exactly one model, not {len(model)}: a number fitted to the scores of one model "
            "means nothing for another",
            hint="declare one threshold per model",
            where=place,
        )
    if not isinstance(maximise, Metric):
        raise DeclarationError(
            f"maximise={maximise!r} is not a metric", hint="such as maximise=so.recall, without quotes", where=place
        )
    if maximise.name not in MAXIMISABLE:
        raise DeclarationError(
            f"{maximise.name} cannot be maximised", hint="maximise one of " + ", ".join(MAXIMISABLE), where=place
        )
    if subject_to is not None and not isinstance(subject_to, Constraint):
        raise DeclarationError(
            f"subject_to={subject_to!r} is not a constraint", hint="such as so.precision >= 0.9", where=place
        )
    if subject_to is not None and subject_to.metric not in CONSTRAINABLE:
        raise DeclarationError(
            f"{subject_to.metric} cannot be bounded: it has no exact test",
            hint="bound one of " + ", ".join(CONSTRAINABLE),
            where=place,
        )
    if not 0.5 <= confidence < 1.0:
        raise DeclarationError(
            f"confidence={confidence} is not in [0.5, 1)", hint="such as confidence=0.95", where=place
        )


class SureStep:
    """A step of a cascade whose answer is taken only where it is sure enough."""

    def __init__(self, threshold: Any, error: float, confidence: float) -> None:
        self.threshold = threshold
        self.error = error
        self.confidence = confidence


def when_sure(threshold: Any, *, error: float = 0.05, confidence: float = 0.95) -> SureStep:
    """Take a step's answer only where at most ``error`` of such answers are wrong.

    The levels are fitted on rows the model did not learn from, and belong to the decision's version.

    Args:
        threshold: The threshold to ask.
        error: Largest share of wrong answers among those taken.
        confidence: With what probability that holds on future rows like the fitting ones.
    """
    if not 0.0 < error < 1.0:
        raise DeclarationError(f"error={error} is not a share between 0 and 1", hint="such as error=0.05")
    return SureStep(threshold, error, confidence)


def decision(
    *,
    cascade: Sequence[Any],
    deadline: str | timedelta,
    positive: str,
    negative: str,
    fail_safe: str | None = None,
    fallbacks: Sequence[Rule] = (),
    domain: Mapping[str, Domain] | None = None,
    record: str = "soon",
    risk: str | None = None,
    judged_by: Sequence[Any] = (),
    name: str | None = None,
    group: Group | None = None,
    access: str = "protected",
    deprecated: Deprecation | None = None,
    doc: str = "",
) -> Declaration:
    """Declare a decision: which action is taken, by which path, within which time.

    Args:
        cascade: Thresholds to ask in turn, fast first; ``so.when_sure(threshold)`` for all but the last.
        deadline: Time within which an answer comes, such as ``"50ms"``.
        positive: Action where the score reaches the threshold.
        negative: Action where it does not.
        fail_safe: Action when nothing else could answer; must be the positive or the negative action.
        fallbacks: Plain rules, asked in order: a row of the spine as a mapping in; True, False or None
            (cannot say) out.
        domain: What models may be asked about, by column of the spine: ``so.between(0, 120)``,
            ``so.one_of("US", "NO")``. A row outside goes to the fallbacks at once, and says why.
        record: ``"durable"``: an answer is on disk before it is given; ``"soon"``: within a second.
        risk: ``"critical"``, ``"standard"`` or ``"availability"``: a complete set of gates for its releases, with
            numbers to start from. Default: only what is asked of every release.
        judged_by: Further gates, such as ``so.latency(p99="40ms")``; one of the same name as a gate of the profile
            replaces it. They decide no answer: changing them builds nothing.
        name: Its name. Default: that of the variable it is assigned to.
        group: The team it belongs to.
        access: ``private``, ``protected`` or ``public``.
        deprecated: That it should no longer be used; see :func:`deprecated`.
        doc: Its description.
    """
    place, module = calling_place(1)
    _check_decision(cascade, fail_safe, positive, negative, record, place)
    _check_rules(fallbacks, place)
    if risk is not None and risk not in RISKS:
        raise DeclarationError(f"risk='{risk}' is not known", hint="one of " + ", ".join(RISKS), where=place)
    gates = gates_of(judged_by, place)
    domains = valid_domain(domain, place)
    span = duration(deadline)
    steps = tuple(cascade)

    def spec(resolve: Callable[[Any], str]) -> DecisionSpec:
        return DecisionSpec(
            cascade=tuple(_step(one, resolve) for one in steps),
            deadline=span,
            positive=positive,
            negative=negative,
            fail_safe=str(fail_safe),
            fallbacks=tuple(fallbacks),
            durable=record == "durable",
            risk=risk,
            judged_by=gates,
            domain=domains,
        )

    return Declaration(
        kind=NodeKind.DECISION,
        make_spec=spec,
        uses=tuple(_step_use(one) for one in steps),
        where=place,
        module=module,
        name=valid_name(name, place),
        group=group,
        access=valid_access(access, place),
        deprecation=deprecated,
        doc=doc,
    )


def _check_decision(
    cascade: Sequence[Any], fail_safe: str | None, positive: str, negative: str, record: str, place: str
) -> None:
    if positive == negative:
        raise DeclarationError(
            f"the positive and the negative action are both '{positive}'", hint="name two actions", where=place
        )
    if fail_safe is None:
        raise DeclarationError(
            "a decision without a fail_safe cannot promise an answer",
            hint=f"add fail_safe='{negative}' or fail_safe='{positive}': the action when nothing else could answer",
            where=place,
        )
    if fail_safe not in (positive, negative):
        raise DeclarationError(
            f"fail_safe='{fail_safe}' is neither the positive action '{positive}' nor the negative '{negative}'",
            hint="name one of the two actions",
            where=place,
        )
    if not cascade:
        raise DeclarationError("a decision needs at least one step", hint="cascade=[a_threshold]", where=place)
    if isinstance(cascade[-1], SureStep):
        raise DeclarationError(
            "the last step of a cascade must always answer, so it cannot be when_sure(...)",
            hint="end the cascade with a plain threshold",
            where=place,
        )
    if record not in ("durable", "soon"):
        raise DeclarationError(f"record='{record}' is not known", hint="'durable' or 'soon'", where=place)


def _check_rules(fallbacks: Sequence[Any], place: str) -> None:
    for rule in fallbacks:
        if not callable(rule) or not NAME.match(getattr(rule, "__name__", "")):
            raise DeclarationError(
                f"the fallback {rule!r} is not a named function",
                hint="write it with def: a row in; True, False or None (cannot say) out",
                where=place,
            )


def _step(step: Any, resolve: Callable[[Any], str]) -> CascadeStep:
    if isinstance(step, SureStep):
        return CascadeStep(resolve(step.threshold), step.error, step.confidence)
    return CascadeStep(resolve(step))


def _step_use(step: Any) -> Use:
    if isinstance(step, SureStep):
        return Use(step.threshold, Role.SURE_BY)
    return Use(step, Role.ANSWERS_WITH)

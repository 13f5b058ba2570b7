"""The path of an answer: models, rules, the fail-safe; each in the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from soroi.serve.answer import Outcome, Step
from soroi.serve.evaluation import Evaluation, Places, Scored, describe
from soroi.serve.runner import Late, Runner, Ticket
from soroi.serve.snapshot import DecisionPart, FamilyStep, RulePart, StepPart

FAIL_SAFE = "fail_safe"
"""Name of the last step."""

_RESERVE_SHARE = 0.2
_RESERVE_MOST = 0.030
_NO_TIME = "no time was left to ask it"
_NOT_DONE = "it was not done when the time was up"


class Budget:
    """The time of one request.

    Args:
        seconds: The decision's deadline.
        started: When the request arrived, by ``clock``.
        clock: Counts seconds; never goes back.
    """

    def __init__(self, seconds: float, started: float, clock: Callable[[], float] = time.perf_counter) -> None:
        self._clock = clock
        self._started = started
        self._end = started + seconds
        self._reserve = min(seconds * _RESERVE_SHARE, _RESERVE_MOST)

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self._end - self._clock()

    @property
    def left_for_models(self) -> float:
        """Seconds until models must be done, so that rules still have time."""
        return self.left - self._reserve

    @property
    def spent(self) -> float:
        """Seconds since the request arrived."""
        return self._clock() - self._started

    def elapsed(self, since: float) -> float:
        """Milliseconds since a moment of :meth:`now`."""
        return round((self._clock() - since) * 1000.0, 3)

    def now(self) -> float:
        """The clock."""
        return self._clock()


@dataclass
class Outcomes:
    """What was decided for each row of a request, by place."""

    positive: list[bool | None]
    """The side taken; ``None`` where the fail-safe answers."""

    paths: list[list[Step]]
    """The steps asked."""

    by: dict[int, tuple[StepPart, float]] = field(default_factory=dict)
    """The model step that answered, and its score, where a model did."""


def run_cascade(decision: DecisionPart, evaluation: Evaluation, budget: Budget, runner: Runner) -> Outcomes:
    """Find an answer for every row. Never raises; what goes wrong is in the paths.

    Args:
        decision: What is asked.
        evaluation: The rows.
        budget: The time there is.
        runner: Where steps run.
    """
    count = len(evaluation.rows)
    outcomes = Outcomes([None] * count, [[] for _ in range(count)])
    waiting: Places = np.arange(count, dtype=np.intp)
    for step in decision.steps:
        if waiting.size:
            waiting = _ask_step(step, waiting, evaluation, outcomes, budget, runner)
    for rule in decision.rules:
        if waiting.size:
            waiting = _ask_rule(decision, rule, waiting, evaluation, outcomes, budget, runner)
    if waiting.size:
        last = Step(
            name=FAIL_SAFE, kind="fail_safe", versions={decision.node: decision.version}, outcome=Outcome.ANSWERED
        )
        for place in waiting.tolist():
            outcomes.paths[place].append(last)
    return outcomes


def _ask_step(
    step: StepPart | FamilyStep,
    waiting: Places,
    evaluation: Evaluation,
    outcomes: Outcomes,
    budget: Budget,
    runner: Runner,
) -> Places:
    """Ask one step for the rows that wait: of a family, for each part its own sibling."""
    if isinstance(step, StepPart):
        return _ask_model(step, waiting, evaluation, outcomes, budget, runner)
    asked: dict[str, tuple[StepPart, list[int]]] = {}
    unknown: dict[int, tuple[Outcome, str | None]] = {}
    for place in waiting.tolist():
        value = evaluation.rows.row(place).get(step.per)
        sibling = step.parts.get(str(value), step.parent) if value is not None else step.parent
        if sibling is None:
            unknown[place] = (Outcome.UNKNOWN_PART, f"'{step.name}' has no part for {step.per} = {value!r}")
        else:
            asked.setdefault(sibling.name, (sibling, []))[1].append(place)
    rest = _fall(waiting, unknown, outcomes, _notes(step.name, "model", step.versions, 0.0))
    left = [rest]
    for sibling, places in asked.values():
        here: Places = np.asarray(places, dtype=np.intp)
        left.append(_ask_model(sibling, here, evaluation, outcomes, budget, runner))
    return np.sort(np.concatenate(left))


def _ask_model(
    step: StepPart, waiting: Places, evaluation: Evaluation, outcomes: Outcomes, budget: Budget, runner: Runner
) -> Places:
    """Ask one model for the rows that wait; gives those that go on waiting."""
    begun = budget.now()
    left = budget.left_for_models
    try:
        scored = runner.run(lambda ticket: evaluation.score(step.model, waiting, ticket), left)
    except Late:
        failed = (Outcome.LATE, _NOT_DONE if left > 0 else _NO_TIME)
        note = _notes(step.name, "model", step.versions, budget.elapsed(begun))
        return _fall(waiting, dict.fromkeys(waiting.tolist(), failed), outcomes, note)
    except BaseException as error:  # a step that ends its thread is a fall like any other
        note = _notes(step.name, "model", step.versions, budget.elapsed(begun))
        raised = (Outcome.RAISED, describe(error))
        return _fall(waiting, dict.fromkeys(waiting.tolist(), raised), outcomes, note)
    note = _notes(step.name, "model", step.versions, budget.elapsed(begun))
    return _take_scores(step, scored, waiting, outcomes, note)


Note = Callable[[Outcome, str | None], Step]


def _notes(name: str, kind: Any, versions: Mapping[str, str], milliseconds: float) -> Note:
    """Makes the steps of one call; rows with the same outcome share one."""
    made: dict[tuple[Outcome, str | None], Step] = {}

    def note(outcome: Outcome, reason: str | None) -> Step:
        found = made.get((outcome, reason))
        if found is None:
            found = made[outcome, reason] = Step(
                name=name,
                kind=kind,
                versions=dict(versions),
                outcome=outcome,
                reason=reason,
                milliseconds=milliseconds,
            )
        return found

    return note


def _fall(
    waiting: Places, failures: Mapping[int, tuple[Outcome, str | None]], outcomes: Outcomes, note: Note
) -> Places:
    fallen = [place for place in waiting.tolist() if place in failures]
    for place in fallen:
        outcomes.paths[place].append(note(*failures[place]))
    return np.asarray(fallen, dtype=np.intp)


def _take_scores(step: StepPart, scored: Scored, waiting: Places, outcomes: Outcomes, note: Note) -> Places:
    scores = scored.values[waiting]
    positive = np.zeros(len(waiting), dtype=np.bool_) if step.threshold is None else scores >= step.threshold
    if step.sure is None:
        sure = np.ones(len(waiting), dtype=np.bool_)
    else:
        sure = (scores <= step.sure[0]) | (scores >= step.sure[1])
    rest: list[int] = []
    for place, score, yes, taken in zip(
        waiting.tolist(), scores.tolist(), positive.tolist(), sure.tolist(), strict=True
    ):
        if place in scored.failures:
            outcomes.paths[place].append(note(*scored.failures[place]))
            rest.append(place)
        elif taken:
            outcomes.positive[place] = yes
            outcomes.by[place] = (step, score)
            outcomes.paths[place].append(note(Outcome.ANSWERED, None))
        else:
            outcomes.paths[place].append(note(Outcome.UNSURE, None))
            rest.append(place)
    return np.asarray(rest, dtype=np.intp)


def _ask_rule(
    decision: DecisionPart,
    rule: RulePart,
    waiting: Places,
    evaluation: Evaluation,
    outcomes: Outcomes,
    budget: Budget,
    runner: Runner,
) -> Places:
    """Ask one rule, row by row; what it said before the time was up counts."""
    said: dict[int, tuple[Outcome, str | None, bool | None]] = {}

    def call(ticket: Ticket) -> None:
        for place in waiting.tolist():
            ticket.check()
            said[place] = say(rule, evaluation.rows.row(place))

    begun = budget.now()
    left = budget.left
    why: tuple[Outcome, str] = (Outcome.LATE, _NOT_DONE if left > 0 else _NO_TIME)
    try:
        runner.run(call, left)
    except Late:
        pass
    except BaseException as error:  # as above
        why = (Outcome.RAISED, describe(error))
    heard = said.copy()
    note = _notes(rule.name, "rule", {decision.node: decision.version}, budget.elapsed(begun))
    rest: list[int] = []
    for place in waiting.tolist():
        outcome, reason, yes = heard.get(place, (*why, None))
        outcomes.paths[place].append(note(outcome, reason))
        if yes is None:
            rest.append(place)
        else:
            outcomes.positive[place] = yes
    return np.asarray(rest, dtype=np.intp)


def say(rule: RulePart, row: Mapping[str, Any]) -> tuple[Outcome, str | None, bool | None]:
    """Ask a rule about one row.

    Returns:
        What came of it, why, and the side it takes. Never raises what the rule raises.
    """
    try:
        said = rule.function(row)
    except Exception as error:  # one row's fault must not touch the others
        return Outcome.RAISED, describe(error), None
    if said is None:
        return Outcome.CANNOT_SAY, None, None
    if isinstance(said, bool | np.bool_):
        return Outcome.ANSWERED, None, bool(said)
    return Outcome.RAISED, f"it returned {type(said).__name__}, not True, False or None", None

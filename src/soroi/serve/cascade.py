"""The path of an answer: models, rules, the fail-safe; each in the time that is left."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from soroi.serve.answer import Outcome, Step
from soroi.serve.asks import Asks
from soroi.serve.breaker import Overloaded, Resting
from soroi.serve.evaluation import Evaluation, Places, Scored, describe
from soroi.serve.runner import Late
from soroi.serve.saying import Said
from soroi.serve.snapshot import DecisionPart, FamilyStep, RulePart, StepPart

FAIL_SAFE = "fail_safe"
"""Name of the last step."""

_RESERVE_SHARE = 0.2
_RESERVE_MOST = 0.030
_FINISH_SHARE = 0.05
_FINISH_MOST = 0.003
NO_TIME = "no time was left to ask it"
"""Why a step was not asked when the time was up."""

_NOT_DONE = "it was not done when the time was up"


def reserve(seconds: float) -> float:
    """Seconds of a deadline that models leave for the rules behind them."""
    return min(seconds * _RESERVE_SHARE, _RESERVE_MOST)


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
        self._reserve = reserve(seconds)
        self._finish = min(seconds * _FINISH_SHARE, _FINISH_MOST)

    @property
    def left(self) -> float:
        """Seconds until the deadline."""
        return self._end - self._clock()

    @property
    def left_for_models(self) -> float:
        """Seconds until models must be done, so that rules still have time."""
        return self.left - self._reserve

    @property
    def left_for_rules(self) -> float:
        """Seconds until rules must be done, so that the answer can still be written down."""
        return self.left - self._finish

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


@dataclass(frozen=True)
class Begun:
    """A cascade whose first steps were asked already."""

    outcomes: Outcomes
    """What came of it."""

    waiting: Sequence[int]
    """Places of the rows that wait for the next step, rising."""

    asked: int
    """How many steps were asked."""


def run_cascade(
    decision: DecisionPart, evaluation: Evaluation, budget: Budget, asks: Asks, begun: Begun | None = None
) -> Outcomes:
    """Find an answer for every row. Never raises; what goes wrong is in the paths.

    Args:
        decision: What is asked.
        evaluation: The rows.
        budget: The time there is.
        asks: Where steps are asked.
        begun: What was asked already; default: nothing.
    """
    count = len(evaluation.rows)
    if begun is None:
        begun = Begun(Outcomes([None] * count, [[] for _ in range(count)]), range(count), 0)
    outcomes = begun.outcomes
    waiting: Places = np.asarray(begun.waiting, dtype=np.intp)
    inside, outside = _parted(decision, evaluation, waiting, outcomes, note=not begun.asked)
    waiting = inside
    for step in decision.steps[begun.asked :]:
        if waiting.size:
            waiting = _ask_step(step, waiting, evaluation, outcomes, budget, asks)
    waiting = np.sort(np.concatenate([waiting, outside]))
    for rule in decision.rules:
        if waiting.size:
            waiting = _ask_rule(decision, rule, waiting, evaluation, outcomes, budget, asks)
    if waiting.size:
        last = Step(
            name=FAIL_SAFE, kind="fail_safe", versions={decision.node: decision.version}, outcome=Outcome.ANSWERED
        )
        for place in waiting.tolist():
            outcomes.paths[place].append(last)
    return outcomes


def _parted(
    decision: DecisionPart, evaluation: Evaluation, waiting: Places, outcomes: Outcomes, *, note: bool
) -> tuple[Places, Places]:
    """The rows that models may be asked about, and those outside of the declared domain."""
    if not decision.domain:
        return waiting, waiting[:0]
    values = evaluation.rows.values
    why = {place: reason for place in waiting.tolist() if (reason := decision.outside(values[place])) is not None}
    for place, reason in why.items() if note else ():
        outcomes.paths[place].append(outside_step(decision, reason))
    inside = [place for place in waiting.tolist() if place not in why]
    return np.asarray(inside, dtype=np.intp), np.asarray(list(why), dtype=np.intp)


def outside_step(decision: DecisionPart, reason: str) -> Step:
    """The step of a path that says that a row is outside of the domain: of the first model, which is not asked."""
    versions = {decision.node: decision.version}
    return Step(
        name=decision.steps[0].name, kind="model", versions=versions, outcome=Outcome.OUT_OF_DOMAIN, reason=reason
    )


def _ask_step(
    step: StepPart | FamilyStep,
    waiting: Places,
    evaluation: Evaluation,
    outcomes: Outcomes,
    budget: Budget,
    asks: Asks,
) -> Places:
    """Ask one step for the rows that wait: of a family, for each part its own sibling."""
    if isinstance(step, StepPart):
        return _ask_model(step, waiting, evaluation, outcomes, budget, asks)
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
        left.append(_ask_model(sibling, here, evaluation, outcomes, budget, asks))
    return np.sort(np.concatenate(left))


def _ask_model(
    step: StepPart, waiting: Places, evaluation: Evaluation, outcomes: Outcomes, budget: Budget, asks: Asks
) -> Places:
    """Ask one model for the rows that wait; gives those that go on waiting."""
    begun = budget.now()
    left = budget.left_for_models
    failed: tuple[Outcome, str]
    try:
        scored = asks.score(step, evaluation, waiting, left)
    except Late:
        failed = (Outcome.LATE, _NOT_DONE if left > 0 else NO_TIME)
    except Overloaded as error:
        failed = (Outcome.OVERLOADED, str(error))
    except Resting as error:
        failed = (Outcome.RESTING, str(error))
    except BaseException as error:  # a step that ends its thread is a fall like any other
        failed = (Outcome.RAISED, describe(error))
    else:
        note = _notes(step.name, "model", step.versions, budget.elapsed(begun))
        return _take_scores(step, scored, waiting, outcomes, note)
    note = _notes(step.name, "model", step.versions, budget.elapsed(begun))
    return _fall(waiting, dict.fromkeys(waiting.tolist(), failed), outcomes, note)


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
    asks: Asks,
) -> Places:
    """Ask one rule, row by row; what it said before the time was up counts."""
    said: Said = {}
    begun = budget.now()
    left = budget.left_for_rules
    why: tuple[Outcome, str] = (Outcome.LATE, _NOT_DONE if left > 0 else NO_TIME)
    try:
        asks.say(rule, evaluation, waiting.tolist(), left, said)
    except Late:
        pass
    except Overloaded as error:
        why = (Outcome.OVERLOADED, str(error))
    except Resting as error:
        why = (Outcome.RESTING, str(error))
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

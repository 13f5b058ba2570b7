"""Giving answers: the cascade run for some rows, and what is given and recorded of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from soroi.serve.answer import Answer, Detail
from soroi.serve.asking import Path, outcomes_of, values_of
from soroi.serve.asks import Asks
from soroi.serve.cascade import Begun, Budget, Outcomes, run_cascade
from soroi.serve.evaluation import Evaluation
from soroi.serve.rows import Rows
from soroi.serve.snapshot import DecisionPart
from soroi.serve.trial import Arm
from soroi.serve.view import Given, Serving


@dataclass(frozen=True)
class Question:
    """Some rows asked of one decision of one manifest."""

    serving: Serving
    """What to answer with."""

    part: DecisionPart
    """The decision, of that manifest."""

    rows: Rows
    """The rows."""

    at: datetime
    """When it was asked."""

    budget: Budget
    """The time there is."""

    arm: Arm
    """The arm that it belongs to."""

    ids: Sequence[str]
    """Ids of the answers."""


def give(question: Question, paths: list[Path], asks: Asks) -> Given:
    """Answer, without writing anything down.

    Args:
        question: What is asked.
        paths: What the plan of the decision said of each row; empty: it was not asked.
        asks: Where the steps are asked that are not planned.
    """
    part, rows = question.part, question.rows
    begun: Begun | None = None
    if paths:
        planned, waiting = outcomes_of(paths, part.plan.whole)
        begun = Begun(planned, waiting, len(part.plan.steps))
    evaluation: Evaluation | None = None
    if begun is None or begun.waiting:
        evaluation = Evaluation(part.spine, rows, question.serving.tables.view)
        outcomes = run_cascade(part, evaluation, question.budget, asks, begun)
    else:
        outcomes = begun.outcomes
    missed = question.budget.left < 0
    spent = round(question.budget.spent * 1000.0, 3)
    answers = [_answer(question, outcomes, place, missed) for place in range(len(rows))]
    arm = question.arm
    details = []
    for place in range(len(rows)):
        features, scores = values_of(part.plan, paths[place]) if paths else ({}, {})
        if evaluation is not None:
            more, others = evaluation.values_of(place)
            features, scores = {**features, **more}, {**scores, **others}
        about = (question.serving.environment, spent, arm.rollout, arm.step, arm.unit)
        details.append(Detail(rows.row(place), features, scores, *about))
    return Given(answers, details)


def _answer(question: Question, outcomes: Outcomes, place: int, missed: bool) -> Answer:
    part, serving = question.part, question.serving
    yes = outcomes.positive[place]
    action = part.fail_safe if yes is None else part.positive if yes else part.negative
    score = threshold = confidence = None
    if place in outcomes.by:
        step, score = outcomes.by[place]
        threshold = step.threshold
        likely = step.calibration.probability(score)
        confidence = likely if yes else 1.0 - likely
    return Answer(
        id=question.ids[place],
        decision=part.node,
        action=action,
        positive=action == part.positive,
        score=score,
        threshold=threshold,
        confidence=confidence,
        path=outcomes.paths[place],
        manifest=serving.snapshot.manifest,
        revision=serving.revision,
        at=question.at,
        deadline_missed=missed,
        arm=question.arm.name,
    )

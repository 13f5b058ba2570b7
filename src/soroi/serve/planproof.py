"""Proof of a row plan: what it gives for rows of the spine is what the general way gives for them, bit for bit."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import msgspec
import numpy as np

from soroi.serve.evaluation import Evaluation, describe
from soroi.serve.rowplan import PlannedFamily, PlannedModel, PlannedStep, RowPlan, RowState, compile_plan, taking_of
from soroi.serve.runner import Ticket

if TYPE_CHECKING:
    from soroi.serve.rows import Rows
    from soroi.serve.snapshot import DecisionPart, StepPart


def proven_plan(decision: DecisionPart) -> RowPlan:
    """The plan of a decision, as far as it is proven.

    It is proven on the sample rows of the spine and on the same rows with one column after another missing.

    Args:
        decision: What is asked.
    """
    plan = compile_plan(decision)
    if not plan.steps:
        return plan
    try:
        rows = trial_rows(decision)
    except Exception as error:
        return _cut(plan, 0, f"no rows to prove it on: {describe(error)}")
    for place, step in enumerate(plan.steps):
        for part, model in _asked(step):
            fault = differs(decision, part, model, rows)
            if fault is not None:
                return _cut(plan, place, f"'{step.part.name if isinstance(step, PlannedStep) else part.name}': {fault}")
    return plan


def trial_rows(decision: DecisionPart) -> Rows:
    """The rows that a plan is proven on."""
    schema = decision.spine
    known = schema.trusted(decision.sample).values
    values = list(known)
    for at, name in enumerate(schema.names):
        if name not in schema.key and name != schema.time:
            values += [(*row[:at], None, *row[at + 1 :]) for row in known[:2]]
    return schema.rows(tuple(values))


def differs(decision: DecisionPart, part: StepPart, model: PlannedModel, rows: Rows) -> str | None:
    """Where a planned model differs from the general way; ``None``: nowhere.

    Args:
        decision: What is asked.
        part: The step.
        model: Its model, planned.
        rows: The rows to compare on.
    """
    evaluation = Evaluation(decision.spine, rows, {})
    taking = taking_of(_in_order(model))
    scored = evaluation.score(part.model, np.arange(len(rows), dtype=np.intp), Ticket())
    for place, values in enumerate(rows.values):
        state = RowState(values)
        score = state.score(model)
        there = scored.failures.get(place)
        if there is not None or score is None:
            if there != state.failures.get(model.node):
                return f"row {place} falls otherwise: {there} in general, {state.failures.get(model.node)} planned"
            continue
        if score != scored.values[place]:
            return f"row {place} scores {scored.values[place]!r} in general, {score!r} planned"
        features, scores = evaluation.values_of(place)
        if scores != state.scores or not _equal(features, taking.of(state)):
            return f"row {place} has other features or scores"
    return None


def _in_order(model: PlannedModel) -> Iterable[PlannedModel]:
    yield model
    for one in model.below:
        yield from _in_order(one)


def _equal(one: dict[str, Any], other: dict[str, Any]) -> bool:
    if list(one) != list(other):
        return False
    return msgspec.msgpack.encode(list(one.values())) == msgspec.msgpack.encode(list(other.values()))


def _asked(step: PlannedStep | PlannedFamily) -> Sequence[tuple[StepPart, PlannedModel]]:
    if isinstance(step, PlannedStep):
        return [(step.part, step.model)]
    members = [*step.parts.values(), *([step.parent] if step.parent is not None else [])]
    return [(one.part, one.model) for one in members]


def _cut(plan: RowPlan, at: int, why: str) -> RowPlan:
    return replace(plan, steps=plan.steps[:at], whole=False, left=why)

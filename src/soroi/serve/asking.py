"""Asking a row plan: what each step said of a row, with the steps of its path made once and used again."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from soroi.serve.answer import Outcome, Step, StepKind
from soroi.serve.cascade import FAIL_SAFE, NO_TIME, Budget, Outcomes, outside_step
from soroi.serve.rowplan import PlannedFamily, PlannedStep, RowPlan, RowState
from soroi.serve.rows import Rows
from soroi.serve.snapshot import DecisionPart, StepPart

_KEPT = 4_096


class Noted:
    """One step of a path, with what it is written as.

    Args:
        step: The step.
    """

    __slots__ = ("fell", "json", "msgpack", "step")

    def __init__(self, step: Step) -> None:
        self.step = step
        self.fell = step.outcome.is_fall or step.kind == "fail_safe"
        self.json = msgspec.json.encode(step)
        self.msgpack = msgspec.msgpack.encode(step)


class Notes:
    """Makes the steps of one name, each once: they differ in outcome, reason and thousandths of a millisecond.

    Args:
        name: Name of the step.
        kind: What it is.
        versions: The versions that take part.
    """

    def __init__(self, name: str, kind: StepKind, versions: Mapping[str, str]) -> None:
        self._name = name
        self._kind: StepKind = kind
        self._versions = dict(versions)
        self._known: dict[tuple[Outcome, str | None, float], Noted] = {}

    def note(self, outcome: Outcome, reason: str | None, milliseconds: float) -> Noted:
        """The step of an outcome."""
        key = (outcome, reason, milliseconds)
        found = self._known.get(key)
        if found is None:
            if len(self._known) >= _KEPT:  # reasons can quote values
                self._known = {}
            found = self._known[key] = Noted(
                Step(
                    name=self._name,
                    kind=self._kind,
                    versions=self._versions,
                    outcome=outcome,
                    reason=reason,
                    milliseconds=milliseconds,
                )
            )
        return found


class Path:
    """What the steps of a plan said of one row."""

    __slots__ = ("by", "noted", "positive", "score", "state")

    def __init__(self, state: RowState) -> None:
        self.state = state
        self.noted: list[Noted] = []
        self.by: StepPart | None = None
        self.score = 0.0
        self.positive: bool | None = None


class Asker:
    """Asks the plan of one decision.

    Args:
        part: The decision.
        plan: Its plan.
        clock: Counts seconds.
    """

    def __init__(self, part: DecisionPart, plan: RowPlan, clock: Callable[[], float] = time.perf_counter) -> None:
        self.part = part
        self.plan = plan
        self._clock = clock
        self._notes: dict[str, Notes] = {}
        self._last = Noted(last_step(part))
        for step in plan.steps:
            if isinstance(step, PlannedStep):
                self._notes_of(step)
            else:
                self._notes[step.step.name] = Notes(step.step.name, "model", step.step.versions)

    def one(self, path: Path, end: float) -> None:
        """Ask every step about one row, until one answers.

        Args:
            path: The row; what is said of it is put there.
            end: When models must be done, by the clock.
        """
        clock = self._clock
        if self.part.domain and (reason := self.part.outside(path.state.values)) is not None:
            path.noted.append(Noted(outside_step(self.part, reason)))
            if self.plan.whole:
                path.noted.append(self._last)
            return
        for step in self.plan.steps:
            begun = clock()
            self._ask(step, path, begun < end, begun)
            if path.by is not None:
                return
        if self.plan.whole:
            path.noted.append(self._last)

    def _ask(self, step: PlannedStep | PlannedFamily, path: Path, in_time: bool, begun: float) -> None:
        if isinstance(step, PlannedFamily):
            found = step.of(path.state.values)
            if found is None:
                value = path.state.values[step.place]
                reason = f"'{step.step.name}' has no part for {step.step.per} = {value!r}"
                path.noted.append(self._notes[step.step.name].note(Outcome.UNKNOWN_PART, reason, 0.0))
                return
            step = found
        notes = self._notes.get(step.part.name) or self._notes_of(step)
        if not in_time:
            path.noted.append(notes.note(Outcome.LATE, NO_TIME, 0.0))
            return
        said = step.ask(path.state)
        taken = round((self._clock() - begun) * 1000.0, 3)
        first, second = said
        if isinstance(first, Outcome):
            path.noted.append(notes.note(first, second, taken))  # type: ignore[arg-type]
            return
        path.noted.append(notes.note(Outcome.ANSWERED, None, taken))
        path.by, path.score, path.positive = step.part, first, second  # type: ignore[assignment]

    def many(self, rows: Rows, budget: Budget) -> list[Path]:
        """Ask the plan about all rows of a request, row by row.

        Args:
            rows: The rows.
            budget: The time there is.
        """
        end = budget.now() + budget.left_for_models
        paths = [Path(RowState(values)) for values in rows.values]
        for path in paths:
            self.one(path, end)
        return paths

    def _notes_of(self, step: PlannedStep) -> Notes:
        part = step.part
        found = self._notes[part.name] = Notes(part.name, "model", part.versions)
        return found


def last_step(part: DecisionPart) -> Step:
    """The step of a path that ends with the fail-safe."""
    return Step(name=FAIL_SAFE, kind="fail_safe", versions={part.node: part.version}, outcome=Outcome.ANSWERED)


def outcomes_of(paths: list[Path], whole: bool) -> tuple[Outcomes, list[int]]:
    """What the plan decided, and the places of the rows that wait for what stands behind it.

    Args:
        paths: What was said of each row.
        whole: Whether nothing stands behind the plan.
    """
    outcomes = Outcomes(
        [path.positive for path in paths],
        [[one.step for one in path.noted] for path in paths],
        {place: (path.by, path.score) for place, path in enumerate(paths) if path.by is not None},
    )
    return outcomes, [] if whole else [place for place, path in enumerate(paths) if path.by is None]


Values = tuple[dict[str, Any], dict[str, float]]


def values_of(plan: RowPlan, path: Path) -> Values:
    """The feature values by column, and the scores by model, that were computed for a row by its plan."""
    state = path.state
    return plan.recorded(state).of(state), state.scores

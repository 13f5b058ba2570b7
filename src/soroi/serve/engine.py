"""The decision engine: takes rows, answers them by one manifest, and writes the answers down."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

from soroi.base.errors import RefusedError, SoroiError, UnknownNameError, did_you_mean
from soroi.base.runtime import Runtime
from soroi.serve.answer import Answer, Detail, Outcome, record_of
from soroi.serve.cascade import Budget, Outcomes, run_cascade
from soroi.serve.evaluation import Evaluation
from soroi.serve.rows import Rows
from soroi.serve.runner import Runner, ThreadRunner
from soroi.serve.snapshot import DecisionPart, Snapshot
from soroi.serve.tables import Ingested, OnlineTables
from soroi.store import AnswerLog, RowLog


class NotReadyError(RefusedError):
    """No manifest is loaded yet, so nothing can be answered."""

    code = "not-ready"


@dataclass(frozen=True)
class Serving:
    """What one request is answered with, from its first to its last step."""

    snapshot: Snapshot
    """The manifest, loaded."""

    tables: OnlineTables
    """Its context tables."""

    environment: str
    """Name of the head that points at it."""

    revision: int
    """Revision of that head."""

    since: datetime
    """Since when it answers."""


@dataclass(frozen=True)
class Given:
    """Answers together with what is recorded with them."""

    answers: list[Answer]
    """One for each row, in order."""

    details: list[Detail]
    """Likewise."""


class Engine:
    """Decides, and takes rows in. Safe between threads; one per process.

    Args:
        answers: Where answers are written.
        rows: Where rows are written that come in.
        runtime: Clock and ids.
        runner: Where steps run; threads by default.
    """

    def __init__(
        self, answers: AnswerLog, rows: RowLog, *, runtime: Runtime | None = None, runner: Runner | None = None
    ) -> None:
        self.answers = answers
        self.rows = rows
        self.runtime = runtime or Runtime()
        self.runner = runner or ThreadRunner()
        self._serving: Serving | None = None
        self._writing = threading.Lock()
        self._arriving: set[str] | None = None
        self._unrecorded = 0
        self._record_problem: str | None = None

    @property
    def serving(self) -> Serving | None:
        """What requests are answered with now; ``None`` before the first manifest is loaded."""
        return self._serving

    def switch(
        self,
        snapshot: Snapshot,
        *,
        environment: str,
        revision: int,
        warm: Callable[[Serving], object] | None = None,
    ) -> Serving:
        """Answer with another manifest from the next request on. Requests on their way keep theirs.

        Args:
            snapshot: The manifest, loaded.
            environment: Name of the head that points at it.
            revision: Revision of that head.
            warm: Called with what will answer, before it does; what it raises keeps the one before.
        """
        with self._writing:
            before = self._serving
            if before is not None and before.snapshot.manifest == snapshot.manifest:
                self._serving = replace(before, environment=environment, revision=revision)
                return self._serving
            self._arriving = set()
        try:
            tables = OnlineTables(snapshot.bases, self.rows)
            tables.replay()
            serving = Serving(snapshot, tables, environment, revision, self.runtime.clock.now())
            if warm is not None:
                warm(serving)
            with self._writing:
                tables.replay(self._arriving)
                self._serving = serving
        finally:
            self._arriving = None
        return serving

    def decide(
        self, decision: str, rows: Sequence[Any], *, now: datetime | None = None, started: float | None = None
    ) -> list[Answer]:
        """Answer some rows, and write the answers down.

        Args:
            decision: Id of the decision.
            rows: Mappings from the columns of its spine to values.
            now: The time; stands for a time that a row does not give. Default: the clock's.
            started: When the request arrived, by ``time.perf_counter``; the deadline counts from there.

        Raises:
            NotReadyError: No manifest is loaded yet.
            UnknownNameError: The manifest has no such decision.
            RequestError: A row is malformed; names row and field.
            StorageFullError: The decision says that answers are on disk before they are given, and no space is left.
        """
        begun = time.perf_counter() if started is None else started
        serving, part = self._find(decision)
        at = (now or self.runtime.clock.now()).astimezone(UTC)
        schema = part.spine
        defaults = {schema.time: at} if schema.time else {}
        checked = schema.check(rows, defaults=defaults, required=schema.key)
        schema.check_keys_differ(checked)
        given = self.answer(serving, part, checked, at, Budget(part.deadline, begun))
        self._record(part, given)
        return given.answers

    def answer(self, serving: Serving, part: DecisionPart, rows: Rows, at: datetime, budget: Budget) -> Given:
        """Answer checked rows without writing anything down.

        Args:
            serving: What to answer with.
            part: The decision, of that manifest.
            rows: The rows.
            at: When it was asked.
            budget: The time there is.
        """
        evaluation = Evaluation(part.spine, rows, serving.tables.view)
        outcomes = run_cascade(part, evaluation, budget, self.runner)
        missed = budget.left < 0
        spent = round(budget.spent * 1000.0, 3)
        answers = [self._answer(serving, part, outcomes, place, at, missed) for place in range(len(rows))]
        details = []
        for place in range(len(rows)):
            features, scores = evaluation.values_of(place)
            details.append(Detail(rows.row(place), features, scores, serving.environment, spent))
        return Given(answers, details)

    def ingest(self, source: str, rows: Sequence[Any], *, now: datetime | None = None) -> Ingested:
        """Take rows of a source in; see :meth:`soroi.serve.tables.OnlineTables.ingest`.

        Raises:
            NotReadyError: No manifest is loaded yet.
            UnknownNameError: The manifest rests on no such source.
            RequestError: A row is not what the source holds.
            StorageFullError: No space is left.
        """
        at = (now or self.runtime.clock.now()).astimezone(UTC)
        with self._writing:
            serving = self._ready()
            if self._arriving is not None:
                self._arriving.add(source)
            return serving.tables.ingest(source, rows, at)

    def problems(self) -> list[str]:
        """What is wrong with the engine at present, in sentences."""
        found: list[str] = []
        for what, log in (("answers", self.answers), ("rows", self.rows)):
            if log.problem is not None:
                found.append(f"the log of {what} cannot be brought to the disk: {log.problem}")
        if self._record_problem is not None:
            found.append(f"{self._unrecorded} answers were given without being recorded: {self._record_problem}")
        if self.runner.overdue:
            found.append(f"{self.runner.overdue} steps that were given up are still running")
        serving = self._serving
        if serving is not None and serving.tables.replayed.refused:
            found.append(f"{serving.tables.replayed.refused} logged rows do not fit the columns of their source")
        return found

    def close(self) -> None:
        """Bring everything to the disk and take no more steps."""
        self.runner.close()
        self.answers.close()
        self.rows.close()

    def _ready(self) -> Serving:
        if self._serving is None:
            raise NotReadyError(
                "nothing is loaded yet, so nothing can be answered", hint="GET /ready says why; soroi release"
            )
        return self._serving

    def _find(self, decision: str) -> tuple[Serving, DecisionPart]:
        serving = self._ready()
        part = serving.snapshot.decisions.get(decision)
        if part is None:
            raise UnknownNameError(
                f"no decision is called '{decision}'", hint=did_you_mean(decision, serving.snapshot.decisions)
            )
        return serving, part

    def _answer(
        self, serving: Serving, part: DecisionPart, outcomes: Outcomes, place: int, at: datetime, missed: bool
    ) -> Answer:
        yes = outcomes.positive[place]
        action = part.fail_safe if yes is None else part.positive if yes else part.negative
        score = threshold = confidence = None
        if place in outcomes.by:
            step, score = outcomes.by[place]
            threshold = step.threshold
            likely = step.calibration.probability(score)
            confidence = likely if yes else 1.0 - likely
        return Answer(
            id=self.runtime.ids.new("answer"),
            decision=part.node,
            action=action,
            positive=action == part.positive,
            score=score,
            threshold=threshold,
            confidence=confidence,
            path=outcomes.paths[place],
            manifest=serving.snapshot.manifest,
            revision=serving.revision,
            at=at,
            deadline_missed=missed,
        )

    def _record(self, part: DecisionPart, given: Given) -> None:
        records = [record_of(one, detail) for one, detail in zip(given.answers, given.details, strict=True)]
        try:
            self.answers.append(records, durable=part.durable)
        except SoroiError as error:
            self._unrecorded += len(records)
            self._record_problem = error.message
            if part.durable:
                raise
        else:
            self._record_problem = None


def is_model_answer(answer: Answer) -> bool:
    """Whether a model gave the answer."""
    return answer.path[-1].kind == "model" and answer.path[-1].outcome is Outcome.ANSWERED

"""The decision engine: takes rows, answers them by one manifest, and writes the answers down."""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import Any

import msgspec

from soroi.base.errors import RefusedError, RequestError, UnknownNameError, did_you_mean
from soroi.base.runtime import Runtime
from soroi.release.rollout import CHALLENGER, SHADOW
from soroi.serve.answer import Answer, Outcome, against, record_of
from soroi.serve.asking import Path
from soroi.serve.asks import Asks, GuardedAsks, ThreadAsks
from soroi.serve.breaker import Breakers
from soroi.serve.cascade import Budget
from soroi.serve.giving import Question, give
from soroi.serve.pool import PoolAsks, WorkerPool
from soroi.serve.pools import Pools
from soroi.serve.prompt import Prompt
from soroi.serve.recording import Recorder
from soroi.serve.rows import Rows
from soroi.serve.runner import Runner, ThreadRunner
from soroi.serve.shadow import Shadows
from soroi.serve.snapshot import DecisionPart, Snapshot
from soroi.serve.tables import Ingested, OnlineTables
from soroi.serve.trial import ALONE, Arm, Trial, Trying
from soroi.serve.view import Given, Serving, View, Warm
from soroi.store import AnswerLog, RowLog

MOST_PLANNED = 512
"""Rows of one request up to which a plan is asked row by row; of more, models are asked for all at once."""


class NotReadyError(RefusedError):
    """No manifest is loaded yet, so nothing can be answered."""

    code = "not-ready"


class Engine:
    """Decides, and takes rows in. Safe between threads; one per process.

    Args:
        answers: Where answers are written.
        rows: Where rows are written that come in.
        runtime: Clock and ids.
        runner: Where steps run; threads by default.
        trial_runner: Where steps of a challenger run, so that it can never use up what the base needs.
        step_workers: How many processes each manifest that was loaded from a store gets for the steps that run
            somebody's code; they can hold nothing up there. 0: they run in threads.
    """

    def __init__(
        self,
        answers: AnswerLog,
        rows: RowLog,
        *,
        runtime: Runtime | None = None,
        runner: Runner | None = None,
        trial_runner: Runner | None = None,
        step_workers: int = 0,
    ) -> None:
        self.answers = answers
        self.rows = rows
        self.runtime = runtime or Runtime()
        self.runner = runner or ThreadRunner()
        self.trial_runner = trial_runner or ThreadRunner(64)
        self.shadows = Shadows()
        self.recorder = Recorder(lambda: self.answers)
        self.breakers = Breakers()
        self.pools = Pools(step_workers)
        self._view: View | None = None
        self._writing = threading.Lock()
        self._arriving: set[str] | None = None
        self._trial_problem: str | None = None

    @property
    def serving(self) -> Serving | None:
        """What requests are answered with now; ``None`` before the first manifest is loaded."""
        view = self._view
        return None if view is None else view.base

    @property
    def trial(self) -> Trial | None:
        """The challenger that takes part now, if one does."""
        view = self._view
        return None if view is None else view.trial

    def switch(self, snapshot: Snapshot, *, environment: str, revision: int, warm: Warm | None = None) -> Serving:
        """Answer with another manifest from the next request on. Requests on their way keep theirs.

        A challenger takes no part any more: it was compared with what answered before.

        Args:
            snapshot: The manifest, loaded.
            environment: Name of the head that points at it.
            revision: Revision of that head.
            warm: Called with what will answer, before it does; what it raises keeps the one before.
        """
        with self._writing:
            view = self._view
            ready = [] if view is None else [view.base, *([view.trial.challenger] if view.trial else [])]
            for one in ready:  # it answers already, or did as the challenger
                if one.snapshot.manifest == snapshot.manifest:
                    since = one.since if one is ready[0] else self.runtime.clock.now()
                    serving = replace(one, environment=environment, revision=revision, since=since)
                    kept = view.trial if view and serving == view.base else None
                    self._show(View(serving, kept))
                    return serving
        return self._load(snapshot, environment, revision, warm, View)

    def try_out(self, trying: Trying, snapshot: Snapshot, *, warm: Warm | None = None) -> Trial:
        """Let a challenger take part from the next request on.

        Args:
            trying: How it takes part.
            snapshot: Its manifest, loaded.
            warm: Called with what it will answer with, before it does; what it raises keeps it from taking part.

        Raises:
            NotReadyError: Nothing answers yet that it could be compared with.
        """
        base = self._ready().base

        def beside(serving: Serving) -> View:
            now = self._ready().base
            if now != base:
                raise RefusedError("another manifest answers since the challenger was loaded")
            return View(now, Trial(trying, serving))

        self._load(snapshot, base.environment, base.revision, warm, beside)
        trial = self._ready().trial
        assert trial is not None
        return trial

    def retry(self, trying: Trying | None) -> None:
        """Let the challenger take part in another way, or (``None``) no more, from the next request on."""
        with self._writing:
            view = self._view
            if view is None or view.trial is None:
                return
            trial = None if trying is None else replace(view.trial, trying=trying)
            self._show(View(view.base, trial))

    def _load(
        self,
        snapshot: Snapshot,
        environment: str,
        revision: int,
        warm: Warm | None,
        view: Callable[[Serving], View],
    ) -> Serving:
        """Make a manifest ready beside what answers, with every row that comes in meanwhile, then swap the view."""
        pool: WorkerPool | None = None
        with self._writing:
            self._arriving = set()
        try:
            tables = OnlineTables(snapshot.bases, self.rows)
            tables.replay()
            for part in snapshot.decisions.values():
                _ = part.asker  # compiled and proven now, not under the first request
            pool = self.pools.begin(snapshot)
            serving = Serving(snapshot, tables, environment, revision, self.runtime.clock.now(), pool)
            if warm is not None:
                warm(serving)
            with self._writing:
                tables.replay(self._arriving)
                self._show(view(serving))
        except BaseException:
            self.pools.end(pool)
            raise
        finally:
            self._arriving = None
        return serving

    def _show(self, view: View) -> None:
        """Answer by a view from now on."""
        before, self._view = self._view, view
        self.breakers.keep({one.snapshot.manifest for one in view.servings})
        self.pools.keep([one.pool for one in view.servings], [one.pool for one in before.servings] if before else [])

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
        return self.decide_in(self._ready(), decision, rows, now=now, started=started)

    def decide_in(
        self,
        view: View,
        decision: str,
        rows: Sequence[Any],
        *,
        now: datetime | None = None,
        started: float | None = None,
        first: str | None = None,
    ) -> list[Answer]:
        """Answer some rows by one view; see :meth:`decide`.

        Args:
            view: What to answer with.
            decision: Id of the decision.
            rows: The rows.
            now: The time.
            started: When the request arrived.
            first: Id of the first answer; default: a fresh one.
        """
        begun = time.perf_counter() if started is None else started
        part = _find(view, decision)
        at = (now or self.runtime.clock.now()).astimezone(UTC)
        checked = _check(part, rows, at)
        if view.trial is None or not len(checked):
            return self._give(view.base, part, checked, at, begun, ALONE, first).answers
        return self._give_trial(view, view.trial, part, rows, checked, at, begun, first)

    def prompt(self, decision: str) -> Prompt | None:
        """What answers bytes with bytes on the calling thread, by what requests are answered with now.

        Args:
            decision: Id of the decision.

        Returns:
            ``None`` where already the first step needs code that may hold the thread: call :meth:`decide` in another.

        Raises:
            NotReadyError: No manifest is loaded yet.
            UnknownNameError: The manifest has no such decision.
        """
        view = self._ready()
        try:
            return view.prompts[decision]
        except KeyError:
            part = _find(view, decision)
            made: Prompt | None = None
            if part.plan.steps:
                with contextlib.suppress(ValueError):
                    made = Prompt(self, view, decision)
            view.prompts[decision] = made
            return made

    def _give_trial(
        self,
        view: View,
        trial: Trial,
        part: DecisionPart,
        rows: Sequence[Any],
        checked: Rows,
        at: datetime,
        begun: float,
        first: str | None,
    ) -> list[Answer]:
        """Answer a request while a rollout is on: by one of two manifests, or by both of which one is returned."""
        first = first or self.runtime.ids.new("answer")
        arm = trial.arm(part.node, checked.row(0), first)
        theirs = trial.challenger.snapshot.decisions.get(part.node, part)
        if arm.name == CHALLENGER:
            try:
                taken = _check(theirs, rows, at) if theirs.spine != part.spine else checked
                return self._give(trial.challenger, theirs, taken, at, begun, arm, first).answers
            except RequestError as error:  # good enough for the base, so it is not the caller's fault
                self._trial_problem = f"the challenger refuses rows that the base takes: {error.message}"
                arm = ALONE
        given = self._give(view.base, part, checked, at, begun, arm, first)
        if trial.trying.is_shadow and arm.rollout is not None:
            self.shadows.submit(partial(self._shadow, trial, theirs, rows, at, arm, given))
        return given.answers

    def _shadow(
        self, trial: Trial, part: DecisionPart, rows: Sequence[Any], at: datetime, arm: Arm, given: Given
    ) -> None:
        """Answer a request as the challenger would have, behind the answer that was returned."""
        checked = _check(part, rows, at)
        shadow = replace(arm, name=SHADOW)
        budget = Budget(part.deadline, time.perf_counter())
        found = self.answer(trial.challenger, part, checked, at, budget, shadow, runner=self.trial_runner)
        details = [
            msgspec.structs.replace(detail, shadow_of=answer.id, against=against(record_of(answer, returned)))
            for detail, answer, returned in zip(found.details, given.answers, given.details, strict=True)
        ]
        records = [record_of(one, detail) for one, detail in zip(found.answers, details, strict=True)]
        self.answers.append(records)

    def _give(
        self, serving: Serving, part: DecisionPart, rows: Rows, at: datetime, begun: float, arm: Arm, first: str | None
    ) -> Given:
        runner = self.trial_runner if arm.name == CHALLENGER else self.runner
        given = self.answer(serving, part, rows, at, Budget(part.deadline, begun), arm, first=first, runner=runner)
        self.recorder.record(part, given)
        return given

    def go_on(self, question: Question, path: Path) -> Given:
        """Answer one row of which the plan was asked already, and write the answer down.

        Args:
            question: What is asked.
            path: What the plan said of the row.

        Raises:
            StorageFullError: As :meth:`decide`.
        """
        runner = self.trial_runner if question.arm.name == CHALLENGER else self.runner
        given = give(question, [path], self._asks(question.serving, question.part, runner))
        self.recorder.record(question.part, given)
        return given

    def answer(
        self,
        serving: Serving,
        part: DecisionPart,
        rows: Rows,
        at: datetime,
        budget: Budget,
        arm: Arm = ALONE,
        *,
        first: str | None = None,
        runner: Runner | None = None,
    ) -> Given:
        """Answer checked rows without writing anything down.

        Args:
            serving: What to answer with.
            part: The decision, of that manifest.
            rows: The rows.
            at: When it was asked.
            budget: The time there is.
            arm: The arm that it belongs to.
            first: Id of the first answer; default: a fresh one.
            runner: Where steps run; default: where those of the base do.
        """
        paths = part.asker.many(rows, budget) if part.plan.steps and len(rows) <= MOST_PLANNED else []
        ids = [first if first and not place else self.runtime.ids.new("answer") for place in range(len(rows))]
        question = Question(serving, part, rows, at, budget, arm, ids)
        return give(question, paths, self._asks(serving, part, runner or self.runner))

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
            view = self._ready()
            if self._arriving is not None:
                self._arriving.add(source)
            taken = view.base.tables.ingest(source, rows, at)
            if view.trial is not None:
                view.trial.challenger.tables.take(source, rows, at)
            self.pools.take_rows(source, rows, at)
            return taken

    def take(self, source: str, rows: Sequence[Any], *, now: datetime) -> None:
        """Count rows that another process took in and logged. What does not fit here is left out.

        Args:
            source: Id of the source.
            rows: Mappings from column to value.
            now: As they were taken in with.
        """
        with self._writing:
            view = self._view
            if self._arriving is not None:
                self._arriving.add(source)
            if view is None:
                return
            view.base.tables.take(source, rows, now)
            if view.trial is not None:
                view.trial.challenger.tables.take(source, rows, now)
            self.pools.take_rows(source, rows, now)

    @property
    def unrecorded(self) -> int:
        """How many answers were given without being recorded."""
        return self.recorder.unrecorded

    def problems(self) -> list[str]:
        """What is wrong with the engine at present, in sentences."""
        found: list[str] = []
        for what, log in (("answers", self.answers), ("rows", self.rows)):
            if log.problem is not None:
                found.append(f"the log of {what} cannot be brought to the disk: {log.problem}")
        if self.recorder.problem is not None:
            found.append(self.recorder.problem)
        if resting := self.breakers.resting():
            found.append(f"left alone, because late or raising again and again: {', '.join(resting)}")
        found += self.pools.problems()
        if self._trial_problem is not None and self.trial is not None:
            found.append(self._trial_problem)
        if self.trial_runner.overdue:
            found.append(f"{self.trial_runner.overdue} steps of a challenger that were given up are still running")
        if self.runner.overdue:
            found.append(f"{self.runner.overdue} steps that were given up are still running")
        serving = self.serving
        if serving is not None and serving.tables.replayed.refused:
            found.append(f"{serving.tables.replayed.refused} logged rows do not fit the columns of their source")
        return found

    def close(self) -> None:
        """Bring everything to the disk and take no more steps."""
        self.shadows.close()
        self.pools.close()
        self.runner.close()
        self.trial_runner.close()
        self.answers.close()
        self.rows.close()

    def _ready(self) -> View:
        if self._view is None:
            raise NotReadyError(
                "nothing is loaded yet, so nothing can be answered", hint="GET /ready says why; soroi release"
            )
        return self._view

    def _asks(self, serving: Serving, part: DecisionPart, runner: Runner) -> Asks:
        asks: Asks = ThreadAsks(runner) if serving.pool is None else PoolAsks(serving.pool, part.node)
        return GuardedAsks(asks, self.breakers, serving.snapshot.manifest)


def _find(view: View, decision: str) -> DecisionPart:
    decisions = view.base.snapshot.decisions
    part = decisions.get(decision)
    if part is None:
        raise UnknownNameError(f"no decision is called '{decision}'", hint=did_you_mean(decision, decisions))
    return part


def _check(part: DecisionPart, rows: Sequence[Any], at: datetime) -> Rows:
    schema = part.spine
    defaults = {schema.time: at} if schema.time else {}
    checked = schema.check(rows, defaults=defaults, required=schema.key)
    schema.check_keys_differ(checked)
    return checked


def is_model_answer(answer: Answer) -> bool:
    """Whether a model gave the answer."""
    return answer.path[-1].kind == "model" and answer.path[-1].outcome is Outcome.ANSWERED

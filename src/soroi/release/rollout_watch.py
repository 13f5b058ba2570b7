"""Watching a rollout: the recorded answers counted, guards read, and what follows done. Any number may watch."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from soroi.base.display import Display, Shown
from soroi.base.duration import brief
from soroi.base.errors import ConflictError, RefusedError
from soroi.base.runtime import Runtime
from soroi.release.rollout import CHALLENGER, SHADOW, RolloutStep, Terms, step_of, terms_of
from soroi.release.rollout_guards import Reading, readings
from soroi.release.rollout_moves import Promote, abort_broken, advance_rollout, pause_rollout, settle
from soroi.release.rollout_outcomes import RecordedOutcomes
from soroi.release.rollout_tally import Known, Tally
from soroi.store import RolloutRecord, Store
from soroi.store.tail import AnswerTail

WATCH_SECONDS = 1.0
"""How often a watcher looks."""

Outcomes = Callable[[RolloutRecord], Iterable[Known]]
"""Gives the outcomes of a rollout's answers that are known by now, all of them each time."""

_LOG = logging.getLogger("soroi.rollout")


@dataclass(frozen=True, repr=False)
class RolloutReport(Shown):
    """How a rollout stands, and what its answers say."""

    record: RolloutRecord
    """The rollout."""

    answers: dict[str, int]
    """Answers of each arm since it began."""

    here: dict[str, int]
    """Answers of each arm at the present step."""

    readings: tuple[Reading, ...]
    """What the guards say."""

    due: str
    """What the next step waits for, in words; empty: for nothing."""

    @property
    def terms(self) -> Terms:
        """What it was begun under."""
        return terms_of(self.record)

    @property
    def step(self) -> RolloutStep:
        """The present step, or the last one."""
        return self.terms.plan.steps[step_of(self.record)]

    @property
    def broken(self) -> tuple[Reading, ...]:
        """What the broken guards say."""
        return tuple(one for one in self.readings if one.broken)

    def display(self) -> Display:
        """How it stands."""
        record, plan = self.record, self.terms.plan
        rows = [[one.decision, one.guard, "broken" if one.broken else "holds", one.text] for one in self.readings]
        notes = [f"{arm}: {count} answers, {self.here.get(arm, 0)} at this step" for arm, count in self.answers.items()]
        if record.is_open:
            notes.append(f"step {step_of(record) + 1} of {len(plan.steps)}: {self.step}; {self.due or 'next step due'}")
        if record.state.get("reason"):
            notes.append(str(record.state["reason"]))
        title = f"{record.id}: {record.mode} of {record.challenger} beside {record.base} in '{record.environment}', "
        title += f"{record.status} at {self.step.share:.3g}"
        return Display(title, ("decision", "guard", "", "says"), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        record = self.record
        return {
            "id": record.id,
            "environment": record.environment,
            "base": record.base,
            "challenger": record.challenger,
            "mode": record.mode,
            "status": record.status,
            "revision": record.revision,
            "share": self.step.share,
            "state": record.state,
            "terms": record.body,
            "answers": self.answers,
            "answers_at_step": self.here,
            "due": self.due,
            "guards": [one.to_dict() for one in self.readings],
            "by": record.by,
            "at": record.at,
            "ended_at": record.ended_at,
        }


class Watcher:
    """Looks after the rollout of an environment. Two of them do no harm: one moves it, the other finds it moved.

    What it keeps in memory only spares reading; another one, or the same after a kill, comes to the same.

    Args:
        store: The store; answers are counted that are recorded in its folder.
        environment: Which head's rollout.
        runtime: Clock, ids and actor.
        promote: Makes a challenger the head.
        outcomes: Where outcomes are known from; default: the sources and datasets of the project.
        every: Seconds between two looks.
    """

    def __init__(
        self,
        store: Store,
        environment: str,
        *,
        runtime: Runtime,
        promote: Promote,
        outcomes: Outcomes | None = None,
        every: float = WATCH_SECONDS,
    ) -> None:
        self._store = store
        self._environment = environment
        self._runtime = runtime
        self._promote = promote
        self._outcomes = outcomes or RecordedOutcomes(store)
        self._every = every
        self._counter: Counter | None = None
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin to watch, in a thread of its own."""
        self._thread = threading.Thread(target=self._run, name="soroi-watch", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()

    def run(self, told: Callable[[RolloutReport], object] = lambda report: None) -> RolloutReport | None:
        """Watch in this thread until no rollout is open (or :meth:`stop` is called).

        Args:
            told: Given the report of each look.

        Returns:
            The last report, if there was a rollout.
        """
        last = None
        while not self._stop.is_set():
            report = self.look()
            if report is None:
                break
            last = report
            told(report)
            if not report.record.is_open:
                break
            self._stop.wait(self._every)
        return last

    def look(self) -> RolloutReport | None:
        """Look once, and do what follows: end what is broken or overtaken, take a step that is due.

        Returns:
            How the rollout stands then; ``None``: none is open.
        """
        with self._store.catalogue.read() as tx:
            record = tx.rollouts.open(self._environment)
        if record is None:
            self._counter = None
            return None
        if self._counter is None or self._counter.rollout != record.id:
            self._counter = Counter(self._store, record, self._outcomes)
        report = self._counter.report(record, self._runtime.clock.now())
        try:
            record = settle(self._store, record, self._runtime)
            if record.is_open:
                record = self._follow_up(report)
        except ConflictError:  # somebody else was first; the next look sees what they did
            with self._store.catalogue.read() as tx:
                record = tx.rollouts.get(record.id)
        return replace(report, record=record)

    def _follow_up(self, report: RolloutReport) -> RolloutRecord:
        record = report.record
        if report.broken:
            _LOG.error("%s is ended: %s", record.id, "; ".join(one.text for one in report.broken))
            return abort_broken(self._store, record, report.broken, {"answers": report.answers}, self._runtime)
        if record.status != "running" or report.due or report.terms.plan.advance != "auto":
            return record
        try:
            return advance_rollout(self._store, record, self._runtime, self._promote, by=record.by)
        except RefusedError as error:  # a gate does not hold: it stays where it is until somebody looks at it
            _LOG.error("%s is paused: %s", record.id, error.message)
            return pause_rollout(self._store, record, self._runtime, reason=error.message, by=GATES)

    def _run(self) -> None:
        told = ""
        while not self._stop.is_set():
            try:
                self.look()
                told = ""
            except Exception as error:  # whatever it is: the next look may go well
                if str(error) != told:
                    _LOG.error("the rollout of '%s' cannot be watched: %s", self._environment, error)
                told = str(error)
            self._stop.wait(self._every)


GATES = "gates"
"""Who pauses a rollout whose challenger may not become the head."""


class Counter:
    """Counts the answers of one rollout, look by look.

    Args:
        store: The store.
        record: The rollout.
        outcomes: Where outcomes are known from; default: the sources and datasets of the project.
    """

    def __init__(self, store: Store, record: RolloutRecord, outcomes: Outcomes | None = None) -> None:
        self.rollout = record.id
        self._terms = terms_of(record)
        self._tail = AnswerTail(Path(store.config.root), record.at)
        self._tally = Tally(record.id, self._terms)
        self._outcomes = outcomes or RecordedOutcomes(store)

    def report(self, record: RolloutRecord, now: datetime) -> RolloutReport:
        """Count what is new, and say how the rollout stands.

        Args:
            record: The rollout as it stands.
            now: The time.
        """
        fresh = self._tail.look()
        if fresh.again:
            self._tally = Tally(record.id, self._terms)
        self._tally.add(fresh.answers)
        self._tally.learn(self._outcomes(record))
        steps = range(len(self._terms.plan.steps))
        totals: dict[str, int] = {}
        for step in steps:
            for arm, count in self._tally.at_step(step).items():
                totals[arm] = totals.get(arm, 0) + count
        here = self._tally.at_step(step_of(record))
        return RolloutReport(record, totals, here, tuple(readings(self._tally)), _due(record, self._terms, here, now))


def _due(record: RolloutRecord, terms: Terms, here: dict[str, int], now: datetime) -> str:
    """What the next step waits for."""
    step = terms.plan.steps[step_of(record)]
    waits = []
    left = step.seconds - (now - datetime.fromisoformat(record.state["since"])).total_seconds()
    if left > 0:
        waits.append(f"waits for {brief(left)} more")
    seen = here.get(SHADOW if record.mode == "shadow" else CHALLENGER, 0)
    if seen < step.answers:
        waits.append(f"waits for {step.answers - seen} more answers of the challenger")
    return ", ".join(waits)

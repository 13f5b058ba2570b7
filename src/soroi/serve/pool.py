"""Worker processes for the steps of one manifest that run somebody's code.

A step that is not done in time costs its caller nothing more: the worker is left to it for a short while, then
killed, and another takes its place. Nobody waits for a step that would be late: see
:class:`soroi.serve.breaker.Admission`.
"""

from __future__ import annotations

import logging
import os
import socket
import subprocess
import sys
import threading
import time
from collections import deque
from collections.abc import Mapping, Sequence
from datetime import datetime
from multiprocessing.connection import Connection
from typing import Any

from soroi.base.errors import RefusedError, SoroiError
from soroi.serve.breaker import Admission, Overloaded
from soroi.serve.evaluation import Evaluation, Places, Scored
from soroi.serve.runner import Late
from soroi.serve.saying import Said
from soroi.serve.snapshot import Origin, RulePart, StepPart
from soroi.serve.worker import Done, Job, Rows

GRACE_SECONDS = 0.1
"""How long a worker may go on with a step that nobody waits for any more, before it is killed."""

READY_SECONDS = 120.0
"""How long the first worker of a manifest may take to load it."""

_AGAIN_FIRST, _AGAIN_MOST = 0.5, 30.0
_MAIN = "import sys; from soroi.serve.worker import main; sys.exit(main())"
_LOG = logging.getLogger("soroi.serve")


class StepError(SoroiError):
    """A step raised in its worker; the message is what it raised, in one line."""

    code = "step"


class _Worker:
    """One process and this end of its socket."""

    def __init__(self, origin: Origin) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-c", _MAIN, str(theirs.fileno())]
            threads = dict.fromkeys(("POLARS_MAX_THREADS", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"), "1")
            self.process = subprocess.Popen(
                command,
                pass_fds=(theirs.fileno(),),
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                env={**os.environ, **threads},
                start_new_session=True,
            )
        self.wire = Connection(ours.detach())
        self.arrived: list[Rows] = []
        self.wire.send(origin)

    def end(self) -> None:
        """Kill it, if it lives."""
        self.process.kill()
        self.process.wait()
        self.wire.close()


class WorkerPool:
    """Asks steps in worker processes; see :class:`soroi.serve.asks.Asks`. Safe between threads.

    Args:
        origin: What the workers load.
        size: How many workers.
        grace: Seconds after which a worker is killed that goes on with an abandoned step.
    """

    def __init__(self, origin: Origin, size: int, *, grace: float = GRACE_SECONDS) -> None:
        self._origin = origin
        self._size = size
        self._grace = grace
        self._lock = threading.Condition()
        self._idle: deque[_Worker] = deque()
        self._busy: set[_Worker] = set()
        self._all: set[_Worker] = set()
        self._overdue: list[tuple[float, _Worker]] = []
        self._admission = Admission(size)
        self._closed = False
        self._pause = 0.0
        self.problem: str | None = None
        """Why no worker could be started lately; ``None``: they start."""

        self.replaced = 0
        """How many workers were killed because of a step that was late."""

        for _ in range(size):
            self._start_one()
        threading.Thread(target=self._reap, name="soroi-reap", daemon=True).start()

    def wait_ready(self, seconds: float = READY_SECONDS) -> None:
        """Wait until a worker has loaded the manifest.

        Raises:
            RefusedError: None could, or not in time.
        """
        with self._lock:
            self._lock.wait_for(lambda: self._idle or self.problem or self._closed, seconds)
            if not self._idle:
                why = self.problem or f"it was not done after {seconds:g} s"
                raise RefusedError(f"no worker process could load {self._origin.manifest}: {why}")

    @property
    def overdue(self) -> int:
        """How many workers go on with an abandoned step."""
        return len(self._overdue)

    def pids(self) -> list[int]:
        """Ids of the worker processes."""
        with self._lock:
            return [one.process.pid for one in self._all]

    def take_rows(self, source: str, rows: Sequence[Any], at: datetime) -> None:
        """Let the workers know rows that came in and are logged, before their next job."""
        with self._lock:
            for one in self._all:
                one.arrived.append(Rows(source, rows, at))

    def score(self, step: StepPart, evaluation: Evaluation, places: Places, seconds: float, *, decision: str) -> Scored:
        """The scores of a step's model; see :meth:`soroi.serve.asks.Asks.score`."""
        known = (dict(evaluation.features), dict(evaluation.scores))
        job = Job("score", decision, step.name, evaluation.rows.values, places.tolist(), *known)
        done = self._do(job, seconds, {})
        assert done.scored is not None
        assert done.features is not None
        assert done.scores is not None
        evaluation.features.update(done.features)
        evaluation.scores.update(done.scores)
        return done.scored

    def say(
        self,
        rule: RulePart,
        evaluation: Evaluation,
        places: Sequence[int],
        seconds: float,
        said: Said,
        *,
        decision: str,
    ) -> None:
        """Ask a rule; see :meth:`soroi.serve.asks.Asks.say`."""
        self._do(Job("say", decision, rule.name, evaluation.rows.values, list(places), {}, {}), seconds, said)

    def close(self) -> None:
        """End the workers. Calls under way are late."""
        with self._lock:
            self._closed = True
            everybody, self._all = self._all, set()
            self._idle.clear()
            self._lock.notify_all()
        for one in everybody:
            one.end()

    # ── one call ──────────────────────────────────────────────────────────────────────────────────────────────────

    def _do(self, job: Job, seconds: float, said: Said) -> Done:
        if seconds <= 0:
            raise Late
        end = time.monotonic() + seconds
        name = f"{job.decision}/{job.step}"
        self._admission.enter(name, seconds)
        served: float | None = None
        try:
            worker = self._take(end)
            begun = time.monotonic()
            try:
                return self._ask(worker, job, end, said)
            finally:
                served = time.monotonic() - begun
        finally:
            self._admission.leave(name, served)

    def _ask(self, worker: _Worker, job: Job, end: float, said: Said) -> Done:
        with self._lock:
            arrived, worker.arrived = worker.arrived, []
        try:
            worker.wire.send(_with(job, arrived) if arrived else job)
            while worker.wire.poll(max(end - time.monotonic(), 0.0)):
                done: Done = worker.wire.recv()
                said.update(done.said or {})
                if done.more:
                    continue
                self._give_back(worker)
                if done.error is not None:
                    raise StepError(done.error)
                return done
        except (EOFError, OSError):  # the step took its process with it
            self._lost(worker)
            raise StepError(f"it ended its process: {_ending(worker.process)}") from None
        with self._lock:
            self._busy.discard(worker)
            self._overdue.append((time.monotonic() + self._grace, worker))
            self._lock.notify_all()
        raise Late

    def _take(self, end: float) -> _Worker:
        """A worker that is free, or becomes free in time; if none can, nobody waits for it."""
        with self._lock:
            while not self._idle:
                left = end - time.monotonic()
                if left <= 0 or not self._busy or self._closed:
                    raise Overloaded("no worker process is free for it")
                self._lock.wait(left)
            worker = self._idle.popleft()
            self._busy.add(worker)
            return worker

    def _give_back(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            if worker in self._all:
                self._idle.append(worker)
            self._lock.notify()

    # ── workers that come and go ──────────────────────────────────────────────────────────────────────────────────

    def _lost(self, worker: _Worker) -> None:
        with self._lock:
            self._busy.discard(worker)
            self._lock.notify_all()
            if worker not in self._all:
                return
            self._all.discard(worker)
        worker.end()
        self._start_one()

    def _start_one(self) -> None:
        with self._lock:
            if self._closed:
                return
        threading.Thread(target=self._start, name="soroi-start", daemon=True).start()

    def _start(self) -> None:
        while True:
            time.sleep(self._pause)
            worker: _Worker | None = None
            try:
                worker = _Worker(self._origin)
                with self._lock:
                    if self._closed:
                        worker.end()
                        return
                    self._all.add(worker)
                done = worker.wire.recv() if worker.wire.poll(READY_SECONDS) else Done(error="it took too long")
                why = done.error
            except (EOFError, OSError) as error:
                why = f"it ended: {error}"
            with self._lock:
                if why is None and worker is not None and not self._closed:
                    self.problem, self._pause = None, 0.0
                    self._idle.append(worker)
                    self._lock.notify_all()
                    return
                self.problem = why
                self._pause = min(max(self._pause * 2.0, _AGAIN_FIRST), _AGAIN_MOST)
                self._lock.notify_all()
                if worker is not None:
                    self._all.discard(worker)
                if self._closed:
                    return
            _LOG.error("a worker process for %s could not be started: %s", self._origin.manifest, why)
            if worker is not None:
                worker.end()

    def _reap(self) -> None:
        """Take workers back that are done with an abandoned step after all, and kill the others."""
        while True:
            with self._lock:
                if self._closed:
                    return
                self._lock.wait_for(lambda: self._overdue or self._closed)
                overdue, self._overdue = self._overdue, []
            now = time.monotonic()
            kept = []
            for until, worker in overdue:
                if self._is_done(worker):
                    self._give_back(worker)
                elif now >= until:
                    self.replaced += 1
                    self._lost(worker)
                else:
                    kept.append((until, worker))
            with self._lock:
                self._overdue += kept
            if kept:
                time.sleep(0.01)

    def _is_done(self, worker: _Worker) -> bool:
        try:
            while worker.wire.poll(0):
                if not worker.wire.recv().more:
                    return True
        except (EOFError, OSError):
            return False
        return False


class PoolAsks:
    """Asks the steps of one decision in the workers of its manifest.

    Args:
        pool: The workers.
        decision: Id of the decision.
    """

    def __init__(self, pool: WorkerPool, decision: str) -> None:
        self._pool = pool
        self._decision = decision

    def score(self, step: StepPart, evaluation: Evaluation, places: Places, seconds: float) -> Scored:
        """See :meth:`soroi.serve.asks.Asks.score`."""
        return self._pool.score(step, evaluation, places, seconds, decision=self._decision)

    def say(self, rule: RulePart, evaluation: Evaluation, places: Sequence[int], seconds: float, said: Said) -> None:
        """See :meth:`soroi.serve.asks.Asks.say`."""
        self._pool.say(rule, evaluation, places, seconds, said, decision=self._decision)


def _with(job: Job, arrived: Sequence[Rows]) -> Job:
    fields: Mapping[str, Any] = {**vars(job), "arrived": tuple(arrived)}
    return Job(**fields)


def _ending(process: subprocess.Popen[bytes]) -> str:
    code = process.poll()
    return "it is gone" if code is None else f"signal {-code}" if code < 0 else f"exit status {code}"

"""A worker process: holds one manifest, and asks its steps when told to. What it does nobody else has to wait for.

It is started with the number of a socket. The first message says what to load; each further one is a
:class:`Job`, answered by one :class:`Done`. Both ends are soroi's own, on one machine, so messages are pickled.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

if TYPE_CHECKING:
    from soroi.serve.evaluation import Computed, Scored
    from soroi.serve.saying import Said
    from soroi.serve.snapshot import Origin, Snapshot
    from soroi.serve.tables import OnlineTables

NICE = 10
"""By how much workers stand back behind the process that answers, when both want a core."""

_WATCH_SECONDS = 0.5
_STUCK_SECONDS = 20
_TELL_SECONDS = 0.002


@dataclass(frozen=True)
class Rows:
    """Rows of a source that came in, and are logged already."""

    source: str
    """Id of the source."""

    rows: Sequence[Any]
    """The rows, as they came."""

    at: datetime
    """When they came."""


@dataclass(frozen=True)
class Job:
    """Something to ask."""

    kind: Literal["score", "say", "ping"]
    """Which kind of step."""

    decision: str
    """Id of the decision."""

    step: str
    """Name of the step."""

    values: tuple[tuple[Any, ...], ...]
    """The checked rows of the request."""

    places: Sequence[int]
    """The rows that are asked about."""

    features: Mapping[str, Computed]
    """What was computed of them already."""

    scores: Mapping[str, Scored]
    """What was scored already."""

    arrived: Sequence[Rows] = ()
    """Rows that came in since the last job."""


@dataclass(frozen=True)
class Done:
    """What came of a job."""

    scored: Scored | None = None
    """The scores, of a model."""

    features: Mapping[str, Computed] | None = None
    """All that is computed now."""

    scores: Mapping[str, Scored] | None = None
    """All that is scored now."""

    said: Said | None = None
    """What a rule said of some rows."""

    error: str | None = None
    """What was raised, in one line."""

    more: bool = False
    """Whether more comes of the same job."""


class Work:
    """What a worker does with its jobs.

    Args:
        snapshot: The manifest, loaded.
        tables: Its context tables.
    """

    def __init__(self, snapshot: Snapshot, tables: OnlineTables) -> None:
        self._snapshot = snapshot
        self._tables = tables

    def do(self, job: Job, told: Connection) -> None:
        """Do a job and tell what came of it."""
        from soroi.serve.evaluation import describe

        for one in job.arrived:
            self._tables.take(one.source, one.rows, one.at)
        try:
            if job.kind == "say":
                self._say(job, told)
            else:
                told.send(self._score(job) if job.kind == "score" else Done())
        except BaseException as error:  # a step that ends its process is a fall like any other
            told.send(Done(error=describe(error)))

    def _score(self, job: Job) -> Done:
        import numpy as np

        from soroi.serve.evaluation import Evaluation
        from soroi.serve.runner import Ticket

        part = self._snapshot.decisions[job.decision]
        step = next(one for one in part.asked if one.name == job.step)
        rows = part.spine.rows(job.values)
        evaluation = Evaluation(part.spine, rows, self._tables.view, dict(job.features), dict(job.scores))
        scored = evaluation.score(step.model, np.asarray(job.places, dtype=np.intp), Ticket())
        return Done(scored, evaluation.features, evaluation.scores)

    def _say(self, job: Job, told: Connection) -> None:
        from soroi.serve.saying import say

        part = self._snapshot.decisions[job.decision]
        rule = next(one for one in part.rules if one.name == job.step)
        rows = part.spine.rows(job.values)
        said: Said = {}
        since = time.monotonic()
        for place in job.places:
            if said and time.monotonic() - since > _TELL_SECONDS:
                told.send(Done(said=said, more=True))
                said, since = {}, time.monotonic()
            said[place] = say(rule, rows.row(place))
        told.send(Done(said=said))


def load(origin: Origin) -> Work:
    """Load a manifest in this process, and every row that came in so far."""
    from soroi.release.manifest import read_manifest
    from soroi.serve.loading import load_snapshot
    from soroi.serve.tables import OnlineTables
    from soroi.store import RowLog, StoreConfig, open_store

    config = StoreConfig(Path(origin.root), origin.project, origin.catalogue, origin.objects)
    with open_store(config) as store:
        with store.catalogue.read() as tx:
            found = read_manifest(tx, origin.manifest)
        snapshot = load_snapshot(store, found, module=origin.module, home=Path(origin.home))
    tables = OnlineTables(snapshot.bases, RowLog(Path(origin.root)))
    tables.replay()
    work = Work(snapshot, tables)
    for part in snapshot.decisions.values():  # what is slow the first time is slow now
        for step in part.asked:
            rows = part.spine.trusted(part.sample)
            _quietly(work, Job("score", part.node, step.name, rows.values, range(len(rows)), {}, {}))
    return work


def _quietly(work: Work, job: Job) -> None:
    try:
        work._score(job)
    except BaseException:  # what a step raises is its caller's affair
        return


def main() -> int:
    """Serve jobs until the other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    told = Connection(int(sys.argv[1]))
    _watch(os.getppid())
    try:
        work = load(told.recv())
    except BaseException as error:
        from soroi.serve.evaluation import describe

        told.send(Done(error=describe(error)))
        return 1
    os.nice(NICE)
    told.send(Done())
    while True:
        try:
            job = told.recv()
        except (EOFError, OSError):
            return 0
        work.do(job, told)


def _watch(parent: int) -> None:
    """End with the process that started this one, also while a step holds the interpreter."""
    signal.signal(signal.SIGALRM, signal.SIG_DFL)

    def look() -> None:
        while os.getppid() == parent:
            signal.alarm(_STUCK_SECONDS)
            time.sleep(_WATCH_SECONDS)
        os._exit(0)

    threading.Thread(target=look, name="soroi-watch", daemon=True).start()

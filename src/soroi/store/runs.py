"""Runs in the catalogue: what was asked, how it ended, and what became of each node."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime

import msgspec
from sqlalchemy import func, select

from soroi.base.errors import UnknownNameError
from soroi.store.records import RunNodeRecord, RunRecord, RunStatus
from soroi.store.schema import run_nodes, runs
from soroi.store.sql import Bound, without


class Runs:
    """The runs of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def start(self, record: RunRecord) -> None:
        """Record that a run has started."""
        self._bound.insert(runs, msgspec.structs.asdict(record))

    def finish(self, run_id: str, status: RunStatus, at: datetime) -> None:
        """Record how a run ended, and when.

        Raises:
            UnknownNameError: There is no such run.
        """
        mine = (runs.c.project == self._bound.project) & (runs.c.id == run_id)
        if self._bound.change(runs.update().where(mine).values(status=status, finished_at=at)) != 1:
            raise UnknownNameError(f"there is no run '{run_id}'", name=run_id)

    def put_node(self, record: RunNodeRecord) -> None:
        """Record how a node of a run stands, in place of what was recorded before."""
        self._bound.upsert(run_nodes, msgspec.structs.asdict(record), ["run", "node"])

    def get(self, text: str) -> RunRecord:
        """The run with an id, or with the only id that begins so.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return RunRecord(**without(self._bound.resolve(runs, text, "run"), "seq"))

    def recent(self, limit: int = 20) -> list[RunRecord]:
        """The last runs, newest first."""
        query = self._bound.select(runs).order_by(runs.c.seq.desc()).limit(limit)
        return [RunRecord(**without(row, "seq")) for row in self._bound.rows(query)]

    def nodes(self, run_id: str) -> list[RunNodeRecord]:
        """The nodes of a run, in the order in which they were first recorded."""
        query = self._bound.select(run_nodes).where(run_nodes.c.run == run_id).order_by(run_nodes.c.seq)
        return [RunNodeRecord(**without(row, "seq")) for row in self._bound.rows(query)]

    def last_seconds(self) -> dict[str, float]:
        """How long the last build of each node took, by node; nodes that were only reused are left out."""
        mine = (run_nodes.c.project == self._bound.project) & (run_nodes.c.status == "built")
        newest = select(func.max(run_nodes.c.seq)).where(mine).group_by(run_nodes.c.node).scalar_subquery()
        query = select(run_nodes.c.node, run_nodes.c.seconds).where(run_nodes.c.seq.in_(newest))
        return {row.node: row.seconds for row in self._bound.rows(query) if row.seconds is not None}

    def versions_since(self, since: datetime) -> dict[str, frozenset[str]]:
        """The versions that were built or reused by the runs begun at or after a moment, by run."""
        query = (
            select(run_nodes.c.run, run_nodes.c.version)
            .join(runs, (runs.c.project == run_nodes.c.project) & (runs.c.id == run_nodes.c.run))
            .where(runs.c.project == self._bound.project, runs.c.started_at >= since, run_nodes.c.version.is_not(None))
        )
        found: dict[str, set[str]] = defaultdict(set)
        for row in self._bound.rows(query):
            found[row.run].add(row.version)
        return {run: frozenset(several) for run, several in found.items()}

    def logs(self) -> list[tuple[str, str | None, datetime]]:
        """The log of every node of a run that left one: its digest, the version made, and when the run began."""
        query = (
            select(run_nodes.c.log, run_nodes.c.version, runs.c.started_at)
            .join(runs, (runs.c.project == run_nodes.c.project) & (runs.c.id == run_nodes.c.run))
            .where(runs.c.project == self._bound.project, run_nodes.c.log.is_not(None))
        )
        return [(row.log, row.version, row.started_at) for row in self._bound.rows(query)]

    def spent(self) -> list[tuple[str, str | None, str, float]]:
        """What building took, node by node: node, version made, how it ended, and seconds."""
        query = select(run_nodes.c.node, run_nodes.c.version, run_nodes.c.status, run_nodes.c.seconds).where(
            run_nodes.c.project == self._bound.project, run_nodes.c.seconds.is_not(None)
        )
        return [(row.node, row.version, row.status, row.seconds) for row in self._bound.rows(query)]

    def open(self) -> list[RunRecord]:
        """The runs that have not ended, oldest first. A killed run stays among them until somebody ends it."""
        query = self._bound.select(runs).where(runs.c.status == "running").order_by(runs.c.seq)
        return [RunRecord(**without(row, "seq")) for row in self._bound.rows(query)]

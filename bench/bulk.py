"""Rows of a catalogue written many at a time: the same rows as its public calls write, about five times as fast.

:meth:`Bulk.event` continues the chain of the history as :class:`soroi.store.events.Events` does; ``Events.verify``
finds it whole.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from types import TracebackType
from typing import Any

import msgspec
from sqlalchemy import Table

from soroi.base.runtime import Runtime
from soroi.declare.fingerprint import Fingerprint
from soroi.store import RunNodeRecord, Transaction, VersionRecord
from soroi.store.columns import encode_json
from soroi.store.events import event_digest
from soroi.store.schema import (
    descriptions,
    edges,
    event_chains,
    events,
    picks,
    run_nodes,
    staging,
    staging_changes,
    versions,
)


class Bulk:
    """What will be written at the end of a ``with`` block.

    Args:
        tx: A transaction that writes.
    """

    def __init__(self, tx: Transaction) -> None:
        self._bound = tx._bound
        self._rows: dict[Table, list[dict[str, Any]]] = {
            table: [] for table in (versions, edges, run_nodes, events, descriptions)
        }
        chain = self._bound.row(self._bound.select(event_chains))
        self._length: int = chain.length if chain is not None else 0
        self._digest: str = chain.digest if chain is not None else ""
        self._is_new = chain is None

    def __enter__(self) -> Bulk:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._write()

    def version(self, record: VersionRecord) -> None:
        """Add a version with its edges."""
        values = {name: getattr(record, name) for name in record.__struct_fields__ if name != "edges"}
        self._rows[versions].append(values)
        self._rows[edges] += [
            {"version": record.id, "position": place, **msgspec.structs.asdict(edge)}
            for place, edge in enumerate(record.edges)
        ]

    def run_node(self, record: RunNodeRecord) -> None:
        """Record how a node of a run ended."""
        self._rows[run_nodes].append(msgspec.structs.asdict(record))

    def describe(self, node: str, given: Fingerprint, run: str, at: datetime) -> None:
        """Record the description of a node for the first time."""
        self._rows[descriptions].append({"node": node, "digest": given.description_digest, "at": at})
        self.event("node.described", node, {"description": dict(given.description), "run": run}, "bench", at)

    def event(self, kind: str, subject: str, body: Mapping[str, Any], by: str, at: datetime) -> None:
        """Append an entry to the history."""
        self._length += 1
        text = encode_json(body)
        own = event_digest(self._length, self._digest, kind, subject, text, by, at)
        values = {"kind": kind, "subject": subject, "body": text, "by": by, "at": at}
        self._rows[events].append({"seq": self._length, **values, "prev": self._digest, "digest": own})
        self._digest = own

    def pick(self, picked: Sequence[VersionRecord], runtime: Runtime) -> None:
        """Put versions into an empty staging, at once."""
        record = {"by": runtime.actor, "at": runtime.clock.now(), "note": ""}
        rows = [{"node": one.node, "version": one.id, **record} for one in picked]
        self._bound.insert(staging, {"revision": 1, "manifest": None})
        self._bound.insert(picks, rows)
        self._bound.insert(staging_changes, [{"revision": 1, **one} for one in rows])

    def _write(self) -> None:
        for table, rows in self._rows.items():
            self._bound.insert(table, rows)
        values = {"length": self._length, "digest": self._digest}
        if self._is_new:
            self._bound.insert(event_chains, values)
        else:
            mine = event_chains.c.project == self._bound.project
            self._bound.change(event_chains.update().where(mine).values(**values))

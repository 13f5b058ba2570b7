"""Tombstones in the catalogue: what was removed, when and by whom. The rows of versions stay as they are.

There are two kinds. One stands for an *object* (bytes, or the description of a table), whichever project is asked: the
objects of a catalogue are shared. The other *marks a version* of one project some of whose objects were removed.

Unlike all other records they change and go again. Each change leaves an event with the digests of the rows as they are
from then on, or with the names of those that were lifted.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import ColumnElement, literal, select

from soroi.store.events import Events
from soroi.store.rows import row_digest
from soroi.store.schema import tombstones, versions
from soroi.store.sql import Bound, without

CHUNK = 400
"""How many names one query holds."""

MARK = "v:"
"""Begins the name of a row that marks a version; the version's digest follows."""

WRITTEN = "tombstones.written"
"""Kind of the event that holds the digests of rows, by name (``rows``)."""

LIFTED = "tombstones.lifted"
"""Kind of the event that holds the names of rows that went, by project (``rows``)."""

GOING = "going"
"""State of an object that is being removed: whether its bytes are there does not count."""

GONE = "gone"
"""State of an object that was removed. When its bytes are there, they were put again since."""


ABANDONED = timedelta(hours=1)
"""A collection begun on another machine that did nothing for so long is taken for dead."""


class Tombstone(msgspec.Struct, frozen=True, kw_only=True):
    """What is left of an object."""

    object: str
    """Its digest, or the root of a table."""

    size: int
    """Its bytes."""

    body: dict[str, Any]
    """``state``, ``key``, ``collection``, and ``versions`` that named it, by project."""

    by: str
    """Who removed it."""

    at: datetime
    """When."""

    @property
    def is_gone(self) -> bool:
        """Whether its removal has ended."""
        return bool(self.body["state"] == GONE)

    def is_abandoned(self, now: datetime) -> bool:
        """Whether it is being removed by a collection that is dead: one of a process that is no more, or, on another
        machine, one that did nothing for :data:`ABANDONED`. Nothing removes it any more until it is adopted.

        Args:
            now: The present moment.
        """
        if self.is_gone:
            return False
        if self.body.get("host") != socket.gethostname():
            return now - self.at > ABANDONED
        try:
            os.kill(self.body["pid"], 0)
        except ProcessLookupError:
            return True
        except PermissionError:
            return False
        return False


_ANY = select(tombstones.c.object).limit(1)


class Tombstones:
    """The tombstones of a catalogue, seen from one transaction of a project."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def any(self) -> bool:
        """Whether anything of the catalogue was ever removed and not put back."""
        return self._bound.row(_ANY) is not None

    def of(self, objects: Iterable[str]) -> dict[str, Tombstone]:
        """The tombstones of some objects, by object; the newest of each, whichever project removed it."""
        found: dict[str, Tombstone] = {}
        for chunk in _chunks(objects):
            query = select(tombstones).where(tombstones.c.object.in_(chunk)).order_by(tombstones.c.at)
            for row in self._bound.rows(query):
                one = Tombstone(**without(row))
                known = found.get(one.object)
                if known is None or known.is_gone:  # one that is being removed counts before all others
                    found[one.object] = one
        return found

    def add(self, records: Sequence[Tombstone], by: str | None = None) -> None:
        """Record that objects are being removed.

        Args:
            records: Their tombstones, all of one moment.
            by: Who says so; default: whoever the first of them names.
        """
        if records:
            self._put([msgspec.structs.asdict(record) for record in records], by or records[0].by, records[0].at)

    def going(self) -> list[Tombstone]:
        """The objects whose removal this project began and did not end, oldest first."""
        query = self._bound.select(tombstones).order_by(tombstones.c.at, tombstones.c.object)
        rows = self._bound.rows(query.where(~tombstones.c.object.startswith(MARK)))
        return [one for one in (Tombstone(**without(row)) for row in rows) if not one.is_gone]

    def ended(self, records: Iterable[Tombstone], by: str, at: datetime) -> None:
        """Record that objects were removed.

        Args:
            records: As given by :meth:`going`.
            by: Who removed them.
            at: When.
        """
        rows = []
        for one in records:
            mine = (tombstones.c.project == self._bound.project) & (tombstones.c.object == one.object)
            ended = msgspec.structs.replace(one, body={**one.body, "state": GONE}, at=at)
            if self._bound.change(tombstones.update().where(mine).values(body=ended.body, at=at)):
                rows.append(msgspec.structs.asdict(ended))
        self._tell(rows, by, at)

    def forget(self, objects: Iterable[str], by: str, at: datetime) -> None:
        """Take back that objects were removed, because they are there again.

        Args:
            objects: The objects.
            by: Who needs them.
            at: When.
        """
        for chunk in _chunks(sorted(objects)):
            self._lift(tombstones.c.object.in_(chunk), by, at)

    def mark(self, marks: Mapping[str, dict[str, Any]], by: str, at: datetime) -> None:
        """Mark versions some of whose objects are being removed.

        Args:
            marks: What is to be remembered, by the digest of the version.
            by: Who removes them.
            at: When.
        """
        rows = [
            {"object": MARK + digest, "size": 0, "body": body, "by": by, "at": at} for digest, body in marks.items()
        ]
        self._put(rows, by, at)

    def marked(self, ids: Iterable[str] | None = None) -> dict[str, Tombstone]:
        """The marks of those of some versions of the project that have one, by version id.

        Args:
            ids: Ids of versions; ``None``: of all.
        """
        base = (
            select(versions.c.id, tombstones)
            .join(tombstones, tombstones.c.object == literal(MARK) + versions.c.digest)
            .where(tombstones.c.project == self._bound.project, versions.c.project == self._bound.project)
        )
        queries = [base] if ids is None else [base.where(versions.c.id.in_(chunk)) for chunk in _chunks(ids)]
        rows = [row for query in queries for row in self._bound.rows(query)]
        return {row.id: Tombstone(**without(row, "id")) for row in rows}

    def unmark(self, ids: Iterable[str], by: str, at: datetime) -> None:
        """Take the marks of versions away, because all of their objects are there again.

        Args:
            ids: Ids of the versions.
            by: Who needs them.
            at: When.
        """
        for chunk in _chunks(ids):
            digests = select(literal(MARK) + versions.c.digest).where(
                versions.c.project == self._bound.project, versions.c.id.in_(chunk)
            )
            mine = (tombstones.c.project == self._bound.project) & tombstones.c.object.in_(digests.scalar_subquery())
            self._lift(mine, by, at)

    def _lift(self, which: ColumnElement[bool], by: str, at: datetime) -> None:
        names: dict[str, list[str]] = {}
        for row in self._bound.rows(select(tombstones.c.project, tombstones.c.object).where(which)):
            names.setdefault(row.project, []).append(row.object)
        self._bound.change(tombstones.delete().where(which))
        if names:
            told = {project: sorted(several) for project, several in names.items()}
            Events(self._bound).append(LIFTED, None, {"rows": told}, by, at)

    def _tell(self, rows: Sequence[Mapping[str, Any]], by: str, at: datetime) -> None:
        if rows:
            told = {str(row["object"]): row_digest(tombstones, row) for row in rows}
            Events(self._bound).append(WRITTEN, None, {"rows": told}, by, at)

    def _put(self, rows: Sequence[Mapping[str, Any]], by: str, at: datetime) -> None:
        """Write rows in place of those with the same names: many at once, since everybody waits."""
        for chunk in _chunks(row["object"] for row in rows):
            mine = (tombstones.c.project == self._bound.project) & tombstones.c.object.in_(chunk)
            self._bound.change(tombstones.delete().where(mine))
        self._bound.insert(tombstones, rows)
        self._tell(rows, by, at)


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    ordered = list(dict.fromkeys(names))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]

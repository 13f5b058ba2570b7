"""Tombstones in the catalogue: what was removed, when and by whom. The rows of versions stay as they are.

There are two kinds. One stands for an *object* (bytes, or the description of a table), whichever project is asked: the
objects of a catalogue are shared. The other *marks a version* of one project some of whose objects were removed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import literal, select

from soroi.store.schema import tombstones, versions
from soroi.store.sql import Bound, without

CHUNK = 400
"""How many names one query holds."""

MARK = "v:"
"""Begins the name of a row that marks a version; the version's digest follows."""

GOING = "going"
"""State of an object that is being removed: whether its bytes are there does not count."""

GONE = "gone"
"""State of an object that was removed. When its bytes are there, they were put again since."""


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


class Tombstones:
    """The tombstones of a catalogue, seen from one transaction of a project."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def any(self) -> bool:
        """Whether anything of the catalogue was ever removed and not put back."""
        return self._bound.row(select(tombstones.c.object).limit(1)) is not None

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

    def add(self, records: Sequence[Tombstone]) -> None:
        """Record that objects are being removed."""
        self._put([msgspec.structs.asdict(record) for record in records])

    def going(self) -> list[Tombstone]:
        """The objects whose removal this project began and did not end, oldest first."""
        query = self._bound.select(tombstones).order_by(tombstones.c.at, tombstones.c.object)
        rows = self._bound.rows(query.where(~tombstones.c.object.startswith(MARK)))
        return [one for one in (Tombstone(**without(row)) for row in rows) if not one.is_gone]

    def ended(self, records: Iterable[Tombstone], at: datetime) -> None:
        """Record that objects were removed.

        Args:
            records: As given by :meth:`going`.
            at: When.
        """
        for one in records:
            mine = (tombstones.c.project == self._bound.project) & (tombstones.c.object == one.object)
            body = {**one.body, "state": GONE}
            self._bound.change(tombstones.update().where(mine).values(body=body, at=at))

    def forget(self, objects: Iterable[str]) -> None:
        """Take back that objects were removed, because they are there again."""
        for chunk in _chunks(sorted(objects)):
            mine = tombstones.c.object.in_(chunk)
            self._bound.change(tombstones.delete().where(mine))

    def mark(self, marks: Mapping[str, dict[str, Any]], by: str, at: datetime) -> None:
        """Mark versions some of whose objects are being removed.

        Args:
            marks: What is to be remembered, by the digest of the version.
            by: Who removes them.
            at: When.
        """
        self._put(
            [{"object": MARK + digest, "size": 0, "body": body, "by": by, "at": at} for digest, body in marks.items()]
        )

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

    def unmark(self, ids: Iterable[str]) -> None:
        """Take the marks of versions away, because all of their objects are there again."""
        for chunk in _chunks(ids):
            digests = select(literal(MARK) + versions.c.digest).where(
                versions.c.project == self._bound.project, versions.c.id.in_(chunk)
            )
            mine = (tombstones.c.project == self._bound.project) & tombstones.c.object.in_(digests.scalar_subquery())
            self._bound.change(tombstones.delete().where(mine))

    def _put(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Write rows in place of those with the same names: many at once, since everybody waits."""
        for chunk in _chunks(row["object"] for row in rows):
            mine = (tombstones.c.project == self._bound.project) & tombstones.c.object.in_(chunk)
            self._bound.change(tombstones.delete().where(mine))
        self._bound.insert(tombstones, rows)


def _chunks(names: Iterable[str]) -> Iterator[list[str]]:
    ordered = list(dict.fromkeys(names))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]

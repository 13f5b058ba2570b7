"""Incidents in the catalogue: something broke, with its evidence. Opened once, closed once, never removed.

Both leave an event with the digest of the row.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from soroi.base.errors import ConflictError
from soroi.store.events import Events
from soroi.store.governed import ROW, Rows
from soroi.store.rows import row_digest
from soroi.store.schema import incidents
from soroi.store.sql import without

OPENED = "incident.opened"
CLOSED = "incident.closed"


class IncidentRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Something that broke."""

    id: str
    """Id of the incident."""

    category: str
    """What kind of thing broke, such as ``rollout``."""

    title: str
    """What happened, in a sentence."""

    status: Literal["open", "closed"] = "open"
    """Whether somebody still has to look at it."""

    body: dict[str, Any]
    """The evidence, and what was done at once."""

    by: str
    """Who or what opened it."""

    at: datetime
    """When it was opened."""

    closed_at: datetime | None = None
    """When it was closed."""


class Incidents(Rows):
    """The incidents of a project, seen from one transaction."""

    table = incidents
    noun = "incident"

    def open(self, record: IncidentRecord, told: dict[str, Any] | None = None) -> bool:
        """Open an incident. Tells ``False``, and changes nothing, when the id is known already.

        Args:
            record: The incident.
            told: What the history tells of it besides its category and title.
        """
        body = {"category": record.category, "title": record.title, **(told or {})}
        return self._add(record, OPENED, body, record.by, record.at)

    def close(
        self, record: IncidentRecord, *, by: str, at: datetime, body: dict[str, Any] | None = None
    ) -> IncidentRecord:
        """Close an incident. Gives it as it stands then.

        Args:
            record: The incident.
            by: Who closes it.
            at: When.
            body: Evidence together with what was found out; default: as before.

        Raises:
            ConflictError: Somebody closed it already.
        """
        closed = msgspec.structs.replace(record, status="closed", closed_at=at, body=body or record.body)
        mine = (incidents.c.project == self._bound.project) & (incidents.c.id == record.id)
        fresh = {name: getattr(closed, name) for name in ("status", "closed_at", "body")}
        if self._bound.change(incidents.update().where(mine & (incidents.c.status == "open")).values(fresh)) != 1:
            raise ConflictError(f"{record.id} is not open", hint="somebody closed it already", incident=record.id)
        told = {ROW: row_digest(incidents, msgspec.structs.asdict(closed)), "title": closed.title}
        Events(self._bound).append(CLOSED, record.id, told, by, at)
        return closed

    def get(self, text: str) -> IncidentRecord:
        """The incident with an id, or with the only id that begins so.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return IncidentRecord(**self._find(text))

    def all(self, *, is_open: bool = False) -> list[IncidentRecord]:
        """Incidents, newest first.

        Args:
            is_open: Only those that are open.
        """
        query = self._bound.select(incidents)
        if is_open:
            query = query.where(incidents.c.status == "open")
        rows = self._bound.rows(query.order_by(incidents.c.seq.desc()))
        return [IncidentRecord(**without(row, "seq")) for row in rows]

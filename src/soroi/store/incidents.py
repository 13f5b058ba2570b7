"""Incidents in the catalogue: something broke, with its evidence. Opened once, closed once, never removed."""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from soroi.base.errors import ConflictError
from soroi.store.schema import incidents
from soroi.store.sql import Bound, without


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


class Incidents:
    """The incidents of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def open(self, record: IncidentRecord) -> bool:
        """Open an incident. Tells ``False``, and changes nothing, when the id is known already."""
        return self._bound.insert_if_absent(incidents, msgspec.structs.asdict(record), ["id"])

    def close(self, record: IncidentRecord, *, at: datetime, body: dict[str, Any] | None = None) -> IncidentRecord:
        """Close an incident. Gives it as it stands then.

        Args:
            record: The incident.
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
        return closed

    def get(self, text: str) -> IncidentRecord:
        """The incident with an id, or with the only id that begins so.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return IncidentRecord(**without(self._bound.resolve(incidents, text, "incident"), "seq"))

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

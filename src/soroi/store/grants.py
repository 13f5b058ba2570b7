"""Grants in the catalogue: who was given which role, where."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import exists, literal, or_, select

from soroi.store.governed import GrantRecord, Rows
from soroi.store.schema import events, grants
from soroi.store.sql import mine

GRANTED = "role.granted"
REVOKED = "role.revoked"

_ANY = select(literal(1)).where(
    or_(
        exists().where(mine(grants)),
        exists().where(mine(events), events.c.kind == GRANTED),
    )
)


class Grants(Rows):
    """The grants of a project, seen from one transaction."""

    table = grants
    noun = "grant"

    def add(self, record: GrantRecord) -> bool:
        """Give a role. Tells ``False``, and changes nothing, when the id is known already."""
        told = {
            "who": record.who,
            "role": record.role,
            "environment": record.environment,
            "group": record.group,
            "expires_at": record.expires_at.isoformat() if record.expires_at else None,
        }
        return self._add(record, GRANTED, told, record.by, record.at)

    def revoke(self, text: str, *, by: str, at: datetime) -> GrantRecord:
        """Take a role back.

        Raises:
            UnknownNameError: No grant's id begins so, or several do.
        """
        return self.get(self._revoke(text, REVOKED, by, at))

    def get(self, text: str) -> GrantRecord:
        """A grant by its id or the beginning of it.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return GrantRecord(**self._find(text))

    def of(self, who: str) -> list[GrantRecord]:
        """What somebody was given, oldest first; also what was taken back or is over."""
        return [GrantRecord(**one) for one in self._list(grants.c.who == who)]

    def all(self) -> list[GrantRecord]:
        """All grants, oldest first; also what was taken back or is over."""
        return [GrantRecord(**one) for one in self._list()]

    def any(self) -> bool:
        """Whether a role was ever given. Also when the rows are gone: the history tells that there were some."""
        return self._bound.row(_ANY) is not None

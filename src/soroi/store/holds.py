"""Holds in the catalogue: what must not be removed, by somebody's word. Released, never taken away."""

from __future__ import annotations

from datetime import datetime

import msgspec

from soroi.base.errors import RefusedError
from soroi.store.events import Events
from soroi.store.governed import ROW, Rows
from soroi.store.rows import row_digest
from soroi.store.schema import holds


class HoldRecord(msgspec.Struct, frozen=True, kw_only=True):
    """Somebody's word that something, and all that it rests on, must stay."""

    id: str
    """Id of the hold."""

    subject: str
    """Id of a version, a manifest or a run; or of a node, for all of its versions."""

    reason: str
    """Why, for those who ask later."""

    by: str
    """Who said so."""

    at: datetime
    """When."""

    released_at: datetime | None = None
    """When it ended; ``None``: it holds."""

    released_by: str | None = None
    """Who ended it."""


class Holds(Rows):
    """The holds of a project, seen from one transaction."""

    table = holds
    noun = "hold"

    def add(self, record: HoldRecord) -> bool:
        """Add a hold. Tells ``False``, and changes nothing, when the id is known already."""
        told = {"subject": record.subject, "reason": record.reason}
        return self._add(record, "hold.added", told, record.by, record.at)

    def release(self, text: str, *, by: str, at: datetime) -> HoldRecord:
        """End a hold. Gives it as it stands then.

        Args:
            text: Its id, or the beginning of it.
            by: Who ends it.
            at: When.

        Raises:
            UnknownNameError: There is none, or there are several.
            RefusedError: It has ended already; names who ended it.
        """
        found = self.get(text)
        if found.released_at is not None:
            raise RefusedError(
                f"{found.id} was released already, by {found.released_by} at {found.released_at:%Y-%m-%d %H:%M:%S} UTC"
            )
        ended = msgspec.structs.replace(found, released_at=at, released_by=by)
        mine = (holds.c.project == self._bound.project) & (holds.c.id == found.id)
        self._bound.change(holds.update().where(mine).values(released_at=at, released_by=by))
        body = {ROW: row_digest(holds, msgspec.structs.asdict(ended)), "subject": found.subject}
        Events(self._bound).append("hold.released", found.id, body, by, at)
        return ended

    def get(self, text: str) -> HoldRecord:
        """A hold by its id or the beginning of it.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return HoldRecord(**self._find(text))

    def all(self, *, open_only: bool = False) -> list[HoldRecord]:
        """Holds, oldest first.

        Args:
            open_only: Only those that hold.
        """
        where = [holds.c.released_at.is_(None)] if open_only else []
        return [HoldRecord(**one) for one in self._list(*where)]

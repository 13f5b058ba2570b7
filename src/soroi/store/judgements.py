"""Claims and verdicts in the catalogue: what was stated and what was judged, immutable."""

from __future__ import annotations

import msgspec
from sqlalchemy import select

from soroi.store.events import Events
from soroi.store.governed import ROW
from soroi.store.records import ClaimRecord, VerdictRecord
from soroi.store.rows import row_digest
from soroi.store.schema import claims, verdict_subjects, verdicts
from soroi.store.sql import Bound, mine, without

JUDGED = "verdict.given"
"""Kind of the event that is written with a verdict."""

_CLAIMS = select(claims).where(mine(claims)).order_by(claims.c.seq)


class Claims:
    """The claims of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def add(self, record: ClaimRecord) -> bool:
        """Add a claim. Tells ``False``, and changes nothing, when the id is known already."""
        return self._bound.insert_if_absent(claims, msgspec.structs.asdict(record), ["id"])

    def all(self) -> list[ClaimRecord]:
        """All claims, oldest first."""
        return [ClaimRecord(**without(row, "seq")) for row in self._bound.rows(_CLAIMS)]


class Verdicts:
    """The verdicts of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def add(self, record: VerdictRecord) -> bool:
        """Add a verdict, with an event. Tells ``False``, and changes nothing, when the id is known already."""
        values = msgspec.structs.asdict(record)
        if not self._bound.insert_if_absent(verdicts, values, ["id"]):
            return False
        told = {ROW: row_digest(verdicts, values), "gate": record.gate, "outcome": record.outcome}
        Events(self._bound).append(JUDGED, record.id, told, record.judged_by, record.at)
        subjects = dict.fromkeys(record.subjects)
        self._bound.insert(verdict_subjects, [{"subject": one, "verdict": record.id} for one in subjects])
        return True

    def get(self, text: str) -> VerdictRecord:
        """The verdict with an id, or with the only id that begins so.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return VerdictRecord(**without(self._bound.resolve(verdicts, text, "verdict"), "seq"))

    def of(self, subject: str) -> list[VerdictRecord]:
        """All verdicts on a subject, newest first."""
        about = select(verdict_subjects.c.verdict).where(
            verdict_subjects.c.project == self._bound.project, verdict_subjects.c.subject == subject
        )
        query = self._bound.select(verdicts).where(verdicts.c.id.in_(about)).order_by(verdicts.c.seq.desc())
        return [VerdictRecord(**without(row, "seq")) for row in self._bound.rows(query)]

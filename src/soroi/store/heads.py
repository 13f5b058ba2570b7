"""Heads in the catalogue: what each environment points at, moved by compare-and-swap, history kept for ever."""

from __future__ import annotations

from datetime import datetime

import msgspec
from sqlalchemy import String, bindparam, select

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store.manifests import Manifests, there
from soroi.store.records import HeadRecord
from soroi.store.schema import head_moves, heads
from soroi.store.sql import Bound, mine, without

_HEAD = select(heads).where(mine(heads), heads.c.environment == bindparam("environment"))
_SWAP = heads.update().where(
    heads.c.project == bindparam("of"),
    heads.c.environment == bindparam("its_environment"),
    heads.c.revision == bindparam("expected"),
    there(bindparam("of"), bindparam("goal", type_=String())),
)
_MANIFEST = select(heads.c.manifest).where(mine(heads), heads.c.environment == bindparam("environment"))


class Heads:
    """The heads of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def get(self, environment: str) -> HeadRecord | None:
        """Where a head points, or ``None`` when it was never moved."""
        row = self._bound.row(_HEAD, environment=environment)
        return None if row is None else HeadRecord(**without(row))

    def manifest(self, environment: str) -> str | None:
        """Id of the manifest that a head points at, or ``None`` when it was never moved."""
        row = self._bound.row(_MANIFEST, environment=environment)
        return None if row is None else str(row.manifest)

    def move(
        self, environment: str, manifest: str, *, expected_revision: int, by: str, at: datetime, reason: str = ""
    ) -> HeadRecord:
        """Point a head at a manifest, and record the move. Gives the head as it stands then.

        Args:
            environment: Name of the environment.
            manifest: Id of the manifest.
            expected_revision: Revision that the move was decided on; 0 when there was no head yet.
            by: Who moves it.
            at: When.
            reason: Why.

        Raises:
            ConflictError: The head is not at the expected revision; names who was first, and with what.
            UnknownNameError: There is no such manifest.
        """
        moved = HeadRecord(environment, manifest, expected_revision + 1, at, by, reason)
        if not self._swap(moved, expected_revision):
            self._check(manifest)
            raise self._conflict(environment, expected_revision)
        self._bound.insert(head_moves, msgspec.structs.asdict(moved))
        return moved

    def history(self, environment: str) -> list[HeadRecord]:
        """All moves of a head, newest first."""
        query = self._bound.select(head_moves).where(head_moves.c.environment == environment)
        rows = self._bound.rows(query.order_by(head_moves.c.revision.desc()))
        return [HeadRecord(**without(row)) for row in rows]

    def at(self, environment: str, time: datetime) -> HeadRecord | None:
        """Where a head pointed at a time, or ``None`` when it had not been moved by then."""
        query = self._bound.select(head_moves).where(
            head_moves.c.environment == environment, head_moves.c.moved_at <= time
        )
        row = self._bound.row(query.order_by(head_moves.c.revision.desc()).limit(1))
        return None if row is None else HeadRecord(**without(row))

    def all(self) -> list[HeadRecord]:
        """All heads, in order of environment."""
        query = self._bound.select(heads).order_by(self._bound.alphabetical(heads.c.environment))
        return [HeadRecord(**without(row)) for row in self._bound.rows(query)]

    def _swap(self, moved: HeadRecord, expected: int) -> bool:
        values = msgspec.structs.asdict(moved)
        if expected == 0:
            self._check(moved.manifest)
            return self._bound.insert_if_absent(heads, values, ["environment"])
        at = {"of": self._bound.project, "its_environment": moved.environment, "expected": expected}
        at["goal"] = moved.manifest
        return self._bound.change(_SWAP, {**at, **values}) == 1

    def _check(self, manifest: str) -> None:
        if not Manifests(self._bound).known(manifest):
            raise UnknownNameError(f"there is no manifest '{manifest}'", name=manifest)

    def _conflict(self, environment: str, expected: int) -> ConflictError:
        won = self.get(environment)
        if won is None:
            return ConflictError(
                f"'{environment}' has no head yet, so it is not at revision {expected}",
                expected=expected,
                revision=0,
            )
        return ConflictError(
            f"'{environment}' is at revision {won.revision}, not {expected}: {won.by} was first, "
            f"at {won.moved_at:%Y-%m-%d %H:%M:%S} UTC, with manifest {won.manifest}",
            hint="look at what is there now, then decide again",
            expected=expected,
            revision=won.revision,
            manifest=won.manifest,
            by=won.by,
        )

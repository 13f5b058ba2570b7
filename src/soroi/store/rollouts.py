"""Rollouts in the catalogue: a head on its way. Each changes by compare-and-swap on its revision; moves are kept.

Every move leaves an event with the digests of its own row and of the row of the rollout.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any, Literal

import msgspec

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store.events import Events
from soroi.store.governed import ROW
from soroi.store.rows import row_digest
from soroi.store.schema import manifests, rollout_moves, rollouts
from soroi.store.sql import Bound, without

RolloutMode = Literal["shadow", "canary", "split"]
"""How a challenger takes part."""

RolloutStatus = Literal["running", "paused", "done", "aborted"]
"""How a rollout stands."""

OPEN: tuple[RolloutStatus, ...] = ("running", "paused")
"""While a rollout stands so, its challenger takes part."""


MOVE = "move"
"""Field of an event that holds the digest of the row of the move."""

KINDS = ("started", "advanced", "paused", "resumed", "aborted", "finished", "overtaken")
"""Kinds of moves. Each leaves an event ``rollout.KIND``."""


class RolloutRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A rollout as it stands at one revision."""

    id: str
    """Id of the rollout; salts the hash of its key."""

    environment: str
    """Name of the head that is on its way."""

    base: str
    """Manifest that the head points at."""

    challenger: str
    """Manifest that it may come to point at."""

    mode: RolloutMode
    """How the challenger takes part."""

    status: RolloutStatus
    """How it stands."""

    revision: int
    """Counts the moves, from 1. Give it back as ``expected_revision`` to move it."""

    body: dict[str, Any]
    """What was declared when it began: key, steps, guards, limits. Never changes."""

    state: dict[str, Any]
    """Where it is: the step and since when; at its end, how it came about."""

    by: str
    """Who began it."""

    at: datetime
    """When it began."""

    ended_at: datetime | None = None
    """When it ended; ``None`` while it is open."""

    @property
    def is_open(self) -> bool:
        """Whether its challenger takes part."""
        return self.status in OPEN


class RolloutMove(msgspec.Struct, frozen=True, kw_only=True):
    """One recorded change of a rollout."""

    rollout: str
    """Id of the rollout."""

    revision: int
    """Revision that the change led to."""

    kind: str
    """One of :data:`KINDS`."""

    body: dict[str, Any]
    """What happened, and why."""

    by: str
    """Who did it."""

    at: datetime
    """When."""


class Rollouts:
    """The rollouts of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def start(self, record: RolloutRecord, told: dict[str, Any] | None = None) -> None:
        """Add a rollout, at revision 1.

        Args:
            record: The rollout.
            told: What the history tells of it.

        Raises:
            ConflictError: Another one is open in the environment; names it and who began it.
            UnknownNameError: One of its manifests is not there.
        """
        for one in (record.base, record.challenger):
            if self._bound.row(self._bound.select(manifests).where(manifests.c.id == one)) is None:
                raise UnknownNameError(f"there is no manifest '{one}'", name=one)
        other = self.open(record.environment)
        if other is not None:
            raise ConflictError(
                f"'{record.environment}' has a rollout already: {other.id} of {other.challenger}, begun by {other.by} "
                f"at {other.at:%Y-%m-%d %H:%M:%S} UTC",
                hint="soroi rollout status; end it with soroi rollout abort, or let it finish",
                rollout=other.id,
                by=other.by,
            )
        self._bound.insert(rollouts, msgspec.structs.asdict(record))
        self._note(
            record,
            RolloutMove(
                rollout=record.id,
                revision=record.revision,
                kind="started",
                body=record.body,
                by=record.by,
                at=record.at,
            ),
            told or {},
        )

    def move(
        self,
        record: RolloutRecord,
        kind: str,
        *,
        by: str,
        at: datetime,
        status: RolloutStatus | None = None,
        state: dict[str, Any] | None = None,
        body: dict[str, Any] | None = None,
    ) -> RolloutRecord:
        """Change a rollout, if it still stands as it was seen. Gives it as it stands then.

        Args:
            record: The rollout as the change was decided on.
            kind: Kind of change, for its history.
            by: Who changes it.
            at: When.
            status: How it stands from now on; default: as before. A status that is not open ends it.
            state: Where it is from now on; default: as before.
            body: What happened, for its history.

        Raises:
            ConflictError: It was moved meanwhile; names who was first, and what they did.
        """
        status = status or record.status
        moved = msgspec.structs.replace(
            record,
            status=status,
            state=record.state if state is None else state,
            revision=record.revision + 1,
            ended_at=None if status in OPEN else at,
        )
        mine = (rollouts.c.project == self._bound.project) & (rollouts.c.id == record.id)
        fresh = {name: getattr(moved, name) for name in ("status", "state", "revision", "ended_at")}
        statement = rollouts.update().where(mine & (rollouts.c.revision == record.revision)).values(fresh)
        if self._bound.change(statement) != 1:
            raise self._conflict(record)
        told = body or {}
        move = RolloutMove(rollout=moved.id, revision=moved.revision, kind=kind, body=told, by=by, at=at)
        self._note(moved, move, told)
        return moved

    def get(self, text: str) -> RolloutRecord:
        """The rollout with an id, or with the only id that begins so.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return RolloutRecord(**without(self._bound.resolve(rollouts, text, "rollout"), "seq"))

    def open(self, environment: str) -> RolloutRecord | None:
        """The rollout of an environment that is open, if there is one."""
        query = self._bound.select(rollouts).where(rollouts.c.environment == environment, rollouts.c.status.in_(OPEN))
        row = self._bound.row(query.order_by(rollouts.c.seq.desc()).limit(1))
        return None if row is None else RolloutRecord(**without(row, "seq"))

    def all(self, environment: str | None = None, *, is_open: bool = False) -> list[RolloutRecord]:
        """Rollouts, newest first.

        Args:
            environment: Only those of this environment.
            is_open: Only those that are open.
        """
        query = self._bound.select(rollouts)
        if environment is not None:
            query = query.where(rollouts.c.environment == environment)
        if is_open:
            query = query.where(rollouts.c.status.in_(OPEN))
        rows = self._bound.rows(query.order_by(rollouts.c.seq.desc()))
        return [RolloutRecord(**without(row, "seq")) for row in rows]

    def moves(self, rollout: str) -> list[RolloutMove]:
        """What was done with a rollout, oldest first."""
        query = self._bound.select(rollout_moves).where(rollout_moves.c.rollout == rollout)
        return [RolloutMove(**without(row)) for row in self._bound.rows(query.order_by(rollout_moves.c.revision))]

    def _note(self, record: RolloutRecord, move: RolloutMove, told: dict[str, Any]) -> None:
        """Keep a move, and tell of it in the history."""
        values = msgspec.structs.asdict(move)
        self._bound.insert(rollout_moves, values)
        body = {
            **told,
            "environment": record.environment,
            "base": record.base,
            "challenger": record.challenger,
            ROW: row_digest(rollouts, msgspec.structs.asdict(record)),
            MOVE: row_digest(rollout_moves, values),
        }
        Events(self._bound).append(f"rollout.{move.kind}", record.id, body, move.by, move.at)

    def _conflict(self, record: RolloutRecord) -> ConflictError:
        last = self.moves(record.id)[-1]
        return ConflictError(
            f"{record.id} is at revision {last.revision}, not {record.revision}: {last.by} was first, "
            f"at {last.at:%Y-%m-%d %H:%M:%S} UTC ({last.kind})",
            hint="soroi rollout status, then decide again",
            rollout=record.id,
            expected=record.revision,
            revision=last.revision,
            by=last.by,
        )

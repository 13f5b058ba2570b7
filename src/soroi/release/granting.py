"""Giving and taking roles."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from soroi.base.errors import RefusedError, UnknownNameError, did_you_mean
from soroi.base.runtime import Runtime
from soroi.release.roles import KINDS, OWNER, ROLES, TRANSITIONS, allowed_by, require
from soroi.release.terms import ends
from soroi.store import GrantRecord, Store


@dataclass(frozen=True)
class Reach:
    """Where a role holds."""

    environment: str | None = None
    """The only environment; ``None``: all, and what belongs to none."""

    group: str | None = None
    """The only group of nodes; ``None``: all."""

    expires: str | timedelta | None = None
    """For how long, as ``30d``; ``None``: until it is revoked."""


def grant(store: Store, who: str, role: str, *, runtime: Runtime, reach: Reach | None = None) -> list[GrantRecord]:
    """Give a role. With the first one ever given, the giver becomes owner.

    Args:
        store: The store.
        who: To whom.
        role: One of :data:`soroi.release.roles.ROLES`, ``approver:KIND``, or one transition by its name.
        runtime: Clock, ids and actor.
        reach: Where it holds; default: everywhere.

    Returns:
        What was granted: the role, and before it that of the first owner.

    Raises:
        UnknownNameError: There is no such role.
        ConfigError: The term is not a duration.
        ForbiddenError: The actor may not give it there.
        RefusedError: Nobody is named.
    """
    reach = reach or Reach()
    if not who.strip():
        raise RefusedError("a role is given to somebody", hint="soroi role grant WHO ROLE")
    if not allowed_by(role):
        known = [*ROLES, *(f"approver:{kind}" for kind in KINDS), *TRANSITIONS]
        hint = did_you_mean(role, known) or f"known: {', '.join(ROLES)}"
        raise UnknownNameError(f"there is no role '{role}'", hint=hint, name=role)
    now = runtime.clock.now()
    until = ends(now, reach.expires)
    made: list[GrantRecord] = []
    with store.catalogue.write() as tx:
        groups = (reach.group,) if reach.group is not None else ()
        require(tx, runtime, "grant", environment=reach.environment, groups=groups)
        if not tx.grants.any():
            made.append(_record(runtime, runtime.actor, OWNER, Reach(), None))
        if not (made and (who, role) == (runtime.actor, OWNER)):
            made.append(_record(runtime, who, role, reach, until))
        for one in made:
            tx.grants.add(one)
    return made


def revoke(store: Store, text: str, *, runtime: Runtime) -> GrantRecord:
    """Take a role back.

    Args:
        store: The store.
        text: Id of the grant, or the beginning of it.
        runtime: Clock and actor.

    Raises:
        UnknownNameError: There is no such grant.
        ForbiddenError: The actor may not take it.
        RefusedError: Nobody would be left who may give roles.
    """
    now = runtime.clock.now()
    with store.catalogue.write() as tx:
        found = tx.grants.get(text)
        groups = (found.group,) if found.group is not None else ()
        require(tx, runtime, "grant", environment=found.environment, groups=groups)
        left = [one for one in tx.grants.all() if one.id != found.id and _lasting_owner(one)]
        if _lasting_owner(found) and not left:
            raise RefusedError(
                f"{found.who} is the last owner: without one, nobody could give roles again",
                hint="soroi role grant WHO owner, then again",
            )
        return tx.grants.revoke(found.id, by=runtime.actor, at=now)


def _lasting_owner(one: GrantRecord) -> bool:
    everywhere = one.environment is None and one.group is None
    return one.role == OWNER and everywhere and one.expires_at is None and one.revoked_at is None


def _record(runtime: Runtime, who: str, role: str, reach: Reach, until: datetime | None) -> GrantRecord:
    return GrantRecord(
        id=runtime.ids.new("grant"),
        who=who,
        role=role,
        environment=reach.environment,
        group=reach.group,
        by=runtime.actor,
        at=runtime.clock.now(),
        expires_at=until,
    )

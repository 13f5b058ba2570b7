"""Roles: who may do what, where, to which nodes. Decided as conditions over what was granted.

A project in which no role was ever given belongs to whoever reaches its store: everything is allowed. With the first
grant that ends, and the granter becomes owner.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from soroi.base.errors import ForbiddenError
from soroi.base.reason import Reason
from soroi.base.runtime import Runtime
from soroi.declare.graph import Graph
from soroi.rules import All, AnyOf, Condition, Holding
from soroi.rules.condition import Combinable
from soroi.rules.facts import Known
from soroi.store import GrantRecord, Transaction

OWNER = "owner"
"""The role that may do everything, and give roles."""

KINDS = ("release", "owner", "audit", "security", "ethics", "legal")
"""As what somebody may approve."""

TRANSITIONS = {
    "view": "look",
    "decide": "ask for decisions",
    "ingest": "hand rows in",
    "metrics": "read how the server fares",
    "label": "say what turned out",
    "build": "build",
    "stage": "stage",
    "waive": "waive what is behind",
    "approve": "approve",
    "release": "release",
    "rollback": "roll back",
    "rollout": "roll out by steps",
    "break_glass": "override gates",
    "collect": "collect what nobody needs",
    "hold": "hold things back from collection",
    "grant": "give and take roles, keys and tokens",
}
"""What may be done, each in words."""

ROLES: dict[str, frozenset[str]] = {
    "caller": frozenset({"decide", "ingest"}),
    "viewer": frozenset({"view", "metrics"}),
    "reviewer": frozenset({"view", "label"}),
    "builder": frozenset({"view", "build", "stage"}),
    "approver": frozenset({"view", "approve", "waive"}),
    "operator": frozenset({"view", "metrics", "stage", "release", "rollback", "rollout", "collect"}),
    "auditor": frozenset({"view", "hold", "approve:audit"}),
    OWNER: frozenset(TRANSITIONS),
}
"""What each role may do. ``approve:KIND`` is to approve as that only; overriding gates is the owner's, or granted by
its own name."""


def allowed_by(role: str) -> frozenset[str]:
    """What a role may do: one of :data:`ROLES`, ``approver:KIND``, or one transition by its own name; else nothing."""
    name, _, kind = role.partition(":")
    if kind:
        return frozenset({"view", f"approve:{kind}"}) if name == "approver" and kind in KINDS else frozenset()
    return ROLES.get(role, frozenset({role} & TRANSITIONS.keys()))


@dataclass(frozen=True, slots=True)
class Wish:
    """What somebody wants to do."""

    who: str
    """Who."""

    transition: str
    """What; one of :data:`TRANSITIONS`."""

    environment: str | None
    """Where; ``None``: it belongs to no environment."""

    now: datetime
    """When."""

    group: str | None = None
    """The group of the nodes it touches; ``None``: nodes of no group, or no nodes."""

    kind: str | None = None
    """As what they approve."""

    def among(self, allowed: Collection[str]) -> bool:
        """Whether it is among transitions."""
        return self.transition in allowed or (self.kind is not None and f"{self.transition}:{self.kind}" in allowed)


@dataclass(frozen=True, slots=True)
class ByGrant(Combinable):
    """Holds when one grant allows a wish."""

    grant: GrantRecord
    """The grant."""

    wish: Wish
    """The wish."""

    def evaluate(self, known: Known) -> Holding:  # noqa: ARG002 (what was granted is all that counts)
        """Whether it does, and why."""
        grant, wish = self.grant, self.wish
        said = f"{grant.who} is {grant.role}"
        if not grant.holds_at(wish.now):
            lacking = f"{grant.who} was {grant.role} until {grant.expires_at:%Y-%m-%d %H:%M} UTC"
        elif not wish.among(allowed_by(grant.role)):
            lacking = f"{said}, which is not to {_deed(wish)}"
        elif grant.environment is not None and grant.environment != wish.environment:
            lacking = f"{said} in '{grant.environment}' only"
        elif grant.group is not None and grant.group != wish.group:
            lacking = f"{said} for the group '{grant.group}' only"
        else:
            return Holding(True, Reason("role", said, grant.who, facts={"grant": grant.id}))
        return Holding(False, Reason("role", lacking, grant.who, facts={"grant": grant.id}))

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"grant": self.grant.id, "transition": self.wish.transition, "environment": self.wish.environment}


@dataclass(frozen=True, slots=True)
class InScope(Combinable):
    """Holds when the token that is shown reaches a wish."""

    scopes: tuple[str, ...]
    """What the token is limited to; empty: to nothing."""

    wish: Wish
    """The wish."""

    def evaluate(self, known: Known) -> Holding:  # noqa: ARG002
        """Whether it does."""
        wish = self.wish
        holds = not self.scopes or any(_reaches(one, wish) for one in self.scopes)
        text = f"the token of {wish.who} {'reaches' if holds else 'is limited to'} {', '.join(self.scopes) or 'all'}"
        return Holding(holds, Reason("token", text, wish.who))

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"scopes": list(self.scopes), "transition": self.wish.transition, "environment": self.wish.environment}


def may(
    tx: Transaction,
    runtime: Runtime,
    transition: str,
    *,
    environment: str | None = None,
    groups: Collection[str | None] = (),
    kind: str | None = None,
) -> Holding:
    """Whether the actor may do something, and why.

    Args:
        tx: A transaction that reads.
        runtime: The actor, what their token limits them to, and the clock.
        transition: What; one of :data:`TRANSITIONS`.
        environment: In which environment; ``None``: it belongs to none.
        groups: The groups of the nodes that it touches (``None`` for nodes of no group); all must be allowed. Without
            any, only grants for all groups count.
        kind: As what they approve; one of :data:`KINDS`.

    Raises:
        ValueError: There is no such transition.
    """
    if transition not in TRANSITIONS:
        raise ValueError(f"there is no transition '{transition}'; known: {', '.join(TRANSITIONS)}")
    who = runtime.actor
    touched = sorted(set(groups), key=str) or [None]
    wishes = [Wish(who, transition, environment, runtime.clock.now(), one, kind) for one in touched]
    parts: list[Condition] = [] if runtime.scopes is None else [InScope(runtime.scopes, wishes[0])]
    if tx.grants.any():
        held = [one for one in tx.grants.of(who) if one.revoked_at is None]
        if not held:
            return Holding(False, Reason("role", f"{who} has no role", who))
        parts += [AnyOf(tuple(ByGrant(one, wish) for one in held)) for wish in wishes]
    elif not parts:
        return Holding(True, Reason("role", f"no role was ever given in '{tx.project}': everything is allowed", who))
    return All(tuple(parts)).evaluate({})


def require(
    tx: Transaction,
    runtime: Runtime,
    transition: str,
    *,
    environment: str | None = None,
    groups: Collection[str | None] = (),
    kind: str | None = None,
) -> None:
    """Go on only if the actor may do something. Arguments: see :func:`may`.

    Raises:
        ForbiddenError: They may not; names who, what, the roles that would allow it, and whom to ask.
        ValueError: There is no such transition.
    """
    held = may(tx, runtime, transition, environment=environment, groups=groups, kind=kind)
    if held.holds:
        return
    who, wish = runtime.actor, Wish(runtime.actor, transition, environment, runtime.clock.now(), kind=kind)
    needed = [role for role, allowed in ROLES.items() if wish.among(allowed)]
    named = [one for one in sorted(set(groups), key=str) if one is not None]
    where = f" in '{environment}'" if environment is not None else ""
    of = f" for {', '.join(named)}" if named else ""
    known = list(dict.fromkeys(one.text for one in held.reason.walk() if one.kind in ("role", "token")))
    ask = [one for one in granters(tx, runtime) if one != who]
    flag = f" --environment {environment}" if environment is not None else ""
    hint = f"ask {', '.join(ask) or 'an owner'}: soroi role grant {who} {needed[0]}{flag}"
    if any(one.kind == "token" and "limited" in one.text for one in held.reason.walk()):
        hint = f"use a token with the scope {transition}{f':{environment}' if environment else ''}: soroi token create"
    raise ForbiddenError(
        f"{who} may not {_deed(wish)}{where}{of}: that is for {' or '.join(needed)}; {'; '.join(known)}",
        hint=hint,
        who=who,
        transition=transition,
        environment=environment,
        groups=named,
        roles=needed,
        ask=ask,
        reason=held.reason.to_dict(),
    )


def groups_of(graph: Graph, nodes: Iterable[str]) -> frozenset[str | None]:
    """Names of the groups of nodes; ``None`` for nodes of no group, and of other projects.

    Args:
        graph: The declarations.
        nodes: Ids of nodes.
    """
    groups = (graph[one].group if one in graph else None for one in nodes)
    return frozenset(group.name if group else None for group in groups)


def granters(tx: Transaction, runtime: Runtime) -> list[str]:
    """Who may give roles now, everywhere."""
    now = runtime.clock.now()
    able = [one for one in tx.grants.all() if one.holds_at(now) and "grant" in allowed_by(one.role)]
    return list(dict.fromkeys(one.who for one in able if one.environment is None and one.group is None))


def roles_of(
    grants: Sequence[GrantRecord], who: str, environment: str | None, groups: Collection[str | None], now: datetime
) -> frozenset[str]:
    """The roles that somebody holds in an environment, for all of some groups of nodes.

    Args:
        grants: What was granted.
        who: Who.
        environment: Where.
        groups: The groups of the nodes; without any, only grants for all groups count.
        now: When.
    """
    mine = [one for one in grants if one.who == who and one.holds_at(now) and one.environment in (None, environment)]
    touched = set(groups) or {None}
    held: dict[str, set[str | None]] = {}
    for one in mine:
        held.setdefault(one.role, set()).update(touched if one.group is None else {one.group} & touched)
    return frozenset(role for role, reach in held.items() if reach >= touched)


def _deed(wish: Wish) -> str:
    return TRANSITIONS[wish.transition] + (f" as {wish.kind}" if wish.kind else "")


def _reaches(scope: str, wish: Wish) -> bool:
    name, _, place = scope.partition(":")
    return name == wish.transition and place in ("", wish.environment)

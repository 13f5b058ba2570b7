"""Who may do what in a project: its keys, roles, tokens and approvals, as one works with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soroi.base.display import Display, Shown
from soroi.base.errors import UnknownNameError, did_you_mean
from soroi.base.reason import Reason
from soroi.base.signing import public_key
from soroi.project.listing import Listing, when
from soroi.release.granting import Reach, grant, revoke
from soroi.release.identity import Limits, add_key, create_token, revoke_key, revoke_token
from soroi.release.roles import TRANSITIONS, may
from soroi.rules import Holding
from soroi.store import GrantRecord, KeyRecord, TokenRecord

if TYPE_CHECKING:
    from soroi.govern import AuditReport
    from soroi.project.project import Project

OPEN = "No role was ever given: everything is allowed to whoever reaches the store. The first grant ends that."
"""What is to be said of a project without roles."""


class Keys:
    """The public keys that are known to be somebody's.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def add(self, who: str | None = None, *, public: str | None = None, service: bool = False) -> KeyRecord:
        """Register a public key; by default the actor's own of this machine, made if need be.

        Args:
            who: Whose it is; default: the actor.
            public: The public key, 64 hexadecimal characters; default: that of ``who`` on this machine.
            service: Whether it is the key of a service, not of a person.

        Raises:
            ConfigError: It is not a public key.
            ForbiddenError: There are roles, and the actor may not give them.
            ConflictError: It is somebody else's, or was revoked.
        """
        project = self._project
        owner = who or project.runtime.actor
        return add_key(project.store, owner, runtime=project.runtime, public=public, service=service)[0]

    def revoke(self, key: str) -> KeyRecord:
        """Revoke a key, by its beginning: nothing that it signed counts any more.

        Raises:
            UnknownNameError: There is no such key.
            ForbiddenError: It is another's, and the actor may not give roles.
        """
        return revoke_key(self._project.store, key, runtime=self._project.runtime)

    def own(self) -> str:
        """The public key of the actor on this machine, made at the first use."""
        return public_key(self._project.runtime.actor)

    def list(self, who: str | None = None) -> Listing[KeyRecord]:
        """The registered keys, oldest first; revoked ones too.

        Args:
            who: Only theirs.
        """
        with self._project.store.catalogue.read() as tx:
            found = tx.keys.all() if who is None else tx.keys.of(who)
        return Listing("keys", ("key", "owner", "kind", "registered", "by", "revoked"), tuple(found), _key_row)


class Roles:
    """Who was given which role.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def grant(
        self,
        who: str,
        role: str,
        *,
        environment: str | None = None,
        group: str | None = None,
        expires: str | timedelta | None = None,
    ) -> Listing[GrantRecord]:
        """Give a role. With the first one ever given, the giver becomes owner. Gives what was granted.

        Args:
            who: To whom.
            role: A role, ``approver:KIND``, or one transition by its name.
            environment: The only environment it holds in.
            group: The only group of nodes it holds for.
            expires: For how long, as ``30d``.

        Raises:
            UnknownNameError: There is no such role, or no such group in the project.
            ForbiddenError: The actor may not give it.
        """
        project = self._project
        if group is not None:
            known = sorted(one for one in project.groups(project.graph.names) if one is not None)
            if group not in known:
                raise UnknownNameError(f"there is no group '{group}'", hint=did_you_mean(group, known), name=group)
        reach = Reach(environment, group, expires)
        return self._listing(grant(project.store, who, role, runtime=project.runtime, reach=reach))

    def revoke(self, text: str) -> GrantRecord:
        """Take a role back, by the beginning of the grant's id.

        Raises:
            UnknownNameError: There is no such grant.
            ForbiddenError: The actor may not take it.
            RefusedError: Nobody would be left who may give roles.
        """
        return revoke(self._project.store, text, runtime=self._project.runtime)

    def list(self, who: str | None = None) -> Listing[GrantRecord]:
        """What was granted, oldest first; also what was taken back or is over.

        Args:
            who: Only to them.
        """
        with self._project.store.catalogue.read() as tx:
            found = tx.grants.all() if who is None else tx.grants.of(who)
            notes = () if tx.grants.any() else (OPEN,)
        return self._listing(found, notes)

    def check(
        self,
        who: str,
        transition: str,
        *,
        environment: str | None = None,
        groups: Iterable[str | None] = (),
        kind: str | None = None,
    ) -> Permission:
        """Whether somebody may do something, and why.

        Args:
            who: Who.
            transition: What, such as ``release``.
            environment: Where.
            groups: The groups of the nodes that it touches.
            kind: As what they approve.

        Raises:
            UnknownNameError: There is no such transition.
        """
        if transition not in TRANSITIONS:
            hint = did_you_mean(transition, TRANSITIONS) or f"known: {', '.join(TRANSITIONS)}"
            raise UnknownNameError(f"there is no transition '{transition}'", hint=hint, name=transition)
        as_them = replace(self._project.runtime, actor=who, scopes=None)
        with self._project.store.catalogue.read() as tx:
            held = may(tx, as_them, transition, environment=environment, groups=tuple(groups), kind=kind)
        return Permission(who, transition, environment, held)

    def _listing(self, found: Sequence[GrantRecord], notes: tuple[str, ...] = ()) -> Listing[GrantRecord]:
        now = self._project.runtime.clock.now()

        def row(one: GrantRecord) -> Sequence[str]:
            ended = f"revoked by {one.revoked_by}" if one.revoked_at else "" if one.holds_at(now) else "over"
            where, which = one.environment or "all", one.group or "all"
            return (one.id, one.who, one.role, where, which, when(one.at), one.by, when(one.expires_at), ended)

        head = ("grant", "who", "role", "environment", "group", "given", "by", "until", "")
        return Listing("grants", head, tuple(found), row, notes)


@dataclass(frozen=True, repr=False)
class Permission(Shown):
    """Whether somebody may do something."""

    who: str
    """Who."""

    transition: str
    """What."""

    environment: str | None
    """Where."""

    held: Holding
    """Whether, and why."""

    @property
    def allowed(self) -> bool:
        """Whether they may."""
        return self.held.holds

    def display(self) -> Display:
        """The answer and the reasons for it."""
        where = f" in '{self.environment}'" if self.environment else ""
        may_or_not = "may" if self.allowed else "may not"
        title = f"{self.who} {may_or_not} {TRANSITIONS[self.transition]}{where}"
        return Display(title, notes=[one.text for one in _leaves(self.held.reason)])

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        asked = {"who": self.who, "transition": self.transition, "environment": self.environment}
        return {**asked, "allowed": self.allowed, "reason": self.held.reason.to_dict()}


class Tokens:
    """Tokens by which somebody is known.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def create(
        self,
        who: str,
        *,
        scopes: Sequence[str] = (),
        expires: str | timedelta | None = "30d",
        note: str = "",
    ) -> tuple[TokenRecord, str]:
        """Make a token. Gives what is recorded, and the token, which cannot be shown again.

        Args:
            who: Who acts when it is shown.
            scopes: What it is limited to: ``TRANSITION`` or ``TRANSITION:ENVIRONMENT``; none: what they may do.
            expires: How long it holds; ``None``: until it is revoked.
            note: What it is for.

        Raises:
            ConfigError: A scope or the term is none.
            ForbiddenError: It is for another, and the actor may not give roles.
        """
        project = self._project
        return create_token(project.store, who, runtime=project.runtime, limits=Limits(tuple(scopes), expires, note))

    def revoke(self, text: str) -> TokenRecord:
        """Take a token back, by the beginning of its id.

        Raises:
            UnknownNameError: There is no such token.
            ForbiddenError: It is another's, and the actor may not give roles.
        """
        return revoke_token(self._project.store, text, runtime=self._project.runtime)

    def list(self) -> Listing[TokenRecord]:
        """The tokens, oldest first; also what was taken back or is over."""
        with self._project.store.catalogue.read() as tx:
            found = tx.tokens.all()
        now = self._project.runtime.clock.now()

        def row(one: TokenRecord) -> Sequence[str]:
            ended = f"revoked by {one.revoked_by}" if one.revoked_at else "" if one.holds_at(now) else "over"
            scopes = ", ".join(one.scopes) or "all they may do"
            return (one.id, one.who, scopes, when(one.at), one.by, when(one.expires_at), ended or one.note)

        head = ("token", "who", "limited to", "made", "by", "until", "")
        return Listing("tokens", head, tuple(found), row, hidden=frozenset({"hash"}))


class Audit:
    """Checks of the record of a project.

    Args:
        project: The project.
    """

    def __init__(self, project: Project) -> None:
        self._project = project

    def verify(self) -> AuditReport:
        """Check everything that can be checked within the catalogue; names what is not what was recorded."""
        from soroi import govern

        with self._project.store.catalogue.read() as tx:
            return govern.audit(tx)

    def export(self, path: Path | str) -> dict[str, Any]:
        """Write the history to a file, its head signed. Gives what was signed.

        Raises:
            RefusedError: The history is not whole, the key is not registered, or the file is there.
        """
        from soroi import govern

        return govern.export_history(self._project.store, Path(path), runtime=self._project.runtime)

    def check(self, path: Path | str, *, key: str | None = None) -> AuditReport:
        """Hold the catalogue against an exported history.

        Args:
            path: The file.
            key: Public key that must have signed it; default: one that is registered.

        Raises:
            MissingFileError: The file is not there.
        """
        from soroi import govern

        with self._project.store.catalogue.read() as tx:
            return govern.check_export(tx, Path(path), key=key)


def _key_row(one: KeyRecord) -> Sequence[str]:
    revoked = f"{when(one.revoked_at)} by {one.revoked_by}" if one.revoked_at else ""
    return (one.id[:16], one.owner, one.kind, when(one.at), one.by, revoked)


def _leaves(reason: Reason) -> list[Reason]:
    return [one for one in reason.walk() if not one.because]

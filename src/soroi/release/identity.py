"""Who somebody is: public keys that are known to be theirs, and tokens by which they are known."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta

from soroi.base.errors import ConfigError, ForbiddenError, RefusedError, UnknownNameError, did_you_mean
from soroi.base.runtime import Runtime
from soroi.base.signing import public_key
from soroi.release.roles import TRANSITIONS, require
from soroi.release.terms import ends
from soroi.store import KeyRecord, Store, TokenRecord, Transaction

TOKEN = "SOROI_TOKEN"
"""Variable of the environment that holds the token of whoever acts."""

PREFIX = "soroi_"
"""What a token begins with, so that those who look for lost secrets find it."""

BITS = 256
"""Random bits of a token. Nobody can try them all, so a quick hash of it is safe; a slow one is for passwords."""

PERSON = "person"
SERVICE = "service"

_PUBLIC = 64


def add_key(
    store: Store, who: str, *, runtime: Runtime, public: str | None = None, service: bool = False
) -> tuple[KeyRecord, bool]:
    """Register a public key as somebody's.

    Args:
        store: The store.
        who: Whose it is.
        runtime: Clock and actor.
        public: The public key, 64 hexadecimal characters; default: that of ``who`` on this machine, made if need be.
        service: Whether it is the key of a service, not of a person.

    Returns:
        The key as it is registered, and whether that is new.

    Raises:
        ConfigError: It is not a public key.
        ForbiddenError: There are roles, and the actor may not give them.
        ConflictError: It is somebody else's, or was revoked.
    """
    key = _checked(public) if public is not None else public_key(who)
    with store.catalogue.write() as tx:
        require(tx, runtime, "grant")
        fresh = tx.keys.add(_key(runtime, who, key, SERVICE if service else PERSON))
        return tx.keys.get(key), fresh


def revoke_key(store: Store, text: str, *, runtime: Runtime) -> KeyRecord:
    """Revoke a key: nothing that it signed counts any more. Everybody may revoke their own.

    Args:
        store: The store.
        text: The public key, or the beginning of it.
        runtime: Clock and actor.

    Raises:
        UnknownNameError: There is no such key.
        ForbiddenError: It is another's, and the actor may not give roles.
    """
    with store.catalogue.write() as tx:
        found = tx.keys.get(text)
        if found.owner != runtime.actor:
            require(tx, runtime, "grant")
        return tx.keys.revoke(found.id, by=runtime.actor, at=runtime.clock.now())


def know_first_key(tx: Transaction, runtime: Runtime, key: str) -> None:
    """Register the actor's key when it is the first of a project without roles: there is nobody to ask."""
    if not tx.grants.any() and not tx.keys.all():
        tx.keys.add(_key(runtime, runtime.actor, key, PERSON))


def known_keys(tx: Transaction) -> dict[tuple[str, str], bool]:
    """Whether each registered key counts: by owner and public key; revoked ones do not.

    It is read without trusting it, so that one damaged row does not hide the others.
    """
    rows = [one.values for one in tx.stored("keys") if not one.damaged]
    return {(one["owner"], one["id"]): one["revoked_at"] is None for one in rows}


def refuse_unknown_key(tx: Transaction, who: str, key: str) -> None:
    """Go on only if a key counts as somebody's.

    Args:
        tx: A transaction that reads.
        who: Whose it is.
        key: Their public key on this machine.

    Raises:
        RefusedError: It is not registered, or was revoked.
    """
    known = [one for one in tx.keys.of(who) if one.id == key]
    if known and known[0].revoked_at is not None:
        hint = "make a new key: move the old file away, then soroi key add"
        raise RefusedError(f"the key of {who} on this machine ({key[:16]}) was revoked", hint=hint)
    if not known:
        hint = f"soroi key add {who} --public {key}; where there are roles, an owner does it"
        raise RefusedError(
            f"the key of {who} on this machine ({key[:16]}) is not registered in '{tx.project}'", hint=hint
        )


@dataclass(frozen=True)
class Limits:
    """What a token is limited to."""

    scopes: Sequence[str] = ()
    """``TRANSITION`` or ``TRANSITION:ENVIRONMENT``; none: to nothing but what its holder may do."""

    expires: str | timedelta | None = "30d"
    """How long it holds; ``None``: until it is revoked."""

    note: str = ""
    """What it is for."""


def create_token(
    store: Store,
    who: str,
    *,
    runtime: Runtime,
    limits: Limits | None = None,
    draw: Callable[[int], bytes] = secrets.token_bytes,
) -> tuple[TokenRecord, str]:
    """Make a token by which somebody is known.

    Args:
        store: The store.
        who: Who acts when it is shown.
        runtime: Clock, ids and actor.
        limits: What it is limited to.
        draw: Gives so many random bytes.

    Returns:
        What is recorded, and the token itself, which is nowhere else: it cannot be shown again.

    Raises:
        ConfigError: A scope or the term is none.
        ForbiddenError: It is for another, or the actor acts by a token, and may not give roles.
    """
    limits = limits or Limits()
    for scope in limits.scopes:
        _check_scope(scope)
    now = runtime.clock.now()
    token = PREFIX + draw(BITS // 8).hex()
    record = TokenRecord(
        id=runtime.ids.new("token"),
        hash=hashed(token),
        who=who,
        scopes=list(limits.scopes),
        note=limits.note,
        by=runtime.actor,
        at=now,
        expires_at=ends(now, limits.expires),
    )
    with store.catalogue.write() as tx:
        if who != runtime.actor or runtime.scopes is not None:
            require(tx, runtime, "grant")
        tx.tokens.add(record)
    return record, token


def revoke_token(store: Store, text: str, *, runtime: Runtime) -> TokenRecord:
    """Take a token back. Everybody may take back their own.

    Args:
        store: The store.
        text: Id of the token, or the beginning of it.
        runtime: Clock and actor.

    Raises:
        UnknownNameError: There is no such token.
        ForbiddenError: It is another's, and the actor may not give roles.
    """
    with store.catalogue.write() as tx:
        found = tx.tokens.get(text)
        if found.who != runtime.actor:
            require(tx, runtime, "grant")
        return tx.tokens.revoke(found.id, by=runtime.actor, at=runtime.clock.now())


def acting_by(tx: Transaction, runtime: Runtime, token: str) -> Runtime:
    """The runtime of whoever shows a token.

    Args:
        tx: A transaction that reads.
        runtime: Clock and ids.
        token: The token. It is never part of a message.

    Raises:
        ForbiddenError: The token is not known, was revoked, or is over.
    """
    hint = f"soroi token create makes one; unset {TOKEN} to act without"
    known = tx.tokens.with_hash(hashed(token.strip()))
    if known is None:
        raise ForbiddenError(f"the token in {TOKEN} is not known in '{tx.project}'", hint=hint)
    if known.revoked_at is not None:
        raise ForbiddenError(f"the token {known.id} of {known.who} was revoked by {known.revoked_by}", hint=hint)
    if not known.holds_at(runtime.clock.now()):
        raise ForbiddenError(
            f"the token {known.id} of {known.who} ended {known.expires_at:%Y-%m-%d %H:%M} UTC", hint=hint
        )
    return replace(runtime, actor=known.who, scopes=tuple(known.scopes))


def hashed(token: str) -> str:
    """What is recorded of a token: SHA-256, 64 hexadecimal characters."""
    return hashlib.sha256(token.encode()).hexdigest()


def _check_scope(scope: str) -> None:
    name, colon, place = scope.partition(":")
    if name not in TRANSITIONS:
        hint = did_you_mean(name, TRANSITIONS) or f"known: {', '.join(TRANSITIONS)}"
        raise UnknownNameError(f"the scope '{scope}' names nothing that can be done", hint=hint, name=scope)
    if colon and not place:
        raise ConfigError(f"the scope '{scope}' names no environment", hint=f"{name}:production, or {name}")


def _checked(public: str) -> str:
    text = public.strip().lower()
    if len(text) != _PUBLIC or any(letter not in "0123456789abcdef" for letter in text):
        hint = "soroi key show, on the machine of its owner, prints it"
        raise ConfigError(f"'{public}' is not a public key of {_PUBLIC} hexadecimal characters", hint=hint)
    return text


def _key(runtime: Runtime, who: str, key: str, kind: str) -> KeyRecord:
    return KeyRecord(id=key, owner=who, kind=kind, by=runtime.actor, at=runtime.clock.now())

"""Records of who may do what and who said so: keys, grants, tokens and approvals.

Each is written with an event that holds the digest of its row, so that a row changed behind soroi's back is found.
All times are aware and in UTC.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Row, Table

from soroi.store.events import Events
from soroi.store.rows import row_digest
from soroi.store.sql import Bound, without

ROW = "row"
"""Field of an event that holds the digest of the row that it left."""


class KeyRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A public key that is known to be somebody's."""

    id: str
    """The public key (Ed25519), 64 hexadecimal characters."""

    owner: str
    """Whose it is."""

    kind: str
    """``person`` or ``service``."""

    by: str
    """Who registered it."""

    at: datetime
    """When."""

    revoked_at: datetime | None = None
    """When it was revoked; ``None``: it counts."""

    revoked_by: str | None = None
    """Who revoked it."""


class GrantRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A role given to somebody."""

    id: str
    """Id of the grant."""

    who: str
    """To whom."""

    role: str
    """The role, or the one transition, that they were given."""

    environment: str | None = None
    """The only environment it holds in; ``None``: all, and what belongs to none."""

    group: str | None = None
    """The only group of nodes it holds for; ``None``: all."""

    by: str
    """Who gave it."""

    at: datetime
    """When."""

    expires_at: datetime | None = None
    """When it ends; ``None``: when it is revoked."""

    revoked_at: datetime | None = None
    """When it was revoked."""

    revoked_by: str | None = None
    """Who revoked it."""

    def holds_at(self, now: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class TokenRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A token by which somebody is known. The token itself is nowhere; its hash is."""

    id: str
    """Id of the token, to speak of it."""

    hash: str
    """SHA-256 of the token, 64 hexadecimal characters."""

    who: str
    """Who acts when it is shown."""

    scopes: list[str] = []
    """What it is limited to (``release:production``, ``build``); empty: to nothing but what they may do."""

    note: str = ""
    """What it is for."""

    by: str
    """Who made it."""

    at: datetime
    """When."""

    expires_at: datetime | None = None
    """When it ends; ``None``: when it is revoked."""

    revoked_at: datetime | None = None
    """When it was revoked."""

    revoked_by: str | None = None
    """Who revoked it."""

    def holds_at(self, now: datetime) -> bool:
        """Whether it is neither revoked nor over."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


class ApprovalRecord(msgspec.Struct, frozen=True, kw_only=True):
    """A person's signature over a plan and the verdicts that it showed."""

    id: str
    """Id, from the digest of body and signature."""

    plan: str
    """Digest that names the plan, 40 hexadecimal characters."""

    environment: str
    """Where it was to go."""

    manifest: str
    """What was to go there."""

    kind: str
    """As what it was approved: ``release``, ``owner``, ``audit``, ``security``, ``ethics`` or ``legal``."""

    body: dict[str, Any]
    """What was signed."""

    signature: dict[str, str]
    """Signer, public key and signature; see :class:`soroi.base.signing.Signature`."""

    by: str
    """Who approved."""

    at: datetime
    """When."""

    expires_at: datetime | None = None
    """When it ends to count; ``None``: never."""


class Rows:
    """Rows of one table, each written with an event. A base of the parts of the catalogue."""

    table: Table
    noun: str

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def _add(self, record: msgspec.Struct, event: str, body: Mapping[str, Any], by: str, at: datetime) -> bool:
        """Add a row and its event; ``False``, and nothing is changed, when the id is known already."""
        values = msgspec.structs.asdict(record)
        if not self._bound.insert_if_absent(self.table, values, ["id"]):
            return False
        told = {ROW: row_digest(self.table, values), **body}
        Events(self._bound).append(event, values["id"], told, by, at)
        return True

    def _revoke(self, text: str, event: str, by: str, at: datetime) -> str:
        """Mark a row as revoked, unless it is; gives its id."""
        found = self._bound.resolve(self.table, text, self.noun)
        if found.revoked_at is not None:
            return str(found.id)
        marks = {"revoked_at": at, "revoked_by": by}
        mine = (self.table.c.project == self._bound.project) & (self.table.c.id == found.id)
        self._bound.change(self.table.update().where(mine).values(marks))
        values = {**without(found, "seq"), **marks}
        Events(self._bound).append(event, found.id, {ROW: row_digest(self.table, values)}, by, at)
        return str(found.id)

    def _find(self, text: str) -> dict[str, Any]:
        return without(self._bound.resolve(self.table, text, self.noun), "seq")

    def _list(self, *conditions: Any) -> list[dict[str, Any]]:
        """Rows, oldest first."""
        query = self._bound.select(self.table).where(*conditions).order_by(self.table.c.seq)
        return [_plain(row) for row in self._bound.rows(query)]


def _plain(row: Row[Any]) -> dict[str, Any]:
    return without(row, "seq")

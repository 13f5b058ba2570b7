"""Keys in the catalogue: which public key is whose."""

from __future__ import annotations

from datetime import datetime

from soroi.base.errors import ConflictError
from soroi.store.governed import KeyRecord, Rows
from soroi.store.schema import keys

ADDED = "key.added"
REVOKED = "key.revoked"


class Keys(Rows):
    """The public keys of a project, seen from one transaction."""

    table = keys
    noun = "key"

    def add(self, record: KeyRecord) -> bool:
        """Register a key. Tells ``False``, and changes nothing, when it is registered to the same owner already.

        Raises:
            ConflictError: It is registered to somebody else, or was revoked.
        """
        told = {"owner": record.owner, "kind": record.kind}
        if self._add(record, ADDED, told, record.by, record.at):
            return True
        known = self.get(record.id)
        if known.revoked_at is not None:
            hint = "a revoked key stays revoked: make a new one"
            raise ConflictError(
                f"the key {known.id[:16]} of {known.owner} was revoked by {known.revoked_by}", hint=hint
            )
        if known.owner != record.owner:
            raise ConflictError(f"the key {known.id[:16]} is registered to {known.owner}", hint="one key, one owner")
        return False

    def revoke(self, text: str, *, by: str, at: datetime) -> KeyRecord:
        """Revoke a key: nothing that it signed counts any more.

        Raises:
            UnknownNameError: No key begins so, or several do.
        """
        return self.get(self._revoke(text, REVOKED, by, at))

    def get(self, text: str) -> KeyRecord:
        """A key by its beginning.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return KeyRecord(**self._find(text))

    def of(self, owner: str) -> list[KeyRecord]:
        """The keys of somebody, oldest first; revoked ones too."""
        return [KeyRecord(**one) for one in self._list(keys.c.owner == owner)]

    def all(self) -> list[KeyRecord]:
        """All keys, oldest first; revoked ones too."""
        return [KeyRecord(**one) for one in self._list()]

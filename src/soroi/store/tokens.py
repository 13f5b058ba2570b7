"""Tokens in the catalogue: hashed, never themselves."""

from __future__ import annotations

from datetime import datetime

from soroi.store.governed import Rows, TokenRecord
from soroi.store.schema import tokens

CREATED = "token.created"
REVOKED = "token.revoked"


class Tokens(Rows):
    """The tokens of a project, seen from one transaction."""

    table = tokens
    noun = "token"

    def add(self, record: TokenRecord) -> bool:
        """Add a token. Tells ``False``, and changes nothing, when the id is known already."""
        told = {
            "who": record.who,
            "scopes": record.scopes,
            "expires_at": record.expires_at.isoformat() if record.expires_at else None,
        }
        return self._add(record, CREATED, told, record.by, record.at)

    def revoke(self, text: str, *, by: str, at: datetime) -> TokenRecord:
        """Take a token back.

        Raises:
            UnknownNameError: No token's id begins so, or several do.
        """
        return self.get(self._revoke(text, REVOKED, by, at))

    def get(self, text: str) -> TokenRecord:
        """A token by its id or the beginning of it.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return TokenRecord(**self._find(text))

    def with_hash(self, hashed: str) -> TokenRecord | None:
        """The token with a hash, or ``None``."""
        found = self._list(tokens.c.hash == hashed)
        return TokenRecord(**found[0]) if found else None

    def all(self) -> list[TokenRecord]:
        """All tokens, oldest first; also what was taken back or is over."""
        return [TokenRecord(**one) for one in self._list()]

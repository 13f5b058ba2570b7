"""Descriptions in the catalogue: the digest of each node's description as it was recorded last.

What the description said is in the history, as the event that recorded it.
"""

from __future__ import annotations

from datetime import datetime

from soroi.store.schema import descriptions
from soroi.store.sql import Bound


class Descriptions:
    """The recorded descriptions of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def all(self) -> dict[str, str]:
        """The digest of each node's description, by node."""
        return {row.node: row.digest for row in self._bound.rows(self._bound.select(descriptions))}

    def put(self, node: str, digest: str, at: datetime) -> bool:
        """Record the digest of a node's description. Tells ``False``, and changes nothing, when it is the same.

        Args:
            node: Id of the node.
            digest: Digest of its description.
            at: When it was recorded.
        """
        known = self._bound.row(self._bound.select(descriptions).where(descriptions.c.node == node))
        if known is not None and known.digest == digest:
            return False
        self._bound.upsert(descriptions, {"node": node, "digest": digest, "at": at}, ["node"])
        return True

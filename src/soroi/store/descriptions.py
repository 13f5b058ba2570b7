"""Descriptions in the catalogue: the digest of each node's description as it was recorded last.

What the description said is in the history, as the event that recorded it.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import select

from soroi.store.schema import descriptions
from soroi.store.sql import Bound

_SHORT = select(descriptions.c.node, descriptions.c.digest)


class Descriptions:
    """The recorded descriptions of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def all(self) -> dict[str, str]:
        """The digest of each node's description, by node."""
        mine = descriptions.c.project == self._bound.project
        return {row.node: row.digest for row in self._bound.rows(_SHORT.where(mine))}

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

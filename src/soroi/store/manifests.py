"""Manifests in the catalogue: immutable sealed sets."""

from __future__ import annotations

import msgspec

from soroi.base.errors import ConflictError
from soroi.store.columns import encode_json
from soroi.store.records import ManifestRecord
from soroi.store.schema import manifests
from soroi.store.sql import Bound, without


class Manifests:
    """The manifests of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def add(self, record: ManifestRecord) -> bool:
        """Add a manifest. Tells ``False``, and changes nothing, when the id is known already.

        Raises:
            ConflictError: The id is known with another body.
        """
        if self._bound.insert_if_absent(manifests, msgspec.structs.asdict(record), ["id"]):
            return True
        known = self.get(record.id)
        if encode_json(known.body) != encode_json(record.body):
            raise ConflictError(f"manifest '{record.id}' already stands for another set")
        return False

    def get(self, text: str) -> ManifestRecord:
        """The manifest with an id, or with the only id that begins so.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return ManifestRecord(**without(self._bound.resolve(manifests, text, "manifest"), "seq"))

    def known(self, manifest: str) -> bool:
        """Whether there is a manifest with an id."""
        return self._bound.row(self._bound.select(manifests).where(manifests.c.id == manifest)) is not None

    def recent(self, limit: int = 20) -> list[ManifestRecord]:
        """The last sealed manifests, newest first."""
        query = self._bound.select(manifests).order_by(manifests.c.seq.desc()).limit(limit)
        return [ManifestRecord(**without(row, "seq")) for row in self._bound.rows(query)]

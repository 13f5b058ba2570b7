"""Manifests in the catalogue: immutable sealed sets."""

from __future__ import annotations

import msgspec
from sqlalchemy import ColumnElement, Text, bindparam, exists, select, type_coerce

from soroi.base.errors import ConflictError
from soroi.store.columns import encode_json
from soroi.store.records import ManifestRecord
from soroi.store.schema import manifests
from soroi.store.sql import Bound, mine, without

_KNOWN = select(manifests.c.id).where(mine(manifests), manifests.c.id == bindparam("id"))
_TEXT = select(type_coerce(manifests.c.body, Text).label("body")).where(
    mine(manifests), manifests.c.id == bindparam("id")
)


def there(project: ColumnElement[str], manifest: ColumnElement[str]) -> ColumnElement[bool]:
    """That there is a manifest with an id: for statements that point at it."""
    return exists().where(manifests.c.project == project, manifests.c.id == manifest)


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

    def text(self, manifest: str) -> str | None:
        """The body of the manifest with an id as it is stored, as JSON text; ``None``: there is none."""
        row = self._bound.row(_TEXT, id=manifest)
        return None if row is None else str(row.body)

    def known(self, manifest: str) -> bool:
        """Whether there is a manifest with an id."""
        return self._bound.row(_KNOWN, id=manifest) is not None

    def recent(self, limit: int = 20) -> list[ManifestRecord]:
        """The last sealed manifests, newest first."""
        query = self._bound.select(manifests).order_by(manifests.c.seq.desc()).limit(limit)
        return [ManifestRecord(**without(row, "seq")) for row in self._bound.rows(query)]

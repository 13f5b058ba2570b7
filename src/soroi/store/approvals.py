"""Approvals in the catalogue: immutable signatures over plans."""

from __future__ import annotations

import msgspec

from soroi.store.columns import decode_json
from soroi.store.governed import ApprovalRecord, Rows
from soroi.store.rows import OWN, stored_rows
from soroi.store.schema import approvals

GIVEN = "approval.given"


class Approvals(Rows):
    """The approvals of a project, seen from one transaction."""

    table = approvals
    noun = "approval"

    def add(self, record: ApprovalRecord) -> bool:
        """Add an approval. Tells ``False``, and changes nothing, when the id is known already."""
        told = {
            "plan": record.plan,
            "environment": record.environment,
            "manifest": record.manifest,
            "kind": record.kind,
            "expires_at": record.expires_at.isoformat() if record.expires_at else None,
        }
        return self._add(record, GIVEN, told, record.by, record.at)

    def get(self, text: str) -> ApprovalRecord:
        """An approval by its id or the beginning of it.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        return ApprovalRecord(**self._find(text))

    def of_manifest(self, manifest: str, environment: str | None = None) -> list[ApprovalRecord]:
        """The approvals of a manifest, oldest first.

        Args:
            manifest: Id of the manifest.
            environment: Only those for this environment.
        """
        where = [approvals.c.manifest == manifest]
        where += [approvals.c.environment == environment] if environment is not None else []
        return [ApprovalRecord(**one) for one in self._list(*where)]

    def of_environment(self, environment: str) -> tuple[list[ApprovalRecord], list[str]]:
        """The approvals for an environment, oldest first; and the ids of those that are damaged beyond reading."""
        whole: list[ApprovalRecord] = []
        damaged: list[str] = []
        for row in stored_rows(self._bound, approvals, approvals.c.environment == environment):
            values = {name: value for name, value in row.values.items() if name not in OWN}
            try:
                parsed = {name: decode_json(values[name]) for name in ("body", "signature")}
                record = msgspec.convert({**values, **parsed}, ApprovalRecord) if not row.damaged else None
            except (msgspec.MsgspecError, TypeError):
                record = None
            if record is None:
                damaged.append(str(values["id"]))
            else:
                whole.append(record)
        return whole, damaged

    def all(self) -> list[ApprovalRecord]:
        """All approvals, oldest first."""
        return [ApprovalRecord(**one) for one in self._list()]

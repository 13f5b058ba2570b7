"""People for tests of approvals and roles: a store without a project, its clock, and who acts."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta

from soroi.base.runtime import CountingIds, ManualClock, Runtime
from soroi.release.case import Case
from soroi.release.manifest import Manifest, manifest_id, read_manifest
from soroi.store import ManifestRecord, Store, VerdictRecord


@dataclass
class Town:
    """A store, and the people who use it."""

    store: Store
    clock: ManualClock = field(default_factory=ManualClock)
    ids: CountingIds = field(default_factory=CountingIds)

    def as_(self, who: str, *scopes: str, token: bool = False) -> Runtime:
        """The runtime of somebody, with what their token is limited to."""
        held = tuple(scopes) if scopes or token else None
        return Runtime(clock=self.clock, ids=self.ids, actor=who, scopes=held)

    def pass_(self, **span: float) -> None:
        """Let time pass."""
        self.clock.advance(timedelta(**span))

    def manifest(self, **picks: str) -> Manifest:
        """A sealed manifest."""
        body = {"format": 1, "picks": picks, "data": {}, "claims": []}
        with self.store.catalogue.write() as tx:
            record = ManifestRecord(manifest_id(body), body, self.clock.now(), "ann")
            if tx.manifests.add(record):
                tx.events.append("manifest.sealed", record.id, {"picks": picks}, "ann", record.created_at)
            return read_manifest(tx, record.id)

    def verdict(self, manifest: Manifest, gate: str = "loads", outcome: str = "pass") -> VerdictRecord:
        """A recorded verdict."""
        record = VerdictRecord(
            id=self.ids.new("verdict"),
            gate=gate,
            gate_digest="ab",
            subjects=[manifest.id],
            outcome=outcome,
            judged_by="soroi",
            at=self.clock.now(),
        )
        with self.store.catalogue.write() as tx:
            tx.verdicts.add(record)
        return record

    def move(self, manifest: Manifest, environment: str = "production", by: str = "ann", reason: str = "") -> None:
        """Move a head, as a release does."""
        with self.store.catalogue.write() as tx:
            head = tx.heads.get(environment)
            expected, now = (head.revision if head else 0), self.clock.now()
            moved = tx.heads.move(environment, manifest.id, expected_revision=expected, by=by, at=now, reason=reason)
            body = {
                "environment": environment,
                "from": head.manifest if head else None,
                "to": manifest.id,
                "revision": moved.revision,
                "reason": reason,
            }
            tx.events.append("head.moved", manifest.id, body, by, now)

    def case(self, manifest: Manifest, *verdicts: VerdictRecord, gates: str = "00", place: str = "production") -> Case:
        """The case of a manifest as it stands."""
        with self.store.catalogue.read() as tx:
            return Case(place, manifest, tx.heads.get(place), gates, verdicts, "ann")


def other(case: Case, **changes: object) -> Case:
    """A case with something changed."""
    return replace(case, **changes)  # type: ignore[arg-type]

"""A store with versions made up for tests of what is kept: their bytes are real, nothing was built."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from soroi.base.digest import digest
from soroi.base.errors import SoroiError
from soroi.base.runtime import CountingIds, ManualClock, Runtime
from soroi.codebase.retention import Retention
from soroi.release.collect import Collecting, Collector
from soroi.release.collected import Collected
from soroi.release.manifest import manifest_id
from soroi.store import EdgeRecord, ManifestRecord, RolloutRecord, Store, StoreConfig, VersionRecord, open_store
from soroi.store.present import secure, whole

DAY = timedelta(days=1)
SHORT = Retention(
    history=2 * DAY, manifests=1, candidates=DAY, answers=3 * DAY, runs=7 * DAY, grace=timedelta(hours=12)
)
"""Keeps little, and not for long."""


@dataclass
class House:
    """A store of one project."""

    folder: Path
    project: str = "demo"
    catalogue: str | None = None
    objects: str | None = None
    actor: str = "ann"
    retention: Retention = SHORT
    clock: ManualClock = field(default_factory=lambda: ManualClock(datetime.now(UTC)))
    made: int = 0

    def __post_init__(self) -> None:
        self.runtime = Runtime(self.clock, CountingIds(), self.actor)
        config = StoreConfig(self.folder, self.project, self.catalogue, self.objects)
        self.store: Store = open_store(config, runtime=self.runtime)

    def version(
        self, node: str, on: Sequence[str] = (), *, content: str | None = None, rows: Sequence[int] | None = None
    ) -> str:
        """Put the bytes of a version and record it. Its content is its own unless given."""
        self.made += 1
        text = content if content is not None else f"{self.project} {node} {self.made}"
        outputs = {"file:model": self.store.objects.put(text.encode())}
        if rows is not None:
            outputs["table"] = self.store.tables.write(pl.DataFrame({"x": list(rows)}), key=["x"]).root
        code = self.store.objects.put(f"code of {self.project}".encode())
        return self.record(node, on, outputs, code)

    def record(self, node: str, on: Sequence[str], outputs: dict[str, str], code: str) -> str:
        """Record a version whose bytes were put, as a build does."""
        known = digest("made-up", [node, self.made, list(on)])
        record = VersionRecord(
            id=f"{node}@{known[:12]}",
            digest=known,
            node=node,
            kind="model",
            recipe=known,
            definition=known,
            output=digest("output", outputs),
            edges=[EdgeRecord("trains on", one.partition("@")[0], one) for one in on],
            outputs=outputs,
            code=code,
            run="run_1",
            by=self.actor,
            at=self.clock.now(),
        )
        with self.store.catalogue.write() as tx:
            assert whole(tx, self.store.objects, outputs, code, runtime=self.runtime)
            tx.versions.add(record)
        return record.id

    def manifest(self, *versions: str) -> str:
        """Seal versions, without asking whether they are in step."""
        picks = {one.partition("@")[0]: one for one in versions}
        body: dict[str, Any] = {"format": 1, "picks": picks, "data": {}, "claims": []}
        record = ManifestRecord(manifest_id(body), body, self.clock.now(), self.actor)
        with self.store.catalogue.write() as tx:
            tx.manifests.add(record)
        return record.id

    def stage(self, *versions: str) -> None:
        """Pick versions."""
        with self.store.catalogue.write() as tx:
            secure(tx, self.store.objects, versions, runtime=self.runtime)
            picks: dict[str, str | None] = {one.partition("@")[0]: one for one in versions}
            tx.staging.change(picks, tx.staging.get().revision, self.actor, self.clock.now())

    def go(self, manifest: str, environment: str = "production") -> None:
        """Point a head at a manifest, as a release and a rollback do."""
        with self.store.catalogue.write() as tx:
            secure(tx, self.store.objects, tx.manifests.get(manifest).body["picks"].values(), runtime=self.runtime)
            head = tx.heads.get(environment)
            revision = head.revision if head else 0
            tx.heads.move(
                environment, manifest, expected_revision=revision, by=self.actor, at=self.clock.now(), reason="test"
            )

    def rollout(self, base: str, challenger: str, environment: str = "production") -> RolloutRecord:
        """Begin a rollout."""
        record = RolloutRecord(
            id=self.runtime.ids.new("rollout"),
            environment=environment,
            base=base,
            challenger=challenger,
            mode="canary",
            status="running",
            revision=1,
            body={},
            state={},
            by=self.actor,
            at=self.clock.now(),
        )
        with self.store.catalogue.write() as tx:
            for one in (base, challenger):
                picks = tx.manifests.get(one).body["picks"].values()
                secure(tx, self.store.objects, picks, runtime=self.runtime)
            tx.rollouts.start(record)
        return record

    def later(self, span: timedelta = 10 * DAY) -> None:
        """Let time pass."""
        self.clock.advance(span)

    def collector(self, **how: Any) -> Collector:
        """Collects in this store."""
        return Collector(self.store, Collecting(self.retention, **how), self.runtime)

    def collect(self) -> Collected:
        """Collect."""
        return self.collector().apply()

    def there(self, version: str) -> bool:
        """Whether all bytes of a version can be read."""
        with self.store.catalogue.read() as tx:
            record = tx.versions.get(version)
        try:
            for name, held in record.outputs.items():
                if name == "table":
                    self.store.tables.read(held)
                else:
                    self.store.objects.get(held, what=name)
            self.store.objects.get(record.code, what="code")
        except SoroiError:
            return False
        return True

    def age(self, span: timedelta = 2 * DAY) -> None:
        """Make all that is stored older, for stores in a folder."""
        then = (self.clock.now() - span).timestamp()
        for path in (self.folder / "objects").rglob("*"):
            if path.is_file():
                os.utime(path, (then, then))

    def close(self) -> None:
        """Close the store."""
        self.store.close()

"""Rollouts for tests: a store with two manifests, one of them live, and answers as servers record them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from soroi.base.runtime import CountingIds, ManualClock, Runtime
from soroi.release.manifest import manifest_id
from soroi.release.rollout import BASE, CHALLENGER, RolloutPlan, is_challenger, step_of, terms_of, unit_of
from soroi.release.rollout_moves import Asked, Begun, start_rollout
from soroi.store import AnswerLog, HeadRecord, ManifestRecord, RolloutRecord, Store, StoreConfig, open_store

NOW = datetime(2026, 1, 1, tzinfo=UTC)
ASKED = {"check": Asked(("id", "who", "x"), 50.0)}


class Rolling:
    """A store with a live manifest and a challenger, and a clock of its own."""

    def __init__(self, folder: Path, catalogue: str | None = None) -> None:
        self.clock = ManualClock(NOW)
        self.runtime = Runtime(clock=self.clock, ids=CountingIds(), actor="ann")
        config = StoreConfig(folder, "demo", catalogue)
        self.store: Store = open_store(config, runtime=self.runtime)
        self.log = AnswerLog(folder)
        self.base, self.challenger, self.third = (self._manifest(name) for name in ("a", "b", "c"))
        self.promoted: list[str] = []
        self.move(self.base)

    def _manifest(self, name: str) -> str:
        body: dict[str, Any] = {"format": 1, "picks": {"check": f"check@{name}"}, "data": {}, "claims": []}
        with self.store.catalogue.write() as tx:
            tx.manifests.add(ManifestRecord(manifest_id(body), body, NOW, "ann"))
        return manifest_id(body)

    def move(self, manifest: str, by: str = "ann") -> HeadRecord:
        """Move the head."""
        with self.store.catalogue.write() as tx:
            head = tx.heads.get("production")
            revision = head.revision if head else 0
            return tx.heads.move(
                "production", manifest, expected_revision=revision, by=by, at=self.clock.now(), reason=""
            )

    def promote(self, record: RolloutRecord, head: HeadRecord) -> None:
        """Stand in for the gates of a release."""
        self.promoted.append(record.challenger)
        with self.store.catalogue.write() as tx:
            tx.heads.move(
                "production",
                record.challenger,
                expected_revision=head.revision,
                by=record.by,
                at=self.clock.now(),
                reason=record.id,
            )

    def start(self, plan: RolloutPlan | None = None, **options: Any) -> RolloutRecord:
        """Begin a rollout."""
        plan = plan or RolloutPlan.of("who", **options)
        return start_rollout(self.store, Begun("production", self.challenger, plan, ASKED), self.runtime)

    def get(self, rollout: str) -> RolloutRecord:
        """A rollout as it stands."""
        with self.store.catalogue.read() as tx:
            return tx.rollouts.get(rollout)

    @property
    def live(self) -> str | None:
        """The manifest that the head points at."""
        with self.store.catalogue.read() as tx:
            head = tx.heads.get("production")
        return head.manifest if head else None

    def answer(self, record: RolloutRecord, answers: Sequence[dict[str, Any]]) -> None:
        """Write answers down."""
        self.log.append([self.row(record, **one) for one in answers])

    def row(self, record: RolloutRecord, *, who: object, arm: str | None = None, **fields: Any) -> dict[str, Any]:
        """An answer to somebody, as a server records it; of the arm that they belong to."""
        step = step_of(record)
        unit = unit_of(record.id, who)
        chosen = is_challenger(unit, terms_of(record).plan.steps[step].share)
        self.clock.advance(timedelta(milliseconds=1))
        row = {
            "id": self.runtime.ids.new("answer"),
            "decision": "check",
            "at": self.clock.now(),
            "arm": arm or (CHALLENGER if chosen else BASE),
            "rollout": record.id,
            "rollout_step": step,
            "unit": unit,
            "fell": False,
            "positive": False,
            "action": "go",
            "milliseconds": 1.0,
            "deadline_missed": False,
        }
        return {**row, **fields}

    def close(self) -> None:
        """Close the store."""
        self.log.close()
        self.store.close()


def someone(record: RolloutRecord, arm: str, begin: int = 0) -> int:
    """The first number from a beginning on that belongs to an arm."""
    share = terms_of(record).plan.steps[step_of(record)].share
    wanted = arm == CHALLENGER
    return next(n for n in range(begin, begin + 100_000) if is_challenger(unit_of(record.id, n), share) == wanted)

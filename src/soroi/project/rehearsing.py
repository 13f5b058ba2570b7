"""Rehearsing a rollback: everything but the move, in a fresh process, with how long it took."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soroi.base.display import Display, Shown
from soroi.base.reason import Reason
from soroi.release.heads import rollback_goal

if TYPE_CHECKING:
    from soroi.project.project import Project

ANSWERS = 30
"""How many answers of each decision are timed."""


@dataclass(frozen=True, repr=False)
class RollbackRehearsal(Shown):
    """What came of a rehearsal."""

    environment: str
    """Which head would move."""

    before: str
    """The manifest that it points at, and goes on pointing at."""

    manifest: str
    """The manifest that it would go back to."""

    passed: bool
    """Whether a fresh process loads it, its models score their canary rows as they did, and every decision answers."""

    reason: Reason
    """Why, decision by decision."""

    seconds: float
    """How long it took: about what a server takes that begins from nothing."""

    slowest: dict[str, float]
    """The slowest of :data:`ANSWERS` answers of each decision, in milliseconds."""

    def display(self) -> Display:
        """What came of it."""
        rows = [[name, f"{value:.1f} ms"] for name, value in sorted(self.slowest.items())]
        said = "would answer" if self.passed else "would NOT answer"
        title = f"{self.manifest} {said} in '{self.environment}' after {self.seconds:.2f} s"
        title += f"; the head stays at {self.before}"
        return Display(title, ("decision", "slowest answer") if rows else (), rows, tuple(self.reason.lines()))

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "environment": self.environment,
            "before": self.before,
            "manifest": self.manifest,
            "passed": self.passed,
            "reason": self.reason.to_dict(),
            "seconds": round(self.seconds, 3),
            "slowest_ms": self.slowest,
        }


def rehearse_rollback(project: Project, environment: str, to: str | None = None) -> RollbackRehearsal:
    """Do all of a rollback but the move.

    Args:
        project: The project.
        environment: Which head would move.
        to: Id of the manifest to go back to, or the beginning of it; default: the one before.

    Raises:
        RefusedError: There is nothing to go back to, or the manifest was never live there.
    """
    from soroi.serve.proving import rehearse_apart

    with project.store.catalogue.read() as tx:
        manifest, head = rollback_goal(tx, environment, to)
        kinds = {record.node: record.kind for record in tx.versions.get_many(set(manifest.picks.values())).values()}
    asked = {node: ANSWERS for node, kind in kinds.items() if kind == "decision"}
    config = project.config
    begun = time.perf_counter()
    done = rehearse_apart(project.store, manifest.id, module=config.module, home=config.root, asked=asked)
    seconds = time.perf_counter() - begun
    slowest = {name: round(max(one.milliseconds), 3) for name, one in done.timings.items() if one.milliseconds}
    return RollbackRehearsal(
        environment, head.manifest, manifest.id, done.finding.passed, done.finding.reason, seconds, slowest
    )

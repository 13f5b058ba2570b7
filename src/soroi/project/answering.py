"""Answering here, without a server: an engine over one manifest, in this process."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from soroi.base.errors import UnknownNameError, did_you_mean
from soroi.release.manifest import Manifest
from soroi.serve import DecisionPart, Engine, OnlineTables, Serving, load_snapshot
from soroi.serve.cascade import Budget
from soroi.store import AnswerLog, RowLog

if TYPE_CHECKING:
    from soroi.project.looking import Looking

PATIENCE = 86_400.0
"""Seconds that a step may take where nobody waits for the answer."""


@dataclass(frozen=True)
class Answering:
    """An engine, and what it answers with."""

    engine: Engine
    """The engine. It has no view of its own: what it answers with is handed to it."""

    serving: Serving
    """The manifest, loaded."""

    def part(self, decision: str) -> DecisionPart:
        """A decision of the manifest.

        Raises:
            UnknownNameError: It has no such decision.
        """
        decisions = self.serving.snapshot.decisions
        found = decisions.get(decision)
        if found is None:
            raise UnknownNameError(
                f"manifest {self.serving.snapshot.manifest} has no decision '{decision}'",
                hint=did_you_mean(decision, decisions),
            )
        return found


@contextlib.contextmanager
def answering(
    project: Looking, manifest: Manifest, *, environment: str, revision: int, until: datetime | None = None
) -> Iterator[Answering]:
    """An engine that answers with a manifest, in this process.

    Args:
        project: The project.
        manifest: What to answer with.
        environment: Name of the head that the answers are recorded under.
        revision: Revision of that head.
        until: Leave out rows that came in while serving after that; ``None``: take all.

    Raises:
        CorruptError, RefusedError: The manifest does not load here.
    """
    config, store = project.config, project.store
    snapshot = load_snapshot(store, manifest, module=config.module, home=config.root)
    rows = RowLog(config.store)
    engine = Engine(AnswerLog(config.store), rows, runtime=store.runtime)
    try:
        tables = OnlineTables(snapshot.bases, rows)
        tables.replay(until=until)
        yield Answering(engine, Serving(snapshot, tables, environment, revision, store.runtime.clock.now()))
    finally:
        engine.close()


def patient() -> Budget:
    """Time enough, from now on."""
    return Budget(PATIENCE, time.perf_counter())

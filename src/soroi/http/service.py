"""What a server holds: the store, the engine, what keeps it on its head, and what watches rollouts."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from soroi.base.errors import DataError
from soroi.base.runtime import Runtime
from soroi.codebase import ProjectConfig
from soroi.release.rollout_moves import Promote
from soroi.release.rollout_watch import Watcher
from soroi.scoring import dtype_text
from soroi.serve import DecisionPart, Engine, Follower, Ingested, RowSchema, Trial
from soroi.store import AnswerLog, HeadRecord, RolloutRecord, RowLog, Store, StoreConfig, open_store

Share = Callable[[str, Sequence[Any], datetime], None]
"""Takes a source, its rows and the time they came in; returns once they count everywhere."""


@dataclass(frozen=True)
class Service:
    """A project being served."""

    project: str
    """Name of the project."""

    store: Store
    """Its store."""

    engine: Engine
    """What answers."""

    follower: Follower
    """What keeps the engine on its head."""

    watcher: Watcher | None = None
    """What looks after rollouts of the head; ``None``: another process does."""

    share: Share | None = None
    """Tells the other processes of the server about rows that came in; ``None``: there is only this one."""

    def start(self) -> None:
        """Begin to follow the head, and to watch its rollouts."""
        self.follower.start()
        if self.watcher is not None:
            self.watcher.start()

    def close(self) -> None:
        """Stop following, bring everything to the disk, close the store."""
        if self.watcher is not None:
            self.watcher.stop()
        self.follower.stop()
        self.engine.close()
        self.store.close()

    def ingest(self, source: str, rows: Sequence[Any]) -> Ingested:
        """Take rows of a source in, here and in the other processes of the server; see :meth:`Engine.ingest`."""
        now = self.engine.runtime.clock.now()
        taken = self.engine.ingest(source, rows, now=now)
        if self.share is not None and taken.accepted:
            self.share(source, rows, now)
        return taken

    def readiness(self) -> dict[str, Any]:
        """Whether it can answer, with what, and what is wrong."""
        serving = self.engine.serving
        return {
            "ready": serving is not None,
            "project": self.project,
            "environment": self.follower.environment,
            "manifest": serving.snapshot.manifest if serving else None,
            "revision": serving.revision if serving else None,
            "since": serving.since if serving else None,
            "rollout": _rollout(self.engine.trial),
            "problems": [*self.follower.problems(), *self.engine.problems()],
        }

    def decisions(self) -> list[dict[str, Any]]:
        """What can be asked."""
        serving = self.engine.serving
        return [] if serving is None else [describe(part) for part in serving.snapshot.decisions.values()]

    def sources(self) -> list[dict[str, Any]]:
        """Where rows can be handed in."""
        serving = self.engine.serving
        if serving is None:
            return []
        return [
            {"name": name, "columns": columns(base.schema, (base.schema.time, base.schema.known_at))}
            for name, base in sorted(serving.snapshot.bases.items())
        ]


def _rollout(trial: Trial | None) -> dict[str, Any] | None:
    """The rollout that a server takes part in."""
    if trial is None:
        return None
    trying = trial.trying
    return {
        "id": trying.rollout,
        "challenger": trial.challenger.snapshot.manifest,
        "shadow": trying.is_shadow,
        "share": trying.share,
    }


def describe(part: DecisionPart) -> dict[str, Any]:
    """A decision for those who ask it."""
    return {
        "name": part.node,
        "doc": part.doc,
        "version": part.version,
        "source": part.spine.source,
        "actions": {"positive": part.positive, "negative": part.negative, "fail_safe": part.fail_safe},
        "deadline_ms": part.deadline * 1000.0,
        "steps": [step.name for step in part.steps],
        "fallbacks": [rule.name for rule in part.rules],
        "columns": columns(part.spine, ()),
    }


def columns(schema: RowSchema, needed: tuple[str | None, ...]) -> list[dict[str, Any]]:
    """The columns of a row: name, type, whether it must be given."""
    return [
        {"name": name, "type": _type(dtype), "required": name in schema.key or name in needed}
        for name, dtype in schema.schema.items()
    ]


def _type(dtype: Any) -> str:
    try:
        return dtype_text(dtype)
    except DataError:
        return str(dtype)


def open_service(
    config: ProjectConfig, *, environment: str = "production", runtime: Runtime | None = None, watching: bool = True
) -> Service:
    """Open a project in order to serve it. Nothing is loaded before :meth:`Service.start`.

    Args:
        config: What ``soroi.toml`` says.
        environment: Name of the head to follow.
        runtime: Clock and ids; the machine's by default.
        watching: Whether to look after rollouts of the head.

    Raises:
        StoreError: The store cannot be opened.
    """
    runtime = runtime or Runtime()
    store = open_store(StoreConfig(config.store, config.name, config.catalogue, config.objects), runtime=runtime)
    engine = Engine(AnswerLog(config.store), RowLog(config.store), runtime=runtime)
    follower = Follower(store, engine, module=config.module, home=config.root, environment=environment)
    watcher = Watcher(store, environment, runtime=runtime, promote=_promoting(config, runtime)) if watching else None
    return Service(config.name, store, engine, follower, watcher)


def _promoting(config: ProjectConfig, runtime: Runtime) -> Promote:
    """Makes a challenger the head through the gates of the project; its declarations are only loaded for that."""

    def promote(record: RolloutRecord, head: HeadRecord) -> object:
        from soroi.project import Project
        from soroi.project.rolling import promoting

        with Project(config, runtime) as project:
            return promoting(project)(record, head)

    return promote

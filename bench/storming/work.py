"""Those who work at once: each does one thing after another, and writes down what came of it and when."""

from __future__ import annotations

import json
import os
import random
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from bench.storming.world import CLOCK, MODELS, STRENGTHS, World, build
from soroi.base.errors import CollectedError, ConflictError, OutOfStepError, RefusedError, SoroiError, StoreError
from soroi.base.reason import Reason
from soroi.project import Project
from soroi.release import LOADS
from soroi.release.manifest import Manifest, read_manifest
from soroi.rules import Finding
from soroi.store import Store, Transaction
from soroi.store.present import named, roots
from soroi.store.schema import event_chains

SHARES = {"stage": 0.34, "release": 0.26, "rollback": 0.16, "read": 0.18, "build": 0.04, "collect": 0.02}
"""How often each thing is done."""

ENVIRONMENT = "production"
PAUSE = 0.05
"""Seconds between two tries to reach a server that was killed."""


@dataclass(frozen=True)
class Work:
    """What somebody is to do."""

    name: str
    """Who."""

    seed: int
    """Of their choices."""

    operations: int | None = None
    """How many; ``None``: until they are stopped."""

    kinds: tuple[str, ...] = tuple(SHARES)
    """Which of :data:`SHARES`."""

    patient: bool = False
    """Whether servers may be away for a while."""


@dataclass
class Done:
    """One operation, as whoever did it saw it."""

    id: str
    """Its id: the reason that it gives for what it changes."""

    kind: str
    """Of :data:`SHARES`."""

    by: str
    """Who did it."""

    begin: str = ""
    """When it was begun; ISO, by the clock that everybody shares."""

    end: str = ""
    """When it had ended."""

    outcome: str = ""
    """``ok``, or how it failed: ``conflict``, ``collected``, ``refused``, ``out of step``, ``away``, ``error``."""

    told: dict[str, Any] = field(default_factory=dict)
    """What it gave, or what the error said."""

    missing: list[dict[str, Any]] = field(default_factory=list)
    """Bytes of a manifest that were not there, with where heads and staging stood before and after."""


class Worker:
    """Somebody at work on a project.

    Args:
        world: Where.
        work: What is to be done.
    """

    def __init__(self, world: World, work: Work) -> None:
        self._world = world
        self._work = work
        self._chance = random.Random(work.seed)
        self._log = os.open(world.logs / f"{work.name}.jsonl", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        self._count = 0
        self._now: Done | None = None
        self._doing: dict[str, Callable[[Project, Done], dict[str, Any]]] = {
            "stage": self._stage,
            "release": self._release,
            "rollback": self._rollback,
            "read": self._read,
            "build": self._build,
            "collect": self._collect,
        }

    def go(self) -> None:
        """Work until all is done, or a file says stop."""
        while self._work.operations is None or self._count < self._work.operations:
            try:
                with self._world.open(self._work.name) as project:
                    project.fingerprints  # noqa: B018 (loads the declarations)
                    let_pass(project, self._finding)
                    while self._work.operations is None or self._count < self._work.operations:
                        if self._world.stop.exists():
                            return
                        if not self._one(project) and self._work.patient:
                            time.sleep(PAUSE)
            except StoreError:  # it could not even be opened
                if not self._work.patient:
                    raise
                time.sleep(PAUSE)

    def _one(self, project: Project) -> bool:
        """Do one thing, and write down what came of it. Tells whether the stores could be reached."""
        self._count += 1
        kinds = self._work.kinds
        kind = self._chance.choices(kinds, [SHARES[one] for one in kinds])[0]
        done = Done(f"{self._work.name}-{os.getpid()}-{self._count}", kind, self._work.name)
        self._now, done.begin = done, CLOCK.now().isoformat()
        try:
            done.told, done.outcome = self._doing[kind](project, done), "ok"
        except CollectedError as error:
            done.outcome, done.told = "collected", told(error)
        except ConflictError as error:
            done.outcome, done.told = "conflict", told(error)
        except OutOfStepError as error:
            done.outcome, done.told = "out of step", {"message": error.message}
        except RefusedError as error:
            done.outcome, done.told = "refused", {"message": error.message}
        except StoreError as error:
            done.outcome, done.told = "away" if self._work.patient else "error", told(error)
        except Exception as error:
            done.outcome, done.told = "error", {"message": f"{type(error).__name__}: {error}"}
        done.end = CLOCK.now().isoformat()
        os.write(self._log, (json.dumps(done.__dict__) + "\n").encode())
        return done.outcome != "away"

    # ── what is done ──────────────────────────────────────────────────────────────────────────────────────────

    def _set(self) -> tuple[float, float]:
        return self._chance.choice(STRENGTHS["quick"]), self._chance.choice(STRENGTHS["careful"])

    def _stage(self, project: Project, done: Done) -> dict[str, Any]:
        """Mostly a whole set; sometimes a model without what follows it, which is out of step."""
        quick, careful = self._set()
        wanted = self._world.picks(quick, careful)
        if self._chance.random() < 0.15:
            wanted = wanted[: self._chance.randrange(1, len(wanted))]
        try:
            found = project.stage(*wanted, note=done.id)
        except CollectedError:  # as its hint says: build it again
            for model, strength in (("quick", quick), ("careful", careful)):
                build(project, model, strength)
            found = project.stage(*wanted, note=done.id)
        sealed = found.manifest.id if found.manifest else None
        return {"revision": found.revision, "changed": bool(found.changed), "manifest": sealed, "wanted": wanted}

    def _release(self, project: Project, done: Done) -> dict[str, Any]:
        found = project.release(ENVIRONMENT, reason=done.id)
        return {"revision": found.head.revision, "manifest": found.head.manifest, "moved": found.moved}

    def _rollback(self, project: Project, done: Done) -> dict[str, Any]:
        """To the one before, or to any of the last few; those may have been collected."""
        to = None
        if self._chance.random() < 0.5:
            with project.store.catalogue.read() as tx:
                history = tx.heads.history(ENVIRONMENT)
            to = self._chance.choice(history[:12]).manifest
        found = project.rollback(ENVIRONMENT, to=to, reason=done.id)
        return {"revision": found.head.revision, "manifest": found.head.manifest, "moved": found.moved}

    def _read(self, project: Project, done: Done) -> dict[str, Any]:
        """Look at everything at one moment; then read all bytes of what is live, as a server does."""
        with project.store.catalogue.read() as tx:
            seen = moment(tx)
            head = tx.heads.get(ENVIRONMENT)
            assert head is not None
            manifest = read_manifest(tx, head.manifest)
        self._whole(project.store, manifest, done)
        return seen

    def _build(self, project: Project, _done: Done) -> dict[str, Any]:
        model = self._chance.choice(list(MODELS))
        found = build(project, model, self._chance.choice(STRENGTHS[model]))
        return {"versions": [found[node].id for node in MODELS[model]]}

    def _collect(self, project: Project, _done: Done) -> dict[str, Any]:
        found = project.collect(apply=True)
        return {"objects": len(found.objects), "bytes": found.bytes}

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────

    def _finding(self, project: Project, manifest: Manifest) -> Finding:
        """Judges whether a manifest loads: reads all of its bytes."""
        assert self._now is not None
        lost = self._whole(project.store, manifest, self._now)
        text = f"missing: {lost[0]}" if lost else "all bytes are there"
        return Finding(not lost, Reason("loads", text, manifest.id))

    def _whole(self, store: Store, manifest: Manifest, done: Done) -> list[str]:
        """Read all bytes of a manifest. Notes and gives what is not there."""
        with store.catalogue.read() as tx:
            before = moment(tx)
            records = tx.versions.get_many(manifest.picks.values())
        lost = []
        for record in records.values():
            tables = roots(record.outputs)
            for name in named(record.outputs, record.code):
                try:
                    if name in tables:
                        store.tables.read(name)
                    else:
                        store.objects.get(name, what=record.id)
                except SoroiError as error:
                    if isinstance(error, StoreError) and "refused" in error.message:
                        raise  # the server is away, which says nothing of the bytes
                    lost.append(f"{name} of {record.id}: {error.message}")
        if lost:
            with store.catalogue.read() as tx:
                after = moment(tx)
            done.missing.append({"manifest": manifest.id, "before": before, "after": after, "lost": lost})
        return lost


def moment(tx: Transaction) -> dict[str, Any]:
    """Where heads, staging and the history stand."""
    chain = tx._bound.row(tx._bound.select(event_chains))
    state = tx.staging.get()
    head = tx.heads.get(ENVIRONMENT)
    return {
        "events": chain.length if chain is not None else 0,
        "staging": state.revision,
        "sealed": state.manifest,
        "head": head.revision if head else 0,
        "manifest": head.manifest if head else None,
    }


def let_pass(project: Project, finding: Callable[[Project, Manifest], Finding] | None = None) -> None:
    """Judge whether a manifest loads in this process: starting another for each release would be all there is to see.

    Args:
        project: The project.
        finding: Judges; default: whatever it is, it loads.
    """

    def judge(manifest: Manifest) -> Finding:
        return finding(project, manifest) if finding else Finding(True, Reason("loads", "it loads", manifest.id))

    project._judges = lambda: {LOADS: judge}  # type: ignore[method-assign]


def told(error: SoroiError) -> dict[str, Any]:
    """What an error says."""
    return {"message": error.message, **{name: value for name, value in error.fields.items() if _plain(value)}}


def _plain(value: object) -> bool:
    return value is None or isinstance(value, str | int | float | bool)

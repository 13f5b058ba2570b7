"""Collecting: removes the bytes of what nothing needs, and leaves tombstones. Safe beside everything else.

First all that will be removed is recorded, within one transaction that excludes every other writer of the catalogue
and judges once more what is needed; then the bytes go. Whoever comes to need a version or an object asks for that
record within their own writing transaction (:mod:`soroi.store.present`). ``docs/decisions/0017-collection.md`` has the
argument.
"""

from __future__ import annotations

import os
import socket
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import datetime

from soroi.base.errors import CollectedError, CorruptError, UnknownNameError
from soroi.base.runtime import Runtime
from soroi.build.claims import close_interrupted
from soroi.codebase.retention import Retention
from soroi.release.collected import Collected
from soroi.release.leftovers import Leftovers, answered_manifests
from soroi.release.liveness import DECLARED, More, Needed, Rule, declared_retention, needed
from soroi.release.roles import require
from soroi.store import Store, Tombstone, Transaction
from soroi.store.entry import Entry
from soroi.store.present import named, parts, parts_of, roots
from soroi.store.tombstones import GOING, GONE
from soroi.store.versions import HeldBytes

FOLDERS = ("objects", "tables", "contents")
"""Where in the object store what can be collected is."""

BATCH = 200
"""How many objects are removed between two records of it."""

READ_AT_ONCE = 8
"""How many descriptions of tables are read at once."""

Progress = Callable[[str, int, int], None]
"""Told what is being done, how much of it is done, and how much there is."""


def silent(_what: str, _done: int, _total: int) -> None:
    """Tells nobody."""


@dataclass(frozen=True)
class Collecting:
    """How to collect."""

    retention: Retention = field(default_factory=Retention)
    """How long this project keeps things."""

    shared: bool = False
    """Whether others may serve from the catalogue, and keep answers elsewhere."""

    more: Sequence[More] = ()
    """What other rooms need."""

    progress: Progress = silent
    """Told how far it is."""


@dataclass
class Judged:
    """What is needed at one moment, in all projects of the catalogue."""

    needed: dict[str, Needed]
    """The versions of each project."""

    held: dict[str, list[HeldBytes]]
    """What the versions of each project name."""

    names: set[str]
    """Objects and tables that something needs."""

    tables: set[str]
    """Tables among them."""


class Collector:
    """Collects what nothing needs.

    Args:
        store: The store.
        how: How to.
        runtime: Clock, ids and actor.
    """

    def __init__(self, store: Store, how: Collecting, runtime: Runtime) -> None:
        self._store = store
        self._how = how
        self._runtime = runtime
        self._parts: dict[str, list[tuple[str, str]]] = {}
        self._absent: set[str] = set()  # tables without parts: not there when they were read, but may be put again
        self._leftovers = Leftovers(store.config.root, runtime.clock.now(), how.retention)

    def survey(self) -> Collected:
        """What would be removed now. Changes nothing."""
        entries, judged, doomed = self._look()
        held = self._versions_of(judged, {one.name for one in doomed})
        versions = {project: list(several) for project, several in held.items()}
        return self._result(doomed, versions, len(entries), judged, applied=False)

    def apply(self) -> Collected:
        """Remove it. May be killed at any moment, and is finished by the next one.

        Raises:
            ForbiddenError: The actor may not.
        """
        with self._store.catalogue.read() as tx:
            require(tx, self._runtime, "collect")
        self._remove(self._adopt())
        entries, judged, doomed = self._look()
        collection = self._runtime.ids.new("collection")
        with self._store.catalogue.write_all() as tx:
            require(tx, self._runtime, "collect")
            close_interrupted(tx, self._runtime)
            doomed, judged = self._still_doomed(tx, judged, doomed)
            versions = self._condemn(tx, doomed, judged, collection)
        notes = [one.key for one in doomed if one.folder == "contents"]
        self._store.objects.remove(notes)
        with self._store.catalogue.read() as tx:
            going = [one for one in tx.tombstones.going() if one.body["collection"] == collection]
        self._remove(going)
        result = self._result(doomed, versions, len(entries), judged, applied=True)
        self._leftovers.remove()
        with self._store.catalogue.write() as tx:
            body = {"objects": len(doomed), "bytes": result.bytes, "files": len(result.files)}
            if doomed or result.files:
                tx.events.append("collection.done", collection, body, self._runtime.actor, self._runtime.clock.now())
        return result

    def judge(self, tx: Transaction) -> Judged:
        """Judge all projects of the catalogue."""
        now = self._runtime.clock.now()
        made, held, names, tables = dict[str, Needed](), dict[str, list[HeldBytes]](), set[str](), set[str]()
        for project in sorted({*tx.versions.projects(), tx.project}):
            there = tx if project == tx.project else tx.of(project)
            found = needed(there, self._rule(there, now, own=project == tx.project))
            made[project], held[project] = found, there.versions.held()
            for one in held[project]:
                if one.id in found.versions:
                    names |= named(one.outputs, one.code)
                    tables.update(roots(one.outputs))
            names |= found.objects | self._logs(there, found, now)
        return Judged(made, held, names, tables)

    def _rule(self, tx: Transaction, now: datetime, *, own: bool) -> Rule:
        if not own:
            return Rule(now, declared_retention(tx))
        since = now - self._how.retention.answers
        answered = None if self._how.shared else answered_manifests(self._store.config.root, since, tx)
        return Rule(now, self._how.retention, answered, self._how.more)

    def _logs(self, tx: Transaction, found: Needed, now: datetime) -> set[str]:
        keep = self._how.retention if tx.project == self._store.config.project else declared_retention(tx)
        return {
            log
            for log, version, at in tx.runs.logs()
            if keep is None or at >= now - keep.history or version in found.versions
        }

    def _look(self) -> tuple[list[Entry], Judged, list[Entry]]:
        """What is stored, listed before it is judged: what comes later is not among it."""
        self._how.progress("looking", 0, 1)
        entries = list(self._store.objects.entries(*FOLDERS))
        with self._store.catalogue.read() as tx:
            judged = self.judge(tx)
        young = self._runtime.clock.now() - self._how.retention.grace
        old = [one for one in entries if one.modified < young]
        fresh = {one.name for one in entries if one.folder == "tables" and one.modified >= young}
        self._read_tables(judged.tables, needed=True)
        self._read_tables(fresh)
        doomed = self._unneeded(old, judged.names, {*judged.tables, *fresh})
        self._how.progress("looking", 1, 1)
        return entries, judged, doomed

    def _unneeded(self, entries: Iterable[Entry], names: set[str], tables: Iterable[str]) -> list[Entry]:
        objects, contents = set(names), set[str]()
        for root in tables:
            for held, content in self._parts[root]:
                objects.add(held)
                contents.add(content)
        return [one for one in entries if one.name not in (contents if one.folder == "contents" else objects)]

    def _read_tables(self, tables: Iterable[str], *, needed: bool = False) -> None:
        missing = sorted(root for root in tables if root not in self._parts)
        with ThreadPoolExecutor(READ_AT_ONCE) as pool:
            found = list(pool.map(self._needed_parts if needed else self._parts_if_there, missing))
        for root, several in zip(missing, found, strict=True):
            self._parts[root] = several
            if not several:
                self._absent.add(root)

    def _forget(self, tables: Collection[str]) -> None:
        """Read some tables again, when they are asked for."""
        for root in tables:
            del self._parts[root]
        self._absent.difference_update(tables)

    def _parts_if_there(self, root: str) -> list[tuple[str, str]]:
        return list(parts(self._store.objects, [root]))

    def _needed_parts(self, root: str) -> list[tuple[str, str]]:
        """The partitions of a table that something needs. Of one that was collected earlier there are none."""
        try:
            return parts_of(self._store.objects, root)
        except CollectedError:
            return []
        except (UnknownNameError, CorruptError) as error:
            raise CorruptError(
                f"nothing is collected: what table {root[:12]} holds is not known, and it is needed: {error.message}",
                hint="try again when the object store is well; else restore the table, or build what made it again",
                what=f"table {root[:12]}",
            ) from error

    def _still_doomed(self, tx: Transaction, before: Judged, doomed: list[Entry]) -> tuple[list[Entry], Judged]:
        """What is still not needed, by nobody's later deed; and is not being removed by another collection."""
        judged = self.judge(tx)
        again = judged.tables & self._absent
        again -= tx.tombstones.of(again).keys()  # whoever puts one again and records it takes the tombstone back
        self._forget(again)
        fresh = (judged.tables - before.tables) | again
        self._read_tables(fresh, needed=True)
        left = self._unneeded(doomed, judged.names, fresh)
        stones = tx.tombstones.of(one.name for one in left if one.folder != "contents")
        busy = {name for name, stone in stones.items() if not stone.is_gone}
        return [one for one in left if one.name not in busy], judged

    def _condemn(
        self, tx: Transaction, doomed: Sequence[Entry], judged: Judged, collection: str
    ) -> dict[str, list[str]]:
        """Record what will be removed. From its commit on, it is as good as gone. Gives the versions it belonged to."""
        now, actor = self._runtime.clock.now(), self._runtime.actor
        gone = {one.name for one in doomed if one.folder != "contents"}
        marks = self._versions_of(judged, gone)
        owners = self._owners(marks)
        base = {"state": GOING, "collection": collection, "host": socket.gethostname(), "pid": os.getpid()}
        tx.tombstones.add(
            [
                Tombstone(
                    object=one.name,
                    size=one.size,
                    body={**base, "key": one.key, "versions": owners.get(one.name, {})},
                    by=actor,
                    at=now,
                )
                for one in doomed
                if one.folder != "contents"
            ]
        )
        for project, held in marks.items():
            edges = judged.needed[project].edges
            there = tx if project == tx.project else tx.of(project)
            body = {
                one.digest: {
                    "state": GONE,
                    "collection": collection,
                    "versions": {project: [one.id]},
                    "objects": sorted(named(one.outputs, one.code) & gone),
                    "edges": list(edges.get(one.id, ())),
                }
                for one in held.values()
            }
            there.tombstones.mark(body, actor, now)
        if declared_retention(tx) != self._how.retention:
            tx.events.append(DECLARED, None, self._how.retention.to_dict(), actor, now)
        versions = {project: sorted(held) for project, held in marks.items()}
        if gone:
            told = {"objects": len(gone), "bytes": sum(one.size for one in doomed), "versions": versions}
            tx.events.append("collection.began", collection, told, actor, now)
        return versions

    def _versions_of(self, judged: Judged, gone: set[str]) -> dict[str, dict[str, HeldBytes]]:
        """The versions that name something that goes, by project and id."""
        found: dict[str, dict[str, HeldBytes]] = defaultdict(dict)
        for project, several in judged.held.items():
            for one in several:
                if not gone.isdisjoint(named(one.outputs, one.code)):
                    found[project][one.id] = one
        return dict(found)

    def _owners(self, marks: Mapping[str, Mapping[str, HeldBytes]]) -> dict[str, dict[str, list[str]]]:
        """The versions that named an object, by project; parts of tables belong to those that name the table."""
        owners: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
        for project, held in marks.items():
            for one in held.values():
                tables = roots(one.outputs)
                self._read_tables(tables)
                inner = {part for root in tables for part, _ in self._parts[root]}
                for name in named(one.outputs, one.code) | inner:
                    owners[name][project].append(one.id)
        return {name: dict(several) for name, several in owners.items()}

    def _adopt(self) -> list[Tombstone]:
        """What an interrupted collection left to be removed; it is this one's from now on."""
        now = self._runtime.clock.now()
        with self._store.catalogue.write() as tx:
            left = [one for one in tx.tombstones.going() if _is_own(one) or one.is_abandoned(now)]
            mine = {"host": socket.gethostname(), "pid": os.getpid()}
            taken = [
                Tombstone(object=one.object, size=one.size, body={**one.body, **mine}, by=one.by, at=now)
                for one in left
            ]
            tx.tombstones.add(taken, self._runtime.actor)
        return taken

    def _remove(self, going: Sequence[Tombstone]) -> None:
        for done, batch in _batches(going):
            self._store.objects.remove([str(one.body["key"]) for one in batch])
            with self._store.catalogue.write() as tx:
                tx.tombstones.ended(batch, self._runtime.actor, self._runtime.clock.now())
            self._how.progress("removing", done, len(going))

    def _result(
        self,
        doomed: Sequence[Entry],
        versions: Mapping[str, Sequence[str]],
        stored: int,
        judged: Judged,
        *,
        applied: bool,
    ) -> Collected:
        own = judged.needed[self._store.config.project]
        held = {root.held for root in own.roots if root.held is not None}
        return Collected(
            applied=applied,
            stored=stored,
            objects={one.key: one.size for one in doomed},
            versions=versions,
            files=self._leftovers.find(judged.names, held),
        )


def _is_own(stone: Tombstone) -> bool:
    """Whether this process was removing an object, and stopped."""
    return stone.body.get("host") == socket.gethostname() and stone.body["pid"] == os.getpid()


def _batches(stones: Sequence[Tombstone]) -> Iterator[tuple[int, Sequence[Tombstone]]]:
    for start in range(0, len(stones), BATCH):
        batch = stones[start : start + BATCH]
        yield start + len(batch), batch

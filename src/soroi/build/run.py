"""A run: visits the nodes of a plan of work, reuses or builds each, and records what came of it."""

from __future__ import annotations

import os
import socket
import time
from collections.abc import Callable, Collection, Iterator, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from soroi.base.digest import digest
from soroi.base.errors import BuildError, CollectedError, ConflictError, MissingFileError, RefusedError, SoroiError
from soroi.base.runtime import Runtime
from soroi.build.adoption import check_known_by, check_objects, take_over
from soroi.build.claims import claim_equal_enough, claim_equal_output, close_interrupted
from soroi.build.executor import Executor
from soroi.build.probe import SOURCE_READ, probe_files
from soroi.build.request import BuildRequest
from soroi.build.result import RunResult, told
from soroi.build.shares import Share, Shares
from soroi.build.task import Draft, Task
from soroi.build.waiting import Waiting
from soroi.build.work import WorkPlan, build_edges, recipe
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.declare.node import Node, NodeKind
from soroi.store import Store, Transaction
from soroi.store.present import secure, whole
from soroi.store.records import RunNodeRecord, RunRecord, VersionRecord

"""Kind of the event that a source was read: which version came of it, and its files as they were."""

_PATIENCE = 50
_PAUSE_SECONDS = 0.2

Progress = Callable[[str, str, str], None]
"""Told of each change: node id, status (``running``, ``built``, ``reused``, ``failed``, ``skipped``), and a note."""


@dataclass(frozen=True)
class RunCode:
    """The code a run works with, captured before it began."""

    digest: str
    """Digest of the archive, an object of the store."""

    module: str
    """Module with the declarations."""

    home: str
    """Folder of the project."""

    graph: Graph
    """The declarations, loaded from the captured code."""

    fingerprints: Mapping[str, Fingerprint]
    """The fingerprint of each node, of the captured code."""

    parts: dict[str, dict[str, list[str]]] = field(default_factory=dict)
    """The values of columns that part families, with which the graph was expanded: by dataset, then by column."""


class Run:
    """One build in progress. The process that holds it is the only one that writes its results."""

    def __init__(
        self,
        store: Store,
        code: RunCode,
        plan: WorkPlan,
        request: BuildRequest,
        taken: Mapping[str, VersionRecord],
        *,
        runtime: Runtime,
        compare: Mapping[str, VersionRecord] | None = None,
        shares: Shares | None = None,
        progress: Progress | None = None,
    ) -> None:
        self._store = store
        self._shares = shares or Shares.none()
        self._code = code
        self._plan = plan
        self._request = request
        self._runtime = runtime
        self._compare = dict(compare or {})
        self._progress: Progress = progress or (lambda node, status, note: None)
        self._result = RunResult(runtime.ids.new("run"))
        self._recipes: dict[str, str] = {}
        self._taken: dict[str, VersionRecord] = dict(taken)
        self._unwritten: list[tuple[str, bool]] = []
        self._collected: Collection[str] = ()
        self._executor: Executor | None = None

    def go(self, executor: Executor) -> RunResult:
        """Do the work. A failed node stops only what depends on it; what was finished is kept.

        Args:
            executor: Runs the tasks.
        """
        self._executor = executor
        self._start()
        waiting = Waiting(self._plan.scope, self._producers, self._taken)
        running: dict[Future[Draft], str] = {}
        done: SimpleQueue[Future[Draft]] = SimpleQueue()
        status = "failed"
        try:
            while waiting or running:
                for future, name in self._begin_ready(waiting, executor):
                    running[future] = name
                    future.add_done_callback(done.put)
                if waiting and not running:
                    names = ", ".join(waiting.names())
                    raise BuildError(f"the plan of work cannot go on: {names} wait for what is not in it")
                self._write_notes()
                while running:
                    future = done.get()
                    name = running.pop(future)
                    self._finish(name, future)
                    waiting.settle(name, stopped=name not in self._taken)
                    if done.empty():
                        break
            status = "done" if self._result.ok else "failed"
        except BaseException:
            status = "interrupted"
            raise
        finally:
            self._end(status)
        return self._result

    def _start(self) -> None:
        now = self._runtime.clock.now()
        record = RunRecord(
            id=self._result.id,
            request={
                **self._request.to_dict(),
                "scope": list(self._plan.scope),
                "code": self._code.digest,
                "takes": sorted({one.id for one in (*self._taken.values(), *self._compare.values())}),
            },
            by=self._runtime.actor,
            host=socket.gethostname(),
            pid=os.getpid(),
            started_at=now,
        )
        with self._store.catalogue.write() as tx:
            close_interrupted(tx, self._runtime)
            self._secure(tx, record.request["takes"])
            tx.runs.start(record)

    def _secure(self, tx: Transaction, takes: list[str]) -> None:
        """See that what this run begins with is there. While it is open, nothing of the nodes it visits is collected;
        what was collected before is not reused.
        """
        secure(tx, self._store.objects, takes, runtime=self._runtime)
        if not whole(tx, self._store.objects, {}, self._code.digest, runtime=self._runtime):
            raise ConflictError("the captured code was collected just now", hint="build again")
        self._collected = tx.tombstones.marked().keys() if tx.tombstones.any() else ()

    def _end(self, status: Any) -> None:
        self._write_notes()
        with self._store.catalogue.write() as tx:
            tx.runs.finish(self._result.id, status, self._runtime.clock.now())

    def _producers(self, name: str) -> list[str]:
        return [edge.producer for edge in build_edges(self._code.graph[name])]

    def _begin_ready(self, waiting: Waiting, executor: Executor) -> Iterator[tuple[Future[Draft], str]]:
        """Visit every node whose producers are settled; gives those whose work was begun."""
        while (name := waiting.next()) is not None:
            producers = self._producers(name)
            stopped = [p for p in producers if p not in self._taken and p in self._result.nodes]
            if stopped:
                self._note(name, "skipped", f"'{stopped[0]}', which it rests on, was not built")
            elif not self._settled(name, producers):
                future = executor.submit(self._task(name, producers))
                self._progress(name, "running", "")
                yield future, name
                continue
            waiting.settle(name, stopped=name not in self._taken)

    def _settled(self, name: str, producers: list[str]) -> bool:
        """Whether a node is done with: reused or taken over, or failed because it cannot be."""
        try:
            share = self._shares.get(name)
            return self._take_over(name, share) if share is not None else self._reuse(name, producers)
        except (MissingFileError, RefusedError, CollectedError) as error:
            self._fail(name, error)
            return True

    def _take_over(self, name: str, share: Share) -> bool:
        """Take the version of another project's node over; nothing of it is run."""
        check_known_by(share, self._request.as_of)
        check_objects(self._store.objects, share)
        with self._store.catalogue.write() as tx:
            if share.version is not None:
                wanted, owner = [share.version.id], tx.of(share.spec.project)
                secure(tx, self._store.objects, wanted, runtime=self._runtime, of=owner)
            found = take_over(tx, share, self._result.id, self._runtime)
        self._taken[name] = found
        self._result.versions[name] = found
        self._note(name, "reused", f"it is {share.spec}", version=found)
        return True

    def _reuse(self, name: str, producers: list[str]) -> bool:
        node = self._code.graph[name]
        inputs = {producer: self._taken[producer] for producer in producers}
        made = recipe(node, self._code.fingerprints[name], self._request.overrides.get(name, {}), inputs)
        self._recipes[name] = made
        if self._request.force and name in self._plan.wanted:
            return False
        with self._store.catalogue.read() as tx:
            if node.kind is NodeKind.SOURCE:
                found = None if self._request.refresh else self._unchanged(tx, node)
            else:
                found = tx.versions.by_recipe(made)
        if found is None or found.id in self._collected:
            return False
        self._taken[name] = found
        self._result.versions[name] = found
        same = "its files did not change" if node.kind is NodeKind.SOURCE else "nothing it is built from changed"
        self._note(name, "reused", same, version=found)
        return True

    def _unchanged(self, tx: Transaction, node: Node) -> VersionRecord | None:
        """The version that was read from the same files, as they still are; ``None``: it must be read."""
        if not node.spec.files:
            return None
        wanted = self._look(node.name)
        for event in reversed(tx.events.list(kind=SOURCE_READ, subject=node.name)):
            if {**event.body, **wanted} == event.body:
                now = probe_files(node.spec.files, Path(self._code.home), node)
                return tx.versions.get(event.body["version"]) if now == event.body["files"] else None
        return None

    def _look(self, name: str) -> dict[str, Any]:
        as_of = self._request.as_of
        return {"recipe": self._recipes[name], "as_of": as_of.isoformat() if as_of else None}

    def _task(self, name: str, producers: list[str]) -> Task:
        config = self._store.config
        return Task(
            node=name,
            project_root=self._code.home,
            module=self._code.module,
            code=self._code.digest,
            store_root=str(config.root),
            project=config.project,
            objects=config.objects,
            inputs={producer: self._taken[producer] for producer in producers},
            overrides=dict(self._request.overrides.get(name, {})),
            as_of=self._request.as_of,
            parts=self._code.parts,
            compare=self._compare.get(name),
            part_columns=sorted({one.per for one in self._code.graph.families.values() if one.dataset == name}),
        )

    def _finish(self, name: str, future: Future[Draft]) -> None:
        try:
            draft = future.result()
        except SoroiError as error:
            self._fail(name, error)
            return
        except Exception as error:
            self._fail(name, BuildError(f"'{name}' could not be built: {type(error).__name__}: {error}"))
            return
        try:
            record = self._commit_patiently(name, draft)
        except SoroiError as error:
            self._fail(name, error)
            return
        self._taken[name] = record
        self._result.versions[name] = record

    def _commit_patiently(self, name: str, draft: Draft) -> VersionRecord:
        """Record what a task gave. When some of it was stored before and is collected just now, it is made again.

        Raises:
            ConflictError: It is still being collected.
        """
        assert self._executor is not None
        hint = "build again"
        for _ in range(_PATIENCE):
            try:
                record = self._commit(name, draft)
            except ConflictError as error:
                if "collection" not in error.fields:
                    raise
                hint = error.hint or hint
                time.sleep(_PAUSE_SECONDS)
                continue
            if record is not None:
                return record
            draft = self._executor.submit(self._task(name, self._producers(name))).result()
        raise ConflictError(f"what '{name}' gave was collected while it was built", hint=hint)

    def _commit(self, name: str, draft: Draft) -> VersionRecord | None:
        """Record what a task gave; ``None``, and nothing is recorded, when some of its bytes are not there."""
        record = self._record(name, draft)
        log = self._store.objects.put(draft.log.encode()) if draft.log else None
        with self._store.catalogue.write() as tx:
            logs = [log] if log else []
            if not whole(tx, self._store.objects, record.outputs, record.code, *logs, runtime=self._runtime):
                return None
            known = not tx.versions.add(record)
            if known:
                tx.tombstones.unmark([record.id], self._runtime.actor, self._runtime.clock.now())
                record = tx.versions.get(record.id)
            else:
                self._claim_equal(tx, record)
                self._claim_near(tx, record)
                body = {"version": record.id, "run": self._result.id, "output": record.output}
                tx.events.append("version.built", record.id, body, self._runtime.actor, record.at)
            is_source = self._code.graph[name].kind is NodeKind.SOURCE
            status = "reused" if known and is_source else "built"
            note = "the data did not change" if status == "reused" else ""
            if is_source:
                look = {"version": record.id, "files": draft.facts["files"], **self._look(name)}
                tx.events.append(SOURCE_READ, name, look, self._runtime.actor, self._runtime.clock.now())
            self._put(tx, name, status, note, record, draft.seconds, None, log)
        self._progress(name, status, note or told(record))
        return record

    def _record(self, name: str, draft: Draft) -> VersionRecord:
        node = self._code.graph[name]
        overrides = dict(self._request.overrides.get(name, {}))
        fingerprint = self._code.fingerprints[name].with_parameters(overrides)
        output = digest("output", draft.outputs)
        whole = digest(
            "version",
            {"node": name, "recipe": self._recipes[name], "output": output, "definition": fingerprint.definition},
        )
        return VersionRecord(
            id=f"{name}@{whole[:12]}",
            digest=whole,
            node=name,
            kind=node.kind.value,
            recipe=self._recipes[name],
            definition=fingerprint.definition,
            output=output,
            fingerprint=fingerprint.to_dict(),
            edges=draft.edges,
            outputs=draft.outputs,
            overrides=overrides,
            code=self._code.digest,
            environment={**draft.environment, "module": self._code.module, "home": self._code.home},
            facts={**draft.facts, "seconds": round(draft.seconds, 3)},
            watermark=draft.watermark,
            run=self._result.id,
            by=self._runtime.actor,
            at=self._runtime.clock.now(),
        )

    def _claim_equal(self, tx: Transaction, record: VersionRecord) -> None:
        """Record that other definitions gave the same output, so that they may stand in for each other."""
        claimed = {record.definition}
        for other in tx.versions.with_output(record.node, record.output):
            if other.definition not in claimed:
                claimed.add(other.definition)
                claim_equal_output(tx, other, record, self._runtime)

    def _claim_near(self, tx: Transaction, record: VersionRecord) -> None:
        """Record that a model is equal enough to the one it was compared with."""
        other, compared = self._compare.get(record.node), record.facts.get("compared")
        if other is None or compared is None or compared["difference"] is None or other.output == record.output:
            return
        tolerance = self._code.graph[record.node].spec.equal_within
        if tolerance is not None and compared["difference"] <= tolerance:
            head = tx.versions.heads([other.id])[other.id]
            claim_equal_enough(tx, head, record, compared["difference"], tolerance, self._runtime)

    def _fail(self, name: str, error: SoroiError) -> None:
        log_text = error.fields.pop("log", "")
        seconds = error.fields.pop("seconds", None)
        try:
            log = self._store.objects.put(log_text.encode()) if log_text else None
        except SoroiError:  # the disk is full: the failure itself matters more than its log
            log = None
        with self._store.catalogue.write() as tx:
            self._put(tx, name, "failed", error.message, None, seconds, error.to_dict(), log)
        self._progress(name, "failed", str(error))

    def _note(self, name: str, status: str, note: str, version: VersionRecord | None = None) -> None:
        """Note what came of a node that was not worked on. Such notes are written together: there may be thousands."""
        self._result.nodes[name] = self._node_record(name, status, note, version)
        self._unwritten.append((name, version is not None))
        self._progress(name, status, note)

    def _write_notes(self) -> None:
        if not self._unwritten:
            return
        with self._store.catalogue.write() as tx:
            for name, has_version in self._unwritten:
                tx.runs.put_node(self._result.nodes[name])
                if has_version:
                    self._describe(tx, name)
        self._unwritten.clear()

    def _put(
        self,
        tx: Transaction,
        name: str,
        status: Any,
        reason: str,
        version: VersionRecord | None,
        seconds: float | None,
        error: dict[str, Any] | None,
        log: str | None,
    ) -> None:
        record = self._node_record(name, status, reason, version, seconds, error, log)
        tx.runs.put_node(record)
        if version is not None:
            self._describe(tx, name)
        self._result.nodes[name] = record

    def _node_record(
        self,
        name: str,
        status: Any,
        reason: str,
        version: VersionRecord | None,
        seconds: float | None = None,
        error: dict[str, Any] | None = None,
        log: str | None = None,
    ) -> RunNodeRecord:
        return RunNodeRecord(
            run=self._result.id,
            node=name,
            status=status,
            version=version.id if version else None,
            seconds=seconds,
            reason=reason or None,
            error=error,
            log=log,
        )

    def _describe(self, tx: Transaction, name: str) -> None:
        """Record a new description: an owner, a text, an access. Nothing is built for it."""
        fingerprint, now = self._code.fingerprints[name], self._runtime.clock.now()
        if tx.descriptions.put(name, fingerprint.description_digest, now):
            body = {"description": dict(fingerprint.description), "run": self._result.id}
            tx.events.append("node.described", name, body, self._runtime.actor, now)

"""The open project: declarations, store, and what can be done with them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soroi.base.display import Display, Shown
from soroi.base.errors import ConfigError, OutOfStepError, RefusedError
from soroi.base.memory import collecting_later
from soroi.base.runtime import Runtime
from soroi.build.claims import Claims
from soroi.build.executor import Executor
from soroi.build.reference import PRODUCTION, VersionIndex, read_references
from soroi.build.request import BuildRequest
from soroi.build.result import RunResult
from soroi.build.run import SOURCE_READ, Progress
from soroi.build.status import NodeStatus, StatusInputs, statuses
from soroi.codebase import Codebase, ProjectConfig, find_project, load, read_config
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.project.answers import answers_table
from soroi.project.building import Building, code_fingerprints, part_values
from soroi.project.render import StatusTable, VersionTable
from soroi.project.trace import TraceTree, trace
from soroi.release import (
    LOADS,
    ReleaseOutcome,
    ReleasePlan,
    StageOutcome,
    StepReport,
    check_step,
    make_plan,
    release,
    rollback,
    stage,
)
from soroi.release.heads import Judge
from soroi.release.manifest import Manifest, out_of_step, read_manifest
from soroi.release.plan import PlanInputs
from soroi.release.waiver import Waived, waive
from soroi.release.what_if import WhatIf, what_if
from soroi.store import Store, StoreConfig, Transaction, VersionRecord, open_store

if TYPE_CHECKING:
    import polars as pl


class Project(Shown):
    """A project: its declarations as they are on disk now, and its store.

    Args:
        config: What ``soroi.toml`` says.
        runtime: Clock, ids and actor.
    """

    def __init__(self, config: ProjectConfig, runtime: Runtime | None = None) -> None:
        self.config = config
        self.runtime = runtime or Runtime()

    @cached_property
    def store(self) -> Store:
        """The store, opened at the first use."""
        config = self.config
        return open_store(
            StoreConfig(config.store, config.name, config.catalogue, config.objects), runtime=self.runtime
        )

    @cached_property
    def code(self) -> Codebase:
        """The declarations, loaded at the first use.

        Raises:
            DeclarationError: Something is declared wrong; names file and line.
        """
        return load(self.config.root, self.config.module)

    @cached_property
    def graph(self) -> Graph:
        """The graph of the declarations, with the parts that families are known to have."""
        if not any(family.is_open for family in self.code.graph.families.values()):
            return self.code.graph
        with self.store.catalogue.read() as tx:
            return self.code.expanded(part_values(tx, self.code.graph))

    @cached_property
    def fingerprints(self) -> dict[str, Fingerprint]:
        """What each node would be built from now."""
        return code_fingerprints(self.code, self.graph)

    def reload(self) -> None:
        """Read the declarations again."""
        for name in ("code", "graph", "fingerprints"):
            self.__dict__.pop(name, None)

    def close(self) -> None:
        """Close the store."""
        if "store" in self.__dict__:
            self.store.close()
            del self.__dict__["store"]

    def __enter__(self) -> Project:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()

    # ── looking ───────────────────────────────────────────────────────────────────────────────────────────────

    def statuses(self) -> dict[str, NodeStatus]:
        """The status of every node, producers before consumers."""
        self._forget_parts()
        self.graph  # noqa: B018 (may read the store: not within another reading)
        with self.store.catalogue.read() as tx, collecting_later():
            return statuses(self._status_inputs(tx))

    def status(self) -> StatusTable:
        """The status of every node, as a table for people."""
        return StatusTable(list(self.statuses().values()))

    def versions(self, node: str) -> VersionTable:
        """All versions of a node, newest first.

        Raises:
            UnknownNameError: No node has that id.
        """
        self.graph[node]
        with self.store.catalogue.read() as tx:
            return VersionTable(tx.versions.of_node(node))

    def version(self, text: str) -> VersionRecord:
        """A version by its id or the beginning of it.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        with self.store.catalogue.read() as tx:
            return tx.versions.get(text)

    def plan(self, environment: str = PRODUCTION) -> ReleasePlan:
        """What a release would do, what stands in its way, and what to do next. Changes nothing."""
        with self.store.catalogue.read() as tx, collecting_later():
            inputs = self._status_inputs(tx)
            found = statuses(inputs)
            held = inputs.references
            state = held.staging
            head = tx.heads.get(environment)
            return make_plan(
                PlanInputs(
                    graph=self.graph,
                    statuses=found,
                    report=check_step(self.graph, held.staged, held.known, inputs.claims),
                    environment=environment,
                    manifest=state.manifest,
                    live=head.manifest if head else None,
                    live_picks=read_manifest(tx, head.manifest).picks if head else {},
                    staged_picks={node: pick.version for node, pick in state.picks.items()},
                )
            )

    def what_if(self, node: str) -> WhatIf:
        """What a change of a node would reach, before anything is changed: nodes, decisions, owners, time.

        Raises:
            UnknownNameError: No node has that id.
        """
        return what_if(self.graph, self.statuses(), node)

    def answers(
        self, decision: str, *, since: datetime | str | None = None, until: datetime | str | None = None
    ) -> pl.DataFrame:
        """The recorded answers of a decision, oldest first; inputs, features, scores and path as JSON text.

        Args:
            decision: Id of the decision.
            since: Only those given at or after this moment (aware, or ISO text; a date means midnight UTC).
            until: Only those given before this moment.

        Raises:
            UnknownNameError: No node has that id.
        """
        self.graph[decision]
        return answers_table(self.config.store, decision, moment(since), moment(until))

    def trace(self, text: str) -> TraceTree:
        """What stands behind an answer, a version or a manifest, as a tree.

        Raises:
            UnknownNameError: Nothing has that id.
        """
        return trace(self, text)

    def manifest(self, text: str | None = None, environment: str = PRODUCTION) -> Manifest:
        """A manifest by the beginning of its id; by default the one that is live.

        Raises:
            UnknownNameError: There is none, or there are several.
            RefusedError: Nothing is live.
        """
        with self.store.catalogue.read() as tx:
            if text is None:
                head = tx.heads.get(environment)
                if head is None:
                    raise RefusedError(f"nothing was ever released to '{environment}'", hint="soroi release")
                text = head.manifest
            return read_manifest(tx, text)

    # ── doing ─────────────────────────────────────────────────────────────────────────────────────────────────

    def build(
        self,
        *nodes: str,
        as_of: datetime | str | None = None,
        refresh: bool = False,
        upstream: bool = False,
        behind: bool = False,
        set: Mapping[str, Mapping[str, Any]] | None = None,  # noqa: A002 (reads as the command does)
        use: Sequence[str] = (),
        force: bool = False,
        progress: Progress | None = None,
        executor: Executor | None = None,
    ) -> RunResult:
        """Make candidates. Changes nothing that is staged or live, and runs nothing again that did not change.

        Args:
            *nodes: Ids of the nodes wanted; none: all.
            as_of: Use only what was known before this moment (aware, or ISO text; a date means midnight UTC).
            refresh: Look at the sources again, though an earlier data version would do.
            upstream: Bring everything upstream of the nodes up to date as well.
            behind: Build what is out of step in staging, with the hyper-parameters that were chosen for it there.
            set: Hyper-parameters to try, by node.
            use: Ids of versions to take as inputs instead of what staging offers.
            force: Run again what has been built from the same inputs before.
            progress: Told of each change.
            executor: What runs the work; default: processes on this machine.

        Raises:
            UnknownNameError: A node is not there.
            DeclarationError: The code on disk declares something wrong.
        """
        building = Building(self.config, self.store, self.runtime)
        self.reload()
        named = {record.node: record for record in map(self.version, use)}
        chosen = dict(set or {})
        if behind:
            with self.store.catalogue.read() as tx:
                report = self._report(tx, building.graph)
            nodes = (*nodes, *report.behind)
            if not nodes:
                return RunResult("")
            staged = {node: report.needed[node].overrides for node in report.behind}
            chosen = {**{node: values for node, values in staged.items() if values}, **chosen}
        request = BuildRequest(
            nodes=tuple(dict.fromkeys(nodes)),
            as_of=moment(as_of),
            refresh=refresh,
            upstream=upstream,
            overrides=chosen,
            inputs={node: record.id for node, record in named.items()},
            force=force,
        )
        return building.run(request, named, progress, executor)

    def stage(
        self,
        *wanted: str,
        everything: bool = False,
        behind: bool = False,
        remove: Sequence[str] = (),
        note: str = "",
    ) -> StageOutcome:
        """Put versions into staging; seals a manifest when the set is in step.

        Args:
            *wanted: Ids of versions, or of nodes (the newest version built as declared).
            everything: Stage every node that answers and was built.
            behind: Stage what is out of step, as it was built since.
            remove: Ids of nodes to take out.
            note: Why.

        Raises:
            UnknownNameError: A node or version is not there.
            RefusedError: A version cannot be staged.
            ConflictError: Somebody else changed staging at the same moment.
        """
        self._forget_parts()
        members = [one for text in wanted for one in (self.graph.expand([text]) if self._names(text) else [text])]
        if behind:
            with self.store.catalogue.read() as tx:
                members += [one for one in self._report(tx).behind if one not in members]
        if everything:
            with self.store.catalogue.read() as tx:
                built = tx.versions.counts()
            members += [node.name for node in self.graph if node.kind.answers and node.name in built]
        return stage(self.store, self.graph, self.fingerprints, members, runtime=self.runtime, remove=remove, note=note)

    def release(self, environment: str = PRODUCTION, *, reason: str = "") -> ReleaseOutcome:
        """Make the sealed staged set live, all of it or none.

        Raises:
            OutOfStepError: Staging is out of step; nothing is changed.
            RefusedError: The set does not load and answer; nothing is changed.
            ConflictError: Somebody else was first.
        """
        return release(
            self.store,
            environment=environment,
            judges=self._judges(),
            runtime=self.runtime,
            reason=reason,
            staging_report=self._why_not_sealed,
        )

    def rollback(self, environment: str = PRODUCTION, *, to: str | None = None, reason: str = "") -> ReleaseOutcome:
        """Move the head back to an earlier manifest of its history.

        Raises:
            RefusedError: There is nothing to go back to, or it does not load.
            ConflictError: Somebody else was first.
        """
        return rollback(
            self.store, environment=environment, judges=self._judges(), runtime=self.runtime, to=to, reason=reason
        )

    def waive(self, node: str, *, reason: str) -> Waived:
        """Record, signed, that a staged version may work with what is staged upstream of it.

        Raises:
            RefusedError: No reason is given, or there is nothing to waive.
        """
        return waive(self.store, self.graph, node, reason=reason, runtime=self.runtime)

    # ── within ────────────────────────────────────────────────────────────────────────────────────────────────

    def _names(self, text: str) -> bool:
        return text in self.graph or text in self.graph.families

    def _forget_parts(self) -> None:
        """Look at the parts of open families again: a build may have found others."""
        if any(family.is_open for family in self.code.graph.families.values()):
            self.__dict__.pop("graph", None)
            self.__dict__.pop("fingerprints", None)

    def _status_inputs(self, tx: Transaction) -> StatusInputs:
        looks = {event.body["version"]: event.body["files"] for event in tx.events.list(kind=SOURCE_READ)}
        return StatusInputs(
            graph=self.graph,
            fingerprints=self.fingerprints,
            references=read_references(tx, self.graph),
            counts=tx.versions.counts(),
            seconds=tx.runs.last_seconds(),
            described=tx.descriptions.all(),
            looks=looks,
            claims=Claims(tx.claims.all()),
            root=self.config.root,
        )

    def _report(self, tx: Transaction, graph: Graph | None = None) -> StepReport:
        graph = graph or self.graph
        index = VersionIndex(tx)
        state = tx.staging.get()
        index.load(pick.version for node, pick in state.picks.items() if node in graph)
        picks = {node: index.head(pick.version) for node, pick in state.picks.items() if node in graph}
        return check_step(graph, picks, index, Claims(tx.claims.all()))

    def _why_not_sealed(self, tx: Transaction) -> OutOfStepError | None:
        if not tx.staging.get().picks:
            return None
        report = self._report(tx)
        if report.in_step:
            return OutOfStepError(
                "staging is in step now, but was not sealed: the declarations changed since",
                hint="soroi stage --all",
            )
        return out_of_step(report)

    def _judges(self) -> dict[str, Judge]:
        from soroi.serve import judge_loads

        return {
            LOADS: lambda manifest: judge_loads(
                self.store, manifest.id, module=self.config.module, home=self.config.root
            )
        }

    def display(self) -> Display:
        """The status of every node."""
        return self.status().display()


def moment(text: datetime | str | None) -> datetime | None:
    """A moment as people give it: an aware datetime, or ISO text; a date alone means midnight UTC.

    Raises:
        ConfigError: It is not one.
    """
    if text is None:
        return None
    try:
        found = datetime.fromisoformat(text) if isinstance(text, str) else text
    except ValueError:
        raise ConfigError(f"'{text}' is not a moment", hint="such as 2013-03-01 or 2013-03-01T06:00+00:00") from None
    return found.replace(tzinfo=UTC) if found.tzinfo is None else found.astimezone(UTC)


def open_project(path: Path | str | None = None, *, runtime: Runtime | None = None) -> Project:
    """Open the project in a folder or above it.

    Args:
        path: Where to look; default: the working directory.
        runtime: Clock, ids and actor; default: the machine's.

    Raises:
        ConfigError: There is no ``soroi.toml``, or it is wrong.
    """
    return Project(read_config(find_project(path)), runtime)

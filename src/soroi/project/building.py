"""Building from a project: the code captured, families opened, the work planned and run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

from soroi.base.runtime import Runtime
from soroi.build.code import keep_code, lay_out
from soroi.build.executor import Executor
from soroi.build.reference import PRODUCTION, read_references
from soroi.build.request import BuildRequest, check_request
from soroi.build.result import RunResult
from soroi.build.run import Progress, Run, RunCode
from soroi.build.shares import Shares
from soroi.build.users import outside_uses
from soroi.build.work import plan_work
from soroi.codebase import ProjectConfig, capture, load
from soroi.declare.graph import Graph
from soroi.declare.lifecycle import check_consumers, check_removals, check_withdrawals
from soroi.declare.node import Node, NodeKind
from soroi.project.parts import code_fingerprints, part_values
from soroi.store import Store, Transaction, VersionRecord


class Building:
    """The builds of one project.

    Args:
        config: What ``soroi.toml`` says.
        store: The store.
        runtime: Clock, ids and actor.
    """

    def __init__(self, config: ProjectConfig, store: Store, runtime: Runtime) -> None:
        self._config = config
        self._store = store
        self._runtime = runtime
        bundle = capture(config.root, without=config.store)
        self._code = keep_code(store.objects, bundle)
        folder = lay_out(store.objects, config.store, self._code)
        self._base = load(folder, config.module, config.root)
        with store.catalogue.read() as tx:
            self._open(part_values(tx, self._base.graph))

    @property
    def graph(self) -> Graph:
        """The declarations, from the captured code."""
        return self._run_code.graph

    def _open(self, parts: Mapping[str, Mapping[str, Sequence[str]]]) -> None:
        """Take the parts of open families."""
        graph = self._base.expanded(parts)
        self._run_code = RunCode(
            self._code,
            self._config.module,
            str(self._config.root),
            graph,
            code_fingerprints(self._base, graph),
            {name: {column: list(values) for column, values in held.items()} for name, held in parts.items()},
        )

    def run(
        self,
        request: BuildRequest,
        named: Mapping[str, VersionRecord],
        progress: Progress | None,
        executor: Executor | None,
    ) -> RunResult:
        """Do what a request asks.

        Args:
            request: What is asked; names of families stand for their members.
            named: Versions that the caller named, by node.
            progress: Told of each change.
            executor: What runs the work; default: processes on this machine.
        """
        chosen = executor or self._local()
        with chosen:
            first = self._find_parts(request, named, progress, chosen)
            result = self._go(self._expanded(request), named, progress, chosen)
        if first is not None:
            worked = {name: one for name, one in first.nodes.items() if one.status in ("built", "failed")}
            result.nodes = {**first.nodes, **result.nodes, **worked}
        return result

    def _local(self) -> Executor:
        from soroi.build.local import LocalExecutor

        return LocalExecutor(self._config.workers)

    def _find_parts(
        self,
        request: BuildRequest,
        named: Mapping[str, VersionRecord],
        progress: Progress | None,
        executor: Executor,
    ) -> RunResult | None:
        """Build the datasets of open families first, when their data may be new, and take the parts found there."""
        wanted = set(self.graph.expand(request.nodes)) | set(request.nodes)
        families = [
            one
            for one in self.graph.families.values()
            if one.is_open and (not request.nodes or one.name in wanted or wanted & set(one.members))
        ]
        with self._store.catalogue.read() as tx:
            references = read_references(tx, self.graph)
            looks = not request.nodes or request.refresh or request.upstream or request.as_of is not None
            datasets = sorted({one.dataset for one in families if looks or references.find(one.dataset) is None})
        if not datasets:
            return None
        asked = replace(request, nodes=tuple(datasets), overrides={}, upstream=True)
        result = self._go(asked, named, progress, executor)
        parts = {**self._run_code.parts}
        parts |= {name: result.versions[name].facts["parts"] for name in datasets if name in result.versions}
        self._open(parts)
        return result

    def _go(
        self,
        request: BuildRequest,
        named: Mapping[str, VersionRecord],
        progress: Progress | None,
        executor: Executor,
    ) -> RunResult:
        graph = self.graph
        check_request(request, graph)
        with self._store.catalogue.read() as tx:
            references = read_references(tx, graph)
            shares = Shares(tx, graph)
            self._check_life(tx, shares.described(graph))
            work = plan_work(graph, request, references.find, {node: one.id for node, one in named.items()})
            shares.check(graph, work.scope)
            near = {name: references.find(name) for name in work.scope if _compares(graph[name])}
            others = {name: head.id for name, head in near.items() if head is not None}
            records = references.known.get_many({*work.taken.values(), *others.values()})
        taken = {node: records[version] for node, version in work.taken.items()}
        compare = {node: records[version] for node, version in others.items()}
        run = Run(
            self._store,
            self._run_code,
            work,
            request,
            taken,
            runtime=self._runtime,
            compare=compare,
            shares=shares,
            progress=progress,
        )
        return run.go(executor)

    def _expanded(self, request: BuildRequest) -> BuildRequest:
        overrides: dict[str, Mapping[str, Any]] = {}
        for name, values in request.overrides.items():
            overrides |= dict.fromkeys(self.graph.expand([name]), values)
        return replace(request, nodes=tuple(self.graph.expand(request.nodes)), overrides=overrides)

    def _check_life(self, tx: Transaction, graph: Graph) -> None:
        """Refuse new consumers of deprecated nodes, and the removal of those that are needed, here or elsewhere."""
        today = self._runtime.clock.now().date()

        def was_built_before(name: str, day: date) -> bool:
            return any(one.at.date() < day for one in tx.versions.of_node(name))

        check_consumers(graph, today, was_built_before)
        gone = sorted(tx.versions.counts().keys() - set(graph.names))
        described = [(one.node, one.fingerprint.get("description", {})) for one in _last(tx, gone)]
        head = tx.heads.get(PRODUCTION)
        live = tx.manifests.get(head.manifest).body["picks"] if head else {}
        check_removals(graph, today, described, live)
        check_withdrawals(graph, outside_uses(tx))


def _compares(node: Node) -> bool:
    return node.kind is NodeKind.MODEL and node.shared is None and node.spec.equal_within is not None


def _last(tx: Transaction, names: Sequence[str]) -> list[VersionRecord]:
    heads = tx.versions.newest(names)
    return list(tx.versions.get_many(one.id for one in heads.values()).values())


__all__ = ["Building"]

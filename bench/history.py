"""The past of a generated company: versions of every node over several generations, staged and released.

Everything is what a build records: real fingerprints, real recipes, edges to the versions of the same generation, a
chained history of events. Half of the generations ran older code than is declared now. Rows are written many at a
time (bench/bulk.py); only what a build would leave in the object store is made up.
"""

from __future__ import annotations

import dataclasses
import socket
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from bench.bulk import Bulk
from soroi.base.digest import digest
from soroi.base.runtime import ManualClock, Runtime
from soroi.build.claims import Claims, claim_equal_output
from soroi.build.probe import SOURCE_READ, probe_files
from soroi.build.reference import PRODUCTION, VersionIndex
from soroi.build.work import build_edges, recipe
from soroi.codebase.environment import environment_record
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.node import Node, NodeKind
from soroi.project import Project
from soroi.release import check_step
from soroi.release.manifest import out_of_step, seal
from soroi.release.staging import STAGING
from soroi.store import EdgeRecord, RunNodeRecord, RunRecord, Transaction, VersionRecord

BATCH = 2_000
"""Versions added in one transaction."""

START = datetime(2026, 1, 5, tzinfo=UTC)
WEEK = timedelta(days=7)
ENVIRONMENT = environment_record()


class History:
    """Writes the past of a project into its store.

    Args:
        project: The project, with an empty store.
        generations: How many versions each node gets.
    """

    def __init__(self, project: Project, generations: int) -> None:
        self.project = project
        self.generations = generations
        self.clock = ManualClock(START)
        self.runtime = Runtime(clock=self.clock, actor="bench")
        self.nodes: list[Node] = list(project.graph)
        self.now = project.fingerprints
        self.before = {name: _older(one) for name, one in self.now.items()}

    def write(self) -> None:
        """Write all versions; the last generation is staged and live."""
        made: dict[str, VersionRecord] = {}
        for generation in range(self.generations):
            made = self._generation(generation, made)
        self._stage([made[node.name] for node in self.nodes if node.kind.answers])

    def _stage(self, picked: Sequence[VersionRecord]) -> None:
        """Stage versions, seal them and make them live, as ``soroi stage`` and ``soroi release`` do, without gates."""
        with self.project.store.catalogue.write() as tx:
            Bulk(tx).pick(picked, self.runtime)
            index = VersionIndex(tx)
            index.load(one.id for one in picked)
            picks = {one.node: index.head(one.id) for one in picked}
            report = check_step(self.project.graph, picks, index, Claims(tx.claims.all()))
            if not report.in_step:
                raise out_of_step(report)
            manifest = seal(tx, report, tx.staging.get().revision, self.runtime).id
            for environment in (STAGING, PRODUCTION):
                by, at = self.runtime.actor, self.runtime.clock.now()
                tx.heads.move(environment, manifest, expected_revision=0, by=by, at=at, reason="bench")
                body = {"environment": environment, "from": None, "to": manifest, "reason": "bench"}
                tx.events.append("head.moved", manifest, body, by, at)

    def _generation(self, generation: int, last: Mapping[str, VersionRecord]) -> dict[str, VersionRecord]:
        made: dict[str, VersionRecord] = {}
        old = 2 * generation < self.generations - 1
        self.clock.at = START + generation * WEEK
        run = self.runtime.ids.new("run")
        with self.project.store.catalogue.write() as tx:
            tx.runs.start(RunRecord(id=run, by="bench", host=socket.gethostname(), pid=1, started_at=self.clock.at))
        for batch in _batches(self.nodes):
            with self.project.store.catalogue.write() as tx, Bulk(tx) as bulk:
                for node in batch:
                    self.clock.advance(timedelta(seconds=1))
                    given = self.before[node.name] if old else self.now[node.name]
                    record = self._record(node, given, generation, made, last.get(node.name), run)
                    made[node.name] = record
                    self._add(bulk, node, record)
                    if generation == 0:
                        bulk.describe(node.name, self.now[node.name], run, record.at)
            with self.project.store.catalogue.write() as tx:
                for node in batch:
                    self._claim(tx, last.get(node.name), made[node.name])
        with self.project.store.catalogue.write() as tx:
            tx.runs.finish(run, "done", self.clock.at)
        return made

    def _record(
        self,
        node: Node,
        given: Fingerprint,
        generation: int,
        made: Mapping[str, VersionRecord],
        last: VersionRecord | None,
        run: str,
    ) -> VersionRecord:
        own = recipe(node, given, {}, made)
        equal = last is not None and node.kind is NodeKind.FEATURES and int(own, 16) % 10 == 0
        outputs = last.outputs if last is not None and equal else _outputs(node, own, generation)
        output = digest("output", outputs)
        whole = digest("version", {"node": node.name, "recipe": own, "output": output, "generation": generation})
        return VersionRecord(
            id=f"{node.name}@{whole[:12]}",
            digest=whole,
            node=node.name,
            kind=node.kind.value,
            recipe=own,
            definition=given.definition,
            output=output,
            fingerprint=given.to_dict(),
            edges=_edges(node, made),
            outputs=outputs,
            code=digest("code", generation),
            environment=dict(ENVIRONMENT),
            facts={**_facts(node, made, outputs, self.project.config.root), "seconds": 1.5},
            watermark=START + generation * WEEK if node.kind is NodeKind.SOURCE else None,
            run=run,
            by="bench",
            at=self.clock.at,
        )

    def _add(self, bulk: Bulk, node: Node, record: VersionRecord) -> None:
        bulk.version(record)
        body = {"version": record.id, "run": record.run, "output": record.output}
        bulk.event("version.built", record.id, body, "bench", record.at)
        if node.kind is NodeKind.SOURCE:
            look = {"version": record.id, "files": record.facts["files"], "recipe": record.recipe, "as_of": None}
            bulk.event(SOURCE_READ, node.name, look, "bench", record.at)
        bulk.run_node(RunNodeRecord(run=record.run, node=node.name, status="built", version=record.id, seconds=1.5))

    def _claim(self, tx: Transaction, last: VersionRecord | None, record: VersionRecord) -> None:
        if last is not None and last.output == record.output and last.definition != record.definition:
            claim_equal_output(tx, tx.versions.heads([last.id])[last.id], record, self.runtime)


def _batches(nodes: list[Node]) -> Iterator[list[Node]]:
    for start in range(0, len(nodes), BATCH):
        yield nodes[start : start + BATCH]


def _older(given: Fingerprint) -> Fingerprint:
    """The fingerprint that a node had before its own code, or else its first option, was edited."""
    code = [key for key, one in given.components.items() if one.kind == "code"]
    key = (code or sorted(given.components))[0]
    part = given.components[key]
    source = part.source and f"{part.source}    # as it was before\n"
    older = dataclasses.replace(part, digest=digest("older", part.digest), source=source)
    return dataclasses.replace(given, components={**given.components, key: older})


def _outputs(node: Node, recipe_digest: str, generation: int) -> dict[str, str]:
    names = {
        NodeKind.MODEL: ("file:model.skops", "canary", "scores:calibration", "scores:test"),
        NodeKind.THRESHOLD: ("fit",),
        NodeKind.DECISION: ("plan",),
    }.get(node.kind, ("table",))
    return {name: digest("artefact", [node.name, name, recipe_digest, generation]) for name in names}


def _edges(node: Node, made: Mapping[str, VersionRecord]) -> list[EdgeRecord]:
    """As a build records them: a model's also lead to the features whose columns it takes."""
    found = [EdgeRecord(e.role.value, e.producer, made[e.producer].id) for e in build_edges(node)]
    if node.kind is NodeKind.MODEL:
        data = made[node.edges[0].producer]
        found += [one for one in data.edges if one.role == "uses feature"]
    return found


FIGURE = {"value": 0.8, "low": 0.7, "high": 0.9, "confidence": 0.95, "n": 5000, "positives": 900, "part": "test"}
COLUMNS = [["id", "String"], ["subject", "String"], ["at", "Datetime"], ["known_at", "Datetime"], ["amount", "Int64"]]


def _facts(node: Node, made: Mapping[str, VersionRecord], outputs: Mapping[str, str], root: Path) -> dict[str, Any]:
    if node.kind is NodeKind.SOURCE:
        files = probe_files(node.spec.files, root, node)
        times = {"key": ["id"], "time": "at", "known_at": "known_at", "in_step": node.spec.in_step}
        return {"rows": 5000, "columns": COLUMNS, **times, "nulls": {}, "as_of": None, "files": files}
    if node.kind is NodeKind.FEATURES:
        names = [f"{node.name}_{one}" for one in ("count", "mean", "value")]
        columns = [["id", "String"], *([one, "Float64"] for one in names)]
        return {"rows": 5000, "columns": columns, "key": ["id"], "features": names, "spine": node.edges[0].producer}
    if node.kind is NodeKind.DATASET:
        used = [edge.producer for edge in node.edges if edge.role.value == "uses feature"]
        origin = {f"{one}_{part}": one for one in used for part in ("count", "mean", "value")}
        return {"rows": 5000, "columns": COLUMNS, "key": ["id"], "time": "at", "features": origin, "join_rate": 1.0}
    if node.kind is NodeKind.MODEL:
        origin = made[node.edges[0].producer].facts["features"]
        return {
            "format": "skops",
            "inputs": [{"name": name, "dtype": "Float64", "nullable": True} for name in origin],
            "feature_nodes": dict(origin),
            "score_inputs": [edge.producer for edge in node.edges if edge.role.value == "scores with"],
            "target": "outcome",
            "parameters": dict(node.parameters),
            "scores": {part: outputs[f"scores:{part}"] for part in ("calibration", "test")},
            "figures": [{"name": name, "method": "DeLong 1988", **FIGURE} for name in ("roc_auc", "brier", "log_loss")],
        }
    if node.kind is NodeKind.THRESHOLD:
        model = made[node.edges[0].producer]
        figures = [{"name": name, "method": "Clopper-Pearson", **FIGURE} for name in ("recall", "precision")]
        fitted = {"rows": 5000, "positives": 900}
        return {"value": 0.4, "met": True, "reason": "", "model": model.id, "figures": figures, "fitted_on": fitted}
    return {"steps": [step.to_dict() for step in node.spec.cascade], **node.spec.behaviour()}

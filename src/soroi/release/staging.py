"""Staging: choose which version of each node is meant for release, and seal the set when it is in step."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from soroi.base.display import Display, Shown, short
from soroi.base.errors import RefusedError, UnknownNameError
from soroi.base.runtime import Runtime
from soroi.build.claims import Claims
from soroi.build.reference import Remembered, VersionIndex
from soroi.build.shares import Shares, refuse_unusable
from soroi.build.step import edge_step
from soroi.declare.fingerprint import Fingerprint
from soroi.declare.graph import Graph
from soroi.release.manifest import Manifest, seal
from soroi.release.roles import groups_of, require
from soroi.release.step import StepReport, check_step
from soroi.store import Store, Transaction, VersionHead
from soroi.store.present import secure

STAGING = "staging"


@dataclass(frozen=True, repr=False)
class StageOutcome(Shown):
    """What came of staging."""

    revision: int
    """Revision of staging after the change."""

    changed: Mapping[str, tuple[str | None, str | None]]
    """What was picked before and is picked now, by node; only what is different."""

    report: StepReport
    """Whether the set is in step."""

    manifest: Manifest | None
    """The sealed manifest, when the set is in step."""

    def display(self) -> Display:
        """What changed, and whether the set is in step."""
        sealed = f"sealed as {self.manifest.id}" if self.manifest else "out of step"
        rows = [[node, short(old), short(new)] for node, (old, new) in self.changed.items()]
        notes = [reason.text for reason in self.report.reasons]
        return Display(f"Staging, revision {self.revision}: {sealed}", ("node", "before", "now"), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "revision": self.revision,
            "changed": {node: {"from": old, "to": new} for node, (old, new) in self.changed.items()},
            **self.report.to_dict(),
            "manifest": self.manifest.id if self.manifest else None,
        }


class Chooser:
    """Finds the version that somebody means by a version id or by the name of a node.

    By name it is the newest version built as declared now and in step with what is picked upstream of it. Versions
    built with other hyper-parameters by choice are many and alike: they must be named.

    Args:
        tx: A transaction that reads.
        graph: The declarations.
        fingerprints: What each node would be built from now.
        wanted: The ids that will be asked for.
        remembered: What earlier transactions on the same project read.
    """

    def __init__(
        self,
        tx: Transaction,
        graph: Graph,
        fingerprints: Mapping[str, Fingerprint],
        wanted: Sequence[str],
        remembered: Remembered | None = None,
    ) -> None:
        self._tx = tx
        self._graph = graph
        self.index = VersionIndex(tx, remembered)
        self.index.load(text for text in wanted if text not in graph)
        self.claims = Claims(tx.claims.all())
        self._shares = Shares(tx, graph)
        self._declared = tx.versions.built_as({fingerprints[text].behaviour for text in wanted if text in graph})
        self._definitions = {text: fingerprints[text].behaviour for text in wanted if text in graph}

    def choose(self, text: str, picks: Mapping[str, VersionHead]) -> VersionHead:
        """The version meant by an id.

        Args:
            text: Id of a version or of a node.
            picks: What is picked for the other nodes.

        Raises:
            UnknownNameError: There is no such node or version, or the node was never built.
            RefusedError: No version of the node was built as declared.
        """
        if text not in self._graph:
            found = self.index.there([text]).get(text)
            record = found or self.index.head(self._tx.versions.get(text).id)  # else it is the beginning of an id
            self._graph[record.node]
            return record
        declared = self._as_declared(text)
        if not declared:
            raise self._none_declared(text)
        fitting = (one for one in declared if self._fits(one, picks))
        return next(fitting, declared[0])

    def _as_declared(self, text: str) -> list[VersionHead]:
        share = self._shares.get(text)
        if share is None:
            return [one for one in self._declared.get(text, []) if one.definition == self._definitions[text]]
        if share.id is None:
            raise refuse_unusable(share)
        return list(self.index.there([share.id]).values())

    def _fits(self, one: VersionHead, picks: Mapping[str, VersionHead]) -> bool:
        return all(
            edge_step(one, self.index.head(edge.producer), picks[edge.name], self.claims).reason is None
            for edge in one.edges
            if edge.name in picks and picks[edge.name].kind not in ("source", "dataset")
        )

    def _none_declared(self, text: str) -> UnknownNameError | RefusedError:
        built = self._tx.versions.of_node(text)
        if not built:
            return UnknownNameError(f"'{text}' was never built", hint=f"soroi build {text}")
        names = ", ".join(one.id for one in built[:5])
        return RefusedError(
            f"no version of '{text}' was built as it is declared now",
            hint=f"soroi build {text}, or name the version you mean: {names}",
            where=self._graph[text].where,
        )


def stage(
    store: Store,
    graph: Graph,
    fingerprints: Mapping[str, Fingerprint],
    wanted: Sequence[str],
    *,
    runtime: Runtime,
    remove: Sequence[str] = (),
    note: str = "",
    remembered: Remembered | None = None,
) -> StageOutcome:
    """Put versions into staging, in one transaction, and seal the set if it is in step.

    Args:
        store: The store.
        graph: The declarations.
        fingerprints: What each node would be built from now.
        wanted: Ids of versions, or of nodes; see :class:`Chooser`.
        runtime: Clock and actor.
        remove: Ids of nodes to take out.
        note: Why, in the picker's words.
        remembered: What earlier transactions on the same project read.

    Raises:
        UnknownNameError: A node or version is not there.
        RefusedError: A version is of a kind that is not staged.
        CollectedError: The bytes of a version were removed; says how to build it again.
        ForbiddenError: The actor may not stage what would change.
        ConflictError: Somebody else changed staging at the same moment.
    """
    with store.catalogue.write() as tx:
        state = tx.staging.get()
        chooser = Chooser(tx, graph, fingerprints, wanted, remembered)
        chooser.index.load(pick.version for node, pick in state.picks.items() if node in graph)
        picks = {node: chooser.index.head(pick.version) for node, pick in state.picks.items() if node in graph}
        dropped = [node for node in state.picks if node not in graph]
        before = {node: pick.version for node, pick in state.picks.items()}
        for name in remove:
            graph[name]
            picks.pop(name, None)
        for text in _ordered(graph, wanted):
            record = chooser.choose(text, picks)
            if record.kind in ("source", "dataset"):
                raise RefusedError(
                    f"{record.id} is data, and data is not staged: models bring the data they rest on",
                    hint="stage the features, models, thresholds and decisions",
                )
            picks[record.node] = record
        after = {node: record.id for node, record in picks.items()}
        nodes = sorted({*before, *after})
        changed = {n: (before.get(n), after.get(n)) for n in nodes if before.get(n) != after.get(n)}
        revision = state.revision
        require(tx, runtime, "stage", groups=groups_of(graph, changed or graph.names))
        with tx.events.together():
            if changed:
                secure(tx, store.objects, [new for _, new in changed.values() if new is not None], runtime=runtime)
                change = {node: new for node, (_, new) in changed.items()} | dict.fromkeys(dropped)
                now = runtime.clock.now()
                revision = tx.staging.change(change, state.revision, by=runtime.actor, at=now, note=note)
                body = {"changed": {node: list(pair) for node, pair in changed.items()}, "note": note}
                tx.events.append("staging.changed", str(revision), body, runtime.actor, now)
            report = check_step(graph, picks, chooser.index, chooser.claims)
            manifest = seal(tx, report, revision, runtime) if report.in_step else None
            if manifest is not None:
                _move_staging_head(tx, manifest, runtime)
    return StageOutcome(revision, changed, report, manifest)


def _move_staging_head(tx: Transaction, manifest: Manifest, runtime: Runtime) -> None:
    head = tx.heads.get(STAGING)
    if head is not None and head.manifest == manifest.id:
        return
    expected = head.revision if head else 0
    now = runtime.clock.now()
    tx.heads.move(STAGING, manifest.id, expected_revision=expected, by=runtime.actor, at=now, reason="sealed")
    body = {"environment": STAGING, "from": head.manifest if head else None, "to": manifest.id, "reason": "sealed"}
    tx.events.append("head.moved", manifest.id, body, runtime.actor, now)


def _ordered(graph: Graph, wanted: Sequence[str]) -> list[str]:
    """Versions named first, then nodes with producers before consumers, so that each can fit what is above it."""
    names = graph.sorted(text for text in wanted if text in graph)
    return [text for text in wanted if text not in graph] + names

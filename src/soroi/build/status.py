"""The status of each node: missing, stale with causes, fresh, or unknown with the reason."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from soroi.base.duration import duration
from soroi.base.errors import MissingFileError
from soroi.base.reason import Reason
from soroi.build.claims import Claims
from soroi.build.probe import probe_files
from soroi.build.reference import References
from soroi.build.step import data_uses, edge_step
from soroi.build.work import build_edges
from soroi.declare.fingerprint import Fingerprint, changes
from soroi.declare.graph import Graph
from soroi.declare.node import Node, NodeKind
from soroi.store import VersionRecord


class State(enum.StrEnum):
    """How a node stands against what is declared."""

    MISSING = "missing"
    """Nothing was built."""

    STALE = "stale"
    """What it is built from has changed."""

    FRESH = "fresh"
    """It is what would be built now."""

    UNKNOWN = "unknown"
    """Whether it is fresh could not be told."""

    @property
    def is_fresh(self) -> bool:
        """Whether it is certainly fresh."""
        return self is State.FRESH


RUNS_WHEN_SERVING = (NodeKind.FEATURES, NodeKind.DECISION)
"""Kinds whose code runs in serving: an equal output does not make other code the same there."""


@dataclass(frozen=True)
class NodeStatus:
    """How one node stands, and why."""

    node: str
    """Id of the node."""

    kind: NodeKind
    """What it is."""

    state: State
    """How it stands."""

    reasons: tuple[Reason, ...] = ()
    """Causes of being stale, or why it is unknown."""

    notes: tuple[str, ...] = ()
    """Worth knowing, and no cause."""

    version: str | None = None
    """The version that was judged."""

    staged: str | None = None
    """The version in staging."""

    live: str | None = None
    """The version in production."""

    candidates: int = 0
    """Number of versions that were built."""

    ready: str | None = None
    """The newest version built from what is declared now, when it is not the one judged."""

    facts: Mapping[str, Any] = field(default_factory=dict)
    """Facts of the version judged."""

    settled: bool = False
    """Whether its output is certainly what a build would give now: it is fresh, or a version built as declared
    has an equal output. Then nothing that rests on it needs to be built again."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "node": self.node,
            "kind": self.kind.value,
            "state": self.state.value,
            "reasons": [reason.to_dict() for reason in self.reasons],
            "notes": list(self.notes),
            "version": self.version,
            "staged": self.staged,
            "live": self.live,
            "candidates": self.candidates,
            "ready": self.ready,
        }


@dataclass(frozen=True)
class StatusInputs:
    """Everything a status is derived from; read once."""

    graph: Graph
    """The declarations."""

    fingerprints: Mapping[str, Fingerprint]
    """What each node would be built from."""

    references: References
    """What staging and production hold."""

    versions: Mapping[str, Sequence[VersionRecord]]
    """All versions of each node, newest first."""

    looks: Mapping[str, list[list[str | int]]]
    """For each version of a source, the files as they were when it was last read."""

    claims: Claims
    """The recorded claims."""

    root: Path
    """Folder of the project."""


def statuses(inputs: StatusInputs) -> dict[str, NodeStatus]:
    """The status of every node, producers before consumers."""
    made: dict[str, NodeStatus] = {}
    judged: dict[str, VersionRecord] = {}
    for node in inputs.graph:
        record = _judged_version(node, inputs)
        if record is not None:
            judged[node.name] = record
        made[node.name] = _status(node, record, inputs, made, judged)
    return made


def _judged_version(node: Node, inputs: StatusInputs) -> VersionRecord | None:
    """The staged version, else the live one, else the newest that was built as declared, else the newest."""
    found = inputs.references.find(node.name)
    if found is not None:
        return found
    built = inputs.versions.get(node.name, ())
    now = inputs.fingerprints[node.name].behaviour
    as_declared = [one for one in built if one.fingerprint["behaviour"] == now]
    return next(iter(as_declared or built), None)


def _status(
    node: Node,
    record: VersionRecord | None,
    inputs: StatusInputs,
    made: Mapping[str, NodeStatus],
    judged: Mapping[str, VersionRecord],
) -> NodeStatus:
    built = inputs.versions.get(node.name, ())
    staged, live = inputs.references.staged.get(node.name), inputs.references.live.get(node.name)
    common: dict[str, Any] = {
        "node": node.name,
        "kind": node.kind,
        "staged": staged.id if staged else None,
        "live": live.id if live else None,
        "candidates": len(built),
    }
    if record is None:
        return NodeStatus(state=State.MISSING, reasons=(Reason("missing", "never built", node.name),), **common)
    now = inputs.fingerprints[node.name].behaviour
    equal = next((v for v in built if v.output == record.output and v.fingerprint["behaviour"] == now), None)
    if equal is not None and node.kind not in RUNS_WHEN_SERVING:
        record = equal
    causes = changes(record.fingerprint, inputs.fingerprints[node.name], record.overrides)
    own = len(causes)
    unknown = list(inputs.fingerprints[node.name].unknown)
    notes: list[str] = []
    if record.overrides:
        shown = ", ".join(f"{name}={value}" for name, value in record.overrides.items())
        notes.append(f"built with {shown}, by choice")
    if node.kind is NodeKind.SOURCE:
        _look(node, record, inputs, causes, unknown)
    _upstream(node, record, inputs, made, judged, causes, unknown)
    _data(node, record, inputs, judged, causes, notes)
    state = State.UNKNOWN if unknown else State.STALE if causes else State.FRESH
    ready = next((one.id for one in built if one.id != record.id and one.fingerprint["behaviour"] == now), None)
    return NodeStatus(
        state=state,
        settled=state is State.FRESH or (not unknown and equal is not None and own == len(causes)),
        reasons=(*unknown, *causes),
        notes=tuple(notes),
        version=record.id,
        ready=ready if causes else None,
        facts=record.facts,
        **common,
    )


def _look(node: Node, record: VersionRecord, inputs: StatusInputs, causes: list[Reason], unknown: list[Reason]) -> None:
    """Compare the files behind a source with how they were when it was read."""
    if not node.spec.files:
        unknown.append(
            Reason(
                "data",
                "whether there is new data cannot be told without reading it: no files= is declared",
                node.name,
            )
        )
        return
    try:
        now = probe_files(node.spec.files, inputs.root, node)
    except MissingFileError as error:
        unknown.append(Reason("data", error.message, node.name))
        return
    before = inputs.looks.get(record.id)
    if before != now:
        changed = sorted({str(one[0]) for one in now} ^ {str(one[0]) for one in before or []})
        changed += [str(a[0]) for a, b in zip(now, before or [], strict=False) if a[0] == b[0] and a != b]
        named = ", ".join(Path(name).name for name in changed[:3])
        causes.append(Reason("data", f"its files changed since it was read: {named}", node.name))


def _upstream(
    node: Node,
    record: VersionRecord,
    inputs: StatusInputs,
    made: Mapping[str, NodeStatus],
    judged: Mapping[str, VersionRecord],
    causes: list[Reason],
    unknown: list[Reason],
) -> None:
    for edge in build_edges(node):
        above = made[edge.producer]
        if above.state is State.UNKNOWN:
            text = f"'{edge.producer}', which it rests on, is unknown"
            unknown.append(Reason("upstream", text, node.name, because=above.reasons))
        elif not above.settled:
            text = f"'{edge.producer}', which it rests on, is {above.state}"
            causes.append(Reason("upstream", text, node.name, because=above.reasons))
        used = next((one for one in record.edges if one.name == edge.producer), None)
        now = judged.get(edge.producer)
        if used is None or now is None or now.kind in ("source", "dataset"):
            continue
        step = edge_step(record, inputs.references.known.get(used.producer), now, inputs.claims)
        if step.reason is not None:
            causes.append(step.reason)


def _data(
    node: Node,
    record: VersionRecord,
    inputs: StatusInputs,
    judged: Mapping[str, VersionRecord],
    causes: list[Reason],
    notes: list[str],
) -> None:
    """Compare the data a model rests on with the newest that staging rests on."""
    if node.kind is not NodeKind.MODEL:
        return
    known = inputs.references.known
    mine = [one for one in known.ancestry([record]).values() if one.kind == "source"]
    newest = [judged[one.node] for one in mine if one.node in judged]
    allowed = {
        source.name: duration(source.spec.in_step) if source.spec.in_step else None
        for source in inputs.graph.of_kind(NodeKind.SOURCE)
    }
    for use in data_uses({node.name: mine, "": newest}, allowed).values():
        late = [reason for reason in use.behind() if reason.subject == node.name]
        causes.extend(late)
        if not late and use.spread and any(node.name in users for v, users in use.users.items() if v != use.newest.id):
            notes.append(f"rests on '{use.source}' {use.spread.days} d behind the newest, which in_step allows")

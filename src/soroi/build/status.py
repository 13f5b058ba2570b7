"""The status of each node: missing, stale with causes, fresh, or unknown with the reason."""

from __future__ import annotations

import enum
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import date
from pathlib import Path
from typing import Any

from soroi.base.errors import MissingFileError, SoroiError
from soroi.base.reason import Reason
from soroi.build.claims import Claims
from soroi.build.probe import Looks, probe_files
from soroi.build.reference import References
from soroi.build.shares import Share, Shares
from soroi.build.step import allowed_spans, data_uses, edge_step
from soroi.build.work import build_edges
from soroi.declare.behaviour_component import FORMAT
from soroi.declare.fingerprint import Fingerprint, changes, changes_between_formats, format_of
from soroi.declare.graph import Graph
from soroi.declare.lifecycle import deprecation_notes, refused_uses
from soroi.declare.node import Node, NodeKind, name_there
from soroi.store import VersionHead, VersionRecord


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

    seconds: float | None = None
    """How long its last build took."""

    described: bool = True
    """Whether its description is the one recorded. A new one is recorded by the next build, which builds nothing
    for it."""

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
            "described": self.described,
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

    counts: Mapping[str, int]
    """How many versions each node has."""

    seconds: Mapping[str, float]
    """How long the last build of each node took."""

    described: Mapping[str, str]
    """Digest of each node's description as it was recorded last."""

    looks: Looks
    """The files behind sources as they were when each version was last read."""

    claims: Claims
    """The recorded claims."""

    root: Path
    """Folder of the project."""

    shares: Shares = field(default_factory=Shares.none)
    """What the nodes of other projects stand for."""

    today: date | None = None
    """The day, for what may not be used from some day on. ``None``: that is not looked at."""

    again: Callable[[VersionRecord], Fingerprint] | None = None
    """Makes the fingerprint of a version again from the code that built it, in the present format. Asked only when
    it was stored in another one. Raises a :class:`SoroiError` when it cannot."""


def statuses(inputs: StatusInputs) -> dict[str, NodeStatus]:
    """The status of every node, producers before consumers."""
    made: dict[str, NodeStatus] = {}
    known = inputs.references.known
    judged, others = _judged(inputs)
    known.load(one.id for one in judged.values())
    changed = [head.id for name, head in judged.items() if not _as_declared(inputs, name, head)]
    stored = known.get_many(changed)
    notes = deprecation_notes(inputs.graph)
    for node in inputs.graph:
        one = _status(_Judging(node, judged, others, stored, made, inputs))
        deprecated = tuple(reason.text for reason in notes.get(node.name, ()))
        made[node.name] = replace(one, notes=(*one.notes, *deprecated)) if deprecated else one
    return made


def _judged(inputs: StatusInputs) -> tuple[dict[str, VersionHead], Mapping[str, Sequence[VersionHead]]]:
    """The version of each node that is judged: the staged one, else the live one, else the newest that was built as
    declared, else the newest. One built as declared stands in for it when its output is equal.

    Returns:
        The versions judged, by node; and of nodes whose staged version is another, all that were built as declared.
    """
    known = inputs.references.known
    offered = {node.name: inputs.references.find(node.name) for node in inputs.graph}
    found = {name: head for name, head in offered.items() if head is not None}
    nowhere = [name for name in offered if name not in found]
    own = [name for name in nowhere if inputs.shares.get(name) is None]
    declared = known.newest_built_as(inputs.fingerprints[name].behaviour for name in own)
    taken_over = {one.node: one for one in known.there(inputs.shares.ids).values()}
    found |= {name: declared[name] for name in own if name in declared}
    found |= {name: taken_over[name] for name in nowhere if name in taken_over}
    found |= known.newest(name for name in nowhere if name not in found)
    changed = [name for name, head in found.items() if not _as_declared(inputs, name, head)]
    own_changed = [name for name in changed if inputs.shares.get(name) is None]
    others: dict[str, Sequence[VersionHead]] = {name: [one] for name, one in taken_over.items()}
    as_declared = known.built_as(inputs.fingerprints[name].behaviour for name in own_changed)
    others |= {name: as_declared[name] for name in own_changed if name in as_declared}
    for name in changed:
        if inputs.graph[name].kind not in RUNS_WHEN_SERVING:
            equal = (one for one in others.get(name, ()) if one.output == found[name].output)
            found[name] = next(equal, found[name])
    return found, others


def _as_declared(inputs: StatusInputs, name: str, head: VersionHead) -> bool:
    """Whether a version was built from the present behaviour of its node, hyper-parameters by choice aside; of another
    project's node: whether it is the one that the node stands for."""
    share = inputs.shares.get(name)
    if share is not None:
        return head.id == share.id
    return head.definition == inputs.fingerprints[name].with_parameters(head.overrides).behaviour


@dataclass(frozen=True)
class _Judging:
    """What the judgement of one node looks at."""

    node: Node
    judged: Mapping[str, VersionHead]
    others: Mapping[str, Sequence[VersionHead]]
    stored: Mapping[str, VersionRecord]
    made: Mapping[str, NodeStatus]
    inputs: StatusInputs


def _status(judging: _Judging) -> NodeStatus:
    node, inputs = judging.node, judging.inputs
    staged, live = inputs.references.staged.get(node.name), inputs.references.live.get(node.name)
    common: dict[str, Any] = {
        "node": node.name,
        "kind": node.kind,
        "staged": staged.id if staged else None,
        "live": live.id if live else None,
        "candidates": inputs.counts.get(node.name, 0),
        "seconds": inputs.seconds.get(node.name),
        "described": inputs.described.get(node.name) == inputs.fingerprints[node.name].description_digest,
    }
    head = judging.judged.get(node.name)
    share = inputs.shares.get(node.name)
    if share is not None:
        return _of_other_project(judging, share, head, common)
    if head is None:
        refused = refused_uses(node, inputs.graph, inputs.today) if inputs.today else ()
        never = Reason("missing", "never built", node.name)
        return NodeStatus(state=State.MISSING, reasons=(never, *refused), **common)
    fingerprint = inputs.fingerprints[node.name]
    stored = judging.stored.get(head.id)
    causes, unknown = ([], []) if stored is None else _own(inputs, stored, fingerprint)
    own = len(causes)
    unknown = [*fingerprint.unknown, *unknown]
    notes: list[str] = []
    if head.overrides:
        shown = ", ".join(f"{name}={value}" for name, value in head.overrides.items())
        notes.append(f"built with {shown}, by choice")
    if node.kind is NodeKind.SOURCE:
        _look(judging, head, causes, unknown)
    _upstream(judging, head, causes, unknown)
    _data(judging, head, causes, notes)
    state = State.UNKNOWN if unknown else State.STALE if causes else State.FRESH
    declared = judging.others.get(node.name, ())
    equal = stored is None or any(one.output == head.output for one in declared)
    ready = next((one.id for one in declared if one.id != head.id), None)
    return NodeStatus(
        state=state,
        settled=state is State.FRESH or (not unknown and equal and own == len(causes)),
        reasons=(*unknown, *causes),
        notes=tuple(notes),
        version=head.id,
        ready=ready if causes else None,
        **common,
    )


def _own(inputs: StatusInputs, stored: VersionRecord, fingerprint: Fingerprint) -> tuple[list[Reason], list[Reason]]:
    """What changed in a node itself since a version was built, and what of that cannot be told."""
    before = format_of(stored.fingerprint)
    if before == FORMAT:
        return changes(stored.fingerprint, fingerprint, stored.overrides), []
    why = "its code is not at hand"
    try:
        if inputs.again is not None:
            again = inputs.again(stored)
            return changes_between_formats(stored.fingerprint, again, fingerprint, stored.overrides)
    except SoroiError as error:
        why = error.message
    text = (
        f"the format of fingerprints changed since it was built ({before}, now {FORMAT}), and what it was built from "
    )
    text += f"cannot be compared: {why}"
    return [], [Reason("unknown", text, stored.node, facts={"hint": f"soroi build {stored.node}"})]


def _of_other_project(judging: _Judging, share: Share, head: VersionHead | None, common: dict[str, Any]) -> NodeStatus:
    """A node of another project: compared with the version that it stands for now."""
    node, shares = judging.node, judging.inputs.shares
    owner = f" ({share.group.owner})" if share.group else ""
    common |= {"notes": (f"{share.spec}{owner}",), "version": head.id if head else None, "described": True}
    if share.problem is not None:
        state = State.MISSING if head is None and share.problem.kind == "missing" else State.UNKNOWN
        return NodeStatus(state=state, reasons=(share.problem,), **common)
    assert share.version is not None
    if head is None:
        text = f"{share.version.id} of project '{share.spec.project}' was not taken over yet"
        return NodeStatus(state=State.MISSING, reasons=(Reason("missing", text, node.name),), **common)
    equal = head.output == share.version.output
    alike = head.definition == share.version.definition or node.kind not in RUNS_WHEN_SERVING
    if head.id == share.id or (equal and alike):
        return NodeStatus(state=State.FRESH, settled=True, **common)
    says = "it is pinned to" if share.spec.pin else f"project '{share.spec.project}' answers now with"
    text = f"{says} {share.version.id}, and this is {name_there(head.id)}"
    facts = {"project": share.spec.project, "now": share.version.id, "held": name_there(head.id)}
    reason = Reason("shared", text, node.name, shares.moved(node.name, head.id), facts)
    ready = next((one.id for one in judging.others.get(node.name, ())), None)
    return NodeStatus(state=State.STALE, settled=equal, reasons=(reason,), ready=ready, **common)


def _look(judging: _Judging, head: VersionHead, causes: list[Reason], unknown: list[Reason]) -> None:
    """Compare the files behind a source with how they were when it was read."""
    node, inputs = judging.node, judging.inputs
    if not node.spec.files:
        text = "whether there is new data cannot be told without reading it: no files= is declared"
        unknown.append(Reason("data", text, node.name))
        return
    try:
        now = probe_files(node.spec.files, inputs.root, node)
    except MissingFileError as error:
        unknown.append(Reason("data", error.message, node.name))
        return
    before = inputs.looks.get(head.id, node.name)
    if before != now:
        changed = sorted({str(one[0]) for one in now} ^ {str(one[0]) for one in before or []})
        changed += [str(a[0]) for a, b in zip(now, before or [], strict=False) if a[0] == b[0] and a != b]
        named = ", ".join(Path(name).name for name in changed[:3])
        causes.append(Reason("data", f"its files changed since it was read: {named}", node.name))


def _upstream(judging: _Judging, head: VersionHead, causes: list[Reason], unknown: list[Reason]) -> None:
    """What the nodes above it mean for it: unsettled ones, and versions it was not built against."""
    node, known = judging.node, judging.inputs.references.known
    used = {edge.name: edge.producer for edge in head.edges}
    for edge in build_edges(node):
        above = judging.made[edge.producer]
        if above.state is State.UNKNOWN:
            text = f"'{edge.producer}', which it rests on, is unknown"
            unknown.append(Reason("upstream", text, node.name, because=above.reasons))
        elif not above.settled:
            text = f"'{edge.producer}', which it rests on, is {above.state}"
            causes.append(Reason("upstream", text, node.name, because=above.reasons))
        now = judging.judged.get(edge.producer)
        if edge.producer not in used or now is None or now.kind in ("source", "dataset"):
            continue
        step = edge_step(head, known.head(used[edge.producer]), now, judging.inputs.claims)
        if step.reason is not None:
            causes.append(step.reason)


def _data(judging: _Judging, head: VersionHead, causes: list[Reason], notes: list[str]) -> None:
    """Compare the data a model rests on with the newest that staging rests on."""
    node, inputs = judging.node, judging.inputs
    if node.kind is not NodeKind.MODEL:
        return
    known = inputs.references.known
    mine = [known.head(source) for source in known.sources(head.id)]
    held = ((judging.judged.get(one.node) or inputs.references.find(one.node)) for one in mine)
    newest = [one for one in held if one is not None]
    if {one.id for one in mine} == {one.id for one in newest}:
        return
    for use in data_uses({node.name: mine, "": newest}, allowed_spans(inputs.graph, mine, known)).values():
        late = [reason for reason in use.behind() if reason.subject == node.name]
        causes.extend(late)
        older = (users for version, users in use.users.items() if version != use.newest.id)
        if not late and use.spread and any(node.name in users for users in older):
            notes.append(f"rests on '{use.source}' {use.spread.days} d behind the newest, which in_step allows")

"""Trace: from an answer to the model, threshold, data and code behind it; and from a version down to what used it."""

from __future__ import annotations

import html
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from soroi.base.duration import brief
from soroi.base.errors import UnknownNameError
from soroi.base.reason import Reason
from soroi.build.reference import VersionIndex
from soroi.declare.node import project_of
from soroi.evidence import ALWAYS, NEVER
from soroi.project.render import figure_text
from soroi.store import ManifestRecord, Transaction, VersionRecord
from soroi.store.answers import AnswerLog

if TYPE_CHECKING:
    from soroi.project.looking import Looking

ANSWER = "answer_"


@dataclass(frozen=True, repr=False)
class TraceTree:
    """What stands behind something, as a tree."""

    reason: Reason
    """The tree."""

    record: Mapping[str, Any]
    """What was traced, as recorded."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"trace": self.reason.to_dict(), "record": dict(self.record)}

    def __repr__(self) -> str:
        return "\n".join(self.reason.lines())

    def _repr_html_(self) -> str:
        return f"<pre>{html.escape(repr(self))}</pre>"


def trace(project: Looking, text: str) -> TraceTree:
    """Trace an answer, a version or a manifest.

    Args:
        project: The project.
        text: Id of the answer, version or manifest, or the beginning of the latter two.

    Raises:
        UnknownNameError: Nothing has that id.
    """
    if text.startswith(ANSWER):
        return _trace_answer(project, text)
    with project.store.catalogue.read() as tx:
        index = VersionIndex(tx)
        if "@" in text:
            return _trace_version(tx, index, tx.versions.get(text))
        return _trace_manifest(tx, index, tx.manifests.get(text))


def _trace_answer(project: Looking, text: str) -> TraceTree:
    answers = AnswerLog(project.config.store)
    try:
        record = answers.find(text)
    finally:
        answers.close()
    if record is None:
        raise UnknownNameError(
            f"no answer '{text}' is recorded in this project",
            hint="ids of answers are in the reply, under 'id'; records of the last second may still be on their way",
        )
    with project.store.catalogue.read() as tx:
        index = VersionIndex(tx)
        manifest = tx.manifests.get(record["manifest"])
        steps = tuple(_step(step) for step in record["path"])
        used = [version for step in record["path"] for version in step.get("versions", {}).values()]
        decision = index.get(manifest.body["picks"][record["decision"]])
        behind = [_version(index.get(one), index) for one in _last_first(used)]
        head = next((one for one in tx.heads.history(_environment(record)) if one.manifest == manifest.id), None)
    since = f", made live {head.moved_at:%Y-%m-%d %H:%M} UTC by {head.by}" if head else ""
    shown = f" with score {record['score']:.4f} against threshold {record['threshold']:.4f}" if _cut(record) else ""
    tree = Reason(
        "answer",
        f"{record['decision']} answered '{record['action']}' at {record['at']}{shown}",
        text,
        because=(
            Reason("path", f"by the path: {' → '.join(s['name'] for s in record['path'])}", text, because=steps),
            Reason("manifest", f"from manifest {manifest.id}, revision {record['revision']}{since}", manifest.id),
            Reason("policy", f"under {decision.id}: {_policy(decision)}", decision.id),
            *behind,
        ),
        facts={"inputs": record.get("inputs"), "features": record.get("features"), "scores": record.get("scores")},
    )
    return TraceTree(tree, record)


def _environment(record: Mapping[str, Any]) -> str:
    return str(record.get("environment", "production"))


def _cut(record: Mapping[str, Any]) -> bool:
    return record.get("score") is not None and record.get("threshold") is not None


def _last_first(versions: list[str]) -> list[str]:
    return list(dict.fromkeys(reversed(versions)))


def _step(step: Mapping[str, Any]) -> Reason:
    why = f": {step['reason']}" if step.get("reason") else ""
    text = f"{step['name']} ({step['kind']}) {str(step['outcome']).replace('_', ' ')}{why}"
    return Reason("step", f"{text}, in {brief(step['milliseconds'] / 1000)}", step["name"], facts=dict(step))


def _policy(decision: VersionRecord) -> str:
    steps = []
    for step in decision.facts["steps"]:
        band = step.get("band")
        steps.append(f"{step['threshold']}{_sure(band)}" if band else step["threshold"])
    return f"{', then '.join(steps)}; deadline {brief(decision.facts['deadline'])}"


def _sure(band: Mapping[str, float]) -> str:
    sides = [f"≤ {band['low']:.3f}"] if band["low"] > ALWAYS else []
    sides += [f"≥ {band['high']:.3f}"] if band["high"] < NEVER else []
    return f" when {' or '.join(sides)}" if sides else " when sure, which it never is"


def _version(record: VersionRecord, index: VersionIndex, seen: frozenset[str] = frozenset()) -> Reason:
    """A version with everything that it rests on."""
    above: list[Reason] = []
    if record.id not in seen:
        for edge in record.edges:
            producer = _version(index.get(edge.producer), index, seen | {record.id})
            above.append(Reason("edge", f"{edge.role}: {producer.text}", producer.subject, producer.because))
        above.append(_code(record))
    return Reason(record.kind, f"{record.id} – {_says(record)}", record.id, tuple(above))


def _says(record: VersionRecord) -> str:
    facts = record.facts
    if record.kind == "source":
        until = f", known until {record.watermark:%Y-%m-%d %H:%M} UTC" if record.watermark else ""
        return f"{facts['rows']:,} rows{until}, root {record.outputs['table'][:12]}"
    if record.kind in ("features", "dataset"):
        return f"{facts['rows']:,} rows, root {record.outputs['table'][:12]}"
    if record.kind == "threshold":
        value = "never" if facts["value"] is None else f"{facts['value']:.4f}"
        return f"cut at {value}, fitted on {facts['fitted_on']['rows']:,} rows; {figure_text(record)}"
    if record.kind == "model":
        options = ", ".join(f"{name}={value}" for name, value in facts["parameters"].items())
        rows = facts["parts"]["train"]["rows"]
        return f"{facts['format']} file, fitted on {rows:,} rows" + (f" with {options}" if options else "")
    return "the declared path"


def _code(record: VersionRecord) -> Reason:
    parts = record.fingerprint.get("components", {})
    functions = [one["label"] for one in parts.values() if one["kind"] in ("code", "helper", "class")]
    what = f": {', '.join(functions[:6])}" if functions else ""
    text = (
        f"built {record.at:%Y-%m-%d %H:%M:%S} UTC by {record.by} in {record.run}{_elsewhere(record)}, "
        f"code {record.code[:12]} (behaviour {record.fingerprint['behaviour'][:12]}){what}"
    )
    return Reason("code", text, record.id, facts={"environment": record.environment, "code": record.code})


def _elsewhere(record: VersionRecord) -> str:
    project = project_of(record.node)
    return f" of project '{project}'" if project is not None else ""


def _trace_version(tx: Transaction, index: VersionIndex, record: VersionRecord) -> TraceTree:
    down = tuple(Reason("consumer", f"used by {one}", one) for one in tx.versions.consumers(record.id))
    live = tuple(_lives(tx, one) for one in _manifests_with(tx, record))
    up = _version(record, index)
    tree = Reason(record.kind, up.text, record.id, (*up.because, *down, *live))
    return TraceTree(tree, {"version": record.id, "facts": record.facts, "overrides": record.overrides})


def _manifests_with(tx: Transaction, record: VersionRecord) -> list[ManifestRecord]:
    return [one for one in tx.manifests.recent(1000) if one.body["picks"].get(record.node) == record.id]


def _lives(tx: Transaction, manifest: ManifestRecord) -> Reason:
    moves = [
        f"{move.environment} from {move.moved_at:%Y-%m-%d %H:%M:%S} UTC"
        for head in tx.heads.all()
        for move in tx.heads.history(head.environment)
        if move.manifest == manifest.id
    ]
    where = f": {', '.join(moves)}" if moves else ", never live"
    return Reason("manifest", f"in manifest {manifest.id}{where}", manifest.id)


def _trace_manifest(tx: Transaction, index: VersionIndex, manifest: ManifestRecord) -> TraceTree:
    picks = tuple(
        Reason("pick", f"{node}: {_says(index.get(version))}", version)
        for node, version in manifest.body["picks"].items()
    )
    data = tuple(
        Reason("data", f"{source}: {', '.join(use['versions'])}, {brief(use['spread_seconds'])} apart", source)
        for source, use in manifest.body["data"].items()
    )
    text = f"manifest {manifest.id}, sealed {manifest.created_at:%Y-%m-%d %H:%M:%S} UTC by {manifest.by}"
    tree = Reason("manifest", text, manifest.id, (_lives(tx, manifest), *picks, *data))
    return TraceTree(tree, manifest.body)

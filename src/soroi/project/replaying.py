"""Replay: an answer taken again under the manifest that gave it, step by step, and compared to the last bit."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import msgspec
import polars as pl

from soroi.base.digest import digest
from soroi.base.errors import CorruptError, DataError, SoroiError, UnknownNameError
from soroi.base.reason import Reason
from soroi.evidence.contributions import Contributions, contributions
from soroi.project.answering import answering, patient
from soroi.project.trace import TraceTree
from soroi.release.manifest import read_manifest
from soroi.scoring import Canary, conform
from soroi.scoring.columns import dtype_of
from soroi.serve.answer import Detail, record_of
from soroi.serve.snapshot import DecisionPart, FamilyStep, ModelPart, StepPart
from soroi.store.answers import AnswerLog, as_recorded

if TYPE_CHECKING:
    from soroi.project.looking import Looking

NO_TIME = frozenset({"late", "overloaded", "resting"})
"""Outcomes of steps that tell of the moment, not of the row: they cannot come again, and are taken as they were."""

COMPARED = ("action", "positive", "score", "threshold", "confidence")
_SHOWN = 12


@dataclass(frozen=True, repr=False)
class Replayed(TraceTree):
    """An answer taken again."""

    equal: bool
    """Whether everything came out as it was recorded, to the last bit."""

    again: Mapping[str, Any]
    """What came out, as it would be recorded."""

    contributions: Contributions | None
    """What each input did to the score; ``None``: no model answered."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        parts = None if self.contributions is None else msgspec.to_builtins(self.contributions, enc_hook=str)
        return {**super().to_dict(), "equal": self.equal, "replay": dict(self.again), "contributions": parts}


def replay(project: Looking, text: str) -> Replayed:
    """Take an answer again: the same row, under the same manifest, with what was known then.

    Steps that were late, overloaded or left alone are taken as they were; all others run again.

    Args:
        project: The project.
        text: Id of the answer.

    Raises:
        UnknownNameError: No answer has that id.
        CorruptError, RefusedError: The manifest does not load any more; names the part.
    """
    log = AnswerLog(project.config.store)
    try:
        record = log.find(text)
    finally:
        log.close()
    if record is None:
        raise UnknownNameError(f"no answer '{text}' is recorded in this project", hint="soroi trace shows how to look")
    with project.store.catalogue.read() as tx:
        manifest = read_manifest(tx, record["manifest"])
    where = {"environment": str(record.get("environment", "production")), "revision": int(record["revision"])}
    with answering(project, manifest, until=record["at"], **where) as here:  # type: ignore[arg-type]
        part = _as_it_went(here.part(record["decision"]), record["path"])
        rows = part.spine.check([record["inputs"]], defaults={}, required=part.spine.key)
        given = here.engine.answer(here.serving, part, rows, record["at"], patient())
        again = as_recorded(record_of(given.answers[0], given.details[0]))
        found = list(_compared(record, again))
        done, why = _contributions(project, model_of(part, again), given.details[0], record["id"])
    equal = all(one.kind == "equal" for one in found)
    verdict = "everything as it was recorded, to the last bit" if equal else "NOT as it was recorded"
    title = f"{text} taken again under {manifest.id}: {verdict}"
    return Replayed(Reason("replay", title, text, (*found, *why)), record, equal, again, done)


def _as_it_went(part: DecisionPart, path: Sequence[Mapping[str, Any]]) -> DecisionPart:
    """The decision without the steps and rules that had no time."""
    out = {step["name"] for step in path if step["outcome"] in NO_TIME}
    steps = tuple(step for step in part.steps if not out & set(_names(step)))
    return replace(part, steps=steps, rules=tuple(rule for rule in part.rules if rule.name not in out))


def _names(step: StepPart | FamilyStep) -> Iterable[str]:
    yield step.name
    if isinstance(step, FamilyStep):
        yield from (one.name for one in step.members)


def _compared(record: Mapping[str, Any], again: Mapping[str, Any]) -> Iterable[Reason]:
    yield _path(record["path"], again["path"])
    for what in ("features", "scores"):
        yield _values(what, record.get(what) or {}, again[what])
    yield _values("answer", *({name: one[name] for name in COMPARED} for one in (record, again)))


def _path(was: Sequence[Mapping[str, Any]], now: Sequence[Mapping[str, Any]]) -> Reason:
    told = [_step(step) for step in was if step["outcome"] not in NO_TIME]
    again = [_step(step) for step in now]
    skipped = [f"{step['name']} was {step['outcome']} then: taken so" for step in was if step["outcome"] in NO_TIME]
    because = tuple(Reason("taken", one) for one in skipped)
    if told == again:
        return Reason("equal", f"path: {' → '.join(told) or 'nothing'}, as recorded", None, because)
    text = f"path: {' → '.join(again)}; recorded: {' → '.join(told)}"
    return Reason("differs", text, None, because)


def _step(step: Mapping[str, Any]) -> str:
    return f"{step['name']} {str(step['outcome']).replace('_', ' ')}"


def _values(what: str, was: Mapping[str, Any], now: Mapping[str, Any]) -> Reason:
    off = [name for name in sorted(was.keys() | now.keys()) if not _same(was.get(name), now.get(name))]
    if not off:
        return Reason("equal", f"{what}: {len(was)}, all as recorded")
    each = tuple(
        Reason("differs", f"{name}: {now.get(name)!r}, recorded {was.get(name)!r}", name) for name in off[:_SHOWN]
    )
    return Reason("differs", f"{what}: {len(off)} of {len(was)} differ", None, each)


def _same(one: Any, other: Any) -> bool:
    if one is None or other is None:  # an archive keeps a missing number as nothing
        return all(value is None or value != value for value in (one, other))
    return bool(one == other or (one != one and other != other))


def model_of(part: DecisionPart, again: Mapping[str, Any]) -> ModelPart | None:
    """The model that answered; ``None``: a rule did, or the fail-safe."""
    last = again["path"][-1]
    asked = (one.model for one in part.asked if one.name == last["name"] and last["kind"] == "model")
    return next(asked, None)


def _contributions(
    project: Looking, model: ModelPart | None, detail: Detail, answer: str
) -> tuple[Contributions | None, list[Reason]]:
    if model is None:
        return None, []
    try:
        canary = _canary(project, model).frame(what=model.version)
        row = conform(_input(model, detail), model.inputs, what=model.version)
        seed = int(digest("replay", answer)[:12], 16)
        found = contributions(model.scorer.score, row, conform(canary, model.inputs, what=model.version), seed=seed)
    except SoroiError as error:
        return None, [Reason("unknown", f"what each input did to the score cannot be told: {error.message}")]
    parts = tuple(
        Reason("contribution", f"{one.name} = {_brief(one.value)}: {one.effect:+.4f} (± {2 * one.error:.4f})", one.name)
        for one in found.parts[:_SHOWN]
    )
    rest = sum(one.effect for one in found.parts[_SHOWN:])
    more = (Reason("contribution", f"{len(found.parts) - _SHOWN} others: {rest:+.4f}"),) if found.parts[_SHOWN:] else ()
    text = f"score {found.score:.4f} of {model.version}: {found.start:.4f} on average over its canary rows, then"
    return found, [Reason("contributions", text, model.version, (*parts, *more))]


def _canary(project: Looking, model: ModelPart) -> Canary:
    with project.store.catalogue.read() as tx:
        record = tx.versions.get(model.version)
    if "canary" not in record.outputs:
        raise CorruptError(f"{model.version} has no canary rows")
    body = project.store.objects.get(record.outputs["canary"], what=f"canary of {model.version}")
    return msgspec.json.decode(body, type=Canary)


def _input(model: ModelPart, detail: Detail) -> pl.DataFrame:
    """The model's input as it was computed again."""
    columns = []
    for one in model.inputs:
        name, values = one.name, detail.features
        if name not in model.origins:
            name, values = model.score_nodes.get(name, name), detail.scores
        if name not in values:
            raise DataError(f"{model.version}: '{name}' was not computed")
        columns.append(pl.Series(one.name, [values[name]], dtype=dtype_of(one.dtype)))
    return pl.DataFrame(columns)


def _brief(value: Any) -> str:
    text = f"{value:.6g}" if isinstance(value, float) else repr(value)
    return text if len(text) <= 40 else text[:39] + "…"

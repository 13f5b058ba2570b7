"""The checker: holds what everybody saw, the manifests, and the stored bytes against the model."""

from __future__ import annotations

import json
from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from bench.storming.model import Model, Recorded, body_of
from bench.storming.work import ENVIRONMENT
from bench.storming.world import KEPT, World
from soroi.base.errors import SoroiError
from soroi.build.claims import Claims
from soroi.build.reference import VersionIndex
from soroi.govern import audit
from soroi.project import Project
from soroi.release import check_step
from soroi.store.present import named, roots

SHOWN = 20
"""How many problems are told."""

EXPECTED = ("ok", "conflict", "collected", "refused", "out of step", "away")
"""Outcomes that operations may have."""


@dataclass
class Verdict:
    """What came of checking."""

    problems: list[str] = field(default_factory=list)
    """What cannot have been, or is not as it must be."""

    counts: dict[str, int] = field(default_factory=dict)
    """How many there were of everything."""

    outcomes: dict[str, dict[str, int]] = field(default_factory=dict)
    """How many operations of each kind had each outcome."""

    @property
    def legal(self) -> bool:
        """Whether everything is as it must be."""
        return not self.problems

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"legal": self.legal, "problems": self.problems, "counts": self.counts, "outcomes": self.outcomes}


def read_logs(world: World) -> list[dict[str, Any]]:
    """All operations of everybody, in the order in which they were begun; the last of a log may be torn."""
    found = []
    for path in sorted(world.logs.glob("*.jsonl")):
        for line in path.read_text("utf-8").split("\n"):
            if line.endswith("}"):
                found.append(json.loads(line))
    return sorted(found, key=lambda one: one["begin"])


class Checker:
    """Checks a project after a storm.

    Args:
        project: The project; nobody works on it meanwhile.
        done: What everybody did.
        interrupted: Whether somebody may have been interrupted: then not every change was acknowledged.
        warming: Spans in which an object server did not find what it holds.
    """

    def __init__(
        self,
        project: Project,
        done: list[dict[str, Any]],
        *,
        interrupted: bool = False,
        warming: Sequence[tuple[str, str]] = (),
    ) -> None:
        self._project = project
        self._done = done
        self._warming = warming
        self._interrupted = interrupted
        self._verdict = Verdict()
        with project.store.catalogue.read() as tx:
            self._broken = [one.text for one in audit(tx).problems]
            self._model = Model(Recorded.read(tx)).replay()

    def check(self) -> Verdict:
        """Check everything."""
        found = self._verdict
        found.problems += [f"the record is not true: {one}" for one in self._broken]
        found.problems += self._model.problems
        for check in (self._outcomes, self._changes, self._reads, self._losers, self._lost, self._steps, self._bytes):
            found.problems += check()
        held = self._model.recorded
        found.counts = {
            "operations": len(self._done),
            "events": len(held.events),
            "revisions of staging": held.revision,
            "revisions of production": len(held.moves[ENVIRONMENT]),
            "manifests": len(held.manifests),
            "manifests ever live": len({one.manifest for one in held.moves[ENVIRONMENT]}),
            "collections": sum(one.kind == "collection.began" for one in held.events),
            "conflicts": sum(one["outcome"] == "conflict" for one in self._done),
        }
        return found

    def _outcomes(self) -> Iterator[str]:
        kinds: dict[str, Counter[str]] = {}
        for one in self._done:
            kinds.setdefault(one["kind"], Counter())[one["outcome"]] += 1
            if one["outcome"] not in EXPECTED and not (
                "is missing" in one["told"]["message"] and self._was_warming(one)
            ):
                yield f"{body_of(one)} failed: {one['told']}"
        self._verdict.outcomes = {kind: dict(sorted(found.items())) for kind, found in sorted(kinds.items())}

    def _was_warming(self, one: Mapping[str, Any]) -> bool:
        return any(begin <= one["end"] and one["begin"] <= end for begin, end in self._warming)

    def _changes(self) -> Iterator[str]:
        """Every change that was acknowledged is there, once, within the time of its operation; and no other is."""
        moves, by = self._model.recorded.moves[ENVIRONMENT], self._model.by
        known = {one["id"] for one in self._done}
        acknowledged: set[tuple[str, int]] = set()
        for one in self._succeeded("stage", "release", "rollback"):
            told, head = one["told"], "staging picks" if one["kind"] == "stage" else ENVIRONMENT
            if not told.get("changed", told.get("moved")):
                yield from self._unmoved(one)
                continue
            acknowledged.add((head, told["revision"]))
            event = by.get((head, told["revision"]))
            if event is None or event.by != one["by"] or event.body.get("reason", event.body.get("note")) != one["id"]:
                yield f"{body_of(one)} led to revision {told['revision']} of {head}, which is somebody else's"
            elif not one["begin"] <= event.at.isoformat() <= one["end"]:
                yield f"{body_of(one)} took from {one['begin']} to {one['end']}, but was done at {event.at}"
            elif head == ENVIRONMENT and moves[told["revision"] - 1].manifest != told["manifest"]:
                yield f"{body_of(one)} was told of {told['manifest']}, but another manifest went live"
        for key, event in by.items():
            if key not in acknowledged and key[0] != "staging" and event.by != "maker":
                text = event.body.get("reason", event.body.get("note"))
                ended = {one["id"]: one["outcome"] for one in self._done if one["id"] == text}
                if not self._interrupted or (text in known and ended[text] != "away"):
                    yield f"revision {key[1]} of {key[0]} was made by {event.by} ({text}), but not acknowledged"

    def _unmoved(self, one: Mapping[str, Any]) -> Iterator[str]:
        """An operation that found what it wanted: it was so at some moment of its time."""
        first, last = self._window(one)
        place = 0 if one["kind"] == "stage" else 1
        if one["told"]["revision"] not in {state[place] for state in self._model.states[first : last + 1]}:
            yield f"{body_of(one)} saw revision {one['told']['revision']}, which was not in its time"

    def _reads(self) -> Iterator[str]:
        """Everything read in one transaction is of one moment, and that is within the time of the reading."""
        model = self._model
        for one in self._succeeded("read"):
            seen = one["told"]
            first, last = self._window(one)
            if not first <= seen["events"] <= last:
                yield f"{body_of(one)} saw {seen['events']} events, but there were {first} to {last}"
                continue
            if (seen["staging"], seen["head"]) != model.states[seen["events"]]:
                yield f"{body_of(one)} saw revisions of two moments: {seen}, not {model.states[seen['events']]}"
            elif model.heads[ENVIRONMENT][seen["head"] - 1] != seen["manifest"]:
                yield f"{body_of(one)} saw {seen['manifest']} at revision {seen['head']}"
            else:
                sealed = model.recorded.manifests[seen["sealed"]].body["picks"] if seen["sealed"] else None
                if sealed != model.sealed(seen["staging"]):
                    yield f"{body_of(one)} saw staging sealed as {seen['sealed']} at revision {seen['staging']}"

    def _window(self, one: Mapping[str, Any]) -> tuple[int, int]:
        """The fewest and the most events that an operation can have seen."""
        begin, end = datetime.fromisoformat(one["begin"]), datetime.fromisoformat(one["end"])
        return self._settled.before(begin), self._model.events_until(end)

    @cached_property
    def _settled(self) -> _Settled:
        return _Settled(self._model, self._done)

    def _losers(self) -> Iterator[str]:
        """Whoever lost was told who won, with what; and it is true."""
        collections = {one.subject: one.by for one in self._model.recorded.events if one.kind == "collection.began"}
        for one in self._done:
            told = one["told"]
            if one["outcome"] != "conflict":
                continue
            if "collection" in told:
                if collections.get(told["collection"]) != told.get("by"):
                    yield f"{body_of(one)} lost to {told.get('by')}, who did not collect: {told['message']}"
                continue
            head = "staging picks" if "staging" in told["message"] else ENVIRONMENT
            event = self._model.by.get((head, told.get("revision", 0)))
            if event is None or not told.get("by") or event.by != told["by"] or told["by"] not in told["message"]:
                yield f"{body_of(one)} was not told who won: {told}"
            elif told["revision"] <= told["expected"]:
                yield f"{body_of(one)} lost to an earlier revision: {told}"

    def _lost(self) -> Iterator[str]:
        """Bytes that somebody did not find: they were of a manifest that was not retained all the while."""
        for one in self._done:
            for lost in one["missing"]:
                before, after = lost["before"], lost["after"]
                retained = self._model.live_between(before["head"], after["head"], KEPT)
                if lost["manifest"] in retained and not self._was_warming(one):
                    yield f"{body_of(one)} did not find bytes of {lost['manifest']}, which was retained: {lost}"

    def _steps(self) -> Iterator[str]:
        """Every manifest that was ever live is in step, as the project judges it."""
        graph = self._project.graph
        with self._project.store.catalogue.read() as tx:
            index, claims = VersionIndex(tx), Claims(tx.claims.all())
            for manifest in {one.manifest for moves in self._model.recorded.moves.values() for one in moves}:
                picks = self._model.recorded.manifests[manifest].body["picks"]
                report = check_step(graph, {node: index.head(one) for node, one in picks.items()}, index, claims)
                if not report.in_step:
                    yield f"{manifest} was live, and is out of step: {report.reasons[0].text}"

    def _bytes(self) -> Iterator[str]:
        """Nothing stored is damaged; what is live, retained or staged is there, with what it rests on."""
        store, held = self._project.store, self._model.recorded
        for digest in store.objects.iter():
            try:
                store.objects.verify(digest, digest)
            except SoroiError as error:
                yield f"half written: {error.message}"
        last = [list(dict.fromkeys(one.manifest for one in moves[::-1]))[:KEPT] for moves in held.moves.values()]
        manifests = {one for several in last for one in several} | ({held.sealed} if held.sealed else set())
        wanted = {version for one in manifests for version in held.manifests[one].body["picks"].values()}
        with store.catalogue.read() as tx:
            records = tx.versions.get_many(tx.versions.closure({*wanted, *held.picks.values()}))
        for record in records.values():
            for name in named(record.outputs, record.code):
                try:
                    if name in roots(record.outputs):
                        store.tables.verify(name)
                    else:
                        store.objects.verify(name, record.id)
                except SoroiError as error:
                    yield f"{record.id} is needed, but {error.message}"

    def _succeeded(self, *kinds: str) -> Iterable[dict[str, Any]]:
        return (one for one in self._done if one["outcome"] == "ok" and one["kind"] in kinds)


class _Settled:
    """Which events had been acknowledged by a moment: whoever begins later must see them."""

    def __init__(self, model: Model, done: Iterable[Mapping[str, Any]]) -> None:
        places = {}
        for key, event in model.by.items():
            if key[0] != "staging":
                places[event.body.get("reason", event.body.get("note"))] = event.seq
        ends = sorted((datetime.fromisoformat(one["end"]), places.get(one["id"], 0)) for one in done)
        self._ends: list[datetime] = []
        self._places: list[int] = []
        most = 0
        for end, place in ends:
            most = max(most, place)
            self._ends.append(end)
            self._places.append(most)

    def before(self, at: datetime) -> int:
        """How many events must be seen by whoever begins at a moment."""
        place = bisect_left(self._ends, at)
        return self._places[place - 1] if place else 0

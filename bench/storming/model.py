"""The model: a project as one person after another would have changed it, replayed from the recorded history.

The chain of events is the order in which everything happened. Replaying it gives, behind each event, where staging
and the heads stood. Everything else is held against that: the tables of the catalogue, and what everybody saw.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import cached_property
from itertools import accumulate
from typing import Any

from soroi.store import EventRecord, HeadRecord, ManifestRecord, StagingChange, Transaction, VersionHead

ORDERED = ("manifest.sealed", "staging.changed", "head.moved")
"""Kinds of events that happen when they are recorded. A version was built before."""


@dataclass(frozen=True)
class Recorded:
    """What the catalogue holds, read at one moment."""

    events: Sequence[EventRecord]
    """The chained history, oldest first."""

    moves: Mapping[str, Sequence[HeadRecord]]
    """The moves of each head, oldest first."""

    heads: Mapping[str, HeadRecord]
    """Where each head points."""

    changes: Sequence[StagingChange]
    """The changes of staging, oldest first."""

    picks: Mapping[str, str]
    """What is staged."""

    revision: int
    """Revision of staging."""

    sealed: str | None
    """Manifest that staging is sealed as."""

    manifests: Mapping[str, ManifestRecord]
    """All manifests, by id."""

    versions: Mapping[str, VersionHead]
    """All versions, by id."""

    @classmethod
    def read(cls, tx: Transaction) -> Recorded:
        """Read it.

        Args:
            tx: A transaction that reads.
        """
        state = tx.staging.get()
        heads = {one.environment: one for one in tx.heads.all()}
        return cls(
            events=tx.events.list(),
            moves={name: tx.heads.history(name)[::-1] for name in heads},
            heads=heads,
            changes=sorted(tx.staging.history(), key=lambda one: (one.revision, one.node)),
            picks={node: pick.version for node, pick in state.picks.items()},
            revision=state.revision,
            sealed=state.manifest,
            manifests={one.id: one for one in tx.manifests.recent(1_000_000)},
            versions=tx.versions.heads(one.id for one in tx.versions.all()),
        )


@dataclass
class Model:
    """A project as its events tell it."""

    recorded: Recorded
    """What the catalogue holds."""

    problems: list[str] = field(default_factory=list)
    """What cannot have been."""

    picks: list[dict[str, str]] = field(default_factory=lambda: [{}])
    """What was staged, by revision."""

    heads: dict[str, list[str]] = field(default_factory=dict)
    """Manifests that each head pointed at, by revision less one."""

    states: list[tuple[int, int]] = field(default_factory=lambda: [(0, 0)])
    """Revisions of staging and of production, by the number of events before."""

    by: dict[tuple[str, int], EventRecord] = field(default_factory=dict)
    """The event that led to each revision, by head or ``staging picks``, and revision."""

    def replay(self) -> Model:
        """Do everything again, one after another, and compare with what is there."""
        known, last = set[str](), datetime.min.replace(tzinfo=UTC)
        for number, event in enumerate(self.recorded.events, 1):
            if event.seq != number:
                self._wrong(f"event {event.seq} is at place {number}")
            if event.kind in ORDERED and event.at < last:
                self._wrong(f"event {number} ({event.kind}) is before the one before it")
            last = max(last, event.at)
            if event.kind == "manifest.sealed":
                known.add(event.subject or "")
                self._sealed(event)
            elif event.kind == "staging.changed":
                self._stage(event)
            elif event.kind == "head.moved":
                self._move(event, known)
            self.states.append((len(self.picks) - 1, len(self.heads.get("production", []))))
        self._compare()
        return self

    def sealed(self, revision: int) -> dict[str, str] | None:
        """The picks that staging was sealed with at a revision; ``None``: it was out of step."""
        picks = self.picks[revision]
        return picks if self.in_step(picks) else None

    def in_step(self, picks: Mapping[str, str]) -> bool:
        """Whether each of some picks was built from the others, and none is missing."""
        answering = {one.node for one in self.recorded.versions.values() if one.kind not in ("source", "dataset")}
        return answering <= picks.keys() and all(
            self._fits(edge.producer, picks[edge.name])
            for version in picks.values()
            for edge in self.recorded.versions[version].edges
            if edge.name in picks
        )

    def live_between(self, first: int, last: int, kept: int) -> set[str]:
        """Manifests retained at every revision of production within bounds: live then, or of the last few before."""
        found: set[str] | None = None
        moves = self.heads["production"]
        for revision in range(max(first, 1), last + 1):
            lately = set(list(dict.fromkeys(reversed(moves[:revision])))[:kept])
            found = lately if found is None else found & lately
        return found or set()

    def events_until(self, at: datetime) -> int:
        """How many events can have been recorded by a moment."""
        return bisect_right(self._earliest, at)

    @cached_property
    def _earliest(self) -> list[datetime]:
        """For each event, the earliest moment of it and all behind it: rising, as the events need not be."""
        reversed_ = accumulate((one.at for one in reversed(self.recorded.events)), min)
        return list(reversed_)[::-1]

    # ── one event ─────────────────────────────────────────────────────────────────────────────────────────────

    def _stage(self, event: EventRecord) -> None:
        revision, before = len(self.picks), self.picks[-1]
        if event.subject != str(revision):
            self._wrong(f"staging went from revision {revision - 1} to {event.subject} (event {event.seq})")
        after = dict(before)
        for node, (old, new) in event.body["changed"].items():
            if before.get(node) != old:
                self._wrong(f"event {event.seq} took {old} out of staging, where {before.get(node)} was")
            after.pop(node, None)
            after |= {node: new} if new is not None else {}
        self.picks.append(after)
        self.by["staging picks", revision] = event

    def _sealed(self, event: EventRecord) -> None:
        if dict(event.body["picks"]) != self.sealed(len(self.picks) - 1):
            self._wrong(f"{event.subject} was sealed of what was not staged, or out of step (event {event.seq})")

    def _move(self, event: EventRecord, known: set[str]) -> None:
        environment, goal = event.body["environment"], event.body["to"]
        moves = self.heads.setdefault(environment, [])
        live = moves[-1] if moves else None
        if event.body["from"] != live:
            self._wrong(f"{environment} went from {event.body['from']}, but was at {live} (event {event.seq})")
        if event.body.get("revision", len(moves) + 1) != len(moves) + 1:
            self._wrong(f"{environment} went to revision {event.body['revision']} after {len(moves)}")
        if goal not in known:
            self._wrong(f"{environment} went to {goal} before that was sealed (event {event.seq})")
        elif goal not in moves and self._picks_of(goal) != self.sealed(len(self.picks) - 1):
            self._wrong(f"{environment} went to {goal}, which was neither staged nor ever live (event {event.seq})")
        moves.append(goal)
        self.by[environment, len(moves)] = event

    def _picks_of(self, manifest: str) -> dict[str, str]:
        return dict(self.recorded.manifests[manifest].body["picks"])

    def _fits(self, used: str, picked: str) -> bool:
        one, other = self.recorded.versions[used], self.recorded.versions[picked]
        equal = one.output == other.output or (other.kind == "features" and one.definition == other.definition)
        return one.id == other.id or equal

    # ── the tables ────────────────────────────────────────────────────────────────────────────────────────────

    def _compare(self) -> None:
        """Hold the tables against what the events say."""
        held = self.recorded
        if held.revision != len(self.picks) - 1 or dict(held.picks) != self.picks[-1]:
            self._wrong(f"staging is not what its history says, at revision {held.revision}")
        sealed = self._picks_of(held.sealed) if held.sealed is not None else None
        if sealed != self.sealed(len(self.picks) - 1):
            self._wrong(f"staging is sealed as {held.sealed}, which is not what is staged")
        if held.moves.keys() != self.heads.keys():
            self._wrong(f"there are heads {sorted(held.moves)}, and moves of {sorted(self.heads)}")
        for environment, moves in held.moves.items():
            self._compare_head(environment, moves)
        by_revision: dict[int, list[StagingChange]] = {}
        for change in held.changes:
            by_revision.setdefault(change.revision, []).append(change)
        if sorted(by_revision) != list(range(1, len(self.picks))):
            self._wrong("the revisions of staging are not 1, 2, 3 …")
        for revision, changes in by_revision.items():
            event = self.by.get(("staging picks", revision))
            told = {node: new for node, (_, new) in event.body["changed"].items()} if event is not None else {}
            if event is None or any((one.by, one.at) != (event.by, event.at) for one in changes):
                self._wrong(f"revision {revision} of staging and its event do not say the same")
            elif {one.node: one.version for one in changes} != told:
                self._wrong(f"revision {revision} of staging changed other nodes than its event says")

    def _compare_head(self, environment: str, moves: Sequence[HeadRecord]) -> None:
        if [one.revision for one in moves] != list(range(1, len(moves) + 1)):
            self._wrong(f"the revisions of {environment} are not 1, 2, 3 …")
        if [one.manifest for one in moves] != self.heads.get(environment):
            self._wrong(f"the history of {environment} is not what its events say")
        if self.recorded.heads[environment] != moves[-1]:
            self._wrong(f"{environment} is not where its history ends")
        for move in moves:
            event = self.by.get((environment, move.revision))
            if event is None or (event.by, event.at, event.body["reason"]) != (move.by, move.moved_at, move.reason):
                self._wrong(f"revision {move.revision} of {environment} and its event do not say the same")
            if not self.in_step(self._picks_of(move.manifest)):
                self._wrong(f"{move.manifest}, live in {environment} at revision {move.revision}, is out of step")

    def _wrong(self, text: str) -> None:
        self.problems.append(text)


def body_of(done: Mapping[str, Any]) -> str:
    """An operation, for a message."""
    return f"{done['id']} ({done['kind']}, {done['outcome']})"

"""The log: what was live when, who moved it, and what changed between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from soroi.base.display import Display, Shown, short
from soroi.base.errors import UnknownNameError, did_you_mean
from soroi.release.case import verdict_digests
from soroi.release.glass import BROKEN
from soroi.release.staging import STAGING
from soroi.store import ApprovalRecord, EventRecord, HeadRecord, Transaction, VerdictRecord

MOVED = "head.moved"
"""Kind of the event that is written when a head moves."""

Changes = Mapping[str, tuple[str | None, str | None]]
"""The version before and after, by node; ``None``: there was none."""


@dataclass(frozen=True)
class Asked:
    """What of the log is asked for."""

    environment: str | None = None
    """Only this environment; ``None``: all but staging."""

    node: str | None = None
    """Only moves that changed this node."""

    since: datetime | None = None
    """Only moves after this moment."""

    until: datetime | None = None
    """Only moves up to this moment."""

    limit: int | None = None
    """At most so many, the last ones."""


@dataclass(frozen=True)
class Move:
    """One move of a head."""

    head: HeadRecord
    """Where it went, when, by whom and why."""

    before: str | None
    """The manifest it pointed at before; ``None``: none."""

    changes: Changes
    """What changed in what the environment answers with."""

    verdicts: Mapping[str, str] = field(default_factory=dict)
    """The last outcome of each gate before it moved."""

    approvals: tuple[ApprovalRecord, ...] = ()
    """The approvals of this very plan and its verdicts that had been given and were not over; of moves that do not tell
    their plan, those of the manifest."""

    overridden: Mapping[str, str] = field(default_factory=dict)
    """Gates that were overridden by breaking the glass, each with why it did not hold."""

    broke_glass: str | None = None
    """Why they were overridden; ``None``: they were not."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        head = self.head
        return {
            "environment": head.environment,
            "revision": head.revision,
            "manifest": head.manifest,
            "before": self.before,
            "at": head.moved_at.isoformat(),
            "by": head.by,
            "reason": head.reason,
            "changes": _changes_data(self.changes),
            "verdicts": dict(self.verdicts),
            "approvals": [{"id": one.id, "by": one.by, "kind": one.kind} for one in self.approvals],
            "broke_glass": {"reason": self.broke_glass, "gates": dict(self.overridden)}
            if self.broke_glass is not None
            else None,
        }

    @property
    def told(self) -> str:
        """Why, by which approvals, and which gates were overridden, as one line."""
        said = [self.head.reason] if self.head.reason else []
        said += (
            [f"approved by {', '.join(f'{one.by} ({one.kind})' for one in self.approvals)}"] if self.approvals else []
        )
        if self.broke_glass is not None:
            said.append(f"GLASS BROKEN over {', '.join(self.overridden) or 'gates'}: {self.broke_glass}")
        return "; ".join(said)


@dataclass(frozen=True, repr=False)
class Log(Shown):
    """Moves of heads, newest first."""

    moves: tuple[Move, ...]
    """The moves."""

    def __iter__(self) -> Iterator[Move]:
        return iter(self.moves)

    def __len__(self) -> int:
        return len(self.moves)

    def __getitem__(self, place: int) -> Move:
        return self.moves[place]

    def display(self) -> Display:
        """One row for each move."""
        head = ("environment", "", "when (UTC)", "by", "manifest", "changed", "why")
        rows = [
            [
                one.head.environment,
                str(one.head.revision),
                f"{one.head.moved_at:%Y-%m-%d %H:%M:%S}",
                one.head.by,
                one.head.manifest,
                _brief(one.changes),
                one.told,
            ]
            for one in self.moves
        ]
        return Display(
            f"Log: {len(rows)} move{'s' if len(rows) > 1 else ''}" if rows else "Log: no head was moved", head, rows
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"moves": [one.to_dict() for one in self.moves]}


@dataclass(frozen=True, repr=False)
class LiveAt(Shown):
    """What was live at a moment."""

    at: datetime
    """The moment."""

    moves: tuple[Move, ...]
    """The last move of each head before it."""

    picks: Mapping[str, Mapping[str, str]]
    """The version of each node, by environment."""

    def display(self) -> Display:
        """One row for each node of each environment."""
        rows = [[place, node, version] for place, picks in self.picks.items() for node, version in picks.items()]
        notes = [
            f"{one.head.environment}: {one.head.manifest}, since {one.head.moved_at:%Y-%m-%d %H:%M:%S} UTC by "
            f"{one.head.by}{f' ({one.told})' if one.told else ''}"
            for one in self.moves
        ]
        when = f"{self.at:%Y-%m-%d %H:%M:%S} UTC"
        title = f"Live at {when}" if rows else f"Nothing was live at {when}"
        return Display(title, ("environment", "node", "version") if rows else (), rows, notes)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "at": self.at.isoformat(),
            "live": [{**one.to_dict(), "picks": dict(self.picks[one.head.environment])} for one in self.moves],
        }


@dataclass(frozen=True, repr=False)
class Between(Shown):
    """What changed between two moments."""

    since: datetime
    """The first moment."""

    until: datetime
    """The second."""

    changes: Mapping[str, Changes]
    """What is different, by environment."""

    moves: tuple[Move, ...]
    """The moves by which it became so, newest first."""

    def display(self) -> Display:
        """One row for each node that is different, and one note for each move."""
        rows = [
            [place, node, short(old), short(new), _how(old, new)]
            for place, changes in self.changes.items()
            for node, (old, new) in changes.items()
        ]
        notes = [
            f"{one.head.environment} {one.head.revision}: {one.head.moved_at:%Y-%m-%d %H:%M:%S} UTC by {one.head.by}"
            f"{f', {one.told}' if one.told else ''}"
            for one in self.moves
        ]
        title = f"Between {self.since:%Y-%m-%d %H:%M:%S} and {self.until:%Y-%m-%d %H:%M:%S} UTC"
        head = ("environment", "node", "before", "after", "")
        return Display(
            f"{title}: {len(rows)} changed" if rows else f"{title}: no change", head if rows else (), rows, notes
        )

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {
            "since": self.since.isoformat(),
            "until": self.until.isoformat(),
            "changes": {place: _changes_data(changes) for place, changes in self.changes.items()},
            "moves": [one.to_dict() for one in self.moves],
        }


def read_log(tx: Transaction, asked: Asked | None = None) -> Log:
    """Moves of heads, newest first.

    Args:
        tx: A transaction that reads.
        asked: Which; default: all, of all environments but staging.

    Raises:
        UnknownNameError: No head has that name.
    """
    asked = asked or Asked()
    moves: list[tuple[HeadRecord, str | None]] = []
    for environment in _environments(tx, asked.environment):
        history = tx.heads.history(environment)
        befores = [*(one.manifest for one in history[1:]), None]
        moves += zip(history, befores, strict=True)
    moves.sort(key=lambda one: (one[0].moved_at, one[0].revision), reverse=True)
    picks = _Picks(tx)
    found: list[Move] = []
    for head, before in moves:
        changes = picks.changes(before, head.manifest)
        if _within(head, asked) and (asked.node is None or asked.node in changes):
            found.append(_move(tx, head, before, changes))
        if asked.limit is not None and len(found) == asked.limit:
            break
    return Log(tuple(found))


def live_at(tx: Transaction, at: datetime, environment: str | None = None, node: str | None = None) -> LiveAt:
    """What was live at a moment, and who had moved it there.

    Args:
        tx: A transaction that reads.
        at: The moment.
        environment: Only this environment; default: all but staging.
        node: Only this node.

    Raises:
        UnknownNameError: No head has that name.
    """
    held = _Picks(tx)
    moves: list[Move] = []
    picks: dict[str, Mapping[str, str]] = {}
    for place in _environments(tx, environment):
        history = [one for one in tx.heads.history(place) if one.moved_at <= at]
        if history:
            before = history[1].manifest if len(history) > 1 else None
            moves.append(_move(tx, history[0], before, held.changes(before, history[0].manifest)))
            live = held[history[0].manifest]
            picks[place] = {name: version for name, version in live.items() if node in (None, name)}
    return LiveAt(at, tuple(moves), picks)


def between(tx: Transaction, since: datetime, until: datetime, asked: Asked | None = None) -> Between:
    """What changed between two moments: added, removed and changed picks, and the moves that did it.

    Args:
        tx: A transaction that reads.
        since: The first moment.
        until: The second; earlier ones are changed over.
        asked: Only an environment or a node.

    Raises:
        UnknownNameError: No head has that name.
    """
    since, until = sorted((since, until))
    asked = replace(asked or Asked(), since=since, until=until)
    held = _Picks(tx)
    changes: dict[str, Changes] = {}
    for place in _environments(tx, asked.environment):
        old, new = tx.heads.at(place, since), tx.heads.at(place, until)
        found = held.changes(old.manifest if old else None, new.manifest if new else None)
        kept = {name: pair for name, pair in found.items() if asked.node in (None, name)}
        if kept:
            changes[place] = kept
    return Between(since, until, changes, read_log(tx, asked).moves)


class _Picks:
    """The picks of manifests, each read once."""

    def __init__(self, tx: Transaction) -> None:
        self._tx = tx
        self._known: dict[str, Mapping[str, str]] = {}

    def __getitem__(self, manifest: str) -> Mapping[str, str]:
        if manifest not in self._known:
            self._known[manifest] = self._tx.manifests.get(manifest).body["picks"]
        return self._known[manifest]

    def changes(self, old: str | None, new: str | None) -> Changes:
        """What is different between two manifests."""
        before = self[old] if old is not None else {}
        after = self[new] if new is not None else {}
        names = sorted(before.keys() | after.keys())
        return {one: (before.get(one), after.get(one)) for one in names if before.get(one) != after.get(one)}


def _environments(tx: Transaction, wanted: str | None) -> list[str]:
    known = [one.environment for one in tx.heads.all()]
    if wanted is None:
        return [one for one in known if one != STAGING]
    if wanted not in known:
        raise UnknownNameError(f"no head '{wanted}' was ever moved", hint=did_you_mean(wanted, known), name=wanted)
    return [wanted]


def _within(head: HeadRecord, asked: Asked) -> bool:
    if asked.since is not None and head.moved_at <= asked.since:
        return False
    return asked.until is None or head.moved_at <= asked.until


def _move(tx: Transaction, head: HeadRecord, before: str | None, changes: Changes) -> Move:
    event, glass = _events(tx, head)
    judged = _judged(tx, head, event)
    told = (event.body.get("plan"), list(verdict_digests(judged))) if event is not None else (None, [])
    given = [one for one in tx.approvals.of_manifest(head.manifest, head.environment) if one.at <= head.moved_at]
    alive = [one for one in given if one.expires_at is None or one.expires_at > head.moved_at]
    gates = glass.body["gates"] if glass else {}
    return Move(
        head=head,
        before=before,
        changes=changes,
        verdicts={one.gate: one.outcome for one in judged},
        approvals=tuple(one for one in alive if told[0] is None or told == (one.plan, one.body.get("verdicts"))),
        overridden={name: str(why["text"]) for name, why in gates.items()},
        broke_glass=str(glass.body["reason"]) if glass else None,
    )


def _events(tx: Transaction, head: HeadRecord) -> tuple[EventRecord | None, EventRecord | None]:
    """The event of a move, and that of breaking the glass for it, which comes right before."""
    broken: EventRecord | None = None
    for one in tx.events.list(subject=head.manifest):
        if one.body.get("environment") != head.environment:
            continue
        if one.kind == BROKEN:
            broken = one
        elif one.kind == MOVED:
            if one.body.get("revision") == head.revision:
                return one, broken
            broken = None
    return None, None


def _judged(tx: Transaction, head: HeadRecord, event: EventRecord | None) -> list[VerdictRecord]:
    """The verdicts that the set was judged by; of moves that do not tell, the last ones before."""
    told = event.body.get("verdicts") if event is not None else None
    if told is not None:
        return [tx.verdicts.get(verdict) for verdict in told.values()]
    found: dict[str, VerdictRecord] = {}
    for one in tx.verdicts.of(head.manifest):
        if one.at <= head.moved_at:
            found.setdefault(one.gate, one)
    return list(found.values())


def _brief(changes: Changes) -> str:
    counts = {"added": 0, "removed": 0, "changed": 0}
    for old, new in changes.values():
        counts[_how(old, new)] += 1
    names = ", ".join(list(changes)[:4]) + (" …" if len(changes) > 4 else "")
    return ", ".join(f"{count} {how}" for how, count in counts.items() if count) + (f": {names}" if names else "")


def _how(old: str | None, new: str | None) -> str:
    if old is None:
        return "added"
    return "removed" if new is None else "changed"


def _changes_data(changes: Changes) -> dict[str, Any]:
    return {node: {"before": old, "after": new, "how": _how(old, new)} for node, (old, new) in changes.items()}

"""The history of a project: append-only and hash-chained, so that a change, a gap or a swap shows.

Each entry's digest covers its place, its content and the digest of the entry before. The chain's length and
last digest are kept beside it, so that a tail cut off shows too. Whoever can rewrite the whole database can
still rewrite the whole chain: keep a copy of the last digest elsewhere where that matters.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from operator import attrgetter
from typing import Any, TypeAlias

from sqlalchemy import Row, bindparam, select

from soroi.base.digest import digest
from soroi.base.errors import StoreError
from soroi.base.reason import Reason
from soroi.store.columns import decode_json, encode_json
from soroi.store.records import EventRecord
from soroi.store.rows import StoredRow, moment_text, stored_rows
from soroi.store.schema import event_chains, events
from soroi.store.sql import Bound, Chain, mine

_PLACE = attrgetter("seq")
NEAR = 50
"""How far around its place a moved event is looked for, when the one before it is gone as well."""

CHUNK = 500
"""How many places one statement names: under the limit of parameters of every database."""

_PLACES = select(events.c.seq, events.c.subject).where(mine(events), events.c.kind == bindparam("kind"))
_AT_PLACES = select(events).where(mine(events), events.c.seq.in_(bindparam("places", expanding=True)))
_CHAIN = select(event_chains).where(mine(event_chains)).with_for_update()
_MOVE = (
    event_chains.update()
    .where(event_chains.c.project == bindparam("of"), event_chains.c.digest == bindparam("before"))
    .values(length=bindparam("now_length"), digest=bindparam("now_digest"))
)

EventList: TypeAlias = list[EventRecord]
"""Several entries. Named because ``list`` is a method below."""

TextList: TypeAlias = list[str]
"""Several names."""

ReasonList: TypeAlias = list[Reason]
"""Several reasons."""


class Events:
    """The history of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def append(self, kind: str, subject: str | None, body: dict[str, Any], by: str, at: datetime) -> EventRecord:
        """Append an entry behind the last one. Commits with the rest of the transaction, or not at all."""
        chain = self._chain()
        seq, text = chain.length + 1, encode_json(body)
        own = event_digest(seq, chain.digest, kind, subject, text, by, at)
        values: dict[str, Any] = {
            "kind": kind,
            "subject": subject,
            "by": by,
            "at": at,
            "prev": chain.digest,
            "digest": own,
        }
        chain.waiting.append({"seq": seq, "body": text, **values})
        chain.length, chain.digest = seq, own
        if not chain.gathers:
            self._store(chain)
        return EventRecord(seq=seq, body=decode_json(text), **{**values, "at": at.astimezone(UTC)})

    @contextmanager
    def together(self) -> Iterator[None]:
        """Within the block, entries are gathered; they are stored at its end, at once, or not at all when it raises.

        Nothing may read them in it.
        """
        chain = self._chain()
        before = (chain.length, chain.digest)
        chain.gathers = True
        try:
            yield
        except BaseException:
            chain.length, chain.digest = before
            chain.waiting.clear()
            raise
        finally:
            chain.gathers = False
        self._store(chain)

    def _chain(self) -> Chain:
        """The end of the history. Read once: the transaction is the only one that writes."""
        known = self._bound.chains.get(self._bound.project)
        if known is None:
            row = self._bound.row(_CHAIN)
            if row is None:
                self._bound.insert_if_absent(event_chains, {"length": 0, "digest": ""}, [])
            length, end = (0, "") if row is None else (row.length, row.digest)
            known = self._bound.chains[self._bound.project] = Chain(length, end, end)
        return known

    def _store(self, chain: Chain) -> None:
        if not chain.waiting:
            return
        self._bound.insert(events, chain.waiting)
        moved = {"before": chain.stored, "now_length": chain.length, "now_digest": chain.digest}
        if self._bound.change(_MOVE, {"of": self._bound.project, **moved}) != 1:
            raise StoreError("the end of the history is not where it was: nothing is changed", hint="soroi doctor")
        chain.waiting.clear()
        chain.stored = chain.digest

    def list(
        self, after: int = 0, limit: int | None = None, kind: str | None = None, subject: str | None = None
    ) -> EventList:
        """Entries in order.

        Args:
            after: Only those behind this place.
            limit: At most so many.
            kind: Only those of this kind.
            subject: Only those about this.
        """
        query = self._bound.select(events)
        if kind is not None:
            query = query.where(events.c.kind == kind)
        if subject is not None:
            query = query.where(events.c.subject == subject)
        if after or limit is not None or (kind is None and subject is None):
            query = query.where(events.c.seq > after).order_by(events.c.seq).limit(limit)
            return [_record(row) for row in self._bound.rows(query)]
        # in the order of places, SQLite would go through the whole history instead of an index of kinds or subjects
        return sorted(map(_record, self._bound.rows(query)), key=_PLACE)

    def newest(self, kind: str) -> EventList:
        """The newest entry of a kind about each subject, in order.

        Args:
            kind: The kind.
        """
        # grouped here: SQLite would group by going through all subjects of the whole history
        last: dict[str | None, int] = {}
        for seq, subject in map(tuple, self._bound.rows(_PLACES, kind=kind)):
            last[subject] = max(seq, last.get(subject, 0))
        wanted, found = sorted(last.values()), EventList()
        for start in range(0, len(wanted), CHUNK):
            found += map(_record, self._bound.rows(_AT_PLACES, places=wanted[start : start + CHUNK]))
        return sorted(found, key=_PLACE)

    def projects(self) -> TextList:
        """Names of the projects of the catalogue that have a history, in alphabetical order."""
        return sorted(row.project for row in self._bound.rows(select(event_chains.c.project)))

    def verify(self) -> ReasonList:
        """Check the whole chain. Empty when it is whole, else what was changed, is missing or changed places."""
        rows = [_Stored(one) for one in stored_rows(self._bound, events)]
        chains = [one.values for one in stored_rows(self._bound, event_chains)]
        return [*_broken_links(rows), *_broken_end(rows, chains[0] if chains else None)]


class _Stored:
    """An event as it is stored, which need not be one."""

    def __init__(self, row: StoredRow) -> None:
        held = row.values
        self.seq: int = held["seq"]
        self.kind: str = held["kind"] or "of a damaged kind"
        self.prev: str = held["prev"] or ""
        self.digest: str = held["digest"] or ""
        self._held = None if row.damaged else held

    def matches(self, seq: int) -> bool:
        """Whether it is what was recorded at a place."""
        held = self._held
        if held is None:
            return False
        content = [held[name] for name in ("kind", "subject", "body", "by", "at")]
        return event_digest(seq, self.prev, *content) == self.digest


def _broken_links(rows: Sequence[_Stored]) -> Iterator[Reason]:
    place_of = {row.digest: row.seq for row in rows}
    expected, before = 1, None
    for row in rows:
        if row.seq > expected:
            yield _missing(expected, row.seq - 1)
            before = None
        whole = row.matches(row.seq)
        if not whole:
            yield _broken(row, place_of)
        elif before is not None and row.prev != before.digest:
            text = f"event {before.seq} ({before.kind}) is not the one that event {row.seq} was put behind"
            yield Reason("changed", text, str(before.seq))
        expected, before = row.seq + 1, row if whole else None


def _broken(row: _Stored, place_of: Mapping[str, int]) -> Reason:
    """Why an event's digest is wrong: it was at another place, or it was changed."""
    near = range(max(1, row.seq - NEAR), row.seq + NEAR)
    for place in (place_of.get(row.prev, 0) + 1, *near):
        if place != row.seq and row.matches(place):
            text = f"event {place} ({row.kind}) was moved to place {row.seq}"
            return Reason("reordered", text, str(row.seq), facts={"was": place})
    return Reason("changed", f"event {row.seq} ({row.kind}) is not what was recorded", str(row.seq))


def _broken_end(rows: Sequence[_Stored], chain: Mapping[str, Any] | None) -> Iterator[Reason]:
    count, last = (chain["length"] or 0, chain["digest"]) if chain is not None else (0, "")
    seen = rows[-1].seq if rows else 0
    if seen < count:
        yield _missing(seen + 1, count)
    elif seen > count:
        yield Reason("added", f"events {count + 1} to {seen} are behind the recorded end", str(count + 1))
    elif rows and rows[-1].digest != last:
        yield Reason("changed", f"event {seen} is not the recorded end of the history", str(seen))


def _missing(first: int, last: int) -> Reason:
    text = f"event {first} is missing" if first == last else f"events {first} to {last} are missing"
    return Reason("missing", text, str(first), facts={"first": first, "last": last})


def event_digest(seq: int, prev: str, kind: str, subject: str | None, body: str, by: str, at: datetime | str) -> str:
    """The digest of an event, 40 hexadecimal characters.

    Args:
        seq: Its place.
        prev: Digest of the event before; empty for the first.
        kind: Its kind.
        subject: What it is about.
        body: What happened, as canonical JSON.
        by: Who did it.
        at: When; as text: ISO in UTC with microseconds.
    """
    moment = at if isinstance(at, str) else moment_text(at)
    content = {"seq": seq, "prev": prev, "kind": kind, "subject": subject, "body": body, "by": by, "at": moment}
    return digest("event", content)


def _record(row: Row[Any]) -> EventRecord:
    return EventRecord(
        seq=row.seq,
        kind=row.kind,
        subject=row.subject,
        body=decode_json(row.body),
        by=row.by,
        at=row.at,
        prev=row.prev,
        digest=row.digest,
    )

"""The audit: is the record of a project what was recorded? Everything that is not is named.

The history is a chain of digests; each key, grant, token, approval, verdict, rollout, incident, hold and tombstone left
the digest of its row in it; manifests are named by their content; heads moved as the history says; approvals and
waivers are signed. Whoever can rewrite the whole database can rewrite all of this alike: an exported head
(:mod:`soroi.govern.export`), kept elsewhere, finds that too.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any

import msgspec

from soroi.base.reason import Reason
from soroi.base.signing import Signature, verify
from soroi.build.claims import WAIVER
from soroi.govern.report import AuditReport
from soroi.release.approvals import tampering
from soroi.release.identity import known_keys
from soroi.release.manifest import manifest_id
from soroi.release.staging import STAGING
from soroi.store import ApprovalRecord, Transaction
from soroi.store.columns import decode_json, encode_json
from soroi.store.governed import ROW
from soroi.store.incidents import CLOSED, OPENED
from soroi.store.rollouts import KINDS as ROLLOUT_KINDS
from soroi.store.rollouts import MOVE
from soroi.store.rows import OWN, StoredRow
from soroi.store.tombstones import LIFTED, WRITTEN

JUDGED = "verdict.given"

ROLLED = tuple(f"rollout.{one}" for one in ROLLOUT_KINDS)
"""Kinds of events of rollouts."""

GOVERNED = {
    "keys": ("key", ("key.added", "key.revoked")),
    "grants": ("grant", ("role.granted", "role.revoked")),
    "tokens": ("token", ("token.created", "token.revoked")),
    "approvals": ("approval", ("approval.given",)),
    "verdicts": ("verdict", (JUDGED,)),
    "rollouts": ("rollout", ROLLED),
    "incidents": ("incident", (OPENED, CLOSED)),
    "holds": ("hold", ("hold.added", "hold.released")),
}
"""Tables whose rows left their digests in the history: what one is called, and the kinds of its events."""


def audit(tx: Transaction) -> AuditReport:
    """Check everything that can be checked within the catalogue.

    Args:
        tx: A transaction that reads.
    """
    history = _History(tx)
    problems = [Reason("damaged", f"the file of the catalogue is damaged: {one}") for one in tx.damage()]
    problems += tx.events.verify()
    notes: list[Reason] = []
    checked = {"events": len(history.events)}
    for table, (noun, kinds) in GOVERNED.items():
        rows = tx.stored(table)
        checked[table] = len(rows)
        found, noted = _governed(rows, noun, history.digests(kinds), table == "verdicts" and history.judged_before)
        problems += found
        notes += noted
    problems += [*_subjects(tx), *_approvals(tx)]
    problems += _waivers(tx, history)
    rolled, stones = tx.stored("rollout_moves"), tx.stored("tombstones")
    checked |= {"rollout moves": len(rolled), "tombstones": len(stones)}
    problems += [*_rollout_moves(rolled, history), *_stones(stones, history, _lifted_elsewhere(tx))]
    manifests = tx.stored("manifests")
    checked["manifests"] = len(manifests)
    problems += _manifests(manifests, history)
    moves = tx.stored("head_moves")
    checked["head moves"] = len(moves)
    problems += _heads(moves, tx.stored("heads"), history)
    return AuditReport(tx.project, history.length, history.head, checked, tuple(_unique(problems)), tuple(notes))


class _History:
    """The events, read without trusting them."""

    def __init__(self, tx: Transaction) -> None:
        self.events: list[tuple[Mapping[str, Any], Mapping[str, Any]]] = []
        for row in tx.stored("events"):
            body = _parsed(row.values["body"])
            self.events.append((row.values, body if isinstance(body, dict) else {}))
        chain = [one.values for one in tx.stored("event_chains")]
        self.project = tx.project
        self.length: int = (chain[0]["length"] or 0) if chain else 0
        self.head: str = (chain[0]["digest"] or "") if chain else ""

    @property
    def judged_before(self) -> bool:
        """Whether anything was judged before verdicts left events."""
        for row, body in self.events:
            if row["kind"] == JUDGED:
                return False
            if row["kind"] == "release.refused" or (row["kind"] == "head.moved" and body.get("environment") != STAGING):
                return True
        return False

    def of(self, *kinds: str) -> Iterator[tuple[Mapping[str, Any], Mapping[str, Any]]]:
        """Events of some kinds, in order: the row and its body."""
        return (one for one in self.events if one[0]["kind"] in kinds)

    def digests(self, kinds: Sequence[str]) -> dict[str, tuple[int, str | None]]:
        """For each subject of such events: the place of the first one, and the digest that the last one left."""
        found: dict[str, tuple[int, str | None]] = {}
        for row, body in self.of(*kinds):
            first = found.get(row["subject"], (row["seq"], None))[0]
            found[row["subject"]] = (first, body.get(ROW))
        return found


def _governed(
    rows: Sequence[StoredRow], noun: str, recorded: Mapping[str, tuple[int, str | None]], older: bool
) -> tuple[list[Reason], list[Reason]]:
    """What is wrong with the rows of one table, and what cannot be told.

    Args:
        rows: The rows, in their order.
        noun: What one is called.
        recorded: What the history says: the place of its first event and the digest of its last state, by id.
        older: Whether there may be rows from before the history spoke of them: only ahead of all others.
    """
    problems: list[Reason] = []
    before: list[str] = []
    last = 0
    for row in rows:
        name = str(row.values["id"])
        if name not in recorded:
            if older and last == 0:
                before.append(name)
            else:
                problems.append(Reason("added", f"{noun} {name} is not in the history", name))
            continue
        place, digest = recorded[name]
        if row.digest != digest:
            what = f" ({', '.join(row.damaged)})" if row.damaged else ""
            problems.append(Reason("changed", f"{noun} {name} is not what was recorded{what}", name))
        if place < last:
            problems.append(Reason("reordered", f"{noun} {name} stands behind one that came after it", name))
        last = max(last, place)
    there = {str(row.values["id"]) for row in rows}
    problems += [Reason("missing", f"{noun} {one} is missing", one) for one in recorded if one not in there]
    if not before:
        return problems, []
    text = f"{len(before)} of the {noun}s are older than their history: whether they changed cannot be told"
    return problems, [Reason("unknown", text, before[0])]


def _subjects(tx: Transaction) -> Iterator[Reason]:
    """Whether verdicts are found by what they are about."""
    said: set[tuple[str, str]] = set()
    for row in tx.stored("verdicts"):
        listed = _parsed(row.values["subjects"])
        said |= {(str(one), str(row.values["id"])) for one in listed} if isinstance(listed, list) else set()
    held = {(str(row.values["subject"]), str(row.values["verdict"])) for row in tx.stored("verdict_subjects")}
    for subject, verdict in sorted(said ^ held):
        how = "is not found by" if (subject, verdict) in said else "is found by"
        end = "" if (subject, verdict) in said else ", which it is not about"
        yield Reason("changed", f"verdict {verdict} {how} its subject {subject}{end}", verdict)


def _approvals(tx: Transaction) -> Iterator[Reason]:
    keys = known_keys(tx)
    for row in tx.stored("approvals"):
        values = {name: value for name, value in row.values.items() if name not in OWN}
        values |= {name: _parsed(values[name]) for name in ("body", "signature")}
        try:
            record = msgspec.convert(values, ApprovalRecord)
        except msgspec.ValidationError:
            continue  # named by the digest of its row
        wrong = tampering(record, tx.project, keys)
        if wrong is not None:
            yield wrong


def _waivers(tx: Transaction, history: _History) -> Iterator[Reason]:
    recorded = {row["subject"]: body for row, body in history.of("claim.recorded") if body.get("kind") == WAIVER}
    for row in tx.stored("claims"):
        values = row.values
        name = str(values["id"])
        if values["kind"] != WAIVER and name not in recorded:
            continue
        body = {"node": values["node"], "consumer": values["a"], "producer": values["b"]}
        evidence = _parsed(values["evidence"])
        told = {key: value for key, value in recorded.get(name, {}).items() if key != "kind"}
        if row.damaged or not _signed(body, evidence, values["by"]):
            yield Reason("changed", f"waiver {name} is not what was signed", name)
        elif told != {**body, "reason": evidence["reason"]}:
            yield Reason("changed", f"waiver {name} is not what the history says of it", name)
        recorded.pop(name, None)
    for name in recorded:
        yield Reason("missing", f"waiver {name} is missing", name)


def _signed(body: Mapping[str, Any], evidence: Any, by: Any) -> bool:
    try:
        signature = Signature.from_dict(evidence["signature"])
        return signature.signer == by and verify(signature, WAIVER, {**body, "reason": evidence["reason"]})
    except (KeyError, TypeError):
        return False


def _rollout_moves(rows: Sequence[StoredRow], history: _History) -> Iterator[Reason]:
    told: dict[tuple[str, int], str | None] = {}
    count = Counter[str]()
    for row, body in history.of(*ROLLED):
        count[row["subject"]] += 1
        told[row["subject"], count[row["subject"]]] = body.get(MOVE)
    for one in rows:
        rollout, revision = str(one.values["rollout"]), one.values["revision"]
        name, place = f"revision {revision} of rollout {rollout}", (rollout, revision)
        if place not in told:
            yield Reason("added", f"{name} is not in the history", rollout)
        elif told.pop(place) != one.digest:
            yield Reason("changed", f"{name} is not what was recorded", rollout)
    for rollout, revision in told:
        yield Reason("missing", f"revision {revision} of rollout {rollout} is missing", rollout)


def _stones(rows: Sequence[StoredRow], history: _History, elsewhere: Collection[str]) -> Iterator[Reason]:
    """What is wrong with the tombstones, which also go again.

    Args:
        rows: The rows.
        history: What the history says.
        elsewhere: Those that other projects lifted, as their histories say.
    """
    told: dict[str, Any] = {}
    for row, body in history.of(WRITTEN, LIFTED):
        said = body.get("rows")
        if not isinstance(said, dict):
            continue  # named by the chain
        if row["kind"] == WRITTEN:
            told |= said
        else:
            told = {name: one for name, one in told.items() if name not in said.get(history.project, ())}
    for one in rows:
        name = str(one.values["object"])
        if name not in told:
            yield Reason("added", f"tombstone {name} is not in the history", name)
        elif told.pop(name) != one.digest:
            yield Reason("changed", f"tombstone {name} is not what was recorded", name)
    for name in sorted(told.keys() - elsewhere):
        yield Reason("missing", f"tombstone {name} is missing", name)


def _lifted_elsewhere(tx: Transaction) -> set[str]:
    """Tombstones of the project that others lifted, because they put the objects again."""
    found = set[str]()
    for project in tx.events.projects():
        if project != tx.project:
            for row in tx.of(project).stored("events"):
                said = _parsed(row.values["body"]) if row.values["kind"] == LIFTED else None
                lifted = said.get("rows") if isinstance(said, dict) else None
                found |= set(lifted.get(tx.project, ())) if isinstance(lifted, dict) else set()
    return found


def _manifests(rows: Sequence[StoredRow], history: _History) -> Iterator[Reason]:
    sealed = {row["subject"]: row for row, _ in history.of("manifest.sealed")}
    for row in rows:
        name, event = str(row.values["id"]), sealed.pop(row.values["id"], None)
        body = _parsed(row.values["body"])
        text = row.values["body"]
        whole = not row.damaged and isinstance(body, dict) and encode_json(body) == text
        if not whole or manifest_id(body) != name:
            yield Reason("changed", f"manifest {name} is not what its id says", name)
        elif event is None:
            yield Reason("added", f"manifest {name} is not in the history", name)
        elif (row.values["by"], row.values["created_at"]) != (event["by"], event["at"]):
            yield Reason("changed", f"manifest {name} was not sealed by {row.values['by']} then", name)
    for name in sealed:
        yield Reason("missing", f"manifest {name} is missing", str(name))


def _heads(moves: Sequence[StoredRow], heads: Sequence[StoredRow], history: _History) -> Iterator[Reason]:
    told: dict[str, list[tuple[Any, ...]]] = {}
    for row, body in history.of("head.moved"):
        place = told.setdefault(str(body.get("environment")), [])
        place.append((body.get("to"), row["at"], row["by"], body.get("reason")))
    held: dict[str, list[tuple[Any, ...]]] = {}
    for move in sorted(moves, key=lambda one: (str(one.values["environment"]), one.values["revision"] or 0)):
        held.setdefault(str(move.values["environment"]), []).append(_moved(move))
        if len(held[str(move.values["environment"])]) != move.values["revision"]:
            name = f"{move.values['environment']} revision {move.values['revision']}"
            yield Reason("missing", f"a move of the head before {name} is missing", name)
    for environment in sorted(told.keys() | held.keys()):
        yield from _compared(environment, told.get(environment, []), held.get(environment, []))
    now = {str(one.values["environment"]): (one.values["revision"], _moved(one)) for one in heads}
    for environment in sorted(now.keys() | held.keys()):
        found = held.get(environment, [])
        if now.get(environment) != ((len(found), found[-1]) if found else None):
            yield Reason("changed", f"the head of '{environment}' is not where it was moved to last", environment)


def _compared(environment: str, told: Sequence[tuple[Any, ...]], held: Sequence[tuple[Any, ...]]) -> Iterator[Reason]:
    for place in range(max(len(told), len(held))):
        name = f"revision {place + 1} of '{environment}'"
        if place >= len(held):
            yield Reason("missing", f"{name} is missing from the moves of the head", environment)
        elif place >= len(told):
            yield Reason("added", f"{name} is not in the history", environment)
        elif told[place] != held[place]:
            yield Reason("changed", f"{name} is not what the history says", environment)


def _moved(row: StoredRow) -> tuple[Any, ...]:
    return tuple(row.values[name] for name in ("manifest", "moved_at", "by", "reason"))


def _parsed(text: Any) -> Any:
    try:
        return decode_json(text) if isinstance(text, str) else None
    except msgspec.DecodeError:
        return None


def _unique(reasons: Sequence[Reason]) -> Iterator[Reason]:
    seen: set[tuple[str, str]] = set()
    for one in reasons:
        if (one.kind, one.text) not in seen:
            seen.add((one.kind, one.text))
            yield one

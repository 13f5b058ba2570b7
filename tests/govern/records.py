"""A record with something of everything in it, for tests that meddle with it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.release.people import Town

from soroi.base.digest import digest
from soroi.base.signing import sign
from soroi.build.claims import WAIVER
from soroi.release.approvals import Wanted, approve
from soroi.release.granting import Reach, grant
from soroi.release.identity import Limits, add_key, create_token, revoke_key, revoke_token
from soroi.release.manifest import Manifest
from soroi.release.rollout import RolloutPlan
from soroi.release.rollout_guards import Reading
from soroi.release.rollout_moves import Asked, Begun, abort_broken, pause_rollout, resume_rollout, start_rollout
from soroi.store import ClaimRecord, HoldRecord, Tombstone
from soroi.store.tombstones import GOING

AUDITED = (
    "events",
    "verdicts",
    "verdict_subjects",
    "approvals",
    "keys",
    "grants",
    "tokens",
    "manifests",
    "heads",
    "head_moves",
    "rollouts",
    "rollout_moves",
    "incidents",
    "holds",
    "tombstones",
)
"""Tables of which every byte is accounted for."""


def fill(town: Town) -> None:
    """Do something of everything."""
    first, second = town.manifest(quick="quick@1", check="check@1"), town.manifest(quick="quick@2", check="check@1")
    judged = [town.verdict(first), town.verdict(first, "latency", "fail")]
    approve(town.store, town.case(first, *judged), runtime=town.as_("ann"), wanted=Wanted("owner", "7d", "well done"))
    town.pass_(minutes=5)
    town.move(first, reason="release")
    grant(town.store, "bob", "approver", runtime=town.as_("ann"), reach=Reach("production", None, "30d"))
    add_key(town.store, "bob", runtime=town.as_("ann"))
    approve(town.store, town.case(second, town.verdict(second)), runtime=town.as_("bob"))
    record, _ = create_token(town.store, "ci", runtime=town.as_("ann"), limits=Limits(["build"], "1d", "nightly"))
    town.pass_(minutes=5)
    town.move(second, by="bob")
    town.move(first, by="ann", reason="back again")
    revoke_token(town.store, record.id, runtime=town.as_("ann"))
    revoke_key(town.store, add_key(town.store, "cid", runtime=town.as_("ann"))[0].id, runtime=town.as_("ann"))
    _waive(town)
    _roll(town, first, second)
    _bury(town)


def _roll(town: Town, base: Manifest, challenger: Manifest) -> None:
    """Begin two rollouts: one is ended by a guard, which opens an incident; one goes on."""
    reading = Reading("check", "errors", True, 9.0, 5.0, 1.5, None, 9, 1, "it errs")
    asked = {"check": Asked(("id",), 50.0)}
    begun = Begun("production", challenger.id, RolloutPlan.of("id", steps=[0.1, 0.5]), asked, "try it")
    broken = start_rollout(town.store, begun, town.as_("ann"))
    ended = abort_broken(town.store, broken, [reading], {}, town.as_("guards"))
    going = start_rollout(town.store, begun, town.as_("ann"))
    resume_rollout(town.store, pause_rollout(town.store, going, town.as_("ann"), reason="tea"), town.as_("ann"))
    with town.store.catalogue.write() as tx:
        incident = tx.incidents.get(str(ended.state["incident"]))
        tx.incidents.close(incident, by="ann", at=town.clock.now(), body={"cause": "a slow model"})


def _bury(town: Town) -> None:
    """Hold something, end that, and leave tombstones of objects and of a version; one goes again."""
    now = town.clock.now()
    with town.store.catalogue.write() as tx:
        tx.holds.add(HoldRecord(id="hold_1", subject="check", reason="case 12", by="ann", at=now))
        tx.holds.add(HoldRecord(id="hold_2", subject="quick", reason="case 13", by="ann", at=now))
        tx.holds.release("hold_2", by="ann", at=now)
        stones = [
            Tombstone(object=name * 20, size=7, body={"state": GOING, "collection": "c1"}, by="ann", at=now)
            for name in ("ab", "cd", "ef")
        ]
        tx.tombstones.add(stones)
        tx.tombstones.mark({"12" * 20: {"state": "gone"}}, "ann", now)
        tx.tombstones.ended(stones[:2], "ann", now)
        tx.tombstones.forget([stones[0].object], "bob", now)


def _waive(town: Town) -> None:
    body = {"node": "check", "consumer": "check@1", "producer": "quick@2", "reason": "they go together"}
    evidence = {"reason": body["reason"], "signature": sign("ann", WAIVER, body).to_dict()}
    name = f"claim_{digest('claim', body)[:16]}"
    now = town.clock.now()
    with town.store.catalogue.write() as tx:
        tx.claims.add(ClaimRecord(name, WAIVER, "check", "check@1", "quick@2", evidence, "ann", now))
        tx.events.append("claim.recorded", name, {"kind": WAIVER, **body}, "ann", now)


@contextmanager
def raw(path: Path) -> Iterator[sqlite3.Connection]:
    """The file behind soroi's back: no keys between tables, text that need not be text."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.text_factory = bytes
    connection.execute("PRAGMA synchronous=OFF")
    try:
        yield connection
    finally:
        connection.close()


def place_of(town: Town) -> Path:
    """The file of the catalogue."""
    return Path(town.store.catalogue.place)

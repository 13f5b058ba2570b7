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
from soroi.store import ClaimRecord

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

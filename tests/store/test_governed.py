"""Keys, grants, tokens and approvals in the catalogue: written with the digest of their row, read back as they were."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.store.conftest import Opening

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store import (
    ApprovalRecord,
    Catalogue,
    GrantRecord,
    KeyRecord,
    ManifestRecord,
    TokenRecord,
    VerdictRecord,
)

NOW = datetime(2026, 1, 1, 12, 30, 15, 123456, tzinfo=UTC)
LATER = NOW + timedelta(days=1)

KEY = KeyRecord(id="ab" * 32, owner="ann", kind="person", by="ann", at=NOW)
GRANT = GrantRecord(id="grant_1", who="bob", role="operator", environment="production", by="ann", at=NOW)
TOKEN = TokenRecord(id="token_1", hash="cd" * 32, who="ci", scopes=["build"], by="ann", at=NOW, expires_at=LATER)
MANIFEST = ManifestRecord("m1", {"picks": {}}, NOW, "ann")
APPROVAL = ApprovalRecord(
    id="approval_1",
    plan="12" * 20,
    environment="production",
    manifest="m1",
    kind="release",
    body={"plan": "12" * 20, "note": "é", "verdicts": []},
    signature={"signer": "ann", "key": "ab" * 32, "value": "00" * 64},
    by="ann",
    at=NOW,
    expires_at=LATER,
)
VERDICT = VerdictRecord(
    id="verdict_1", gate="loads", gate_digest="ee", subjects=["m1"], outcome="pass", judged_by="soroi", at=NOW
)


def filled(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        assert tx.keys.add(KEY)
        assert tx.grants.add(GRANT)
        assert tx.tokens.add(TOKEN)
        assert tx.manifests.add(MANIFEST)
        assert tx.approvals.add(APPROVAL)
        assert tx.verdicts.add(VERDICT)


def test_what_is_written_is_read_back_and_told_in_the_history(catalogue: Catalogue) -> None:
    filled(catalogue)
    with catalogue.read() as tx:
        assert tx.keys.get("abab") == KEY
        assert tx.keys.of("ann") == tx.keys.all() == [KEY]
        assert tx.grants.of("bob") == tx.grants.all() == [GRANT]
        assert tx.tokens.all() == [TOKEN]
        assert tx.tokens.with_hash("cd" * 32) == TOKEN
        assert tx.tokens.with_hash("ce" * 32) is None
        assert tx.approvals.get("approval") == APPROVAL
        assert tx.approvals.all() == tx.approvals.of_manifest("m1") == [APPROVAL]
        assert tx.approvals.of_manifest("m1", "elsewhere") == []
        assert tx.approvals.of_environment("production") == ([APPROVAL], [])
        kinds = [one.kind for one in tx.events.list()]
        assert kinds == ["key.added", "role.granted", "token.created", "approval.given", "verdict.given"]
        assert "cd" * 32 not in str([one.body for one in tx.events.list()])


def test_the_digest_of_a_stored_row_is_the_one_that_its_last_event_holds(catalogue: Catalogue) -> None:
    filled(catalogue)
    with catalogue.write() as tx:
        tx.keys.revoke("abab", by="bob", at=LATER)
        tx.grants.revoke("grant_1", by="bob", at=LATER)
        tx.tokens.revoke("token_1", by="bob", at=LATER)
    with catalogue.read() as tx:
        last = {one.subject: one.body["row"] for one in tx.events.list()}
        for table in ("keys", "grants", "tokens", "approvals", "verdicts"):
            rows = tx.stored(table)
            assert [one.damaged for one in rows] == [()]
            assert rows[0].digest == last[rows[0].values["id"]]


def test_what_is_there_is_not_added_again(catalogue: Catalogue) -> None:
    filled(catalogue)
    with catalogue.write() as tx:
        before = len(tx.events.list())
        added = (tx.keys.add(KEY), tx.grants.add(GRANT), tx.tokens.add(TOKEN), tx.approvals.add(APPROVAL))
        assert added == (False, False, False, False)
        assert tx.verdicts.add(VERDICT) is False
        assert len(tx.events.list()) == before


def test_a_key_has_one_owner_and_stays_revoked(catalogue: Catalogue) -> None:
    filled(catalogue)
    with catalogue.write() as tx:
        with pytest.raises(ConflictError, match="registered to ann"):
            tx.keys.add(KeyRecord(id=KEY.id, owner="eve", kind="person", by="eve", at=NOW))
        done = tx.keys.revoke(KEY.id, by="ann", at=LATER)
        assert (done.revoked_at, done.revoked_by) == (LATER, "ann")
        assert tx.keys.revoke(KEY.id, by="bob", at=LATER) == done
        assert len(tx.events.list(kind="key.revoked")) == 1
        with pytest.raises(ConflictError, match="was revoked by ann"):
            tx.keys.add(KEY)


def test_what_is_over_or_revoked_does_not_hold(catalogue: Catalogue) -> None:
    filled(catalogue)
    assert TOKEN.holds_at(NOW)
    assert not TOKEN.holds_at(LATER)
    assert GRANT.holds_at(LATER)
    with catalogue.write() as tx:
        assert not tx.grants.revoke("grant_1", by="ann", at=NOW).holds_at(NOW)
        assert not tx.tokens.revoke("token_1", by="ann", at=NOW).holds_at(NOW)
        with pytest.raises(UnknownNameError):
            tx.tokens.revoke("token_9", by="ann", at=NOW)


def test_projects_do_not_see_each_others(opening: Opening) -> None:
    filled(opening())
    with opening("other").read() as tx:
        assert not tx.grants.any()
        assert [*tx.keys.all(), *tx.tokens.all(), *tx.approvals.all()] == []
        assert tx.stored("verdicts") == []


def test_grants_that_vanished_are_remembered_by_the_history(catalogue: Catalogue) -> None:
    with catalogue.read() as tx:
        assert not tx.grants.any()
    filled(catalogue)
    with catalogue.write() as tx:
        tx._bound.connection.exec_driver_sql("DELETE FROM grants")
    with catalogue.read() as tx:
        assert tx.grants.all() == []
        assert tx.grants.any()


@pytest.mark.parametrize("column", ["body", "signature"])
def test_an_approval_that_cannot_be_read_is_named(catalogue: Catalogue, column: str) -> None:
    filled(catalogue)
    with catalogue.write() as tx:
        tx._bound.connection.exec_driver_sql(f"UPDATE approvals SET {column} = '{{'")
    with catalogue.read() as tx:
        assert tx.approvals.of_environment("production") == ([], ["approval_1"])

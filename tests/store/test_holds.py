"""Holds: added, released once, found again, and bound to the history."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soroi.base.errors import RefusedError, UnknownNameError
from soroi.store import Catalogue, HoldRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)
HOLD = HoldRecord(id="hold_1", subject="careful@1234", reason="case 12", by="ann", at=NOW)


def test_a_hold_is_added_once_and_released_once(catalogue: Catalogue) -> None:
    later = NOW + timedelta(days=1)
    with catalogue.write() as tx:
        assert tx.holds.add(HOLD)
        assert not tx.holds.add(HOLD)
        assert tx.holds.all(open_only=True) == [HOLD]
        ended = tx.holds.release("hold_1", by="bob", at=later)
        with pytest.raises(RefusedError, match="hold_1 was released already, by bob"):
            tx.holds.release("hold_1", by="cat", at=later)
    with catalogue.read() as tx:
        assert tx.holds.all(open_only=True) == []
        assert tx.holds.all() == [ended] == [tx.holds.get("hold")]
        assert [one.kind for one in tx.events.list()] == ["hold.added", "hold.released"]
    assert (ended.released_by, ended.released_at) == ("bob", later)


def test_an_unknown_hold_is_said(catalogue: Catalogue) -> None:
    with catalogue.read() as tx, pytest.raises(UnknownNameError, match="no hold 'x'"):
        tx.holds.get("x")

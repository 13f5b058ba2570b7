"""Descriptions: the last digest of each node, changed only when it differs."""

from __future__ import annotations

from datetime import UTC, datetime

from soroi.store import Catalogue

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_a_description_is_recorded_when_it_differs(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        assert tx.descriptions.put("careful", "a", NOW)
        assert not tx.descriptions.put("careful", "a", NOW)
        assert tx.descriptions.put("careful", "b", NOW)
        assert tx.descriptions.put("quick", "c", NOW)
    with catalogue.read() as tx:
        assert tx.descriptions.all() == {"careful": "b", "quick": "c"}

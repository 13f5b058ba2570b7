"""Manifests: immutable, found by id or prefix."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store import Catalogue, ManifestRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_manifests_are_added_once_and_found(catalogue: Catalogue) -> None:
    first = ManifestRecord("abc1", {"versions": {"a": "a@1"}}, NOW, "ann")
    second = ManifestRecord("abd2", {"versions": {}}, NOW, "bob")
    with catalogue.write() as tx:
        assert tx.manifests.add(first)
        assert not tx.manifests.add(ManifestRecord("abc1", first.body, NOW, "bob"))
        assert tx.manifests.add(second)
        assert tx.manifests.get("abc") == first
        assert tx.manifests.recent() == [second, first]
        assert tx.manifests.recent(limit=1) == [second]
        with pytest.raises(UnknownNameError, match="begins several manifests"):
            tx.manifests.get("ab")
        with pytest.raises(UnknownNameError, match="no manifest 'x'"):
            tx.manifests.get("x")


def test_one_id_for_two_bodies_is_a_conflict(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        tx.manifests.add(ManifestRecord("m", {"a": 1}, NOW, "ann"))
        with pytest.raises(ConflictError, match="another set"):
            tx.manifests.add(ManifestRecord("m", {"a": 2}, NOW, "ann"))

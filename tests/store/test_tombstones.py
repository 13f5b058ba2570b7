"""Tombstones: of objects for all projects, and marks of versions for one."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import msgspec
import pytest

from soroi.base.errors import StoreError
from soroi.store import Catalogue, Tombstone, VersionRecord
from soroi.store.tombstones import GOING

NOW = datetime(2026, 1, 1, tzinfo=UTC)
STONE = Tombstone(object="ab" * 20, size=7, body={"state": GOING, "collection": "c1"}, by="ann", at=NOW)


def test_a_tombstone_is_seen_by_all_projects_and_ends_once(opening: Callable[..., Catalogue]) -> None:
    demo, other = opening(), opening("other")
    with demo.read() as tx:
        assert not tx.tombstones.any()
    with demo.write() as tx:
        tx.tombstones.add([STONE])
    with other.read() as tx:
        assert tx.tombstones.any()
        assert tx.tombstones.of([STONE.object, "x"]) == {STONE.object: STONE}
        assert tx.tombstones.going() == []
    with demo.write() as tx:
        assert tx.tombstones.going() == [STONE]
        tx.tombstones.ended([STONE], "ann", NOW + timedelta(1))
        assert tx.tombstones.going() == []
    with other.write() as tx:
        assert tx.tombstones.of([STONE.object])[STONE.object].is_gone
        tx.tombstones.forget([STONE.object], "bob", NOW)
        assert not tx.tombstones.any()


def test_one_that_is_going_counts_before_one_that_is_gone(opening: Callable[..., Catalogue]) -> None:
    for project, body, at in (("demo", {"state": GOING}, NOW), ("other", {"state": "gone"}, NOW + timedelta(1))):
        with opening(project).write() as tx:
            tx.tombstones.add([msgspec.structs.replace(STONE, body=body, at=at)])
            found = tx.tombstones.of([STONE.object])[STONE.object]
    assert not found.is_gone


def test_versions_are_marked_in_their_own_project_and_unmarked(opening: Callable[..., Catalogue]) -> None:
    demo, other = opening(), opening("other")
    record = VersionRecord(
        id="a@1",
        digest="d1",
        node="a",
        kind="model",
        recipe="r",
        definition="f",
        output="o",
        run="run_1",
        by="ann",
        at=NOW,
    )
    for one in (demo, other):
        with one.write() as tx:
            tx.versions.add(record)
    with demo.write_all() as tx:
        tx.of("other").tombstones.mark({"d1": {"state": "gone"}}, "ann", NOW)
        assert tx.tombstones.marked() == {}
        assert tx.tombstones.going() == []
    with other.write() as tx:
        assert list(tx.tombstones.marked()) == list(tx.tombstones.marked(["a@1", "b"])) == ["a@1"]
        with pytest.raises(StoreError, match="opened for reading"):
            tx.of("demo").tombstones.forget(["x"], "bob", NOW)
        tx.tombstones.unmark(["a@1"], "bob", NOW)
        assert not tx.tombstones.any()

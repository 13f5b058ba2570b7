"""The catalogue: its transactions, settings and failures."""

from __future__ import annotations

import sqlite3
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.store.conftest import Opening

from soroi.base.errors import ConfigError, StoreError
from soroi.store import Catalogue, ManifestRecord, open_catalogue

NOW = datetime(2026, 1, 1, tzinfo=UTC)


def test_sqlite_is_set_up_to_be_safe(tmp_path: Path) -> None:
    catalogue = open_catalogue(tmp_path / "here.sqlite", "demo")
    with catalogue.read() as tx:
        ask = tx._bound.connection.exec_driver_sql
        assert ask("PRAGMA journal_mode").scalar() == "wal"
        assert ask("PRAGMA foreign_keys").scalar() == 1
        assert ask("PRAGMA synchronous").scalar() == 2
        assert ask("PRAGMA busy_timeout").scalar() == 30_000


def test_a_block_that_raises_changes_nothing(catalogue: Catalogue) -> None:
    def half() -> None:
        with catalogue.write() as tx:
            tx.manifests.add(ManifestRecord("m1", {}, NOW, "ann"))
            tx.events.append("sealed", "m1", {}, "ann", NOW)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        half()
    with catalogue.read() as tx:
        assert tx.manifests.recent() == []
        assert tx.events.list() == []
        assert tx.events.verify() == []


def test_a_reading_transaction_sees_one_moment(catalogue: Catalogue) -> None:
    with catalogue.read() as before:
        assert before.manifests.recent() == []
        with catalogue.write() as tx:
            tx.manifests.add(ManifestRecord("m1", {}, NOW, "ann"))
        assert before.manifests.recent() == []
    with catalogue.read() as after:
        assert [one.id for one in after.manifests.recent()] == ["m1"]


def test_each_query_of_a_glance_sees_the_moment_at_which_it_is_run(opening: Opening) -> None:
    one, other = opening(), opening()
    with one.glance() as tx:
        assert tx.manifests.recent() == []
        with other.write() as writing:
            writing.manifests.add(ManifestRecord("m", {}, NOW, "ann"))
        assert [found.id for found in tx.manifests.recent()] == ["m"]
        with pytest.raises(StoreError, match="opened for reading"):
            tx.manifests.add(ManifestRecord("n", {}, NOW, "ann"))
    with one.read() as tx:  # the same connection: all of it is of one moment again
        assert len(tx.manifests.recent()) == 1
        with other.write() as writing:
            writing.manifests.add(ManifestRecord("n", {}, NOW, "ann"))
        assert len(tx.manifests.recent()) == 1


def test_a_reading_transaction_refuses_to_write(catalogue: Catalogue) -> None:
    with catalogue.read() as tx, pytest.raises(StoreError, match="opened for reading"):
        tx.manifests.add(ManifestRecord("m1", {}, NOW, "ann"))


def test_a_writing_transaction_inside_another_is_refused_at_once(catalogue: Catalogue) -> None:
    with catalogue.write(), pytest.raises(StoreError, match="already open in this thread"), catalogue.write():
        pass
    with catalogue.write() as tx:
        assert tx.manifests.add(ManifestRecord("m1", {}, NOW, "ann"))


def test_projects_share_a_catalogue_without_seeing_each_other(opening: Opening) -> None:
    one, two = opening("one"), opening("two")
    with one.write() as tx:
        assert tx.project == "one"
        tx.manifests.add(ManifestRecord("m", {"of": "one"}, NOW, "ann"))
        tx.heads.move("production", "m", expected_revision=0, by="ann", at=NOW, reason="")
        tx.events.append("moved", None, {}, "ann", NOW)
    with two.write() as tx:
        assert tx.manifests.recent() == []
        assert tx.heads.all() == []
        assert tx.events.append("first", None, {}, "bob", NOW).seq == 1
        assert tx.manifests.add(ManifestRecord("m", {"of": "two"}, NOW, "bob"))
    with one.read() as tx:
        assert tx.manifests.get("m").body == {"of": "one"}
        assert tx.events.verify() == []


def test_times_are_given_back_in_utc_and_need_a_zone(catalogue: Catalogue) -> None:
    local = datetime.fromisoformat("2026-01-01T12:00:00.123456+09:00")
    with catalogue.write() as tx:
        tx.manifests.add(ManifestRecord("m1", {}, local, "ann"))
        with pytest.raises(Exception, match="no time zone"):
            tx.manifests.add(ManifestRecord("m2", {}, local.replace(tzinfo=None), "ann"))
    with catalogue.read() as tx:
        kept = tx.manifests.get("m1").created_at
    assert kept == local
    assert kept.isoformat() == "2026-01-01T03:00:00.123456+00:00"


def test_an_address_may_be_a_url(tmp_path: Path) -> None:
    address = f"sqlite:///{tmp_path}/by-url.sqlite"
    open_catalogue(address, "demo").close()
    assert (tmp_path / "by-url.sqlite").is_file()


@pytest.mark.parametrize("address", ["sqlite://", "sqlite:///:memory:", "://x"])
def test_an_address_that_cannot_be_is_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        open_catalogue(address, "demo")


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "catalogue.sqlite"
    path.write_bytes(b"this is not a database, not at all" * 100)
    with pytest.raises(StoreError, match="damaged") as raised:
        open_catalogue(path, "demo")
    assert str(path) in str(raised.value)
    assert raised.value.hint


def test_a_catalogue_that_stays_locked_is_an_error_that_says_so(tmp_path: Path) -> None:
    catalogue = open_catalogue(tmp_path / "c.sqlite", "demo")
    other = sqlite3.connect(tmp_path / "c.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with catalogue.read() as tx:
        tx._bound.connection.exec_driver_sql("PRAGMA busy_timeout=50")
    with pytest.raises(StoreError, match="stayed locked"), catalogue.write():
        pass
    other.close()


def test_opening_again_is_quick_and_does_not_load_alembic(database: str) -> None:
    open_catalogue(database, "demo").close()
    script = """
import sys, time
from soroi.store import open_catalogue
before = time.process_time()
open_catalogue(sys.argv[1], "demo").close()
print(time.process_time() - before, "alembic" in sys.modules)
"""
    command = [sys.executable, "-c", script, database]
    seconds, alembic = subprocess.run(command, check=True, capture_output=True, text=True).stdout.split()
    assert alembic == "False"
    assert float(seconds) < (0.15 if database.startswith("sqlite") else 0.6)  # the driver of a server is larger

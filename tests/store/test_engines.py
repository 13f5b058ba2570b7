"""Databases: set up to behave alike, their secrets never shown, their failures named."""

from __future__ import annotations

import contextlib
import logging
import threading
import traceback
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy import Engine, event
from tests.backends import PASSWORD, Postgres, Servers
from tests.store.conftest import Opening

from soroi.base.errors import ConfigError, StorageFullError, StoreError
from soroi.store import Catalogue, ManifestRecord, StoreConfig, VersionRecord, engines, open_catalogue
from soroi.store.engines import database_url, make_engine

NOW = datetime(2026, 1, 1, tzinfo=UTC)
Fresh = Callable[[], str]


def put(catalogue: Catalogue, name: str) -> None:
    with catalogue.write() as tx:
        tx.manifests.add(ManifestRecord(name, {}, NOW, "ann"))


def names(catalogue: Catalogue) -> list[str]:
    with catalogue.read() as tx:
        return [one.id for one in tx.manifests.recent()]


def test_a_server_that_was_restarted_is_connected_to_again(servers: Servers, postgres: Fresh) -> None:
    with contextlib.closing(open_catalogue(postgres(), "demo")) as catalogue:
        put(catalogue, "before")
        servers.postgres.restart()
        assert names(catalogue) == ["before"]
        put(catalogue, "after")
        assert names(catalogue) == ["after", "before"]


def test_so_is_it_for_a_single_query_once_the_connection_has_rested(
    servers: Servers, postgres: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    with contextlib.closing(open_catalogue(postgres(), "demo")) as catalogue:
        put(catalogue, "before")

        def glanced() -> list[str]:
            with catalogue.glance() as tx:
                return [one.id for one in tx.manifests.recent()]

        assert glanced() == ["before"]
        servers.postgres.restart()
        with pytest.raises(StoreError, match="cannot be reached"):
            glanced()
        assert glanced() == ["before"]  # what was lost is told once
        servers.postgres.restart()
        monkeypatch.setattr(engines, "TRUSTED_SECONDS", 0.0)
        assert glanced() == ["before"]


def test_a_server_lost_within_a_transaction_is_an_error_and_nothing_is_half_done(
    servers: Servers, postgres: Fresh
) -> None:
    with contextlib.closing(open_catalogue(postgres(), "demo")) as catalogue:

        def half() -> None:
            with catalogue.write() as tx:
                tx.manifests.add(ManifestRecord("half", {}, NOW, "ann"))
                servers.postgres.restart()
                tx.manifests.add(ManifestRecord("other", {}, NOW, "ann"))

        with pytest.raises(StoreError, match="cannot be reached") as raised:
            half()
        assert "do the same again" in str(raised.value.hint)
        assert names(catalogue) == []


def test_writers_of_one_project_wait_for_each_other_and_those_of_another_do_not(
    postgres: Fresh,
) -> None:
    address = postgres()
    with contextlib.ExitStack() as stack:
        opened = [open_catalogue(address, project) for project in ("demo", "demo", "other")]
        for one in opened:
            stack.callback(one.close)
        _second_waits(*opened)


def _second_waits(mine: Catalogue, same: Catalogue, other: Catalogue) -> None:
    begun, done = threading.Event(), threading.Event()

    def second() -> None:
        begun.set()
        put(same, "second")
        done.set()

    with mine.write() as tx:
        thread = threading.Thread(target=second)
        thread.start()
        begun.wait(10)
        put(other, "elsewhere")
        assert not done.wait(0.3)
        tx.manifests.add(ManifestRecord("first", {}, NOW, "ann"))
    thread.join(10)
    assert names(mine) == ["second", "first"]


def test_a_server_that_stays_locked_is_an_error_that_says_so(postgres: Fresh, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("soroi.store.engines.BUSY_SECONDS", 0.1)
    address = postgres()
    with (
        contextlib.closing(open_catalogue(address, "demo")) as one,
        contextlib.closing(open_catalogue(address, "demo")) as two,
        one.write(),
        pytest.raises(StoreError, match="stayed locked"),
        two.write(),
    ):
        pass


def test_readers_do_not_wait_and_cannot_write(postgres: Fresh) -> None:
    with contextlib.closing(open_catalogue(postgres(), "demo")) as catalogue, catalogue.write() as tx:
        tx.manifests.add(ManifestRecord("m", {}, NOW, "ann"))
        seen: list[list[str]] = []
        thread = threading.Thread(target=lambda: seen.append(names(catalogue)))
        thread.start()
        thread.join(10)
        assert seen == [[]]
        with pytest.raises(StoreError, match="read-only"), catalogue.read() as reading:
            reading._bound.connection.exec_driver_sql("DELETE FROM manifests")


def test_a_transaction_that_is_committed_stays_though_the_server_is_killed(servers: Servers, postgres: Fresh) -> None:
    with contextlib.closing(open_catalogue(postgres(), "demo")) as catalogue:
        put(catalogue, "m")
        assert servers.postgres.process is not None
        servers.postgres.process.kill()
        servers.postgres.restart()
        assert names(catalogue) == ["m"]


def test_text_is_ordered_by_code_points_whatever_the_language_of_the_database(opening: Opening) -> None:
    catalogue, order = opening(), ["A", "B", "_", "a", "a b", "ab", "b", "é", "ω", "𝔸"]
    statements: list[str] = []
    event.listen(catalogue._engine, "before_cursor_execute", lambda *got: statements.append(got[2]))
    with catalogue.write() as tx:
        for name in reversed(order):
            tx.versions.add(
                VersionRecord(
                    id=f"{name}@1",
                    digest=name,
                    node=name,
                    kind="model",
                    recipe="r",
                    definition="d",
                    output="o",
                    run="r",
                    by="x",
                    at=NOW,
                )
            )
        tx.manifests.add(ManifestRecord("m", {}, NOW, "ann"))
        tx.staging.change({name: f"{name}@1" for name in reversed(order)}, 0, by="ann", at=NOW)
        for name in reversed(order):
            tx.heads.move(name, "m", expected_revision=0, by="ann", at=NOW)
    statements.clear()
    with catalogue.read() as tx:
        assert list(tx.staging.get().picks) == order
        assert [one.node for one in tx.staging.history()] == order
        assert [one.environment for one in tx.heads.all()] == order
        with pytest.raises(LookupError, match=r"'a b@1', 'a@1', 'ab@1'"):
            tx.versions.get("a")
    ordered = [one.split("ORDER BY")[1] for one in statements if "ORDER BY" in one and "edges.position" not in one]
    assert len(ordered) == 4
    if catalogue.place.startswith("postgresql"):
        assert all('COLLATE "C"' in one for one in ordered)


def test_letters_case_and_wildcards_count_in_ids(opening: Opening) -> None:
    catalogue = opening()
    with catalogue.write() as tx:
        for name in ("Abc", "abd", "a%e", "a_f"):
            tx.manifests.add(ManifestRecord(name, {}, NOW, "ann"))
        assert tx.manifests.get("A").id == "Abc"
        assert tx.manifests.get("a%").id == "a%e"
        assert tx.manifests.get("a_").id == "a_f"
        assert tx.manifests.get("ab").id == "abd"


@pytest.mark.parametrize(
    ("how", "says", "hint"),
    [
        ("password", "did not let the user in", "SOROI_CATALOGUE_PASSWORD"),
        ("user", "did not let the user in", "SOROI_CATALOGUE_PASSWORD"),
        ("database", "has no such database", "CREATE DATABASE"),
        ("port", "cannot be reached", "the server runs"),
    ],
)
def test_what_a_server_refuses_is_named_with_its_remedy(
    postgres: Fresh, monkeypatch: pytest.MonkeyPatch, how: str, says: str, hint: str
) -> None:
    address = postgres()
    match how:
        case "password":
            monkeypatch.setenv("SOROI_CATALOGUE_PASSWORD", "wrong-secret")
        case "user":
            address = address.replace("soroi@", "nobody@")
        case "database":
            address = address.rsplit("/", 1)[0] + "/nowhere"
        case "port":
            address = "postgresql+psycopg://soroi@127.0.0.1:1/x"
    with pytest.raises(StoreError, match=says) as raised:
        open_catalogue(address, "demo")
    assert hint in str(raised.value.hint)
    assert "wrong-secret" not in "".join(traceback.format_exception(raised.value))


def test_a_right_that_is_lacking_is_named(servers: Servers, postgres: Fresh) -> None:
    address = postgres()
    open_catalogue(address, "demo").close()
    database = Postgres.name_of(address)
    servers.postgres.admin(
        "REASSIGN OWNED BY soroi TO postgres", "GRANT SELECT ON ALL TABLES IN SCHEMA public TO soroi", database=database
    )
    with contextlib.closing(open_catalogue(address, "demo")) as catalogue:
        assert names(catalogue) == []
        with pytest.raises(StoreError, match="lacks a right") as raised:
            put(catalogue, "m")
    assert "GRANT" in str(raised.value.hint)


def test_a_full_disk_of_a_server_is_told_as_such() -> None:
    from sqlalchemy.exc import OperationalError

    from soroi.store.failures import naming

    class DiskFull(Exception):
        sqlstate = "53100"

    with pytest.raises(StorageFullError), naming("postgresql://x"):
        raise OperationalError("INSERT", {}, DiskFull("could not write"))


def test_the_password_comes_from_the_environment_or_a_file(
    postgres: Fresh, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    address, file = postgres(), tmp_path / "secret"
    file.write_text(f"{PASSWORD}\n")
    monkeypatch.delenv("SOROI_CATALOGUE_PASSWORD")
    with pytest.raises(StoreError, match="did not let the user in"):
        open_catalogue(address, "demo")
    open_catalogue(f"{address}?password_file={file}", "demo").close()
    with pytest.raises(ConfigError, match="cannot be read"):
        open_catalogue(f"{address}?password_file={tmp_path}/none", "demo")
    open_catalogue(address.replace("soroi@", f"soroi:{PASSWORD}@"), "demo").close()


def test_a_password_is_shown_nowhere(
    postgres: Fresh, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.delenv("SOROI_CATALOGUE_PASSWORD")
    caplog.set_level(logging.DEBUG)
    address = postgres_with_password = postgres_address(postgres())
    with contextlib.closing(open_catalogue(postgres_with_password, "demo")) as catalogue:
        put(catalogue, "m")
        config = StoreConfig(Path("x"), "demo", postgres_with_password)
        shown = [repr(config), catalogue.place, repr(catalogue), repr(catalogue._engine), str(catalogue._engine.url)]
    with pytest.raises(StoreError) as raised:
        open_catalogue(f"{address}x", "demo")
    shown += traceback.format_exception(raised.value)
    with pytest.raises(ConfigError) as refused:
        open_catalogue(f"mysql://soroi:{PASSWORD}@h/d", "demo")
    shown += [*traceback.format_exception(refused.value), caplog.text]
    assert PASSWORD not in "".join(shown)


def postgres_address(address: str) -> str:
    """An address with its password."""
    return address.replace("soroi@", f"soroi:{PASSWORD}@")


@pytest.mark.parametrize("address", ["mysql://h/d", "nonsense", "://x", "postgresql://h:port/d", "sqlite://"])
def test_an_address_of_no_known_database_is_refused(address: str) -> None:
    if "://" in address:
        with pytest.raises(ConfigError):
            database_url(address)
    else:
        assert database_url(address).get_backend_name() == "sqlite"


def test_a_driver_that_is_missing_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(ConfigError, match="psycopg") as raised:
        make_engine(database_url("postgresql://soroi@h/d"))
    assert "soroi[postgres]" in str(raised.value.hint)


def test_times_of_a_server_in_another_zone_are_given_in_utc(opening: Opening) -> None:
    catalogue = opening()
    put(catalogue, "m")
    with catalogue.read() as tx:
        assert tx.manifests.get("m").created_at.isoformat() == "2026-01-01T00:00:00+00:00"
        assert isinstance(tx._bound.connection.engine, Engine)

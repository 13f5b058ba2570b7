from __future__ import annotations

import socket
import sqlite3
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tests.backends import Servers
from tests.cli.commands import Run

import soroi as so
from soroi.project import doctor, store_checks
from soroi.store import Objects


def test_a_released_project_is_well(run: Run, released: Path) -> None:
    done = run("doctor", "--project", released, "--json")
    assert done.code == 0, done.out
    assert done.data["ok"] is True
    names = {one["name"] for one in done.data["checks"]}
    assert {"python", "libraries", "declarations", "store", "disk", "object store", "history", "production"} <= names
    assert "All is well." in run("doctor", "--project", released).out


def test_without_a_project_the_installation_is_looked_at(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = run("doctor", "--json")
    assert done.code == 0
    assert {one["name"] for one in done.data["checks"]} >= {"python", "project"}


def test_a_project_that_was_named_and_is_none_is_wrong(run: Run, tmp_path: Path) -> None:
    assert run("doctor", "--project", tmp_path).code == 1


def test_a_changed_byte_of_what_is_live_is_named(run: Run, released: Path) -> None:
    _, model = _live(run, released)
    with so.open(released) as project:
        digest = next(held for name, held in project.version(model).outputs.items() if name.startswith("file:"))
    (target,) = (released / ".soroi" / "objects").rglob(digest)
    body = bytearray(target.read_bytes())
    body[len(body) // 2] ^= 1
    target.write_bytes(bytes(body))
    done = run("doctor", "--project", released, "--json")
    assert done.code == 1
    wrong = [one["seen"] for one in done.data["checks"] if one["outcome"] == "fail"]
    assert any(model in text for text in wrong)


def _live(run: Run, folder: Path) -> tuple[str, str]:
    plan = run("plan", "--project", folder, "--json").data
    return plan["live"], next(one["live"] for one in plan["nodes"] if one["node"] == "risk")


def test_a_broken_declaration_is_told_with_its_place(run: Run, released: Path) -> None:
    (released / "project.py").write_text("import soroi as so\nraise ValueError('oh')\n")
    done = run("doctor", "--project", released, "--json")
    assert done.code == 1
    (wrong,) = [one for one in done.data["checks"] if one["outcome"] == "fail"]
    assert wrong["seen"].startswith("project.py:2")


def test_a_disk_that_is_nearly_full_is_wrong(run: Run, released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(store_checks, "TOO_LITTLE", 1 << 60)
    done = run("doctor", "--project", released, "--json")
    assert done.code == 1
    assert any(one["name"] == "disk" and one["outcome"] == "fail" for one in done.data["checks"])


def test_a_library_that_is_missing_is_named(run: Run, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setitem(doctor.NEEDED, "soroi_lost_module", "lost")
    done = run("doctor", "--json")
    assert done.code == 1
    assert any("lost" in one["seen"] for one in done.data["checks"])


@pytest.fixture
def shared(run: Run, released: Path, servers: Servers, postgres: Callable[[], str]) -> Path:
    """A released project on servers."""
    places = ("--catalogue", postgres(), "--objects", servers.bucket("moto").fresh())
    done = run("store", "move", "--project", released, *places, "--json")
    assert done.code == 0, done.err
    with (released / "soroi.toml").open("a") as file:
        file.write("\n" + done.data["settings"])
    return released


def found(run: Run, folder: Path) -> tuple[int, dict[str, tuple[str, str, str | None]]]:
    done = run("doctor", "--project", folder, "--json")
    return done.code, {one["name"]: (one["outcome"], one["seen"], one["remedy"]) for one in done.data["checks"]}


def test_servers_are_asked_for_version_rights_clock_and_time(run: Run, shared: Path) -> None:
    code, checks = found(run, shared)
    assert code == 0
    assert checks["catalogue"][1].startswith("postgresql+psycopg://soroi@127.0.0.1")
    assert "PostgreSQL 18" in checks["catalogue"][1]
    assert checks["rights"] == ("ok", "rows can be written, tables can be made", None)
    assert checks["clock"][0] == "ok"
    assert checks["objects"][1].startswith("s3://bucket-")
    assert " ms" in checks["objects"][1]


@pytest.mark.parametrize(("ahead", "outcome", "code"), [(5, "warn", 0), (-5, "warn", 0), (90, "fail", 1)])
def test_a_clock_that_differs_from_the_server_s_is_told(shared: Path, ahead: int, outcome: str, code: int) -> None:
    class Wrong:
        def now(self) -> datetime:
            return datetime.now(UTC) - timedelta(seconds=ahead)

    with so.open(shared) as project:
        project.runtime = replace(project.runtime, clock=Wrong())
        (check,) = [one for one in store_checks.catalogue(project) if one.name == "clock"]
    assert check.outcome == outcome
    assert f"{abs(ahead)}." in check.seen or f"{abs(ahead) - 1}.9" in check.seen
    assert ("ahead of" if ahead > 0 else "behind") in check.seen
    assert code == (1 if check.outcome == "fail" else 0)


def test_rights_that_are_lacking_are_told(
    run: Run, shared: Path, servers: Servers, monkeypatch: pytest.MonkeyPatch
) -> None:
    with so.open(shared) as project:
        database = servers.postgres.name_of(project.store.catalogue.place)
    grant = "GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO soroi"
    servers.postgres.admin("REASSIGN OWNED BY soroi TO postgres", grant, database=database)
    assert found(run, shared)[1]["rights"][0] == "warn"
    servers.postgres.admin("REVOKE INSERT ON descriptions FROM soroi", database=database)
    code, checks = found(run, shared)
    assert (code, checks["rights"][0]) == (1, "fail")
    assert "permission denied" in checks["rights"][1]


def test_servers_that_do_not_let_us_in_are_told_without_secrets(
    run: Run, shared: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOROI_CATALOGUE_PASSWORD", "wrong-secret")
    code, checks = found(run, shared)
    assert code == 1
    assert checks["catalogue"][0] == "fail"
    assert "SOROI_CATALOGUE_PASSWORD" in str(checks["catalogue"][2])
    assert checks["declarations"][0] == checks["objects"][0] == "ok"
    assert "wrong-secret" not in str(checks)


def test_a_catalogue_of_a_newer_soroi_is_told(run: Run, released: Path) -> None:
    with sqlite3.connect(released / ".soroi" / "catalogue.sqlite") as direct:
        direct.execute("UPDATE alembic_version SET version_num = '9999'")
    direct.close()
    code, checks = found(run, released)
    assert code == 1
    assert "schema 9999" in checks["catalogue"][1]


def test_a_store_that_lets_two_writers_win_is_told(run: Run, released: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def careless(objects: Objects, key: str, data: bytes) -> bool:
        objects._replace(key, data)
        return True

    monkeypatch.setattr(Objects, "_create", careless)
    code, checks = found(run, released)
    assert code == 1
    assert "lets two writers put the same key" in checks["objects"][1]


def test_a_run_that_was_killed_is_told(run: Run, released: Path) -> None:
    from soroi.store import RunRecord

    with so.open(released) as project, project.store.catalogue.write() as tx:
        host, now = socket.gethostname(), datetime.now(UTC)
        tx.runs.start(RunRecord(id="run_gone", by="ann", host=host, pid=2**22 + 1, started_at=now))
    code, checks = found(run, released)
    assert (code, checks["runs"][0]) == (0, "warn")
    assert "its process is gone" in checks["runs"][1]

"""Migrations: numbered, packaged, equal to the models."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from soroi.base.errors import StoreError
from soroi.store import (
    Catalogue,
    ClaimRecord,
    EdgeRecord,
    ManifestRecord,
    RunNodeRecord,
    RunRecord,
    VerdictRecord,
    VersionRecord,
    open_catalogue,
)
from soroi.store.migrate import HEAD, alembic_config, revision
from soroi.store.schema import metadata

NOW = datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=UTC)


def test_migrations_make_exactly_the_tables_of_the_models(untouched: str, engine: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    open_catalogue(untouched, "demo").close()
    with engine.connect() as connection:
        options = {"compare_type": True, "compare_server_default": True, "render_as_batch": True}
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        constraints = inspect(connection).get_foreign_keys("edges")
        names = {one["name"] for one in constraints}
        assert names == {"fk_edges_project_version_versions", "fk_edges_project_producer_versions"}


def test_the_newest_migration_is_the_one_the_code_asks_for(tmp_path: Path) -> None:
    from alembic.script import ScriptDirectory

    engine = create_engine(f"sqlite:///{tmp_path}/c.sqlite")
    with engine.connect() as connection:
        scripts = ScriptDirectory.from_config(alembic_config(connection))
    assert scripts.get_heads() == [HEAD]


def test_migrations_go_down_and_up_again(untouched: str, engine: Engine) -> None:
    from alembic import command

    open_catalogue(untouched, "demo").close()
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
        assert revision(connection) is None
    open_catalogue(untouched, "demo").close()
    with engine.connect() as connection:
        assert revision(connection) == HEAD
        assert set(metadata.tables) < set(inspect(connection).get_table_names())


def test_a_catalogue_of_a_newer_soroi_is_refused_and_left_alone(untouched: str, engine: Engine) -> None:
    open_catalogue(untouched, "demo").close()
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="schema 9999") as raised:
        open_catalogue(untouched, "demo")
    assert "newer soroi" in str(raised.value.hint)
    with engine.connect() as connection:
        assert revision(connection) == "9999"


def test_processes_that_open_a_new_catalogue_at_once_all_succeed(untouched: str) -> None:
    script = (
        "import sys; from soroi.store import open_catalogue;"
        "print('ready', flush=True); input(); open_catalogue(sys.argv[1], 'demo').close()"
    )
    command = [sys.executable, "-W", "error", "-c", script, untouched]
    pipe = subprocess.PIPE
    running = [subprocess.Popen(command, text=True, stdin=pipe, stdout=pipe, stderr=pipe) for _ in range(4)]
    for one in running:
        assert one.stdout is not None
        assert one.stdout.readline() == "ready\n"
    for one in running:
        assert one.stdin is not None
        one.stdin.write("go\n")
        one.stdin.flush()
    errors = [one.communicate(timeout=60)[1] for one in running]
    assert [one.returncode for one in running] == [0] * 4, errors


def test_what_a_catalogue_holds_survives_every_migration(untouched: str, engine: Engine) -> None:
    from alembic import command

    with contextlib.closing(open_catalogue(untouched, "demo")) as catalogue:
        fill(catalogue)
        before = held(catalogue)
    assert all(before.values())
    for earlier in ("0001",):
        with engine.begin() as connection:
            command.downgrade(alembic_config(connection), earlier)
            assert revision(connection) == earlier
        with contextlib.closing(open_catalogue(untouched, "demo")) as catalogue:
            assert held(catalogue) == before
            with catalogue.write() as tx:
                assert tx.events.verify() == []
                assert tx.events.append("more", None, {}, "ann", NOW).seq == len(before["events"]) + 1


def fill(catalogue: Catalogue) -> None:
    """Something in every table that the first migration made."""
    with catalogue.write() as tx:
        tx.runs.start(RunRecord(id="r", request={"é": [1, None]}, by="ann", host="h", pid=1, started_at=NOW))
        tx.runs.put_node(RunNodeRecord(run="r", node="a", status="built", version="a@1", seconds=0.1))
        above: list[EdgeRecord] = []
        for name, edges in (("a@1", above), ("b@1", [EdgeRecord("reads", "a", "a@1")])):
            one: dict[str, Any] = {
                "kind": "model",
                "recipe": "r",
                "definition": "d",
                "output": "o",
                "run": "r",
                "by": "ann",
            }
            tx.versions.add(VersionRecord(id=name, digest=name, node=name[0], at=NOW, edges=edges, **one))
        tx.manifests.add(ManifestRecord("m", {"picks": {"a": "a@1"}}, NOW, "ann"))
        tx.staging.change({"a": "a@1"}, 0, by="ann", at=NOW)
        tx.staging.seal("m", 1)
        tx.heads.move("production", "m", expected_revision=0, by="ann", at=NOW)
        tx.claims.add(ClaimRecord("c", "waiver", "b", "b@1", "b@2", {}, "ann", NOW))
        judged: dict[str, Any] = {"outcome": "pass", "figures": {"f": 0.5}, "data": {}, "judged_by": "ann", "at": NOW}
        tx.verdicts.add(VerdictRecord(id="v", gate="g", gate_digest="d", subjects=["a@1"], **judged))
        for number in range(3):
            tx.events.append("done", "a", {"n": number, "text": "naïve \u0000"}, "ann", NOW)


def held(catalogue: Catalogue) -> dict[str, Any]:
    """What a catalogue gives back."""
    with catalogue.read() as tx:
        return {
            "runs": tx.runs.recent(),
            "nodes": tx.runs.nodes("r"),
            "versions": tx.versions.all(),
            "consumers": tx.versions.consumers("a@1"),
            "manifests": tx.manifests.recent(),
            "staging": tx.staging.get(),
            "changes": tx.staging.history(),
            "heads": tx.heads.all(),
            "moves": tx.heads.history("production"),
            "claims": tx.claims.all(),
            "verdicts": tx.verdicts.of("a@1"),
            "events": tx.events.list(),
        }


def test_the_tables_can_be_made_on_postgresql() -> None:
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    statements = [str(CreateTable(table).compile(dialect=dialect)) for table in metadata.sorted_tables]
    statements += [str(CreateIndex(i).compile(dialect=dialect)) for t in metadata.sorted_tables for i in t.indexes]
    joined = "\n".join(statements)
    assert "TIMESTAMP WITH TIME ZONE" in joined
    assert "seq BIGSERIAL" in joined
    assert all(len(str(name)) < 64 for table in metadata.sorted_tables for name in _names(table))


def _names(table: object) -> list[object]:
    return [one.name for one in (*table.constraints, *table.indexes)]  # type: ignore[attr-defined]


def test_every_table_has_a_project() -> None:
    assert all("project" in table.columns for table in metadata.sorted_tables)

"""Migrations: numbered, packaged, equal to the models."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.dialects import postgresql
from sqlalchemy.schema import CreateIndex, CreateTable

from soroi.base.errors import StoreError
from soroi.store import open_catalogue
from soroi.store.migrate import HEAD, alembic_config, revision
from soroi.store.schema import metadata


def test_migrations_make_exactly_the_tables_of_the_models(tmp_path: Path) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    open_catalogue(tmp_path / "c.sqlite", "demo").close()
    engine = create_engine(f"sqlite:///{tmp_path}/c.sqlite")
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


def test_migrations_go_down_and_up_again(tmp_path: Path) -> None:
    from alembic import command

    path = tmp_path / "c.sqlite"
    open_catalogue(path, "demo").close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        command.downgrade(alembic_config(connection), "base")
        assert inspect(connection).get_table_names() == ["alembic_version"]
        assert revision(connection) is None
    open_catalogue(path, "demo").close()
    with engine.connect() as connection:
        assert revision(connection) == HEAD
        assert set(metadata.tables) < set(inspect(connection).get_table_names())


def test_a_catalogue_of_a_newer_soroi_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "c.sqlite"
    open_catalogue(path, "demo").close()
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreError, match="schema 9999") as raised:
        open_catalogue(path, "demo")
    assert "newer soroi" in str(raised.value.hint)
    with engine.connect() as connection:
        assert revision(connection) == "9999"


def test_processes_that_open_a_new_catalogue_at_once_all_succeed(tmp_path: Path) -> None:
    script = (
        "import sys; from pathlib import Path; from soroi.store import open_catalogue;"
        "open_catalogue(Path(sys.argv[1]), 'demo').close()"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "c.sqlite")]
    running = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    errors = [one.communicate()[1] for one in running]
    assert [one.returncode for one in running] == [0] * 4, errors


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

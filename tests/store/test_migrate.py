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
    ApprovalRecord,
    Catalogue,
    ClaimRecord,
    EdgeRecord,
    GrantRecord,
    HoldRecord,
    IncidentRecord,
    KeyRecord,
    ManifestRecord,
    RolloutRecord,
    RunNodeRecord,
    RunRecord,
    TokenRecord,
    Tombstone,
    Transaction,
    VerdictRecord,
    VersionRecord,
    open_catalogue,
)
from soroi.store.migrate import HEAD, alembic_config, revision
from soroi.store.schema import BEGINNING, metadata
from soroi.store.tombstones import GOING

NOW = datetime(2026, 1, 1, 1, 2, 3, 456789, tzinfo=UTC)


def test_migrations_make_exactly_the_tables_of_the_models(untouched: str, engine: Engine) -> None:
    from alembic.autogenerate import compare_metadata
    from alembic.migration import MigrationContext

    open_catalogue(untouched, "demo").close()
    with engine.connect() as connection:
        extra: list[str] = []

        def is_described(_one: object, name: str | None, kind: str, reflected: bool, _other: object) -> bool:
            if not (reflected and kind == "index" and name == BEGINNING):
                return True
            extra.append(BEGINNING)
            return False

        options: dict[str, Any] = {"compare_type": True, "compare_server_default": True, "render_as_batch": True}
        options["include_object"] = is_described
        assert compare_metadata(MigrationContext.configure(connection, opts=options), metadata) == []
        assert extra == ([BEGINNING] if connection.dialect.name == "postgresql" else [])
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
        before, since = held(catalogue), held_since(catalogue)
    assert all(before.values())
    assert all(all(one.values()) for one in since.values())
    with engine.connect() as connection:
        empty = [one.name for one in metadata.sorted_tables if connection.execute(one.select()).first() is None]
    assert empty == []
    for earlier in ("0002", "0001"):
        with engine.begin() as connection:
            command.downgrade(alembic_config(connection), earlier)
            assert revision(connection) == earlier
        with contextlib.closing(open_catalogue(untouched, "demo")) as catalogue:
            assert held(catalogue) == before
            for made, kept in held_since(catalogue).items():  # what a later migration made went with its tables
                assert kept == (since[made] if made <= earlier else {name: type(one)() for name, one in kept.items()})
            with catalogue.write() as tx:
                assert tx.events.verify() == []
                assert tx.events.append("more", None, {}, "ann", NOW).seq == len(before["events"]) + 1
                before["events"] = tx.events.list()


def fill(catalogue: Catalogue) -> None:
    """Something in every table."""
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
        for manifest in ("m", "n"):
            tx.manifests.add(ManifestRecord(manifest, {"picks": {"a": "a@1"}}, NOW, "ann"))
        tx.staging.change({"a": "a@1"}, 0, by="ann", at=NOW)
        tx.staging.seal("m", 1)
        tx.heads.move("production", "m", expected_revision=0, by="ann", at=NOW)
        tx.claims.add(ClaimRecord("c", "waiver", "b", "b@1", "b@2", {}, "ann", NOW))
        judged: dict[str, Any] = {"outcome": "pass", "figures": {"f": 0.5}, "data": {}, "judged_by": "ann", "at": NOW}
        tx.verdicts.add(VerdictRecord(id="v", gate="g", gate_digest="d", subjects=["a@1"], **judged))
        for number in range(3):
            tx.events.append("done", "a", {"n": number, "text": "naïve \u0000"}, "ann", NOW)
        tx.descriptions.put("a", "d", NOW)
        govern(tx)


def govern(tx: Transaction) -> None:
    """Something in the tables of people, rollouts, incidents and collection."""
    by: dict[str, Any] = {"by": "ann", "at": NOW}
    tx.keys.add(KeyRecord(id="ab" * 32, owner="ann", kind="person", **by))
    tx.grants.add(GrantRecord(id="g", who="bob", role="operator", environment="production", **by))
    tx.tokens.add(TokenRecord(id="t", hash="cd" * 32, who="ci", scopes=["build"], **by))
    signed: dict[str, Any] = {"body": {"note": "é"}, "signature": {"signer": "ann"}}
    tx.approvals.add(
        ApprovalRecord(id="p", plan="12" * 20, environment="production", manifest="m", kind="release", **signed, **by)
    )
    where: dict[str, Any] = {"environment": "production", "base": "m", "challenger": "n", "mode": "canary"}
    state: dict[str, Any] = {"status": "running", "revision": 1, "body": {"k": 1}, "state": {"step": 0}}
    tx.rollouts.start(RolloutRecord(id="o", **where, **state, **by))
    tx.incidents.open(IncidentRecord(id="i", category="rollout", title="n errs", body={"rollout": "o"}, **by))
    tx.holds.add(HoldRecord(id="h", subject="a@1", reason="case 12", **by))
    tx.tombstones.add([Tombstone(object="ab" * 20, size=7, body={"state": GOING, "collection": "c1"}, **by)])


def held(catalogue: Catalogue) -> dict[str, Any]:
    """What a catalogue gives back of the tables that the first migration made."""
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


def held_since(catalogue: Catalogue) -> dict[str, dict[str, Any]]:
    """What it gives back of the tables that later migrations made, by migration."""
    with catalogue.read() as tx:
        return {
            "0002": {"descriptions": tx.descriptions.all()},
            "0003": {
                "keys": tx.keys.all(),
                "grants": tx.grants.all(),
                "tokens": tx.tokens.all(),
                "approvals": tx.approvals.all(),
                "rollouts": tx.rollouts.all(),
                "incidents": tx.incidents.all(),
                "holds": tx.holds.all(),
                "tombstones": tx.tombstones.going(),
            },
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

"""The first schema: versions, runs, staging, manifests, heads, judgements, history."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

COUNTER = sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def upgrade() -> None:
    """Apply."""
    _claims()
    _event_chains()
    _events()
    _manifests()
    _runs()
    _verdicts()
    _versions()
    _edges()
    _head_moves()
    _heads()
    _picks()
    _run_nodes()
    _staging()
    _staging_changes()
    _verdict_subjects()


def downgrade() -> None:
    """Undo."""
    for table in TABLES:
        op.drop_table(table)


TABLES = (
    "verdict_subjects",
    "staging_changes",
    "staging",
    "run_nodes",
    "picks",
    "heads",
    "head_moves",
    "edges",
    "versions",
    "verdicts",
    "runs",
    "manifests",
    "events",
    "event_chains",
    "claims",
)


def _claims() -> None:
    op.create_table(
        "claims",
        sa.Column("seq", COUNTER, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("node", sa.String(length=400), nullable=False),
        sa.Column("a", sa.String(length=400), nullable=False),
        sa.Column("b", sa.String(length=400), nullable=False),
        sa.Column("evidence", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_claims")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_claims_project_id")),
    )


def _event_chains() -> None:
    op.create_table(
        "event_chains",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("length", sa.BigInteger(), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("project", name=op.f("pk_event_chains")),
    )


def _events() -> None:
    op.create_table(
        "events",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("seq", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=80), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=True),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("prev", sa.String(length=64), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.PrimaryKeyConstraint("project", "seq", name=op.f("pk_events")),
    )
    op.create_index(op.f("ix_events_project_kind"), "events", ["project", "kind"])
    op.create_index(op.f("ix_events_project_subject"), "events", ["project", "subject"])


def _manifests() -> None:
    op.create_table(
        "manifests",
        sa.Column("seq", COUNTER, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_manifests")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_manifests_project_id")),
    )


def _runs() -> None:
    op.create_table(
        "runs",
        sa.Column("seq", COUNTER, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("request", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("host", sa.String(length=400), nullable=False),
        sa.Column("pid", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_runs")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_runs_project_id")),
    )
    op.create_index(op.f("ix_runs_project_status"), "runs", ["project", "status"])


def _verdicts() -> None:
    op.create_table(
        "verdicts",
        sa.Column("seq", COUNTER, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("gate", sa.String(length=400), nullable=False),
        sa.Column("gate_digest", sa.String(length=64), nullable=False),
        sa.Column("subjects", sa.Text(), nullable=False),
        sa.Column("outcome", sa.String(length=20), nullable=False),
        sa.Column("figures", sa.Text(), nullable=False),
        sa.Column("data", sa.Text(), nullable=False),
        sa.Column("judged_by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_verdicts")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_verdicts_project_id")),
    )


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("seq", COUNTER, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("node", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("recipe", sa.String(length=64), nullable=False),
        sa.Column("definition", sa.String(length=64), nullable=False),
        sa.Column("output", sa.String(length=64), nullable=False),
        sa.Column("overrides", sa.Text(), nullable=False),
        sa.Column("watermark", sa.DateTime(timezone=True), nullable=True),
        sa.Column("run", sa.String(length=400), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("code", sa.Text(), nullable=False),
        sa.Column("outputs", sa.Text(), nullable=False),
        sa.Column("environment", sa.Text(), nullable=False),
        sa.Column("facts", sa.Text(), nullable=False),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_versions")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_versions_project_id")),
    )
    op.create_index(op.f("ix_versions_project_node"), "versions", ["project", "node"])
    op.create_index(op.f("ix_versions_project_recipe"), "versions", ["project", "recipe"])
    op.create_index(op.f("ix_versions_project_definition_node"), "versions", ["project", "definition", "node"])


def _edges() -> None:
    op.create_table(
        "edges",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("version", sa.String(length=400), nullable=False),
        sa.Column("position", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("name", sa.String(length=400), nullable=False),
        sa.Column("producer", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "producer"],
            ["versions.project", "versions.id"],
            name=op.f("fk_edges_project_producer_versions"),
        ),
        sa.ForeignKeyConstraint(
            ["project", "version"],
            ["versions.project", "versions.id"],
            name=op.f("fk_edges_project_version_versions"),
        ),
        sa.PrimaryKeyConstraint("project", "version", "position", name=op.f("pk_edges")),
    )
    op.create_index(op.f("ix_edges_project_producer"), "edges", ["project", "producer"])


def _head_moves() -> None:
    op.create_table(
        "head_moves",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("environment", sa.String(length=400), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("manifest", sa.String(length=400), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "manifest"],
            ["manifests.project", "manifests.id"],
            name=op.f("fk_head_moves_project_manifest_manifests"),
        ),
        sa.PrimaryKeyConstraint("project", "environment", "revision", name=op.f("pk_head_moves")),
    )


def _heads() -> None:
    op.create_table(
        "heads",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("environment", sa.String(length=400), nullable=False),
        sa.Column("manifest", sa.String(length=400), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("moved_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "manifest"],
            ["manifests.project", "manifests.id"],
            name=op.f("fk_heads_project_manifest_manifests"),
        ),
        sa.PrimaryKeyConstraint("project", "environment", name=op.f("pk_heads")),
    )


def _picks() -> None:
    op.create_table(
        "picks",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("node", sa.String(length=400), nullable=False),
        sa.Column("version", sa.String(length=400), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "version"],
            ["versions.project", "versions.id"],
            name=op.f("fk_picks_project_version_versions"),
        ),
        sa.PrimaryKeyConstraint("project", "node", name=op.f("pk_picks")),
    )


def _run_nodes() -> None:
    op.create_table(
        "run_nodes",
        sa.Column("seq", COUNTER, autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("run", sa.String(length=400), nullable=False),
        sa.Column("node", sa.String(length=400), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("version", sa.String(length=400), nullable=True),
        sa.Column("seconds", sa.Float(), nullable=True),
        sa.Column("reason", sa.Text(), nullable=True),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("log", sa.String(length=64), nullable=True),
        sa.ForeignKeyConstraint(
            ["project", "run"], ["runs.project", "runs.id"], name=op.f("fk_run_nodes_project_run_runs")
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_run_nodes")),
        sa.UniqueConstraint("project", "run", "node", name=op.f("uq_run_nodes_project_run_node")),
    )


def _staging() -> None:
    op.create_table(
        "staging",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("manifest", sa.String(length=400), nullable=True),
        sa.ForeignKeyConstraint(
            ["project", "manifest"],
            ["manifests.project", "manifests.id"],
            name=op.f("fk_staging_project_manifest_manifests"),
        ),
        sa.PrimaryKeyConstraint("project", name=op.f("pk_staging")),
    )


def _staging_changes() -> None:
    op.create_table(
        "staging_changes",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("node", sa.String(length=400), nullable=False),
        sa.Column("version", sa.String(length=400), nullable=True),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "version"],
            ["versions.project", "versions.id"],
            name=op.f("fk_staging_changes_project_version_versions"),
        ),
        sa.PrimaryKeyConstraint("project", "revision", "node", name=op.f("pk_staging_changes")),
    )


def _verdict_subjects() -> None:
    op.create_table(
        "verdict_subjects",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("verdict", sa.String(length=400), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "verdict"],
            ["verdicts.project", "verdicts.id"],
            name=op.f("fk_verdict_subjects_project_verdict_verdicts"),
        ),
        sa.PrimaryKeyConstraint("project", "subject", "verdict", name=op.f("pk_verdict_subjects")),
    )

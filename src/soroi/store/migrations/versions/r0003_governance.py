"""People, approvals, rollouts, incidents, holds and what was collected."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

FOUND_BY = ("digest", "node", "kind", "recipe", "definition", "output", "run", "by")
"""Columns of versions by which they are looked up."""

REPLACED = ("node", "recipe")
"""Those that had an index without the time."""

BEGINNING = "ix_versions_project_id_beginning"
"""Index by which PostgreSQL finds the beginning of an id."""


def upgrade() -> None:
    """Apply."""
    op.create_table(
        "grants",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("who", sa.String(length=400), nullable=False),
        sa.Column("role", sa.String(length=40), nullable=False),
        sa.Column("environment", sa.String(length=400), nullable=True),
        sa.Column("group", sa.String(length=400), nullable=True),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=400), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_grants")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_grants_project_id")),
    )
    op.create_index(op.f("ix_grants_project_who"), "grants", ["project", "who"], unique=False)
    op.create_table(
        "holds",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("subject", sa.String(length=400), nullable=False),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("released_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("released_by", sa.String(length=400), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_holds")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_holds_project_id")),
    )
    op.create_index(op.f("ix_holds_project_subject"), "holds", ["project", "subject"], unique=False)
    op.create_table(
        "incidents",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("category", sa.String(length=80), nullable=False),
        sa.Column("title", sa.Text(), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_incidents")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_incidents_project_id")),
    )
    op.create_index(op.f("ix_incidents_project_status"), "incidents", ["project", "status"], unique=False)
    op.create_table(
        "keys",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("owner", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=20), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=400), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_keys")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_keys_project_id")),
    )
    op.create_index(op.f("ix_keys_project_owner"), "keys", ["project", "owner"], unique=False)
    op.create_table(
        "tokens",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("hash", sa.String(length=128), nullable=False),
        sa.Column("who", sa.String(length=400), nullable=False),
        sa.Column("scopes", sa.Text(), nullable=False),
        sa.Column("note", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("revoked_by", sa.String(length=400), nullable=True),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_tokens")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_tokens_project_id")),
    )
    op.create_index(op.f("ix_tokens_project_hash"), "tokens", ["project", "hash"], unique=False)
    op.create_table(
        "tombstones",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("object", sa.String(length=64), nullable=False),
        sa.Column("size", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("project", "object", name=op.f("pk_tombstones")),
    )
    op.create_table(
        "approvals",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("plan", sa.String(length=64), nullable=False),
        sa.Column("environment", sa.String(length=400), nullable=False),
        sa.Column("manifest", sa.String(length=400), nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("signature", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project", "manifest"],
            ["manifests.project", "manifests.id"],
            name=op.f("fk_approvals_project_manifest_manifests"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_approvals")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_approvals_project_id")),
    )
    op.create_index(op.f("ix_approvals_project_manifest"), "approvals", ["project", "manifest"], unique=False)
    op.create_index(op.f("ix_approvals_project_plan"), "approvals", ["project", "plan"], unique=False)
    op.create_table(
        "rollouts",
        sa.Column("seq", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), autoincrement=True, nullable=False),
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("id", sa.String(length=400), nullable=False),
        sa.Column("environment", sa.String(length=400), nullable=False),
        sa.Column("base", sa.String(length=400), nullable=False),
        sa.Column("challenger", sa.String(length=400), nullable=False),
        sa.Column("mode", sa.String(length=20), nullable=False),
        sa.Column("status", sa.String(length=20), nullable=False),
        sa.Column("revision", sa.BigInteger(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["project", "base"], ["manifests.project", "manifests.id"], name=op.f("fk_rollouts_project_base_manifests")
        ),
        sa.ForeignKeyConstraint(
            ["project", "challenger"],
            ["manifests.project", "manifests.id"],
            name=op.f("fk_rollouts_project_challenger_manifests"),
        ),
        sa.PrimaryKeyConstraint("seq", name=op.f("pk_rollouts")),
        sa.UniqueConstraint("project", "id", name=op.f("uq_rollouts_project_id")),
    )
    op.create_index(
        op.f("ix_rollouts_project_environment_status"), "rollouts", ["project", "environment", "status"], unique=False
    )
    op.create_table(
        "rollout_moves",
        sa.Column("project", sa.String(length=200), nullable=False),
        sa.Column("rollout", sa.String(length=400), nullable=False),
        sa.Column("revision", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=40), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("by", sa.String(length=400), nullable=False),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["project", "rollout"],
            ["rollouts.project", "rollouts.id"],
            name=op.f("fk_rollout_moves_project_rollout_rollouts"),
        ),
        sa.PrimaryKeyConstraint("project", "rollout", "revision", name=op.f("pk_rollout_moves")),
    )
    op.create_index(op.f("ix_run_nodes_project_status_node"), "run_nodes", ["project", "status", "node"], unique=False)
    op.create_index(op.f("ix_versions_project_at"), "versions", ["project", "at"], unique=False)
    for name in FOUND_BY:
        op.create_index(op.f(f"ix_versions_project_{name}_at"), "versions", ["project", name, "at"], unique=False)
    for name in REPLACED:
        op.drop_index(op.f(f"ix_versions_project_{name}"), table_name="versions")
    if op.get_context().dialect.name == "postgresql":
        by_code_points = {"id": "varchar_pattern_ops"}
        op.create_index(BEGINNING, "versions", ["project", "id"], unique=False, postgresql_ops=by_code_points)


def downgrade() -> None:
    """Undo."""
    if op.get_context().dialect.name == "postgresql":
        op.drop_index(BEGINNING, table_name="versions")
    for name in REPLACED:
        op.create_index(op.f(f"ix_versions_project_{name}"), "versions", ["project", name], unique=False)
    for name in FOUND_BY:
        op.drop_index(op.f(f"ix_versions_project_{name}_at"), table_name="versions")
    op.drop_index(op.f("ix_versions_project_at"), table_name="versions")
    op.drop_index(op.f("ix_run_nodes_project_status_node"), table_name="run_nodes")
    op.drop_table("rollout_moves")
    op.drop_index(op.f("ix_rollouts_project_environment_status"), table_name="rollouts")
    op.drop_table("rollouts")
    op.drop_index(op.f("ix_approvals_project_plan"), table_name="approvals")
    op.drop_index(op.f("ix_approvals_project_manifest"), table_name="approvals")
    op.drop_table("approvals")
    op.drop_table("tombstones")
    op.drop_index(op.f("ix_tokens_project_hash"), table_name="tokens")
    op.drop_table("tokens")
    op.drop_index(op.f("ix_keys_project_owner"), table_name="keys")
    op.drop_table("keys")
    op.drop_index(op.f("ix_incidents_project_status"), table_name="incidents")
    op.drop_table("incidents")
    op.drop_index(op.f("ix_holds_project_subject"), table_name="holds")
    op.drop_table("holds")
    op.drop_index(op.f("ix_grants_project_who"), table_name="grants")
    op.drop_table("grants")

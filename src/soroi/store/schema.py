"""Tables of the catalogue. Every one has a ``project`` column; constraint names follow one convention.

Changing anything here needs a numbered migration in ``soroi/store/migrations``; a test compares the two.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Float,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from soroi.store.columns import Json, UtcTime, sequence_type

NAMING = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "ck": "ck_%(table_name)s_%(constraint_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}
"""Names of constraints, so that a later migration can speak of them on every database."""

metadata = MetaData(naming_convention=NAMING)
"""All tables of the catalogue."""


def _project(*, key: bool = True) -> Column[Any]:
    return Column("project", String(200), primary_key=key, nullable=False)


def _seq() -> Column[Any]:
    """Order of insertion, across projects."""
    return Column("seq", sequence_type(), primary_key=True, autoincrement=True)


def _name(name: str, *, key: bool = False, null: bool = False) -> Column[Any]:
    return Column(name, String(400), primary_key=key, nullable=null)


def _to(column: str, table: str) -> ForeignKeyConstraint:
    return ForeignKeyConstraint(["project", column], [f"{table}.project", f"{table}.id"])


manifests = Table(
    "manifests",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    Column("body", Json, nullable=False),
    Column("created_at", UtcTime, nullable=False),
    _name("by"),
    UniqueConstraint("project", "id"),
)

runs = Table(
    "runs",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    Column("request", Json, nullable=False),
    _name("by"),
    _name("host"),
    Column("pid", BigInteger, nullable=False),
    Column("started_at", UtcTime, nullable=False),
    Column("finished_at", UtcTime),
    Column("status", String(20), nullable=False),
    UniqueConstraint("project", "id"),
    Index(None, "project", "status"),
)

BEGINNING = "ix_versions_project_id_beginning"
"""Index by which PostgreSQL finds the beginning of an id: by code points, by which its other index need not be sorted.
Only migration 0003 knows how it is made: said here, it would import all that SQLAlchemy knows of PostgreSQL."""

FOUND_BY = ("digest", "node", "kind", "recipe", "definition", "output", "run", "by")
"""Columns of versions by which they are looked up."""

# the short columns first: to read them, a database need not pass over the long ones
versions = Table(
    "versions",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    Column("digest", String(64), nullable=False),
    _name("node"),
    Column("kind", String(40), nullable=False),
    Column("recipe", String(64), nullable=False),
    Column("definition", String(64), nullable=False),
    Column("output", String(64), nullable=False),
    Column("overrides", Json, nullable=False),
    Column("watermark", UtcTime),
    _name("run"),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("code", Text, nullable=False),
    Column("outputs", Json, nullable=False),
    Column("environment", Json, nullable=False),
    Column("facts", Json, nullable=False),
    Column("fingerprint", Json, nullable=False),
    UniqueConstraint("project", "id"),
    Index(None, "project", "definition", "node"),
    Index(None, "project", "at"),
    *(Index(None, "project", name, "at") for name in FOUND_BY),  # so that the newest of each come first, unsorted
)

edges = Table(
    "edges",
    metadata,
    _project(),
    _name("version", key=True),
    Column("position", Integer, primary_key=True, autoincrement=False),
    Column("role", String(40), nullable=False),
    _name("name"),
    _name("producer"),
    _to("version", "versions"),
    _to("producer", "versions"),
    Index(None, "project", "producer"),
)

run_nodes = Table(
    "run_nodes",
    metadata,
    _seq(),
    _project(key=False),
    _name("run"),
    _name("node"),
    Column("status", String(20), nullable=False),
    _name("version", null=True),
    Column("seconds", Float),
    Column("reason", Text),
    Column("error", Json),
    Column("log", String(64)),
    UniqueConstraint("project", "run", "node"),
    _to("run", "runs"),
    Index(None, "project", "status", "node"),
)

staging = Table(
    "staging",
    metadata,
    _project(),
    Column("revision", BigInteger, nullable=False),
    _name("manifest", null=True),
    _to("manifest", "manifests"),
)

descriptions = Table(
    "descriptions",
    metadata,
    _project(),
    _name("node", key=True),
    Column("digest", String(64), nullable=False),
    Column("at", UtcTime, nullable=False),
)

picks = Table(
    "picks",
    metadata,
    _project(),
    _name("node", key=True),
    _name("version"),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("note", Text, nullable=False),
    _to("version", "versions"),
)

staging_changes = Table(
    "staging_changes",
    metadata,
    _project(),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    _name("node", key=True),
    _name("version", null=True),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("note", Text, nullable=False),
    _to("version", "versions"),
)

heads = Table(
    "heads",
    metadata,
    _project(),
    _name("environment", key=True),
    _name("manifest"),
    Column("revision", BigInteger, nullable=False),
    Column("moved_at", UtcTime, nullable=False),
    _name("by"),
    Column("reason", Text, nullable=False),
    _to("manifest", "manifests"),
)

head_moves = Table(
    "head_moves",
    metadata,
    _project(),
    _name("environment", key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    _name("manifest"),
    Column("moved_at", UtcTime, nullable=False),
    _name("by"),
    Column("reason", Text, nullable=False),
    _to("manifest", "manifests"),
)

claims = Table(
    "claims",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    Column("kind", String(40), nullable=False),
    _name("node"),
    _name("a"),
    _name("b"),
    Column("evidence", Json, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("project", "id"),
)

verdicts = Table(
    "verdicts",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    _name("gate"),
    Column("gate_digest", String(64), nullable=False),
    Column("subjects", Json, nullable=False),
    Column("outcome", String(20), nullable=False),
    Column("figures", Json, nullable=False),
    Column("data", Json, nullable=False),
    _name("judged_by"),
    Column("at", UtcTime, nullable=False),
    UniqueConstraint("project", "id"),
)

verdict_subjects = Table(
    "verdict_subjects",
    metadata,
    _project(),
    _name("subject", key=True),
    _name("verdict", key=True),
    _to("verdict", "verdicts"),
)

event_chains = Table(
    "event_chains",
    metadata,
    _project(),
    Column("length", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)

events = Table(
    "events",
    metadata,
    _project(),
    Column("seq", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(80), nullable=False),
    _name("subject", null=True),
    Column("body", Text, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("prev", String(64), nullable=False),
    Column("digest", String(64), nullable=False),
    Index(None, "project", "kind"),
    Index(None, "project", "subject"),
)

keys = Table(
    "keys",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    _name("owner"),
    Column("kind", String(20), nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("revoked_at", UtcTime),
    _name("revoked_by", null=True),
    UniqueConstraint("project", "id"),
    Index(None, "project", "owner"),
)

grants = Table(
    "grants",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    _name("who"),
    Column("role", String(40), nullable=False),
    _name("environment", null=True),
    _name("group", null=True),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    _name("revoked_by", null=True),
    UniqueConstraint("project", "id"),
    Index(None, "project", "who"),
)

tokens = Table(
    "tokens",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    Column("hash", String(128), nullable=False),
    _name("who"),
    Column("scopes", Json, nullable=False),
    Column("note", Text, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    Column("revoked_at", UtcTime),
    _name("revoked_by", null=True),
    UniqueConstraint("project", "id"),
    Index(None, "project", "hash"),
)

approvals = Table(
    "approvals",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    Column("plan", String(64), nullable=False),
    _name("environment"),
    _name("manifest"),
    Column("kind", String(40), nullable=False),
    Column("body", Json, nullable=False),
    Column("signature", Json, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("expires_at", UtcTime),
    UniqueConstraint("project", "id"),
    _to("manifest", "manifests"),
    Index(None, "project", "plan"),
    Index(None, "project", "manifest"),
)

rollouts = Table(
    "rollouts",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    _name("environment"),
    _name("base"),
    _name("challenger"),
    Column("mode", String(20), nullable=False),
    Column("status", String(20), nullable=False),
    Column("revision", BigInteger, nullable=False),
    Column("body", Json, nullable=False),
    Column("state", Json, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("ended_at", UtcTime),
    UniqueConstraint("project", "id"),
    _to("base", "manifests"),
    _to("challenger", "manifests"),
    Index(None, "project", "environment", "status"),
)

rollout_moves = Table(
    "rollout_moves",
    metadata,
    _project(),
    _name("rollout", key=True),
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("kind", String(40), nullable=False),
    Column("body", Json, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    _to("rollout", "rollouts"),
)

incidents = Table(
    "incidents",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    Column("category", String(80), nullable=False),
    Column("title", Text, nullable=False),
    Column("status", String(20), nullable=False),
    Column("body", Json, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("closed_at", UtcTime),
    UniqueConstraint("project", "id"),
    Index(None, "project", "status"),
)

holds = Table(
    "holds",
    metadata,
    _seq(),
    _project(key=False),
    _name("id"),
    _name("subject"),
    Column("reason", Text, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
    Column("released_at", UtcTime),
    _name("released_by", null=True),
    UniqueConstraint("project", "id"),
    Index(None, "project", "subject"),
)

tombstones = Table(
    "tombstones",
    metadata,
    _project(),
    Column("object", String(64), primary_key=True),
    Column("size", BigInteger, nullable=False),
    Column("body", Json, nullable=False),
    _name("by"),
    Column("at", UtcTime, nullable=False),
)

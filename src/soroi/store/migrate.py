"""Brings a catalogue to the current schema. Alembic is imported only when there is something to do."""

from __future__ import annotations

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sqlalchemy import Connection, Engine, text
from sqlalchemy.exc import DBAPIError

from soroi.base.errors import StoreError

if TYPE_CHECKING:
    from alembic.config import Config

HEAD = "0003"
"""Newest numbered migration. A test compares it with the migrations that are there."""

_ADVISORY_LOCK = 7_306_928_117
_WRITES = {"soroi_writes": True}


def ensure_current(engine: Engine, file: Path | None) -> None:
    """Migrate the catalogue to :data:`HEAD` unless it is there already.

    Args:
        engine: Engine of the catalogue.
        file: SQLite file, beside which a lock file is held while migrating; ``None`` for servers.

    Raises:
        StoreError: The catalogue was made by a newer soroi.
    """
    if file is None or file.exists():
        with engine.connect() as connection:
            if revision(connection) == HEAD:
                return
    with _one_at_a_time(file):
        if file is not None:
            _use_wal(engine)
        with engine.connect() as fresh:
            connection = fresh.execution_options(**_WRITES)
            with connection.begin():
                _upgrade(connection)


def revision(connection: Connection) -> str | None:
    """Migration that a catalogue is at, or ``None`` for an empty database."""
    try:
        with connection.begin_nested() if connection.in_transaction() else connection.begin():
            return connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    except DBAPIError as error:
        undefined_table = getattr(error.orig, "sqlstate", None) == "42P01"
        if undefined_table or "no such table" in str(error.orig).lower():
            return None
        raise


def alembic_config(connection: Connection) -> Config:
    """Alembic's settings, made in Python: the packaged migrations, on an open connection."""
    from alembic.config import Config

    config = Config()
    here = Path(__file__).parent / "migrations"
    config.set_main_option("script_location", str(here).replace("%", "%%"))
    config.set_main_option("path_separator", "os")
    config.attributes["connection"] = connection
    return config


def _upgrade(connection: Connection) -> None:
    if connection.dialect.name == "postgresql":
        connection.execute(text(f"SELECT pg_advisory_xact_lock({_ADVISORY_LOCK})"))
    now = revision(connection)
    if now == HEAD:
        return
    from alembic import command
    from alembic.script import ScriptDirectory

    config = alembic_config(connection)
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if now is not None and now not in known:
        raise StoreError(
            f"the catalogue is at schema {now}; this soroi knows up to {HEAD}",
            hint="it was made by a newer soroi: install that version or a later one",
        )
    command.upgrade(config, HEAD)


def _use_wal(engine: Engine) -> None:
    raw = engine.raw_connection()
    try:
        raw.cursor().execute("PRAGMA journal_mode=WAL").fetchall()
    finally:
        raw.close()


@contextmanager
def _one_at_a_time(file: Path | None) -> Iterator[None]:
    if file is None:
        yield
        return
    with file.with_name(file.name + ".lock").open("a") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield

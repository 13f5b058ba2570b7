"""How databases are connected to: SQLite files and PostgreSQL servers, set up to behave alike.

On both, a writing transaction is the only one of its project from its start on, and readers see one moment.
The password of a server is never part of its address: it is read from the environment or from a file when a
connection is made.
"""

from __future__ import annotations

import importlib.util
import os
import time
from pathlib import Path
from typing import Any

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError, DisconnectionError
from sqlalchemy.pool import ConnectionPoolEntry

from soroi.base.address import redacted
from soroi.base.digest import digest
from soroi.base.errors import ConfigError
from soroi.store.failures import naming

BUSY_SECONDS = 30
"""How long a writer waits for another one."""

CACHE_KIB = 16 * 1024
"""Memory for the pages of a SQLite file, for each connection, in KiB."""

CHECKPOINT_PAGES = 8_000
"""Pages (of 4 KiB) in the log of a SQLite file behind which whoever commits moves them into the file. The fewer they
are, the more often somebody waits for that."""

CONNECT_SECONDS = 10
"""How long a server is waited for."""

PASSWORD = "SOROI_CATALOGUE_PASSWORD"
"""Variable of the environment that holds the password of a shared catalogue."""

PASSWORD_FILE = "password_file"
"""Option of an address: a file whose first line is the password."""

TRUSTED_SECONDS = 1.0
"""How long a connection that was used is taken to be there still, where only one query is asked."""

_USED = "soroi_used"
_NOTICING = {"keepalives_idle": 30, "keepalives_interval": 10, "keepalives_count": 3, "tcp_user_timeout": 60_000}
"""So that a server that vanished without a word is noticed within about a minute (seconds, and milliseconds)."""

WRITES = "soroi_writes"
"""Option of a connection: its transaction will write."""

GLANCES = "soroi_glances"
"""Option of a connection: each of its queries is a transaction of its own."""


def database_url(address: str | Path) -> URL:
    """The address of a database, checked.

    Args:
        address: SQLAlchemy URL, or the path of a SQLite file.

    Raises:
        ConfigError: It is not an address, or of a database that soroi does not know.
    """
    if isinstance(address, Path) or "://" not in address:
        return URL.create("sqlite", database=str(Path(address).absolute()))
    shown = redacted(address)
    try:
        url = make_url(address)
        kind = url.get_backend_name()
    except (ArgumentError, ValueError):
        hint = "as sqlite:///path/to/file or postgresql+psycopg://user@host/database"
        raise ConfigError(f"'{shown}' is not a database address", hint=hint) from None
    if kind == "sqlite":
        if url.database in (None, "", ":memory:"):
            raise ConfigError("a catalogue in memory cannot be shared", hint="give a file: sqlite:///path/to/file")
        return url
    if kind != "postgresql":
        raise ConfigError(f"'{shown}' is of a database that soroi does not know", hint="SQLite or PostgreSQL")
    return url.set(drivername="postgresql+psycopg")


def make_engine(url: URL) -> tuple[Engine, str]:
    """An engine, and its place for messages: the file, or the address without secrets.

    Args:
        url: As given by :func:`database_url`.

    Raises:
        ConfigError: The driver is not installed, or the file with the password cannot be read.
    """
    if url.get_backend_name() == "sqlite":
        place = str(url.database)
        with naming(place):
            Path(place).parent.mkdir(parents=True, exist_ok=True)
        return _sqlite(url), place
    if importlib.util.find_spec("psycopg") is None:
        raise ConfigError("PostgreSQL needs psycopg, which is not installed", hint="pip install 'soroi[postgres]'")
    engine = _postgresql(url, pool_pre_ping=True)  # a server that was restarted is connected to again
    return engine, redacted(url._replace(password=None).render_as_string())


def make_glancing(engine: Engine, url: URL) -> Engine:
    """An engine for single queries: on PostgreSQL nothing goes to the server but the query itself.

    A connection that was used within :data:`TRUSTED_SECONDS` is taken to be there still.

    Args:
        engine: The engine for transactions of the same database. On SQLite it does for single queries as well.
        url: As given to :func:`make_engine`.
    """
    if url.get_backend_name() == "sqlite":
        return engine
    made = _postgresql(url, isolation_level="AUTOCOMMIT", pool_reset_on_return=None, pool_size=2)
    event.listen(made, "checkout", _look_whether_it_is_there)
    return made


def _look_whether_it_is_there(connection: DBAPIConnection, entry: ConnectionPoolEntry, _proxy: Any) -> None:
    now = time.monotonic()
    used, entry.info[_USED] = entry.info.get(_USED, now), now
    if now - used > TRUSTED_SECONDS:
        try:
            connection.cursor().execute("SELECT 1")
        except Exception as error:  # whatever it is: the pool connects anew
            raise DisconnectionError from error


def only_writer(connection: Connection, project: str) -> None:
    """Make this transaction the only writing one of a project, as ``BEGIN IMMEDIATE`` does for a SQLite file.

    Without it, two writers that take the same rows in another order would stop each other on PostgreSQL.

    Args:
        connection: A connection inside a transaction.
        project: Name of the project.
    """
    if connection.dialect.name == "postgresql":
        beside, alone = _number("catalogue-writer-of-all", ""), _number("catalogue-writer", project)
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock_shared({beside}), pg_advisory_xact_lock({alone})")


def only_writer_of_all(connection: Connection) -> None:
    """Make this transaction the only writing one of all projects of a catalogue. Must be short: all others wait.

    Args:
        connection: A connection inside a transaction.
    """
    if connection.dialect.name == "postgresql":
        connection.exec_driver_sql(f"SELECT pg_advisory_xact_lock({_number('catalogue-writer-of-all', '')})")


def _number(what: str, name: str) -> int:
    """A signed number of 64 bits for a lock."""
    return int(digest(what, name)[:16], 16) - (1 << 63)


def _sqlite(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _configure_sqlite)
    event.listen(engine, "begin", _begin_sqlite)
    return engine


def _configure_sqlite(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (
        f"busy_timeout={BUSY_SECONDS * 1000}",
        "foreign_keys=ON",
        "synchronous=FULL",
        f"cache_size=-{CACHE_KIB}",
        f"wal_autocheckpoint={CHECKPOINT_PAGES}",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin_sqlite(connection: Connection) -> None:
    options = connection.get_execution_options()
    if options.get(GLANCES, False):
        return
    if options.get(WRITES, False):
        connection.exec_driver_sql("BEGIN IMMEDIATE")
    else:  # it waits for nobody and cannot fail, so what SQLAlchemy does around a statement is not needed
        connection.connection.cursor().execute("BEGIN")


def _postgresql(url: URL, **options: Any) -> Engine:
    known = dict(url.query)
    given, file = url.password or known.pop("password", None), known.pop(PASSWORD_FILE, None)
    defaults: dict[str, Any] = {"connect_timeout": CONNECT_SECONDS, "application_name": "soroi", **_NOTICING}
    engine = create_engine(
        url._replace(password=None).set(query=known),
        connect_args={name: value for name, value in defaults.items() if name not in known},
        hide_parameters=True,
        **options,
    )

    def connecting(_dialect: Any, _entry: Any, _arguments: list[Any], options: dict[str, Any]) -> None:
        password = _password(str(given) if given is not None else None, str(file) if file else None)
        if password is not None:
            options["password"] = password

    event.listen(engine, "do_connect", connecting)
    event.listen(engine, "connect", _configure_postgresql)
    return engine


def _configure_postgresql(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    cursor = connection.cursor()
    cursor.execute(f"SET lock_timeout = '{BUSY_SECONDS}s'; SET TIME ZONE 'UTC'")
    cursor.close()
    connection.commit()


def _password(given: str | None, file: str | None) -> str | None:
    """The password, looked up when a connection is made; ``None`` leaves it to libpq (``~/.pgpass``…)."""
    if given is not None:
        return given
    if os.environ.get(PASSWORD):
        return os.environ[PASSWORD]
    if file is None:
        return None
    try:
        lines = Path(file).expanduser().read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        said = getattr(error, "strerror", None) or "it is not text"
        hint = f"the password is its first line; or set {PASSWORD}"
        raise ConfigError(f"the file with the catalogue's password cannot be read: {file}: {said}", hint=hint) from None
    return lines[0].strip() if lines else ""

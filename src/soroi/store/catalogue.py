"""The catalogue: SQL tables behind transactions that are bound to one project."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import URL, Connection, make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import ArgumentError
from sqlalchemy.pool import ConnectionPoolEntry

from soroi.base.errors import ConfigError, StoreError
from soroi.store.descriptions import Descriptions
from soroi.store.events import Events
from soroi.store.failures import naming
from soroi.store.heads import Heads
from soroi.store.judgements import Claims, Verdicts
from soroi.store.manifests import Manifests
from soroi.store.migrate import ensure_current
from soroi.store.runs import Runs
from soroi.store.sql import Bound
from soroi.store.staging import Staging
from soroi.store.versions import Versions

BUSY_SECONDS = 30
"""How long a SQLite writer waits for another one."""

_WRITES = "soroi_writes"


class Transaction:
    """One transaction on the catalogue: the parts of the catalogue, all seen at one moment."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    @property
    def project(self) -> str:
        """Project that the transaction is bound to."""
        return self._bound.project

    @cached_property
    def versions(self) -> Versions:
        """Versions and their edges."""
        return Versions(self._bound)

    @cached_property
    def runs(self) -> Runs:
        """Runs and their nodes."""
        return Runs(self._bound)

    @cached_property
    def staging(self) -> Staging:
        """The set being gathered."""
        return Staging(self._bound)

    @cached_property
    def manifests(self) -> Manifests:
        """Sealed sets."""
        return Manifests(self._bound)

    @cached_property
    def heads(self) -> Heads:
        """What the environments point at."""
        return Heads(self._bound)

    @cached_property
    def claims(self) -> Claims:
        """Compatibility claims."""
        return Claims(self._bound)

    @cached_property
    def verdicts(self) -> Verdicts:
        """Judgements."""
        return Verdicts(self._bound)

    @cached_property
    def descriptions(self) -> Descriptions:
        """The description of each node as it was recorded last."""
        return Descriptions(self._bound)

    @cached_property
    def events(self) -> Events:
        """The hash-chained history."""
        return Events(self._bound)


class Catalogue:
    """The catalogue of a project. Safe to share between threads; not across a fork."""

    def __init__(self, engine: Engine, project: str, place: str) -> None:
        self._engine = engine
        self._project = project
        self._place = place
        self._writing = threading.local()

    @property
    def place(self) -> str:
        """The database file, or the address without its password, for messages."""
        return self._place

    @contextmanager
    def read(self) -> Iterator[Transaction]:
        """A transaction that reads: everything in it is of one moment.

        Raises:
            StoreError: The database cannot be read.
        """
        with naming(self._place), self._engine.connect() as connection:
            if connection.dialect.name == "postgresql":  # SQLite reads are of one moment anyway
                connection = connection.execution_options(isolation_level="REPEATABLE READ")
            with connection.begin():
                yield Transaction(Bound(connection, self._project, writable=False))

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that writes: committed at the end of the block, undone when the block raises.

        On SQLite it is the only writer from its start on (``BEGIN IMMEDIATE``) and waits up to 30 s for others.

        Raises:
            StorageFullError: The disk is full; nothing was changed.
            StoreError: The database cannot be written, or this thread is already in a writing transaction.
        """
        if getattr(self._writing, "now", False):
            raise StoreError(
                "a writing transaction is already open in this thread",
                hint="pass the transaction on to where it is used",
            )
        self._writing.now = True
        try:
            with naming(self._place), self._engine.connect() as fresh:
                connection = fresh.execution_options(**{_WRITES: True})
                with connection.begin():
                    yield Transaction(Bound(connection, self._project, writable=True))
        finally:
            self._writing.now = False

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()


def open_catalogue(address: str | Path, project: str) -> Catalogue:
    """Open a catalogue, making or migrating it when needed.

    Args:
        address: SQLAlchemy URL, or the path of a SQLite file.
        project: Project to bind it to.

    Raises:
        ConfigError: The address is not an address.
        StoreError: The database cannot be opened, or is newer than this soroi.
    """
    url = _url(address)
    if url.get_backend_name() == "sqlite":
        place = str(url.database)
        with naming(place):
            Path(place).parent.mkdir(parents=True, exist_ok=True)
        engine = _sqlite_engine(url)
    else:
        place = url.render_as_string(hide_password=True)
        engine = create_engine(url, pool_pre_ping=True)
    with naming(place):
        ensure_current(engine, Path(place) if engine.dialect.name == "sqlite" else None)
    return Catalogue(engine, project, place)


def _url(address: str | Path) -> URL:
    if isinstance(address, Path) or "://" not in address:
        return URL.create("sqlite", database=str(Path(address).absolute()))
    try:
        url = make_url(address)
    except ArgumentError as error:
        raise ConfigError(f"'{address}' is not a database address", hint="as sqlite:///path/to/file") from error
    if url.get_backend_name() == "sqlite" and url.database in (None, "", ":memory:"):
        raise ConfigError("a catalogue in memory cannot be shared", hint="give a file: sqlite:///path/to/file")
    return url


def _sqlite_engine(url: URL) -> Engine:
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS, "check_same_thread": False})
    event.listen(engine, "connect", _configure)
    event.listen(engine, "begin", _begin)
    return engine


def _configure(connection: DBAPIConnection, _entry: ConnectionPoolEntry) -> None:
    connection.isolation_level = None
    cursor = connection.cursor()
    for pragma in (f"busy_timeout={BUSY_SECONDS * 1000}", "foreign_keys=ON", "synchronous=FULL"):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    writes = connection.get_execution_options().get(_WRITES, False)
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")

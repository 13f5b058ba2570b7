"""The catalogue: SQL tables behind transactions that are bound to one project."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from pathlib import Path

from sqlalchemy import Engine, select

from soroi.base.errors import StoreError
from soroi.store.approvals import Approvals
from soroi.store.descriptions import Descriptions
from soroi.store.engines import (
    GLANCES,
    WRITES,
    database_url,
    make_engine,
    make_glancing,
    only_writer,
    only_writer_of_all,
)
from soroi.store.events import Events
from soroi.store.failures import naming
from soroi.store.grants import Grants
from soroi.store.heads import Heads
from soroi.store.holds import Holds
from soroi.store.incidents import Incidents
from soroi.store.judgements import Claims, Verdicts
from soroi.store.keys import Keys
from soroi.store.manifests import Manifests
from soroi.store.migrate import ensure_current
from soroi.store.rollouts import Rollouts
from soroi.store.rows import StoredRow, file_damage, stored_rows
from soroi.store.runs import Runs
from soroi.store.schema import heads, metadata
from soroi.store.sql import Bound
from soroi.store.staging import Staging
from soroi.store.tokens import Tokens
from soroi.store.tombstones import Tombstones
from soroi.store.versions import Versions


class Transaction:
    """One transaction on the catalogue: the parts of the catalogue, all seen at one moment."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    @property
    def project(self) -> str:
        """Project that the transaction is bound to."""
        return self._bound.project

    def of(self, project: str) -> Transaction:
        """The same moment, seen from another project of the catalogue. It only reads, except within
        :meth:`Catalogue.write_all`."""
        return Transaction(replace(self._bound, project=project, writable=self._bound.whole))

    def projects(self) -> list[str]:
        """Names of the projects of the catalogue that ever moved a head, in alphabetical order."""
        return sorted(row.project for row in self._bound.rows(select(heads.c.project).distinct()))

    def stored(self, table: str) -> list[StoredRow]:
        """The rows of the project in a table as they are stored, read without trusting them: for checks.

        Args:
            table: Name of the table.
        """
        return stored_rows(self._bound, metadata.tables[table])

    def damage(self) -> list[str]:
        """What the database finds wrong with its own file, an index that misses a row for one. Of PostgreSQL nothing:
        it checks its pages when it reads them."""
        return file_damage(self._bound)

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
    def rollouts(self) -> Rollouts:
        """Heads on their way."""
        return Rollouts(self._bound)

    @cached_property
    def incidents(self) -> Incidents:
        """What broke."""
        return Incidents(self._bound)

    @cached_property
    def descriptions(self) -> Descriptions:
        """The description of each node as it was recorded last."""
        return Descriptions(self._bound)

    @cached_property
    def keys(self) -> Keys:
        """Whose public key is whose."""
        return Keys(self._bound)

    @cached_property
    def grants(self) -> Grants:
        """Who was given which role."""
        return Grants(self._bound)

    @cached_property
    def tokens(self) -> Tokens:
        """Tokens by which somebody is known, hashed."""
        return Tokens(self._bound)

    @cached_property
    def approvals(self) -> Approvals:
        """Signatures over plans."""
        return Approvals(self._bound)

    @cached_property
    def holds(self) -> Holds:
        """What must not be removed, by somebody's word."""
        return Holds(self._bound)

    @cached_property
    def tombstones(self) -> Tombstones:
        """What was removed."""
        return Tombstones(self._bound)

    @cached_property
    def events(self) -> Events:
        """The hash-chained history."""
        return Events(self._bound)


class Catalogue:
    """The catalogue of a project. Safe to share between threads; not across a fork."""

    def __init__(self, engine: Engine, glancing: Engine, project: str, place: str) -> None:
        self._engine = engine
        self._glancing = glancing
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
                connection = connection.execution_options(isolation_level="REPEATABLE READ", postgresql_readonly=True)
            with connection.begin():
                yield Transaction(Bound(connection, self._project, writable=False))

    @contextmanager
    def glance(self) -> Iterator[Transaction]:
        """As :meth:`read`, but each query sees the moment at which it is run: quicker, for one query, or for what never
        changes once it is there (a version with its edges, a manifest).

        Raises:
            StoreError: The database cannot be read.
        """
        with naming(self._place), self._glancing.connect() as fresh:
            connection = fresh.execution_options(**{GLANCES: True})
            yield Transaction(Bound(connection, self._project, writable=False))

    @contextmanager
    def write(self) -> Iterator[Transaction]:
        """A transaction that writes: committed at the end of the block, undone when the block raises.

        It is the only writer of its project from its start on (of the file, on SQLite) and waits up to 30 s for
        others.

        Raises:
            StorageFullError: The disk is full; nothing was changed.
            StoreError: The database cannot be written, or this thread is already in a writing transaction.
        """
        with self._write(whole=False) as tx:
            yield tx

    @contextmanager
    def write_all(self) -> Iterator[Transaction]:
        """A transaction that writes, and is the only writer of all projects of the catalogue. Keep it short.

        Raises:
            StorageFullError: The disk is full; nothing was changed.
            StoreError: The database cannot be written, or this thread is already in a writing transaction.
        """
        with self._write(whole=True) as tx:
            yield tx

    @contextmanager
    def _write(self, *, whole: bool) -> Iterator[Transaction]:
        if getattr(self._writing, "now", False):
            raise StoreError(
                "a writing transaction is already open in this thread",
                hint="pass the transaction on to where it is used",
            )
        self._writing.now = True
        try:
            with naming(self._place), self._engine.connect() as fresh:
                connection = fresh.execution_options(**{WRITES: True})
                with connection.begin():
                    if whole:
                        only_writer_of_all(connection)
                    else:
                        only_writer(connection, self._project)
                    yield Transaction(Bound(connection, self._project, writable=True, whole=whole))
        finally:
            self._writing.now = False

    def analyze(self) -> None:
        """Let PostgreSQL look at how the rows are spread, which it does by itself only some time after many came in.

        Until then it takes slow ways to them.

        Raises:
            StoreError: The database cannot be reached.
        """
        if self._engine.dialect.name == "postgresql":
            with naming(self._place), self._engine.connect() as connection, connection.begin():
                connection.exec_driver_sql(f"ANALYZE {', '.join(table.name for table in metadata.sorted_tables)}")

    def close(self) -> None:
        """Close all connections."""
        self._engine.dispose()
        self._glancing.dispose()


def open_catalogue(address: str | Path, project: str) -> Catalogue:
    """Open a catalogue, making or migrating it when needed.

    Args:
        address: SQLAlchemy URL, or the path of a SQLite file.
        project: Project to bind it to.

    Raises:
        ConfigError: The address is not an address, or what it needs is not there.
        StoreError: The database cannot be opened, or is newer than this soroi.
    """
    url = database_url(address)
    engine, place = make_engine(url)
    try:
        with naming(place):
            ensure_current(engine, Path(place) if engine.dialect.name == "sqlite" else None)
    except BaseException:
        engine.dispose()
        raise
    return Catalogue(engine, make_glancing(engine, url), project, place)

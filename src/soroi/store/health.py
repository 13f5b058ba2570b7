"""How the servers behind a store are: whether they answer, what they let us do, how fast."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from soroi.base.errors import StoreError
from soroi.base.runtime import Clock, Ids
from soroi.store.catalogue import Catalogue
from soroi.store.migrate import revision
from soroi.store.objects import Objects

_NODE = "(doctor)"


@dataclass(frozen=True)
class CatalogueHealth:
    """How a catalogue is."""

    server: str
    """Database and its version, such as ``PostgreSQL 18.4``."""

    schema: str
    """Migration that it is at."""

    refused: str | None
    """Why rows cannot be written; ``None`` when they can."""

    can_create: bool
    """Whether tables can be made, as migrations do."""

    skew: float
    """Seconds that its clock is ahead of ours; 0 for a file, which has no clock."""


@dataclass(frozen=True)
class ObjectsHealth:
    """How an object store is."""

    put: float
    """Seconds that putting a small object took."""

    get: float
    """Seconds that getting it took."""


class _TrialError(Exception):
    """Ends a transaction that was only a trial."""


def catalogue_health(catalogue: Catalogue, clock: Clock) -> CatalogueHealth:
    """Ask a catalogue how it is. Changes nothing.

    Args:
        catalogue: The catalogue.
        clock: Our clock.

    Raises:
        StoreError: It cannot be read.
    """
    with catalogue.read() as tx:
        connection = tx._bound.connection
        served = connection.dialect.name == "postgresql"
        version = ".".join(str(part) for part in connection.dialect.server_version_info or ())
        schema, skew = str(revision(connection)), 0.0
        if served:
            before = clock.now()
            theirs = connection.exec_driver_sql("SELECT clock_timestamp()").scalar_one()
            skew = (theirs - before - (clock.now() - before) / 2).total_seconds()
            can = "SELECT has_schema_privilege(current_schema(), 'CREATE')"
            can_create = bool(connection.exec_driver_sql(can).scalar())
        else:
            can_create = os.access(Path(catalogue.place).parent, os.W_OK)
    server = f"{'PostgreSQL' if served else 'SQLite'} {version}"
    return CatalogueHealth(server, schema, _refused(catalogue), can_create, skew)


def objects_health(objects: Objects, ids: Ids) -> ObjectsHealth:
    """Put, get and put again in an object store. Leaves one small document behind, always the same.

    Args:
        objects: The object store.
        ids: Where the names of probes come from.

    Raises:
        StoreError: It does not take, does not give, or lets two writers put one key.
    """
    begun = time.monotonic()
    objects.put_document("probe/doctor", b"soroi")
    put = time.monotonic()
    objects.get_document("probe/doctor", what="the doctor's probe")
    got = time.monotonic()
    objects.probe(ids)
    return ObjectsHealth(put - begun, got - put)


def _refused(catalogue: Catalogue) -> str | None:
    """Why a row cannot be written, or ``None``."""
    try:
        with catalogue.write() as tx:
            tx.descriptions.put(_NODE, "", datetime(2000, 1, 1, tzinfo=UTC))
            raise _TrialError
    except _TrialError:
        return None
    except StoreError as error:
        return error.message

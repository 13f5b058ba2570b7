"""Finding versions by what is recorded of them, a page at a time, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import msgspec
from sqlalchemy import Column, Select, select, tuple_

from soroi.store.schema import FOUND_BY, versions
from soroi.store.sql import Bound


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """Which versions are looked for: those that have all that is given."""

    digest: str | None = None
    """Full digest, 40 hexadecimal characters."""

    node: str | None = None
    """Node id."""

    kind: str | None = None
    """Kind of the node, such as ``model``."""

    recipe: str | None = None
    """Digest of what it was built from."""

    definition: str | None = None
    """Digest of the behaviour."""

    output: str | None = None
    """Digest over the output artefacts."""

    run: str | None = None
    """Id of the run that built it."""

    by: str | None = None
    """Who built it."""

    since: datetime | None = None
    """Only those built at this moment or later."""

    until: datetime | None = None
    """Only those built before this moment."""

    behind: str | None = None
    """Id of a version: only what was built before it, which is the next page behind it."""

    limit: int = 100
    """At most so many."""


def wanted_rows(bound: Bound, wanted: Wanted, columns: Sequence[Column[Any]]) -> Select[Any]:
    """The query for the versions that are looked for, by time of building, newest first.

    Args:
        bound: A transaction on the project.
        wanted: Which.
        columns: What of them.
    """
    query = select(*columns).where(versions.c.project == bound.project)
    for name in FOUND_BY:
        value = getattr(wanted, name)
        if value is not None:
            query = query.where(versions.c[name] == value)
    if wanted.since is not None:
        query = query.where(versions.c.at >= wanted.since)
    if wanted.until is not None:
        query = query.where(versions.c.at < wanted.until)
    if wanted.behind is not None:
        last = select(versions.c.at, versions.c.seq)
        last = last.where(versions.c.project == bound.project, versions.c.id == wanted.behind)
        query = query.where(tuple_(versions.c.at, versions.c.seq) < last.scalar_subquery())
    return query.order_by(versions.c.at.desc(), versions.c.seq.desc()).limit(wanted.limit)

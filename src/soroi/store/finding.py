"""Finding versions by what is recorded of them, a page at a time, however many there are."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import lru_cache
from typing import Any

import msgspec
from sqlalchemy import Column, Integer, Row, Select, bindparam, select, tuple_

from soroi.store.schema import FOUND_BY, versions
from soroi.store.sql import Bound, mine


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


def wanted_rows(bound: Bound, wanted: Wanted, columns: tuple[Column[Any], ...]) -> Sequence[Row[Any]]:
    """The rows of the versions that are looked for, by time of building, newest first.

    Args:
        bound: A transaction on the project.
        wanted: Which.
        columns: What of them.
    """
    given = {name: value for name, value in msgspec.structs.asdict(wanted).items() if value is not None}
    return bound.rows(_query(columns, tuple(given)), **given)


@lru_cache(maxsize=256)
def _query(columns: tuple[Column[Any], ...], given: tuple[str, ...]) -> Select[Any]:
    """The query for what is given, made once: making it takes longer than most answers."""
    query = select(*columns).where(mine(versions))
    for name in FOUND_BY:
        if name in given:
            query = query.where(versions.c[name] == bindparam(name))
    if "since" in given:
        query = query.where(versions.c.at >= bindparam("since"))
    if "until" in given:
        query = query.where(versions.c.at < bindparam("until"))
    if "behind" in given:
        last = select(versions.c.at, versions.c.seq).where(mine(versions), versions.c.id == bindparam("behind"))
        query = query.where(tuple_(versions.c.at, versions.c.seq) < last.scalar_subquery())
    return query.order_by(versions.c.at.desc(), versions.c.seq.desc()).limit(bindparam("limit", type_=Integer()))

"""Versions in the catalogue: immutable, added once, with the edges to what they were built from."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from difflib import get_close_matches
from typing import Any

import msgspec
from sqlalchemy import Row, bindparam, func, select

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store.finding import Wanted, wanted_rows
from soroi.store.records import EdgeRecord, VersionHead, VersionLine, VersionRecord
from soroi.store.schema import edges, versions
from soroi.store.sql import COMPARED, Bound, mine, without

CHUNK = 500
"""How many ids one query names: under the limit of parameters of every database."""

_HEAD = tuple(
    versions.c[name]
    for name in ("id", "node", "kind", "recipe", "definition", "output", "at", "overrides", "watermark")
)


_LINE = tuple(versions.c[name] for name in VersionLine.__struct_fields__)

# made once: SQLAlchemy takes longer to make a query than SQLite to answer it
_WHOLE = (  # a row for each edge, or one: a second query would be a second way to the server
    select(
        versions, edges.c.role.label("edge_role"), edges.c.name.label("edge_name"), edges.c.producer.label("edge_from")
    )
    .outerjoin(edges, (edges.c.project == versions.c.project) & (edges.c.version == versions.c.id))
    .where(mine(versions), versions.c.id == bindparam("id"))
    .order_by(edges.c.position)
)
_HEADS = select(*_HEAD).where(mine(versions), versions.c.id.in_(bindparam("ids", expanding=True)))
_FACTS = select(versions.c.id, versions.c.facts).where(
    mine(versions), versions.c.id.in_(bindparam("ids", expanding=True))
)
_EDGES = (
    select(edges.c.version, edges.c.role, edges.c.name, edges.c.producer)
    .where(mine(edges), edges.c.version.in_(bindparam("ids", expanding=True)))
    .order_by(edges.c.version, edges.c.position)
)
_EDGES_OF_ONE = (
    select(edges.c.role, edges.c.name, edges.c.producer)
    .where(mine(edges), edges.c.version == bindparam("id"))
    .order_by(edges.c.position)
)
_NODES = select(versions.c.node).where(mine(versions)).distinct()
_NEWEST_IDS = (
    select(versions.c.id)
    .where(mine(versions), versions.c.node == bindparam("node"))
    .order_by(versions.c.at.desc())
    .limit(COMPARED)
)


class HeldBytes(msgspec.Struct, frozen=True):
    """What a version names in the object store."""

    id: str
    """Id of the version."""

    digest: str
    """Its full digest."""

    outputs: dict[str, str]
    """Digest (object) or root (table) of each output."""

    code: str
    """Digest of the code that built it."""


class Versions:
    """The versions of a project, seen from one transaction."""

    def __init__(self, bound: Bound) -> None:
        self._bound = bound

    def add(self, record: VersionRecord) -> bool:
        """Add a version with its edges. Tells ``False``, and changes nothing, when the id is known already.

        Raises:
            ConflictError: Another version with another digest has the same id.
            UnknownNameError: An edge names a producer that is not in the catalogue.
        """
        values = {name: getattr(record, name) for name in record.__struct_fields__ if name != "edges"}
        if not self._bound.insert_if_absent(versions, values, ["id"]):
            return self._known_already(record)
        self._check_producers(record)
        rows = [
            {"version": record.id, "position": place, **msgspec.structs.asdict(edge)}
            for place, edge in enumerate(record.edges)
        ]
        self._bound.insert(edges, rows)
        return True

    def get(self, text: str) -> VersionRecord:
        """The version with an id, or with the only id that begins so.

        Raises:
            UnknownNameError: There is none, or there are several.
        """
        rows = self._bound.rows(_WHOLE, id=text)
        if rows:
            held = [
                EdgeRecord(one.edge_role, one.edge_name, one.edge_from) for one in rows if one.edge_role is not None
            ]
            return VersionRecord(**without(rows[0], "seq", "edge_role", "edge_name", "edge_from"), edges=held)
        row = self._bound.beginning(versions, text, "version", lambda: self._near(text))
        held = [EdgeRecord(*tuple(one)) for one in self._bound.rows(_EDGES_OF_ONE, id=row.id)]
        return VersionRecord(**without(row, "seq"), edges=held)

    def by_recipe(self, recipe: str) -> VersionRecord | None:
        """The first version that was made by a recipe, or ``None``."""
        query = self._bound.select(versions).where(versions.c.recipe == recipe).order_by(versions.c.seq).limit(1)
        found = self._records(self._bound.rows(query))
        return found[0] if found else None

    def of_node(self, node: str) -> list[VersionRecord]:
        """All versions of a node, newest first."""
        query = self._bound.select(versions).where(versions.c.node == node).order_by(versions.c.seq.desc())
        return self._records(self._bound.rows(query))

    def find(self, wanted: Wanted) -> list[VersionHead]:
        """The heads of the versions that are looked for, newest first, at most as many as are wanted.

        Args:
            wanted: What is known of them.
        """
        rows = wanted_rows(self._bound, wanted, _HEAD)
        return self._heads(rows, [row.id for row in rows])

    def lines(self, wanted: Wanted) -> list[VersionLine]:
        """As :meth:`find`, but only what a list tells: several times as quick.

        Args:
            wanted: What is known of them.
        """
        return [VersionLine(*tuple(row)) for row in wanted_rows(self._bound, wanted, _LINE)]

    def all(self) -> list[VersionRecord]:
        """All versions of the project, newest first."""
        return self._records(self._bound.rows(self._bound.select(versions).order_by(versions.c.seq.desc())))

    def consumers(self, version_id: str) -> list[str]:
        """Ids of the versions that were built directly from a version, in order of id."""
        query = (
            select(edges.c.version)
            .where(edges.c.project == self._bound.project, edges.c.producer == version_id)
            .distinct()
        )
        return sorted(row.version for row in self._bound.rows(query))

    def get_many(self, ids: Iterable[str]) -> dict[str, VersionRecord]:
        """The versions with some ids, by id. Ids that are not there are left out."""
        found: dict[str, VersionRecord] = {}
        for chunk in _chunks(ids):
            rows = self._bound.rows(self._bound.select(versions).where(versions.c.id.in_(chunk)))
            found |= {record.id: record for record in self._records(rows)}
        return found

    def facts(self, ids: Iterable[str]) -> dict[str, dict[str, Any]]:
        """The facts of the versions with some ids, by id. Ids that are not there are left out."""
        found: dict[str, dict[str, Any]] = {}
        for chunk in _chunks(ids):
            found |= dict(map(tuple, self._bound.rows(_FACTS, ids=chunk)))
        return found

    def closure(self, ids: Iterable[str]) -> dict[str, VersionHead]:
        """The heads of the versions with some ids and of all that they rest on, by id.

        Reads a level at a time, however many versions there are on it.
        """
        found: dict[str, VersionHead] = {}
        level = set(ids)
        while level:
            heads = self.heads(level)
            found |= heads
            level = {edge.producer for head in heads.values() for edge in head.edges} - found.keys()
        return found

    def heads(self, ids: Iterable[str]) -> dict[str, VersionHead]:
        """The heads of the versions with some ids, by id. Ids that are not there are left out."""
        found: dict[str, VersionHead] = {}
        for chunk in _chunks(ids):
            found |= {head.id: head for head in self._heads(self._bound.rows(_HEADS, ids=chunk), chunk)}
        return found

    def built_as(self, definitions: Iterable[str]) -> dict[str, list[VersionHead]]:
        """The heads of all versions with some definitions, by node, newest first."""
        found: dict[str, list[VersionHead]] = defaultdict(list)
        for chunk in _chunks(definitions):
            query = select(*_HEAD).where(versions.c.project == self._bound.project, versions.c.definition.in_(chunk))
            rows = self._bound.rows(query.order_by(versions.c.seq.desc()))
            for head in self._heads(rows, [row.id for row in rows]):
                found[head.node].append(head)
        return dict(found)

    def newest_built_as(self, definitions: Iterable[str]) -> dict[str, VersionHead]:
        """The head of the newest version of each node with one of some definitions, by node.

        Definitions of nodes that behave alike may be equal; each node has its own newest version.
        """
        found: dict[str, VersionHead] = {}
        for chunk in _chunks(definitions):
            query = (
                select(func.max(versions.c.seq))
                .where(versions.c.project == self._bound.project, versions.c.definition.in_(chunk))
                .group_by(versions.c.definition, versions.c.node)  # the order of the index
            )
            rows = self._bound.rows(select(*_HEAD).where(versions.c.seq.in_(query.scalar_subquery())))
            for head in self._heads(rows, [row.id for row in rows]):
                known = found.get(head.node)
                if known is None or known.at <= head.at:
                    found[head.node] = head
        return found

    def with_output(self, node: str, output: str) -> list[VersionHead]:
        """The heads of the versions of a node that have some output, newest first."""
        mine = (versions.c.project == self._bound.project) & (versions.c.node == node) & (versions.c.output == output)
        rows = self._bound.rows(select(*_HEAD).where(mine).order_by(versions.c.seq.desc()))
        return self._heads(rows, [row.id for row in rows])

    def counts(self) -> dict[str, int]:
        """How many versions each node has."""
        query = select(versions.c.node, func.count().label("many")).where(versions.c.project == self._bound.project)
        return {row.node: row.many for row in self._bound.rows(query.group_by(versions.c.node))}

    def skeleton(self) -> tuple[dict[str, str], dict[str, datetime], dict[str, list[str]]]:
        """All versions of the project without what they hold: node and time of building, and producers, by id."""
        mine = select(versions.c.id, versions.c.node, versions.c.at).where(versions.c.project == self._bound.project)
        nodes, built = dict[str, str](), dict[str, datetime]()
        for version, node, at in map(tuple, self._bound.rows(mine.order_by(versions.c.seq))):
            nodes[version], built[version] = node, at
        producers: dict[str, list[str]] = defaultdict(list)
        query = select(edges.c.version, edges.c.producer).where(edges.c.project == self._bound.project)
        for version, producer in map(tuple, self._bound.rows(query)):
            producers[version].append(producer)
        return nodes, built, dict(producers)

    def held(self) -> list[HeldBytes]:
        """What every version of the project names in the object store, oldest first."""
        columns = [versions.c[name] for name in HeldBytes.__struct_fields__]
        query = select(*columns).where(versions.c.project == self._bound.project).order_by(versions.c.seq)
        return [HeldBytes(row.id, row.digest, row.outputs, row.code) for row in self._bound.rows(query)]

    def projects(self) -> list[str]:
        """Names of all projects of the catalogue that have versions, in alphabetical order."""
        return sorted(row.project for row in self._bound.rows(select(versions.c.project).distinct()))

    def newest(self, nodes: Iterable[str]) -> dict[str, VersionHead]:
        """The head of the newest version of each of some nodes, by node. Nodes without one are left out."""
        found: dict[str, VersionHead] = {}
        for chunk in _chunks(nodes):
            query = (
                select(func.max(versions.c.seq))
                .where(versions.c.project == self._bound.project, versions.c.node.in_(chunk))
                .group_by(versions.c.node)
            )
            rows = self._bound.rows(select(*_HEAD).where(versions.c.seq.in_(query.scalar_subquery())))
            found |= {head.node: head for head in self._heads(rows, [row.id for row in rows])}
        return found

    def _heads(self, rows: Sequence[Row[Any]], ids: Sequence[str]) -> list[VersionHead]:
        grouped: dict[str, list[EdgeRecord]] = defaultdict(list)
        for chunk in _chunks(ids):
            for version, role, name, producer in map(tuple, self._bound.rows(_EDGES, ids=chunk)):
                grouped[version].append(EdgeRecord(role, name, producer))
        return [_head(tuple(row), grouped) for row in rows]

    def _near(self, text: str) -> list[str]:
        """Ids among which the one that was meant may be: the newest of its node, or of that with the nearest name."""
        node, marked, _ = text.partition("@")
        nodes = sorted(row.node for row in self._bound.rows(_NODES))
        if not marked:
            return nodes
        near = [node] if node in nodes else get_close_matches(node, nodes, n=1)
        return [row.id for one in near for row in self._bound.rows(_NEWEST_IDS, node=one)] or nodes

    def _known_already(self, record: VersionRecord) -> bool:
        query = self._bound.select(versions).where(versions.c.id == record.id)
        known = self._bound.row(query)
        if known is not None and known.digest != record.digest:
            raise ConflictError(
                f"version id '{record.id}' already stands for digest {known.digest}, not {record.digest}",
                hint="two results share the first 12 characters of their digest; change a parameter and rebuild",
            )
        return False

    def _check_producers(self, record: VersionRecord) -> None:
        wanted = {edge.producer for edge in record.edges}
        query = select(versions.c.id).where(versions.c.project == self._bound.project, versions.c.id.in_(wanted))
        missing = wanted - {row.id for row in self._bound.rows(query)} if wanted else set()
        if missing:
            names = ", ".join(f"'{one}'" for one in sorted(missing))
            raise UnknownNameError(
                f"version '{record.id}' was built from {names}, not in the catalogue",
                hint="add the producers first",
            )

    def _records(self, rows: Sequence[Row[Any]]) -> list[VersionRecord]:
        grouped: dict[str, list[EdgeRecord]] = defaultdict(list)
        query = self._bound.select(edges).order_by(edges.c.version, edges.c.position)
        if len(rows) <= 500:
            query = query.where(edges.c.version.in_([row.id for row in rows]))
        for edge in self._bound.rows(query) if rows else ():
            grouped[edge.version].append(EdgeRecord(edge.role, edge.name, edge.producer))
        return [VersionRecord(**without(row, "seq"), edges=grouped.get(row.id, [])) for row in rows]


def _head(values: tuple[Any, ...], grouped: Mapping[str, list[EdgeRecord]]) -> VersionHead:
    version, node, kind, recipe, definition, output, at, overrides, watermark = values
    return VersionHead(
        version, node, kind, recipe, definition, output, at, overrides, watermark, grouped.get(version, [])
    )


def _chunks(ids: Iterable[str]) -> Iterator[list[str]]:
    ordered = list(dict.fromkeys(ids))
    for start in range(0, len(ordered), CHUNK):
        yield ordered[start : start + CHUNK]

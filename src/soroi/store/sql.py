"""A connection bound to one project, and the few statements that all tables share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING, Any

from sqlalchemy import (
    ColumnElement,
    Connection,
    CursorResult,
    Executable,
    Insert,
    Row,
    Select,
    String,
    Table,
    bindparam,
    collate,
    select,
)

from soroi.base.errors import StoreError, UnknownNameError, did_you_mean

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

MANY = 10
"""How many matches an error message names."""

COMPARED = 500
"""How many ids a text that begins none is compared with, to guess which was meant."""

LAST = chr(0x10FFFF)
"""The last character there is."""


@dataclass
class Chain:
    """The end of the history of a project, as a transaction has it."""

    length: int
    """How many entries there are."""

    digest: str
    """Digest of the last one."""

    stored: str
    """Digest of the last one that is stored."""

    waiting: list[dict[str, Any]] = field(default_factory=list)
    """Entries that are not stored yet."""

    gathers: bool = False
    """Whether entries wait."""


@dataclass(frozen=True)
class Bound:
    """An open transaction on the catalogue, bound to one project."""

    connection: Connection
    """The connection, inside a transaction."""

    project: str
    """Name of the project; every statement is limited to it."""

    writable: bool
    """Whether the transaction may write."""

    whole: bool = False
    """Whether it is the only writer of all projects, and so may write to each of them."""

    chains: dict[str, Chain] = field(default_factory=dict, compare=False)
    """The end of the history of each project that the transaction wrote to."""

    def select(self, table: Table) -> Select[Any]:
        """A query for all columns of a table's rows of this project."""
        return select(table).where(table.c.project == self.project)

    def rows(self, query: Executable, **given: Any) -> Sequence[Row[Any]]:
        """All rows of a query.

        Args:
            query: The query. One that is made once (see :func:`mine`) is much quicker to run than one made anew.
            **given: Its parameters, besides the project.
        """
        return self.connection.execute(query, {"project": self.project, **given}).all()

    def row(self, query: Executable, **given: Any) -> Row[Any] | None:
        """The first row of a query, or ``None``. Arguments: see :meth:`rows`."""
        return self.connection.execute(query, {"project": self.project, **given}).first()

    def alphabetical(self, column: ColumnElement[str]) -> ColumnElement[str]:
        """A text column to order by: by code points on every database, whatever its language is."""
        return collate(column, "C") if self.connection.dialect.name == "postgresql" else column

    def change(self, statement: Executable, parameters: Any = None) -> int:
        """Run a statement that writes, and give the number of rows that it updated or deleted.

        Args:
            statement: The statement.
            parameters: Its parameters; a mapping, or one for each row.

        Raises:
            StoreError: The transaction was opened for reading.
        """
        return self._write(statement, parameters).rowcount

    def _write(self, statement: Executable, parameters: Any = None) -> CursorResult[Any]:
        if not self.writable:
            raise StoreError(
                "this transaction was opened for reading",
                hint="use catalogue.write() in order to change something",
            )
        return self.connection.execute(statement, parameters)

    def insert(self, table: Table, values: Mapping[str, Any] | Iterable[Mapping[str, Any]]) -> None:
        """Insert one row, or several."""
        many = [values] if isinstance(values, Mapping) else list(values)
        if many:
            self.change(_insert_into(table), [{"project": self.project, **one} for one in many])

    def insert_if_absent(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> bool:
        """Insert a row unless one with the same key is there. Tells whether it was inserted.

        Args:
            table: Table to insert into.
            values: Values of the columns, without the project.
            key: Columns that, with the project, identify a row.
        """
        unless_there = _insert_unless_there(table, self.connection.dialect.name, tuple(key))
        return self._write(unless_there, {"project": self.project, **values}).first() is not None

    def put(self, table: Table, rows: Sequence[Mapping[str, Any]], key: Sequence[str]) -> None:
        """Insert rows, overwriting those with the same keys.

        Args:
            table: Table to insert into.
            rows: Values of the columns, without the project; all rows have the same columns.
            key: Columns that, with the project, identify a row.
        """
        if rows:
            fresh = tuple(name for name in rows[0] if name not in key)
            statement = _put_into(table, self.connection.dialect.name, tuple(key), fresh)
            self.change(statement, [{"project": self.project, **one} for one in rows])

    def upsert(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> None:
        """Insert a row, or overwrite the one with the same key."""
        statement = _insert_for(table, self.connection.dialect.name).values(project=self.project, **values)
        fresh = {name: statement.excluded[name] for name in values if name not in key}
        self.change(statement.on_conflict_do_update(index_elements=["project", *key], set_=fresh))

    def resolve(self, table: Table, text: str, what: str) -> Row[Any]:
        """The row whose id is a text, or whose id alone begins with it.

        Raises:
            UnknownNameError: No id begins with the text, or several do.
        """
        exact = self.row(_with_id(table), id=text)
        return exact if exact is not None else self.beginning(table, text, what, lambda: self._near(table))

    def beginning(self, table: Table, text: str, what: str, near: Callable[[], Iterable[str]]) -> Row[Any]:
        """The row whose id alone begins with a text.

        Args:
            table: Its table.
            text: The text.
            what: What the table holds, for messages.
            near: Gives ids among which the one that was meant may be, when there is none.

        Raises:
            UnknownNameError: No id begins with the text, or several do.
        """
        end = _behind(text)
        matching = _beginning(table, self.connection.dialect.name, open_ended=end is None)
        found = self.rows(matching.limit(2), begin=text, end=end) if text else []
        if len(found) == 1:
            return found[0]
        if found:
            ordered = matching.order_by(self.alphabetical(table.c.id))
            several = self.rows(ordered.limit(MANY + 1), begin=text, end=end)
            names = ", ".join(f"'{row.id}'" for row in several[:MANY]) + (" …" if len(several) > MANY else "")
            message = f"'{text}' begins several {what}s: {names}"
            raise UnknownNameError(message, hint="give more of the id", name=text)
        raise UnknownNameError(f"there is no {what} '{text}'", hint=did_you_mean(text, near()), name=text)

    def _near(self, table: Table) -> list[str]:
        """Ids among which the one that was meant may be: the newest, since comparing all of them takes too long."""
        query = select(table.c.id).where(table.c.project == self.project).order_by(table.c.seq.desc()).limit(COMPARED)
        return [row.id for row in self.rows(query)]


def mine(table: Table) -> ColumnElement[bool]:
    """That a row is of the project: for queries that are made once, and run by :meth:`Bound.rows`."""
    return table.c.project == bindparam("project")


def _insert_for(table: Table, dialect: str) -> sqlite.Insert | postgresql.Insert:
    if dialect == "postgresql":  # imported when it is used: it takes long
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)


@lru_cache(maxsize=64)
def _insert_into(table: Table) -> Insert:
    return table.insert()


@lru_cache(maxsize=64)
def _insert_unless_there(table: Table, dialect: str, key: tuple[str, ...]) -> Executable:
    unless_there = _insert_for(table, dialect).on_conflict_do_nothing(index_elements=["project", *key])
    return unless_there.returning(table.c.project)  # drivers do not all count inserted rows, so the row is asked for


@lru_cache(maxsize=64)
def _put_into(table: Table, dialect: str, key: tuple[str, ...], fresh: tuple[str, ...]) -> Executable:
    statement = _insert_for(table, dialect)
    return statement.on_conflict_do_update(
        index_elements=["project", *key], set_={name: statement.excluded[name] for name in fresh}
    )


@lru_cache(maxsize=64)
def _with_id(table: Table) -> Select[Any]:
    return select(table).where(mine(table), table.c.id == bindparam("id"))


@lru_cache(maxsize=64)
def _beginning(table: Table, dialect: str, *, open_ended: bool) -> Select[Any]:
    """The rows whose id begins with a text: a range by code points, which an index can find (see the schema)."""
    at_least, below = ("~>=~", "~<~") if dialect == "postgresql" else (">=", "<")
    query = select(table).where(mine(table), table.c.id.op(at_least)(bindparam("begin", type_=String())))
    return query if open_ended else query.where(table.c.id.op(below)(bindparam("end", type_=String())))


def _behind(text: str) -> str | None:
    """The first text behind all that begin with one, in the order of code points; ``None``: there is none."""
    kept = text.rstrip(LAST)
    if not kept:
        return None
    following = ord(kept[-1]) + 1
    return kept[:-1] + chr(0xE000 if 0xD800 <= following < 0xE000 else following)


def without(row: Row[Any], *names: str) -> dict[str, Any]:
    """A row as a mapping without the project and the named columns."""
    return {key: value for key, value in row._mapping.items() if key != "project" and key not in names}

"""A connection bound to one project, and the few statements that all tables share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Connection, CursorResult, Executable, Row, Select, Table, collate, func, select
from sqlalchemy.dialects import postgresql, sqlite

from soroi.base.errors import StoreError, UnknownNameError, did_you_mean

MANY = 10
"""How many matches an error message names."""


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

    def select(self, table: Table) -> Select[Any]:
        """A query for all columns of a table's rows of this project."""
        return select(table).where(table.c.project == self.project)

    def rows(self, query: Executable) -> Sequence[Row[Any]]:
        """All rows of a query."""
        return self.connection.execute(query).all()

    def row(self, query: Executable) -> Row[Any] | None:
        """The first row of a query, or ``None``."""
        return self.connection.execute(query).first()

    def alphabetical(self, column: ColumnElement[str]) -> ColumnElement[str]:
        """A text column to order by: by code points on every database, whatever its language is."""
        return collate(column, "C") if self.connection.dialect.name == "postgresql" else column

    def change(self, statement: Executable, parameters: Any = None) -> int:
        """Run a statement that writes, and give the number of rows that it updated or deleted.

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
            self.change(table.insert(), [{"project": self.project, **one} for one in many])

    def insert_if_absent(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> bool:
        """Insert a row unless one with the same key is there. Tells whether it was inserted.

        Args:
            table: Table to insert into.
            values: Values of the columns, without the project.
            key: Columns that, with the project, identify a row.
        """
        statement = self._insert(table).values(project=self.project, **values)
        unless_there = statement.on_conflict_do_nothing(index_elements=["project", *key])
        # drivers do not all count inserted rows, so the row itself is asked for
        return self._write(unless_there.returning(table.c.project)).first() is not None

    def upsert(self, table: Table, values: Mapping[str, Any], key: Sequence[str]) -> None:
        """Insert a row, or overwrite the one with the same key."""
        statement = self._insert(table).values(project=self.project, **values)
        fresh = {name: statement.excluded[name] for name in values if name not in key}
        self.change(statement.on_conflict_do_update(index_elements=["project", *key], set_=fresh))

    def _insert(self, table: Table) -> sqlite.Insert | postgresql.Insert:
        if self.connection.dialect.name == "postgresql":
            return postgresql.insert(table)
        return sqlite.insert(table)

    def resolve(self, table: Table, text: str, what: str) -> Row[Any]:
        """The row whose id is a text, or whose id alone begins with it.

        Raises:
            UnknownNameError: No id begins with the text, or several do.
        """
        exact = self.row(self.select(table).where(table.c.id == text))
        if exact is not None:
            return exact
        prefix = func.substr(table.c.id, 1, len(text)) == text
        matching = self.select(table).where(prefix).order_by(self.alphabetical(table.c.id)).limit(MANY + 1)
        found = self.rows(matching) if text else []
        if len(found) == 1:
            return found[0]
        if found:
            names = ", ".join(f"'{row.id}'" for row in found[:MANY]) + (" …" if len(found) > MANY else "")
            message = f"'{text}' begins several {what}s: {names}"
            raise UnknownNameError(message, hint="give more of the id", name=text)
        known = [row.id for row in self.rows(select(table.c.id).where(table.c.project == self.project))]
        raise UnknownNameError(f"there is no {what} '{text}'", hint=did_you_mean(text, known), name=text)


def without(row: Row[Any], *names: str) -> dict[str, Any]:
    """A row as a mapping without the project and the named columns."""
    return {key: value for key, value in row._mapping.items() if key != "project" and key not in names}

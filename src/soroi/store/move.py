"""Copies what a project knows to other stores: its rows of the catalogue, and its objects.

Nothing in the source is changed. Objects are copied first, each verified where it arrives; then all rows in one
transaction, while nobody can write to the source. So a move that is stopped anywhere leaves objects that nothing
refers to yet, and is done again from where it was.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Table, select

from soroi.base.address import split_options
from soroi.base.errors import ConflictError, RefusedError, StoreError
from soroi.store.catalogue import Catalogue, Transaction
from soroi.store.objects import Objects
from soroi.store.schema import metadata

AT_ONCE = 8
"""How many objects are copied at once."""

ROWS_AT_ONCE = 500
"""How many rows one statement inserts."""

Progress = Callable[[str, int, int], None]
"""Told what is being moved, how many are done, and how many there are."""


@dataclass
class Moved:
    """What a move found and did."""

    rows: dict[str, int] = field(default_factory=dict)
    """Rows of the project, by table; all are in the target and equal."""

    rows_copied: bool = False
    """Whether they were copied; else they were there already."""

    objects: int = 0
    """Objects and documents; all are in the target and verified."""

    objects_copied: int = 0
    """How many of them were not there before."""

    bytes_copied: int = 0
    """Their bytes."""

    events: int = 0
    """Length of the event chain, which is whole."""


def _silent(_what: str, _done: int, _total: int) -> None:
    return None


def move_objects(
    source: Objects, target: Objects, moved: Moved, progress: Progress = _silent, verified: Collection[str] = ()
) -> set[str]:
    """Copy all objects and documents, and read each back from the target. Gives their keys.

    Args:
        source: Where they are.
        target: Where they go.
        moved: Counts are added here.
        progress: Told of each.
        verified: Keys that an earlier pass has given.

    Raises:
        CorruptError: One is damaged in the source; or did not arrive whole.
        StorageFullError: No space is left in the target.
    """
    keys = sorted(source.keys())
    there = set(target.keys())

    def copy(key: str) -> tuple[bool, int]:
        if key in verified:
            return False, 0
        data = source.take(key)
        fresh = target.give(key, data) if key not in there else not _holds(target, key) and target.give(key, data)
        if fresh and target.take(key) != data:
            raise StoreError(f"{target.place}/{key} is not what was copied there", hint="do the same again")
        return fresh, len(data) if fresh else 0

    moved.objects = len(keys)
    with ThreadPoolExecutor(AT_ONCE) as pool:
        try:
            for done, (fresh, size) in enumerate(pool.map(copy, keys), 1):
                moved.objects_copied += fresh
                moved.bytes_copied += size
                progress("objects", done, len(keys))
        except BaseException:
            pool.shutdown(cancel_futures=True)
            raise
    return set(keys)


def move_rows(source: Transaction, target: Catalogue, moved: Moved, progress: Progress = _silent) -> None:
    """Copy all rows of a project in one transaction, and compare them there.

    Args:
        source: A transaction on the source, within which nobody else can write to it.
        target: Where they go; bound to the same project. Must hold none of its rows, or the same.
        moved: Counts are added here.
        progress: Told of each table.

    Raises:
        RefusedError: The history of the source is not whole.
        ConflictError: The target holds other rows of the project.
        StoreError: What was copied is not what was there; nothing was changed.
    """
    broken = source.events.verify()
    if broken:
        hint = "restore the catalogue from a backup before it is moved; soroi doctor tells more"
        raise RefusedError(f"the history of '{source.project}' is not whole: {broken[0].text}", hint=hint)
    with target.write() as tx:
        tables = metadata.sorted_tables
        empty = all(next(_rows(tx, table), None) is None for table in tables)
        for done, table in enumerate(tables, 1):
            own = list(_rows(source, table))
            if empty:
                _insert(tx, table, own)
            _compare(table, own, list(_rows(tx, table)), target.place, empty)
            moved.rows[table.name] = len(own)
            progress("rows", done, len(tables))
        if tx.events.verify():
            raise StoreError(f"the history did not arrive whole in {target.place}", hint="do the same again")
        moved.rows_copied = empty
        moved.events = moved.rows["events"]
    target.analyze()


def settings(catalogue: str | None, objects: str | None) -> str:
    """What ``soroi.toml`` must say from now on.

    Args:
        catalogue: Address of the catalogue; ``None``: as before.
        objects: Address of the objects, with its options; ``None``: as before.
    """
    lines: list[str] = ["[store]"]
    options: dict[str, str] = {}
    if catalogue is not None:
        lines.append(f'catalogue = "{catalogue}"')
    if objects is not None:
        bare, options = split_options(objects)
        lines.append(f'objects = "{bare}"')
    if options:
        lines += ["", "[store.s3]"]
        flags = {"true", "false"}
        lines += [f"{name} = {value}" if value in flags else f'{name} = "{value}"' for name, value in options.items()]
    return "\n".join(lines) + "\n"


def _holds(objects: Objects, key: str) -> bool:
    """Whether something whole is stored under a key."""
    try:
        objects.take(key)
    except StoreError:
        return False
    return True


def _own(table: Table) -> bool:
    """Whether the database numbers the rows of a table itself, across projects."""
    return [column.name for column in table.primary_key] == ["seq"]


def _rows(tx: Transaction, table: Table) -> Iterator[dict[str, Any]]:
    """The rows of the project, in the order in which they were made, without the numbers of the database."""
    bound = tx._bound
    order = list(table.primary_key)
    query = select(table).where(table.c.project == bound.project).order_by(*order)
    left = {"seq"} if _own(table) else set()
    rows = (dict(row._mapping) for row in bound.connection.execute(query))
    found: Iterator[dict[str, Any]] = ({name: row[name] for name in row.keys() - left} for row in rows)
    return found if _own(table) else iter(sorted(found, key=lambda row: [_sortable(row[one.name]) for one in order]))


def _sortable(value: Any) -> tuple[str, Any]:
    return type(value).__name__, value


def _insert(tx: Transaction, table: Table, rows: Sequence[dict[str, Any]]) -> None:
    for start in range(0, len(rows), ROWS_AT_ONCE):
        tx._bound.insert(table, rows[start : start + ROWS_AT_ONCE])


def _compare(table: Table, own: list[dict[str, Any]], there: list[dict[str, Any]], place: str, copied: bool) -> None:
    if own == there:
        return
    if copied:
        raise StoreError(f"the rows of '{table.name}' did not arrive as they were in {place}", hint="report this")
    raise ConflictError(
        f"{place} holds other rows of this project: {len(there)} in '{table.name}', where there are {len(own)} here",
        hint="move into a catalogue that holds nothing of the project; if it was moved before, it lives there now",
        table=table.name,
    )

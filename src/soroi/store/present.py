"""Whether the bytes of versions are there, asked within the transaction that makes somebody need them.

Collecting first records what it will remove, in a transaction that excludes all writers, and removes it then. So
whoever asks within a writing transaction, and finds no record, is before any removal of what they come to need: the
next collection sees that it is needed. See ``docs/decisions/0017-collection.md``.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from soroi.base.errors import CollectedError, ConflictError, CorruptError, SoroiError, UnknownNameError
from soroi.base.runtime import Runtime
from soroi.store.catalogue import Catalogue, Transaction
from soroi.store.objects import Objects
from soroi.store.tombstones import Tombstone

TABLES = ("table", "scores:")
"""Outputs whose names begin so are tables; all others are objects."""


def roots(outputs: Mapping[str, str]) -> list[str]:
    """Those outputs of a version that are tables."""
    return [held for name, held in outputs.items() if name.startswith(TABLES)]


def named(outputs: Mapping[str, str], code: str) -> set[str]:
    """The objects and tables that a version names: its outputs and its code."""
    return {*outputs.values(), *([code] if code else [])}


def key_of(name: str, *, is_table: bool) -> str:
    """The key under which an object or the description of a table is stored."""
    return f"{'tables' if is_table else 'objects'}/{name[:2]}/{name}"


def parts(objects: Objects, tables: Iterable[str]) -> Iterator[tuple[str, str]]:
    """The object, and the digest of the content, of every partition of some tables. Tables not there are left out.

    Raises:
        StoreError: The store cannot be reached.
    """
    for root in tables:
        try:
            yield from parts_of(objects, root)
        except (UnknownNameError, CorruptError):  # what is missing or damaged names nothing
            continue


def parts_of(objects: Objects, root: str) -> list[tuple[str, str]]:
    """The object, and the digest of the content, of every partition of a table.

    Raises:
        UnknownNameError: There is no such table.
        CorruptError: Its description is damaged, or was collected.
        StoreError: The store cannot be reached.
    """
    from soroi.store.tables import Tables

    return [(part.object, part.content) for part in Tables(objects).describe(root).parts]


def whole(
    tx: Transaction, objects: Objects, outputs: Mapping[str, str], code: str, *more: str, runtime: Runtime
) -> bool:
    """Whether all that a version names is there and stays, if the transaction makes it needed.

    What was removed and put again counts as there, and its tombstone is taken back. So does what a collection was
    removing that is dead.

    Args:
        tx: A transaction that writes.
        objects: The objects.
        outputs: Outputs of the version.
        code: Digest of its code.
        *more: Further objects that must be there.
        runtime: Who needs it, and the clock.

    Raises:
        ConflictError: Something of it is being removed at this moment.
    """
    if not tx.tombstones.any():
        return True
    tables = roots(outputs)
    wanted = {*named(outputs, code), *more, *(held for held, _ in parts(objects, tables))}
    buried = tx.tombstones.of(wanted)
    now = runtime.clock.now()
    _refuse_going(one for one in buried.values() if not one.is_abandoned(now))
    if not all(objects.holds_key(key_of(name, is_table=name in tables)) for name in buried):
        return False
    if buried:
        tx.tombstones.forget(buried, runtime.actor, now)
    return True


def secure(
    tx: Transaction, objects: Objects, versions: Iterable[str], *, runtime: Runtime, of: Transaction | None = None
) -> None:
    """Go on only if the bytes of versions, and of all that they rest on, are there and stay.

    Args:
        tx: The transaction that makes somebody need them; it writes.
        objects: The objects.
        versions: Ids of versions.
        runtime: Who needs them, and the clock.
        of: The transaction of the project whose versions they are; default: ``tx``.

    Raises:
        CollectedError: Some were removed; names the first version, who removed it, when, and how to build it again.
        ConflictError: They are being removed at this moment.
    """
    owner = of or tx
    if not tx.tombstones.any():
        return
    marked = owner.tombstones.marked(owner.versions.closure(versions))
    if not marked:
        return
    records = owner.versions.get_many(marked)
    for version, record in records.items():
        if not whole(tx, objects, record.outputs, record.code, runtime=runtime):
            text, hint = told(marked[version], version)
            raise CollectedError(f"{version} {text}", hint=hint, version=version)
    if of is None:
        tx.tombstones.unmark(records, runtime.actor, runtime.clock.now())


def told(stone: Tombstone, version: str | None = None) -> tuple[str, str]:
    """What to say of something that was removed, and what to do about it.

    Args:
        stone: Its tombstone.
        version: The version that it belonged to; default: the first that the tombstone names.
    """
    by_project: Mapping[str, list[str]] = stone.body.get("versions", {})
    names = [version] if version else sorted({one for several in by_project.values() for one in several})
    nodes = sorted({one.partition("@")[0] for one in names})
    text = f"was collected by {stone.by} at {stone.at:%Y-%m-%d %H:%M:%S} UTC, when nothing needed it"
    if version is None and names:
        text += f" ({', '.join(names[:3])}{' …' if len(names) > 3 else ''})"
    return text, f"soroi build {' '.join(nodes[:3])} makes it again" if nodes else "build what needs it again"


def why_removed(catalogue: Catalogue, digest: str) -> tuple[str, str] | None:
    """What to say of an object or table that is not there: by whom it was removed, and when; ``None``: not known.

    Args:
        catalogue: The catalogue.
        digest: Digest of the object, or root of the table.
    """
    try:
        with catalogue.read() as tx:
            stone = tx.tombstones.of([digest]).get(digest)
    except SoroiError:  # the catalogue is gone as well: what is missing is said without it
        return None
    return told(stone) if stone is not None else None


def _refuse_going(stones: Iterable[Tombstone]) -> None:
    for stone in stones:
        if not stone.is_gone:
            raise ConflictError(
                f"{stone.object[:12]} is being removed by {stone.by} ({stone.body['collection']})",
                hint="try again in a moment; a collection that was interrupted is finished by soroi collect --apply",
                collection=stone.body["collection"],
                by=stone.by,
            )

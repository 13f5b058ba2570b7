"""One store: the catalogue, the objects, the tables and the journals of one project."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from soroi.base.errors import ConfigError
from soroi.base.runtime import Runtime
from soroi.store.catalogue import Catalogue, open_catalogue
from soroi.store.failures import naming
from soroi.store.objects import Objects
from soroi.store.present import why_removed

if TYPE_CHECKING:
    from soroi.store.tables import Tables


@dataclass(frozen=True)
class StoreConfig:
    """Where a project keeps what it knows."""

    root: Path
    """Directory of the store. Answers and rows are always kept there."""

    project: str
    """Name of the project; several may share one catalogue and one object store."""

    catalogue: str | None = field(default=None, repr=False)
    """SQLAlchemy URL of the catalogue. By default a SQLite file, ``root/catalogue.sqlite``."""

    objects: str | None = None
    """Directory or URL of the objects. By default ``root/objects``."""


@dataclass(frozen=True)
class Store:
    """An open store. Safe between threads; open another one in another process."""

    config: StoreConfig
    """Where it is."""

    catalogue: Catalogue
    """Versions, runs, staging, manifests, heads, judgements, history."""

    objects: Objects
    """Artefacts by digest."""

    runtime: Runtime
    """Clock, ids and actor."""

    @cached_property
    def tables(self) -> Tables:
        """Tables by root."""
        from soroi.store.tables import Tables

        return Tables(self.objects)

    def close(self) -> None:
        """Close the connections."""
        self.catalogue.close()

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_error: object) -> None:
        self.close()


def open_store(config: StoreConfig, *, runtime: Runtime | None = None) -> Store:
    """Open a store; makes it when it is not there, and migrates its catalogue when it is older.

    Args:
        config: Where it is.
        runtime: Clock, ids and actor; those of the machine by default.

    Raises:
        ConfigError: The project has no name, or an address is not one.
        StorageFullError: No space is left to make it.
        StoreError: It cannot be opened, is newer than this soroi, or its objects cannot be put safely.
    """
    if not config.project.strip():
        raise ConfigError("the project of a store has no name", hint="give it one in soroi.toml")
    runtime = runtime or Runtime()
    root = Path(config.root).absolute()
    with naming(root):
        root.mkdir(parents=True, exist_ok=True)
    catalogue = open_catalogue(config.catalogue or root / "catalogue.sqlite", config.project)
    try:
        objects = Objects(config.objects or root / "objects", ids=runtime.ids)
    except BaseException:
        catalogue.close()
        raise
    objects.why_removed = partial(why_removed, catalogue)
    return Store(config, catalogue, objects, runtime)

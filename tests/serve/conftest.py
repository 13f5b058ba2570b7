from __future__ import annotations

import shutil
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from tests.projects import Tiny
from tests.serve.serving_project import END, write

from soroi.base.runtime import ManualClock, Runtime
from soroi.release.manifest import Manifest
from soroi.serve import Engine, Snapshot, load_snapshot
from soroi.store import AnswerLog, RowLog


@dataclass
class Shop:
    """The project, released, with an engine that answers with it."""

    tiny: Tiny
    manifest: Manifest
    snapshot: Snapshot
    engine: Engine

    @property
    def root(self) -> Path:
        return self.tiny.project.config.store

    def load(self) -> Snapshot:
        return load_snapshot(self.tiny.project.store, self.manifest, module="shops", home=self.tiny.folder)

    def alter(self, decision: str = "check", **changes: object) -> None:
        """Answer with a decision that differs in some parts from the loaded one."""
        snapshot = self.engine.serving.snapshot if self.engine.serving else self.snapshot
        part = replace(snapshot.decisions[decision], **changes)  # type: ignore[arg-type]
        altered = replace(snapshot, manifest=snapshot.manifest + "'", decisions={**snapshot.decisions, decision: part})
        self.engine.switch(altered, environment="production", revision=1)

    def records(self) -> list[dict[str, object]]:
        """All answers written down."""
        self.engine.answers.flush()
        return list(AnswerLog(self.root).scan())


@pytest.fixture(scope="session")
def _released_shop(tmp_path_factory: pytest.TempPathFactory, few_threads: None) -> Path:
    tiny = Tiny(write(tmp_path_factory.mktemp("served") / "shops"))
    tiny.build()
    outcome = tiny.project.stage(everything=True)
    assert outcome.manifest is not None, outcome.report.reasons
    tiny.project.release()
    tiny.close()
    return tiny.folder


@pytest.fixture
def shop_folder(_released_shop: Path, tmp_path: Path) -> Path:
    """A copy of the released project."""
    return Path(shutil.copytree(_released_shop, tmp_path / "shops"))


@pytest.fixture
def shop(shop_folder: Path) -> Iterator[Shop]:
    """The released project with an engine, its clock standing at the end of the data."""
    tiny = Tiny(shop_folder)
    manifest = tiny.project.manifest()
    snapshot = load_snapshot(tiny.project.store, manifest, module="shops", home=tiny.folder)
    root = tiny.project.config.store
    engine = Engine(AnswerLog(root), RowLog(root), runtime=Runtime(clock=ManualClock(END)))
    engine.switch(snapshot, environment="production", revision=1)
    yield Shop(tiny, manifest, snapshot, engine)
    engine.close()
    tiny.close()

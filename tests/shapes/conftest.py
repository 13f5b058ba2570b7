from __future__ import annotations

import contextlib
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.backends import Servers
from tests.projects import CONFIG, InlineExecutor, Tiny
from tests.shapes import generator
from tests.shapes.catalogue import SHAPES
from tests.shapes.generator import OTHER, Shape

from soroi.build.result import RunResult


class Written(Tiny):
    """A project of a shape, rewritten at will."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.shape = shape
        super().__init__(folder)
        self.other = Tiny(folder / OTHER) if shape.other is not None else None
        """The other project that it shares nodes of."""

    def becomes(self, shape: Shape) -> None:
        """Write the files of another shape over it, and load them. What changed in the other project is released."""
        shape.write(self.folder)
        if shape.other != self.shape.other:
            self.release_other()
        self.shape = shape
        self.project.reload()

    def release_other(self) -> None:
        """Build, stage and release the other project."""
        assert self.other is not None
        self.other.build()
        self.other.project.stage(everything=True)
        self.other.project.release()

    def close(self) -> None:
        """Close the stores."""
        super().close()
        if self.other is not None:
            self.other.close()

    def stale(self) -> set[str]:
        """The nodes that are not fresh."""
        return {name for name, state in self.statuses().items() if state != "fresh"}

    def digests(self) -> dict[str, str]:
        """The behaviour of each node, as on disk."""
        self.project.reload()
        return {name: one.behaviour for name, one in self.project.fingerprints.items()}


@dataclass
class History:
    """What was seen while a project of a shape was built, staged and released for the first time."""

    folder: Path
    catalogue: str | None
    before: dict[str, str]
    planned: dict[str, str]
    first: RunResult
    ran: list[str]
    after: dict[str, str]
    then: dict[str, str]
    again: RunResult
    behind: tuple[str, ...]


def actions(project: Tiny) -> dict[str, str]:
    """The least work of each node, as planned."""
    return {one.node: one.action.value for one in project.project.plan().nodes}


@contextlib.contextmanager
def kept_in(catalogue: str | None, objects: str | None = None) -> Iterator[None]:
    """Projects written meanwhile keep their catalogue and objects there; ``None``: in their own folder."""
    own, other = f"{CONFIG}\n[store]\n", generator.OTHER_CONFIG
    for name, file, address in (("catalogue", ".sqlite", catalogue), ("objects", "", objects)):
        if address is not None:
            own += f'{name} = "{address}"\n'
            other = other.replace(f"{{store}}/{name}{file}", address)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(generator, "CONFIG", own)
        patch.setattr(generator, "OTHER_CONFIG", other)
        yield


def _history(folder: Path, shape: Shape, catalogue: str | None) -> History:
    written = Written(shape.write(folder), shape)
    if shape.other is not None:
        written.release_other()
    before, planned = written.statuses(), actions(written)
    executor = InlineExecutor()
    first = written.build(executor=executor)
    after, then = written.statuses(), actions(written)
    again = written.build()
    staged = written.project.stage(everything=True)
    written.project.release()
    written.close()
    return History(
        folder, catalogue, before, planned, first, executor.ran, after, then, again, tuple(staged.report.behind)
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On PostgreSQL, each behaviour on a third of the shapes, other ones each time; all with ``--every-shape``."""
    if config.getoption("--every-shape"):
        return
    places = {shape.name: place for place, shape in enumerate(SHAPES)}
    tests: dict[str, int] = {}
    kept: list[pytest.Item] = []
    left: list[pytest.Item] = []
    for item in items:
        values = item.callspec.params if isinstance(item, pytest.Function) and hasattr(item, "callspec") else {}
        shape, out = values.get("shape"), False
        if isinstance(item, pytest.Function) and isinstance(shape, Shape) and values.get("kind") == "postgresql":
            turn = tests.setdefault(item.originalname, len(tests))
            out = (turn + places[shape.name]) % 3 != 0
        (left if out else kept).append(item)
    config.hook.pytest_deselected(items=left)
    items[:] = kept


Histories = Callable[[Shape, str], History]


@pytest.fixture(scope="session")
def histories(tmp_path_factory: pytest.TempPathFactory, few_threads: None, request: pytest.FixtureRequest) -> Histories:
    """Builds each shape once on each of the databases."""
    made: dict[tuple[str, str], History] = {}

    def of(shape: Shape, kind: str) -> History:
        if (shape.name, kind) not in made:
            catalogue = None
            if kind == "postgresql":
                servers = request.getfixturevalue("servers")
                assert isinstance(servers, Servers)
                catalogue = servers.postgres.fresh()
            with kept_in(catalogue):
                folder = tmp_path_factory.mktemp("shapes") / shape.name
                made[shape.name, kind] = _history(folder, shape, catalogue)
        return made[shape.name, kind]

    return of


@pytest.fixture(params=["sqlite", "postgresql"])
def kind(request: pytest.FixtureRequest) -> str:
    """The database that the catalogue is in."""
    return str(request.param)


@pytest.fixture(params=SHAPES, ids=str)
def shape(request: pytest.FixtureRequest) -> Shape:
    found = request.param
    assert isinstance(found, Shape)
    return found


@pytest.fixture
def history(shape: Shape, kind: str, histories: Histories) -> History:
    return histories(shape, kind)


@pytest.fixture
def written(shape: Shape, history: History, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Written]:
    """A project of the shape: built, staged and released; a copy of its own for each test."""
    folder = tmp_path / shape.name
    shutil.copytree(history.folder, folder)
    with contextlib.ExitStack() as stack:
        catalogue = None
        if history.catalogue is not None:
            servers = request.getfixturevalue("servers")
            assert isinstance(servers, Servers)
            catalogue = servers.postgres.copy(history.catalogue)
            stack.callback(servers.postgres.drop, catalogue)
        stack.enter_context(kept_in(catalogue))
        shape.write(folder)
        opened = Written(folder, shape)
        stack.callback(opened.close)
        yield opened

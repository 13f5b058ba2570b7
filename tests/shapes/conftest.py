from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from tests.projects import InlineExecutor, Tiny
from tests.shapes.catalogue import SHAPES
from tests.shapes.generator import Shape

from soroi.build.result import RunResult


class Written(Tiny):
    """A project of a shape, rewritten at will."""

    def __init__(self, folder: Path, shape: Shape) -> None:
        self.shape = shape
        super().__init__(folder)

    def becomes(self, shape: Shape) -> None:
        """Write the files of another shape over it, and load them."""
        shape.write(self.folder)
        self.project.reload()

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


def _history(folder: Path, shape: Shape) -> History:
    written = Written(shape.write(folder), shape)
    before, planned = written.statuses(), actions(written)
    executor = InlineExecutor()
    first = written.build(executor=executor)
    after, then = written.statuses(), actions(written)
    again = written.build()
    staged = written.project.stage(everything=True)
    written.project.release()
    written.close()
    return History(folder, before, planned, first, executor.ran, after, then, again, tuple(staged.report.behind))


@pytest.fixture(scope="session")
def histories(tmp_path_factory: pytest.TempPathFactory, few_threads: None) -> Callable[[Shape], History]:
    """Builds each shape once."""
    made: dict[str, History] = {}

    def of(shape: Shape) -> History:
        if shape.name not in made:
            made[shape.name] = _history(tmp_path_factory.mktemp("shapes") / shape.name, shape)
        return made[shape.name]

    return of


@pytest.fixture(params=SHAPES, ids=str)
def shape(request: pytest.FixtureRequest) -> Shape:
    found = request.param
    assert isinstance(found, Shape)
    return found


@pytest.fixture
def history(shape: Shape, histories: Callable[[Shape], History]) -> History:
    return histories(shape)


@pytest.fixture
def written(shape: Shape, history: History, tmp_path: Path) -> Iterator[Written]:
    """A project of the shape: built, staged and released; a copy of its own for each test."""
    folder = tmp_path / shape.name
    shutil.copytree(history.folder, folder)
    opened = Written(folder, shape)
    yield opened
    opened.close()

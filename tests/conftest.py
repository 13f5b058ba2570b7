from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
import threadpoolctl  # type: ignore[import-untyped]  # comes with scikit-learn
from tests.projects import CODE, FEBRUARY, Maker, Tiny, write_project


@pytest.fixture(scope="session")
def few_threads() -> Iterator[None]:
    """Threads that spin for each other make small models slow on a busy machine."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture
def make(tmp_path: Path, few_threads: None) -> Iterator[Maker]:
    """Writes a tiny project and opens it."""
    opened: list[Tiny] = []

    def maker(code: str = CODE, name: str = "tiny", **options: object) -> Tiny:
        tiny = Tiny(write_project(tmp_path / name, code, **options))  # type: ignore[arg-type]
        opened.append(tiny)
        return tiny

    yield maker
    for one in opened:
        one.close()


@pytest.fixture(scope="session")
def _released(tmp_path_factory: pytest.TempPathFactory, few_threads: None) -> Path:
    tiny = Tiny(write_project(tmp_path_factory.mktemp("released") / "tiny"))
    tiny.build(as_of=FEBRUARY)
    assert tiny.project.stage(everything=True).manifest is not None
    tiny.project.release()
    tiny.close()
    return tiny.folder


@pytest.fixture
def tiny(_released: Path, tmp_path: Path) -> Iterator[Tiny]:
    """The tiny project, built as of February, staged and released; a copy of its own for each test."""
    shutil.copytree(_released, tmp_path / "copy" / "tiny")
    opened = Tiny(tmp_path / "copy" / "tiny")
    yield opened
    opened.close()

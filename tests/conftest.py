from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import threadpoolctl  # type: ignore[import-untyped]  # comes with scikit-learn
from hypothesis import settings
from tests.backends import SECRETS, Place, Servers
from tests.projects import CODE, FEBRUARY, Maker, Tiny, write_project

# a busy machine is not a wrong answer: the laws are about results, and pytest has a limit of time
settings.register_profile("patient", deadline=None)
settings.load_profile("patient")


def pytest_addoption(parser: pytest.Parser) -> None:
    """An option for those who have time."""
    parser.addoption("--every-shape", action="store_true", help="every behaviour of every shape on PostgreSQL too")


@pytest.fixture(scope="session")
def few_threads() -> Iterator[None]:
    """Threads that spin for each other make small models slow on a busy machine."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def servers() -> Iterator[Servers]:
    """The servers of this process, started when asked for; with the environment in which they let us in."""
    made = Servers()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in SECRETS.items():
            patch.setenv(name, value)
        yield made
    made.stop()


@pytest.fixture
def postgres(servers: Servers) -> Iterator[Callable[[], str]]:
    """Gives addresses of fresh databases of PostgreSQL, made for a catalogue; they are gone after the test."""
    made: list[str] = []

    def fresh() -> str:
        made.append(servers.postgres.fresh())
        return made[-1]

    yield fresh
    for one in made:
        servers.postgres.drop(one)


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """Address of a fresh database for a catalogue, on each of the databases."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path}/catalogue.sqlite"
    address = request.getfixturevalue("postgres")()
    assert isinstance(address, str)
    return address


@pytest.fixture(params=["local", "moto", "seaweedfs"])
def place(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A fresh place for objects, on each of the object stores."""
    name = str(request.param)
    if name == "local":
        return Place(name, str(tmp_path / "objects"))
    servers = request.getfixturevalue("servers")
    assert isinstance(servers, Servers)
    return Place(name, servers.bucket(name).fresh())


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

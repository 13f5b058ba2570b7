from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import Engine
from tests.backends import Place, Servers

from soroi.store import Catalogue, Objects, open_catalogue
from soroi.store.engines import database_url, make_engine

Opening = Callable[..., Catalogue]
"""Opens a catalogue of a project, ``demo`` by default, at an address, by default the one of the test."""


@pytest.fixture(params=["sqlite", "postgresql"])
def untouched(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Address of a database that holds nothing, on each of the databases."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/untouched.sqlite"
        return
    servers = request.getfixturevalue("servers")
    assert isinstance(servers, Servers)
    made = servers.postgres.empty()
    yield made
    servers.postgres.drop(made)


@pytest.fixture
def engine(untouched: str) -> Iterator[Engine]:
    """An engine of the database that holds nothing."""
    made, _ = make_engine(database_url(untouched))
    yield made.execution_options(soroi_writes=True)
    made.dispose()


@pytest.fixture
def opening(database: str) -> Iterator[Opening]:
    """Opens catalogues; they are closed after the test."""
    opened: list[Catalogue] = []

    def go(project: str = "demo", address: str | Path = database) -> Catalogue:
        opened.append(open_catalogue(address, project))
        return opened[-1]

    yield go
    for one in opened:
        one.close()


@pytest.fixture
def catalogue(opening: Opening) -> Catalogue:
    """An empty catalogue, on each of the databases."""
    return opening()


@pytest.fixture
def objects(place: Place) -> Objects:
    """An empty object store, on each of the object stores."""
    return Objects(place.address)

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from tests.serve.conftest import _released_shop, shop_folder

from soroi.codebase import read_config
from soroi.http import Service, make_app, open_service
from soroi.http.desk import Desk
from soroi.http.server import listen, make_server

__all__ = ["_released_shop", "shop_folder"]


@contextlib.contextmanager
def answering(service: Service, desk: Desk | None = None, *, native: bool = True) -> Iterator[httpx.Client]:
    """A client of a real server in a thread of this process."""
    desk = desk or Desk(service)
    with contextlib.closing(listen("127.0.0.1", 0)) as listening:
        begun = threading.Event()
        server = make_server(make_app(service, desk=desk), begun.set, desk=desk if native else None)
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            assert begun.wait(30)
            with httpx.Client(base_url=f"http://127.0.0.1:{listening.getsockname()[1]}", timeout=60) as made:
                yield made
        finally:
            server.should_exit = True
            thread.join()


@pytest.fixture
def service(shop_folder: Path) -> Service:
    """The released project, open to be served; its server starts and closes it."""
    return open_service(read_config(shop_folder))


@pytest.fixture
def client(service: Service) -> Iterator[httpx.Client]:
    """A client of the server, once the manifest is loaded."""
    service.follower.look()
    with answering(service) as made:
        yield made

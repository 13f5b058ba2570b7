from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.govern.records import fill
from tests.release.people import Town

from soroi.base.runtime import ManualClock, Runtime
from soroi.store import StoreConfig, open_store


@pytest.fixture
def town(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Town]:
    """A store in which nothing was done, with a folder of keys of its own."""
    monkeypatch.setenv("SOROI_KEYS", str(tmp_path / "keys"))
    clock = ManualClock()
    with open_store(StoreConfig(tmp_path / "store", "demo"), runtime=Runtime(clock=clock)) as store:
        yield Town(store, clock)


@pytest.fixture
def full(town: Town) -> Town:
    """A store with something of everything in it."""
    fill(town)
    return town

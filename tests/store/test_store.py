"""The store as a whole."""

from __future__ import annotations

import time
from pathlib import Path

import polars as pl
import pytest

from soroi.base.errors import ConfigError, StoreError
from soroi.base.runtime import CountingIds, ManualClock, Runtime
from soroi.store import StoreConfig, open_store


def test_a_store_is_made_where_it_is_asked_for_and_opened_again(tmp_path: Path) -> None:
    config = StoreConfig(tmp_path / "deep" / "store", "demo")
    runtime = Runtime(ManualClock(), CountingIds(), "ann")
    with open_store(config, runtime=runtime) as store:
        assert store.runtime is runtime
        digest = store.objects.put(b"x")
        root = store.tables.write(pl.DataFrame({"a": [2, 1]}), key=["a"]).root
        with store.catalogue.write() as tx:
            tx.events.append("made", None, {}, "ann", runtime.clock.now())
    before = time.process_time()
    store = open_store(config)
    assert time.process_time() - before < 0.15
    assert store.objects.get(digest, what="it") == b"x"
    assert store.tables.read(root)["a"].to_list() == [1, 2]
    with store.catalogue.read() as tx:
        assert len(tx.events.list()) == 1
    store.close()


def test_catalogue_and_objects_may_be_elsewhere(tmp_path: Path) -> None:
    config = StoreConfig(tmp_path / "s", "demo", f"sqlite:///{tmp_path}/c/cat.db", str(tmp_path / "o"))
    with open_store(config) as store:
        digest = store.objects.put(b"x")
    assert (tmp_path / "c" / "cat.db").is_file()
    assert (tmp_path / "o" / "objects" / digest[:2] / digest).is_file()


def test_a_project_needs_a_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no name"):
        open_store(StoreConfig(tmp_path, "  "))


def test_a_root_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreError, match="file/store"):
        open_store(StoreConfig(tmp_path / "file" / "store", "demo"))

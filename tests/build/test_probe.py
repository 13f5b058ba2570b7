from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

import pytest
from tests.projects import SMALL

from soroi.base.errors import MissingFileError
from soroi.build.probe import SOURCE_READ, Looks, probe_files
from soroi.codebase import load
from soroi.declare.node import Node
from soroi.declare.spec import FileRef
from soroi.store import StoreConfig, open_store


@pytest.fixture
def node(tmp_path: Path) -> Node:
    (tmp_path / "tiny.py").write_text(SMALL)
    return load(tmp_path, "tiny").graph["items"]


def test_a_file_is_named_below_the_project_with_size_and_time(tmp_path: Path, node: Node) -> None:
    (tmp_path / "a.csv").write_text("abc")
    os.utime(tmp_path / "a.csv", ns=(1, 2))
    assert probe_files([FileRef("a.csv")], tmp_path, node) == [["a.csv", 3, 2]]


def test_a_pattern_finds_all_its_files_in_order(tmp_path: Path, node: Node) -> None:
    (tmp_path / "data" / "deep").mkdir(parents=True)
    for name in ("data/b.csv", "data/a.csv", "data/deep/c.csv", "data/no.txt"):
        (tmp_path / name).write_text("")
    found = probe_files([FileRef("data/**/*.csv")], tmp_path, node)
    assert [one[0] for one in found] == ["data/a.csv", "data/b.csv", "data/deep/c.csv"]


def test_a_file_elsewhere_keeps_its_whole_name(tmp_path: Path, node: Node) -> None:
    (tmp_path / "a.csv").write_text("")
    home = tmp_path / "home"
    home.mkdir()
    assert probe_files([FileRef(str(tmp_path / "a.csv"))], home, node)[0][0] == str(tmp_path / "a.csv")


@pytest.mark.parametrize("pattern", ["gone.csv", "gone/*.csv", "/nowhere/at/all.csv"])
def test_a_reference_to_nothing_is_named_with_the_node_and_its_place(tmp_path: Path, node: Node, pattern: str) -> None:
    with pytest.raises(MissingFileError) as told:
        probe_files([FileRef(pattern)], tmp_path, node)
    assert f"source 'items' rests on '{pattern}'" in told.value.message
    assert told.value.where == node.where


def test_the_last_look_at_each_version_is_known_however_much_was_read_since(tmp_path: Path) -> None:
    reads = [("items", "items@1", 1), ("items", "items@1", 2), ("items", "items@2", 3), ("others", "others@1", 4)]
    now = datetime(2026, 1, 1, tzinfo=UTC)
    with open_store(StoreConfig(tmp_path, "shop")) as store, store.catalogue.write() as tx:
        for node, version, size in reads:
            body = {"version": version, "files": [["a.csv", size, 0]]}
            tx.events.append(SOURCE_READ, node, body, by="ann", at=now)
        looks = Looks(tx)
        assert looks.get("items@2", "items") == [["a.csv", 3, 0]]
        assert looks.get("items@1", "items") == [["a.csv", 2, 0]]
        assert looks.get("others@1", "others") == [["a.csv", 4, 0]]
        assert looks.get("items@3", "items") is None
        assert looks.get("never@1", "never") is None

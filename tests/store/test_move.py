"""Moving: everything arrives as it was, the source is left alone, and a move can be stopped and done again."""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from pathlib import Path

import pytest
from tests.backends import Place
from tests.store.test_migrate import NOW, fill, held

from soroi.base.errors import ConflictError, CorruptError, RefusedError, StoreError
from soroi.store import Catalogue, ManifestRecord, Objects, open_catalogue
from soroi.store.move import Moved, move_objects, move_rows, settings
from soroi.store.schema import metadata

Fresh = Callable[[], str]


@pytest.fixture
def here(tmp_path: Path) -> Catalogue:
    made = open_catalogue(tmp_path / "here.sqlite", "demo")
    fill(made)
    return made


def moved_rows(source: Catalogue, target: Catalogue) -> Moved:
    moved = Moved()
    with source.write() as tx:
        move_rows(tx, target, moved)
    return moved


def test_all_rows_arrive_as_they_were_and_nobody_else_s_are_touched(here: Catalogue, postgres: Fresh) -> None:
    address, before = postgres(), held(here)
    with contextlib.closing(open_catalogue(address, "other")) as other:
        fill(other)
        others = held(other)
        with contextlib.closing(open_catalogue(address, "demo")) as there:
            moved = moved_rows(here, there)
            assert held(there) == held(here) == before
            assert moved.rows_copied
            assert moved.rows["events"] == moved.events == len(before["events"])
            assert set(moved.rows) == set(metadata.tables)
            with there.write() as tx:
                assert tx.events.append("more", None, {}, "ann", NOW).seq == moved.events + 1
        assert held(other) == others


def test_what_is_there_already_is_found_equal_and_what_differs_is_refused(here: Catalogue, postgres: Fresh) -> None:
    with contextlib.closing(open_catalogue(postgres(), "demo")) as there:
        assert moved_rows(here, there).rows_copied
        assert not moved_rows(here, there).rows_copied
        before = held(there)
        with here.write() as tx:
            tx.manifests.add(ManifestRecord("later", {}, NOW, "ann"))
        with pytest.raises(ConflictError, match="other rows of this project: 2 in 'manifests', where there are 3"):
            moved_rows(here, there)
        assert held(there) == before


def test_rows_that_do_not_arrive_leave_nothing(
    here: Catalogue, postgres: Fresh, monkeypatch: pytest.MonkeyPatch
) -> None:
    count = itertools.count()

    def stopped(*_: object) -> None:
        if next(count) == 5:
            raise KeyboardInterrupt

    with contextlib.closing(open_catalogue(postgres(), "demo")) as there:
        with pytest.raises(KeyboardInterrupt), here.write() as tx:
            move_rows(tx, there, Moved(), stopped)
        with there.read() as tx:
            assert (tx.runs.recent(), tx.versions.all(), tx.events.list()) == ([], [], [])
        monkeypatch.setattr("soroi.store.move._insert", lambda tx, table, rows: None)
        with pytest.raises(StoreError, match="did not arrive as they were"):
            moved_rows(here, there)


def test_a_history_that_is_not_whole_is_not_moved(here: Catalogue, postgres: Fresh) -> None:
    with here.write() as tx:
        tx._bound.connection.exec_driver_sql("UPDATE events SET kind = 'forged' WHERE seq = 2")
    with (
        contextlib.closing(open_catalogue(postgres(), "demo")) as there,
        pytest.raises(RefusedError, match="history of 'demo' is not whole"),
    ):
        moved_rows(here, there)


@pytest.fixture
def kept(tmp_path: Path) -> Objects:
    made = Objects(tmp_path / "kept")
    for number in range(12):
        made.put(bytes([number]) * 1000)
    made.put_document("tables/ab/x", b"a table")
    return made


def test_all_objects_and_documents_arrive_and_are_verified(kept: Objects, objects: Objects) -> None:
    moved = Moved()
    keys = move_objects(kept, objects, moved)
    assert keys == set(kept.keys()) == set(objects.keys())
    assert (moved.objects, moved.objects_copied) == (13, 13)
    assert sorted(objects.iter()) == sorted(kept.iter())
    assert objects.get_document("tables/ab/x", what="it") == b"a table"
    again = Moved()
    move_objects(kept, objects, again)
    assert (again.objects, again.objects_copied, again.bytes_copied) == (13, 0, 0)


def test_a_move_that_was_stopped_goes_on_where_it_was(kept: Objects, objects: Objects) -> None:
    def stopped(_what: str, done: int, _total: int) -> None:
        if done == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        move_objects(kept, objects, Moved(), stopped)
    before, moved = len(list(objects.keys())), Moved()
    assert before >= 4
    move_objects(kept, objects, moved)
    assert moved.objects_copied == 13 - before
    assert set(objects.keys()) == set(kept.keys())


def test_a_damaged_copy_in_the_target_is_replaced(kept: Objects, objects: Objects, place: Place) -> None:
    move_objects(kept, objects, Moved())
    key = sorted(objects.keys())[0]
    place.flip(key, 3)
    moved = Moved()
    move_objects(kept, objects, moved)
    assert moved.objects_copied == 1
    assert objects.take(key) == kept.take(key)


def test_a_damaged_object_in_the_source_is_named(kept: Objects, tmp_path: Path) -> None:
    source, key = Place("local", str(tmp_path / "kept")), sorted(kept.keys())[0]
    source.flip(key, 3)
    with pytest.raises(CorruptError, match=f"{key} is damaged"):
        move_objects(kept, Objects(tmp_path / "other"), Moved())


def test_the_settings_to_write_are_told_with_the_options_of_the_address() -> None:
    told = settings("postgresql+psycopg://soroi@h/d", "s3://b/p?endpoint=http%3A%2F%2Fh%3A1&allow_http=true")
    assert told == (
        '[store]\ncatalogue = "postgresql+psycopg://soroi@h/d"\nobjects = "s3://b/p"\n\n'
        '[store.s3]\nendpoint = "http://h:1"\nallow_http = true\n'
    )
    assert settings(None, "/srv/objects") == '[store]\nobjects = "/srv/objects"\n'

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from soroi.base.errors import RequestError, UnknownNameError
from soroi.serve.rows import RowSchema
from soroi.serve.tables import OnlineTables, SourceBase
from soroi.store import RowLog

START = datetime(2026, 1, 1, tzinfo=UTC)
SCHEMA = {"id": pl.String(), "at": pl.Datetime("us", "UTC"), "known": pl.Datetime("us", "UTC"), "value": pl.Int64()}
TIMED = RowSchema("timed", SCHEMA, ("id",), "at", "known")
UNTIMED = RowSchema("untimed", {"id": pl.String(), "value": pl.Int64()}, ("id",), None, None)


def minute(n: float) -> datetime:
    return START + timedelta(minutes=n)


def row(name: str, at: float, known: float, value: int | None = 0) -> dict[str, Any]:
    return {"id": name, "at": minute(at).isoformat(), "known": minute(known).isoformat(), "value": value}


def timed_base(*rows: dict[str, Any]) -> SourceBase:
    made = TIMED.check(rows, defaults={}, required=["id", "at", "known"])
    return SourceBase(TIMED, "timed@0", START, made.frame.sort("at", "id"))


def untimed_base(*rows: dict[str, Any], built_at: datetime = START) -> SourceBase:
    made = UNTIMED.check(rows, defaults={}, required=["id"])
    return SourceBase(UNTIMED, "untimed@0", built_at, made.frame.sort("id"))


def open_tables(path: Path, *bases: SourceBase) -> OnlineTables:
    tables = OnlineTables({base.schema.source: base for base in bases}, RowLog(path))
    tables.replay()
    return tables


def ids(frame: pl.LazyFrame) -> list[str]:
    return frame.collect()["id"].to_list()


def test_a_slice_holds_what_was_known_between_two_moments_in_the_order_of_a_build(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, timed_base(row("a", 1, 30), row("b", 2, 10), row("c", 3, 20), row("d", 4, 40)))
    assert ids(tables.slice("timed", minute(10), minute(30))) == ["a", "b", "c"]
    assert ids(tables.slice("timed", minute(10.5), minute(29))) == ["c"]
    assert ids(tables.slice("timed", minute(50), minute(60))) == []


def test_a_source_without_time_is_given_whole(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, untimed_base({"id": "b", "value": 1}, {"id": "a", "value": 2}))
    assert ids(tables.slice("untimed", START, START)) == ["a", "b"]


def test_rows_that_come_in_count_at_once_and_after_a_restart(tmp_path: Path) -> None:
    base = timed_base(row("a", 1, 10))
    tables = open_tables(tmp_path, base)
    taken = tables.ingest("timed", [row("b", 2, 12), row("c", 3, 11)], START)
    assert (taken.accepted, taken.known) == (2, 0)
    for one in (tables, open_tables(tmp_path, base)):
        assert ids(one.slice("timed", minute(0), minute(60))) == ["a", "b", "c"]
        assert ids(one.slice("timed", minute(11), minute(11))) == ["c"]


def test_rows_handed_in_twice_count_once(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, timed_base(row("a", 1, 10)))
    tables.ingest("timed", [row("b", 2, 12)], START)
    taken = tables.ingest("timed", [row("a", 1, 10), row("b", 2, 12), row("b", 2, 12)], START)
    assert (taken.accepted, taken.known) == (0, 3)
    assert len(list(RowLog(tmp_path).scan("timed"))) == 1


def test_of_two_versions_of_a_row_the_one_known_later_wins_and_both_are_logged(tmp_path: Path) -> None:
    base = timed_base(row("a", 1, 10, 1))
    tables = open_tables(tmp_path, base)
    assert tables.ingest("timed", [row("a", 1, 20, 2)], START).accepted == 1
    assert tables.ingest("timed", [row("a", 1, 15, 3)], START).known == 1
    for one in (tables, open_tables(tmp_path, base)):
        assert one.view["timed"].whole["value"].to_list() == [2]
        assert len(one.view["timed"]) == 1
    assert [logged["value"] for logged in RowLog(tmp_path).scan("timed")] == [2, 3]


def test_a_row_of_a_source_without_time_replaces_the_known_one_but_never_a_newer_base(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, untimed_base({"id": "a", "value": 1}))
    assert tables.ingest("untimed", [{"id": "a", "value": 2}, {"id": "b", "value": 3}], minute(5)).accepted == 2
    assert tables.view["untimed"].whole.rows() == [("a", 2), ("b", 3)]
    again = open_tables(tmp_path, untimed_base({"id": "a", "value": 1}))
    assert again.view["untimed"].whole.rows() == [("a", 2), ("b", 3)]
    rebuilt = open_tables(tmp_path, untimed_base({"id": "a", "value": 9}, built_at=minute(10)))
    assert rebuilt.view["untimed"].whole.rows() == [("a", 9), ("b", 3)]


def test_another_manifest_starts_from_its_own_base_and_the_same_log(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, timed_base(row("a", 1, 10)))
    tables.ingest("timed", [row("b", 2, 12, 1), row("c", 3, 13)], START)
    newer = open_tables(tmp_path, timed_base(row("a", 1, 10), row("b", 2, 12, 7)))
    assert newer.view["timed"].whole.select("id", "value").rows() == [("a", 0), ("b", 7), ("c", 0)]


def test_logged_rows_that_no_longer_fit_are_left_out_and_counted(tmp_path: Path) -> None:
    log = RowLog(tmp_path)
    log.append("timed", [{"id": 7, "at": START, "known": START}, {"id": "x", "at": START, "known": START, "old": 1}])
    tables = open_tables(tmp_path, timed_base(row("a", 1, 10)))
    assert (tables.replayed.rows, tables.replayed.refused) == (2, 1)
    assert ids(tables.view["timed"].whole.lazy()) == ["x", "a"]
    log.close()


def test_the_moment_of_knowing_is_now_when_it_is_not_given(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, timed_base(row("a", 1, 10)))
    tables.ingest("timed", [{"id": "b", "at": minute(2).isoformat()}], minute(33))
    assert tables.view["timed"].whole["known"].to_list() == [minute(10), minute(33)]


def test_a_bad_row_keeps_all_of_its_request_out(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, timed_base(row("a", 1, 10)))
    with pytest.raises(RequestError, match="row 1: 'value' takes a whole number"):
        tables.ingest("timed", [row("b", 2, 12), {**row("c", 2, 12), "value": "x"}], START)
    with pytest.raises(RequestError, match="'at' is missing"):
        tables.ingest("timed", [{"id": "b"}], START)
    with pytest.raises(UnknownNameError):
        tables.ingest("tmied", [row("b", 2, 12)], START)
    assert len(tables.view["timed"]) == 1
    assert list(RowLog(tmp_path).scan("timed")) == []


def test_a_view_never_changes(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, timed_base(row("a", 1, 10)))
    before = tables.view
    tables.ingest("timed", [row("b", 2, 12), row("a", 1, 99, 5)], START)
    assert before["timed"].whole.select("id", "value").rows() == [("a", 0)]


def test_readers_beside_a_writer_see_whole_batches(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, timed_base())
    stop, torn = threading.Event(), []

    def read() -> None:
        while not stop.is_set():
            count = tables.view["timed"].between(-(2**60), 2**60).height
            if count % 10:
                torn.append(count)

    reader = threading.Thread(target=read)
    reader.start()
    for batch in range(30):
        tables.ingest("timed", [row(f"{batch}-{n}", batch, batch + n) for n in range(10)], START)
    stop.set()
    reader.join()
    assert torn == []
    assert len(tables.view["timed"]) == 300


def test_many_rows_are_merged_and_still_found(tmp_path: Path) -> None:
    tables = open_tables(tmp_path, timed_base(row("a", 1, 10)))
    for batch in range(3):
        tables.ingest("timed", [row(f"{batch}-{n}", n, n) for n in range(2000)], START)
    view = tables.view["timed"]
    assert view.frame.height > 1
    assert len(view) == 6001
    assert view.whole.height == 6001
    assert tables.slice("timed", minute(100), minute(101)).collect().height == 6


ROWS = st.lists(
    st.tuples(st.sampled_from("abcd"), st.integers(0, 3), st.integers(0, 5), st.integers(0, 2)), max_size=14
)


@settings(max_examples=60, deadline=None)
@given(base=ROWS, batches=st.lists(ROWS, max_size=4))
def test_it_agrees_with_a_dictionary_of_rows(
    tmp_path_factory: pytest.TempPathFactory, base: list[Any], batches: list[list[Any]]
) -> None:
    path = tmp_path_factory.mktemp("rows")
    held: dict[str, tuple[Any, ...]] = {}
    for one in base:
        held.setdefault(one[0], one)
    start = timed_base(*(row(*one) for one in held.values()))
    tables = open_tables(path, start)
    for batch in batches:
        tables.ingest("timed", [row(*one) for one in batch], START)
        for one in batch:
            if one[0] not in held or one[2] > held[one[0]][2]:
                held[one[0]] = one
    wanted = TIMED.check([row(*one) for one in held.values()], defaults={}, required=[]).frame.sort("at", "id")
    for found in (tables, open_tables(path, start)):
        assert_frame_equal(found.view["timed"].whole, wanted)
        near = wanted.filter(pl.col("known").is_between(minute(1), minute(3)))
        assert_frame_equal(found.slice("timed", minute(1), minute(3)).collect(), near)

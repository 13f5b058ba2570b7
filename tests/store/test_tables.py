"""Tables: the same rows, the same root; partitions shared; damage named."""

from __future__ import annotations

import random
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.backends import Place

from soroi.base.errors import CorruptError, DataError, UnknownNameError
from soroi.store import Objects, Tables

START = datetime(2026, 1, 30, tzinfo=UTC)
MEASURES = st.sampled_from([0.0, -0.0, 1.5, None])
Row = tuple[int, int, float | None]


@pytest.fixture
def tables(objects: Objects) -> Tables:
    return Tables(objects)


def rows(days: int = 4, per_day: int = 5) -> pl.DataFrame:
    times = [START + timedelta(days=d, hours=h) for d in range(days) for h in range(per_day)]
    return pl.DataFrame(
        {"id": range(len(times)), "at": times, "x": [n / 7 for n in range(len(times))]},
        schema_overrides={"at": pl.Datetime("us", "UTC")},
    )


def test_what_is_written_is_read(tables: Tables) -> None:
    table = tables.write(rows(), key=["id"], time="at", partition="1d")
    assert [part.label for part in table.parts] == ["2026-01-30", "2026-01-31", "2026-02-01", "2026-02-02"]
    assert [part.rows for part in table.parts] == [5] * 4
    assert table.rows == 20
    assert table.columns == [("id", "Int64"), ("at", "Datetime(us, UTC)"), ("x", "Float64")]
    assert table.parts[0].low == START
    assert table.parts[0].high == START + timedelta(hours=4)
    assert tables.describe(table.root) == table
    assert tables.read(table.root).equals(rows())
    assert tables.read(table.root, ["x", "id"]).equals(rows().select("x", "id"))
    tables.verify(table.root)


@given(
    values=st.lists(st.tuples(st.integers(0, 3), st.integers(0, 40), MEASURES), max_size=12),
    seed=st.integers(0, 99),
    cut=st.integers(0, 12),
)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25, deadline=None)
def test_the_root_depends_on_neither_order_nor_chunks_nor_place(
    tables: Tables,
    tmp_path_factory: pytest.TempPathFactory,
    values: list[Row],
    seed: int,
    cut: int,
) -> None:
    def made(held: list[Row]) -> pl.DataFrame:
        times = [START + timedelta(hours=one[1]) for one in held]
        data = {"k": [o[0] for o in held], "at": times, "x": [o[2] for o in held], "l": [[o[2]] for o in held]}
        types = [pl.Int64(), pl.Datetime("us", "UTC"), pl.Float64(), pl.List(pl.Float64())]
        return pl.DataFrame(data, schema=pl.Schema(zip(data, types, strict=True)))

    shuffled = values.copy()
    random.Random(seed).shuffle(shuffled)
    in_chunks = pl.concat([made(shuffled[:cut]), made(shuffled[cut:])], rechunk=False)
    first = tables.write(made(values), key=["k"], time="at", partition="1d")
    assert tables.write(in_chunks, key=["k"], time="at", partition="1d") == first
    elsewhere = Tables(Objects(tmp_path_factory.mktemp("other")))
    assert elsewhere.write(in_chunks, key=["k"], time="at", partition="1d").root == first.root
    assert tables.read(first.root).equals(elsewhere.read(first.root))
    assert tables.read(first.root).height == len(values)


def test_who_wrote_the_parquet_does_not_count(tables: Tables, tmp_path: Path) -> None:
    table = tables.write(rows(), key=["id"], time="at")
    for options in ({"compression": "snappy", "row_group_size": 3}, {"compression": "gzip", "statistics": False}):
        rows().write_parquet(tmp_path / "x.parquet", **options)  # type: ignore[arg-type]
        assert tables.write(pl.read_parquet(tmp_path / "x.parquet"), key=["id"], time="at").root == table.root


def test_another_value_key_time_or_partition_is_another_table(tables: Tables) -> None:
    frame = rows()
    roots = [
        tables.write(one, key=key, time=time, partition=partition).root
        for one, key, time, partition in [
            (frame, ["id"], "at", "1d"),
            (frame, ["id"], "at", "1mo"),
            (frame, ["id"], "at", None),
            (frame, ["x"], "at", None),
            (frame, ["id"], None, None),
            (frame.rename({"x": "y"}), ["id"], None, None),
            (frame.cast({"x": pl.Float32}), ["id"], None, None),
            (frame.select("at", "id", "x"), ["id"], None, None),
            (frame.head(19), ["id"], None, None),
            (frame.with_columns(x=pl.when(pl.col("id") == 3).then(9.0).otherwise("x")), ["id"], None, None),
        ]
    ]
    assert len(set(roots)) == len(roots)


def test_partitions_that_did_not_change_are_shared(tables: Tables, objects: Objects) -> None:
    first = tables.write(rows(), key=["id"], time="at", partition="1d")
    before = set(objects.iter())
    changed = rows(5).with_columns(x=pl.when(pl.col("id") == 7).then(9.0).otherwise("x"))
    second = tables.write(changed, key=["id"], time="at", partition="1d")
    shared = [a.label for a, b in zip(first.parts, second.parts, strict=False) if a.object == b.object]
    assert shared == ["2026-01-30", "2026-02-01", "2026-02-02"]
    assert len(set(objects.iter()) - before) == 2


@pytest.mark.parametrize(
    ("partition", "labels"),
    [
        ("1h", ["2026-01-30T00", "2026-01-30T01"]),
        ("1mo", ["2026-01", "2026-02"]),
        ("1w", ["2026-01-26", "2026-02-02"]),
        ("1q", ["2026-01"]),
        ("1y", ["2026"]),
    ],
)
def test_partitions_are_named_by_the_start_of_their_period(tables: Tables, partition: str, labels: list[str]) -> None:
    table = tables.write(rows(), key=["id"], time="at", partition=partition)
    assert [part.label for part in table.parts][:2] == labels
    assert tables.read(table.root).equals(rows())


def test_dates_partition_too_and_rows_without_a_time_have_a_partition(tables: Tables) -> None:
    frame = pl.DataFrame({"d": [date(2026, 2, 1), None, date(2026, 1, 1)], "k": [1, 2, 3]})
    table = tables.write(frame, key=["k"], time="d", partition="1mo")
    assert [part.label for part in table.parts] == ["no-time", "2026-01", "2026-02"]
    assert table.parts[1].low == datetime(2026, 1, 1, tzinfo=UTC)
    assert tables.read(table.root)["k"].to_list() == [2, 3, 1]
    assert tables.scan(table.root, low=datetime(2026, 1, 15, tzinfo=UTC)).collect()["k"].to_list() == [1]


def test_a_table_without_rows_keeps_its_columns(tables: Tables) -> None:
    empty = rows().clear()
    table = tables.write(empty, key=["id"], time="at", partition="1d")
    assert table.rows == 0
    assert tables.read(table.root).schema == empty.schema
    assert tables.scan(table.root, low=START).collect().schema == empty.schema


def test_a_scan_takes_only_the_partitions_it_needs(tables: Tables, objects: Objects, place: Place) -> None:
    table = tables.write(rows(), key=["id"], time="at", partition="1d")
    place.delete(objects.location(table.parts[0].object).removeprefix(f"{objects.place}/"))
    low = START + timedelta(days=1, hours=2)
    got = tables.scan(table.root, ["id"], low=low, high=low + timedelta(days=1)).collect()
    assert got["id"].to_list() == [7, 8, 9, 10, 11]
    with pytest.raises(CorruptError, match="partition '2026-01-30' of table"):
        tables.read(table.root)


def test_a_flipped_byte_in_any_file_of_a_table_is_found_and_named(
    tables: Tables, objects: Objects, place: Place
) -> None:
    table = tables.write(rows(), key=["id"], time="at", partition="1d")
    keys = [one for one in place.listed() if "probe" not in one]
    assert len(keys) == 9
    for key in keys:
        good = place.read(key)
        for at in {0, len(good) // 2, len(good) - 1}:
            place.flip(key, at, 0x20)
            if "contents" in key.split("/"):  # notes that save work when writing; nothing is read through them
                assert tables.read(table.root).equals(rows())
            else:
                with pytest.raises(CorruptError, match=table.root[:12]) as raised:
                    tables.read(table.root)
                assert f"{objects.place}/{key}" in str(raised.value)
            place.write(key, good)


def test_writing_the_rows_again_repairs_a_damaged_table(tables: Tables, place: Place) -> None:
    table = tables.write(rows(), key=["id"], time="at", partition="1d")
    for key in place.listed():
        if "probe" not in key:
            place.write(key, place.read(key)[:-1])
    assert tables.write(rows(), key=["id"], time="at", partition="1d") == table
    assert tables.read(table.root).equals(rows())
    tables.verify(table.root)


def test_an_object_that_holds_other_rows_is_found_by_a_full_check(tables: Tables, objects: Objects) -> None:
    import io

    import msgspec

    table = tables.write(rows(), key=["id"], time="at", partition="1d")
    buffer = io.BytesIO()
    rows().write_parquet(buffer)
    parts = [msgspec.structs.replace(table.parts[0], object=objects.put(buffer.getvalue())), *table.parts[1:]]
    forged = msgspec.json.encode(msgspec.structs.replace(table, parts=parts))
    objects._replace(f"tables/{table.root[:2]}/{table.root}", _sealed(forged))
    with pytest.raises(CorruptError, match="partition '2026-01-30'"):
        tables.verify(table.root)


def _sealed(body: bytes) -> bytes:
    from soroi.store.objects import _sealed as seal

    return seal(body)


@pytest.mark.parametrize(
    ("key", "time", "partition", "says"),
    [
        (["idd"], None, None, "no column 'idd'"),
        (["id"], "when", None, "no column 'when'"),
        (["id"], "x", None, "time column 'x' holds Float64"),
        (["id"], None, "1d", "without a time column"),
        (["id"], "at", "1 day", "not the period"),
        (["id"], "at", "0d", "not the period"),
    ],
)
def test_what_cannot_be_is_said_by_name(
    tables: Tables, key: list[str], time: str | None, partition: str | None, says: str
) -> None:
    with pytest.raises(DataError, match=says):
        tables.write(rows(), key=key, time=time, partition=partition)


def test_unknown_tables_and_columns_are_said_by_name(tables: Tables) -> None:
    root = tables.write(rows(), key=["id"]).root
    with pytest.raises(UnknownNameError, match="no table"):
        tables.read("0" * 40)
    with pytest.raises(UnknownNameError, match="no column 'y'"):
        tables.read(root, ["y"])
    with pytest.raises(DataError, match="no time column"):
        tables.scan(root, low=START)

"""Batches: the same answers as online to the last bit, whole outputs, bounded memory, clear refusals."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from tests.serve.conftest import Shop
from tests.serve.serving_project import END, visit

from soroi.base.errors import ConfigError, RefusedError, RequestError, UnknownNameError
from soroi.project import deciding
from soroi.project.deciding import Batch, decide_batch


def rows(count: int) -> list[dict[str, Any]]:
    """Visits of all kinds; at the end a key that was there before."""
    made = [
        visit(visit=f"n{n}", amount=n / 7 - 3, items=n % 9 + 1, at=END + timedelta(minutes=n)) for n in range(count)
    ]
    for place, odd in ((3, {"items": 666}), (5, {"amount": None})):
        made[place : place + 1] = [{**one, **odd} for one in made[place : place + 1]]
    return [*made, visit(visit="n0", amount=2.5, at=END)]


def frame(count: int) -> pl.DataFrame:
    schema: dict[str, Any] = {
        "visit": pl.String,
        "at": pl.Datetime("us", "UTC"),
        "shop": pl.String,
        "amount": pl.Float64,
    }
    return pl.DataFrame(
        [{**one, "at": _time(one["at"])} for one in rows(count)], schema={**schema, "items": pl.Int64}, orient="row"
    )


def _time(value: Any) -> Any:
    from datetime import datetime

    return datetime.fromisoformat(value) if isinstance(value, str) else value


def write(table: pl.DataFrame, path: Path) -> Path:
    if path.suffix == ".parquet":
        table.write_parquet(path)
    elif path.suffix == ".csv":
        table.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%:z")).write_csv(path)
    else:
        table.with_columns(pl.col("at").dt.strftime("%Y-%m-%dT%H:%M:%S%:z")).write_ndjson(path)
    return path


def online(shop: Shop, table: pl.DataFrame, decision: str = "check") -> list[tuple[Any, ...]]:
    """The same rows, one request each."""
    found = []
    for row in table.iter_rows(named=True):
        (one,) = shop.engine.decide(decision, [row])
        found.append((one.action, one.positive, one.score, one.threshold, one.confidence, one.path[-1].name))
    return found


COLUMNS = ("action", "positive", "score", "threshold", "confidence", "by")


@pytest.mark.parametrize("ending", [".parquet", ".csv", ".jsonl"])
@pytest.mark.parametrize("decision", ["check", "hold"])
def test_a_batch_answers_as_online_to_the_last_bit(shop: Shop, tmp_path: Path, ending: str, decision: str) -> None:
    table = frame(60)
    source = write(table, tmp_path / f"rows{ending}")
    done = decide_batch(shop.tiny.project, Batch(decision, str(source), tmp_path / "out.parquet"))
    found = pl.read_parquet(tmp_path / "out.parquet")
    assert found["visit"].to_list() == table["visit"].to_list()
    assert found.select(COLUMNS).rows() == online(shop, table, decision)
    assert done.rows == len(table)
    assert sum(done.actions.values()) == len(table)
    assert set(found["manifest"]) == {shop.manifest.id}


@pytest.mark.parametrize("ending", [".csv", ".jsonl", ".ndjson"])
def test_answers_are_written_by_the_ending(shop: Shop, tmp_path: Path, ending: str) -> None:
    source = write(frame(20), tmp_path / "rows.parquet")
    decide_batch(shop.tiny.project, Batch("check", str(source), tmp_path / f"out{ending}"))
    read = pl.read_csv if ending == ".csv" else pl.read_ndjson
    assert read(tmp_path / f"out{ending}").height == 21


def test_how_the_rows_are_cut_into_pieces_changes_nothing(
    shop: Shop, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write(frame(50), tmp_path / "rows.parquet")
    found = []
    for size in (1, 7, 1000):
        monkeypatch.setattr(deciding, "AT_ONCE", size)
        told: list[tuple[int, int | None]] = []

        def tell(done: int, total: int | None, told: list[tuple[int, int | None]] = told) -> None:
            told.append((done, total))

        decide_batch(shop.tiny.project, Batch("check", str(source), tmp_path / "o.parquet"), tell)
        found.append(pl.read_parquet(tmp_path / "o.parquet").select(COLUMNS).rows())
        assert told[-1] == (51, 51)
    assert found[0] == found[1] == found[2]


def test_the_rows_can_be_those_of_the_source_itself(shop: Shop, tmp_path: Path) -> None:
    done = decide_batch(shop.tiny.project, Batch("check", "visits", tmp_path / "out.parquet", record=False))
    assert done.rows == 2000
    assert shop.records() == []


def test_answers_can_be_traced(shop: Shop, tmp_path: Path) -> None:
    source = write(frame(8), tmp_path / "rows.parquet")
    decide_batch(shop.tiny.project, Batch("check", str(source), tmp_path / "out.parquet"))
    ids = pl.read_parquet(tmp_path / "out.parquet")["answer"].to_list()
    assert [one["id"] for one in shop.records()] == ids


def test_a_row_that_does_not_fit_ends_it_and_leaves_nothing(shop: Shop, tmp_path: Path) -> None:
    source = tmp_path / "rows.jsonl"
    source.write_text('{"visit": "a"}\n{"visit": "b", "items": "many"}\n')
    with pytest.raises(RequestError, match=r"row 1: 'items' takes a whole number") as told:
        decide_batch(shop.tiny.project, Batch("check", str(source), tmp_path / "out.parquet"))
    assert "--refused" in (told.value.hint or "")
    assert sorted(one.name for one in tmp_path.iterdir()) == ["rows.jsonl", "shops"]


def test_rows_that_do_not_fit_can_be_set_aside(shop: Shop, tmp_path: Path) -> None:
    source = tmp_path / "rows.csv"
    source.write_text(
        "visit,at,items\na,2026-02-10T00:00:00Z,3\nb,2026-02-10T00:00:00Z,many\n,2026-02-10T00:00:00Z,1\n"
    )
    batch = Batch("check", str(source), tmp_path / "out.csv", refused=tmp_path / "refused.jsonl")
    done = decide_batch(shop.tiny.project, batch)
    assert (done.rows, done.refused) == (1, 2)
    aside = pl.read_ndjson(tmp_path / "refused.jsonl")
    assert aside["row"].to_list() == [1, 2]
    assert "whole number" in aside["why"][0]
    assert "'visit' is missing" in aside["why"][1]


@pytest.mark.parametrize(
    ("change", "error", "words"),
    [
        ({"decision": "chek"}, UnknownNameError, "no decision 'chek'"),
        ({"rows": "nowhere.csv"}, ConfigError, "no file nowhere.csv"),
        ({"output": Path("out.xlsx")}, ConfigError, "cannot be written"),
        ({"output": Path("no/such/out.csv")}, ConfigError, "no folder"),
        ({"environment": "moon"}, RefusedError, "nothing is live in 'moon'"),
    ],
)
def test_what_cannot_be_done_is_said(
    shop: Shop, tmp_path: Path, change: dict[str, Any], error: type[Exception], words: str
) -> None:
    given = {"decision": "check", "rows": "visits", "output": tmp_path / "out.csv", **change}
    with pytest.raises(error, match=words):
        decide_batch(shop.tiny.project, Batch(**given))


def test_other_columns_are_refused_before_anything_is_answered(shop: Shop, tmp_path: Path) -> None:
    source = write(frame(3).with_columns(mood=pl.lit("good")), tmp_path / "rows.parquet")
    with pytest.raises(ConfigError, match="'visits' has no column mood"):
        decide_batch(shop.tiny.project, Batch("check", str(source), tmp_path / "out.csv"))
    odd = tmp_path / "rows.txt"
    odd.write_text("x")
    with pytest.raises(ConfigError, match="cannot be read"):
        decide_batch(shop.tiny.project, Batch("check", str(odd), tmp_path / "out.csv"))
    broken = tmp_path / "rows.ndjson"
    broken.write_text('{"visit": "a"}\n{"visit"\n')
    with pytest.raises(RequestError, match=r"rows.ndjson, line 2"):
        decide_batch(shop.tiny.project, Batch("check", str(broken), tmp_path / "out.csv"))

"""The answers log: found by id, scanned, compacted exactly once."""

from __future__ import annotations

import math
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from soroi.base.errors import DataError, StorageFullError
from soroi.store import AnswerLog
from soroi.store.journal import segments

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


def answer(number: int, **fields: Any) -> dict[str, Any]:
    at = NOW + timedelta(seconds=number)
    return {"id": f"answer_{number:05}", "decision": "warn[x/y]", "at": at, **fields}


@pytest.fixture
def log(tmp_path: Path) -> AnswerLog:
    return AnswerLog(tmp_path)


FULL = answer(
    1,
    action="warn",
    score=0.25,
    sure=True,
    nothing=None,
    path=["quick", "careful"],
    inputs={"hour": 3, "at": "2026-01-01T00:00:00Z", "deep": [{"a": None}]},
    raw=b"\x00\xff",
    mixed=1,
    huge=2**63,
)
ODD = answer(2, score=float("inf"), mixed=1.5, extra="é", raw=None)


def same(one: dict[str, Any], two: dict[str, Any]) -> bool:
    return list(one) == list(two) and one == two


@pytest.mark.parametrize("compacted", [False, True])
def test_an_answer_is_found_again_as_it_was(log: AnswerLog, compacted: bool) -> None:
    log.append([FULL, ODD], durable=True)
    if compacted:
        log.close()
        assert log.compact().records == 2
    for one in (FULL, ODD):
        found = log.find(one["id"])
        assert found is not None
        assert same(found, one)
    assert log.find("answer_0000") is None
    assert log.decisions() == ["warn[x/y]"]
    assert list(log.scan()) == [FULL, ODD]
    log.close()


def test_numbers_of_numpy_become_numbers(log: AnswerLog) -> None:
    log.append([answer(1, score=np.float64(0.5), n=np.int64(3), flags=np.array([True]))])
    assert log.find("answer_00001") == answer(1, score=0.5, n=3, flags=[True])
    log.close()


def test_nan_survives_compaction_as_a_plain_value(log: AnswerLog) -> None:
    log.append([answer(1, score=math.nan), answer(2, score=0.5)])
    log.close()
    log.compact()
    assert math.isnan(next(log.scan())["score"])


@pytest.mark.parametrize("compacted", [False, True])
def test_a_scan_is_by_decision_and_time(log: AnswerLog, compacted: bool) -> None:
    log.append([answer(n) for n in range(10)])
    log.append([{**answer(99), "decision": "other"}])
    if compacted:
        log.close()
        log.compact()
    found = log.scan("warn[x/y]", since=NOW + timedelta(seconds=3), until=NOW + timedelta(seconds=5))
    assert [one["id"] for one in found] == ["answer_00003", "answer_00004"]
    assert [one["id"] for one in log.scan("other")] == ["answer_00099"]
    assert list(log.scan("nobody")) == []
    log.close()


def test_an_id_counts_once_however_often_it_was_appended(tmp_path: Path) -> None:
    first, second = AnswerLog(tmp_path), AnswerLog(tmp_path)
    first.append([answer(n) for n in range(5)])
    first.append([answer(3)])
    second.append([answer(n) for n in range(4, 8)])
    assert sorted(one["id"] for one in first.scan()) == [f"answer_{n:05}" for n in range(8)]
    first.close()
    assert first.compact().duplicates == 1
    assert sorted(one["id"] for one in first.scan()) == [f"answer_{n:05}" for n in range(8)]
    second.append([answer(0)])
    assert len(list(first.scan())) == 8
    second.close()
    done = first.compact()
    assert (done.records, done.duplicates) == (3, 2)
    assert sorted(one["id"] for one in first.scan()) == [f"answer_{n:05}" for n in range(8)]


def test_compaction_leaves_open_segments_alone(log: AnswerLog, tmp_path: Path) -> None:
    log.append([answer(1)])
    assert log.compact().segments == 0
    assert log.find("answer_00001") is not None
    log.close()
    done = log.compact()
    assert (done.segments, done.records, len(done.files)) == (1, 1, 1)
    assert list(tmp_path.rglob("*.log")) == []
    assert log.compact().segments == 0


def test_archives_are_plain_parquet_with_json_for_what_is_complex(log: AnswerLog) -> None:
    log.append([FULL])
    log.close()
    (file,) = log.compact().files
    frame = pl.read_parquet(file, glob=False)
    assert frame.schema["score"] == pl.Float64()
    assert frame.schema["at"] == pl.Datetime("us", "UTC")
    assert frame["path"].to_list() == ['["quick","careful"]']


def test_a_kill_between_writing_an_archive_and_removing_its_segments_doubles_nothing(
    log: AnswerLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append([answer(n) for n in range(5)])
    log.close()

    def killed(_self: Path, missing_ok: bool = False) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(Path, "unlink", killed)
    with pytest.raises(KeyboardInterrupt):
        log.compact()
    monkeypatch.undo()
    assert len(list(tmp_path.rglob("*.log"))) == len(list(tmp_path.rglob("*.parquet"))) == 1
    assert len(list(log.scan())) == 5
    assert log.compact().records == 0
    assert list(tmp_path.rglob("*.log")) == []
    assert len(list(log.scan())) == 5


def test_a_compaction_that_finds_no_space_changes_nothing(
    log: AnswerLog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log.append([answer(n) for n in range(5)])
    log.close()

    def full(_file: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(StorageFullError):
        log.compact()
    monkeypatch.undo()
    assert [one.suffix for one in tmp_path.rglob("*") if one.is_file()].count(".parquet") == 0
    assert not list(tmp_path.rglob("*.part*"))
    assert len(list(log.scan())) == 5
    assert log.compact().records == 5


def test_a_scan_during_a_compaction_sees_each_answer_once(tmp_path: Path) -> None:
    log = AnswerLog(tmp_path)
    for number in range(4):
        log.append([answer(number)])
        log.close()
    running = log.scan()
    got = [next(running)]
    log.compact()
    got += list(running)
    assert sorted(one["id"] for one in got) == [f"answer_{n:05}" for n in range(4)]


def test_torn_and_changed_bytes_are_reported_and_changed_segments_are_kept(log: AnswerLog, tmp_path: Path) -> None:
    log.append([answer(n) for n in range(3)])
    log.close()
    log.append([answer(9)])
    log.close()
    first, second = segments(tmp_path / "answers" / "warn[x%2Fy]")
    data = bytearray(first.read_bytes())
    data[30] ^= 1
    first.write_bytes(data)
    second.write_bytes(second.read_bytes() + b"torn")
    assert [(one.path, one.torn) for one in log.damage()] == [(first, False), (second, True)]
    done = log.compact()
    assert len(done.damage) == 2
    assert [one["id"] for one in log.scan()] == ["answer_00001", "answer_00002", "answer_00009"]
    assert [one.name for one in tmp_path.rglob("*.damaged")] == [first.name + ".damaged"]


@pytest.mark.parametrize("field", ["id", "decision", "at"])
def test_an_answer_without_what_it_needs_is_refused_and_nothing_is_appended(log: AnswerLog, field: str) -> None:
    bad = {name: value for name, value in answer(1).items() if name != field}
    with pytest.raises(DataError, match=f"needs '{field}'"):
        log.append([answer(0), bad])
    assert list(log.scan()) == []


def test_what_no_journal_can_hold_is_refused_by_type(log: AnswerLog) -> None:
    with pytest.raises(DataError, match="cannot hold a object"):
        log.append([answer(1, thing=object())])
    with pytest.raises(DataError, match="without a zone"):
        log.append([{**answer(1), "at": datetime(2026, 1, 1)}])

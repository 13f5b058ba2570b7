"""The row log: batches of rows, whole or not at all."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path

from soroi.store import RowLog
from soroi.store.journal import segments


def test_rows_come_back_by_source_in_order(tmp_path: Path) -> None:
    log = RowLog(tmp_path)
    at = datetime(2026, 1, 1, tzinfo=UTC)
    log.append("arrivals", [{"id": 1, "known_at": at, "late": True}, {"id": 2, "x": None}], durable=True)
    log.append("arrivals", [{"id": 3, "d": date(2026, 1, 1)}])
    log.append("weather", [{"id": 9}])
    log.append("nothing", [])
    assert list(log.scan("arrivals")) == [
        {"id": 1, "known_at": at, "late": True},
        {"id": 2, "x": None},
        {"id": 3, "d": "2026-01-01"},
    ]
    assert log.sources() == ["arrivals", "weather"]
    log.flush()
    assert log.problem is None
    log.close()
    assert list(RowLog(tmp_path).scan("weather")) == [{"id": 9}]
    assert list(log.scan("nobody")) == []


def test_a_torn_batch_is_gone_whole_and_reported(tmp_path: Path) -> None:
    log = RowLog(tmp_path)
    log.append("s", [{"id": 1}], durable=True)
    log.append("s", [{"id": 2}, {"id": 3}], durable=True)
    log.close()
    (path,) = segments(tmp_path / "rows" / "s")
    path.write_bytes(path.read_bytes()[:-1])
    assert list(log.scan("s")) == [{"id": 1}]
    assert [one.torn for one in log.damage()] == [True]

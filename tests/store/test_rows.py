"""Rows as they are stored: read without trust, damage told and never raised."""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path

import pytest

from soroi.store import Catalogue, VerdictRecord, open_catalogue
from soroi.store.rows import StoredRow, row_digest
from soroi.store.schema import verdicts

NOW = datetime(2026, 1, 1, tzinfo=UTC)
VERDICT = VerdictRecord(id="v", gate="g", gate_digest="d", subjects=["s"], outcome="pass", judged_by="soroi", at=NOW)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    made = tmp_path / "catalogue.sqlite"
    catalogue = open_catalogue(made, "demo")
    with catalogue.write() as tx:
        tx.verdicts.add(VERDICT)
    catalogue.close()
    return made


def stored(path: Path, change: str, *values: object) -> StoredRow:
    with sqlite3.connect(path) as raw:
        raw.execute(change, values)
    raw.close()
    catalogue = open_catalogue(path, "demo")
    with catalogue.read() as tx:
        row = tx.stored("verdicts")[0]
    catalogue.close()
    return row


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("at", "2026-01-01T00:00:00.000000"),
        ("at", "2026-01-01 00:00:0x.000000"),
        ("at", "2026-13-01 00:00:00.000000"),
        ("at", "never"),
        ("outcome", b"\xff\xfe"),
        ("subjects", b'["\xff"]'),
    ],
)
def test_what_was_never_written_so_is_damage(path: Path, column: str, value: object) -> None:
    row = stored(path, f"UPDATE verdicts SET {column} = ?", value)
    assert row.damaged == (column,)
    assert row.values[column] is None
    assert row.digest == ""


def test_another_value_gives_another_digest(path: Path) -> None:
    whole = stored(path, "UPDATE verdicts SET gate = gate")
    assert whole.damaged == ()
    assert whole.values["at"] == "2026-01-01T00:00:00.000000+00:00"
    changed = stored(path, "UPDATE verdicts SET figures = '[ ]'")
    assert changed.damaged == ()
    assert changed.digest != whole.digest


def test_a_row_to_be_written_has_the_digest_of_the_stored_one(catalogue: Catalogue) -> None:
    import msgspec

    with catalogue.write() as tx:
        tx.verdicts.add(VERDICT)
        assert tx.stored("verdicts")[0].digest == row_digest(verdicts, msgspec.structs.asdict(VERDICT))

"""The audit: whatever is changed, taken away, added or moved behind soroi's back is found and named."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.govern.records import AUDITED, fill, place_of, raw
from tests.release.people import Town

from soroi.base.errors import SoroiError
from soroi.base.runtime import ManualClock, Runtime
from soroi.govern import AuditReport, audit
from soroi.store import StoreConfig, open_catalogue, open_store


def often(examples: int) -> settings:
    """So many examples, the same ones every time, however slow the machine is."""
    return settings(
        max_examples=examples,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    )


PLAIN = ("seq",)
"""Columns whose numbers only say in what order rows came."""


def verified(town: Town) -> AuditReport:
    with town.store.catalogue.read() as tx:
        return audit(tx)


def texts(town: Town) -> str:
    return "\n".join(line for one in verified(town).problems for line in one.lines())


def cells(path: Path) -> list[tuple[str, int, str, Any, str]]:
    """Every cell: table, row, column, value, and what its row is called."""
    found = []
    with raw(path) as connection:
        for table in AUDITED:
            columns = [row[1].decode() for row in connection.execute(f"PRAGMA table_info({table})")]
            for row in connection.execute(f"SELECT rowid, * FROM {table} ORDER BY rowid"):
                held = dict(zip(columns, row[1:], strict=True))
                names = ("id", "verdict", "rollout", "object", "environment", "seq")
                name = next(held[one] for one in names if one in held)
                called = name.decode() if isinstance(name, bytes) else str(name)
                found += [
                    (table, row[0], column, value, called)
                    for column, value in held.items()
                    if value is not None and not (column in PLAIN and table != "events")
                ]
    return found


def test_a_record_that_nobody_meddled_with_is_whole(full: Town) -> None:
    found = verified(full)
    assert found.problems == found.notes == ()
    assert found.whole
    assert found.checked["approvals"] == 2
    assert found.checked["verdicts"] == 3
    assert found.checked["head moves"] == 3
    assert found.length == found.checked["events"]
    assert "whole" in repr(found)
    assert found.to_dict()["problems"] == []


@often(250)
@given(draw=st.data())
def test_any_changed_byte_of_any_row_is_found_and_named(full: Town, draw: st.DataObject) -> None:
    table, row, column, value, called = draw.draw(st.sampled_from(cells(place_of(full))))
    if isinstance(value, bytes) and value:
        at = draw.draw(st.integers(0, len(value) - 1))
        byte = draw.draw(st.integers(0, 255).filter(lambda one: one != value[at]))
        changed: Any = value[:at] + bytes([byte]) + value[at + 1 :]
        how = "CAST(? AS TEXT)"
    elif isinstance(value, bytes):
        changed, how = b"x", "CAST(? AS TEXT)"
    else:
        changed, how = draw.draw(st.integers(-3, 2**40).filter(lambda one: one != value)), "?"
    with raw(place_of(full)) as connection:
        try:
            connection.execute(f'UPDATE {table} SET "{column}" = {how} WHERE rowid = ?', (changed, row))
        except sqlite3.IntegrityError:
            return  # the database itself forbids it: two rows of one name
        try:
            report = verified(full)
            assert not report.whole, f"{table}.{column} of {called}: {value!r} became {changed!r}"
            said = "\n".join(f"{one.subject} {line}" for one in report.problems for line in one.lines())
            assert called in said, said
        finally:
            back = "CAST(? AS TEXT)" if isinstance(value, bytes) else "?"
            connection.execute(f'UPDATE {table} SET "{column}" = {back} WHERE rowid = ?', (value, row))
    assert verified(full).whole


@often(120)
@given(place=st.floats(0, 1, exclude_max=True), flip=st.integers(1, 255))
def test_any_flipped_byte_of_the_file_that_changes_a_row_is_found(full: Town, place: float, flip: int) -> None:
    source = place_of(full)
    copy = source.with_name("copy.sqlite")
    with raw(source) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    shutil.copyfile(source, copy)
    content = bytearray(copy.read_bytes())
    at = 4096 + int((len(content) - 4096) * place)  # the first page is that of the tables' names
    content[at] ^= flip
    copy.write_bytes(bytes(content))
    same = _rows(copy) == _rows(source)
    if same:
        return
    try:
        catalogue = open_catalogue(copy, "demo")
        try:
            with catalogue.read() as tx:
                assert not audit(tx).whole, f"byte {at} ^ {flip}"
        finally:
            catalogue.close()
    except SoroiError:
        pass  # the database is damaged so that it cannot be read: that is told too


def _rows(path: Path) -> object:
    """All that the audited tables hold of the project, or why it cannot be read."""
    try:
        with raw(path) as connection:
            return [
                sorted(connection.execute(f"SELECT * FROM {table} WHERE project = 'demo'").fetchall(), key=repr)
                for table in AUDITED
            ]
    except (sqlite3.Error, UnicodeDecodeError) as error:  # its message quotes what it could not read
        return repr(error)


@pytest.mark.parametrize("table", AUDITED)
def test_a_row_that_is_taken_away_is_found_and_named(full: Town, table: str) -> None:
    names = {(row, called) for found, row, _, _, called in cells(place_of(full)) if found == table}
    for row, called in sorted(names):
        with raw(place_of(full)) as connection:
            columns = [f'"{one[1].decode()}"' for one in connection.execute(f"PRAGMA table_info({table})")]
            held = connection.execute(f"SELECT {', '.join(columns)} FROM {table} WHERE rowid = ?", (row,)).fetchone()
            connection.execute(f"DELETE FROM {table} WHERE rowid = ?", (row,))
            assert called in texts(full)
            marks = ", ".join("CAST(? AS TEXT)" if isinstance(one, bytes) else "?" for one in held)
            connection.execute(f"INSERT INTO {table} (rowid, {', '.join(columns)}) VALUES (?, {marks})", (row, *held))
        assert verified(full).whole


def test_events_that_changed_places_are_found_and_named(full: Town) -> None:
    with raw(place_of(full)) as connection:
        for old, new in ((4, -4), (5, 4), (-4, 5)):
            connection.execute("UPDATE events SET seq = ? WHERE seq = ?", (new, old))
    said = [(one.kind, one.subject) for one in verified(full).problems]
    assert ("reordered", "4") in said
    assert ("reordered", "5") in said


def test_verdicts_that_changed_places_are_found_and_named(full: Town) -> None:
    with raw(place_of(full)) as connection:
        for old, new in ((1, -1), (2, 1), (-1, 2)):
            connection.execute("UPDATE verdicts SET seq = ? WHERE seq = ?", (new, old))
    assert [one.kind for one in verified(full).problems] == ["reordered"]


def test_a_tail_cut_off_is_found(full: Town) -> None:
    with raw(place_of(full)) as connection:
        connection.execute("DELETE FROM events WHERE seq > 10")
    assert "events 11 to" in texts(full)


@pytest.mark.parametrize(
    ("table", "values"),
    [
        ("keys", "'demo', 'ee', 'eve', 'person', 'ann', '2026-01-01 00:00:00.000000', NULL, NULL"),
        ("grants", "'demo', 'ee', 'eve', 'owner', NULL, NULL, 'ann', '2026-01-01 00:00:00.000000', NULL, NULL, NULL"),
        ("verdicts", "'demo', 'ee', 'g', 'd', '[]', 'pass', '[]', '{}', 'soroi', '2026-01-01 00:00:00.000000'"),
    ],
)
def test_a_row_that_was_slipped_in_is_found_and_named(full: Town, table: str, values: str) -> None:
    with raw(place_of(full)) as connection:
        connection.execute(f"INSERT INTO {table} VALUES (99, {values})")
    assert "ee is not in the history" in texts(full)


def test_a_verdict_slipped_in_before_all_others_is_found(full: Town) -> None:
    values = "'demo', 'ee', 'g', 'd', '[]', 'pass', '[]', '{}', 'soroi', '2020-01-01 00:00:00.000000'"
    with raw(place_of(full)) as connection:
        connection.execute(f"INSERT INTO verdicts VALUES (-1, {values})")
    assert "verdict ee is not in the history" in texts(full)


def test_verdicts_from_before_their_history_are_said_to_be_uncertain(town: Town) -> None:
    manifest = town.manifest(check="check@1")
    values = (
        f"'demo', 'old', 'g', 'd', '[\"{manifest.id}\"]', 'pass', '[]', '{{}}', 'soroi', '2020-01-01 00:00:00.000000'"
    )
    with raw(place_of(town)) as connection:
        connection.execute(f"INSERT INTO verdicts VALUES (1, {values})")
        connection.execute("INSERT INTO verdict_subjects VALUES ('demo', ?, 'old')", (manifest.id,))
    town.move(manifest)
    town.verdict(manifest)
    found = verified(town)
    assert found.whole
    assert [one.kind for one in found.notes] == ["unknown"]
    assert "1 of the verdicts are older" in repr(found)


def test_a_waiver_with_another_reason_is_found_and_named(full: Town) -> None:
    with raw(place_of(full)) as connection:
        connection.execute("UPDATE claims SET evidence = replace(evidence, 'go together', 'do not care')")
    said = verified(full).problems
    assert [one.kind for one in said] == ["changed"]
    assert "is not what was signed" in said[0].text


def test_a_head_that_was_moved_by_hand_is_found_and_named(full: Town) -> None:
    with raw(place_of(full)) as connection:
        other = connection.execute("SELECT manifest FROM head_moves WHERE revision = 2").fetchone()[0].decode()
        connection.execute("UPDATE heads SET manifest = ? WHERE environment = 'production'", (other,))
    assert "the head of 'production' is not where it was moved to last" in texts(full)


def test_an_approval_forged_with_everything_but_its_key_is_found(full: Town) -> None:
    with raw(place_of(full)) as connection:
        connection.execute("UPDATE approvals SET kind = 'legal', body = replace(body, '\"owner\"', '\"legal\"')")
    said = texts(full)
    assert "of ann is not what was signed" in said
    assert "is not what was recorded" in said


@pytest.mark.parametrize(
    ("kind", "left"),
    [
        ("approval.given", "is not in the history"),
        ("verdict.given", "is not in the history"),
        ("role.granted", "is not in the history"),
        ("manifest.sealed", "is not in the history"),
        ("head.moved", "is not what the history says"),
        ("key.revoked", "is not what was recorded"),
    ],
)
def test_an_event_that_is_taken_away_leaves_its_row_without_a_ground(full: Town, kind: str, left: str) -> None:
    with raw(place_of(full)) as connection:
        connection.execute("DELETE FROM events WHERE seq = (SELECT min(seq) FROM events WHERE kind = ?)", (kind,))
    assert "is missing" in texts(full)
    assert left in texts(full)


def test_a_tombstone_that_another_project_lifted_is_not_missing(full: Town) -> None:
    config = StoreConfig(full.store.config.root, "other")
    with open_store(config, runtime=Runtime(clock=full.clock)) as other, other.catalogue.write() as tx:
        tx.tombstones.forget(["cd" * 20], "eve", full.clock.now())
    assert verified(full).problems == ()
    with raw(place_of(full)) as connection:
        connection.execute("DELETE FROM events WHERE project = 'other'")
        connection.execute("DELETE FROM event_chains WHERE project = 'other'")
    assert texts(full) == f"tombstone {'cd' * 20} is missing"


@pytest.mark.parametrize(
    ("statement", "said"),
    [
        ("UPDATE rollouts SET state = replace(state, '\"step\":0', '\"step\":1')", "rollout rollout_"),
        ("UPDATE rollout_moves SET body = '{}' WHERE kind = 'aborted'", "revision 2 of rollout rollout_"),
        ("UPDATE incidents SET title = 'nothing happened'", "incident incident_"),
        ("DELETE FROM holds WHERE id = 'hold_1'", "hold hold_1 is missing"),
        ("UPDATE holds SET released_by = 'bob' WHERE id = 'hold_2'", "hold hold_2 is not what was recorded"),
        (
            "UPDATE tombstones SET body = replace(body, 'going', 'gone')",
            f"tombstone {'ef' * 20} is not what was recorded",
        ),
    ],
)
def test_rollouts_incidents_holds_and_tombstones_are_covered(full: Town, statement: str, said: str) -> None:
    with raw(place_of(full)) as connection:
        connection.execute(statement)
    assert said in texts(full)


def test_on_postgresql_too_a_record_is_whole_and_a_change_is_named(
    tmp_path: Path, postgres: Callable[[], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SOROI_KEYS", str(tmp_path / "keys"))
    clock = ManualClock()
    config = StoreConfig(tmp_path / "store", "demo", catalogue=postgres())
    with open_store(config, runtime=Runtime(clock=clock)) as store:
        town = Town(store, clock)
        fill(town)
        assert verified(town).problems == ()
        first = town.manifest(quick="quick@1", check="check@1").id
        with store.catalogue.write() as tx:
            name = tx.verdicts.of(first)[0].id
            tx._bound.connection.exec_driver_sql("UPDATE verdicts SET outcome = 'pass' WHERE outcome = 'fail'")
        assert texts(town) == f"verdict {name} is not what was recorded"

"""The history outside: signed, and held against the catalogue."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tests.govern.records import place_of, raw
from tests.release.people import Town

from soroi.base.errors import MissingFileError, RefusedError
from soroi.base.signing import public_key
from soroi.govern import AuditReport, check_export, export_history
from soroi.release.identity import revoke_key


@pytest.fixture
def file(full: Town, tmp_path: Path) -> Path:
    made = tmp_path / "history.jsonl"
    export_history(full.store, made, runtime=full.as_("ann"))
    return made


def checked(town: Town, file: Path, key: str | None = None) -> AuditReport:
    with town.store.catalogue.read() as tx:
        return check_export(tx, file, key=key)


def said(town: Town, file: Path, key: str | None = None) -> str:
    return "\n".join(one.text for one in checked(town, file, key).problems)


def test_the_catalogue_that_was_exported_and_went_on_is_whole(full: Town, file: Path) -> None:
    assert checked(full, file).whole
    full.verdict(full.manifest(quick="quick@1", check="check@1"))
    found = checked(full, file)
    assert found.whole
    assert found.checked["events exported"] == found.checked["events in the file"] == found.length


def test_every_event_is_a_line_that_other_programs_read(full: Town, file: Path) -> None:
    sealed, *events = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert sealed["payloadType"] == "application/vnd.soroi.history-head+json"
    assert sealed["signatures"][0]["keyid"] == public_key("ann")
    assert [one["seq"] for one in events] == list(range(1, len(events) + 1))
    assert events[0]["body"]["picks"] == {"quick": "quick@1", "check": "check@1"}


def test_a_tail_that_was_cut_off_and_covered_up_is_found(full: Town, file: Path) -> None:
    with raw(place_of(full)) as connection:
        last = connection.execute("SELECT digest FROM events WHERE seq = 10").fetchone()[0].decode()
        connection.execute("DELETE FROM events WHERE seq > 10")
        connection.execute("UPDATE event_chains SET length = 10, digest = ?", (last,))
    with full.store.catalogue.read() as tx:
        assert tx.events.verify() == []
    told = said(full, file)
    assert "event 11 is missing (" in told
    assert "by ann" in told


def test_a_history_that_was_rewritten_whole_is_found(full: Town, file: Path) -> None:
    with full.store.catalogue.write() as tx:
        events = tx.events.list()
        tx._bound.connection.exec_driver_sql("DELETE FROM events")
        tx._bound.connection.exec_driver_sql("UPDATE event_chains SET length = 0, digest = ''")
        for one in events:
            by = "eve" if one.seq == 7 else one.by
            tx.events.append(one.kind, one.subject, one.body, by, one.at)
        assert tx.events.verify() == []
    found = checked(full, file).problems
    assert (found[0].kind, found[0].subject) == ("changed", "7")
    assert len(found) == len(events) - 6


def test_the_head_alone_finds_as_much(full: Town, file: Path, tmp_path: Path) -> None:
    head = tmp_path / "head"
    head.write_text(file.read_text("utf-8").splitlines()[0], "utf-8")
    assert checked(full, head).whole
    with raw(place_of(full)) as connection:
        connection.execute("DELETE FROM events WHERE seq = (SELECT max(seq) FROM events)")
    assert "is missing" in said(full, head)


@pytest.mark.parametrize("line", [0, 1, 5, -1])
def test_a_file_with_a_changed_byte_is_found(full: Town, file: Path, line: int) -> None:
    lines = file.read_text("utf-8").splitlines()
    at = len(lines[line]) // 2
    letter = "0" if lines[line][at] != "0" else "1"
    lines[line] = lines[line][:at] + letter + lines[line][at + 1 :]
    file.write_text("\n".join(lines), "utf-8")
    assert not checked(full, file).whole


def test_a_file_with_an_event_left_out_is_found(full: Town, file: Path) -> None:
    lines = file.read_text("utf-8").splitlines()
    file.write_text("\n".join([*lines[:4], *lines[5:]]), "utf-8")
    assert "event 4 in the file is not what was exported" in said(full, file)
    file.write_text("\n".join(lines[:-2]), "utf-8")
    assert "the file ends with event" in said(full, file)
    file.write_text("", "utf-8")
    assert "not signed" in said(full, file)


def test_a_head_signed_by_a_stranger_is_found(full: Town, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "one.jsonl"
    export_history(full.store, file, runtime=full.as_("ann"))
    assert checked(full, file, public_key("ann")).whole
    assert "was signed with" in said(full, file, "00" * 32)
    with raw(place_of(full)) as connection:
        connection.execute("DELETE FROM keys WHERE owner = 'ann'")
    assert "which is not registered to ann" in said(full, file)


def test_only_a_registered_key_signs_and_nothing_is_overwritten(full: Town, file: Path, tmp_path: Path) -> None:
    with pytest.raises(RefusedError, match="not registered"):
        export_history(full.store, tmp_path / "two", runtime=full.as_("eve"))
    with pytest.raises(RefusedError, match="is there already"):
        export_history(full.store, file, runtime=full.as_("ann"))
    with pytest.raises(MissingFileError):
        export_history(full.store, tmp_path / "no" / "where", runtime=full.as_("ann"))
    with pytest.raises(MissingFileError):
        checked(full, tmp_path / "three")
    revoke_key(full.store, public_key("ann"), runtime=full.as_("ann"))
    with pytest.raises(RefusedError, match="was revoked"):
        export_history(full.store, tmp_path / "four", runtime=full.as_("ann"))


def test_a_history_that_is_not_whole_is_not_exported(full: Town, tmp_path: Path) -> None:
    with raw(place_of(full)) as connection:
        connection.execute("UPDATE events SET by = 'eve' WHERE seq = 3")
    with pytest.raises(RefusedError, match="event 3"):
        export_history(full.store, tmp_path / "history", runtime=full.as_("ann"))


def test_the_first_export_of_an_embedded_project_registers_the_key(town: Town, tmp_path: Path) -> None:
    head = export_history(town.store, tmp_path / "history", runtime=town.as_("ann"))
    assert head["length"] == 1
    assert checked(town, tmp_path / "history").whole

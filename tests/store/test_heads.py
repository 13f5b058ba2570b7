"""Heads: moved by compare-and-swap, by one process or by many; history kept."""

from __future__ import annotations

import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest
from tests.store.conftest import Opening

from soroi.base.errors import ConflictError, UnknownNameError
from soroi.store import Catalogue, ManifestRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalogue(opening: Opening) -> Catalogue:
    made = opening()
    with made.write() as tx:
        for name in ("m1", "m2", "m3"):
            tx.manifests.add(ManifestRecord(name, {"name": name}, NOW, "ann"))
    return made


def test_a_head_moves_and_remembers(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        assert tx.heads.get("production") is None
        first = tx.heads.move("production", "m1", expected_revision=0, by="ann", at=NOW, reason="first")
        later = NOW + timedelta(hours=1)
        second = tx.heads.move("production", "m2", expected_revision=1, by="bob", at=later, reason="better")
        tx.heads.move("staging", "m3", expected_revision=0, by="ann", at=NOW, reason="")
    with catalogue.read() as tx:
        assert first.revision == 1
        assert tx.heads.get("production") == second
        assert tx.heads.history("production") == [second, first]
        assert [one.environment for one in tx.heads.all()] == ["production", "staging"]
        assert tx.heads.at("production", NOW - timedelta(seconds=1)) is None
        assert tx.heads.at("production", NOW + timedelta(minutes=59)) == first
        assert tx.heads.at("production", later) == second
        assert tx.heads.history("nowhere") == []


@pytest.mark.parametrize("expected", [0, 2, 7])
def test_the_loser_is_told_who_was_first_and_nothing_moves(catalogue: Catalogue, expected: int) -> None:
    with catalogue.write() as tx:
        won = tx.heads.move("production", "m1", expected_revision=0, by="ann", at=NOW, reason="")
    with pytest.raises(ConflictError, match=r"ann was first.*manifest m1") as raised, catalogue.write() as tx:
        tx.heads.move("production", "m2", expected_revision=expected, by="bob", at=NOW, reason="")
    assert raised.value.fields["revision"] == 1
    with catalogue.read() as tx:
        assert tx.heads.history("production") == [won]


def test_a_head_that_is_not_there_is_at_no_revision(catalogue: Catalogue) -> None:
    with catalogue.write() as tx, pytest.raises(ConflictError, match="no head yet"):
        tx.heads.move("production", "m1", expected_revision=1, by="ann", at=NOW, reason="")


def test_a_head_points_only_at_what_is_there(catalogue: Catalogue) -> None:
    with catalogue.write() as tx, pytest.raises(UnknownNameError, match="no manifest 'm9'"):
        tx.heads.move("production", "m9", expected_revision=0, by="ann", at=NOW, reason="")


MOVER = """
import sys
from datetime import datetime, UTC
from soroi.base.errors import ConflictError
from soroi.store import open_catalogue
catalogue, me, wanted = open_catalogue(sys.argv[1], "demo"), sys.argv[2], 25
won = lost = 0
while won < wanted:
    with catalogue.read() as tx:
        head = tx.heads.get("production")
    try:
        with catalogue.write() as tx:
            now = datetime.now(UTC)
            moved = tx.heads.move("production", f"m{won % 3 + 1}", by=me, at=now, reason=str(won),
                                  expected_revision=head.revision if head else 0)
            tx.events.append("moved", "production", {"revision": moved.revision}, by=me, at=now)
        won += 1
    except ConflictError:
        lost += 1
catalogue.close()
print(won, lost)
"""


def test_processes_that_race_lose_no_move_and_make_none_up(catalogue: Catalogue) -> None:
    command = [sys.executable, "-c", MOVER, catalogue.place]
    running = [
        subprocess.Popen([*command, f"p{n}"], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        for n in range(4)
    ]
    ends = [one.communicate(timeout=120) for one in running]
    assert [one.returncode for one in running] == [0] * 4, ends
    with catalogue.read() as tx:
        history = tx.heads.history("production")
        head = tx.heads.get("production")
        assert [one.revision for one in history] == list(range(100, 0, -1))
        assert head == history[0]
        assert [e.body["revision"] for e in tx.events.list()] == list(range(1, 101))
        assert tx.events.verify() == []
    for name in ("p0", "p1", "p2", "p3"):
        assert [int(one.reason) for one in history if one.by == name] == list(range(24, -1, -1))

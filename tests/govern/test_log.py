"""The log: who moved what when, what was live at a moment, and what changed between two."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.release.people import Town

from soroi.base.errors import UnknownNameError
from soroi.base.reason import Reason
from soroi.govern import Asked, between, live_at, read_log
from soroi.release.approvals import Wanted, approve
from soroi.release.glass import break_glass

START = datetime(2026, 1, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def story(town: Town) -> Town:
    """At one o'clock ann releases, at two bob does in a hurry, at three ann goes back; a trial at four."""
    first = town.manifest(quick="quick@1", cut="cut@1", check="check@1")
    second = town.manifest(quick="quick@2", check="check@1", fresh="fresh@1")
    verdict = town.verdict(first)
    approve(town.store, town.case(first, verdict), runtime=town.as_("ann"), wanted=Wanted("owner", "90m"))
    town.pass_(hours=1)
    town.move(first, reason="the first one")
    town.pass_(hours=1)
    with town.store.catalogue.write() as tx:
        gates = {"latency": Reason("gate", "90 ms, and 40 are allowed")}
        break_glass(tx, town.as_("bob"), environment="production", manifest=second.id, gates=gates, reason="fire")
    town.verdict(second, "latency", "fail")
    town.move(second, by="bob")
    town.pass_(hours=1)
    town.move(first, reason="too slow")
    town.pass_(hours=1)
    town.move(second, "trial")
    town.move(first, "staging")
    return town


def test_moves_come_newest_first_with_who_why_and_what(story: Town) -> None:
    with story.store.catalogue.read() as tx:
        log = read_log(tx)
        assert [(one.head.environment, one.head.revision, one.head.by) for one in log] == [
            ("trial", 1, "ann"),
            ("production", 3, "ann"),
            ("production", 2, "bob"),
            ("production", 1, "ann"),
        ]
        assert len(log) == 4
        back, hurry, begin = log[1], log[2], log[3]
        assert begin.before is None
        assert begin.changes == {one: (None, f"{one}@1") for one in ("check", "cut", "quick")}
        assert begin.verdicts == {"loads": "pass"}
        assert [(one.by, one.kind) for one in begin.approvals] == [("ann", "owner")]
        assert begin.broke_glass is None
        assert hurry.changes == {"cut": ("cut@1", None), "fresh": (None, "fresh@1"), "quick": ("quick@1", "quick@2")}
        assert back.before == hurry.head.manifest
        assert back.head.reason == "too slow"


def test_a_broken_glass_stays_visible_on_its_move_and_on_no_other(story: Town) -> None:
    with story.store.catalogue.read() as tx:
        log = read_log(tx)
        assert [one.broke_glass for one in log] == [None, None, "fire", None]
        assert log[2].overridden == {"latency": "90 ms, and 40 are allowed"}
        assert log[2].verdicts == {"latency": "fail"}
        assert "GLASS BROKEN over latency: fire" in repr(log)
        assert log.to_dict()["moves"][2]["broke_glass"]["gates"] == {"latency": "90 ms, and 40 are allowed"}


def test_an_approval_that_was_over_is_not_shown_with_a_later_move(story: Town) -> None:
    with story.store.catalogue.read() as tx:
        assert read_log(tx)[1].approvals == ()


def test_the_log_is_narrowed(story: Town) -> None:
    with story.store.catalogue.read() as tx:
        assert [one.head.environment for one in read_log(tx, Asked("trial"))] == ["trial"]
        assert [one.head.environment for one in read_log(tx, Asked("staging"))] == ["staging"]
        assert [one.head.revision for one in read_log(tx, Asked("production", "cut"))] == [3, 2, 1]
        assert [one.head.revision for one in read_log(tx, Asked("production", "fresh"))] == [3, 2]
        assert [one.head.revision for one in read_log(tx, Asked("production", limit=1))] == [3]
        assert len(read_log(tx, Asked(since=START + 3 * HOUR))) == 1
        with pytest.raises(UnknownNameError, match="did you mean 'production'"):
            read_log(tx, Asked("prodction"))


def test_what_was_live_at_a_moment(story: Town) -> None:
    with story.store.catalogue.read() as tx:
        before = live_at(tx, START)
        assert before.moves == ()
        assert "Nothing was live" in repr(before)
        assert live_at(tx, START + HOUR).picks == {
            "production": {"quick": "quick@1", "cut": "cut@1", "check": "check@1"}
        }
        hurry = live_at(tx, START + 2.5 * HOUR)
        assert hurry.picks["production"]["quick"] == "quick@2"
        assert [one.head.by for one in hurry.moves] == ["bob"]
        assert "GLASS BROKEN" in repr(hurry)
        later = live_at(tx, START + 9 * HOUR)
        assert later.picks.keys() == {"production", "trial"}
        assert live_at(tx, START + 9 * HOUR, "trial", "quick").picks == {"trial": {"quick": "quick@2"}}
        assert later.to_dict()["live"][0]["picks"]["quick"] == "quick@1"


def test_what_changed_between_two_moments(story: Town) -> None:
    with story.store.catalogue.read() as tx:
        hurry = between(tx, START + HOUR, START + 2 * HOUR)
        assert hurry.changes == {
            "production": {"cut": ("cut@1", None), "fresh": (None, "fresh@1"), "quick": ("quick@1", "quick@2")}
        }
        assert [one.head.revision for one in hurry.moves] == [2]
        there_and_back = between(tx, START + HOUR, START + 3 * HOUR)
        assert there_and_back.changes == {}
        assert [one.head.revision for one in there_and_back.moves] == [3, 2]
        assert "no change" in repr(there_and_back)
        turned = between(tx, START + 2 * HOUR, START + HOUR, Asked("production", "fresh"))
        assert turned.changes == {"production": {"fresh": (None, "fresh@1")}}
        data = hurry.to_dict()
        assert data["changes"]["production"]["cut"] == {"before": "cut@1", "after": None, "how": "removed"}
        assert [one["how"] for one in data["changes"]["production"].values()] == ["removed", "added", "changed"]
        assert "removed" in repr(hurry)


def test_nothing_was_ever_moved(town: Town) -> None:
    with town.store.catalogue.read() as tx:
        assert len(read_log(tx)) == 0
        assert "no head was moved" in repr(read_log(tx))

"""The history: in order, chained, and telling when somebody meddled with it."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from tests.store.conftest import Opening

from soroi.base.errors import StoreError
from soroi.store import Catalogue, HoldRecord, Transaction
from soroi.store.engines import database_url, make_engine
from soroi.store.schema import event_chains

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalogue(opening: Opening) -> Catalogue:
    made = opening()
    with made.write() as tx:
        for number in range(1, 8):
            subject = f"v{number % 2}"
            tx.events.append("even" if number % 2 == 0 else "odd", subject, {"n": number}, by="ann", at=NOW)
    return made


def meddle(catalogue: Catalogue, *statements: str) -> None:
    """Change the table behind the catalogue's back."""
    engine, _ = make_engine(database_url(catalogue.place))
    with engine.execution_options(soroi_writes=True).begin() as connection:
        for one in statements:
            connection.exec_driver_sql(one)
    engine.dispose()


def found(catalogue: Catalogue) -> list[tuple[str, str | None]]:
    with catalogue.read() as tx:
        return [(one.kind, one.subject) for one in tx.events.verify()]


def test_events_come_in_order_each_naming_the_one_before(catalogue: Catalogue) -> None:
    with catalogue.read() as tx:
        events = tx.events.list()
        assert [one.seq for one in events] == [1, 2, 3, 4, 5, 6, 7]
        assert [one.prev for one in events] == ["", *(one.digest for one in events[:-1])]
        assert [one.body["n"] for one in tx.events.list(after=5)] == [6, 7]
        assert [one.seq for one in tx.events.list(limit=2)] == [1, 2]
        assert [one.seq for one in tx.events.list(kind="even", subject="v0", after=2)] == [4, 6]
        assert tx.events.verify() == []


def test_events_of_a_kind_or_about_a_subject_come_in_order(catalogue: Catalogue) -> None:
    with catalogue.read() as tx:
        assert [one.seq for one in tx.events.list(kind="odd")] == [1, 3, 5, 7]
        assert [one.seq for one in tx.events.list(subject="v0")] == [2, 4, 6]
        assert tx.events.list(kind="odd", subject="v0") == []


def test_the_newest_event_about_each_subject_is_found(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        tx.events.append("even", "v1", {"n": 8}, by="ann", at=NOW)
        tx.events.append("even", None, {"n": 9}, by="ann", at=NOW)
        tx.events.append("even", None, {"n": 10}, by="ann", at=NOW)
    with catalogue.read() as tx:
        assert tx.events.newest("even") == [tx.events.list()[place - 1] for place in (6, 8, 10)]
        assert [one.seq for one in tx.events.newest("odd")] == [7]
        assert tx.events.newest("other") == []


def test_what_is_appended_is_what_is_listed(catalogue: Catalogue) -> None:
    body = {"z": 1, "a": [1.5, None, "é"], "big": 2**60}
    with catalogue.write() as tx:
        event = tx.events.append("x", None, body, by="bob", at=NOW)
        assert tx.events.list(after=7) == [event]
        assert event.body == body


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE events SET body = '{\"n\":99}' WHERE seq = 4",
        "UPDATE events SET kind = 'odd' WHERE seq = 4",
        "UPDATE events SET subject = NULL WHERE seq = 4",
        "UPDATE events SET \"by\" = 'eve' WHERE seq = 4",
        "UPDATE events SET at = '2025-01-01 00:00:00.000000' WHERE seq = 4",
        "UPDATE events SET prev = 'x' WHERE seq = 4",
    ],
)
def test_a_change_is_found_and_placed(catalogue: Catalogue, statement: str) -> None:
    meddle(catalogue, statement)
    assert ("changed", "4") in found(catalogue)


def test_a_missing_event_is_found(catalogue: Catalogue) -> None:
    meddle(catalogue, "DELETE FROM events WHERE seq IN (3, 4)")
    with catalogue.read() as tx:
        (reason,) = tx.events.verify()
    assert reason.text == "events 3 to 4 are missing"


def test_a_missing_first_event_is_found(catalogue: Catalogue) -> None:
    meddle(catalogue, "DELETE FROM events WHERE seq = 1")
    assert found(catalogue) == [("missing", "1")]


def test_a_tail_cut_off_is_found(catalogue: Catalogue) -> None:
    meddle(catalogue, "DELETE FROM events WHERE seq >= 6")
    assert found(catalogue) == [("missing", "6")]


def test_a_history_removed_whole_is_found(catalogue: Catalogue) -> None:
    meddle(catalogue, "DELETE FROM events")
    assert found(catalogue) == [("missing", "1")]


def test_events_that_changed_places_are_found(catalogue: Catalogue) -> None:
    meddle(
        catalogue,
        "UPDATE events SET seq = 100 WHERE seq = 3",
        "UPDATE events SET seq = 3 WHERE seq = 5",
        "UPDATE events SET seq = 5 WHERE seq = 100",
    )
    assert found(catalogue) == [("reordered", "3"), ("reordered", "5")]


def test_a_gap_closed_by_renumbering_is_found(catalogue: Catalogue) -> None:
    meddle(
        catalogue,
        "DELETE FROM events WHERE seq = 3",
        *(f"UPDATE events SET seq = {n} - 1 WHERE seq = {n}" for n in range(4, 8)),
    )
    kinds = {kind for kind, _ in found(catalogue)}
    assert {"reordered", "missing"} <= kinds


def test_an_event_slipped_in_behind_the_end_is_found(catalogue: Catalogue) -> None:
    columns = 'project, 8, kind, subject, body, "by", at, prev, digest'
    meddle(catalogue, f"INSERT INTO events SELECT {columns} FROM events WHERE seq = 7")
    assert ("added", "8") in found(catalogue)


def test_an_event_in_the_middle_forged_with_its_digest_is_found(catalogue: Catalogue) -> None:
    from soroi.store.events import event_digest

    with catalogue.read() as tx:
        third = tx.events.list()[2]
    forged = event_digest(3, third.prev, third.kind, third.subject, '{"n":99}', third.by, third.at)
    meddle(catalogue, f"UPDATE events SET body = '{{\"n\":99}}', digest = '{forged}' WHERE seq = 3")
    assert found(catalogue) == [("changed", "3")]


def test_a_digest_forged_along_with_its_event_is_found(catalogue: Catalogue) -> None:
    from soroi.store.events import event_digest

    with catalogue.read() as tx:
        last = tx.events.list()[-1]
    forged = event_digest(7, last.prev, last.kind, last.subject, '{"n":99}', last.by, last.at)
    meddle(catalogue, f"UPDATE events SET body = '{{\"n\":99}}', digest = '{forged}' WHERE seq = 7")
    assert found(catalogue) == [("changed", "7")]


def test_entries_that_are_gathered_are_stored_together_in_order(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        with tx.events.together():
            first = tx.events.append("first", "v1", {}, by="ann", at=NOW)
            assert tx.holds.add(HoldRecord(id="hold_1", subject="v1", reason="case 12", by="ann", at=NOW))
            assert len(tx.events.list()) == 7
        tx.events.append("last", "v1", {}, by="ann", at=NOW)
        assert [one.kind for one in tx.events.list(after=7)] == ["first", "hold.added", "last"]
    with catalogue.read() as tx:
        assert tx.events.list(after=7)[0] == first
    assert found(catalogue) == []


def test_nothing_of_what_was_gathered_stays_when_the_block_raises(catalogue: Catalogue) -> None:
    def half(tx: Transaction) -> None:
        with tx.events.together():
            tx.events.append("first", "v1", {}, by="ann", at=NOW)
            raise LookupError

    with catalogue.write() as tx:
        with pytest.raises(LookupError):
            half(tx)
        assert tx.events.append("next", "v1", {}, by="ann", at=NOW).seq == 8
    assert found(catalogue) == []


def test_an_end_that_moved_within_the_transaction_is_refused(catalogue: Catalogue) -> None:
    def meddle_within() -> None:
        with catalogue.write() as tx:
            tx.events.append("first", None, {}, by="ann", at=NOW)
            tx._bound.change(event_chains.update().values(digest="another"))
            tx.events.append("second", None, {}, by="ann", at=NOW)

    with pytest.raises(StoreError, match="the end of the history"):
        meddle_within()
    assert found(catalogue) == []

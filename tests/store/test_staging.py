"""Staging: changed by compare-and-swap, all or nothing, every pick recorded."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from tests.store.conftest import Opening

from soroi.base.errors import ConflictError, DataError, UnknownNameError
from soroi.store import Catalogue, ManifestRecord, Pick, StagingState, VersionRecord

NOW = datetime(2026, 1, 1, tzinfo=UTC)


@pytest.fixture
def catalogue(opening: Opening) -> Catalogue:
    made = opening()
    with made.write() as tx:
        for name in ("a@1", "a@2", "b@1"):
            tx.versions.add(
                VersionRecord(
                    id=name,
                    digest=name,
                    node=name[0],
                    kind="model",
                    recipe="r",
                    definition="d",
                    output="o",
                    run="run_1",
                    by="ann",
                    at=NOW,
                )
            )
    return made


def test_nothing_is_staged_at_first(catalogue: Catalogue) -> None:
    with catalogue.read() as tx:
        assert tx.staging.get() == StagingState(0, {}, None)


def test_the_author_is_who_picked_the_last_of_what_is_there(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        assert tx.staging.author() is None
        tx.staging.change({"a": "a@1"}, 0, by="ann", at=NOW)
        tx.staging.change({"b": "b@1"}, 1, by="bob", at=NOW + timedelta(seconds=1))
        assert tx.staging.author() == "bob"
        tx.staging.change({"b": None}, 2, by="cyn", at=NOW + timedelta(seconds=2))
        assert tx.staging.author() == "ann"


def test_of_those_who_picked_at_one_moment_the_author_is_that_of_the_first_node(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        tx.staging.change({"b": "b@1"}, 0, by="bob", at=NOW)
        tx.staging.change({"a": "a@1"}, 1, by="ann", at=NOW)
        assert tx.staging.author() == "ann"


def test_picks_are_set_replaced_and_taken_out(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        assert tx.staging.change({"b": "b@1", "a": "a@1"}, 0, by="ann", at=NOW, note="both") == 1
        assert list(tx.staging.get().picks) == ["a", "b"]
        assert tx.staging.change({"a": "a@2", "b": None}, 1, by="bob", at=NOW) == 2
    with catalogue.read() as tx:
        assert tx.staging.get() == StagingState(2, {"a": Pick("a", "a@2", "bob", NOW, "")}, None)
        history = [(c.revision, c.node, c.version, c.by, c.note) for c in tx.staging.history()]
    assert history == [
        (2, "a", "a@2", "bob", ""),
        (2, "b", None, "bob", ""),
        (1, "a", "a@1", "ann", "both"),
        (1, "b", "b@1", "ann", "both"),
    ]


def test_the_loser_is_told_who_was_first_and_with_what(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        tx.staging.change({"a": "a@1"}, 0, by="ann", at=NOW)
    with pytest.raises(ConflictError, match=r"ann was first .* with a = a@1") as raised, catalogue.write() as tx:
        tx.staging.change({"a": "a@2"}, 0, by="bob", at=NOW)
    assert raised.value.fields["revision"] == 1
    with catalogue.read() as tx:
        assert tx.staging.get().picks["a"].version == "a@1"
        assert len(tx.staging.history()) == 1


def test_a_change_ahead_of_time_is_a_conflict_too(catalogue: Catalogue) -> None:
    with catalogue.write() as tx, pytest.raises(ConflictError, match="revision 0, not 3"):
        tx.staging.change({"a": "a@1"}, 3, by="ann", at=NOW)


def test_unknown_versions_and_versions_of_others_are_refused(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        with pytest.raises(UnknownNameError, match="no version 'a@9'"):
            tx.staging.change({"a": "a@9"}, 0, by="ann", at=NOW)
        with pytest.raises(DataError, match="one of 'b', not of 'a'"):
            tx.staging.change({"a": "b@1"}, 0, by="ann", at=NOW)
        assert tx.staging.get().revision == 0


def test_a_seal_holds_until_the_next_change(catalogue: Catalogue) -> None:
    with catalogue.write() as tx:
        tx.manifests.add(ManifestRecord("m1", {}, NOW, "ann"))
        tx.staging.change({"a": "a@1"}, 0, by="ann", at=NOW)
        with pytest.raises(ConflictError):
            tx.staging.seal("m1", 0)
        with pytest.raises(UnknownNameError):
            tx.staging.seal("m9", 1)
        tx.staging.seal("m1", 1)
        assert tx.staging.get().manifest == "m1"
        assert tx.staging.get().revision == 1
        tx.staging.change({"a": "a@2"}, 1, by="ann", at=NOW)
        assert tx.staging.get().manifest is None

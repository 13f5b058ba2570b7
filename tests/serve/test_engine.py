from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from tests.serve.conftest import Shop
from tests.serve.serving_project import END, visit

from soroi.base.errors import RequestError, StorageFullError, UnknownNameError
from soroi.serve import Engine, NotReadyError
from soroi.store import AnswerLog, RowLog


def result_row(name: str, shop: str = "s1", **fields: Any) -> dict[str, Any]:
    at = fields.pop("at", END - timedelta(hours=3))
    known = fields.pop("known", END - timedelta(hours=1))
    row = {"visit": name, "at": at.isoformat(), "known": known.isoformat(), "shop": shop, "loss": 3.0, "bad": True}
    return {**row, **fields}


def test_nothing_is_answered_before_a_manifest_is_loaded(tmp_path: Path) -> None:
    engine = Engine(AnswerLog(tmp_path), RowLog(tmp_path))
    with pytest.raises(NotReadyError):
        engine.decide("check", [visit()])
    with pytest.raises(NotReadyError):
        engine.ingest("results", [])
    engine.close()


def test_an_unknown_decision_is_answered_with_the_nearest_name(shop: Shop) -> None:
    with pytest.raises(UnknownNameError) as caught:
        shop.engine.decide("chek", [visit()])
    assert caught.value.hint == "did you mean 'check'?"


def test_no_rows_give_no_answers(shop: Shop) -> None:
    assert shop.engine.decide("check", []) == []
    assert shop.engine.decide("hold", []) == []


def test_a_bad_row_is_refused_before_anything_is_answered(shop: Shop) -> None:
    with pytest.raises(RequestError, match="row 1: 'amount' takes a number"):
        shop.engine.decide("check", [visit(visit="a"), visit(visit="b", amount="x")])
    with pytest.raises(RequestError, match="same key"):
        shop.engine.decide("check", [visit(), visit()])
    assert shop.records() == []


def test_the_time_of_a_row_is_now_unless_it_says_otherwise(shop: Shop) -> None:
    shop.engine.decide("check", [visit(at=None)])
    shop.engine.decide("check", [visit(at=None)], now=END + timedelta(hours=1))
    assert [one["inputs"]["at"] for one in shop.records()] == [  # type: ignore[index]
        END.isoformat().replace("+00:00", "Z"),
        (END + timedelta(hours=1)).isoformat().replace("+00:00", "Z"),
    ]


def test_every_answer_is_recorded_with_what_it_rests_on(shop: Shop) -> None:
    answers = shop.engine.decide("check", [visit(visit="a"), visit(visit="b", amount=None, items=None)])
    answers += shop.engine.decide("hold", [visit()])
    records = {one["id"]: one for one in shop.records()}
    assert set(records) == {one.id for one in answers}
    first = records[answers[0].id]
    assert first["manifest"] == shop.manifest.id
    assert first["environment"] == "production"
    assert first["revision"] == 1
    assert first["at"] == END
    assert first["action"] == answers[0].action
    assert first["inputs"] == {
        "visit": "a", "at": "2026-02-05T12:00:00Z", "shop": "s1", "amount": 0.4, "items": 3, "day": None,
    }  # fmt: skip
    features: Any = first["features"]
    assert features.keys() == {"amount", "size", "items", "seen", "mean_loss", "bad_share"}
    assert first["scores"].keys() == {"quick", "careful"}  # type: ignore[attr-defined]
    assert first["scores"]["careful"] == answers[0].score  # type: ignore[index]
    path: Any = first["path"]
    assert path[1]["versions"]["careful_cut"] == shop.manifest.picks["careful_cut"]
    assert records[answers[1].id]["scores"] == {}
    assert records[answers[2].id]["scores"].keys() == {"second", "careful"}  # type: ignore[attr-defined]


def test_a_durable_answer_is_on_disk_before_it_is_given(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[bool] = []
    true_append = shop.engine.answers.append

    def append(records: Any, durable: bool = False) -> None:
        asked.append(durable)
        true_append(records, durable)

    monkeypatch.setattr(shop.engine.answers, "append", append)
    (answer,) = shop.engine.decide("hold", [visit()])
    assert AnswerLog(shop.root).find(answer.id) is not None
    shop.engine.decide("check", [visit()])
    assert asked == [True, False]


def test_a_full_disk_refuses_durable_answers_and_is_loud_about_the_others(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(records: Any, durable: bool = False) -> None:
        raise StorageFullError("no space is left at /somewhere")

    with monkeypatch.context() as patched:
        patched.setattr(shop.engine.answers, "append", full)
        with pytest.raises(StorageFullError):
            shop.engine.decide("hold", [visit()])
        assert len(shop.engine.decide("check", [visit()])) == 1
        assert any("2 answers" in one and "no space" in one for one in shop.engine.problems())
    shop.engine.decide("check", [visit()])
    assert shop.engine.problems() == []


def test_rows_that_come_in_change_the_next_answer(shop: Shop) -> None:
    asked = visit(at=END.isoformat(), amount=0.6)
    shop.engine.decide("check", [asked])
    taken = shop.engine.ingest("results", [result_row(f"x{n}") for n in range(8)])
    assert taken.accepted == 8
    shop.engine.decide("check", [asked])
    before, after = (one["features"]["seen"] for one in shop.records())  # type: ignore[index]
    assert after == before + 8


def test_rows_known_after_the_moment_do_not_count(shop: Shop) -> None:
    asked = visit(at=END.isoformat())
    shop.engine.decide("check", [asked])
    shop.engine.ingest("results", [result_row(f"x{n}", known=END + timedelta(seconds=n)) for n in range(3)])
    shop.engine.decide("check", [asked])
    before, after = (one["features"]["seen"] for one in shop.records())  # type: ignore[index]
    assert after == before


def test_rows_of_a_source_that_nobody_looks_up_are_kept_too(shop: Shop) -> None:
    taken = shop.engine.ingest("visits", [visit(visit="x")])
    assert (taken.accepted, taken.known) == (1, 0)
    assert shop.engine.ingest("visits", [visit(visit="x")]).known == 1
    assert [one["visit"] for one in RowLog(shop.root).scan("visits")] == ["x"]


def test_rows_stay_through_a_switch_even_when_they_come_in_during_it(shop: Shop) -> None:
    shop.engine.ingest("results", [result_row("before")])
    other = replace(shop.snapshot, manifest="other")

    def warm(serving: Any) -> None:
        assert len(serving.tables.view["results"]) == 2001
        shop.engine.ingest("results", [result_row("meanwhile")])

    serving = shop.engine.switch(other, environment="production", revision=2, warm=warm)
    assert shop.engine.serving is serving
    names = set(serving.tables.view["results"].whole["visit"])
    assert {"before", "meanwhile"} <= names
    shop.engine.ingest("results", [result_row("after")])
    assert len(serving.tables.view["results"]) == 2003


def test_what_fails_to_warm_does_not_answer(shop: Shop) -> None:
    def warm(serving: Any) -> None:
        raise RuntimeError("cold")

    with pytest.raises(RuntimeError):
        shop.engine.switch(replace(shop.snapshot, manifest="other"), environment="production", revision=2, warm=warm)
    (answer,) = shop.engine.decide("check", [visit()])
    assert (answer.manifest, answer.revision) == (shop.manifest.id, 1)


def test_the_same_manifest_at_another_revision_loads_nothing(shop: Shop) -> None:
    before = shop.engine.serving
    serving = shop.engine.switch(shop.snapshot, environment="production", revision=7)
    assert before is not None
    assert serving.tables is before.tables
    assert shop.engine.decide("check", [visit()])[0].revision == 7


def test_an_answer_after_its_deadline_says_so(shop: Shop) -> None:
    import time

    (late,) = shop.engine.decide("check", [visit()], started=time.perf_counter() - 60.0)
    assert late.deadline_missed
    assert [step.outcome.value for step in late.path] == ["late", "late", "late", "late", "answered"]
    (prompt,) = shop.engine.decide("check", [visit()])
    assert not prompt.deadline_missed

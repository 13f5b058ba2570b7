"""Replay: equal to the last bit where nothing changed; whatever comes out otherwise is named."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest
from tests.serve.conftest import Shop
from tests.serve.serving_project import END, visit

from soroi.base.errors import UnknownNameError
from soroi.project.replaying import Replayed, replay
from soroi.store import AnswerLog


def ask(shop: Shop, decision: str = "check", /, **values: Any) -> str:
    (answer,) = shop.engine.decide(decision, [visit(**values)], now=END)
    shop.engine.answers.flush()
    return answer.id


def kinds(found: Replayed) -> set[str]:
    return {one.kind for one in found.reason.because}


@pytest.mark.parametrize(
    "values", [{}, {"amount": 9.0}, {"amount": None}, {"items": 666}, {"shop": "rude", "items": 666}]
)
def test_an_answer_comes_out_as_it_was_recorded(shop: Shop, values: dict[str, Any]) -> None:
    found = replay(shop.tiny.project, ask(shop, **values))
    assert found.equal, repr(found)
    assert "to the last bit" in repr(found)
    assert kinds(found) <= {"equal", "contributions"}


def test_so_does_that_of_a_model_on_a_model(shop: Shop) -> None:
    found = replay(shop.tiny.project, ask(shop, "hold"))
    assert found.equal, repr(found)
    assert {one.name for one in found.contributions.parts} == {"amount", "size", "careful"}  # type: ignore[union-attr]


def test_rows_that_came_in_later_do_not_count(shop: Shop) -> None:
    before = ask(shop, visit="a", amount=0.1)
    row = {"visit": "v1", "at": END - timedelta(hours=2), "known": END - timedelta(hours=1), "shop": "s1"}
    shop.engine.ingest("results", [{**row, "loss": 9.0, "bad": True}], now=END + timedelta(minutes=5))
    shop.engine.rows.flush()
    after = replay(shop.tiny.project, before)
    assert after.equal, repr(after)


def test_what_is_recorded_otherwise_is_named(shop: Shop) -> None:
    log = AnswerLog(shop.root)
    record = log.find(ask(shop, amount=9.0))
    assert record is not None
    features = {**record["features"], "amount": 8.0}
    log.append([{**record, "id": "answer_forged", "score": 0.123, "features": features}])
    log.close()
    found = replay(shop.tiny.project, "answer_forged")
    assert not found.equal
    assert "NOT as it was recorded" in repr(found)
    assert "score: " in repr(found)
    assert "recorded 0.123" in repr(found)
    assert "amount: 9.0, recorded 8.0" in repr(found)


def test_a_step_that_was_late_is_taken_as_it_was(shop: Shop) -> None:
    shop.alter(deadline=0.0)
    part = shop.engine.serving
    assert part is not None
    (answer,) = shop.engine.decide("check", [visit(amount=5.0)], now=END)
    log = AnswerLog(shop.root)
    shop.engine.answers.flush()
    record = log.find(answer.id)
    assert record is not None
    log.append([{**record, "id": "answer_late", "manifest": shop.manifest.id}])  # as if nothing had been altered
    log.close()
    found = replay(shop.tiny.project, "answer_late")
    assert found.equal, repr(found)
    assert "was late then: taken so" in repr(found)
    assert found.contributions is None


def test_contributions_add_up_to_the_score_that_was_given(shop: Shop) -> None:
    found = replay(shop.tiny.project, ask(shop, amount=9.0))
    assert found.contributions is not None
    assert found.contributions.score == found.record["score"]
    total = found.contributions.start + sum(one.effect for one in found.contributions.parts)
    assert total == pytest.approx(found.record["score"], abs=1e-9)
    body = msgspec.json.decode(msgspec.json.encode(found.to_dict()))
    assert body["equal"] is True
    assert body["contributions"]["parts"][0]["name"] == "amount"


def test_an_unknown_answer_is_refused(shop: Shop) -> None:
    with pytest.raises(UnknownNameError, match="answer_0"):
        replay(shop.tiny.project, "answer_0")


def test_a_replay_writes_nothing_down(shop: Shop) -> None:
    one = ask(shop)
    before = len(shop.records())
    replay(shop.tiny.project, one)
    assert len(shop.records()) == before
    assert replace(replay(shop.tiny.project, one)).equal

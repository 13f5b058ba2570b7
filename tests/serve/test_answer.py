from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest

from soroi.serve.answer import Answer, Detail, Outcome, Step, record_of
from soroi.store import AnswerLog

AT = datetime(2026, 2, 1, tzinfo=UTC)


def answer() -> Answer:
    step = Step(name="cut", kind="model", versions={"model": "model@0"}, outcome=Outcome.ANSWERED, milliseconds=1.5)
    return Answer(
        id="answer_1",
        decision="check",
        action="pass",
        positive=False,
        score=0.25,
        threshold=None,
        confidence=0.75,
        path=[step],
        manifest="m0",
        revision=3,
        at=AT,
    )


def test_a_record_holds_all_of_an_answer_and_can_be_read_again(tmp_path: Path) -> None:
    detail = Detail({"visit": "a", "at": AT, "items": None}, {"amount": 0.1}, {"model": 0.25}, "production", 2.5)
    log = AnswerLog(tmp_path)
    log.append([record_of(answer(), detail)], durable=True)
    found = log.find("answer_1")
    log.close()
    assert found is not None
    assert msgspec.convert({name: found[name] for name in Answer.__struct_fields__}, Answer) == answer()
    assert found["inputs"] == {"visit": "a", "at": "2026-02-01T00:00:00Z", "items": None}
    assert (found["features"], found["scores"]) == ({"amount": 0.1}, {"model": 0.25})
    assert (found["environment"], found["milliseconds"]) == ("production", 2.5)


@pytest.mark.parametrize("outcome", list(Outcome))
def test_what_went_wrong_is_a_fall_and_being_unsure_is_not(outcome: Outcome) -> None:
    assert outcome.is_fall == (outcome.value not in ("answered", "unsure", "cannot_say"))

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Any

import msgspec
import pytest
from tests.serve import planned
from tests.serve.planned import QUICK, cascade, decision, engine, feature, model, schema, snapshot, step

from soroi.base.errors import RequestError, StorageFullError, UnknownNameError
from soroi.serve import Engine, NotReadyError, Trying
from soroi.serve.body import BodyError
from soroi.serve.prompt import MOST_BYTES, Prompt, Reply, Rest
from soroi.serve.snapshot import DecisionPart
from soroi.store import AnswerLog, RowLog

ROW = {"id": "a", "x": 0.3, "y": 1.0, "n": 3, "city": "Oslo"}


def prompt(one: Engine) -> Prompt:
    found = one.prompt("check")
    assert found is not None
    return found


def body(**fields: Any) -> bytes:
    return json.dumps({"row": {**ROW, **fields}}).encode()


def decide(one: Engine, sent: bytes) -> Reply | Rest:
    return prompt(one).decide_bytes(sent, time.perf_counter())


def finished(said: Reply | Rest) -> Any:
    reply = said.finish() if isinstance(said, Rest) else said
    return msgspec.json.decode(reply.body)


def whole(**changes: Any) -> DecisionPart:
    return cascade(rules=[], **changes)


def test_a_row_is_answered_at_once_with_headers_and_a_record(tmp_path: Path) -> None:
    one = engine(tmp_path, whole())
    said = decide(one, body())
    assert isinstance(said, Reply)
    assert said.status == 200
    headers = dict(said.headers)
    assert (headers[b"soroi-manifest"], headers[b"soroi-arm"]) == (b"m1", b"base")
    answer = msgspec.json.decode(said.body)["answer"]
    (record,) = one.answers.scan()
    assert record["id"] == answer["id"]
    assert one.answers.find(answer["id"]) == record
    assert prompt(one) is prompt(one)
    one.close()


def test_what_a_plan_cannot_do_is_left_to_a_thread(tmp_path: Path) -> None:
    one = engine(tmp_path / "rules", cascade())
    assert isinstance(decide(one, body()), Reply)
    said = decide(one, body(x=None))
    assert isinstance(said, Rest)
    assert finished(said)["answer"]["path"][-1]["kind"] == "fail_safe"
    several = decide(one, json.dumps({"rows": [ROW, {**ROW, "id": "b"}]}).encode())
    assert isinstance(several, Rest)
    assert len(finished(several)["answers"]) == 2
    long = decide(one, body(city="x" * MOST_BYTES))
    assert isinstance(long, Rest)
    assert finished(long)["answer"]["action"] in ("go", "stop")
    one.close()
    durable = engine(tmp_path / "durable", whole(durable=True))
    said = decide(durable, body())
    assert isinstance(said, Rest)
    assert list(durable.answers.scan()) == []
    kept = finished(said)
    assert AnswerLog(tmp_path / "durable").find(kept["answer"]["id"]) is not None
    durable.close()


def test_a_decision_that_begins_with_somebodys_code_has_no_prompt(tmp_path: Path) -> None:
    collecting = feature("basic", lambda things: things.collect().lazy().select("id", "x"), "x")
    slow = model(
        "slow", [planned.column("x")], [feature("odd", lambda things: collecting.function(things).sort("x"), "x")]
    )
    one = engine(tmp_path, decision(schema(), step(slow)))
    assert one.prompt("check") is None
    with pytest.raises(UnknownNameError):
        one.prompt("chek")
    one.close()
    with pytest.raises(NotReadyError):
        Engine(AnswerLog(tmp_path), RowLog(tmp_path)).prompt("check")


@pytest.mark.parametrize(
    ("sent", "error", "message"),
    [
        (b"{", BodyError, "not valid JSON"),
        (b'{"row": {"id": "a", "x": "1"}}', RequestError, "row 0: 'x' takes a number, not the text '1'"),
        (b'{"row": {"id": "a", "ex": 1}}', RequestError, "row 0: 'things' has no field 'ex'"),
        (b'{"row": {"x": 1}}', RequestError, "row 0: 'id' is missing"),
        (b'{"row": {"id": "a", "n": 9223372036854775808}}', RequestError, "'n' takes a whole number from"),
        (b'{"row": {"id": "a", "x": 9007199254740993}}', RequestError, "fits into 64 bits"),
        (b'{"row": {"id": "a", "at": "yesterday"}}', RequestError, "'at' takes a time with its zone"),
        (b'{"row": {"id": "a"}, "rows": []}', RequestError, "both"),
        (b'{"rows": 3}', RequestError, "not a list"),
        (b"[]", RequestError, "not an object"),
    ],
)
def test_what_is_malformed_is_refused_as_ever(sent: bytes, error: Any, message: str, tmp_path: Path) -> None:
    one = engine(tmp_path, whole())
    with pytest.raises(error, match=message):
        decide(one, sent)
    assert list(one.answers.scan()) == []
    one.close()


def test_a_large_whole_number_that_a_float_holds_is_taken(tmp_path: Path) -> None:
    one = engine(tmp_path, whole())
    finished(decide(one, b'{"row": {"id": "a", "x": 18014398509481984, "y": -18014398509481984}}'))
    (record,) = one.answers.scan()
    assert record["inputs"]["x"] == 2.0**54
    one.close()


def test_a_full_disk_is_loud_and_refuses_durable_answers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(decision: str, record: bytes, durable: bool = False) -> None:
        raise StorageFullError("no space is left")

    for durable in (False, True):
        one = engine(tmp_path / str(durable), whole(durable=durable))
        monkeypatch.setattr(one.answers, "append_encoded", full)
        said = decide(one, body())
        if durable:
            with pytest.raises(StorageFullError):
                finished(said)
        else:
            assert finished(said)["answer"]["id"]
        assert any("1 answers" in problem for problem in one.problems())
        one.close()


@pytest.mark.parametrize("is_shadow", [False, True])
def test_a_rollout_is_answered_by_the_arm_of_the_row_as_in_general(is_shadow: bool, tmp_path: Path) -> None:
    found: dict[str, list[Any]] = {}
    for way in ("bytes", "general"):
        one = engine(tmp_path / way, whole())
        challenger = decision(schema(), step(QUICK, 0.1, (0.4, 0.5)), step(planned.CAREFUL, 0.2))
        trying = Trying("r1", is_shadow, "id", 0, 0.5, frozenset({"check"}))
        one.try_out(trying, snapshot(challenger, manifest="m2"))
        for n in range(20):
            if way == "bytes":
                finished(decide(one, body(id=f"k{n}", x=n / 10)))
            else:
                one.decide("check", [{**ROW, "id": f"k{n}", "x": n / 10}])
        one.shadows.drain()
        records = list(one.answers.scan())
        assert {record["arm"] for record in records} == {"base", "shadow" if is_shadow else "challenger"}
        kept = ("arm", "manifest", "score", "action", "rollout", "rollout_step", "unit")
        found[way] = sorted(repr([record["inputs"]["id"], *(record.get(name) for name in kept)]) for record in records)
        one.close()
    assert found["bytes"] == found["general"]

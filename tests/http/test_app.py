from __future__ import annotations

import threading
from typing import Any

import httpx
import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.http.conftest import answering
from tests.serve.serving_project import visit

from soroi.base.errors import StorageFullError
from soroi.http import Service, body, open_service


def error_of(response: Any) -> dict[str, Any]:
    assert response.headers["content-type"] == "application/json"
    found: dict[str, Any] = response.json()["error"]
    assert {"code", "message", "hint"} <= found.keys()
    return found


def test_one_row_gives_one_answer_and_many_give_many(client: httpx.Client) -> None:
    one = client.post("/decisions/check", json={"row": visit()})
    assert one.status_code == 200
    answer = one.json()["answer"]
    assert answer.keys() == {
        "id", "decision", "action", "positive", "score", "threshold", "confidence", "path", "manifest", "revision",
        "at", "deadline_missed", "arm",
    }  # fmt: skip
    assert one.headers["soroi-manifest"] == answer["manifest"]
    assert one.headers["soroi-arm"] == answer["arm"] == "base"
    many = client.post("/decisions/check", json={"rows": [visit(visit=str(n)) for n in range(3)]})
    assert [set(found) for found in many.json()["answers"]] == [set(answer)] * 3
    assert client.post("/decisions/check", json={"rows": []}).json() == {"answers": []}


def test_an_answer_can_be_read_again(client: httpx.Client) -> None:
    given_answer = client.post("/decisions/hold", json={"row": visit()}).json()["answer"]
    found = client.get(f"/answers/{given_answer['id']}")
    assert found.status_code == 200
    recorded = found.json()["answer"]
    assert given_answer.items() <= recorded.items()
    assert recorded["inputs"]["amount"] == 0.4
    missing = client.get("/answers/answer_none")
    assert missing.status_code == 404
    assert "no answer 'answer_none'" in error_of(missing)["message"]


def test_rows_can_be_handed_in_and_are_counted(client: httpx.Client) -> None:
    row = {"visit": "x", "at": "2026-02-01T00:00:00Z", "known": "2026-02-01T01:00:00Z", "shop": "s1"}
    assert client.post("/sources/results/rows", json={"rows": [row]}).json() == {"accepted": 1, "known": 0}
    assert client.post("/sources/results/rows", json={"rows": [row, row]}).json() == {"accepted": 0, "known": 2}
    refused = client.post("/sources/results/rows", json={"rows": [row, {**row, "visit": "y", "bad": "yes"}]})
    assert refused.status_code == 422
    assert (error_of(refused)["row"], error_of(refused)["field"]) == (1, "bad")
    unknown = client.post("/sources/reslts/rows", json={"rows": [row]})
    assert unknown.status_code == 404
    assert error_of(unknown)["hint"] == "did you mean 'results'?"


@pytest.mark.parametrize(
    ("document", "status", "field"),
    [
        ({"row": visit(amount="much")}, 422, "amount"),
        ({"row": visit(amont=1.0)}, 422, "amont"),
        ({"row": {"amount": 1.0}}, 422, "visit"),
        ({"row": visit(items=2.5)}, 422, "items"),
        ({"row": 3}, 422, None),
        ({}, 422, None),
    ],
)
def test_a_wrong_field_is_named(client: httpx.Client, document: Any, status: int, field: str | None) -> None:
    response = client.post("/decisions/check", json=document)
    assert response.status_code == status
    assert error_of(response).get("field") == field


def test_unknown_things_are_answered_with_the_nearest_name(client: httpx.Client) -> None:
    response = client.post("/decisions/chek", json={"row": visit()})
    assert response.status_code == 404
    assert error_of(response)["hint"] == "did you mean 'check'?"
    assert client.get("/decisions/chek").status_code == 404
    assert error_of(client.get("/nowhere"))["code"] == "unknown-path"
    assert error_of(client.delete("/decisions/check"))["code"] == "unknown-method"


def test_a_body_that_is_malformed_compressed_or_too_large_is_refused(
    client: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert client.post("/decisions/check", content=b"{").status_code == 400
    assert client.post("/decisions/check", content=b"x", headers={"content-encoding": "gzip"}).status_code == 415
    monkeypatch.setattr(body, "MAX_BYTES", 100)
    assert client.post("/decisions/check", content=b" " * 101).status_code == 413
    chunks = (b" " * 60 for _ in range(2))
    assert client.post("/decisions/check", content=chunks).status_code == 413


def test_too_many_rows_are_refused(client: httpx.Client) -> None:
    response = client.post("/decisions/check", content=b'{"rows":[' + b"{}," * 10_000 + b"{}]}")
    assert response.status_code == 422
    assert "10001 rows" in error_of(response)["message"]


def test_health_and_readiness(client: httpx.Client, service: Service) -> None:
    assert client.get("/health").json() == {"status": "alive"}
    ready = client.get("/ready")
    assert ready.status_code == 200
    found = ready.json()
    assert found["manifest"] == service.engine.serving.snapshot.manifest  # type: ignore[union-attr]
    assert (found["ready"], found["revision"], found["environment"]) == (True, 1, "production")
    assert found["problems"] == []
    assert found["since"]


def test_before_the_first_manifest_it_lives_but_is_not_ready(shop_folder: Any) -> None:
    from soroi.codebase import read_config

    service = open_service(read_config(shop_folder), environment="elsewhere")
    service.follower.look()
    with answering(service) as client:
        assert client.get("/health").status_code == 200
        ready = client.get("/ready")
        assert ready.status_code == 503
        assert ready.json()["problems"] == ["nothing was ever released to 'elsewhere'"]
        response = client.post("/decisions/check", json={"row": visit()})
        assert response.status_code == 503
        assert error_of(response)["code"] == "not-ready"
        assert response.headers["retry-after"] == "1"
        assert client.get("/decisions").json() == {"decisions": []}
        assert client.get("/sources").json() == {"sources": []}


def test_it_tells_what_can_be_asked_and_with_which_columns(client: httpx.Client) -> None:
    index = client.get("/").json()
    assert index["decisions"] == ["check", "hold"]
    assert index["project"] == "shops"
    check, _hold = client.get("/decisions").json()["decisions"]
    assert check == client.get("/decisions/check").json()
    assert check["actions"] == {"positive": "check", "negative": "pass", "fail_safe": "check"}
    assert check["doc"] == "Whether a visit is checked."
    columns = {one["name"]: one for one in check["columns"]}
    assert columns["visit"] == {"name": "visit", "type": "String", "required": True}
    assert columns["at"] == {"name": "at", "type": "Datetime(us,UTC)", "required": False}
    sources = {one["name"]: one for one in client.get("/sources").json()["sources"]}
    assert {one["name"] for one in sources["results"]["columns"] if one["required"]} == {"visit", "at", "known"}


def test_a_full_disk_is_no_fault_of_the_request(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(records: Any, durable: bool = False) -> None:
        raise StorageFullError("no space is left at /somewhere")

    monkeypatch.setattr(service.engine.answers, "append", full)
    response = client.post("/decisions/hold", json={"row": visit()})
    assert response.status_code == 503
    assert error_of(response)["code"] == "storage-full"
    assert client.post("/decisions/check", json={"row": visit()}).status_code == 200
    assert client.get("/ready").json()["problems"]


def test_a_fault_of_ours_is_told_as_one_without_its_inside(
    client: httpx.Client, service: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(service.engine, "decide", lambda *_, **__: 1 // 0)
    response = client.post("/decisions/check", json={"row": visit()})
    assert response.status_code == 500
    assert error_of(response)["code"] == "internal"
    assert "ZeroDivisionError" in error_of(response)["message"]


VALUES = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=20)
    | st.sampled_from(["2026-02-05T12:00:00Z", "0001-01-01T00:00:00Z", "9998-12-31T00:00:00Z", "s1", "rude"])
    | st.lists(st.integers(), max_size=3)
    | st.dictionaries(st.text(max_size=3), st.integers(), max_size=2)
)
FIELDS = st.sampled_from(["visit", "at", "shop", "amount", "items", "day", "known", "loss", "bad", "size", "?"])
ROWS = st.lists(st.dictionaries(FIELDS, VALUES, max_size=7), max_size=4)
DOCUMENTS = st.one_of(
    ROWS.map(lambda rows: {"rows": rows}),
    st.dictionaries(FIELDS, VALUES, max_size=7).map(lambda row: {"row": row}),
    st.dictionaries(st.sampled_from(["row", "rows", "x"]), VALUES, max_size=2),
    VALUES,
)
BODIES = st.one_of(st.binary(max_size=60), DOCUMENTS.map(msgspec.json.encode))
PATHS = st.sampled_from(
    ["/decisions/check", "/decisions/hold", "/decisions/%00", "/decisions/%ff", "/sources/results/rows",
     "/sources/visits/rows", "/sources/shops/rows", "/sources/%F0%9F/rows", "/answers/%ff", "/", "/decisions/a%2Fb"]
)  # fmt: skip


@settings(
    max_examples=300,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(path=PATHS, content=BODIES, method=st.sampled_from(["POST", "POST", "POST", "GET", "PUT"]))
def test_no_request_makes_the_server_fail(client: httpx.Client, path: str, content: bytes, method: str) -> None:
    response = client.request(method, path, content=content)
    assert response.status_code < 500, response.text
    if response.status_code >= 400:
        error_of(response)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    amount=st.floats(allow_nan=False, allow_infinity=False) | st.none(),
    items=st.integers(-(2**63), 2**63 - 1) | st.none(),
    at=st.datetimes().map(lambda one: one.isoformat() + "Z"),
    shop=st.text(max_size=5) | st.none(),
)
def test_any_well_typed_row_is_answered(client: httpx.Client, amount: Any, items: Any, at: str, shop: Any) -> None:
    row = visit(amount=amount, items=items, at=at, shop=shop)
    response = client.post("/decisions/check", json={"row": row})
    if at.startswith(("0001", "9999")):
        assert response.status_code in (200, 422)
        return
    assert response.status_code == 200, response.text
    assert response.json()["answer"]["action"] in ("check", "pass")


def test_requests_side_by_side_get_their_own_answers(client: httpx.Client) -> None:
    wrong: list[Any] = []

    def ask(worker: int) -> None:
        for n in range(10):
            name = f"{worker}-{n}"
            answer = client.post("/decisions/hold", json={"row": visit(visit=name)}).json()["answer"]
            recorded = client.get(f"/answers/{answer['id']}").json()["answer"]
            if recorded["inputs"]["visit"] != name:
                wrong.append((name, recorded))

    threads = [threading.Thread(target=ask, args=(worker,)) for worker in range(4)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert wrong == []

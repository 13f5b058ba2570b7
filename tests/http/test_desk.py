from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import msgspec
import pytest
from prometheus_client.parser import text_string_to_metric_families
from tests.http.conftest import answering
from tests.http.test_app import error_of
from tests.serve.serving_project import visit

from soroi.http import Service
from soroi.http.desk import Desk
from soroi.http.limits import Limits
from soroi.serve.prompt import Rest


class Held:
    """A prompt that leaves everything to threads, which it holds until they are let."""

    def __init__(self, prompt: Any) -> None:
        self.prompt = prompt
        self.let = threading.Event()

    def decide_bytes(self, body: bytes, started: float) -> Rest:
        def finish() -> Any:
            assert self.let.wait(30)
            found = self.prompt.decide_bytes(body, started)
            return found.finish() if isinstance(found, Rest) else found

        return Rest(finish)


@pytest.fixture
def held(service: Service, monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    service.follower.look()
    made = Held(service.engine.prompt("hold") or Plain(service))
    monkeypatch.setattr(service.engine, "prompt", lambda _name: made)
    yield made
    made.let.set()


class Plain:
    """What answers where the engine has no prompt."""

    def __init__(self, service: Service) -> None:
        self._engine = service.engine

    def decide_bytes(self, body: bytes, started: float) -> Any:
        from soroi.serve.prompt import reply_of

        row = msgspec.json.decode(body)["row"]
        return reply_of(self._engine.decide("hold", [row], started=started), single=True)


def post(address: httpx.URL, name: str = "hold") -> httpx.Response:
    return httpx.post(f"{address}/decisions/{name}", json={"row": visit()}, timeout=60)


def figures(client: httpx.Client) -> dict[tuple[str, ...], float]:
    families = text_string_to_metric_families(client.get("/metrics").text)
    return {(one.name, *one.labels.values()): one.value for family in families for one in family.samples}


@pytest.mark.parametrize("native", [True, False])
def test_a_flood_is_refused_beyond_what_may_wait_and_the_rest_is_answered(
    service: Service, held: Held, native: bool
) -> None:
    desk = Desk(service, limits=Limits(threads=2, waiting=3))
    with answering(service, desk, native=native) as client, ThreadPoolExecutor(12) as pool:
        flood = [pool.submit(post, client.base_url) for _ in range(12)]
        refused: list[httpx.Response] = []
        while len(refused) < 7:
            refused = [one.result() for one in flood if one.done()]
            time.sleep(0.01)
        assert {one.status_code for one in refused} == {503}
        assert error_of(refused[0])["code"] == "overloaded"
        assert int(refused[0].headers["retry-after"]) >= 1
        assert client.get("/health").status_code == 200
        assert figures(client)["soroi_waiting",] == 3
        held.let.set()
        assert sorted(one.result().status_code for one in flood) == [200] * 5 + [503] * 7
        found = figures(client)
        assert found["soroi_shed_total",] == 7
        assert found["soroi_requests_total", "hold", "503"] == 7
        assert found["soroi_requests_total", "hold", "200"] == 5


def test_what_is_answered_and_refused_is_counted(service: Service) -> None:
    service.follower.look()
    with answering(service) as client:
        post(client.base_url)
        client.post("/decisions/check", json={"rows": [visit(visit="a"), visit(visit="b", amount=None, shop="rude")]})
        client.post("/decisions/check", json={"row": 3})
        client.post("/decisions/nowhere", json={"row": {}})
        found = figures(client)
    assert found["soroi_requests_total", "check", "422"] == 1
    assert found["soroi_requests_total", "", "404"] == 1
    answers = {key: count for key, count in found.items() if key[0] == "soroi_answers_total"}
    assert sum(answers.values()) == 3
    assert {name for key in answers for name in ("check", "hold") if name in key} == {"check", "hold"}
    assert sum(count for key, count in found.items() if key[0] == "soroi_falls_total") >= 1
    assert found["soroi_request_seconds_count", "check"] == 2


@pytest.mark.parametrize("spaces", [0, 100_000])
def test_a_large_body_is_answered_the_same(client: httpx.Client, spaces: int) -> None:
    body = b" " * spaces + msgspec.json.encode({"row": visit(visit="x")})
    reply = client.post("/decisions/hold", content=body)
    assert reply.status_code == 200
    assert reply.json()["answer"]["decision"] == "hold"


def test_a_client_that_asks_by_name_alone_is_answered_at_any_path_that_means_it(client: httpx.Client) -> None:
    for path in ("/decisions/hold?x=1", "/decisions/h%6Fld", f"{client.base_url}/decisions/hold"):
        assert client.post(path, json={"row": visit()}).status_code == 200
    assert client.post("/decisions/hold/", json={"row": visit()}).status_code in (307, 404)

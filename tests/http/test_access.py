from __future__ import annotations

import asyncio
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
from tests.http.conftest import answering
from tests.http.test_app import error_of
from tests.serve.serving_project import visit

from soroi.base.errors import ForbiddenError, StoreError
from soroi.base.runtime import Runtime
from soroi.codebase import read_config
from soroi.http import Service, access, open_service
from soroi.http.access import Access, UnauthorizedError, is_loopback
from soroi.http.desk import Desk
from soroi.http.server import make_access, told_of
from soroi.release.granting import grant
from soroi.release.identity import Limits, create_token, revoke_token

OWNER = Runtime(actor="ann")


@pytest.fixture
def opened(shop_folder: Path) -> Iterator[Service]:
    made = open_service(read_config(shop_folder))
    yield made
    made.close()


def closed(service: Service) -> Access:
    return Access(service.store, "production", OWNER, is_open=False)


def token(service: Service, *scopes: str, who: str = "svc", expires: Any = "1d") -> bytes:
    made = create_token(service.store, who, runtime=OWNER, limits=Limits(scopes, expires))[1]
    return b"Bearer " + made.encode()


def require(one: Access, header: bytes | None, deed: str) -> None:
    asyncio.run(one.require(header, deed))


def test_without_roles_a_token_allows_what_its_scopes_say(opened: Service) -> None:
    one = closed(opened)
    asks, all_of_it = token(opened, "decide", "metrics:production", "view:staging", who="ann"), token(opened, who="ann")
    for deed in access.DEEDS:
        require(one, all_of_it, deed)
    require(one, asks, "decide")
    require(one, asks.replace(b"Bearer", b"bearer"), "metrics")
    with pytest.raises(ForbiddenError, match="limited to") as caught:
        require(one, asks, "view")
    assert "scope view:production" in (caught.value.hint or "")
    assert one.knows(asks, "decide")
    assert not one.knows(asks, "view")
    assert not one.knows(None, "decide")


@pytest.mark.parametrize(
    "header", [None, b"", b"Bearer", b"Bearer ", b"Basic YTpi", b"Bearer soroi_" + b"0" * 64, b"Bearer " + b"x" * 600]
)
def test_whoever_shows_no_token_that_counts_is_nobody(opened: Service, header: bytes | None) -> None:
    with pytest.raises(UnauthorizedError) as caught:
        require(closed(opened), header, "decide")
    assert caught.value.hint


def test_roles_decide_what_the_holder_of_a_token_may(opened: Service) -> None:
    grant(opened.store, "svc", "caller", runtime=OWNER)
    one, header = closed(opened), token(opened)
    require(one, header, "decide")
    require(one, header, "ingest")
    with pytest.raises(ForbiddenError, match="svc may not look"):
        require(one, header, "view")
    with pytest.raises(ForbiddenError, match="svc may not read how the server fares"):
        require(one, header, "metrics")


def test_a_revocation_and_an_end_are_seen_within_seconds(opened: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    one, header = closed(opened), token(opened, who="ann")
    require(one, header, "decide")
    with opened.store.catalogue.read() as tx:
        known = tx.tokens.all()[0]
    revoke_token(opened.store, known.id, runtime=OWNER)
    assert one.knows(header, "decide")
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    assert not one.knows(header, "decide")
    with pytest.raises(UnauthorizedError, match="was revoked, or is over"):
        require(one, header, "decide")
    brief = token(opened, who="ann", expires=timedelta(microseconds=1))
    with pytest.raises(UnauthorizedError):
        require(one, brief, "decide")


def test_while_the_catalogue_is_away_those_who_are_known_go_on(
    opened: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, header, unknown = closed(opened), token(opened, who="ann"), token(opened, who="ann")
    require(one, header, "decide")

    def away() -> None:
        raise StoreError("the catalogue is away")

    monkeypatch.setattr(opened.store.catalogue, "read", away)
    monkeypatch.setattr(access, "REMEMBERED_SECONDS", 0.0)
    require(one, header, "decide")
    with pytest.raises(StoreError):
        require(one, unknown, "decide")
    one.refresh()
    assert one.needed


def test_the_first_role_closes_what_was_open(opened: Service, shop_folder: Path) -> None:
    config = read_config(shop_folder)
    one = make_access(config, opened, "127.0.0.1")
    assert "no token" in told_of(one)
    require(one, None, "decide")
    grant(opened.store, "svc", "caller", runtime=OWNER)
    one.refresh()
    assert one.needed
    with pytest.raises(UnauthorizedError):
        require(one, None, "decide")
    assert make_access(config, opened, "0.0.0.0").needed
    assert "need a token" in told_of(make_access(config, opened, "::"))


@pytest.mark.parametrize(
    ("host", "loopback"),
    [("127.0.0.1", True), ("127.9.9.9", True), ("::1", True), ("localhost", True), ("0.0.0.0", False), ("::", False),
     ("10.0.0.1", False), ("example.org", False)],
)  # fmt: skip
def test_only_the_machine_itself_is_trusted(host: str, loopback: bool) -> None:
    assert is_loopback(host) is loopback


@pytest.mark.parametrize("native", [True, False])
def test_a_closed_server_asks_for_tokens_everywhere_but_for_its_health(service: Service, native: bool) -> None:
    service.follower.look()
    asks = {"authorization": token(service, "decide", who="ann").decode()}
    with answering(service, Desk(service, access=closed(service)), native=native) as client:
        for path in ("/health", "/ready", "/v2/health/live", "/v2/health/ready", "/v2"):
            assert client.get(path).status_code == 200
        for path in ("/", "/decisions", "/decisions/hold", "/sources", "/answers/x", "/metrics", "/openapi.json"):
            assert client.get(path).status_code == 401
            refused = client.get(path, headers=asks)
            assert refused.status_code == 403
            assert error_of(refused)["code"] == "forbidden"
        assert client.post("/sources/results/rows", json={"rows": []}, headers=asks).status_code == 403
        nobody = post(client, {})
        assert nobody.status_code == 401
        assert nobody.headers["www-authenticate"] == 'Bearer realm="soroi"'
        assert error_of(nobody)["hint"]
        assert post(client, asks).status_code == 200
        assert post(client, {"authorization": "Bearer soroi_0"}).status_code == 401


def post(client: httpx.Client, headers: dict[str, str]) -> httpx.Response:
    return client.post("/decisions/hold", json={"row": visit()}, headers=headers)

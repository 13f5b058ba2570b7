from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import httpx
import pytest
from tests.http.conftest import answering
from tests.http.test_app import error_of
from tests.projects import Tiny
from tests.serve.serving_project import END, visit

from soroi.codebase import read_config
from soroi.http import Service
from soroi.http.desk import Desk
from soroi.http.limits import Limits
from soroi.http.seen import BehindError, HeaderError, Seen, UnknownManifestError, read_seen
from soroi.serve import Follower


@pytest.mark.parametrize(
    ("value", "seen"),
    [(b"m1", Seen("m1", None)), (b" m1;7 ", Seen("m1", 7)), (b"m1; 7", Seen("m1", 7))],
)
def test_a_header_names_a_manifest_and_perhaps_a_revision(value: bytes, seen: Seen) -> None:
    assert read_seen(value) == seen


@pytest.mark.parametrize("value", [b"", b";7", b"m1;", b"m1;x", b"m1;-1", b"m 1", b"m1;7;8", b"\xff", b"x" * 201])
def test_a_header_of_another_form_is_refused(value: bytes) -> None:
    with pytest.raises(HeaderError):
        read_seen(value)


@pytest.fixture
def tiny(shop_folder: object, service: Service) -> Iterator[Tiny]:
    made = Tiny(read_config(shop_folder).root)  # type: ignore[arg-type]
    yield made
    made.close()


@pytest.fixture
def still(service: Service, monkeypatch: pytest.MonkeyPatch) -> threading.Event:
    """Keeps the follower from looking until it is set."""
    may_look = threading.Event()
    look = Follower.look
    service.follower.look()
    monkeypatch.setattr(Follower, "look", lambda one: may_look.is_set() and look(one))
    return may_look


def live(tiny: Tiny) -> str:
    found = tiny.live()
    assert found is not None
    return found


def move(tiny: Tiny) -> str:
    """Move the head to the manifest that it points at."""
    first = live(tiny)
    with tiny.project.store.catalogue.write() as tx:
        tx.heads.move("production", first, expected_revision=1, by="ann", at=END)
    return first


def ask(client: httpx.Client, seen: str | None, path: str = "/decisions/hold") -> httpx.Response:
    headers = {} if seen is None else {"soroi-manifest": seen}
    return client.post(path, json={"row": visit()}, headers=headers)


def test_what_was_seen_is_answered_by_it_or_by_something_newer(
    service: Service, tiny: Tiny, still: threading.Event
) -> None:
    first = live(tiny)
    with answering(service) as client:
        reply = ask(client, None)
        assert (reply.headers["soroi-manifest"], reply.headers["soroi-revision"]) == (first, "1")
        assert {ask(client, one).status_code for one in (first, f"{first};1", f"{first}; 1", f"{first};0")} == {200}
        move(tiny)
        assert ask(client, f"{first};1").headers["soroi-revision"] == "1"
        threading.Timer(0.3, still.set).start()
        newer = ask(client, f"{first};2")
        assert (newer.status_code, newer.headers["soroi-revision"]) == (200, "2")


def test_what_is_not_loaded_in_time_is_refused_with_when_to_come_back(
    service: Service, tiny: Tiny, still: threading.Event
) -> None:
    first = move(tiny)
    with answering(service, Desk(service, limits=Limits(behind_seconds=0.1))) as client:
        for path in ("/decisions/hold", "/v2/models/hold/infer"):
            reply = ask(client, f"{first};2", path)
            assert reply.status_code == 503
            assert reply.headers["retry-after"] == "1"
            assert error_of(reply)["code"] == "behind"


@pytest.mark.parametrize("native", [True, False])
def test_what_nobody_can_have_seen_is_refused(service: Service, tiny: Tiny, native: bool) -> None:
    service.follower.look()
    with answering(service, native=native) as client:
        for seen, status in (("m-other", 409), (f"{live(tiny)};99", 409), ("a b", 400)):
            reply = ask(client, seen)
            assert reply.status_code == status
            assert error_of(reply)["hint"]


def test_while_the_catalogue_is_away_what_is_known_to_be_older_is_answered(
    service: Service, tiny: Tiny, monkeypatch: pytest.MonkeyPatch
) -> None:
    from soroi.base.errors import StoreError

    service.follower.look()
    first = live(tiny)
    pins = Desk(service)._pins

    def away() -> None:
        raise StoreError("the catalogue is away")

    monkeypatch.setattr(service.store.catalogue, "read", away)
    asyncio.run(pins.catch_up(b"elsewhere;1"))
    asyncio.run(pins.catch_up(first.encode()))
    with pytest.raises(BehindError):
        asyncio.run(pins.catch_up(b"elsewhere;2"))
    with pytest.raises(BehindError):
        asyncio.run(pins.catch_up(b"elsewhere"))
    assert not issubclass(UnknownManifestError, BehindError)
    service.close()

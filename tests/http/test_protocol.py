from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest
from tests.http.wires import LIMITS, TestFront, Wire, drained, flooded, get, post, running, statuses, until

from soroi.http import body as bodies
from soroi.http.limits import Limits
from soroi.http.protocol import CONTINUE


@pytest.fixture(scope="module")
def wire() -> Iterator[Wire]:
    with running() as made:
        yield made


def test_a_request_is_answered_here_or_by_the_application(wire: Wire) -> None:
    with wire.connect() as raw:
        raw.sendall(post("/now", b"abc"))
        assert raw.recv(4096) == b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 3\r\n\r\nabc"
        raw.sendall(post("/echo", b"abc"))
        assert raw.recv(4096).endswith(b"\r\n\r\nPOST /echo abc")
        raw.sendall(get("/now"))
        assert raw.recv(4096).endswith(b"\r\n\r\nGET /now ")


@pytest.mark.parametrize("path", ["/now", "/later", "/echo"])
def test_a_body_may_come_in_chunks_and_in_any_pieces(wire: Wire, path: str) -> None:
    chunked = b"5\r\nhello\r\n1;ext=1\r\n \r\n5\r\nworld\r\n0\r\ntrailer: x\r\n\r\n"
    data = post(path, chunked, "transfer-encoding: chunked", "connection: close")
    whole = wire.talk(data, until_closed=False)
    assert whole.endswith(b"hello world")
    with wire.connect() as raw:
        raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        for place in range(0, len(data), 7):
            raw.sendall(data[place : place + 7])
        assert drained(raw) == whole


@pytest.mark.parametrize("path", ["/now", "/later", "/echo"])
def test_a_client_that_waits_for_it_is_asked_for_its_body(wire: Wire, path: str) -> None:
    head, body = post(path, b"abc", "expect: 100-continue").split(b"\r\n\r\n")
    with wire.connect() as raw:
        raw.sendall(head + b"\r\n\r\n")
        assert raw.recv(4096) == CONTINUE
        raw.sendall(body)
        assert raw.recv(4096).endswith(b"abc")


def test_a_client_behind_another_request_is_asked_for_its_body_in_its_turn() -> None:
    with running() as wire, wire.connect() as raw:
        wire.front.let.clear()
        head, body = post("/now", b"abc", "expect: 100-continue").split(b"\r\n\r\n")
        raw.sendall(post("/later", b"first") + head + b"\r\n\r\n")
        time.sleep(0.1)
        wire.front.let.set()
        found = b""
        while not found.endswith(CONTINUE):
            found += raw.recv(4096)
        assert statuses(found) == [200, 100]
        raw.sendall(body)
        assert raw.recv(4096).endswith(b"abc")


def test_what_is_expected_otherwise_or_too_large_is_refused_before_it_is_sent(wire: Wire) -> None:
    assert statuses(wire.talk(post("/now", b"", "expect: miracles"))) == [417]
    large = post("/now", b"", "expect: 100-continue", f"content-length: {bodies.MAX_BYTES + 1}")
    assert statuses(wire.talk(large)) == [413]


@pytest.mark.parametrize("paths", [["/now"] * 30, ["/later", "/now", "/echo"] * 10, ["/echo", "/later"] * 4])
def test_pipelined_requests_are_answered_in_their_order(wire: Wire, paths: list[str]) -> None:
    said = wire.talk(b"".join(post(path, b"<%d>" % place) for place, path in enumerate(paths)))
    assert statuses(said) == [200] * len(paths)
    places = [said.index(b"<%d>" % place) for place in range(len(paths))]
    assert places == sorted(places)


def test_a_refusal_waits_for_the_replies_before_it(wire: Wire) -> None:
    said = wire.talk(post("/later", b"a") + post("/echo", b"b") + b"rubbish\r\n\r\n")
    assert statuses(said) == [200, 200, 400]
    assert said.index(b"connection: close") > said.index(b"POST /echo b")


def test_nothing_is_read_while_too_many_requests_wait() -> None:
    front = TestFront(Limits(pipelined=2))
    with running(front) as wire, wire.connect() as raw:
        front.let.clear()
        raw.settimeout(0.5)
        body = b"x" * 100_000
        sent = flooded(raw, post("/later", body))
        assert sent < 300  # what sockets and one read hold, and no more
        assert front.answered == []


def test_nothing_is_answered_while_a_client_does_not_read() -> None:
    front = TestFront()
    with running(front) as wire, wire.connect() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        raw.settimeout(3.0)  # a server that stalls for a moment is no server that stopped
        flooded(raw, post("/now", b"x" * 100_000))
        stopped = len(front.answered)
        assert stopped < 300
        time.sleep(0.2)
        assert len(front.answered) == stopped
        raw.settimeout(10)
        found = 0
        while found < 100_000 * stopped:
            found += len(raw.recv(1 << 20))
        until(lambda: len(front.answered) > stopped)


def test_a_client_that_never_reads_is_dropped() -> None:
    with running(TestFront(Limits(write_seconds=0.3))) as wire, wire.connect() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        raw.sendall(get("/large") * 3)
        until(lambda: len(wire.front.connections) == 1)
        until(lambda: not wire.front.connections)


def test_a_large_reply_reaches_a_slow_reader_whole(wire: Wire) -> None:
    with wire.connect() as raw:
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        raw.sendall(get("/large", "connection: close"))
        time.sleep(0.2)
        assert drained(raw).endswith(b"\r\n\r\n" + b"x" * 5_000_000)


@pytest.mark.parametrize(
    ("data", "status"),
    [
        (get("/" + "a" * 5000), 431),
        (get("/", "x: " + "b" * 5000), 431),
        (get("/", *(f"x{n}: y" for n in range(30))), 431),
        (b"GET / HTTP/1.1\r\nhost: x\r\nx: " + b"b" * 2_000_000, 431),
        (b"GET /" + b"a" * 2_000_000, 431),
        (post("/now", b"", f"content-length: {bodies.MAX_BYTES + 1}"), 413),
        (post("/now", b"", "content-length: 99999999999999999999999"), 400),
        (post("/now", b"", "content-length: -1"), 400),
        (post("/now", b"abc", "content-length: 3", "transfer-encoding: chunked"), 400),
        (post("/now", b"zz\r\n", "transfer-encoding: chunked"), 400),
        (b"POST /now HTTP/1.1\r\ncontent-length: 0\r\n\r\n", 400),
        (b"rubbish\r\n\r\n", 400),
        (b"GET / HTTP/9.9\r\nhost: x\r\n\r\n", 400),
        (b"GET / HTTP/2.0\r\nhost: x\r\n\r\n", 400),
        (b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", 400),
        (b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 400),
        (post("/now", b"abc")[:-1], 400),
        (b"GET / HTTP/1.1\r\nhost: x\r\n", 400),
        (get("/", " folded: x"), 400),
    ],
)
def test_what_is_malformed_or_too_large_is_refused_with_its_reason(wire: Wire, data: bytes, status: int) -> None:
    said = wire.talk(data)
    assert statuses(said) == [status], said[:300]
    head, body = said.split(b"\r\n\r\n", 1)
    assert b"connection: close" in head
    assert body.startswith(b'{"error":{"code":')
    assert statuses(wire.talk(post("/now"))) == [200]


def test_a_refused_sender_can_read_why_while_it_still_sends(wire: Wire) -> None:
    with wire.connect() as raw:
        raw.sendall(post("/now", b"", f"content-length: {bodies.MAX_BYTES + 1}"))
        for _ in range(50):
            raw.sendall(b"x" * 10_000)
        assert statuses(drained(raw)) == [413]


def test_a_chunked_body_that_grows_too_large_is_refused(wire: Wire, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bodies, "MAX_BYTES", 100)
    chunk = b"32\r\n" + b"x" * 50 + b"\r\n"
    assert statuses(wire.talk(post("/now", chunk * 2 + b"0\r\n\r\n", "transfer-encoding: chunked"))) == [200]
    assert statuses(wire.talk(post("/now", chunk * 3 + b"0\r\n\r\n", "transfer-encoding: chunked"))) == [413]


@pytest.mark.parametrize("begun", [b"POST /now HT", b"POST /now HTTP/1.1\r\nhost: x\r\n", post("/now", b"abc")[:-1]])
def test_a_sender_that_is_too_slow_is_told_so(wire: Wire, begun: bytes) -> None:
    with wire.connect() as raw:
        began = time.monotonic()
        raw.sendall(begun)
        assert statuses(drained(raw)) == [408]
        assert time.monotonic() - began > LIMITS.head_seconds


def test_an_idle_connection_is_closed_without_a_word() -> None:
    with running(TestFront(Limits(idle_seconds=0.2))) as wire:
        assert wire.talk(b"", until_closed=False) == b""
        assert statuses(wire.talk(post("/now"), until_closed=False)) == [200]


def test_a_client_that_sends_no_more_still_gets_its_answers(wire: Wire) -> None:
    wire.front.let.clear()
    with wire.connect() as raw:
        raw.sendall(post("/later", b"a") + post("/echo", b"b"))
        raw.shutdown(socket.SHUT_WR)
        time.sleep(0.1)
        wire.front.let.set()
        assert statuses(drained(raw)) == [200, 200]


def test_a_client_that_is_gone_is_answered_no_more() -> None:
    with running() as wire:
        wire.front.let.clear()
        with wire.connect() as raw:
            raw.sendall(post("/later", b"a"))
            time.sleep(0.1)
        with wire.connect() as raw:
            raw.sendall(get("/wait"))
            time.sleep(0.1)
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\0\0\0\0\0\0\0")
        assert wire.app.gone.wait(10)
        wire.front.let.set()
        until(lambda: not wire.front.connections)


def test_a_connection_is_kept_or_closed_as_the_client_wants(wire: Wire) -> None:
    for path in ("/now", "/later", "/echo"):
        said = wire.talk(post(path, b"", "connection: close") + post(path), until_closed=False)
        assert statuses(said) == [200]
        assert b"connection: close" in said
        old = wire.talk(post(path, version="1.0"), until_closed=False)
        assert statuses(old) == [200]
        kept = wire.talk(post(path, b"", "connection: keep-alive", version="1.0") * 2)
        assert statuses(kept) == [200, 200]
        assert b"connection: keep-alive" in kept


def test_a_reply_without_a_length_is_chunked_or_ends_with_the_connection(wire: Wire) -> None:
    said = wire.talk(get("/stream") + get("/echo"))
    assert b"transfer-encoding: chunked" in said
    assert b"\r\n\r\n4\r\none \r\n3\r\ntwo\r\n0\r\n\r\nHTTP/1.1 200 OK" in said
    old = wire.talk(get("/stream", "connection: keep-alive", version="1.0"), until_closed=False)
    assert b"connection: close" in old
    assert old.endswith(b"\r\n\r\none two")
    assert wire.talk(get("/stream?raise"), until_closed=False).endswith(b"two\r\n")


def test_head_gets_no_body(wire: Wire) -> None:
    said = wire.talk(get("/echo", method="HEAD") + get("/stream", method="HEAD") + get("/echo"))
    assert statuses(said) == [200, 200, 200]
    assert b"content-length: 11" in said
    assert said.count(b"HEAD /echo") == said.count(b"one") == 0


def test_a_fault_of_ours_is_one_reply_and_no_more(wire: Wire) -> None:
    for path in ("/raise", "/nothing", "/smuggle"):
        said = wire.talk(get(path) + get("/echo"))
        assert statuses(said) == [500, 200]
        assert b"set: b" not in said
    assert statuses(wire.talk(post("/fault") + post("/now"))) == [500, 200]


def test_an_upgrade_that_is_not_understood_is_a_request_like_others(wire: Wire) -> None:
    said = wire.talk(get("/echo", "connection: upgrade", "upgrade: h2c"), until_closed=False)
    assert statuses(said) == [200]
    assert b"connection: close" in said
    assert statuses(wire.talk(b"CONNECT x:443 HTTP/1.1\r\nhost: x\r\n\r\n"))[0] < 500


def test_the_application_sees_the_request_as_it_came(wire: Wire) -> None:
    wire.talk(get("/a%20b/%C3%A9?x=1&y=%20", "X-Thing: One", "x-thing: two", method="OPTIONS"))
    scope = wire.app.scopes[-1]
    assert (scope["method"], scope["path"], scope["raw_path"]) == ("OPTIONS", "/a b/é", b"/a%20b/%C3%A9")
    assert scope["query_string"] == b"x=1&y=%20"
    assert scope["headers"] == [(b"host", b"x"), (b"x-thing", b"One"), (b"x-thing", b"two")]
    assert scope["client"][0] == scope["server"][0] == "127.0.0.1"
    wire.talk(get("*", method="OPTIONS"))
    assert wire.app.scopes[-1]["path"] == "*"


def test_too_many_connections_are_told_to_come_back() -> None:
    with running(TestFront(Limits(connections=1))) as wire, wire.connect() as raw:
        raw.sendall(post("/now"))
        assert statuses(raw.recv(4096)) == [200]
        said = wire.talk(post("/now"))
        assert statuses(said) == [503]
        assert b"retry-after: 1" in said


def test_the_end_answers_what_was_asked_and_says_so() -> None:
    with running() as wire, wire.connect() as busy, wire.connect() as idle, wire.connect() as late:
        for one in (busy, idle, late):
            one.sendall(post("/now", b"a"))
            assert statuses(one.recv(4096)) == [200]
        wire.front.let.clear()
        busy.sendall(post("/later", b"b") + post("/now", b"c"))
        until(lambda: len(wire.front.connections) == 3)
        time.sleep(0.1)
        wire.server.should_exit = True
        time.sleep(0.3)
        late.sendall(post("/now", b"d"))
        said = drained(late)
        assert statuses(said) == [200]
        assert b"connection: close" in said
        assert drained(idle) == b""
        wire.front.let.set()
        assert statuses(drained(busy)) == [200, 200]


def test_large_bodies_are_held_for_so_many_at_once_and_no_more() -> None:
    with running(TestFront(Limits(held_bytes=1_000_000))) as wire:
        begun = [wire.connect() for _ in range(3)]
        for one in begun[:2]:
            one.sendall(post("/now", b"x" * 450_000)[:-1])
        until(lambda: wire.front.store.used >= 899_000)
        begun[2].sendall(post("/now", b"x" * 450_000))
        said = drained(begun[2])
        assert statuses(said) == [503]
        assert b"retry-after: 1" in said
        assert statuses(wire.talk(post("/now", b"small"))) == [200]
        begun[0].sendall(b"x")
        assert statuses(begun[0].recv(64)) == [200]
        begun[1].close()
        until(lambda: wire.front.store.used == 0)
        assert statuses(wire.talk(post("/echo", b"x" * 450_000))) == [200]
        until(lambda: wire.front.store.used == 0)
        begun[0].close()
        begun[2].close()

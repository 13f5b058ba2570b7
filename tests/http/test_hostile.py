"""Whatever is sent: no status of 500 or more, no end of the process, no growth of its memory."""

from __future__ import annotations

import contextlib
import re
import socket
from collections import Counter
from collections.abc import Iterator
from random import Random

import httpx
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.http.hostility import request
from tests.serve.serving_project import visit

from soroi.http.limits import Limits
from soroi.http.parsing import IDLE, Heard, Listener

REQUESTS = 300
STATUS = re.compile(rb"HTTP/1\.1 (\d{3}) ")


def send(port: int, data: bytes) -> list[int]:
    """Send something on a connection of its own; the statuses that come back."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), timeout=60) as raw, contextlib.suppress(OSError):
        raw.sendall(data)
        raw.shutdown(socket.SHUT_WR)
        while part := raw.recv(65536):
            said += part
    return [int(one) for one in STATUS.findall(said)]


def test_hostile_requests_from_a_seed_are_refused_or_answered(client: httpx.Client) -> None:
    port, found = client.base_url.port or 0, Counter[int]()
    for seed in range(REQUESTS):
        data = request(Random(seed))
        statuses = send(port, data)
        assert all(one < 500 for one in statuses), (seed, statuses, data[:300])
        found.update(statuses)
    assert found[200] > 0
    assert found[400] > 0
    assert found[422] > 0
    assert client.post("/decisions/hold", json={"row": visit()}).status_code == 200


PIECES = st.lists(
    st.sampled_from(
        [b"POST /a HTTP/1.1\r\n", b"host: x\r\n", b"content-length: 3\r\n", b"transfer-encoding: chunked\r\n", b"\r\n",
         b"abc", b"3\r\nabc\r\n", b"0\r\n\r\n", b"expect: 100-continue\r\n", b"connection: close\r\n",
         b"GET * HTTP/1.0\r\n"]
    )
    | st.binary(max_size=8),
    max_size=30,
)  # fmt: skip


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(pieces=PIECES, cuts=st.lists(st.integers(1, 9), min_size=1, max_size=9))
def test_bytes_mean_the_same_however_they_are_cut(pieces: list[bytes], cuts: list[int]) -> None:
    data = b"".join(pieces)
    assert heard(one for one in [data]) == heard(cut(data, cuts))


def cut(data: bytes, sizes: list[int]) -> Iterator[bytes]:
    place = turn = 0
    while place < len(data):
        yield data[place : place + sizes[turn % len(sizes)]]
        place += sizes[turn % len(sizes)]
        turn += 1


def heard(parts: Iterator[bytes]) -> object:
    """The requests that are heard, whether a client was asked to go on, and the status of a refusal."""
    requests: list[Heard] = []
    asked: list[None] = []
    listener = Listener(Limits(), requests.append, lambda: asked.append(None))
    refused = next((one for part in parts if (one := listener.feed(part, 0.0)) is not None), None)
    told = [(one.method, one.url, one.headers, one.body, one.keep, one.old) for one in requests]
    return told, len(asked), refused.status if refused else None, listener.state == IDLE and refused is None


@pytest.mark.parametrize("size", [1, 100, 10_000])
def test_what_is_held_of_a_head_is_bounded(size: int) -> None:
    listener = Listener(Limits(head_bytes=1000), lambda _: None, lambda: None)
    sent = 0
    for _ in range(100_000):
        sent += size
        if listener.feed(b"a" * size if sent > size else b"GET /" + b"a" * size, 0.0) is not None:
            break
    assert sent <= 1000 + 2 * size + 100

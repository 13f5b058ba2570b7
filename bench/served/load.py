"""The load: requests one after another on each of some connections, in a process of its own.

    python -m bench.served.load TASK

Sockets and ``epoll`` by hand, as a client library would cost more than the servers that are measured. Nothing is sent
before the reply to the request before it has come whole. Each measured stretch begins and ends with nothing on its
way, so what the server's processes used of the processor belongs to the requests that are counted.
"""

from __future__ import annotations

import gc
import json
import select
import socket
import sys
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil  # type: ignore[import-untyped]

END = b"\r\n\r\n"
LENGTH = b"\r\ncontent-length:"
STALLED = 60.0
"""Seconds without any reply after which a stretch is given up."""


@dataclass(frozen=True)
class Load:
    """What is asked of a server."""

    port: int
    """Its port on this machine."""

    process: int
    """Its first process; what its children use is counted as well."""

    path: str
    """Where requests go."""

    bodies: str
    """File with a JSON list of their bodies."""

    wrong: str
    """What is in the body of no good reply; empty: nothing."""

    connections: int
    """How many there are."""

    seconds: float
    """How long a stretch is measured."""

    warm: float
    """How long requests are made before."""

    repeats: int
    """How many stretches are measured."""

    spin: bool
    """Whether the load stays awake while it waits."""


@dataclass
class Stretch:
    """What came of a stretch."""

    seconds: float = 0.0
    """How long it was."""

    requests: int = 0
    """Replies that came."""

    errors: int = 0
    """Those of them that were no good, and connections that were lost."""

    cpu: float = 0.0
    """Seconds of processor of the server with its children."""

    idle: float = 0.0
    """Seconds in which the load had nothing to do but to wait."""

    p50: float = 0.0
    """Median time to a reply, in seconds."""

    p99: float = 0.0
    """Its 99th percentile."""

    most: float = 0.0
    """The longest."""

    said: str = ""
    """How the first bad reply began."""


@dataclass
class Line:
    """A connection."""

    port: int
    place: int
    raw: socket.socket = field(init=False)
    got: bytes = b""
    sent: float = 0.0

    def __post_init__(self) -> None:
        self.open()

    def open(self) -> None:
        """Connect."""
        self.raw = socket.create_connection(("127.0.0.1", self.port), timeout=STALLED)
        self.raw.settimeout(None)  # with one, every call would ask first whether it may
        self.raw.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.got = b""


class Client:
    """Asks over all connections.

    Args:
        load: What is asked.
    """

    def __init__(self, load: Load) -> None:
        self._load = load
        bodies = json.loads(Path(load.bodies).read_text("utf-8"))
        self._requests = [request(load.path, one.encode()) for one in bodies]
        self._wrong = load.wrong.encode()
        self._lines = {one.raw.fileno(): one for one in (Line(load.port, n) for n in range(load.connections))}
        self._poll = select.epoll()
        for number in self._lines:
            self._poll.register(number, select.EPOLLIN)

    def run(self, seconds: float) -> Stretch:
        """Ask for some time, and wait for the last replies.

        Raises:
            TimeoutError: Nothing came for a minute.
        """
        found, times = Stretch(), list[float]()
        began = time.perf_counter()
        end = began + seconds
        waiting = {id(one) for one in self._lines.values()}
        for line in self._lines.values():
            self._send(line)
        while waiting:
            ready = self._poll.poll(0) or self._idle(found)
            for number, _ in ready:
                line = self._lines[number]
                whole = self._read(line, found)
                if whole is None:
                    continue
                now = time.perf_counter()
                if whole:
                    times.append(now - line.sent)
                if now < end:
                    self._send(line)
                else:
                    waiting.discard(id(line))
        found.seconds = time.perf_counter() - began
        found.requests = len(times)
        if times:
            times.sort()
            last = len(times) - 1
            found.p50, found.p99, found.most = times[last // 2], times[round(0.99 * last)], times[last]
        return found

    def _idle(self, found: Stretch) -> list[tuple[int, int]]:
        """Wait for something to read, without sleeping: a server would pay for waking the load with every reply."""
        began = time.perf_counter()
        poll = self._poll.poll
        if not self._load.spin:
            ready = poll(STALLED)
        else:
            while not (ready := poll(0)) and time.perf_counter() - began < STALLED:
                pass
        if not ready:
            raise TimeoutError(f"no reply for {STALLED:.0f} s")
        found.idle += time.perf_counter() - began
        return ready

    def _send(self, line: Line) -> None:
        requests = self._requests
        line.place = (line.place + 7) % len(requests)
        line.sent = time.perf_counter()
        line.raw.sendall(requests[line.place])

    def _read(self, line: Line, found: Stretch) -> bool | None:
        """Read on. Whether a reply is there: ``None``: not yet; ``False``: the connection was lost, and made again."""
        try:
            more = line.raw.recv(262_144)
        except OSError:
            more = b""
        if not more:
            self._lost(line, found)
            return False
        data = line.got + more if line.got else more
        size = reply_size(data)
        if size is None or len(data) < size:
            line.got = data
            return None
        line.got = b""
        if data[9:12] != b"200" or (self._wrong and self._wrong in data):
            found.errors += 1
            found.said = found.said or data[:300].decode("latin-1")
        return True

    def _lost(self, line: Line, found: Stretch) -> None:
        found.errors += 1
        found.said = found.said or "the connection was closed"
        before = line.raw.fileno()
        self._poll.unregister(before)
        line.raw.close()
        del self._lines[before]
        line.open()
        self._lines[line.raw.fileno()] = line
        self._poll.register(line.raw.fileno(), select.EPOLLIN)


def request(path: str, body: bytes) -> bytes:
    """A request as it goes over the wire."""
    lines = (f"POST {path} HTTP/1.1", "host: 127.0.0.1", "content-type: application/json", "accept: */*")
    return "\r\n".join((*lines, f"content-length: {len(body)}")).encode() + END + body


def reply_size(data: bytes) -> int | None:
    """How long the reply is that begins with some bytes; ``None``: that cannot be told yet."""
    at = data.find(END)
    if at < 0:
        return None
    head = data[:at].lower()
    found = head.find(LENGTH)
    if found < 0:  # in chunks, of which the last is empty
        return len(data) if data.endswith(b"0\r\n\r\n") else None
    start = found + len(LENGTH)
    stop = head.find(b"\r\n", start)
    return at + len(END) + int(head[start : stop if stop > 0 else at])


def processor(process: int) -> float:
    """Seconds of processor that a process and its children used, those that ended included."""
    total = 0.0
    first = psutil.Process(process)
    for one in (first, *first.children(recursive=True)):
        try:
            ended = one.cpu_times()
            total += time.clock_gettime(clock_of(one.pid)) + ended.children_user + ended.children_system
        except (psutil.NoSuchProcess, OSError):
            continue
    return total


def clock_of(process: int) -> int:
    """Linux's clock that counts the processor's time of a process, to the nanosecond."""
    return ~process << 3 | 2


def run(load: Load) -> list[dict[str, Any]]:
    """Make a load; gives what came of each stretch."""
    client = Client(load)
    client.run(load.warm)
    gc.collect()
    gc.freeze()
    gc.disable()
    found = []
    for _ in range(load.repeats):
        before = processor(load.process)
        stretch = client.run(load.seconds)
        stretch.cpu = processor(load.process) - before
        found.append(asdict(stretch))
    return found


if __name__ == "__main__":
    print("RESULT " + json.dumps(run(Load(**json.loads(sys.argv[1])))))

"""Several processes that answer at one socket, and one that looks after them: replaces who dies, hands messages on."""

from __future__ import annotations

import contextlib
import logging
import selectors
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import msgspec

from soroi.base.errors import StoreError
from soroi.codebase import read_config
from soroi.http.hub import Done, Message, Reader, Take, Up, packed

BOARD = "run"
"""Folder of the store in which the processes show each other their figures."""

_DRAIN_SECONDS = 15.0  # a little more than the processes give themselves
_STEADY_SECONDS = 10.0  # who lives that long was no failure of starting
_PAUSE_FIRST = 0.2
_PAUSE_MOST = 30.0
_TRIES = 3
_LOG = logging.getLogger("soroi.http")


class Terms(msgspec.Struct, frozen=True):
    """What all processes of a server serve."""

    root: str
    """Folder of the project."""

    host: str
    """Address that they listen at."""

    environment: str
    """Name of the head to follow."""

    protocol: Literal["native", "asgi"]
    """What speaks HTTP."""

    group: str
    """Name of the server among others of the project."""


class Task(msgspec.Struct, frozen=True):
    """What one process serves."""

    terms: Terms
    """What all do."""

    slot: int
    """Its place among them."""

    listening: int
    """File descriptor of the socket that they share."""

    hub: int
    """File descriptor of its line to whoever looks after it."""


@dataclass(eq=False)
class Worker:
    """A process that answers."""

    slot: int
    """Its place among them."""

    process: subprocess.Popen[bytes]
    """The process."""

    line: socket.socket
    """The line to it."""

    begun: float
    """When it was begun, by ``time.monotonic``."""

    reader: Reader = field(default_factory=Reader)
    """What it has said so far."""

    up: bool = False
    """Whether it takes requests. Until then it need not have counted rows that came in: it reads them off the disk."""


@dataclass(eq=False)
class _Open:
    """Rows of one process that the others have not all counted yet."""

    origin: Worker
    number: int
    missing: set[Worker]


class Supervisor:
    """Begins processes, replaces those that die, and ends them.

    Args:
        terms: What they serve.
        listening: The socket that they share.
        count: How many there are.
    """

    def __init__(self, terms: Terms, listening: socket.socket, count: int) -> None:
        self._terms = terms
        self._listening = listening
        self._count = count
        self._workers: dict[int, Worker] = {}
        self._due: dict[int, float] = dict.fromkeys(range(count), 0.0)
        self._failures = [0] * count
        self._selector = selectors.DefaultSelector()
        self._open: dict[int, _Open] = {}
        self._number = 0
        self._stopping = False
        self._was_up = False

    def run(self, announce: Callable[[], None]) -> None:
        """Look after them until told to end.

        Args:
            announce: Called once the first takes requests.

        Raises:
            StoreError: None of them starts.
        """
        with self._signals():
            try:
                while not self._stopping:
                    self._begin_due()
                    for message_of in self._selector.select(timeout=0.1):
                        worker = message_of[0].data
                        if self._listen(worker) and not self._was_up:
                            self._was_up = True
                            announce()
                    self._reap()
            finally:
                self._end()

    @property
    def pids(self) -> list[int]:
        """Ids of the processes that live."""
        return [one.process.pid for one in self._workers.values()]

    def _begin_due(self) -> None:
        now = time.monotonic()
        for slot in [slot for slot, at in self._due.items() if at <= now]:
            del self._due[slot]
            self._begin(slot)

    def _begin(self, slot: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            task = Task(self._terms, slot, self._listening.fileno(), theirs.fileno())
            command = [sys.executable, "-m", "soroi.http.worker", msgspec.json.encode(task).decode()]
            process = subprocess.Popen(command, pass_fds=(task.listening, task.hub), stdin=subprocess.DEVNULL)
        worker = Worker(slot, process, ours, time.monotonic())
        self._workers[slot] = worker
        self._selector.register(ours, selectors.EVENT_READ, worker)

    def _listen(self, worker: Worker) -> bool:
        """Take what a process says. Tells whether it said that it takes requests."""
        try:
            data = worker.line.recv(1 << 16)
        except OSError:
            data = b""
        if not data:
            self._forget(worker)
            return False
        was_up = False
        for message in worker.reader.feed(data):
            if isinstance(message, Up):
                worker.up = was_up = True
            elif isinstance(message, Take):
                self._hand_on(worker, message)
            else:
                self._counted(worker, message.number)
        return was_up

    def _hand_on(self, origin: Worker, message: Take) -> None:
        """Tell the others; the origin hears once all of them have counted the rows."""
        self._number += 1
        number = self._number
        others = [one for one in self._workers.values() if one is not origin]
        self._open[number] = _Open(origin, message.number, {one for one in others if one.up})
        for one in others:
            self._say(one, Take(number, message.source, message.rows, message.at))
        self._settle(number)

    def _counted(self, worker: Worker, number: int) -> None:
        if number in self._open:
            self._open[number].missing.discard(worker)
            self._settle(number)

    def _settle(self, number: int) -> None:
        found = self._open.get(number)
        if found is not None and not found.missing:
            del self._open[number]
            self._say(found.origin, Done(found.number))

    def _say(self, worker: Worker, message: Message) -> None:
        try:
            worker.line.sendall(packed(message))
        except OSError:
            self._forget(worker)

    def _forget(self, worker: Worker) -> None:
        """Wait for a process no more: it is gone, and what it has not counted it finds on the disk when it is back."""
        with contextlib.suppress(KeyError, ValueError):
            self._selector.unregister(worker.line)
        worker.line.close()
        for number in list(self._open):
            self._counted(worker, number)

    def _reap(self) -> None:
        """Replace the processes that ended."""
        for slot, worker in list(self._workers.items()):
            code = worker.process.poll()
            if code is None:
                continue
            del self._workers[slot]
            self._forget(worker)
            if self._stopping:
                continue
            lived = time.monotonic() - worker.begun
            self._failures[slot] = 0 if lived > _STEADY_SECONDS else self._failures[slot] + 1
            if not self._was_up and self._failures[slot] >= _TRIES:
                raise StoreError("the server's processes do not start", hint="what they said stands above")
            pause = min(_PAUSE_FIRST * 2.0 ** (self._failures[slot] - 1), _PAUSE_MOST) if self._failures[slot] else 0.0
            self._due[slot] = time.monotonic() + pause
            _LOG.error("process %d ended (%d); another takes its place in %.1f s", worker.process.pid, code, pause)

    @contextlib.contextmanager
    def _signals(self) -> Iterator[None]:
        def stop(_number: int, _frame: object) -> None:
            self._stopping = True

        before = {one: signal.signal(one, stop) for one in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for one, handler in before.items():
                signal.signal(one, handler)

    def _end(self) -> None:
        """Let the processes answer what was asked, and end."""
        self._stopping = True
        self._listening.close()
        for one in self._workers.values():
            one.process.terminate()
        until = time.monotonic() + _DRAIN_SECONDS
        while self._workers and time.monotonic() < until:
            for message_of in self._selector.select(timeout=0.05):
                self._listen(message_of[0].data)
            self._reap()
        for one in self._workers.values():
            one.process.kill()
            one.process.wait()
            self._forget(one)
        self._selector.close()
        with contextlib.suppress(OSError):
            for path in (read_config(Path(self._terms.root)).store / BOARD).glob(f"{self._terms.group}-*"):
                path.unlink(missing_ok=True)

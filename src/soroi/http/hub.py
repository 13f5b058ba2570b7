"""What the processes of one server tell each other: rows that came in at one count in all before that is acknowledged.

Each process has a pair of sockets with the one that looks after them, which hands messages on. A message is a length
(32 bits, little-endian) and MessagePack.
"""

from __future__ import annotations

import contextlib
import logging
import socket
import struct
import threading
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

SHARE_SECONDS = 5.0
"""How long a process waits for the others to have counted rows. They are on the disk, and the others count them as
soon as they can, whether it waits or not."""

_LENGTH = struct.Struct("<I")
_LOG = logging.getLogger("soroi.http")


class Up(msgspec.Struct, tag="up", frozen=True):
    """A process takes requests."""


class Take(msgspec.Struct, tag="take", frozen=True):
    """Rows came in."""

    number: int
    """Number of the message, by which it is acknowledged."""

    source: str
    """Their source."""

    rows: list[Any]
    """The rows, as they were sent."""

    at: datetime
    """When."""


class Done(msgspec.Struct, tag="done", frozen=True):
    """They count: here (told by a process), or everywhere (told to it)."""

    number: int
    """Number of the message that is acknowledged."""


Message = Up | Take | Done


def packed(message: Message) -> bytes:
    """A message with its length."""
    body = msgspec.msgpack.encode(message)
    return _LENGTH.pack(len(body)) + body


class Reader:
    """Puts messages together from the bytes of a stream."""

    def __init__(self) -> None:
        self._held = bytearray()

    def feed(self, data: bytes) -> list[Message]:
        """The messages that are complete."""
        held = self._held
        held += data
        found: list[Message] = []
        while len(held) >= _LENGTH.size:
            end = _LENGTH.size + _LENGTH.unpack_from(held)[0]
            if len(held) < end:
                break
            found.append(msgspec.msgpack.decode(bytes(held[_LENGTH.size : end]), type=Message))
            del held[:end]
        return found


class Spoke:
    """A process's end of it.

    Args:
        connection: The socket.
        take: Counts rows of another process.
        orphaned: Called when the process that looks after this one is gone.
    """

    def __init__(self, connection: socket.socket, take: Callable[[Take], None], orphaned: Callable[[], None]) -> None:
        self._connection = connection
        self._take = take
        self._orphaned = orphaned
        self._sending = threading.Lock()
        self._waiting: dict[int, threading.Event] = {}
        self._number = 0
        self._thread = threading.Thread(target=self._run, name="soroi-hub", daemon=True)

    def start(self) -> None:
        """Begin to listen, in a thread of its own."""
        self._thread.start()

    def up(self) -> None:
        """Tell that this process takes requests."""
        self._send(Up())

    def share(self, source: str, rows: Sequence[Any], at: datetime) -> None:
        """Tell the others about rows, and wait until they count there, but for a limited time.

        Args:
            source: Their source.
            rows: The rows, as they were sent.
            at: When they came in.
        """
        done = threading.Event()
        with self._sending:
            self._number += 1
            number = self._number
        self._waiting[number] = done
        try:
            self._send(Take(number, source, list(rows), at))
            if not done.wait(SHARE_SECONDS):
                _LOG.error("the other processes have not counted rows of '%s' yet", source)
        except OSError:  # nobody is there any more
            return
        finally:
            self._waiting.pop(number, None)

    def _send(self, message: Message) -> None:
        with self._sending:
            self._connection.sendall(packed(message))

    def _run(self) -> None:
        reader = Reader()
        with contextlib.suppress(OSError):
            while data := self._connection.recv(1 << 16):
                for message in reader.feed(data):
                    self._heard(message)
        self._orphaned()

    def _heard(self, message: Message) -> None:
        if isinstance(message, Done):
            done = self._waiting.get(message.number)
            if done is not None:
                done.set()
        elif isinstance(message, Take):
            try:
                self._take(message)
            except Exception:  # they are on the disk; a process that starts anew finds them there
                _LOG.exception("rows of '%s' from another process do not count here", message.source)
            self._send(Done(message.number))

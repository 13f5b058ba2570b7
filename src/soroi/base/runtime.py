"""Clock and ids, injected so that tests own them."""

from __future__ import annotations

import getpass
import os
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """The time, aware, in UTC."""
        return datetime.now(UTC)


@dataclass
class ManualClock:
    """A clock that moves only when told to."""

    at: datetime = datetime(2026, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        """The time it was last set to."""
        return self.at

    def advance(self, span: timedelta) -> None:
        """Move forward by a span."""
        self.at += span


class Ids(Protocol):
    """Where fresh ids come from. Ids sort by time of making."""

    def new(self, prefix: str) -> str:
        """A fresh id, ``prefix_`` and 26 characters that sort by time."""
        ...


_ALPHABET = "0123456789abcdefghjkmnpqrstvwxyz"
_DIGIT_OF_BYTE = bytes(ord(_ALPHABET[byte % 32]) for byte in range(256))  # five random bits of each random byte


def _base32(number: int, length: int) -> str:
    digits = []
    for _ in range(length):
        number, rest = divmod(number, 32)
        digits.append(_ALPHABET[rest])
    return "".join(reversed(digits))


class RandomIds:
    """Ids of 48 bits of milliseconds and 80 random bits, in base 32, as ULIDs are."""

    def __init__(self) -> None:
        self._moment = (-1, "")

    def new(self, prefix: str) -> str:
        """A fresh id."""
        now = time.time_ns() // 1_000_000
        moment, text = self._moment
        if moment != now:
            text = _base32(now, 10)
            self._moment = (now, text)
        return f"{prefix}_{text}{os.urandom(16).translate(_DIGIT_OF_BYTE).decode()}"


@dataclass
class CountingIds:
    """Ids that count up, for tests."""

    count: int = 0

    def new(self, prefix: str) -> str:
        """The next id."""
        self.count += 1
        return f"{prefix}_{_base32(self.count, 26)}"


def actor_name() -> str:
    """Who acts: ``SOROI_ACTOR`` when set, else the name of the operating system's user."""
    named = os.environ.get("SOROI_ACTOR")
    if named:
        return named
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid:{os.getuid()}"


@dataclass(frozen=True)
class Runtime:
    """What the outside world gives: the time, fresh ids, and who is acting."""

    clock: Clock = field(default_factory=SystemClock)
    ids: Ids = field(default_factory=RandomIds)
    actor: str = field(default_factory=actor_name)
    scopes: tuple[str, ...] | None = None
    """What a token limits the actor to, such as ``release:production``; ``None``: no token limits them."""

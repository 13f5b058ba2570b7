"""Windows: named stretches of time, once or again and again, that conditions are about."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
"""Days of the week, in the order of ``datetime.weekday()``."""

_WEEKLY = re.compile(
    r"^(?:(?P<day>[a-z]{3})(?:[a-z]*)?(?:\s*-\s*(?P<last>[a-z]{3})[a-z]*)?\s*)?"
    r"(?:(?P<begin>\d{1,2}:\d{2})\s*-\s*(?P<end>\d{1,2}:\d{2}))?$"
)
_FORMS = "'fri 16:00-24:00', 'sat-sun' or '22:00-06:00' (UTC)"


@dataclass(frozen=True, slots=True)
class Window:
    """A named stretch of time, in UTC. The beginning is in it, the end is not."""

    name: str
    """Its name."""

    since: datetime | None = None
    """When it begins, aware; ``None``: it always began."""

    until: datetime | None = None
    """When it ends, aware; ``None``: it never ends."""

    every: str | None = None
    """Days and hours at which it comes again: ``fri 16:00-24:00``, ``sat-sun``, ``22:00-06:00``; ``None``: all the time
    between ``since`` and ``until``. Hours over midnight belong to the day on which they begin."""

    reason: str = ""
    """Why there is such a window, for people."""

    def __post_init__(self) -> None:
        if self.every is not None:
            _repeated(self.every)
        for moment in (self.since, self.until):
            if moment is not None and moment.tzinfo is None:
                raise ValueError(f"'{moment}' has no time zone; write 2026-12-20T00:00:00Z")
        if self.since is not None and self.until is not None and self.until <= self.since:
            raise ValueError(f"it ends at {self.until:%Y-%m-%d %H:%M}, before it begins")

    def covers(self, at: datetime) -> bool:
        """Whether a moment lies in it.

        Args:
            at: An aware time.
        """
        at = at.astimezone(UTC)
        if (self.since is not None and at < self.since) or (self.until is not None and at >= self.until):
            return False
        return self.every is None or _covers(_repeated(self.every), at)

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        body: dict[str, Any] = {"name": self.name}
        body |= {"from": self.since.isoformat()} if self.since else {}
        body |= {"until": self.until.isoformat()} if self.until else {}
        body |= {"every": self.every} if self.every else {}
        return body | ({"reason": self.reason} if self.reason else {})

    def __str__(self) -> str:
        parts = [self.every or ""]
        parts += [f"from {self.since:%Y-%m-%d %H:%M}"] if self.since else []
        parts += [f"until {self.until:%Y-%m-%d %H:%M}"] if self.until else []
        told = " ".join(part for part in parts if part) or "always"
        return f"'{self.name}' ({told} UTC)"


@dataclass(frozen=True, slots=True)
class _Repeated:
    days: frozenset[int]
    begin: int
    end: int


def _repeated(text: str) -> _Repeated:
    """Days of the week and minutes of the day.

    Raises:
        ValueError: The text is not of that form.
    """
    found = _WEEKLY.match(text.strip().lower())
    if found is None or not text.strip():
        raise ValueError(f"'{text}' is not a window that comes again; write {_FORMS}")
    first = _day(found["day"], text) if found["day"] else 0
    last = _day(found["last"], text) if found["last"] else first if found["day"] else 6
    days = {(first + step) % 7 for step in range((last - first) % 7 + 1)}
    begin = _minutes(found["begin"], text) if found["begin"] else 0
    end = _minutes(found["end"], text) if found["end"] else 24 * 60
    if begin == end:
        raise ValueError(f"'{text}' begins and ends at the same time")
    return _Repeated(frozenset(days), begin, end)


def _day(text: str, whole: str) -> int:
    if text not in DAYS:
        raise ValueError(f"'{text}' in '{whole}' is not a day; one of {', '.join(DAYS)}")
    return DAYS.index(text)


def _minutes(text: str, whole: str) -> int:
    hours, minutes = (int(part) for part in text.split(":"))
    if minutes > 59 or hours * 60 + minutes > 24 * 60:
        raise ValueError(f"'{text}' in '{whole}' is not a time of day")
    return hours * 60 + minutes


def _covers(one: _Repeated, at: datetime) -> bool:
    minute = at.hour * 60 + at.minute
    today, yesterday = at.weekday() in one.days, (at.weekday() - 1) % 7 in one.days
    if one.begin < one.end:
        return today and one.begin <= minute < one.end
    return (today and minute >= one.begin) or (yesterday and minute < one.end)

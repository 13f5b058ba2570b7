"""Conditions about time: in a window, outside one, or from a moment on."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from soroi.base.reason import Reason
from soroi.rules.condition import Combinable, Holding
from soroi.rules.facts import Facts, Known, as_facts


@dataclass(frozen=True, slots=True)
class During(Combinable):
    """Holds inside a named window."""

    window: str
    """Name of the window, of ``[windows]`` in ``soroi.toml``."""

    def evaluate(self, known: Known) -> Holding:
        """Whether it is now. A window that nobody declared does not hold."""
        return _in_window(as_facts(known), self.window, inside=True)

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"during": self.window}


@dataclass(frozen=True, slots=True)
class NotDuring(Combinable):
    """Holds outside a named window."""

    window: str
    """Name of the window, of ``[windows]`` in ``soroi.toml``."""

    def evaluate(self, known: Known) -> Holding:
        """Whether it is not now. A window that nobody declared does not hold either: a freeze with a slip of the pen in
        its name must not open the door."""
        return _in_window(as_facts(known), self.window, inside=False)

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"not_during": self.window}


@dataclass(frozen=True, slots=True)
class Since(Combinable):
    """Holds from a moment on."""

    at: str
    """The moment, as ISO text in UTC."""

    def evaluate(self, known: Known) -> Holding:
        """Whether it has come."""
        now, moment = as_facts(known).now, datetime.fromisoformat(self.at)
        told = f"{moment:%Y-%m-%d %H:%M} UTC"
        if now is None:
            return Holding(False, Reason("missing", f"the time is not known, and nothing may happen before {told}"))
        holds = now >= moment
        return Holding(holds, Reason("time", f"it is after {told}" if holds else f"not before {told}"))

    def to_dict(self) -> dict[str, Any]:
        """What the condition is."""
        return {"since": self.at}


def during(window: str) -> During:
    """Holds inside a named window.

    Args:
        window: Name of a window of ``[windows]`` in ``soroi.toml``.
    """
    return During(window)


def not_during(window: str) -> NotDuring:
    """Holds outside a named window, such as a freeze.

    Args:
        window: Name of a window of ``[windows]`` in ``soroi.toml``.
    """
    return NotDuring(window)


def since(at: datetime | str) -> Since:
    """Holds from a moment on.

    Args:
        at: The moment: aware, or ISO text; text without a time zone is UTC.

    Raises:
        ValueError: The text is no time, or the time has no zone.
    """
    if isinstance(at, str):
        read = datetime.fromisoformat(at)
        at = read if read.tzinfo else read.replace(tzinfo=UTC)
    if at.tzinfo is None:
        raise ValueError(f"'{at}' has no time zone")
    return Since(at.astimezone(UTC).isoformat())


def _in_window(facts: Facts, name: str, *, inside: bool) -> Holding:
    window = facts.windows.get(name)
    if window is None:
        return Holding(
            False, Reason("missing", f"no window is called '{name}': add [windows.{name}] to soroi.toml", name)
        )
    if facts.now is None:
        return Holding(False, Reason("missing", f"the time is not known, and {window} asks for it", name))
    covered = window.covers(facts.now)
    where = "it is in" if covered else "it is outside"
    why = f": {window.reason}" if window.reason and covered else ""
    return Holding(covered == inside, Reason("time", f"{where} the window {window}{why}", name))

"""``[retention]`` in ``soroi.toml``: how long what nobody uses any more is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import timedelta
from pathlib import Path
from typing import Any

from soroi.base.duration import duration
from soroi.base.errors import ConfigError

_YEAR = timedelta(days=365)


@dataclass(frozen=True, slots=True)
class Retention:
    """What collecting keeps although no head, pick, run, rollout or hold needs it."""

    history: timedelta = timedelta(days=90)
    """Manifests that were live in this span stay, so that one can go back to them; so do logs of builds."""

    manifests: int = 10
    """The last so many manifests of each environment stay, however long ago. At least 1."""

    candidates: timedelta = timedelta(days=30)
    """Versions built or reused in this span stay, though nobody staged them."""

    answers: timedelta = _YEAR
    """Answers are kept for so long, and with them the manifests that gave them."""

    runs: timedelta = timedelta(days=7)
    """A run that is open for longer is taken for dead."""

    grace: timedelta = timedelta(days=1)
    """What was written in this span stays, whether or not anything names it yet."""

    def to_dict(self) -> dict[str, Any]:
        """Plain data: spans in seconds."""
        held = {one.name: getattr(self, one.name) for one in fields(self)}
        return {name: one.total_seconds() if isinstance(one, timedelta) else one for name, one in held.items()}

    @classmethod
    def from_dict(cls, body: Mapping[str, Any]) -> Retention:
        """Read what :meth:`to_dict` wrote. Entries that are not there have their defaults."""
        known = {one.name for one in fields(cls)} & body.keys()
        read: dict[str, Any] = {
            name: int(body[name]) if name == "manifests" else timedelta(seconds=body[name]) for name in known
        }
        return cls(**read)


ENTRIES = {one.name for one in fields(Retention)}
"""Entries of the section."""


def read_retention(section: Mapping[str, Any], path: Path) -> Retention:
    """Read and check the section.

    Args:
        section: The section as it was parsed; its entries are known ones.
        path: The file, for messages.

    Raises:
        ConfigError: An entry is not a span (``"90d"``, ``"1y"``), or ``manifests`` not a positive whole number.
    """
    known: dict[str, Any] = {}
    for entry, value in section.items():
        if entry == "manifests":
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ConfigError(
                    f"retention.manifests = {value!r} is not a positive whole number",
                    hint="how many manifests of each environment stay; at least the live one",
                    where=str(path),
                )
            known[entry] = value
        else:
            known[entry] = _span(entry, value, path)
    return Retention(**known)


def read_cost(section: Mapping[str, Any], path: Path) -> float | None:
    """Read and check ``cost_per_hour`` of the section on building.

    Raises:
        ConfigError: It is not a number that is at least 0.
    """
    value = section.get("cost_per_hour")
    if value is not None and (not isinstance(value, int | float) or isinstance(value, bool) or not value >= 0):
        hint = "what an hour of building costs, such as 0.40"
        raise ConfigError(f"build.cost_per_hour = {value!r} is not a number", hint=hint, where=str(path))
    return None if value is None else float(value)


def span(text: str | timedelta) -> timedelta:
    """A span as people write it: as for :func:`soroi.base.duration.duration`, and whole years (``1y``: 365 days).

    Raises:
        ValueError: The text is not of that form.
    """
    if isinstance(text, str) and text.strip().endswith("y") and text.strip()[:-1].isdigit():
        return int(text.strip()[:-1]) * _YEAR
    return duration(text)


def _span(entry: str, value: Any, path: Path) -> timedelta:
    try:
        return span(value if isinstance(value, str) else str(value))
    except (ValueError, OverflowError):
        hint = 'a number and h, d, w or y, in quotes: history = "90d"'
        raise ConfigError(f"retention.{entry} = {value!r} is not a span of time", hint=hint, where=str(path)) from None

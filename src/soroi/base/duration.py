"""Durations as people write them: ``50ms``, ``3h``, ``7d``."""

from __future__ import annotations

import re
from datetime import timedelta

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
_FORM = re.compile(r"^\s*(\d+(?:\.\d+)?)\s*(ms|s|min|m|h|d|w)\s*$")


def duration(text: str | timedelta) -> timedelta:
    """Read a duration.

    Args:
        text: A number and a unit (``ms``, ``s``, ``m`` or ``min``, ``h``, ``d``, ``w``), or a timedelta as it is.

    Raises:
        ValueError: The text is not of that form.
    """
    if isinstance(text, timedelta):
        return text
    match = _FORM.match(text)
    if match is None:
        raise ValueError(f"'{text}' is not a duration; write a number and a unit, such as '50ms', '3h' or '7d'")
    return timedelta(seconds=float(match[1]) * _UNITS[match[2]])


def brief(span: timedelta | float) -> str:
    """A duration in its largest fitting unit, for people: ``1.5 h``, ``230 ms``."""
    seconds = span.total_seconds() if isinstance(span, timedelta) else float(span)
    for unit, size in (("d", 86400.0), ("h", 3600.0), ("min", 60.0), ("s", 1.0)):
        if abs(seconds) >= size:
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds * 1000:.3g} ms"

"""Figures as words: with their intervals, always."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def figure(one: Mapping[str, Any], digits: int = 3) -> str:
    """An estimate with its interval: ``0.712 [0.701, 0.723]``."""
    if one.get("value") is None:
        return "undefined"
    return f"{one['value']:.{digits}f} [{one['low']:.{digits}f}, {one['high']:.{digits}f}]"


def share(one: Mapping[str, Any]) -> str:
    """A share with its interval, in percent: ``26.5 % [24.8, 28.4]``."""
    if one.get("value") is None:
        return "undefined"
    return f"{100 * one['value']:.1f} % [{100 * one['low']:.1f}, {100 * one['high']:.1f}]"


def points(one: Mapping[str, Any]) -> str:
    """A difference of shares with its interval, in percentage points: ``+3.1 [+1.2, +5.0]``."""
    return f"{100 * one['value']:+.1f} [{100 * one['low']:+.1f}, {100 * one['high']:+.1f}]"


def difference(one: Mapping[str, Any]) -> str:
    """A difference with its interval: ``-0.028 [-0.041, -0.012]``."""
    return f"{one['value']:+.3f} [{one['low']:+.3f}, {one['high']:+.3f}]"

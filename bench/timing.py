"""Operations repeated and timed, for figures with a median and a worst case. Imports nothing but Python."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Often:
    """How often an operation is repeated."""

    times: int
    """How many calls, at most."""

    least: int = 20
    """How many calls however long they take."""

    enough: float = 15.0
    """Seconds in all, after which no more calls are made than the least."""

    warm: int = 3
    """Calls, the first, that are not counted."""


def timed(call: Callable[[Any], Any], draw: Callable[[], Any], times: int) -> dict[str, float]:
    """Call many times; gives what :func:`figures` gives.

    Args:
        call: What is timed.
        draw: Makes what it is called with, each time before it; not timed.
        times: How many calls, at least ten. Fewer when they are slow.
    """
    return figures(taken(call, draw, Often(times)))


def taken(call: Callable[[Any], Any], draw: Callable[[], Any], often: Often) -> list[float]:
    """Seconds that each call took. Arguments: see :func:`timed`.

    Args:
        call: What is timed.
        draw: Makes what it is called with.
        often: How often.
    """
    found: list[float] = []
    for count in range(often.times):
        if count >= often.least and sum(found) > often.enough:
            break
        given = draw()
        began = time.perf_counter()
        call(given)
        found.append(time.perf_counter() - began)
    return found[often.warm :]


def figures(seconds: Sequence[float]) -> dict[str, float]:
    """Median, 99th percentile and worst time in seconds, and how many were counted."""
    ordered = sorted(seconds)
    last = len(ordered) - 1
    return {"p50": ordered[last // 2], "p99": ordered[round(0.99 * last)], "most": ordered[last], "n": float(last + 1)}

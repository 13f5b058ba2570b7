"""Operations repeated and timed, for figures with a median and a worst case. Imports nothing but Python."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

WARM = 3
"""Calls that are not counted."""

LEAST, ENOUGH = 20, 15.0
"""Calls after which an operation is repeated no longer than so many seconds in all."""


def timed(call: Callable[[Any], Any], draw: Callable[[], Any], times: int) -> dict[str, float]:
    """Call many times; gives median, 99th percentile and worst time in seconds, and how many were counted.

    Args:
        call: What is timed.
        draw: Makes what it is called with, each time before it; not timed.
        times: How many calls, at least ten; the first few are not counted. Fewer when they are slow.
    """
    taken: list[float] = []
    for count in range(times):
        if count >= LEAST and sum(taken) > ENOUGH:
            break
        given = draw()
        began = time.perf_counter()
        call(given)
        taken.append(time.perf_counter() - began)
    ordered = sorted(taken[WARM:])
    last = len(ordered) - 1
    return {"p50": ordered[last // 2], "p99": ordered[round(0.99 * last)], "most": ordered[last], "n": float(last + 1)}

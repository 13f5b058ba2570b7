"""Tests of what happens in real time, on machines that stall now and then."""

from __future__ import annotations

from collections.abc import Callable


def patiently(attempt: Callable[[], None], times: int = 5) -> None:
    """Call an attempt until it passes.

    A machine that stalls for a moment can spoil one attempt; a fault of ours spoils all of them.

    Args:
        attempt: Asserts something that takes real time; can be called again.
        times: How many attempts there are; the last one's error counts.
    """
    for _ in range(times - 1):
        try:
            attempt()
        except AssertionError:
            continue
        return
    attempt()

"""What is made of a sum: functions of one number, the same code for one row and for many."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Sequence

from soroi.scoring.program import Link

Function = Callable[[float], float]
"""Takes a number that is not NaN, gives one."""


def function_of(links: Sequence[Link]) -> Function:
    """The links one after the other; the identity when there are none."""
    functions = [_function(link) for link in links]
    if not functions:
        return _same
    if len(functions) == 1:
        return functions[0]
    return _chain(functions)


def logistic(x: float) -> float:
    """``1 / (1 + exp(-x))`` without overflow."""
    if x >= 0:
        return 1.0 / (1.0 + math.exp(-x))
    grown = math.exp(x)
    return grown / (1.0 + grown)


def _same(x: float) -> float:
    return x


def _chain(functions: Sequence[Function]) -> Function:
    def chained(x: float) -> float:
        for function in functions:
            x = function(x)
        return x

    return chained


def _function(link: Link) -> Function:
    a, b = link.a, link.b
    if link.kind == "logistic":
        return logistic if (a, b) == (1.0, 0.0) else lambda x: logistic(a * x + b)
    if link.kind == "exp":
        return _exp
    if link.kind == "divide":
        return lambda x: x / a
    if link.kind == "huber":
        return lambda x: (min(max(x, -1.0), 1.0) + 1.0) / 2.0
    if link.kind == "signed_square":
        return lambda x: x * abs(x)
    assert link.kind == "isotonic"
    return _interpolated(tuple(link.xs), tuple(link.ys))


def _exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def _interpolated(xs: Sequence[float], ys: Sequence[float]) -> Function:
    def interpolated(x: float) -> float:
        if not x > xs[0]:
            return ys[0]
        if x >= xs[-1]:
            return ys[-1]
        right = bisect_right(xs, x)
        left = right - 1
        slope = (ys[right] - ys[left]) / (xs[right] - xs[left])
        return slope * (x - xs[left]) + ys[left]

    return interpolated

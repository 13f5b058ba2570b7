"""Tables for people, and how figures grow."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table: the first column to the left, the others to the right."""
    widths = [max(len(row[place]) for row in [head, *rows]) for place in range(len(head))]
    print(f"\n{title}")
    for row in [head, ["-" * width for width in widths], *rows]:
        cells = [one.ljust(w) if i == 0 else one.rjust(w) for i, (one, w) in enumerate(zip(row, widths, strict=True))]
        print("  " + "  ".join(cells).rstrip(), flush=True)


def seconds(value: float) -> str:
    """Seconds with three digits that mean something."""
    return f"{value:.3f}" if value < 10 else f"{value:,.1f}"


def per_node(value: float, nodes: int) -> str:
    """Microseconds for each node."""
    return f"{1e6 * value / nodes:,.0f}"


@dataclass(frozen=True)
class Fit:
    """How a figure grows with the number of nodes."""

    exponent: float
    """Slope of the logarithms: 1 is linear, 2 quadratic; below 1 while a fixed cost weighs."""

    fixed: float
    """What the straight line says for no nodes, in the figure's unit."""

    slope: float
    """What the straight line adds for each node."""

    worst: float
    """The largest difference from the straight line, as a share of what was measured."""


def fit(nodes: Sequence[int], values: Sequence[float]) -> Fit:
    """Fit a power and a straight line by least squares; for the line, of relative differences.

    Args:
        nodes: Numbers of nodes, two or more different ones.
        values: What was measured at each.
    """
    exponent, _ = _line([math.log(one) for one in nodes], [math.log(one) for one in values], lambda _: 1.0)
    slope, fixed = _line([float(one) for one in nodes], values, lambda value: 1.0 / value**2)
    worst = max(abs(fixed + slope * n - value) / value for n, value in zip(nodes, values, strict=True))
    return Fit(exponent, fixed, slope, worst)


def _line(places: Sequence[float], values: Sequence[float], weight: Callable[[float], float]) -> tuple[float, float]:
    weights = [weight(value) for value in values]
    whole = sum(weights)
    x = sum(w * one for w, one in zip(weights, places, strict=True)) / whole
    y = sum(w * one for w, one in zip(weights, values, strict=True)) / whole
    above = sum(w * (p - x) * (v - y) for w, p, v in zip(weights, places, values, strict=True))
    slope = above / sum(w * (p - x) ** 2 for w, p in zip(weights, places, strict=True))
    return slope, y - slope * x

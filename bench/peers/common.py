"""What the scripts of the peers share. Only the standard library: it runs in their environments."""

from __future__ import annotations

import argparse
import json
import resource
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

REPEATS = 3


def arguments(what: str) -> argparse.Namespace:
    """The options that every script takes: ``nodes``, ``versions`` (of each node) and ``work``."""
    parser = argparse.ArgumentParser(description=what)
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--versions", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    return parser.parse_args()


def timed(call: Callable[[], Any]) -> tuple[list[float], Any]:
    """Wall and CPU seconds of a call, and what it gave."""
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    return [time.perf_counter() - wall, time.process_time() - cpu], found


def repeated(call: Callable[[], Any], limit: float = 60.0) -> list[float]:
    """Median wall and CPU seconds; one call when it takes longer than a third of ``limit``."""
    took: list[list[float]] = []
    while len(took) < REPEATS and sum(wall for wall, _ in took) < limit / 3:
        took.append(timed(call)[0])
    return [statistics.median(one[place] for one in took) for place in (0, 1)]


def report(**figures: Any) -> None:
    """Print the figures as the last line, for the runner."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
    print("\nRESULT " + json.dumps({"rss": peak, **figures}), flush=True)


def shape(nodes: int) -> list[list[int]]:
    """For each node, the places of its producers: the proportions and the fan-in of bench/company.py.

    Of every 100 nodes 5 are sources, 25 features on two sources, 20 datasets on three features and a source, 25
    models on a dataset, 15 thresholds on a model and 10 decisions on one or two thresholds.
    """
    found: list[list[int]] = []
    for place in range(nodes):
        area, index = divmod(place, 100)
        base, parent = area * 100, area // 10 * 100
        if index < 5:
            found.append([])
        elif index < 30:
            other = parent if index % 6 == 5 else base + (index + 1) % 5
            found.append(sorted({base + index % 5, other}))
        elif index < 50:
            found.append(sorted({*(base + 5 + (index + step) % 25 for step in (0, 3, 6)), base + index % 5}))
        elif index < 75:
            scores = [parent + 50] if index == 70 and area else []
            found.append([base + 30 + (index - 50) % 20, *scores])
        elif index < 90:
            found.append([base + 50 + (index - 75) + 10])
        else:
            extra = [base + 75 + (index - 90) + 5] if index % 2 else []
            found.append([base + 75 + (index - 90), *extra])
    return found

"""What the scripts of the peers share. Only the standard library: it runs in their environments."""

from __future__ import annotations

import argparse
import json
import resource
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

REPEATS, ENOUGH = 5, 20.0
"""How often a question is asked; no more once that took so many seconds."""


@dataclass(frozen=True)
class Task:
    """What a script is to do."""

    step: str
    """``fill`` or ``ask``, in processes of their own."""

    nodes: int
    """Number of nodes."""

    versions: int
    """Number of versions of each node."""

    work: Path
    """Folder that both steps share."""

    began: float
    """When the process was started, in seconds since 1970."""


def read_task() -> Task:
    """The task that the command line gives."""
    parser = argparse.ArgumentParser()
    parser.add_argument("step", choices=["fill", "ask"])
    parser.add_argument("--nodes", type=int, required=True)
    parser.add_argument("--versions", type=int, required=True)
    parser.add_argument("--work", type=Path, required=True)
    parser.add_argument("--began", type=float, required=True)
    given = parser.parse_args()
    return Task(given.step, given.nodes, given.versions, given.work, given.began)


@dataclass
class Report:
    """What a peer took, figure by figure."""

    tool: str
    """Version of the tool."""

    versions: int
    """How many versions it had recorded."""

    figures: list[dict[str, Any]] = field(default_factory=list)

    def new_process(self, what: str, beside: str, began: float) -> None:
        """What a new process took until now, the start of Python and importing the tool included.

        Args:
            what: What it did.
            beside: The question to soroi that it stands beside.
            began: When the process was started.
        """
        wall = time.time() - began
        self._add(what, beside, {"wall": wall, "best": wall, "cpu": time.process_time(), "repeats": 1.0})

    def once(self, what: str, beside: str, call: Callable[[], Any]) -> Any:
        """Measure one call; gives what it gave."""
        took, found = _measured(call)
        self._add(what, beside, {**took, "best": took["wall"], "repeats": 1.0})
        return found

    def repeated(self, what: str, beside: str, call: Callable[[], Any]) -> None:
        """Measure a call several times; fewer when it is slow."""
        took: list[dict[str, float]] = []
        while len(took) < REPEATS and sum(one["wall"] for one in took) < ENOUGH:
            took.append(_measured(call)[0])
        found = {key: median(one[key] for one in took) for key in took[0]}
        self._add(what, beside, {**found, "best": min(one["wall"] for one in took), "repeats": float(len(took))})

    def print(self) -> None:
        """Print the figures as the last line, for the runner."""
        data = {"tool": self.tool, "versions": self.versions, "figures": self.figures}
        print("\nRESULT " + json.dumps(data), flush=True)

    def _add(self, what: str, beside: str, took: dict[str, float]) -> None:
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024.0
        self.figures.append({"what": what, "beside": beside, **took, "rss": peak})
        print(f"{what}: {took['wall']:.3f} s", flush=True)


def _measured(call: Callable[[], Any]) -> tuple[dict[str, float], Any]:
    wall, cpu = time.perf_counter(), time.process_time()
    found = call()
    return {"wall": time.perf_counter() - wall, "cpu": time.process_time() - cpu}, found


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

"""The world of the demo: flights in the order of their departures, and what became known in between."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

import polars as pl

if TYPE_CHECKING:
    from soroi.declare.graph import Graph

EVERY = timedelta(minutes=30)
"""Flights that depart within so long are asked about together. It changes no answer, only the number of requests:
features look at what was known before each flight's own moment."""

MOMENTS = {"arrivals": "arrived_at", "weather": "observed_at"}
"""What is told while serving, and when a row of it becomes known."""


@dataclass(frozen=True)
class Tick:
    """The flights of :data:`EVERY`, and what became known until the last of them."""

    flights: list[dict[str, Any]]
    """Rows of ``flights``."""

    known: dict[str, list[dict[str, Any]]]
    """Rows of each source in :data:`MOMENTS` that became known since the tick before."""


class World:
    """What happened in 2013, as the sources of the project tell it.

    Args:
        graph: The declarations of the project.
    """

    def __init__(self, graph: Graph) -> None:
        self.flights = _read(graph, "flights")
        self.arrivals = _read(graph, "arrivals")
        self._told = {
            "arrivals": self.arrivals.sort("arrived_at", "flight_id"),
            "weather": _read(graph, "weather").sort("observed_at", "airport"),
        }

    def table(self, source: str) -> pl.DataFrame:
        """All rows of a source in :data:`MOMENTS`, in the order in which they became known."""
        return self._told[source]

    def ticks(self, start: datetime, end: datetime, *, known_from: datetime | None = None) -> Iterator[Tick]:
        """The ticks of a span, in order of time.

        Args:
            start: Flights that depart from here on.
            end: Flights that depart before.
            known_from: What became known from here on is told; default: from the start on.
        """
        spine = between(self.flights, "scheduled_departure", start, end).sort("scheduled_departure", "flight_id")
        rows = {
            source: between(table, MOMENTS[source], known_from or start, end).to_dicts()
            for source, table in self._told.items()
        }
        places = dict.fromkeys(rows, 0)
        window = pl.col("scheduled_departure").dt.truncate(EVERY).alias("_tick")
        for _, group in spine.group_by(window, maintain_order=True):
            last = group["scheduled_departure"].max()
            known: dict[str, list[dict[str, Any]]] = {}
            for source, told in rows.items():
                begin = places[source]
                while places[source] < len(told) and told[places[source]][MOMENTS[source]] < last:
                    places[source] += 1
                known[source] = told[begin : places[source]]
            yield Tick(group.to_dicts(), known)


def between(table: pl.DataFrame, column: str, start: datetime, end: datetime) -> pl.DataFrame:
    """The rows whose time is at or after the start, and before the end."""
    return table.filter((pl.col(column) >= start) & (pl.col(column) < end))


def _read(graph: Graph, source: str) -> pl.DataFrame:
    function = graph[source].function
    assert function is not None
    found = function()
    collected = found.collect() if isinstance(found, pl.LazyFrame) else found
    assert isinstance(collected, pl.DataFrame)
    return collected

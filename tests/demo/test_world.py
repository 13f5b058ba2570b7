from __future__ import annotations

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace
from typing import Any

import polars as pl
import pytest

from soroi.demo.world import MOMENTS, World

START = datetime(2013, 3, 1, 5, tzinfo=UTC)


def at(minutes: int) -> datetime:
    return START + timedelta(minutes=minutes)


@pytest.fixture
def world() -> World:
    flights = [0, 9, 29, 30, 95]
    tables = {
        "flights": {"flight_id": [f"F{m}" for m in flights], "scheduled_departure": [at(m) for m in flights]},
        "arrivals": {"flight_id": ["A", "B", "C"], "arrived_at": [at(-10), at(29), at(31)]},
        "weather": {"airport": ["EWR", "JFK"], "observed_at": [at(0), at(60)]},
    }
    graph: Any = {name: SimpleNamespace(function=lambda rows=rows: pl.LazyFrame(rows)) for name, rows in tables.items()}
    return World(graph)


def test_every_flight_of_the_span_comes_once_in_order(world: World) -> None:
    ticks = list(world.ticks(at(0), at(90)))
    assert [[row["flight_id"] for row in tick.flights] for tick in ticks] == [["F0", "F9", "F29"], ["F30"]]


def test_what_is_told_was_known_before_the_last_flight_of_the_tick(world: World) -> None:
    for tick in world.ticks(at(-60), at(120)):
        last = max(row["scheduled_departure"] for row in tick.flights)
        for source, rows in tick.known.items():
            assert all(row[MOMENTS[source]] < last for row in rows)


def test_each_row_is_told_once_as_soon_as_a_flight_may_need_it(world: World) -> None:
    told = [row["flight_id"] for tick in world.ticks(at(-60), at(120)) for row in tick.known["arrivals"]]
    assert told == ["A", "B", "C"]
    first = next(world.ticks(at(0), at(120), known_from=at(-60)))
    assert [row["flight_id"] for row in first.known["arrivals"]] == ["A"]


def test_what_was_known_before_the_span_is_not_told_again(world: World) -> None:
    told = [row["flight_id"] for tick in world.ticks(at(0), at(120)) for row in tick.known["arrivals"]]
    assert told == ["B", "C"]

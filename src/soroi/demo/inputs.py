"""Which inputs moved: the features of March against those that the models were trained on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import polars as pl

from soroi.demo.measure import moved
from soroi.demo.world import between

if TYPE_CHECKING:
    from soroi.demo.world import World
    from soroi.project import Project

CONTEXTS = {"conditions": "weather", "recent": "arrivals"}
"""The features that depend on the day, each with what it looks at."""


def moved_inputs(
    project: Project, world: World, picks: Mapping[str, str], days: Sequence[datetime]
) -> list[dict[str, Any]]:
    """The inputs that moved; see :func:`soroi.demo.measure.moved`.

    The features of March come from the very functions that serve; those before from what the release rests on.

    Args:
        project: The project.
        world: What happened.
        picks: The versions of the release, by node.
        days: Midnights of the days to compare with.
    """
    spine = world.flights.select("flight_id", day=pl.col("scheduled_departure").dt.truncate("1d"))
    befores, afters, columns = [], [], []
    with project.store.catalogue.read() as tx:
        tables = {name: tx.versions.get(picks[name]).outputs["table"] for name in CONTEXTS}
    for name, context in CONTEXTS.items():
        trained = project.store.tables.read(tables[name])
        served = _served(project, world, name, context, days)
        numeric = [column for column, dtype in trained.schema.items() if dtype.is_numeric()]
        befores.append(trained.select("flight_id", *numeric))
        afters.append(served.select("flight_id", *numeric))
        columns += numeric
    before = spine.join(befores[0], on="flight_id").join(befores[1], on="flight_id")
    after = spine.join(afters[0], on="flight_id").join(afters[1], on="flight_id")
    return moved(before, after.filter(pl.col("day").is_in(list(days))), columns)


def _served(project: Project, world: World, name: str, context: str, days: Sequence[datetime]) -> pl.DataFrame:
    flights = between(world.flights, "scheduled_departure", days[0], days[-1].replace(hour=23, minute=59))
    function = project.code.graph[name].function
    assert function is not None
    made = function(flights.lazy(), world.table(context).lazy())
    collected = made.collect()
    assert isinstance(collected, pl.DataFrame)
    return collected

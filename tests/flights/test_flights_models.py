from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

from soroi.frames.training import TrainingView, training

pytestmark = pytest.mark.flights

AS_OF = datetime(2013, 2, 1, tzinfo=UTC)


@pytest.fixture(scope="module")
def tables(
    project: ModuleType, flights: pl.DataFrame, arrivals: pl.DataFrame, weather: pl.DataFrame
) -> dict[str, pl.DataFrame]:
    """The three training tables of January, by what was known at its end."""
    booked_by_then = flights.lazy().filter(pl.col("scheduled_departure") < AS_OF)
    arrived = arrivals.lazy().filter(pl.col("arrived_at") < AS_OF)
    schedule = project.schedule(booked_by_then, project.planes(), project.airlines())
    conditions = project.conditions(booked_by_then, weather.lazy())
    recent = project.recent(booked_by_then, arrived)
    return {
        "booked": project.booked(schedule, arrived).collect(),
        "examples": project.examples(schedule, conditions, recent, arrived).collect(),
        "journeys": project.journeys(schedule, conditions, recent, arrived).collect(),
    }


def test_datasets_have_one_row_for_each_arrival_and_one_target(
    tables: dict[str, pl.DataFrame], arrivals: pl.DataFrame
) -> None:
    known = arrivals.filter(pl.col("arrived_at") < AS_OF).height
    for name, target, other in (
        ("booked", "late", "missed"),
        ("examples", "late", "missed"),
        ("journeys", "missed", "late"),
    ):
        assert tables[name].height == known
        assert tables[name]["flight_id"].is_unique().all()
        assert tables[name][target].null_count() == 0
        assert other not in tables[name].columns
        assert "arrival_delay" not in tables[name].columns


@pytest.mark.parametrize(("name", "table", "target"), [("quick", "booked", "late"), ("careful", "examples", "late")])
def test_models_learn_something_and_the_same_each_time(
    project: ModuleType, tables: dict[str, pl.DataFrame], name: str, table: str, target: str
) -> None:
    rows = tables[table].sort("scheduled_departure", "flight_id")
    train, test = rows.head(18_000), rows.tail(-18_000)
    scores = [scored(fitted(getattr(project, name), train, "late"), test) for _ in range(2)]
    assert (scores[0] == scores[1]).all()
    late = test["late"].to_numpy()
    assert scores[0][late].mean() > scores[0][~late].mean() + 0.03


def test_connection_takes_the_score_of_careful(project: ModuleType, tables: dict[str, pl.DataFrame]) -> None:
    rows = (
        tables["journeys"]
        .sort("scheduled_departure", "flight_id")
        .with_columns(careful=pl.when("missed").then(0.6).otherwise(0.2) + pl.col("hour") / 1000)
    )
    model = fitted(project.connection, rows.head(10_000), "missed")
    later = rows.tail(5_000)
    likely = scored(model, later.with_columns(careful=pl.lit(0.6)))
    unlikely = scored(model, later.with_columns(careful=pl.lit(0.2)))
    assert (likely > unlikely).all()


def test_models_score_rows_with_nulls_and_values_never_seen(
    project: ModuleType, tables: dict[str, pl.DataFrame]
) -> None:
    odd = {
        "origin": "XXX",
        "dest": "XXX",
        "airline": "unknown",
        "seats": None,
        "plane_age": None,
        "visibility": None,
    }
    for name, table in (("quick", "booked"), ("careful", "examples")):
        rows = tables[table]
        model = fitted(getattr(project, name), rows.head(5_000), "late")
        known = {column: value for column, value in odd.items() if column in rows.columns}
        strange = rows.tail(3).with_columns(
            pl.lit(value, rows.schema[name]).alias(name) for name, value in known.items()
        )
        assert np.isfinite(scored(model, strange)).all()


def inputs(rows: pl.DataFrame) -> list[str]:
    return [name for name in rows.columns if name not in ("flight_id", "scheduled_departure", "late", "missed")]


def fitted(function: Callable[[pl.DataFrame], Any], rows: pl.DataFrame, target: str) -> Any:
    """What the model's function makes of the rows, told the inputs and the target as a build tells them."""
    with threadpool_limits(1), training(TrainingView(tuple(inputs(rows)), target)):  # one core is always there
        return function(rows)


def scored(model: Any, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    return np.asarray(model.predict_proba(rows.select(inputs(rows)))[:, 1], dtype=np.float64)

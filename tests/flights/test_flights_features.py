from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from types import ModuleType

import polars as pl
import pytest
from polars.testing import assert_frame_equal

pytestmark = pytest.mark.flights

SINCE, UNTIL = datetime(2013, 2, 15, tzinfo=UTC), datetime(2013, 3, 15, tzinfo=UTC)
Features = Callable[..., pl.LazyFrame]


def between(table: pl.DataFrame, column: str, low: datetime, high: datetime) -> pl.DataFrame:
    return table.filter(pl.col(column) >= low, pl.col(column) < high)


def sampled(flights: pl.DataFrame, count: int = 150) -> pl.DataFrame:
    """Flights spread over four weeks with a change of the clocks, and all departures of an hour without weather."""
    weeks = between(flights, "scheduled_departure", SINCE, UNTIL)
    outage = between(
        flights, "scheduled_departure", datetime(2013, 2, 20, 19, tzinfo=UTC), datetime(2013, 2, 20, 21, tzinfo=UTC)
    ).filter(pl.col("origin") == "EWR")
    return pl.concat([weeks.sample(count, seed=1), outage]).unique("flight_id", maintain_order=True)


def past(table: pl.DataFrame, column: str, moment: datetime, span: timedelta) -> pl.LazyFrame:
    return between(table, column, moment - span, moment).lazy()


def test_conditions_of_one_flight_alone_are_those_of_the_whole_table(
    project: ModuleType, flights: pl.DataFrame, weather: pl.DataFrame
) -> None:
    whole = project.conditions(flights.lazy(), weather.lazy()).collect()
    for place, flight in enumerate(one_by_one(sampled(flights))):
        moment = flight["scheduled_departure"].item()
        context = past(weather.sample(fraction=1, shuffle=True, seed=place), "observed_at", moment, timedelta(hours=6))
        alone = project.conditions(flight.lazy(), context).collect()
        same = whole.filter(pl.col("flight_id") == flight["flight_id"].item())
        assert_frame_equal(alone, same, check_exact=True)


def test_recent_of_one_flight_alone_is_that_of_the_whole_table(
    project: ModuleType, flights: pl.DataFrame, arrivals: pl.DataFrame
) -> None:
    whole = project.recent(flights.lazy(), arrivals.lazy()).collect()
    near = between(arrivals, "arrived_at", SINCE - timedelta(days=1), UNTIL)
    for place, flight in enumerate(one_by_one(sampled(flights))):
        moment = flight["scheduled_departure"].item()
        mixed = near.sample(fraction=1, shuffle=True, seed=place)
        context = past(mixed, "arrived_at", moment, timedelta(hours=3))
        alone = project.recent(flight.lazy(), context).collect()
        same = whole.filter(pl.col("flight_id") == flight["flight_id"].item())
        assert_frame_equal(alone, same, check_exact=True)


def test_schedule_of_one_flight_alone_is_that_of_the_table(project: ModuleType, flights: pl.DataFrame) -> None:
    context = project.planes(), project.airlines()
    whole = project.schedule(flights.lazy(), *context).collect()
    for flight in one_by_one(sampled(flights)):
        alone = project.schedule(flight.lazy(), *context).collect()
        assert_frame_equal(alone, whole.filter(pl.col("flight_id") == flight["flight_id"].item()), check_exact=True)


def one_by_one(flights: pl.DataFrame) -> list[pl.DataFrame]:
    return list(flights.iter_slices(1))


@pytest.mark.parametrize("moment", [datetime(2013, 2, 20, 20, tzinfo=UTC), datetime(2013, 3, 8, 22, 30, tzinfo=UTC)])
def test_what_became_known_at_the_moment_or_after_changes_nothing(
    project: ModuleType,
    flights: pl.DataFrame,
    arrivals: pl.DataFrame,
    weather: pl.DataFrame,
    moment: datetime,
) -> None:
    spine = between(flights, "scheduled_departure", moment - timedelta(hours=8), moment + timedelta(microseconds=1))
    later: tuple[tuple[Features, pl.DataFrame, str], ...] = (
        (project.conditions, weather, "observed_at"),
        (project.recent, arrivals, "arrived_at"),
    )
    for features, context, known_at in later:
        with_future = features(spine.lazy(), context.lazy()).collect()
        without = features(spine.lazy(), context.filter(pl.col(known_at) < moment).lazy()).collect()
        assert spine.height > 100
        assert_frame_equal(with_future, without, check_exact=True)


def test_in_an_outage_the_age_of_the_weather_says_so(
    project: ModuleType, flights: pl.DataFrame, weather: pl.DataFrame
) -> None:
    since = datetime(2013, 2, 20, 19, 0, 1, tzinfo=UTC)
    hour = between(flights, "scheduled_departure", since, since + timedelta(minutes=59)).filter(
        pl.col("origin") == "EWR"
    )
    usual = project.conditions(hour.lazy(), weather.lazy()).collect()
    assert (usual["weather_age"] > 60).any()
    blind = project.conditions(hour.lazy(), weather.filter(pl.col("observed_at") < since - timedelta(hours=7)).lazy())
    measured = blind.drop("flight_id").collect()
    assert measured.null_count().row(0) == (hour.height,) * measured.width


def test_features_have_one_row_for_each_flight_in_any_order(
    project: ModuleType, flights: pl.DataFrame, arrivals: pl.DataFrame, weather: pl.DataFrame
) -> None:
    spine = between(flights, "scheduled_departure", SINCE, SINCE + timedelta(days=3)).sample(
        fraction=1, shuffle=True, seed=3
    )
    for made in (
        project.schedule(spine.lazy(), project.planes(), project.airlines()),
        project.conditions(spine.lazy(), weather.lazy()),
        project.recent(spine.lazy(), arrivals.lazy()),
    ):
        assert made.collect()["flight_id"].to_list() == spine["flight_id"].to_list()


def test_recent_is_what_a_plain_loop_counts(project: ModuleType, flights: pl.DataFrame, arrivals: pl.DataFrame) -> None:
    spine = sampled(flights, 40)
    for flight, made in zip(
        spine.to_dicts(), project.recent(spine.lazy(), arrivals.lazy()).collect().to_dicts(), strict=True
    ):
        moment = flight["scheduled_departure"]
        known = past(arrivals, "arrived_at", moment, timedelta(hours=3)).collect()
        for column, name in (("origin", "airport"), ("carrier", "carrier")):
            rows = known.filter(pl.col(column) == flight[column])
            assert made[f"{name}_arrivals"] == rows.height
            if rows.height:
                assert made[f"{name}_delay"] == rows["arrival_delay"].sum() / rows.height
                assert made[f"{name}_late"] == rows["late"].sum() / rows.height


@pytest.mark.parametrize(
    ("flight", "late"),
    [
        ({"hour": 18, "origin": "EWR"}, True),
        ({"hour": 18, "origin": "JFK"}, False),
        ({"hour": 21, "origin": "LGA"}, True),
        ({"hour": 6, "origin": "EWR"}, False),
        ({"hour": None, "origin": "EWR"}, None),
        ({"hour": 18}, None),
    ],
)
def test_the_rule_of_thumb_answers_or_says_that_it_cannot(
    project: ModuleType, flight: dict[str, object], late: bool | None
) -> None:
    assert project.rule_of_thumb(flight) is late

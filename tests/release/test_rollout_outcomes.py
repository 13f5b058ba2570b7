"""Outcomes of a rollout's answers, as a source or a dataset of the project tells them."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
from tests.release.rollouts import Rolling, someone

from soroi.base.errors import ConfigError
from soroi.release.rollout import BASE, CHALLENGER, RolloutPlan, unit_of
from soroi.release.rollout_outcomes import RecordedOutcomes, tables
from soroi.release.rollout_watch import Watcher
from soroi.store import EdgeRecord, RolloutRecord, VersionRecord


@pytest.fixture
def rolling(database: str, tmp_path: Path) -> Iterator[Rolling]:
    made = Rolling(tmp_path / "store", database)
    yield made
    made.close()


def version(rolling: Rolling, node: str, kind: str, on: list[str], table: pl.DataFrame | None = None) -> str:
    """Record a version, with a table by `who`."""
    name = node if "@" in node else f"{node}@{rolling.runtime.ids.new('version')}"
    root = rolling.store.tables.write(table, key=["who"]).root if table is not None else None
    rolling.clock.advance(timedelta(seconds=1))
    record = VersionRecord(
        id=name,
        digest=name,
        node=name.partition("@")[0],
        kind=kind,
        recipe="r",
        definition="d",
        output="o",
        edges=[EdgeRecord("reads", one.partition("@")[0], one) for one in on],
        outputs={"table": root} if root is not None else {},
        run="run_1",
        by="ann",
        at=rolling.clock.now(),
    )
    with rolling.store.catalogue.write() as tx:
        tx.versions.add(record)
    return name


def told(rolling: Rolling, rows: dict[int, bool | None], node: str = "outcomes") -> str:
    """Build a source that says of whom it turned out bad, and what it cost."""
    whom = list(rows)
    table = pl.DataFrame(
        {"who": whom, "bad": list(rows.values()), "cost": [float(one) for one in whom], "note": ["x" for _ in whom]},
        schema={"who": pl.Int64, "bad": pl.Boolean, "cost": pl.Float64, "note": pl.String},
    )
    return version(rolling, node, "source", [], table)


def rests_on(rolling: Rolling, *versions: str) -> None:
    for name in ("check@a", "check@b"):
        version(rolling, name, "decision", list(versions))


def known(rolling: Rolling, outcomes: RecordedOutcomes, record: RolloutRecord) -> list[tuple[str, str, float]]:
    rolling.log.flush()
    return sorted((one.arm, one.outcome, one.value) for one in outcomes(record))


def test_an_answer_is_wrong_when_it_turned_out_otherwise_and_nothing_before_that_is_known(rolling: Rolling) -> None:
    rests_on(rolling, told(rolling, {}))
    record = rolling.start(steps=[0.5], guards=["quality:bad", "business:cost:0:9"])
    old, new = someone(record, BASE), someone(record, CHALLENGER)
    rolling.answer(record, [{"who": old, "positive": True}, {"who": new, "positive": True}, {"who": 99}])
    outcomes = RecordedOutcomes(rolling.store)
    assert known(rolling, outcomes, record) == []
    told(rolling, {old: True, new: None})
    assert [one for one in known(rolling, outcomes, record) if one[1] == "bad"] == [("base", "bad", 0.0)]
    told(rolling, {old: True, new: False, 12345: True})
    assert known(rolling, outcomes, record) == [
        ("base", "bad", 0.0),
        ("base", "cost", float(old)),
        ("challenger", "bad", 1.0),
        ("challenger", "cost", float(new)),
    ]
    rolling.answer(record, [{"who": old, "positive": False}])
    again = known(rolling, outcomes, record)
    assert [one for one in again if one[:2] == ("base", "bad")] == [("base", "bad", 0.0), ("base", "bad", 1.0)]
    assert known(rolling, RecordedOutcomes(rolling.store), record) == again
    assert {one.unit for one in outcomes(record)} == {unit_of(record.id, old), unit_of(record.id, new)}


def test_a_challenger_that_is_wrong_more_often_is_ended_once_outcomes_come(rolling: Rolling) -> None:
    rests_on(rolling, told(rolling, {}))
    record = rolling.start(steps=[0.5], guards=["quality:bad"])
    units = range(400)
    challengers = {one for one in units if someone(record, CHALLENGER, one) == one}
    rolling.answer(record, [{"who": one, "positive": one in challengers} for one in units])
    rolling.log.flush()
    watcher = Watcher(rolling.store, "production", runtime=rolling.runtime, promote=rolling.promote)
    report = watcher.look()
    assert report is not None
    assert report.broken == ()
    told(rolling, dict.fromkeys(units, False))
    report = watcher.look()
    assert report is not None
    assert [one.guard for one in report.broken] == ["quality (bad)"]
    assert report.record.status == "aborted"


def test_a_column_that_nothing_tells_is_refused_by_name(rolling: Rolling) -> None:
    rests_on(rolling, told(rolling, {1: True}))

    def asked(key: str, *guards: str) -> dict[str, tuple[str, str]]:
        plan = RolloutPlan.of(key, steps=[0.5], guards=guards)
        return tables(rolling.store, rolling.base, rolling.challenger, plan)

    assert list(asked("who", "quality:bad", "errors")) == ["bad"]
    assert asked("who", "errors") == {}
    with pytest.raises(ConfigError, match="asks for 'worse', which no source or dataset by 'who' has") as caught:
        asked("who", "quality:worse")
    assert caught.value.hint == "looked at: outcomes"
    with pytest.raises(ConfigError, match="by 'id' has"):
        asked("id", "quality:bad")
    with pytest.raises(ConfigError, match="'note' of outcomes is of type String"):
        asked("who", "business:note:0:1")
    with pytest.raises(ConfigError, match="cannot be both"):
        asked("who", "quality:bad", "business:bad:0:1")


def test_a_source_is_asked_before_a_dataset(rolling: Rolling) -> None:
    source = told(rolling, {1: True})
    data = version(rolling, "data", "dataset", [source], pl.DataFrame({"who": [1], "bad": [True]}))
    rests_on(rolling, data)
    plan = RolloutPlan.of("who", steps=[0.5], guards=["quality:bad"])
    assert tables(rolling.store, rolling.base, rolling.challenger, plan)["bad"][0] == source

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tests.serve import planned
from tests.serve.planned import BASIC, NOW, QUICK, Linear, cascade, column, decision, engine, model, schema, step

from soroi.declare.domain import between, one_of
from soroi.serve import Engine
from soroi.serve.prompt import Rest
from soroi.serve.rowplan import RowPlan
from soroi.serve.snapshot import DecisionPart, FamilyStep

FLOATS = st.floats(-5, 5) | st.sampled_from([0.0, -0.0, 1.0, 1e300, 5e-324])
TIMES = st.datetimes(datetime(1999, 1, 1), datetime(2040, 1, 1)).map(lambda at: at.isoformat() + "+02:00")
ROW = st.fixed_dictionaries(
    {"id": st.text(max_size=4)},
    optional={
        "at": st.none() | TIMES,
        "x": st.none() | FLOATS | st.integers(-9, 9),
        "y": st.none() | FLOATS,
        "n": st.none() | st.integers(-(2**62), 2**62) | st.integers(0, 9),
        "city": st.none() | st.text(max_size=6),
        "member": st.none() | st.booleans(),
    },
)
VARYING = ("id", "milliseconds", "at")


def unplanned(part: DecisionPart) -> DecisionPart:
    """The same decision, to be answered the general way."""
    made = replace(part)
    made.__dict__["plan"] = RowPlan((), False, None, frozenset())
    return made


def comparable(record: Mapping[str, Any]) -> Any:
    """A record without what differs from one answer to the next; to the last bit."""
    kept = {name: value for name, value in record.items() if name not in VARYING}
    kept["path"] = [{**one, "milliseconds": None} for one in record["path"]]
    return msgspec.msgpack.encode(kept)


class Pair:
    """An engine with the plan, and one without."""

    def __init__(self, folder: Path, part: DecisionPart) -> None:
        self.planned = engine(folder / "planned", part)
        self.general = engine(folder / "general", unplanned(part))

    def records(self, ask: Any) -> tuple[list[Any], list[Any]]:
        """What both write down."""
        kept: tuple[list[Any], list[Any]] = ([], [])
        for one, found in zip((self.planned, self.general), kept, strict=True):
            before = {record["id"] for record in one.answers.scan()}
            ask(one)
            found += [comparable(record) for record in one.answers.scan() if record["id"] not in before]
        return kept

    def close(self) -> None:
        self.planned.close()
        self.general.close()


def ask_bytes(one: Engine, row: Any) -> Any:
    """Ask by bytes where that can be done, else by a mapping; gives the reply's document."""
    prompt = one.prompt("check")
    if prompt is None:
        return msgspec.json.decode(msgspec.json.encode({"answer": one.decide("check", [row])[0]}))
    said = prompt.decide_bytes(json.dumps({"row": row}).encode(), time.perf_counter())
    return msgspec.json.decode((said.finish() if isinstance(said, Rest) else said).body)


DOMAIN = (("city", one_of("Oslo", "", "a")), ("n", between(-5)))


@pytest.mark.parametrize("changes", [{}, {"rules": []}, {"domain": DOMAIN}, {"domain": DOMAIN, "rules": []}])
def test_a_plan_answers_and_records_what_the_general_way_does(changes: dict[str, Any], tmp_path: Path) -> None:
    part = cascade(**changes)
    assert len(part.plan.steps) == 2, part.plan.left
    pair = Pair(tmp_path, part)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(rows=st.lists(ROW, min_size=1, max_size=5, unique_by=lambda row: row["id"]))
    def agree(rows: list[dict[str, Any]]) -> None:
        mine, theirs = pair.records(lambda one: one.decide("check", rows))
        assert mine == theirs

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(row=ROW)
    def agree_in_bytes(row: dict[str, Any]) -> None:
        told: list[Any] = []
        mine, theirs = pair.records(lambda one: told.append(ask_bytes(one, row)))
        assert mine == theirs
        for one in told:
            one["answer"].pop("id")
            for part in one["answer"]["path"]:
                part.pop("milliseconds")
        assert told[0] == told[1]

    agree()
    agree_in_bytes()
    pair.close()


def test_every_outcome_is_met_by_the_rows_that_are_compared(tmp_path: Path) -> None:
    one = engine(tmp_path, cascade())
    rows: list[dict[str, Any]] = [
        {"x": 3.0, "y": -9.0}, {"x": -9.0}, {"x": 0.2, "y": 0.3, "n": 1}, {}, {"x": 1e300, "y": 1.0},
        {"x": 0.1, "y": 9.0},
    ]  # fmt: skip
    answers = one.decide("check", [{"id": str(n), **row} for n, row in enumerate(rows)])
    met = {(step.name, step.outcome.value) for answer in answers for step in answer.path}
    assert {("quick_cut", "answered"), ("quick_cut", "unsure"), ("quick_cut", "missing_feature")} <= met
    assert {("careful_cut", "answered"), ("large", "cannot_say"), ("fail_safe", "answered")} <= met
    one.close()


def test_one_bit_of_difference_is_found_before_the_plan_is_used() -> None:
    class Off(Linear):
        """Scores frames otherwise, by as little as there is."""

        def score(self, rows: pl.DataFrame) -> Any:
            return super().score(rows) * (1 + 2**-52)

    assert isinstance(QUICK.scorer, Linear)
    off = Off(QUICK.scorer.columns, QUICK.scorer.weights)
    part = decision(schema(), step(QUICK, 0.6, (0.2, 0.8)), step(replace(QUICK, scorer=off)))
    assert len(part.plan.steps) == 1
    assert not part.plan.whole
    assert "planned" in str(part.plan.left)


def test_a_family_asks_the_sibling_of_the_row(tmp_path: Path) -> None:
    oslo = model("oslo", [column("x")], [BASIC])
    parent = model("parent", [column("x"), column("y", nullable=True)], [BASIC])
    family = FamilyStep("cuts", "city", {"Oslo": step(oslo)}, step(parent), {"check": "check@1"})
    orphan = FamilyStep("cuts", "city", {"Oslo": step(oslo)}, None, {"check": "check@1"})
    for one in (family, orphan):
        part = decision(schema(), one, step(QUICK))
        assert part.plan.whole
        pair = Pair(tmp_path / str(one.parent is None), part)
        for city in ("Oslo", "Bergen", None):
            for x in (0.3, None):
                row = {"id": "a", "city": city, "x": x}
                mine, theirs = pair.records(lambda one, row=row: ask_bytes(one, row))
                assert mine == theirs
        pair.close()


def by_hand(value: float) -> float:
    """What Polars knows nothing of."""
    return float(str(value)[:6])


def test_a_step_that_calls_python_ends_the_plan_and_the_rest_is_asked_in_general(tmp_path: Path) -> None:
    def calls(things: pl.LazyFrame) -> pl.LazyFrame:
        return things.select("id", slow=pl.col("x").map_elements(by_hand, return_dtype=pl.Float64))

    slow = model("slow", [column("slow", nullable=True)], [planned.feature("calls", calls, "slow")])
    part = decision(schema(), step(QUICK, 0.6, (0.3, 0.7)), step(slow))
    assert [one.part.name for one in part.plan.steps] == ["quick_cut"]  # type: ignore[union-attr]
    assert "AnonymousFunction" in str(part.plan.left)
    pair = Pair(tmp_path, part)
    rows = [{"id": str(n), "x": n / 5, "y": 0.4} for n in range(-9, 9)]
    mine, theirs = pair.records(lambda one: one.decide("check", rows))
    assert mine == theirs
    for row in rows[::3]:
        mine, theirs = pair.records(lambda one, row=row: ask_bytes(one, row))
        assert mine == theirs
    pair.close()


def test_no_time_left_is_told_without_asking(tmp_path: Path) -> None:
    one = engine(tmp_path, cascade(rules=[], deadline=0.05))
    (answer,) = one.decide("check", [{"id": "a", "x": 0.1, "y": 0.1}], started=time.perf_counter() - 1)
    assert [(step.name, step.outcome.value) for step in answer.path] == [
        ("quick_cut", "late"), ("careful_cut", "late"), ("fail_safe", "answered"),
    ]  # fmt: skip
    assert answer.deadline_missed
    one.close()


def test_a_time_that_is_not_given_is_the_clocks(tmp_path: Path) -> None:
    one = engine(tmp_path, cascade())
    ask_bytes(one, {"id": "a", "x": 0.3})
    ask_bytes(one, {"id": "b", "x": 0.3, "at": (NOW - timedelta(hours=1)).isoformat()})
    times = {record["inputs"]["at"] for record in one.answers.scan()}
    assert times == {"2026-03-01T12:00:00Z", "2026-03-01T11:00:00Z"}
    one.close()

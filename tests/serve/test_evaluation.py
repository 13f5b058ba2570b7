from __future__ import annotations

import random
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl
import pytest
from tests.serve.conftest import Shop
from tests.serve.serving_project import END, START, visit

from soroi.serve import Snapshot
from soroi.serve.answer import Outcome
from soroi.serve.evaluation import Evaluation, call_features
from soroi.serve.rows import Rows
from soroi.serve.runner import Abandoned, Ticket
from soroi.serve.snapshot import FeaturePart
from soroi.serve.tables import OnlineTables
from soroi.store import RowLog


def stored(shop: Shop, node: str) -> pl.DataFrame:
    version = shop.tiny.project.version(shop.manifest.picks[node])
    return shop.tiny.project.store.tables.read(version.outputs["table"])


def source(shop: Shop, name: str) -> pl.DataFrame:
    version = shop.tiny.project.version(shop.snapshot.bases[name].version)
    return shop.tiny.project.store.tables.read(version.outputs["table"])


def part_of(snapshot: Snapshot, node: str) -> FeaturePart:
    parts = (step.model.all_features() for one in snapshot.decisions.values() for step in one.asked)
    return next(found[node] for found in parts if node in found)


def evaluation(shop: Shop, rows: Rows, tables: OnlineTables | None = None) -> Evaluation:
    serving = shop.engine.serving
    assert serving is not None
    return Evaluation(shop.snapshot.decisions["check"].spine, rows, (tables or serving.tables).view)


def every(rows: Rows) -> Any:
    return np.arange(len(rows), dtype=np.intp)


def as_requested(shop: Shop, frame: pl.DataFrame) -> Rows:
    """Rows as they come over the wire: JSON there and back."""
    schema = shop.snapshot.decisions["check"].spine
    wire = msgspec.json.decode(msgspec.json.encode(frame.rows(named=True)))
    return schema.check(wire, defaults={}, required=schema.key)


@pytest.mark.parametrize("node", ["plain", "basket", "recent"])
def test_served_features_equal_those_of_training_bit_for_bit_one_by_one_and_together(shop: Shop, node: str) -> None:
    visits, wanted = source(shop, "visits"), stored(shop, node)
    part = part_of(shop.snapshot, node)
    for frame in [visits[place] for place in range(0, visits.height, 13)] + [visits[200:900], visits]:
        rows = as_requested(shop, frame)
        made = evaluation(shop, rows).compute(part, every(rows), Ticket())
        expected = frame.select("visit").join(wanted, on="visit", how="left", maintain_order="left")
        assert made.failures == {}
        assert made.frame.schema == expected.schema
        assert made.frame.equals(expected)
        assert msgspec.msgpack.encode(made.frame.rows()) == msgspec.msgpack.encode(expected.rows())


def test_rows_that_came_in_while_serving_give_the_features_of_a_build_that_has_them(shop: Shop, tmp_path: Path) -> None:
    results, visits, wanted = source(shop, "results"), source(shop, "visits"), stored(shop, "recent")
    base = shop.snapshot.bases["results"]
    middle = START + timedelta(days=30)
    short = replace(base, frame=base.frame.filter(pl.col("known") < middle))
    late = results.filter(pl.col("known") >= middle).rows(named=True)
    random.Random(3).shuffle(late)
    wire = msgspec.json.decode(msgspec.json.encode(late))
    tables = OnlineTables({**shop.snapshot.bases, "results": short}, RowLog(tmp_path))
    for start in range(0, len(wire), 37):
        tables.ingest("results", wire[start : start + 37], END)
    again = OnlineTables({**shop.snapshot.bases, "results": short}, RowLog(tmp_path))
    again.replay()
    rows = as_requested(shop, visits)
    for one in (tables, again):
        made = evaluation(shop, rows, one).compute(part_of(shop.snapshot, "recent"), every(rows), Ticket())
        assert made.frame.equals(wanted.select(made.frame.columns).join(rows.frame.select("visit"), on="visit"))
        assert one.view["results"].whole.equals(results)


def test_a_row_that_raises_does_not_keep_the_others_from_their_features(shop: Shop) -> None:
    schema = shop.snapshot.decisions["check"].spine
    wire = [visit(visit=str(n), items=666 if n in (3, 4, 60) else n) for n in range(100)]
    rows = schema.check(wire, defaults={}, required=["visit"])
    made = evaluation(shop, rows).compute(part_of(shop.snapshot, "basket"), every(rows), Ticket())
    assert set(made.failures) == {3, 4, 60}
    assert made.frame["items"].to_list() == [float(n) for n in range(100) if n not in (3, 4, 60)]
    outcome, reason = made.failures[3]
    assert outcome is Outcome.RAISED
    assert "no such basket" in reason


def test_a_function_that_always_raises_is_not_called_for_ever(shop: Shop) -> None:
    calls = []

    def broken(*frames: pl.LazyFrame) -> pl.LazyFrame:
        calls.append(1)
        raise KeyError("broken")

    schema = shop.snapshot.decisions["check"].spine
    rows = schema.check([visit(visit=str(n)) for n in range(5000)], defaults={}, required=["visit"])
    part = replace(part_of(shop.snapshot, "plain"), function=broken)
    made = evaluation(shop, rows).compute(part, every(rows), Ticket())
    assert len(made.failures) == 5000
    assert len(calls) < 500


def test_features_are_computed_once_for_all_who_ask(shop: Shop) -> None:
    part = part_of(shop.snapshot, "recent")
    calls = []

    def counting(*frames: pl.LazyFrame) -> pl.LazyFrame:
        calls.append(frames[0].collect().height)
        made: pl.LazyFrame = part.function(*frames)
        return made

    counted = replace(part, function=counting)
    rows = as_requested(shop, source(shop, "visits")[100:200])
    found = evaluation(shop, rows)
    whole = found.compute(counted, every(rows), Ticket())
    assert found.compute(counted, every(rows)[10:20], Ticket()) is whole
    assert calls == [100]


def test_missing_inputs_are_told_row_by_row(shop: Shop) -> None:
    schema = shop.snapshot.decisions["check"].spine
    wire = [visit(visit="a"), visit(visit="b", amount=None), visit(visit="c", shop="unheard of")]
    rows = schema.check(wire, defaults={}, required=["visit"])
    model = shop.snapshot.decisions["check"].asked[0].model
    made = evaluation(shop, rows).score(model, every(rows), Ticket())
    assert np.isfinite(made.values).tolist() == [True, False, False]
    assert {place: why[0] for place, why in made.failures.items()} == dict.fromkeys((1, 2), Outcome.MISSING_FEATURE)
    assert "'amount'" in made.failures[1][1]
    assert "'size'" in made.failures[2][1]


def test_what_an_upstream_model_lacks_is_lacking_below_it(shop: Shop) -> None:
    schema = shop.snapshot.decisions["hold"].spine
    rows = schema.check([visit(visit="a"), visit(visit="b")], defaults={}, required=["visit"])
    model = shop.snapshot.decisions["hold"].asked[0].model

    class Picky:
        def score(self, rows: pl.DataFrame) -> Any:
            raise ValueError("not today")

    (careful,) = model.scores
    made = evaluation(shop, rows).score(
        replace(model, scores=(replace(careful, scorer=Picky()),)), every(rows), Ticket()
    )
    assert set(made.failures.values()) == {(Outcome.RAISED, "'careful': ValueError: not today")}


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda spine: spine.select("visit", "amount", size="amount").head(1), "returned 1 rows for 2"),
        (lambda spine: spine.select("visit", "at"), "no column amount, size"),
        (lambda spine: 3, "returned int, not rows"),
        (lambda spine: spine.select("amount", visit=pl.lit("x"), size=pl.lit(1.0)), "other keys"),
        (lambda spine: spine.with_columns(size=pl.lit(1.0)).reverse(), None),
    ],
)
def test_the_promise_of_a_features_function_is_checked(shop: Shop, make: Any, says: str | None) -> None:
    rows = as_requested(shop, source(shop, "visits")[:2])
    part = replace(
        part_of(shop.snapshot, "plain"), function=lambda spine, shops: make(spine), columns=("amount", "size")
    )
    if says is None:
        made = call_features(part, rows.frame, [pl.LazyFrame()])
        assert made["visit"].to_list() == rows.frame["visit"].to_list()
    else:
        with pytest.raises(Exception, match=says):
            call_features(part, rows.frame, [pl.LazyFrame()])


def test_work_that_nobody_waits_for_stops(shop: Shop) -> None:
    rows = as_requested(shop, source(shop, "visits")[:2])
    ticket = Ticket()
    ticket.abandoned = True
    with pytest.raises(Abandoned):
        evaluation(shop, rows).score(shop.snapshot.decisions["check"].asked[0].model, every(rows), ticket)


def test_values_for_the_record_are_those_of_the_row(shop: Shop) -> None:
    rows = as_requested(shop, source(shop, "visits")[500:503])
    found = evaluation(shop, rows)
    scored = found.score(shop.snapshot.decisions["check"].asked[1].model, every(rows), Ticket())
    features, scores = found.values_of(1)
    assert set(features) == {"amount", "size", "seen", "mean_loss", "bad_share"}
    assert features["amount"] == rows.row(1)["amount"]
    assert scores == {"careful": scored.values[1]}

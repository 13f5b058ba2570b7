"""A small project to serve: windows over a context table, a reference table, a model on a model, two decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

START = datetime(2026, 1, 1, tzinfo=UTC)
ROWS = 2000
"""Visits, half an hour apart: about forty days."""

END = START + timedelta(minutes=30) * ROWS

CONFIG = """[project]
name = "shops"
module = "shops"
"""

CODE = '''"""Visits to shops: which are checked?"""

from datetime import timedelta

import polars as pl
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression

import soroi as so


def read(name, *times):
    """Rows of a file."""
    rows = pl.scan_csv(name, schema_overrides=dict.fromkeys(times, pl.String))
    return rows.with_columns(pl.col(one).str.to_datetime(time_zone="UTC", time_unit="us") for one in times)


@so.source(key="visit", time="at", partition="1mo", in_step="30d")
def visits() -> pl.LazyFrame:
    """What is decided on."""
    return read("visits.csv", "at").with_columns(day=pl.col("at").dt.date())


@so.source(key="visit", time="at", known_at="known", partition="1mo", in_step="30d")
def results() -> pl.LazyFrame:
    """What became of visits, known later."""
    return read("results.csv", "at", "known")


@so.source(key="shop")
def shops() -> pl.LazyFrame:
    """The shops."""
    return pl.scan_csv("shops.csv")


@so.features(visits, shops)
def plain(visits: pl.LazyFrame, shops: pl.LazyFrame) -> pl.LazyFrame:
    """What is known of a visit and its shop."""
    joined = visits.join(shops, on="shop", how="left", maintain_order="left")
    return joined.select("visit", "amount", "size")


@so.features(visits)
def basket(visits: pl.LazyFrame) -> pl.LazyFrame:
    """What was bought. Refuses baskets of 666."""
    return visits.select("visit", items=pl.col("items").map_elements(counted, return_dtype=pl.Float64))


def counted(items: int) -> float:
    """Items as a number for a model."""
    if items == 666:
        raise ValueError("no such basket")
    return float(items)


@so.features(visits, so.last(results, "12h"))
def recent(visits: pl.LazyFrame, results: pl.LazyFrame) -> pl.LazyFrame:
    """How the last visits of the shop turned out."""
    found = so.window_stats(
        visits.select("visit", "at", "shop"),
        results,
        by="shop",
        left_time="at",
        right_time="known",
        within="12h",
        count="seen",
        mean={"mean_loss": "loss"},
        share={"bad_share": "bad"},
    )
    return found.select("visit", "seen", "mean_loss", "bad_share")


@so.dataset(plain, basket, recent, results)
def examples(
    plain: pl.LazyFrame, basket: pl.LazyFrame, recent: pl.LazyFrame, results: pl.LazyFrame
) -> pl.LazyFrame:
    """Visits with what became of them."""
    rows = results.select("visit", "at", "bad")
    for table in (plain, basket, recent):
        rows = rows.join(table, on="visit", maintain_order="left")
    return rows


@so.model(examples, target="bad", features=[plain, basket], split=so.by_time(test="7d"))
def quick(train: pl.DataFrame, strength: float = 1.0) -> LogisticRegression:
    """From the visit alone."""
    X, y = so.xy(train)
    return LogisticRegression(C=strength).fit(X, y)


@so.model(examples, target="bad", features=[plain, recent], split=so.by_time(test="7d"), out_of_fold=2)
def careful(train: pl.DataFrame, rate: float = 0.1) -> HistGradientBoostingClassifier:
    """From the visit and what was known by then."""
    X, y = so.xy(train)
    return HistGradientBoostingClassifier(
        max_iter=15, learning_rate=rate, max_leaf_nodes=7, early_stopping=False, random_state=0
    ).fit(X, y)


@so.model(examples, target="bad", features=[plain], scores=[careful], split=so.by_time(test="7d"))
def second(train: pl.DataFrame) -> LogisticRegression:
    """From the visit and the score of another model."""
    X, y = so.xy(train)
    return LogisticRegression().fit(X, y)


def large(row):
    """Large amounts are checked. Raises on the shop 'rude', and cannot say without an amount."""
    if row["shop"] == "rude":
        raise ValueError("I do not talk to rude shops")
    return None if row["amount"] is None else row["amount"] > 1


def busy(row):
    """Many items are checked."""
    return None if row["items"] is None else row["items"] > 7


quick_cut = so.threshold(quick, maximise=so.recall, subject_to=so.precision >= 0.4)
careful_cut = so.threshold(careful, maximise=so.recall, subject_to=so.precision >= 0.4)
second_cut = so.threshold(second, maximise=so.f1)
check = so.decision(
    cascade=[so.when_sure(quick_cut, error=0.15), careful_cut],
    deadline="2s",
    positive="check",
    negative="pass",
    fail_safe="check",
    fallbacks=[large, busy],
    doc="Whether a visit is checked.",
)
hold = so.decision(
    cascade=[second_cut], deadline="2s", positive="hold", negative="go", fail_safe="go", record="durable"
)
'''


def tables(rows: int = ROWS) -> tuple[pl.DataFrame, pl.DataFrame, pl.DataFrame]:
    """Visits, results and shops."""
    rng = np.random.default_rng(7)
    shop = rng.integers(0, 4, size=rows)
    amount = rng.normal(size=rows)
    items = rng.integers(1, 10, size=rows)
    at = [START + timedelta(minutes=30) * n for n in range(rows)]
    known = [one + timedelta(minutes=int(extra)) for one, extra in zip(at, rng.integers(10, 600, rows), strict=True)]
    risk = amount + 0.3 * shop + 0.2 * rng.normal(size=rows)
    visits = pl.DataFrame(
        {
            "visit": [f"v{n:05d}" for n in range(rows)],
            "at": [one.isoformat() for one in at],
            "shop": [f"s{one}" for one in shop],
            "amount": amount,
            "items": items,
        }
    )
    results = visits.select("visit", "at", "shop").with_columns(
        known=pl.Series([one.isoformat() for one in known]), loss=pl.Series(risk * 10.0), bad=pl.Series(risk > 0.9)
    )
    return visits, results, pl.DataFrame({"shop": ["s0", "s1", "s2", "s3"], "size": [3.0, 1.5, 4.0, 8.0]})


def write(folder: Path, code: str = CODE) -> Path:
    """Write the project with its data; gives its folder."""
    folder.mkdir(parents=True)
    (folder / "soroi.toml").write_text(CONFIG)
    (folder / "shops.py").write_text(code)
    for name, table in zip(("visits", "results", "shops"), tables(), strict=True):
        table.write_csv(folder / f"{name}.csv")
    return folder


def visit(**fields: Any) -> dict[str, Any]:
    """A row to decide on."""
    row = {"visit": "new", "at": "2026-02-05T12:00:00Z", "shop": "s1", "amount": 0.4, "items": 3}
    return {**row, **fields}

"""A first project: which tickets of a help desk are shown to an expert at once?

Replace the sources with yours. Every function here is a plain function on Polars frames: call it, test it, run it
in a notebook as it is.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import polars as pl
from sklearn.compose import make_column_transformer
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler

import soroi as so

DATA = Path(__file__).parent / "data"


@so.source(key="ticket_id", time="opened_at", partition="1mo", files=so.file("data/tickets.csv"), in_step="31d")
def tickets() -> pl.LazyFrame:
    """Tickets as they are opened: what is known when deciding."""
    return pl.scan_csv(DATA / "tickets.csv").with_columns(opened_at=moment("opened_at"))


@so.source(
    key="ticket_id",
    time="opened_at",
    known_at="closed_at",
    partition="1mo",
    files=so.file("data/outcomes.csv"),
    in_step="31d",
)
def outcomes() -> pl.LazyFrame:
    """How tickets ended, known once they are closed."""
    table = pl.scan_csv(DATA / "outcomes.csv")
    return table.with_columns(opened_at=moment("opened_at"), closed_at=moment("closed_at"))


def moment(column: str) -> pl.Expr:
    """A column of times as text, in UTC."""
    return pl.col(column).str.to_datetime("%Y-%m-%dT%H:%M:%SZ", time_unit="us", time_zone="UTC")


@so.features(tickets)
def form(tickets: pl.LazyFrame) -> pl.LazyFrame:
    """What the ticket itself says. One row per ticket: the same function when training and when serving."""
    numbers = [pl.col(name).cast(pl.Float64) for name in ("words", "waiting")]
    return tickets.select("ticket_id", "channel", *numbers)


@so.dataset(form, outcomes)
def examples(form: pl.LazyFrame, outcomes: pl.LazyFrame) -> pl.LazyFrame:
    """Closed tickets with what was known when they were opened."""
    return outcomes.select("ticket_id", "opened_at", "escalated").join(form, on="ticket_id", maintain_order="left")


@so.model(examples, target="escalated", split=so.by_time(calibration="14d", test="7d"))
def risk(train: pl.DataFrame, strength: float = 1.0) -> Pipeline:
    """Escalated or not: a logistic regression."""
    x, y = so.xy(train)
    columns = make_column_transformer(
        (OneHotEncoder(handle_unknown="ignore"), ["channel"]),
        (StandardScaler(), ["words", "waiting"]),
    )
    return make_pipeline(columns, LogisticRegression(C=strength, max_iter=500)).fit(x, y)


risk_cut = so.threshold(risk, maximise=so.recall, subject_to=so.precision >= 0.50, confidence=0.95)


def long_and_waiting(ticket: Mapping[str, Any]) -> bool | None:
    """The rule that answers when the model cannot. None when it cannot say either."""
    words, waiting = ticket.get("words"), ticket.get("waiting")
    if words is None or waiting is None:
        return None
    return bool(words > 200 and waiting > 30)


show_expert = so.decision(
    cascade=[risk_cut],
    deadline="250ms",
    positive="show an expert",
    negative="queue",
    fail_safe="show an expert",
    fallbacks=[long_and_waiting],
    doc="Whether a new ticket is shown to an expert at once.",
)

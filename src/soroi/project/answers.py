"""The recorded answers of a decision as a table."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from soroi.release.rollout import SHADOW
from soroi.store.answers import AnswerLog

if TYPE_CHECKING:
    import polars as pl

_PLAIN = (
    "id",
    "at",
    "action",
    "positive",
    "score",
    "threshold",
    "confidence",
    "manifest",
    "revision",
    "environment",
    "arm",
)
_NESTED = ("path", "inputs", "features", "scores")


def answers_table(
    store: Path, decision: str, since: datetime | None, until: datetime | None, *, shadow: bool = False
) -> pl.DataFrame:
    """The recorded answers of a decision, oldest first.

    Args:
        store: Folder of the store.
        decision: Id of the decision.
        since: Only those given at or after this moment.
        until: Only those given before this moment.
        shadow: Also those of shadows, which were never returned.

    Returns:
        One row for each answer; what is nested in an answer as JSON text.
    """
    import polars as pl

    log = AnswerLog(store)
    try:
        rows = [_row(one) for one in log.scan(decision, since, until) if shadow or one.get("arm") != SHADOW]
    finally:
        log.close()
    schema: dict[str, Any] = {
        "id": pl.String,
        "at": pl.Datetime("us", "UTC"),
        "action": pl.String,
        "positive": pl.Boolean,
        "score": pl.Float64,
        "threshold": pl.Float64,
        "confidence": pl.Float64,
        "manifest": pl.String,
        "revision": pl.Int64,
        "environment": pl.String,
        "arm": pl.String,
        **dict.fromkeys(_NESTED, pl.String),
    }
    return pl.DataFrame(rows, schema=schema, orient="row").sort("at", "id")


def _row(record: Mapping[str, Any]) -> dict[str, Any]:
    nested = {name: _text(record.get(name)) for name in _NESTED}
    return {**{name: record.get(name) for name in _PLAIN}, **nested}


def _text(value: Any) -> str | None:
    if value is None or isinstance(value, str):
        return value
    return msgspec.json.encode(value).decode()

"""The replay: days of flights asked about over HTTP in order of time, while outcomes and weather come in."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl

from soroi.base.errors import RefusedError
from soroi.demo.client import Client
from soroi.demo.world import Tick, World

DAY = timedelta(days=1)
BEFORE = timedelta(hours=6)
"""How far back outcomes and weather are told when the day before was not replayed; features look less far."""

SCHEMA: dict[str, pl.DataType | type[pl.DataType]] = {
    "flight_id": pl.String,
    "departure": pl.Datetime("us", "UTC"),
    "decision": pl.String,
    "answer": pl.String,
    "action": pl.String,
    "positive": pl.Boolean,
    "score": pl.Float64,
    "step": pl.String,
    "kind": pl.String,
    "falls": pl.Int64,
    "manifest": pl.String,
    "seconds": pl.Float64,
}
"""What is kept of each answer; ``seconds`` is how long the request took that it was part of."""

AT_ONCE = 2
"""Requests that may be on their way together. What became known before a decision is told before it is asked for;
what became known since does no harm, since features look only at what was known before the flight's own moment."""

FALLS = ("raised", "late", "missing_feature")


@dataclass(frozen=True)
class Replay:
    """Days to replay under one release."""

    manifest: str
    """The release that must answer."""

    days: Sequence[datetime]
    """Midnights, in order."""

    decision: str
    """What is asked about each flight."""

    folder: Path
    """Where the answers of each day are kept; a day that is there is not replayed again."""

    def missing(self) -> list[datetime]:
        """The days that were not replayed yet."""
        return [day for day in self.days if not self.path(day).exists()]

    def path(self, day: datetime) -> Path:
        """The file with the answers of a day."""
        return self.folder / self.manifest / f"{day:%Y-%m-%d}.parquet"

    def run(self, world: World, client: Client, progress: Callable[[str], None]) -> int:
        """Replay the days that are missing.

        Args:
            world: What happened.
            client: The server to ask.
            progress: Told every few days.

        Returns:
            How many rows of outcomes and weather were told.
        """
        told = 0
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for place, day in enumerate(self.missing()):
                told += self._day(day, world, client, pool)
                if place % 5 == 4:
                    progress(f"replayed until {day:%d %B}")
        return told

    def answers(self, days: Sequence[datetime] | None = None) -> pl.DataFrame:
        """The answers of some days, by default of all; columns as in :data:`SCHEMA`."""
        return pl.concat([pl.read_parquet(self.path(day)) for day in days or self.days])

    def _day(self, day: datetime, world: World, client: Client, pool: ThreadPoolExecutor) -> int:
        fresh_start = day - DAY not in self.days
        rows: list[dict[str, Any]] = []
        asked: deque[Future[list[dict[str, Any]]]] = deque()
        told = 0
        for tick in world.ticks(day, day + DAY, known_from=day - BEFORE if fresh_start else None):
            for source, known in tick.known.items():
                client.tell(source, known)
                told += len(known)
            asked.append(pool.submit(self._ask, client, tick))
            if len(asked) >= AT_ONCE:
                rows += asked.popleft().result()
        for one in asked:
            rows += one.result()
        path = self.path(day)
        path.parent.mkdir(parents=True, exist_ok=True)
        fresh = path.with_suffix(".part")
        pl.DataFrame(rows, schema=SCHEMA, orient="row").write_parquet(fresh)
        fresh.replace(path)
        return told

    def _ask(self, client: Client, tick: Tick) -> list[dict[str, Any]]:
        answers, seconds = client.decide(self.decision, tick.flights)
        rows = []
        for flight, answer in zip(tick.flights, answers, strict=True):
            if answer["manifest"] != self.manifest:
                raise RefusedError(
                    f"the server answered from {answer['manifest']} while {self.manifest} was replayed",
                    hint="somebody released or rolled back meanwhile; run the demo again",
                )
            last = answer["path"][-1]
            rows.append(
                {
                    "flight_id": flight["flight_id"],
                    "departure": flight["scheduled_departure"],
                    "decision": self.decision,
                    "answer": answer["id"],
                    "action": answer["action"],
                    "positive": answer["positive"],
                    "score": answer["score"],
                    "step": last["name"],
                    "kind": last["kind"],
                    "falls": sum(step["outcome"] in FALLS for step in answer["path"]),
                    "manifest": answer["manifest"],
                    "seconds": seconds,
                }
            )
        return rows


def midnights(first: datetime, count: int) -> list[datetime]:
    """So many midnights in a row, in UTC."""
    return [first.astimezone(UTC) + DAY * place for place in range(count)]

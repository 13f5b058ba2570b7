"""Decisions made in memory, without a project: features that a plan can read, and scorers of single rows."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl

from soroi.base.errors import DataError
from soroi.base.runtime import CountingIds, ManualClock, Runtime
from soroi.evidence import CalibrationMap
from soroi.scoring import InputColumn
from soroi.serve import Engine, RowSchema, Snapshot
from soroi.serve.snapshot import DecisionPart, FeaturePart, ModelPart, RulePart, StepPart
from soroi.store import AnswerLog, RowLog

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SPINE: Mapping[str, pl.DataType] = {
    "id": pl.String(),
    "at": pl.Datetime("us", "UTC"),
    "x": pl.Float64(),
    "y": pl.Float64(),
    "n": pl.Int64(),
    "city": pl.String(),
    "member": pl.Boolean(),
}


def schema(columns: Mapping[str, pl.DataType] = SPINE, key: str = "id", time: str | None = "at") -> RowSchema:
    return RowSchema("things", dict(columns), (key,), time, time)


@dataclass(frozen=True)
class Linear:
    """Scores by a sum of weighted inputs; raises where it comes out at more than ``most``."""

    columns: tuple[str, ...]
    weights: tuple[float, ...]
    bias: float = 0.1
    most: float = 1e6

    def one(self, values: Sequence[Any]) -> float:
        total = self.bias
        for weight, value in zip(self.weights, values, strict=True):
            number = math.nan if value is None else float(len(value) if isinstance(value, str) else value)
            total += 0.5 if number != number else weight * number
        if total > self.most:
            raise DataError(f"the score is {total}, more than {self.most}")
        return 1.0 / (1.0 + math.exp(-max(min(total, 700.0), -700.0)))

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        return np.asarray([self.one(row) for row in rows.iter_rows()], dtype=np.float64)


def feature(name: str, function: Callable[[pl.LazyFrame], pl.LazyFrame], *columns: str, key: str = "id") -> FeaturePart:
    return FeaturePart(name, f"{name}@1", function, "things", (), (key,), columns)


def model(name: str, inputs: Sequence[InputColumn], features: Sequence[FeaturePart], **options: Any) -> ModelPart:
    scores: tuple[ModelPart, ...] = options.pop("scores", ())
    origins = {one.name: part.node for one in inputs for part in features if one.name in part.columns}
    columns = tuple(one.name for one in inputs)
    weights = options.pop("weights", tuple((-1.0) ** place * (0.3 + place / 7) for place in range(len(columns))))
    scorer = Linear(columns, weights, **options)
    return ModelPart(name, f"{name}@1", scorer, tuple(inputs), origins, tuple(features), scores)


CALIBRATION = CalibrationMap(tuple(n / 40 for n in range(41)), tuple(0.01 + 0.98 * (n / 40) ** 2 for n in range(41)))


def step(part: ModelPart, threshold: float | None = 0.5, sure: tuple[float, float] | None = None) -> StepPart:
    versions = {"check": "check@1", f"{part.node}_cut": f"{part.node}_cut@1", **part.versions()}
    return StepPart(f"{part.node}_cut", part, threshold, sure, CALIBRATION, versions)


def sample(spine: RowSchema, rows: int = 8, seed: int = 0) -> pl.DataFrame:
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    for name, dtype in spine.schema.items():
        if name in spine.key:
            values[name] = [f"k{n}" for n in range(rows)]
        elif dtype.is_float():
            values[name] = rng.normal(size=rows)
        elif dtype.is_integer():
            values[name] = rng.integers(0, 9, size=rows)
        elif dtype == pl.Boolean():
            values[name] = rng.random(rows) < 0.5
        elif dtype.is_temporal():
            values[name] = [NOW - timedelta(hours=5 * n) for n in range(rows)]
        else:
            values[name] = rng.choice(["Oslo", "Kyōto", ""], size=rows)
    return pl.DataFrame(values, schema=dict(spine.schema))


def decision(spine: RowSchema, *steps: Any, rules: Sequence[RulePart] = (), **changes: Any) -> DecisionPart:
    options: dict[str, Any] = {"deadline": 5.0, "durable": False, "fail_safe": "go", **changes}
    return DecisionPart(
        node="check", version="check@1", spine=spine, steps=steps, rules=tuple(rules),
        positive="stop", negative="go", sample=sample(spine), **options,
    )  # fmt: skip


def engine(folder: Path, *parts: DecisionPart, **options: Any) -> Engine:
    runtime = Runtime(clock=ManualClock(NOW), ids=CountingIds())
    made = Engine(AnswerLog(folder), RowLog(folder), runtime=runtime, **options)
    made.switch(snapshot(*parts), environment="production", revision=3)
    return made


def snapshot(*parts: DecisionPart, manifest: str = "m1") -> Snapshot:
    picks = {node: version for part in parts for one in part.asked for node, version in one.versions.items()}
    return Snapshot(manifest, picks, {part.node: part for part in parts}, {})


FLOAT, WHOLE, TEXT, TRUTH = "Float64", "Int64", "String", "Boolean"


def column(name: str, dtype: str = FLOAT, nullable: bool = False) -> InputColumn:
    return InputColumn(name, dtype, nullable)


def handed(things: pl.LazyFrame) -> pl.LazyFrame:
    return things.select("id", "x", "y", "n", "city")


def made(things: pl.LazyFrame) -> pl.LazyFrame:
    return things.select(
        "id",
        double=pl.col("x") * 2 - pl.col("y"),
        rate=pl.col("n").cast(pl.Float64).fill_null(0) / 4 / (pl.col("y") + 2),
        far=pl.when((pl.col("x") > 1) | pl.col("member")).then(pl.col("y").abs()).otherwise(-1.0),
        hour=pl.col("at").dt.hour(),
        absent=pl.col("x").is_null(),
        small=pl.col("y") <= pl.col("x"),
        letters=pl.col("city").str.len_chars(),
    ).with_columns(twice=pl.col("double") * pl.col("double"))


BASIC = feature("basic", handed, "x", "y", "n", "city")
MADE = feature("made", made, "double", "rate", "far", "hour", "absent", "small", "letters", "twice")
QUICK = model(
    "quick", [column("x"), column("n", WHOLE, True), column("y", nullable=True), column("city", TEXT, True)], [BASIC]
)
CAREFUL = model(
    "careful",
    [
        column("double"), column("rate"), column("far", nullable=True), column("hour", "Int8"),
        column("absent", TRUTH), column("letters", "UInt32", True), column("twice", FLOAT, True), column("quick"),
    ],
    [MADE],
    scores=(QUICK,),
    most=30.0,
)  # fmt: skip


def large(row: Mapping[str, Any]) -> bool | None:
    return None if row["x"] is None else bool(row["x"] > 1)


def cascade(**changes: Any) -> DecisionPart:
    """Two steps that a plan asks, the second on the score of the first, and a rule."""
    options = {"rules": [RulePart("large", large)], **changes}
    return decision(schema(), step(QUICK, 0.6, (0.25, 0.8)), step(CAREFUL, 0.55), **options)

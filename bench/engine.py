"""Where the time of a decision goes: the engine whole (decode to encode, record included), without HTTP.

Run with ``python -m bench.engine``. A decision on 30 columns by a scaler and a logistic regression, its scorer
compiled; microseconds of CPU of the calling thread, medians of repeated runs, part by part.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from operator import mul
from pathlib import Path
from typing import Any

import msgspec
import numpy as np
import polars as pl

from soroi.base.runtime import Runtime
from soroi.evidence import CalibrationMap
from soroi.scoring import InputColumn
from soroi.serve import Engine, RowSchema, Snapshot
from soroi.serve.asking import Path as Asked
from soroi.serve.prompt import Prompt, Reply
from soroi.serve.rowplan import RowState
from soroi.serve.snapshot import DecisionPart, FeaturePart, ModelPart, StepPart
from soroi.store import AnswerLog, RowLog

COLUMNS = 30
CALLS, RUNS = 3_000, 7


class Logistic:
    """A scaler and a logistic regression in plain Python: what a compiled scorer without its extension does."""

    def __init__(self, columns: tuple[str, ...], seed: int = 0) -> None:
        self.columns = columns
        self._weights = np.random.default_rng(seed).normal(size=len(columns)).tolist()

    def one(self, values: Any) -> float:
        """The score of a row."""
        return 1.0 / (1.0 + math.exp(-sum(map(mul, values, self._weights))))

    def score(self, rows: pl.DataFrame) -> Any:
        """The scores of some rows."""
        return np.asarray([self.one(row) for row in rows.iter_rows()])


def decision(columns: int = COLUMNS) -> DecisionPart:
    """The decision that is asked."""
    names = tuple(f"c{n:02d}" for n in range(columns))
    schema: dict[str, pl.DataType] = {"id": pl.String(), **dict.fromkeys(names, pl.Float64())}
    spine = RowSchema("things", schema, ("id",), None, None)

    def handed(things: pl.LazyFrame) -> pl.LazyFrame:
        return things.select("id", *names)

    part = FeaturePart("basic", "basic@1", handed, "things", (), ("id",), names)
    inputs = tuple(InputColumn(name, "Float64", nullable=False) for name in names)
    model = ModelPart("risk", "risk@1", Logistic(names), inputs, dict.fromkeys(names, "basic"), (part,), ())
    calibration = CalibrationMap(tuple(n / 150 for n in range(151)), tuple(n / 151 for n in range(151)))
    versions = {"check": "check@1", "cut": "cut@1", "risk": "risk@1", "basic": "basic@1"}
    step = StepPart("cut", model, 0.5, None, calibration, versions)
    rng = np.random.default_rng(1)
    sample = pl.DataFrame({"id": [f"k{n}" for n in range(8)], **{name: rng.normal(size=8) for name in names}})
    return DecisionPart(
        node="check", version="check@1", spine=spine, steps=(step,), rules=(), deadline=0.05, positive="stop",
        negative="go", fail_safe="go", durable=False, sample=sample,
    )  # fmt: skip


def cpu(call: Callable[[], object], calls: int = CALLS) -> float:
    """Microseconds of CPU of one call: the median of some runs."""
    taken = []
    for _ in range(RUNS):
        began = time.thread_time()
        for _ in range(calls):
            call()
        taken.append((time.thread_time() - began) / calls * 1e6)
    return statistics.median(taken)


def parts(engine: Engine, prompt: Prompt, body: bytes) -> dict[str, float]:
    """What each part of an answer costs, beside the whole."""
    lane = prompt._base
    now = engine.runtime.clock.now()
    row = prompt._decoder.decode(body, now)
    assert row is not None
    path = Asked(RowState(row.values, row.whole))
    lane.asker.one(path, time.perf_counter() + 60.0)
    model = lane.asker.plan.steps[0].model  # type: ignore[union-attr]
    told, record = prompt._write(lane, path, row, now, time.perf_counter(), _alone(), "answer_1")

    def ask() -> None:
        lane.asker.one(Asked(RowState(row.values, row.whole)), math.inf)

    encoded = msgspec.json.Encoder()
    return {
        "decode and check": cpu(lambda: prompt._decoder.decode(body, now)),
        "score alone": cpu(lambda: model.scorer.one(row.values[1:])),
        "ask (score, sides, path)": cpu(ask),
        "calibrate": cpu(lambda: path.by and path.by.calibration.probability(path.score)),
        "clock and id": cpu(lambda: (engine.runtime.clock.now(), engine.runtime.ids.new("answer"))),
        "answer and record, encoded": cpu(
            lambda: prompt._write(lane, path, row, now, time.perf_counter(), _alone(), "answer_1")
        ),
        "reply, encoded": cpu(lambda: encoded.encode(told)),
        "journal": cpu(lambda: engine.recorder.keep(lane.part, record)),
        "whole": cpu(lambda: prompt.decide_bytes(body, time.perf_counter())),
    }


def _alone() -> Any:
    from soroi.serve.trial import ALONE

    return ALONE


def main() -> None:
    """Measure and print."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--columns", type=int, default=COLUMNS)
    part = decision(options.parse_args().columns)
    rng = np.random.default_rng(2)
    row = {"id": "new", **{name: float(rng.normal()) for name in part.spine.names[1:]}}
    body = json.dumps({"row": row}).encode()
    with tempfile.TemporaryDirectory() as folder:
        engine = Engine(AnswerLog(Path(folder)), RowLog(Path(folder)), runtime=Runtime())
        engine.switch(Snapshot("m1", {}, {"check": part}, {}), environment="production", revision=1)
        prompt = engine.prompt("check")
        assert prompt is not None, part.plan.left
        assert isinstance(prompt.decide_bytes(body, time.perf_counter()), Reply)
        for name, taken in parts(engine, prompt, body).items():
            print(f"{name:28} {taken:7.2f} µs")
        general = cpu(lambda: engine.decide("check", [row]), 200)
        print(f"{'decide (mapping in, answer out)':28} {general:7.2f} µs")
        engine.close()


if __name__ == "__main__":
    main()

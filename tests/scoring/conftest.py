from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import threadpoolctl  # type: ignore[import-untyped]  # comes with scikit-learn
from sklearn.ensemble import RandomForestClassifier


@dataclass(frozen=True)
class Data:
    """A small training set with nulls, whole numbers, categories and text."""

    X: pl.DataFrame
    y: npt.NDArray[np.bool_]

    @property
    def numeric(self) -> pl.DataFrame:
        return self.X.select("a", "b")

    @property
    def full(self) -> pl.DataFrame:
        return self.numeric.fill_null(0.0)


@pytest.fixture(autouse=True, scope="session")
def one_thread() -> Iterator[None]:
    """Threads that spin for each other make small models slow on a busy machine."""
    with threadpoolctl.threadpool_limits(1):
        yield


@pytest.fixture(scope="session")
def data() -> Data:
    rng = np.random.default_rng(7)
    n = 240
    frame = pl.DataFrame(
        {
            "a": rng.normal(size=n),
            "b": rng.integers(0, 9, n),
            "c": rng.choice(["x", "y", "zz"], n),
            "t": rng.choice(["red fox", "blue dog jumps", "fox"], n),
        }
    ).with_columns(a=pl.when(pl.int_range(n) % 7 == 0).then(None).otherwise(pl.col("a")))
    y = rng.normal(size=n) + frame["b"].to_numpy() / 4 > 1
    return Data(frame, y)


@pytest.fixture(scope="session")
def forest(data: Data) -> Any:
    model = RandomForestClassifier(4, max_depth=4, random_state=0, n_jobs=2)
    return model.fit(data.numeric, data.y)

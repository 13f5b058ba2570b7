from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
import threadpoolctl  # type: ignore[import-untyped]  # comes with scikit-learn
from sklearn.ensemble import RandomForestClassifier

ROOT = Path(__file__).resolve().parents[2]


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
def extension(tmp_path_factory: pytest.TempPathFactory) -> ModuleType:
    """The extension, compiled from the sources as they are. Without a compiler the tests that need it are skipped."""
    pytest.importorskip("hatchling")
    hook = imported("hatch_build", ROOT / "hatch_build.py")
    target = tmp_path_factory.mktemp("native") / hook.NAME
    problem = hook.compile_extension(ROOT / hook.SOURCE, target)
    if problem is not None:
        pytest.skip(problem)
    return imported("walk", target)


def imported(name: str, path: Path) -> ModuleType:
    """A module of a file that is on no path."""
    spec = importlib.util.spec_from_file_location(name, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


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

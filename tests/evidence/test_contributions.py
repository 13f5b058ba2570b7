"""Contributions: exact where the truth is known, adding up, and with an error that is one."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from soroi.base.errors import DataError
from soroi.evidence.contributions import contributions

BACKGROUND = pl.DataFrame({"a": [0.0, 1.0, 2.0, 3.0], "b": [1.0, 1.0, 1.0, 1.0], "c": ["x", "y", "x", "y"]})
ROW = pl.DataFrame({"a": [5.0], "b": [1.0], "c": ["y"]})


def linear(rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    return np.asarray(2 * rows["a"].to_numpy() - 3 * rows["b"].to_numpy() + (rows["c"] == "y").to_numpy(), dtype=float)


def product(rows: pl.DataFrame) -> npt.NDArray[np.float64]:
    return np.asarray((rows["a"] * rows["b"]).to_numpy(), dtype=np.float64)


def effects(score: Any, row: pl.DataFrame, background: pl.DataFrame, **options: Any) -> dict[str, float]:
    return {one.name: one.effect for one in contributions(score, row, background, seed=1, **options).parts}


def test_effects_and_start_add_up_to_the_score() -> None:
    found = contributions(linear, ROW, BACKGROUND, seed=3)
    assert found.score == linear(ROW)[0]
    assert found.start + sum(one.effect for one in found.parts) == pytest.approx(found.score, abs=1e-12)


def test_of_a_linear_model_each_effect_is_its_own_difference() -> None:
    one = BACKGROUND[:1]
    found = effects(linear, ROW, one)
    assert found == {"a": pytest.approx(10.0), "c": pytest.approx(1.0), "b": pytest.approx(0.0)}
    assert next(iter(found)) == "a"  # the largest first


def test_an_interaction_is_shared_equally() -> None:
    row = pl.DataFrame({"a": [2.0], "b": [3.0]})
    found = effects(product, row, pl.DataFrame({"a": [0.0], "b": [0.0]}))
    assert found == {"a": pytest.approx(3.0), "b": pytest.approx(3.0)}


def test_the_error_is_that_of_the_estimate() -> None:
    rng = np.random.default_rng(0)
    background = pl.DataFrame({"a": rng.normal(size=50), "b": rng.normal(size=50)})
    row = pl.DataFrame({"a": [1.5], "b": [-0.5]})
    truth = np.mean([(1.5 * -0.5 - a * -0.5 + 1.5 * b - a * b) / 2 for a, b in background.rows()])
    off = []
    for seed in range(200):
        parts = {one.name: one for one in contributions(product, row, background, seed=seed, pairs=40).parts}
        off.append((parts["a"].effect - truth) / parts["a"].error)
    assert 0.9 <= np.mean(np.abs(off) < 1.96) <= 0.99


def test_the_same_seed_gives_the_same_figures() -> None:
    assert contributions(linear, ROW, BACKGROUND, seed=5) == contributions(linear, ROW, BACKGROUND, seed=5)


def test_it_takes_one_row_and_something_to_compare_with() -> None:
    for row, background in ((BACKGROUND, BACKGROUND), (ROW, BACKGROUND.clear())):
        with pytest.raises(DataError):
            contributions(linear, row, background, seed=1)

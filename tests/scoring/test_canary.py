from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from soroi.base.errors import CorruptError, DataError, RefusedError
from soroi.scoring import Canary, load_model, make_canary, save_model
from soroi.scoring.canary import choose_rows


@dataclass
class Sum:
    """Scores with the column ``b``, shifted."""

    shift: float = 0.0

    def score(self, rows: pl.DataFrame) -> npt.NDArray[np.float64]:
        return rows["b"].to_numpy().astype(np.float64) + self.shift


def test_a_canary_replays_on_the_model_loaded_again(forest: Any, data: Any) -> None:
    saved = save_model(forest, where="x")
    canary = make_canary(load_model(saved, what="late@1"), data.numeric)
    assert len(canary.scores) == 32
    canary.replay(load_model(saved, what="late@1"), what="late@1")


def test_the_rows_cover_nulls_extremes_and_every_category(data: Any) -> None:
    rows = data.X[choose_rows(data.X, 12)]
    assert rows["a"].null_count() > 0
    assert rows["a"].min() == data.X["a"].min()
    assert rows["b"].max() == data.X["b"].max()
    assert set(rows["c"]) == {"x", "y", "zz"}
    assert set(rows["t"]) == set(data.X["t"])


def test_the_same_rows_give_the_same_bytes_and_keep_their_types() -> None:
    frame = pl.DataFrame(
        {
            "b": [1, 2, 3],
            "e": pl.Series(["x", None, "y"], dtype=pl.Enum(["x", "y"])),
            "c": pl.Series(["x", "y", None], dtype=pl.Categorical),
            "n": [float("nan"), None, 0.1],
            "f": [True, None, False],
        }
    )
    canary = make_canary(Sum(), frame)
    assert canary == make_canary(Sum(), frame.rechunk())
    assert canary.frame(what="x").equals(frame)
    assert canary.frame(what="x").schema == frame.schema


@pytest.mark.parametrize("shift", [1e-8, -3.0, float("nan")])
def test_another_score_is_refused(shift: float, data: Any) -> None:
    canary = make_canary(Sum(), data.X)
    with pytest.raises(RefusedError, match="late@1: canary row 0 scores") as caught:
        canary.replay(Sum(shift), what="late@1")
    assert caught.value.hint is not None


def test_the_last_bits_may_differ(data: Any) -> None:
    make_canary(Sum(), data.X).replay(Sum(9e-10), what="late@1")


def test_rows_the_model_cannot_take_are_refused(forest: Any, data: Any) -> None:
    canary = make_canary(Sum(), data.X)
    with pytest.raises(RefusedError, match="cannot be scored"):
        canary.replay(load_model(save_model(forest, where="x"), what="late@1"), what="late@1")


def test_damaged_rows_are_corrupt(data: Any) -> None:
    canary = make_canary(Sum(), data.X)
    for broken in (canary.rows[:-9], b"", b"PAR1"):
        with pytest.raises(CorruptError, match="late@1"):
            Canary(broken, canary.scores).replay(Sum(), what="late@1")
    with pytest.raises(CorruptError, match="31 scores"):
        Canary(canary.rows, canary.scores[:-1]).replay(Sum(), what="late@1")


def test_no_rows_are_no_canary(data: Any) -> None:
    with pytest.raises(DataError):
        make_canary(Sum(), data.X[:0])


@settings(max_examples=50)
@given(
    st.integers(1, 40),
    st.lists(st.tuples(st.one_of(st.none(), st.integers(0, 5)), st.text("ab", max_size=2)), min_size=1),
)
def test_choosing_takes_distinct_rows_in_order_and_as_many_as_it_can(
    n: int, rows: list[tuple[int | None, str]]
) -> None:
    schema: dict[str, Any] = {"b": pl.Int64, "t": pl.String}
    frame = pl.DataFrame(rows, schema=schema, orient="row")
    chosen = choose_rows(frame, n)
    assert chosen == sorted(set(chosen))
    assert 1 <= len(chosen) <= n
    assert all(0 <= one < frame.height for one in chosen)

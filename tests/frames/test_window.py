from __future__ import annotations

from datetime import timedelta
from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.frames.oracle import (
    START,
    Row,
    exact_mean,
    in_window,
    left_frame,
    left_rows,
    nearly,
    right_frame,
    right_rows,
)

from soroi.base.duration import duration
from soroi.base.errors import DataError
from soroi.frames import window_stats

lengths = st.sampled_from(["1h", "3h", "5h"])


def lazily(left: pl.LazyFrame, right: pl.LazyFrame, within: str = "3h") -> pl.LazyFrame:
    return window_stats(
        left,
        right,
        by="k",
        left_time="at",
        right_time="known",
        within=within,
        count="n",
        mean={"mean_v": "v", "mean_x": "x"},
        share={"share_ok": "ok"},
    )


def summarised(left: list[Row], right: list[Row], *, seed: int = 0, within: str = "3h") -> pl.DataFrame:
    return lazily(left_frame(left), right_frame(right, seed=seed), within).collect()


@given(left_rows, right_rows, lengths, st.integers(0, 9))
def test_it_agrees_with_the_slow_oracle_to_the_last_bit(
    left: list[Row], right: list[Row], within: str, seed: int
) -> None:
    got = summarised(left, right, seed=seed, within=within)
    assert got["id"].to_list() == list(range(len(left)))
    for row, there in zip(left, got.to_dicts(), strict=True):
        rows = [one for one in right if in_window(row, one, duration(within))]
        assert there["n"] == len(rows)
        assert there["mean_v"] == exact_mean([one["v"] for one in rows])
        assert there["mean_x"] == exact_mean([one["x"] for one in rows], scale=10**6)
        assert there["share_ok"] == exact_mean([None if one["ok"] is None else int(one["ok"]) for one in rows])


@given(left_rows, right_rows)
def test_integer_means_are_the_true_ones_to_within_rounding(left: list[Row], right: list[Row]) -> None:
    for row, there in zip(left, summarised(left, right).to_dicts(), strict=True):
        values = [one["v"] for one in right if one["v"] is not None and in_window(row, one, timedelta(hours=3))]
        assert nearly(there["mean_v"], Fraction(sum(values), len(values)) if values else None)


@given(left_rows, right_rows, st.integers(0, 9))
def test_order_and_chunks_of_the_right_change_nothing(left: list[Row], right: list[Row], seed: int) -> None:
    assert_frame_equal(summarised(left, right), summarised(left, right, seed=seed), check_exact=True)


@given(left_rows, right_rows)
def test_one_row_with_only_its_window_gives_the_row_of_the_whole_table(left: list[Row], right: list[Row]) -> None:
    whole = summarised(left, right)
    for place, row in enumerate(left):
        at = row["at"]
        past = [one for one in right if at and one["known"] and at - timedelta(hours=3) <= one["known"] < at]
        assert_frame_equal(summarised([row], past).drop("id"), whole[place].drop("id"), check_exact=True)


@given(left_rows, right_rows)
def test_both_engines_give_the_same(left: list[Row], right: list[Row]) -> None:
    lazy = lazily(left_frame(left), right_frame(right))
    assert_frame_equal(lazy.collect(engine="streaming"), lazy.collect(engine="in-memory"), check_exact=True)


def test_the_window_is_closed_at_its_start_and_open_at_the_moment() -> None:
    hours = [0, 1, 3]
    right = [{"k": "a", "known": START + timedelta(hours=n), "v": n, "x": n / 10, "ok": n > 0} for n in hours]
    out = summarised([{"k": "a", "at": START + timedelta(hours=3)}], right).row(0, named=True)
    assert (out["n"], out["mean_v"], out["mean_x"], out["share_ok"]) == (2, 0.5, 0.05, 0.5)


def test_no_rows_give_a_count_of_nought_and_nulls() -> None:
    out = summarised([{"k": "a", "at": START}, {"k": None, "at": START}, {"k": "a", "at": None}], [])
    assert out["n"].to_list() == [0, 0, 0]
    assert out.select("mean_v", "mean_x", "share_ok").null_count().row(0) == (3, 3, 3)
    assert out.schema["n"] == pl.Int64


def test_a_thousand_summands_of_a_tenth_make_a_mean_of_a_tenth() -> None:
    right = [{"k": "a", "known": START, "v": 2**62, "x": 0.1, "ok": True}] * 1000
    out = summarised([{"k": "a", "at": START + timedelta(hours=1)}], right).row(0, named=True)
    assert (out["mean_x"], out["mean_v"]) == (0.1, float(2**62))


def test_a_resolution_that_is_no_power_of_ten_rounds_to_its_multiples() -> None:
    right = right_frame([{"k": "a", "known": START, "v": 1, "x": 0.3, "ok": True}])
    left = left_frame([{"k": "a", "at": START + timedelta(hours=1)}])
    out = window_stats(
        left,
        right,
        by="k",
        left_time="at",
        right_time="known",
        within="3h",
        count="n",
        mean={"m": "x"},
        resolution=0.25,
    )
    assert out.collect()["m"].to_list() == [0.25]


def test_without_keys_all_rows_are_one_group() -> None:
    right = right_frame([{"k": k, "known": START, "v": 1, "x": 0.3, "ok": True} for k in "ab"])
    left = left_frame([{"k": "c", "at": START + timedelta(hours=1)}])
    out = window_stats(left, right, by=[], left_time="at", right_time="known", within="3h", count="n").collect()
    assert out["n"].to_list() == [2]
    assert out.columns == ["id", "k", "at", "n"]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by": "kk"}, "no column 'kk'"),
        ({"mean": {"m": "k"}}, "give a numeric column"),
        ({"share": {"s": "v"}}, "give a boolean column"),
        ({"mean": {"k": "v"}}, "two columns 'k'"),
        ({"mean": {"m": "v"}, "share": {"m": "ok"}}, "two columns 'm'"),
        ({"count": "at"}, "two columns 'at'"),
        ({"within": "long"}, "not a duration"),
        ({"mean": {"m": "x"}, "resolution": 0.0}, "resolution"),
        ({"left_time": "id"}, "not a time"),
    ],
)
def test_what_cannot_be_summarised_is_said_by_name(change: dict[str, object], says: str) -> None:
    arguments: dict[str, object] = {
        "by": "k",
        "left_time": "at",
        "right_time": "known",
        "within": "3h",
        "count": "n",
        **change,
    }
    with pytest.raises(DataError, match=says):
        window_stats(left_frame([]), right_frame([]), **arguments)  # type: ignore[arg-type]

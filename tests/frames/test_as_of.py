from __future__ import annotations

from datetime import timedelta

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from polars.testing import assert_frame_equal
from tests.frames.oracle import (
    START,
    Row,
    last_known,
    left_frame,
    left_rows,
    right_frame,
    right_rows,
    spans,
)

from soroi.base.duration import duration
from soroi.base.errors import DataError
from soroi.frames import as_of_join


def joined(
    left: list[Row],
    right: list[Row],
    *,
    seed: int = 0,
    within: str | None = None,
    strict: bool = True,
    tie: str | None = None,
) -> pl.DataFrame:
    return as_of_join(
        left_frame(left),
        right_frame(right, seed=seed),
        by="k",
        left_time="at",
        right_time="known",
        within=within,
        strict=strict,
        tie=tie,
    ).collect()


def test_the_last_row_known_strictly_before_the_moment_is_joined() -> None:
    hour = timedelta(hours=1)
    right = [{"k": "a", "known": START + n * hour, "v": n, "x": None, "ok": None} for n in range(3)]
    left = [{"k": "a", "at": START + 2 * hour}, {"k": "a", "at": START}, {"k": "b", "at": START + 2 * hour}]
    assert joined(left, right)["v"].to_list() == [1, None, None]
    assert joined(left, right, strict=False)["v"].to_list() == [2, 0, None]


def test_a_row_exactly_as_old_as_the_window_is_still_in_it() -> None:
    right = [{"k": "a", "known": START, "v": 7, "x": None, "ok": None}]
    left = [
        {"k": "a", "at": START + timedelta(hours=3)},
        {"k": "a", "at": START + timedelta(hours=3, microseconds=1)},
    ]
    assert joined(left, right, within="3h")["v"].to_list() == [7, None]


@given(left_rows, right_rows, spans, st.booleans(), st.sampled_from([None, "v", "x"]), st.integers(0, 9))
def test_it_agrees_with_the_slow_oracle_on_any_rows(
    left: list[Row], right: list[Row], within: str | None, strict: bool, tie: str | None, seed: int
) -> None:
    got = joined(left, right, seed=seed, within=within, strict=strict, tie=tie)
    assert got["id"].to_list() == list(range(len(left)))
    reach = duration(within) if within else None
    for row, there in zip(left, got.to_dicts(), strict=True):
        expected = last_known(row, right, reach, strict=strict, tie=tie)
        for name in ("known", "v", "x", "ok"):
            value = None if expected is None else expected[name]
            assert there[name] == value or (there[name] != there[name] and value != value)


@given(left_rows, right_rows, spans, st.integers(0, 9))
def test_order_and_chunks_of_the_right_change_nothing(
    left: list[Row], right: list[Row], within: str | None, seed: int
) -> None:
    assert_frame_equal(
        joined(left, right, within=within), joined(left, right, within=within, seed=seed), check_exact=True
    )


@given(left_rows, right_rows)
def test_one_row_with_only_its_past_gives_the_row_of_the_whole_table(left: list[Row], right: list[Row]) -> None:
    whole = joined(left, right, within="3h")
    for place, row in enumerate(left):
        at = row["at"]
        past = [one for one in right if at and one["known"] and at - timedelta(hours=3) <= one["known"] < at]
        alone = joined([row], past, within="3h").drop("id")
        assert_frame_equal(alone, whole[place].drop("id"), check_exact=True)


@given(left_rows, right_rows)
def test_both_engines_give_the_same(left: list[Row], right: list[Row]) -> None:
    lazy = as_of_join(left_frame(left), right_frame(right), by="k", left_time="at", right_time="known")
    assert_frame_equal(lazy.collect(engine="streaming"), lazy.collect(engine="in-memory"), check_exact=True)


def test_without_keys_all_rows_are_one_group() -> None:
    left = left_frame([{"k": "a", "at": START + timedelta(hours=1)}])
    right = right_frame([{"k": "b", "known": START, "v": 1, "x": None, "ok": None}])
    out = as_of_join(left, right, by=[], left_time="at", right_time="known").collect()
    assert out.columns == ["id", "k", "at", "k_right", "known", "v", "x", "ok"]
    assert out["v"].to_list() == [1]


def test_several_keys_and_times_of_one_name_work() -> None:
    left = left_frame([{"k": "a", "at": START + timedelta(hours=1)}]).with_columns(g=pl.lit(1))
    right = right_frame([{"k": "a", "known": START, "v": n, "x": None, "ok": None} for n in range(3)])
    keyed = right.with_columns(g=(pl.col("v") % 2).cast(pl.Int32)).rename({"known": "at"})
    out = as_of_join(left, keyed, by=["k", "g"], left_time="at", right_time="at").collect()
    assert out["v"].to_list() == [1]
    assert out["at_right"].to_list() == [START]


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"by": "kk"}, "no column 'kk'"),
        ({"left_time": "k"}, "not a time"),
        ({"right_time": "v"}, "on the right"),
        ({"tie": "vv"}, "no column 'vv'"),
        ({"within": "soon"}, "not a duration"),
        ({"within": "0s"}, "holds nothing"),
        ({"by": [], "suffix": ""}, "two columns 'k'"),
    ],
)
def test_what_cannot_be_joined_is_said_by_name(change: dict[str, object], says: str) -> None:
    arguments: dict[str, object] = {"by": "k", "left_time": "at", "right_time": "known", **change}
    with pytest.raises(DataError, match=says):
        as_of_join(left_frame([]), right_frame([]), **arguments)  # type: ignore[arg-type]


def test_times_in_different_zones_are_refused() -> None:
    right = right_frame([]).with_columns(pl.col("known").dt.replace_time_zone(None))
    with pytest.raises(DataError, match="on the right"):
        as_of_join(left_frame([]), right, by="k", left_time="at", right_time="known")


def test_reserved_names_are_refused() -> None:
    with pytest.raises(DataError, match="__soroi_row"):
        as_of_join(
            left_frame([]).with_columns(__soroi_row=1), right_frame([]), by="k", left_time="at", right_time="known"
        )

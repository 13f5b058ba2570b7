"""What of the options is behaviour, and what only describes: every option is one of the two, and none is both."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

import soroi as so
from soroi.base.digest import canonical
from soroi.declare.objective import Objective
from soroi.declare.spec import (
    CascadeStep,
    DatasetSpec,
    DecisionSpec,
    FeaturesSpec,
    ModelSpec,
    SourceSpec,
    ThresholdSpec,
)

SPECS: list[Any] = [
    SourceSpec(("id",), "at", "known", "who", "1d", "7d", "1d"),
    FeaturesSpec(),
    DatasetSpec(0.9),
    ModelSpec("bad", so.by_time(test="7d"), 3, 1),
    ThresholdSpec(Objective(so.recall, so.precision >= 0.9)),
    DecisionSpec((CascadeStep("cut"),), so.by_time(test="1s").test, "a", "b", "a", domain=(("x", so.between(0, 1)),)),
]


@pytest.mark.parametrize("spec", SPECS, ids=lambda one: type(one).__name__)
def test_no_option_is_both_behaviour_and_description(spec: Any) -> None:
    assert not spec.behaviour().keys() & spec.description().keys()


@pytest.mark.parametrize("spec", SPECS, ids=lambda one: type(one).__name__)
def test_every_option_counts_as_one_of_the_two(spec: Any) -> None:
    told = spec.behaviour().keys() | spec.description().keys()
    fields = {one.name for one in dataclasses.fields(spec)} - {"files", "objective", "per", "part"}
    assert fields - told - {"risk", "judged_by"} == set()


def test_what_a_release_asks_for_is_neither_behaviour_nor_description() -> None:
    plain = SPECS[-1]
    asked = dataclasses.replace(plain, risk="standard", judged_by=(so.latency(p99="40ms"),))
    assert (asked.behaviour(), asked.description()) == (plain.behaviour(), plain.description())


def test_the_part_of_a_family_is_behaviour() -> None:
    split = so.by_time(test="7d")
    specs = [
        ModelSpec("bad", split),
        ModelSpec("bad", split, per="city", part="a"),
        ModelSpec("bad", split, per="city"),
    ]
    specs += [ModelSpec("bad", split, per="city", part="b"), ModelSpec("bad", split, per="topic", part="a")]
    assert len({canonical(one.behaviour()) for one in specs}) == 4, "without a part all rows count, whatever the column"


@pytest.mark.parametrize("spec", SPECS, ids=lambda one: type(one).__name__)
def test_options_are_plain_data_and_the_spec_is_comparable(spec: Any) -> None:
    canonical(spec.behaviour())
    canonical(spec.description())
    assert spec == dataclasses.replace(spec)

"""What a rollout is declared as: steps, guards, and the hash that an arm sticks to."""

from __future__ import annotations

from datetime import UTC, datetime

import msgspec
import pytest

from soroi.base.errors import ConfigError
from soroi.release.rollout import (
    DEFAULT_GUARDS,
    DEFAULT_STEPS,
    EACH_ANSWER,
    SHADOW_GUARDS,
    Guard,
    RolloutPlan,
    RolloutStep,
    Terms,
    is_challenger,
    terms_of,
    unit_of,
)
from soroi.store import RolloutRecord


def test_a_canary_goes_from_one_percent_to_a_quarter_unless_told_otherwise() -> None:
    plan = RolloutPlan.of("passenger")
    assert plan.steps == DEFAULT_STEPS
    assert [one.share for one in plan.steps] == [0.01, 0.05, 0.25]
    assert plan.guards == DEFAULT_GUARDS
    assert (plan.mode, plan.advance, plan.error) == ("canary", "by hand", 0.05)
    assert RolloutPlan.of("p", mode="split").steps == (RolloutStep(0.5, 3600.0, 1000),)
    shadow = RolloutPlan.of("p", mode="shadow")
    assert [one.share for one in shadow.steps] == [1.0]
    assert shadow.guards == SHADOW_GUARDS


@pytest.mark.parametrize(
    ("given", "step"),
    [
        ("5%:1h:1000", RolloutStep(0.05, 3600.0, 1000)),
        ("0.25", RolloutStep(0.25)),
        ("1%:30s", RolloutStep(0.01, 30.0)),
        ((0.5, "2m", 10), RolloutStep(0.5, 120.0, 10)),
        ((0.5, 7), RolloutStep(0.5, 7.0)),
        (0.1, RolloutStep(0.1)),
        (RolloutStep(0.2), RolloutStep(0.2)),
    ],
)
def test_steps_are_read_as_people_write_them(given: object, step: RolloutStep) -> None:
    assert RolloutStep.of(given) == step


@pytest.mark.parametrize("given", ["x", "0", "1.5", "5%:soon", "5%:1h:many", (0.1, "1h", -1), (), None, -0.1])
def test_what_is_no_step_is_said(given: object) -> None:
    with pytest.raises(ConfigError, match="is not a step"):
        RolloutStep.of(given)


def test_the_last_step_of_one_says_what_happens_anyway() -> None:
    assert [one.share for one in RolloutPlan.of("p", steps=[0.1, 0.5, 1.0]).steps] == [0.1, 0.5]


@pytest.mark.parametrize(
    ("text", "guard"),
    [
        ("errors", Guard("errors")),
        ("errors:1.5", Guard("errors", tolerance=1.5)),
        ("errors:0.02", Guard("errors", most=0.02)),
        ("latency:40ms", Guard("latency", over=40.0)),
        ("latency:40ms:0.01", Guard("latency", over=40.0, most=0.01)),
        ("latency:1.5", Guard("latency", tolerance=1.5)),
        ("disagreement:0.05", Guard("disagreement", most=0.05)),
        ("quality:wrong:1.1", Guard("quality", outcome="wrong", tolerance=1.1)),
        ("business:revenue:0:500", Guard("business", outcome="revenue", low=0.0, high=500.0)),
    ],
)
def test_guards_are_read_as_people_write_them(text: str, guard: Guard) -> None:
    assert Guard.parse(text) == guard


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("erors", "no guard is called 'erors'"),
        ("errors:x", "is not a guard"),
        ("errors:1.2:3", "is not a guard.*left over"),
        ("disagreement", "needs the largest share"),
        ("quality", "needs the name of the outcome"),
        ("business:revenue:5:1", "not below high"),
    ],
)
def test_what_is_no_guard_is_said(text: str, told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        Guard.parse(text)
    with pytest.raises(ConfigError, match=told):
        RolloutPlan.of("p", mode="shadow" if text.startswith("dis") else "canary", guards=[text])


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"mode": "blue"}, "mode 'blue'"),
        ({"advance": "soon"}, "advance='soon'"),
        ({"error": 0.0}, "error=0.0"),
        ({"key": ""}, "needs the column"),
        ({"steps": [0.5, 0.1]}, "do not rise"),
        ({"steps": [0.1, 0.1]}, "do not rise"),
        ({"steps": [1.0]}, "nothing is left to compare"),
        ({"mode": "split", "steps": [0.1, 0.2]}, "one share that stays"),
        ({"guards": ["disagreement:0.1"]}, "where both answer"),
        ({"mode": "shadow", "guards": ["quality:wrong"]}, "says nothing"),
        ({"guards": [Guard("errors"), "errors:0.5x"]}, "is not a guard"),
    ],
)
def test_what_makes_no_sense_is_said(options: dict[str, object], told: str) -> None:
    with pytest.raises(ConfigError, match=told):
        RolloutPlan.of(**{"key": "p", **options})  # type: ignore[arg-type]


def test_a_guard_checks_what_it_is_made_of() -> None:
    with pytest.raises(ConfigError, match="less than 1"):
        Guard("errors", tolerance=0.9)
    with pytest.raises(ConfigError, match="not a share"):
        Guard("errors", most=1.0)
    assert Guard("quality", outcome="wrong").name == "quality (wrong)"
    assert "limit" in Guard("latency").doc


def test_an_arm_sticks_to_a_key_and_grows_with_the_share() -> None:
    units = [unit_of("rollout_1", n) for n in range(4000)]
    for share in (0.01, 0.25, 0.5):
        mine = {one for one in units if is_challenger(one, share)}
        assert abs(len(mine) / 4000 - share) < 3.5 * (share * (1 - share) / 4000) ** 0.5
        assert mine <= {one for one in units if is_challenger(one, share + 0.2)}
    assert all(is_challenger(one, 1.0) for one in units)
    assert unit_of("rollout_1", "p7") == unit_of("rollout_1", "p7")
    other = [is_challenger(unit_of("rollout_2", n), 0.5) for n in range(4000)]
    same = sum(one == is_challenger(unit, 0.5) for one, unit in zip(other, units, strict=True))
    assert abs(same / 4000 - 0.5) < 0.03, "another rollout draws anew"


def test_terms_come_back_from_the_catalogue_and_share_the_error_among_guards_and_decisions() -> None:
    plan = RolloutPlan.of(EACH_ANSWER, guards=["errors", "latency:40ms"], steps=["1%:1h:10", "5%"])
    terms = Terms(plan, 3, {"check": 20.0, "hold": 30.0}, "why")
    record = RolloutRecord(
        id="rollout_1",
        environment="production",
        base="m1",
        challenger="m2",
        mode="canary",
        status="running",
        revision=1,
        body=msgspec.json.decode(msgspec.json.encode(terms)),
        state={"step": 0},
        by="ann",
        at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    assert terms_of(record) == terms
    assert terms.error_each == pytest.approx(0.05 / 4)
    assert Terms(plan, 1).error_each == pytest.approx(0.05)

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from tests.projects import Tiny

import soroi as so
from soroi.declare.gate import GateSpec
from soroi.release.profiles import PROFILES
from soroi.release.subject import Trial
from soroi.testing import GateError, check_gate


def rule(row: Any) -> bool | None:
    """Without a model."""
    return row["x"] > 1 if row["x"] is not None else None


OWN: list[GateSpec] = [
    so.in_step(),
    so.loads(),
    so.loads(p99="40ms"),
    so.latency("40ms"),
    so.latency(),
    so.beats("live"),
    so.beats("constant"),
    so.beats(rule),
    so.at_least(so.recall, 0.1),
    so.at_most(so.alert_rate, 0.5),
    so.keeps(so.precision >= 0.5),
    so.data_checks(join_rate=0.9, positives=30, fresh_within="9d"),
    so.signed_off("audit"),
    so.without("beats live", reason="a test"),
    *(gate for one in PROFILES.values() for gate in one.gates),
]


@pytest.fixture
def subject(tiny: Tiny) -> Any:
    return replace(tiny.project.subject("check"), tried=lambda _: Trial(tuple([2.0] * 1000)))


def test_every_gate_of_ours_keeps_the_contract(subject: Any) -> None:
    for gate in OWN:
        judged = gate.kind not in ("in step", "loads")  # these two are asked of the whole set
        assert check_gate(gate, *([subject] if judged else [])) is gate


def test_a_gate_of_a_project_is_checked_in_a_line(subject: Any) -> None:
    @so.gate(cost="cheap")
    def enough(case: Any) -> so.Judgement:
        return so.Judgement("pass", "enough rows", [case.figure("recall")])

    assert check_gate(enough, subject).name == "enough"


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        (lambda case: "yes", "returned str"),
        (lambda case: so.Judgement("pass", " "), "gives no reason"),
        (lambda case: so.Judgement("pass", "well", [{"name": "share", "value": 0.5}]), "has no interval"),
        (
            lambda case: so.Judgement("pass", "well", [{"name": "share", "value": 0.5, "low": 0.6, "high": 0.7}]),
            "outside its own interval",
        ),
        (lambda case: 1 / 0, "ZeroDivisionError"),
    ],
)
def test_a_gate_that_breaks_the_contract_is_told_how(subject: Any, said: Any, problem: str) -> None:
    def wrong(case: Any) -> Any:
        return said(case)

    with pytest.raises(GateError, match=problem):
        check_gate(so.gate()(wrong), subject)


def test_a_gate_that_is_not_sure_of_itself_is_told_so(subject: Any) -> None:
    said = iter([True, False])

    @so.gate()
    def moody(case: Any) -> bool:
        return next(said)

    with pytest.raises(GateError, match="twice comes to two outcomes"):
        check_gate(moody, subject)


@pytest.mark.parametrize(
    ("spec", "problem"),
    [
        (replace(so.latency(), name=" "), "name"),
        (replace(so.latency(), name="a:b"), "colon"),
        (replace(so.latency(), lasts=None), "hold for ever"),
        (replace(so.latency(), lasts=timedelta(0)), "no time at all"),
        (replace(so.latency(), options={"p99": object()}), "not plain data"),
    ],
)
def test_a_declaration_that_breaks_the_contract_is_told_how(spec: GateSpec, problem: str) -> None:
    with pytest.raises(GateError, match=problem):
        check_gate(spec)


def test_what_is_no_gate_is_refused() -> None:
    with pytest.raises(so.SoroiError, match="is not a gate"):
        check_gate(rule)

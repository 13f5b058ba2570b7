from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from soroi.base.reason import Reason
from soroi.declare.gate import OUTCOMES as DECLARED
from soroi.evidence import Outcome
from soroi.rules import (
    ApprovalFact,
    ApprovedBy,
    Facts,
    Finding,
    Window,
    approved_by,
    during,
    not_during,
    passed,
    since,
    traffic,
)
from soroi.rules.facts import OUTCOMES

NOW = datetime(2026, 1, 2, 12, tzinfo=UTC)
FREEZE = {"freeze": Window("freeze", since=NOW - timedelta(days=1), until=NOW + timedelta(days=1), reason="Christmas")}


def approval(by: str, kind: str = "release", *roles: str, expires_in: int | None = None) -> ApprovalFact:
    until = NOW + timedelta(hours=expires_in) if expires_in is not None else None
    return ApprovalFact(by, frozenset(roles), kind, NOW - timedelta(hours=2), until)


# ── findings ──────────────────────────────────────────────────────────────────────────────────────────────────────


def test_the_outcomes_are_the_same_everywhere() -> None:
    assert tuple(one.value for one in Outcome) == OUTCOMES == DECLARED


@pytest.mark.parametrize("outcome", OUTCOMES)
def test_only_a_pass_and_what_does_not_apply_let_a_gate_hold(outcome: str) -> None:
    found = Finding.of(outcome, Reason("gate", outcome))
    assert found.passed == (outcome == "pass")
    assert passed("a").evaluate({"a": found}).holds == (outcome in ("pass", "not_applicable"))


def test_a_finding_cannot_say_two_things() -> None:
    with pytest.raises(ValueError, match="cannot have the outcome"):
        Finding(True, Reason("gate", "both"), "fail")
    with pytest.raises(ValueError, match="cannot have the outcome"):
        Finding(False, Reason("gate", "none"), "perhaps")


def test_missing_is_not_passed_among_facts_either() -> None:
    assert not passed("a").evaluate(Facts()).holds


# ── people ────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_people_count_once_by_role_or_by_kind() -> None:
    given = Facts(approvals=(approval("ann", "owner"), approval("ann", "owner"), approval("bob", "audit", "owner")))
    assert approved_by("owner", 2).evaluate(given).holds
    assert not approved_by("owner", 3).evaluate(given).holds
    assert approved_by("audit").evaluate(given).holds
    assert not approved_by("legal").evaluate(given).holds


def test_a_sign_off_is_of_its_kind_whatever_the_role_of_its_giver() -> None:
    given = Facts(approvals=(approval("ann", "release", "owner"),))
    assert approved_by("owner").evaluate(given).holds
    assert not ApprovedBy("owner", signed=True).evaluate(given).holds
    assert ApprovedBy("release", signed=True).evaluate(given).holds
    assert ApprovedBy("release", signed=True).to_dict() != approved_by("release").to_dict()


def test_nobody_approves_their_own_work_where_that_is_asked() -> None:
    given = Facts(approvals=(approval("ann", "owner"),), author="ann")
    assert approved_by("owner").evaluate(given).holds
    held = approved_by("owner", not_author=True).evaluate(given)
    assert not held.holds
    assert "ann staged it" in " ".join(held.reason.lines())
    assert held.reason.facts == {"approve": "owner"}


def test_an_expired_approval_does_not_count_and_it_is_told() -> None:
    given = Facts(approvals=(approval("ann", "owner", expires_in=-1),), now=NOW)
    held = approved_by("owner").evaluate(given)
    assert not held.holds
    assert "the approval of ann has expired" in list(held.reason.lines())[1]
    assert approved_by("owner").evaluate(Facts(approvals=(approval("ann", "owner", expires_in=1),), now=NOW)).holds


def test_why_other_approvals_do_not_count_is_told() -> None:
    given = Facts(not_counted=(Reason("changed", "the approval of ann no longer counts", "ann"),))
    assert "no longer counts" in " ".join(approved_by("owner").evaluate(given).reason.lines())


def test_somebody_must_approve() -> None:
    with pytest.raises(ValueError, match="at least one person"):
        approved_by("owner", 0)


# ── time ──────────────────────────────────────────────────────────────────────────────────────────────────────────


def test_conditions_know_windows() -> None:
    inside, outside = Facts(now=NOW, windows=FREEZE), Facts(now=NOW + timedelta(days=2), windows=FREEZE)
    assert during("freeze").evaluate(inside).holds
    assert not during("freeze").evaluate(outside).holds
    assert not not_during("freeze").evaluate(inside).holds
    assert not_during("freeze").evaluate(outside).holds
    assert "Christmas" in not_during("freeze").evaluate(inside).reason.text


@pytest.mark.parametrize("facts", [Facts(now=NOW), Facts(windows=FREEZE)])
def test_a_window_nobody_declared_or_a_time_nobody_knows_opens_no_door(facts: Facts) -> None:
    assert not during("freeze").evaluate(facts).holds
    assert not not_during("freeze").evaluate(facts).holds


def test_since_holds_from_its_moment_on() -> None:
    condition = since("2026-01-02T12:00:00")
    assert condition.evaluate(Facts(now=NOW)).holds
    assert not condition.evaluate(Facts(now=NOW - timedelta(seconds=1))).holds
    assert not condition.evaluate(Facts()).holds
    assert condition == since(NOW)
    with pytest.raises(ValueError, match="no time zone"):
        since(datetime(2026, 1, 1))


# ── traffic ───────────────────────────────────────────────────────────────────────────────────────────────────────


def test_traffic_lies_between_its_bounds_or_is_not_known() -> None:
    known = Facts(traffic={"answers": 500.0})
    assert traffic("answers", least=500, most=500).evaluate(known).holds
    assert not traffic("answers", least=501).evaluate(known).holds
    assert not traffic("answers", most=499).evaluate(known).holds
    assert not traffic("error_share", most=1.0).evaluate(known).holds
    with pytest.raises(ValueError, match="needs a bound"):
        traffic("answers")


def test_conditions_of_all_kinds_combine_and_are_plain_data() -> None:
    condition = passed("latency") & approved_by("owner", n=2) & not_during("freeze") | ~traffic("answers", least=1)
    assert condition.to_dict() == {
        "any": [
            {
                "all": [
                    {
                        "all": [
                            {"passed": "latency"},
                            {"approved_by": "owner", "n": 2, "not_author": False},
                        ]
                    },
                    {"not_during": "freeze"},
                ]
            },
            {"not": {"traffic": "answers", "least": 1, "most": None}},
        ]
    }

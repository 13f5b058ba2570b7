from __future__ import annotations

from pathlib import Path

import pytest

from soroi.declare.gate import RISKS
from soroi.release.profiles import ALWAYS, PROFILES, asked, profile_table
from soroi.testing import check_gate

DOCS = Path(__file__).parents[2] / "docs" / "gates.md"


def test_there_is_a_profile_for_each_risk() -> None:
    assert tuple(PROFILES) == RISKS


@pytest.mark.parametrize("name", RISKS)
def test_each_gate_of_a_profile_keeps_the_contract_and_gives_the_reason_for_its_numbers(name: str) -> None:
    for gate in (*ALWAYS, *PROFILES[name].gates):
        assert check_gate(gate) == gate
        assert len(gate.why) > 20
        assert asked(gate)


def test_the_names_of_a_profile_differ() -> None:
    for profile in PROFILES.values():
        names = [gate.name for gate in profile.gates]
        assert len(names) == len(set(names))


def test_only_critical_decisions_need_other_people() -> None:
    needing = {one.name for one in PROFILES.values() for gate in one.gates if gate.kind == "sign-off"}
    assert needing == {"critical"}
    people = [gate.options for gate in PROFILES["critical"].gates if gate.kind == "sign-off"]
    assert all(one["not_author"] for one in people)
    assert max(one["n"] for one in people) == 2


def test_critical_asks_for_more_than_standard_and_that_for_more_than_availability() -> None:
    worse = [next(g.options["by"] for g in PROFILES[n].gates if g.name == "beats live") for n in RISKS]
    assert worse == sorted(worse, reverse=True)


def test_the_documentation_shows_the_table_as_it_is() -> None:
    assert profile_table() in DOCS.read_text("utf-8")

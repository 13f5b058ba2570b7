"""Building what is behind: what was chosen for a staged version is chosen again, unless the caller says otherwise."""

from __future__ import annotations

import pytest
from tests.projects import Tiny

EARLY, LATE = "2026-01-25", "2026-02-19"


@pytest.fixture
def apart(tiny: Tiny) -> Tiny:
    """Quick was staged with a chosen strength, and rests on data too far behind that of careful."""
    made = tiny.build("quick", as_of=EARLY, set={"quick": {"strength": 0.25}}).versions["quick"]
    tiny.project.stage(made.id)
    tiny.build("careful", as_of=LATE)
    tiny.project.stage("careful")
    assert "quick" in tiny.project.plan().behind
    return tiny


def test_a_hyper_parameter_that_was_chosen_for_a_staged_version_is_kept(apart: Tiny) -> None:
    made = apart.build(behind=True, as_of=LATE)
    assert made.versions["quick"].overrides == {"strength": 0.25}
    assert made.versions["quick_cut"].overrides == {}


def test_a_choice_of_the_caller_goes_before_the_staged_one(apart: Tiny) -> None:
    made = apart.build(behind=True, as_of=LATE, set={"quick": {"strength": 0.75}})
    assert made.versions["quick"].overrides == {"strength": 0.75}

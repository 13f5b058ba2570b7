"""The blast radius: what a change would reach, before it is made."""

from __future__ import annotations

import pytest
from tests.projects import Tiny

from soroi.base.errors import UnknownNameError


def test_everything_that_would_have_to_follow_is_named_with_the_least_work(tiny: Tiny) -> None:
    found = tiny.project.what_if("careful")
    work = {one.node: one.work.value for one in found.affected}
    assert work == {
        "careful": "build",
        "careful_cut": "refit",
        "second": "build",
        "second_cut": "refit",
        "check": "nothing",
        "other": "nothing",
    }
    assert set(found.decisions) == {"check", "other"}
    assert found.seconds > 0


def test_a_source_reaches_everything_below_it_and_its_owner_is_told(tiny: Tiny) -> None:
    found = tiny.project.what_if("items")
    assert {one.node for one in found.affected} == set(tiny.project.graph.names) - {"outcomes"}
    assert found.owners == ("team@example.com",)
    assert {one.node for one in found.affected if not one.live} == {"items", "examples"}
    assert found.to_dict()["decisions"]


def test_it_changes_nothing_and_an_unknown_node_is_named(tiny: Tiny) -> None:
    before = tiny.statuses()
    tiny.project.what_if("quick")
    assert tiny.statuses() == before
    with pytest.raises(UnknownNameError, match="quikc"):
        tiny.project.what_if("quikc")

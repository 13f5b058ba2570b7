"""Finding versions by what is recorded of them."""

from __future__ import annotations

import pytest
from tests.projects import Tiny

from soroi.base.errors import ConfigError, UnknownNameError


def test_versions_are_found_by_any_field_and_by_several_at_once(tiny: Tiny) -> None:
    first = tiny.project.versions("quick")[0]
    result = tiny.build("quick", set={"quick": {"strength": 0.1}})
    second = result.versions["quick"]
    find = tiny.project.find
    assert [one.id for one in find(node="quick")] == [second.id, first.id]
    for field in ("digest", "recipe", "output"):
        assert [one.id for one in find(**{field: getattr(second, field)})] == [second.id], field
    assert [one.id for one in find(node="quick", definition=first.definition)] == [
        one.id for one in (second, first) if one.definition == first.definition
    ]
    assert [one.id for one in find(run=second.run[:-3])] == [second.id]
    assert {one.kind for one in find(kind="model")} == {"model"}
    assert find(by="nobody").records == ()
    assert "No versions" in repr(find(by="nobody"))
    assert find(node="quick", since="2100-01-01").records == find(until="2000-01-01").records == ()
    assert len(find(node="quick", by=second.by, until="2100-01-01T06:00")) == 2


def test_there_is_a_next_page_until_there_is_none(tiny: Tiny) -> None:
    whole = [one.id for one in tiny.project.find()]
    seen: list[str] = []
    page = tiny.project.find(limit=4)
    while page.records:
        seen += [one.id for one in page]
        assert bool(page.notes) == (len(page) == 4)
        if page.notes:
            assert page.notes == (f"the next ones: --behind {seen[-1]}",)
        page = tiny.project.find(limit=4, behind=seen[-1])
    assert seen == whole


def test_what_cannot_be_is_said(tiny: Tiny) -> None:
    find = tiny.project.find
    with pytest.raises(UnknownNameError, match="no node 'quik', and there never was") as told:
        find(node="quik")
    assert "quick" in str(told.value.hint)
    with pytest.raises(UnknownNameError, match="no field 'recipy'"):
        find(recipy="x")
    with pytest.raises(UnknownNameError, match="no node is of the kind 'modell'"):
        find(kind="modell")
    with pytest.raises(UnknownNameError, match="no run"):
        find(run="run_x")
    with pytest.raises(UnknownNameError):
        find(behind="quick@ffffffffffff")
    with pytest.raises(ConfigError, match="'4be1' is not a whole digest, as output"):
        find(output="4be1")
    with pytest.raises(ConfigError, match="'soon' is not a moment"):
        find(since="soon")
    with pytest.raises(ConfigError, match="limit=0 gives nothing"):
        find(limit=0)
